"""Files that only their owner reads, and locks that say who is alive."""

from __future__ import annotations

import os
import sys
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700
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


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for the owner alone. Raises `OSError`."""
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)


def open_append(path: Path) -> int:
    """Open a file to append to and to read; for the owner alone when it is made. Raises `OSError`."""
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _NO_INHERIT, FILE_MODE)


def take_lock(path: Path) -> int | None:
    """Take the lock that a file stands for, without waiting: its descriptor, or null when somebody else has it.

    The system gives it back when the descriptor is closed, and when the process dies, however it dies.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_INHERIT, FILE_MODE)
    except OSError:
        return None
    try:
        # Between opening and locking, the last owner may have removed the file: that lock would be nobody's.
        if _lock(descriptor) and os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def write_all(descriptor: int, data: bytes) -> None:
    """Append all of `data`, or nothing. Raises `OSError`."""
    before = os.fstat(descriptor).st_size
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        os.ftruncate(descriptor, before)  # half a line would take the next one with it
        raise


def write_new(path: Path, data: bytes) -> None:
    """Make a file that is there as a whole or not at all, also after a power cut. Raises `OSError`."""
    partial = path.with_name(path.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NO_INHERIT, FILE_MODE)
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
