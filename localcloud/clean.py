"""`make clean`: remove what this project made on this machine, and say what stays.

Calls that wait to be sent to the local cloud go with it; those for other logs stay. Standard library only.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from localcloud import down, place
from localcloud.telling import say

_MADE: Final = (
    *(".venv", ".venv-sdks", ".cache", "build", "dist", "agent_audit_log.egg-info"),
    *(".pytest_cache", ".ruff_cache", ".hypothesis"),
)
_MB: Final = 1_000_000


def main() -> int:
    """Stop the local cloud, remove everything, say how much that was."""
    spools = _spools(_endpoint())
    code = down.main()
    if code:
        return code
    total = 0
    for path in (*_found(), *spools):
        size = _size(path)
        try:
            shutil.rmtree(path)
        except OSError as error:
            sys.exit(f"agent-audit-log: cannot remove {error.filename}: {error.strerror}")
        total += size
        if path.name != "__pycache__":
            name = path.relative_to(place.ROOT) if path.is_relative_to(place.ROOT) else path
            say(f"Removed {name} ({size / _MB:.1f} MB)")
    say(f"Removed {total / _MB:.1f} MB in all. Kept: your files, stacks/Pulumi.*.yaml, and what is on AWS.")
    if any(_spools("")):
        say(f"Kept: {_state()}, with calls that wait for other logs. Agents send them at their next start.")
    return 0


def _endpoint() -> str:
    """Return the local cloud's endpoint, empty if there is none."""
    try:
        return str(json.loads(place.OUTPUTS.read_text(encoding="utf-8"))["endpoint"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _state() -> Path:
    """Return where both clients keep what they have not sent yet."""
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "agent-audit-log"


def _spools(endpoint: str) -> list[Path]:
    """Return the folders of calls for an endpoint, or for every one: their names begin with its digest."""
    prefix = f"{hashlib.sha256(endpoint.encode()).hexdigest()[:16]}-" if endpoint else ""
    return sorted(path for path in _state().glob(f"{prefix}*") if path.is_dir() and not path.is_symlink())


def _found() -> Iterator[Path]:
    yield from (place.ROOT / name for name in _MADE if (place.ROOT / name).is_dir())
    for folder in sorted(place.ROOT.iterdir()):
        if folder.is_dir() and not folder.is_symlink() and not folder.name.startswith("."):
            yield from folder.rglob("__pycache__")


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


if __name__ == "__main__":
    sys.exit(main())
