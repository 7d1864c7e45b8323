"""Files that only their owner reads, and locks that say who is alive.

Promise: no link is followed. Only a regular file of this user is read, and only up to a limit. So somebody who can
write into a spool can neither send another file's content nor stop the agent.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_NO_INHERIT = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0) | getattr(os, "O_BINARY", 0)

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


class UnusableError(OSError):
    """A file that this user's spool cannot have made: another kind, another owner, or too large."""


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for the owner alone. Raise `OSError`."""
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)


def make_own_folder(path: Path) -> None:
    """Make a folder, or take over one of this user's, for the owner alone. Raise `OSError`, also for a foreign one."""
    make_folder(path)
    if not is_own_folder(path):
        raise UnusableError("is not a folder of this user")
    if hasattr(os, "getuid") and path.stat().st_mode & 0o077:
        path.chmod(FOLDER_MODE)


def is_own_folder(path: Path) -> bool:
    """Return whether it is a folder of this user, not a link to one."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and _is_own(found)


def _is_own(found: os.stat_result) -> bool:
    return not hasattr(os, "getuid") or found.st_uid == os.getuid()


def _check(found: os.stat_result, most: float = float("inf")) -> None:
    if not stat.S_ISREG(found.st_mode) or not _is_own(found) or found.st_size > most:
        raise UnusableError("is not a file of this user, or too large")


def read_own(path: Path, most: int) -> bytes:
    """Read a whole file. Raise `OSError`; `UnusableError` for one that must not be read."""
    descriptor = os.open(path, os.O_RDONLY | _NO_LINK | _NO_INHERIT)
    try:
        _check(os.fstat(descriptor), most)
        parts = []
        while part := os.read(descriptor, most):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def size_of_own(path: Path, most: int) -> int:
    """Return a file's size. Raise `OSError`; `UnusableError` for a file that must not be read."""
    found = path.lstat()
    _check(found, most)
    return found.st_size


def open_new(path: Path) -> int:
    """Make a file to append to and to read, for the owner alone. Raise `OSError`, also where the file exists."""
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | _NO_LINK | _NO_INHERIT, FILE_MODE)


def open_append(path: Path) -> int:
    """Open a file to append to and to read; for the owner alone when it is made. Raise `OSError`."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _NO_LINK | _NO_INHERIT, FILE_MODE)
    try:
        _check(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def take_lock(path: Path) -> int | None:
    """Take the lock that a file stands for, without waiting: its descriptor, or null when somebody else has it.

    The system gives it back when the descriptor is closed, and when the process dies, however it dies.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK | _NO_INHERIT, FILE_MODE)
    except OSError:
        return None
    try:
        _check(os.fstat(descriptor))
        # Between opening and locking, the last owner may have removed the file: that lock would be nobody's.
        if _lock(descriptor) and os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def write_all(descriptor: int, data: bytes) -> None:
    """Append all of `data`, or nothing. Raise `OSError`."""
    before = os.fstat(descriptor).st_size
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        os.ftruncate(descriptor, before)  # half a line would take the next one with it
        raise


def write_new(path: Path, data: bytes) -> None:
    """Make a file that is there as a whole or not at all, also after a power cut. Raise `OSError`."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    descriptor = open_new(partial)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    partial.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make what was renamed in a folder last through a power cut, where the system can."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
