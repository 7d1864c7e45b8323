"""The `aws:` types and functions that the program uses, one file per service."""
