"""Reading the FILE that a command is about."""

import sys
from pathlib import Path

from cli.exits import CouldNot


def read_input(name: str) -> bytes:
    """Return the bytes of a file, or of standard input for `-`; raise CouldNot naming it."""
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise CouldNot(f"{name}: {error.strerror}") from None
