"""The program: what `pulumi up` and `make up` deploy."""
