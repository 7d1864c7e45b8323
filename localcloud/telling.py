"""Lines for a person on standard output. Standard library only: it runs before anything is installed."""

import os
import sys


def say(line: str) -> None:
    """Print one line at once. If nobody reads any more (`make up | head`), the work goes on in silence."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
