"""Where the local cloud of this checkout lives, and the rule that one command at a time changes it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / ".local"
EMULATOR: Final = FOLDER / "emulator"
STATE: Final = FOLDER / "state.json"
OUTPUTS: Final = FOLDER / "outputs.json"
STACK: Final = "local"
STACK_FILE: Final = ROOT / "stacks" / f"Pulumi.{STACK}.yaml"


class BusyError(Exception):
    """Another command is changing the local cloud right now."""


@contextlib.contextmanager
def alone(folder: Path = FOLDER) -> Iterator[None]:
    """Make the folder (only the owner may look in) and hold it. Raises BusyError, or OSError when it cannot be made."""
    # Held is the folder above: this one gets removed by `make down`, and a lock file beside it would be left over.
    held = os.open(folder.parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError("another command is working on this local cloud; wait until it has ended") from error
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)  # state and outputs hold tokens
        yield
    finally:
        os.close(held)
