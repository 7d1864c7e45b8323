"""`make down`: stop the emulator and forget everything about it. Standard library only, as nothing may be installed."""

import shutil
import sys
from typing import Final

from localcloud import emulator, place

_NOTHING: Final = "There was no local cloud here."


def main() -> int:
    """Stop, remove, say so."""
    if not place.FOLDER.exists():
        print(_NOTHING)
        return 0
    try:
        with place.alone():
            stopped = emulator.stop(state_dir=place.EMULATOR)
            had = place.STATE.exists()
            shutil.rmtree(place.FOLDER)
    except (emulator.EmulatorError, place.BusyError) as error:
        sys.exit(f"agent-audit-log: {error}")
    except OSError as error:
        sys.exit(f"agent-audit-log: cannot remove {error.filename}: {error.strerror}")
    if stopped or had:
        print("The local cloud is stopped; its records, tokens and state are gone.")
    else:
        print(_NOTHING)
    return 0


if __name__ == "__main__":
    sys.exit(main())
