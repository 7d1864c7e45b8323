"""Where a spool is, and which spools are the same agent's.

Promise: one token's events are sent with another token only when the log itself has named the same agent for both.

A default folder belongs to one endpoint and one token. Its file `agent` holds the log's name for the owner
of that token. After a token was replaced, the new one's folder gets the same name, and what the old one's folder
still holds goes out with the new token. A folder that a program names is that program's to share, and has no such file.

    agent-audit-log/<endpoint>-<token>/agent
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import tempfile
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from audit_log_client import _files

_logger = logging.getLogger("audit_log_client")

_NAME = "agent"
_MAX_NAME_BYTES = 1024
SPOOL = "python"
_DIGITS = 16


@dataclass(frozen=True)
class Folder:
    """A spool's folder. `of_token`: it belongs to one token, and the folders beside it to others."""

    path: Path
    of_token: bool = False

    @property
    def owner(self) -> str | None:
        """The agent that the log has named for it."""
        return _read(self.path / _NAME) if self.of_token else None

    def learn(self, agent: str) -> None:
        """Keep the name of its agent for later processes. Raise `OSError`."""
        if self.of_token and self.owner != agent:
            _files.make_folder(self.path)
            made = self.path / uuid.uuid4().hex  # other processes may be learning too
            _files.write_new(made, agent.encode())
            made.replace(self.path / _NAME)

    def beside(self, agent: str | None) -> list[Path]:
        """Return the folders of `agent`'s other tokens for the same endpoint; null: those whose agent is unknown."""
        if not self.of_token:
            return []
        endpoint = self.path.name.partition("-")[0]
        with suppress(OSError):
            return [
                path
                for path in sorted(self.path.parent.glob(f"{endpoint}-*"))
                if path != self.path and _files.is_own_folder(path) and _read(path / _NAME) == agent
            ]
        return []


def choose_folder(given: str | os.PathLike[str] | None, base: str, token: str) -> Folder:
    """Return the folder where events wait: one that can be written, if there is any. Never raises."""
    name = f"{_digest(base)}-{_digest(token)}"
    given = given or os.environ.get("AUDIT_LOG_SPOOL")
    if given:
        if _is_usable(Path(given)):
            return Folder(Path(given).expanduser())
        _logger.error("the audit log's spool %s cannot be written: events wait in a temporary folder", given)
        return Folder(_temporary() / name, of_token=True)
    if sys.platform == "win32":
        state = os.environ.get("LOCALAPPDATA") or ""
    else:
        state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    folder = Path(state) / "agent-audit-log" / name
    if state and _is_usable(folder):
        return Folder(folder.expanduser(), of_token=True)
    return Folder(_temporary() / name, of_token=True)


def _is_usable(folder: Path) -> bool:
    """Return whether a folder exists or can be made, and can be written."""
    try:
        folder = folder.expanduser()
        _files.make_folder(folder)
        # Another user may have put a file or a folder there before.
        is_taken = os.path.lexists(folder / SPOOL) and not _files.is_own_folder(folder / SPOOL)
        return os.access(folder, os.W_OK | os.X_OK) and not is_taken
    except (OSError, RuntimeError, ValueError):  # no home, or one that cannot be written
        return False


def _temporary() -> Path:
    """Return a temporary folder of this user's; in memory where no disk can be written."""
    mine = os.getuid() if hasattr(os, "getuid") else 0
    own = _temporary_root() / f"agent-audit-log-{mine}"
    for place in (own.parent, Path("/dev/shm")):  # noqa: S108 - the folder in it is this user's, or refused
        if not place.is_dir():
            continue
        own = place / own.name
        # Where somebody else was here first, it is theirs to read.
        if _is_usable(own) and _files.is_own_folder(own):
            return own
        with suppress(OSError):
            own = Path(tempfile.mkdtemp(prefix="agent-audit-log-", dir=place))
            _logger.warning("there is no folder for the audit log's spool that outlives this program")
            return own
    _logger.error("nothing can be written here, and so nothing is sent to the audit log: set AUDIT_LOG_SPOOL")
    return own


def _temporary_root() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        return Path("/tmp")  # noqa: S108 - as above


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _read(path: Path) -> str | None:
    try:
        return _files.read_own(path, _MAX_NAME_BYTES).decode("ascii") or None
    except (OSError, ValueError):
        return None
