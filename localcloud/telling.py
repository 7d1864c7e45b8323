"""What is told to a person on standard output. Standard library only: it speaks before anything is installed."""

import os
import sys


def say(line: str) -> None:
    """Tell one thing, at once. When nobody listens any more (`make up | head`), the work goes on in silence."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
