"""The door of every make target: run a module of this project in its own environment, made ready first.

    python3 -I localcloud/bootstrap.py [--bare | --tests] MODULE [ARGUMENT ...]

This file must be readable by any Python from 3.6 on, so that it can say that a newer one is needed.
"""

import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
NEWEST_TRIED = (3, 15)


def newer_python() -> str:
    """Return the command of a Python that is new enough, or an empty text."""
    for minor in range(NEWEST_TRIED[1], OLDEST[1] - 1, -1):
        command = f"python3.{minor}"
        # Version managers put commands on the path that only say that this version is not chosen.
        check = f"import sys; sys.exit(sys.version_info < {OLDEST!r})"
        if shutil.which(command) and subprocess.call([command, "-c", check], stderr=subprocess.DEVNULL) == 0:
            return command
    return ""


def main() -> None:
    """Check the interpreter, then hand over to the part that needs a current one."""
    if sys.version_info < OLDEST:
        found = newer_python()
        cure = f"run make again with PYTHON={found}" if found else "install one, then run this again"
        needed, have = "{}.{}".format(*OLDEST), "{}.{}".format(*sys.version_info)
        sys.exit(f"agent-audit-log: Python {needed} or newer is needed, {sys.executable} is {have}; {cure}")
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from localcloud.dependencies import run  # noqa: PLC0415 - an old Python could not even read it

    run(sys.argv[1:])


if __name__ == "__main__":
    main()
