"""The local cloud: an AWS emulator, and a way to deploy this program into it with Python packages only."""
