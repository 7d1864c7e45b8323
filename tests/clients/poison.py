"""What somebody may put into a spool, for both clients: nothing of it is a batch."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

SECRET = b'{"content": "of a file that nobody meant to send"}\n'
IS_ROOT = hasattr(os, "getuid") and os.getuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="not run: only root can give a file away")
GARBAGE = {
    "nul": b"\0" * 5000, "random": bytes(range(256)) * 40, "cut": b'{"endpoint": "a.exam', "text": b"hello\nworld\n",
    "ends like an object": b"hello}\n[{}]}\n", "deep": b"[" * 100_000 + b"}\n", "not utf-8": b'{"a": "\xff"}\n',
    "arrays": b"[1]\n[2]\n", "html": b"<html></html>\n",
}  # fmt: skip


def _huge(path: Path, _: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def _foreign(path: Path, _: Path) -> None:
    path.write_bytes(SECRET)
    os.chown(path, 65534, 65534)


PLANT: dict[str, Callable[[Path, Path], object]] = {
    "fifo": lambda path, _: os.mkfifo(path),
    "link": lambda path, secret: path.symlink_to(secret),
    "dangling link": lambda path, secret: path.symlink_to(secret / "nowhere"),
    "folder": lambda path, _: path.mkdir(),
    "huge": _huge,
    "foreign": _foreign,
    "empty": lambda path, _: path.write_bytes(b""),
    "odd names": lambda path, _: path.write_bytes(SECRET),
}
"""By kind: puts something at a path. It may lead to a file with a secret."""
KINDS = [pytest.param(kind, marks=needs_root if kind == "foreign" else ()) for kind in PLANT]
