"""The spool: events that wait on disk to be sent.

Promise: events that `append` took are sent, or kept. They are in a file before `append` returns, and so outlive the
process; after `sync`, they outlive a power cut. A batch is a file, and its name is its idempotency key: the key stays
the same, however often and from whichever process the batch is sent.

Layout, in the spool's folder, all for the owner alone:

    python/
      <process>.lock          held while the process lives
      <process>/              its own: nobody else writes here
        events.open           lines that are being collected, for each route
        <time>-<key>.events   a batch: sealed, sent, removed
      refused.jsonl           events that the log refused, with its reasons
      damaged/                files and lines that cannot be read

Several processes may share the folder. A process whose lock can be taken is dead: the process that takes the lock moves
the files into its own folder, and sends them. It does the same with what other tokens of the same agent left, once the
log has named the owner of its token; see `_folders`.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from audit_log_client import _files
from audit_log_client._batch import BATCH_BYTES, MAX_FILE_BYTES, ROUTES, Batch
from audit_log_client._folders import SPOOL, Folder

_logger = logging.getLogger("audit_log_client")

BATCH_EVENTS = 5000
MAX_REFUSED_BYTES = 16 * 1024 * 1024
_LOOK_AROUND_SECONDS = 15.0
_FEW_BATCHES = 8
_DAMAGED = "damaged"


@dataclass
class _Open:
    """A file that lines are collected in."""

    path: Path
    descriptor: int
    size: int = 0
    count: int = 0
    since: float = 0.0


class Spool:
    """One process's place in a spool folder. Threads may share it; a process that was forked makes its own."""

    def __init__(self, folder: Folder, *, max_bytes: int) -> None:
        self._folder = folder
        self._root = folder.path / SPOOL
        self._agent = folder.owner
        self._is_named = False
        self._max_bytes = max_bytes
        self._lock = threading.RLock()
        self._own: Path | None = None
        self._own_lock: int | None = None
        self._open: dict[str, _Open] = {}
        self._own_bytes = 0
        self._others_bytes = 0
        self._looked = float("-inf")
        self._dirty = False

    @property
    def has_leftovers(self) -> bool:
        """Return whether other processes have, or had, a place in a folder of this agent."""
        try:
            return any(map(_places, self._roots()))
        except OSError:
            return False

    def belongs_to(self, agent: str) -> None:
        """Take the log's name for the owner of this spool's token; empty: it named none. Raise `OSError`."""
        with self._lock:
            if self._is_named and agent in {self._agent, ""}:
                return
            self._is_named = True
            if agent:
                self._agent = agent
                self._looked = float("-inf")
                self._folder.learn(agent)
                self._look_around()
            self._warn_of_unknown()

    def _roots(self) -> list[Path]:
        """Return the folders where this agent's processes have their places."""
        if self._agent is None:
            return [self._root]
        return [self._root, *(path / SPOOL for path in self._folder.beside(self._agent))]

    def append(self, route: str, lines: list[bytes]) -> int:
        """Take lines, in order. Return how many: fewer only when the spool is full. Raise `OSError`."""
        with self._lock:
            taken = 0
            while taken < len(lines):
                file = self._file(route)
                room = min(BATCH_BYTES - file.size, self._max_bytes - self._own_bytes - self._others_bytes)
                count = size = 0
                for line in lines[taken : taken + BATCH_EVENTS - file.count]:
                    if size + len(line) + 1 > room:
                        break
                    size += len(line) + 1
                    count += 1
                if not count:
                    if not file.count:
                        break  # full; or a line larger than a batch, which no event is
                    if self._own_bytes + self._others_bytes + len(lines[taken]) + 1 > self._max_bytes:
                        break
                    self._seal(route)
                    continue
                _files.write_all(file.descriptor, b"\n".join([*lines[taken : taken + count], b""]))
                file.size += size
                file.count += count
                self._own_bytes += size
                taken += count
                self._dirty = True
            return taken

    def sync(self) -> None:
        """Write to the disk itself, so that a power cut loses nothing that was taken."""
        with self._lock:
            if self._dirty:
                self._dirty = False
                for file in self._open.values():
                    os.fsync(file.descriptor)

    def next_batch(self, *, seal_after: float, passed: set[str]) -> Batch | None:
        """Return the oldest batch; else seal what was collected for `seal_after` seconds or more; else return null.

        `passed`: keys of batches to skip for now: one that cannot be sent must not block the others. When there are no
        others, `passed` is emptied, and the skipped batches are retried.
        """
        with self._lock:
            self._look_around()
            batches = sorted(self._batches(), key=lambda batch: batch.path.name)
            batch = next((batch for batch in batches if batch.key not in passed), None)
            if batch is not None:
                return batch
            now = time.monotonic()
            for route, file in self._open.items():
                # While nothing can be sent, it is better collected in a few files than in many.
                if file.count and now - file.since >= seal_after and len(batches) < _FEW_BATCHES:
                    return self._seal(route)
            passed.clear()
            return batches[0] if batches else None

    @property
    def is_empty(self) -> bool:
        """Return whether nothing waits to be sent."""
        with self._lock:
            return not any(file.count for file in self._open.values()) and not any(True for _ in self._batches())

    def remove(self, batch: Batch) -> None:
        """Forget a batch that was sent."""
        with self._lock:
            try:
                size = batch.path.stat().st_size
                batch.path.unlink()
            except FileNotFoundError:
                return
            self._own_bytes -= size

    def split(self, batch: Batch) -> None:
        """Make two batches of one. Their keys follow from its key: after a kill, another process makes the same."""
        lines = batch.lines()
        middle = len(lines) // 2
        self.replace(batch, [lines[:middle], lines[middle:]])

    def replace(self, batch: Batch, parts: list[list[bytes]]) -> None:
        """Replace one batch by others. The key of each follows from the old key and a number."""
        with self._lock:
            stamp = batch.path.name.partition("-")[0]
            for number, lines in enumerate(parts):
                if lines:
                    key = uuid.uuid5(uuid.UUID(batch.key), str(number)).hex
                    data = b"\n".join([*lines, b""])
                    _files.write_new(batch.path.with_name(f"{stamp}-{key}.{batch.route}"), data)
                    self._own_bytes += len(data)
            self.remove(batch)

    def refuse(self, line: bytes) -> None:
        """Keep a line that the log refused, where its owner can read it."""
        self._keep_apart(self._root / "refused.jsonl", line + b"\n")

    def set_aside(self, data: bytes, name: str) -> None:
        """Keep data that cannot be read."""
        folder = self._root / _DAMAGED
        _files.make_own_folder(folder)
        self._keep_apart(folder / name, data)

    def set_aside_file(self, path: Path) -> None:
        """Move away, unread, a file that no spool can have made."""
        with suppress(OSError):
            folder = self._root / _DAMAGED
            _files.make_own_folder(folder)
            path.rename(folder / f"{time.time_ns()}-{path.name}")
            _logger.error("a file that the audit log's spool did not make was moved to damaged/")

    def close(self) -> None:
        """Give up the place. Another process sends what still waits."""
        with self._lock:
            self.sync()
            if self._own is None:
                return
            for route in [*self._open]:
                if self._open[route].count:
                    self._seal(route)
            for file in self._open.values():
                os.close(file.descriptor)
            self._open.clear()
            if not any(True for _ in self._batches()):
                _remove_place(self._own)
            self._leave()

    def _leave(self) -> None:
        self._own = None
        self._own_bytes = 0
        if self._own_lock is not None:
            os.close(self._own_lock)
            self._own_lock = None

    def abandon(self) -> None:
        """Close the files that a forked process has from its parent, and touch nothing else."""
        descriptors = [file.descriptor for file in self._open.values()]
        if self._own_lock is not None:
            descriptors.append(self._own_lock)
        for descriptor in descriptors:
            with suppress(OSError):
                os.close(descriptor)

    def _keep_apart(self, path: Path, data: bytes) -> None:
        descriptor = _files.open_append(path)
        try:
            if os.fstat(descriptor).st_size + len(data) > MAX_REFUSED_BYTES:
                _logger.error("%s is full: an event that belongs there is dropped", path)
            else:
                _files.write_all(descriptor, data)
        finally:
            os.close(descriptor)

    def _place(self) -> Path:
        """Return the process's own folder. Raise `OSError`."""
        if self._own is None:
            _files.make_own_folder(self._root)
            name = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
            descriptor = _files.take_lock(self._root / f"{name}.lock")
            if descriptor is None:
                raise OSError(f"no lock can be taken in {self._root}")
            self._own_lock = descriptor
            self._own = self._root / name
            self._own.mkdir(mode=_files.FOLDER_MODE)
        return self._own

    def _file(self, route: str) -> _Open:
        file = self._open.get(route)
        if file is None:
            if self._own is not None and not self._own.is_dir():
                self._leave()  # somebody has cleared it away
            path = self._place() / f"{route}.open"
            with suppress(FileNotFoundError):
                path.lstat()
                self.set_aside_file(path)  # this process did not make it
            file = _Open(path=path, descriptor=_files.open_new(path))
            self._open[route] = file
        if not file.count:
            file.since = time.monotonic()
        return file

    def _seal(self, route: str) -> Batch:
        """Make a batch of the lines that were collected."""
        file = self._open.pop(route)
        os.fsync(file.descriptor)
        os.close(file.descriptor)
        key = uuid.uuid4().hex
        path = file.path.with_name(f"{time.time_ns():020}-{key}.{route}")
        try:
            file.path.rename(path)
        except FileNotFoundError:
            self._own_bytes -= file.size
            _logger.error("%d events are lost: somebody has removed %s", file.count, file.path)  # noqa: TRY400 - foreseen
            _files.make_folder(path.parent)
            path.touch(mode=_files.FILE_MODE)
        _files.sync_folder(path.parent)
        return Batch(path=path, route=route, key=key)

    def _batches(self) -> Iterator[Batch]:
        if self._own is None:
            return
        try:
            entries = [*self._own.iterdir()]
        except FileNotFoundError:
            return
        for path in entries:
            batch = Batch.of(path)
            if batch is not None and not path.is_symlink():
                yield batch

    def _look_around(self) -> None:
        """Take over what dead processes left, and count what the living have, now and then."""
        now = time.monotonic()
        if now - self._looked < _LOOK_AROUND_SECONDS:
            return
        self._looked = now
        self._others_bytes = sum(map(self._look_into, self._roots()))

    def _look_into(self, root: Path) -> int:
        """Take over what dead processes left. Return the bytes that the living have."""
        others = 0
        for folder in _places(root):
            if folder == self._own:
                continue
            descriptor = _files.take_lock(folder.with_name(f"{folder.name}.lock"))
            if descriptor is None:
                others += _size(folder)
                continue
            try:
                self._take_over(folder)
            except OSError:
                _logger.exception("what another process left could not be taken over")
            finally:
                os.close(descriptor)
        return others

    def _warn_of_unknown(self) -> None:
        """Log a warning for events that nobody will send: the log never took their token."""
        for path in self._folder.beside(None):
            if any(map(_is_left, _places(path / SPOOL))):
                _logger.warning(
                    "events of another token wait in %s. If they are this agent's, start it once with"
                    " AUDIT_LOG_SPOOL set to that folder: they are sent in its name",
                    path,
                )

    def _take_over(self, folder: Path) -> None:
        place = self._place()
        for path in sorted(folder.iterdir()):
            is_open = path.suffix == ".open" and path.stem in ROUTES
            if path.is_symlink() or not (is_open or Batch.of(path)):
                continue
            try:
                if is_open:
                    size = self._seal_left(path, place)
                else:
                    size = _files.size_of_own(path, MAX_FILE_BYTES)
                    path.rename(place / path.name)
            except FileNotFoundError:
                continue
            except _files.UnusableError:
                self.set_aside_file(path)
                continue
            self._own_bytes += size
        _files.sync_folder(place)
        _remove_place(folder)

    def _seal_left(self, path: Path, place: Path) -> int:
        """Make a batch of lines that a dead process had collected; the last may be half a line."""
        data = _files.read_own(path, MAX_FILE_BYTES)
        end = data.rfind(b"\n") + 1
        if end < len(data):
            self.set_aside(data[end:] + b"\n", "torn.jsonl")
            os.truncate(path, end)
        if end:
            path.rename(place / f"{time.time_ns():020}-{uuid.uuid4().hex}.{path.stem}")
        return end


def _places(root: Path) -> list[Path]:
    """List the folders of processes. Raise `OSError`."""
    if not _files.is_own_folder(root):
        return []
    return [path for path in root.iterdir() if path.name != _DAMAGED and _files.is_own_folder(path)]


def _is_left(place: Path) -> bool:
    """Return whether a dead process has left something there."""
    descriptor = _files.take_lock(place.with_name(f"{place.name}.lock"))
    if descriptor is None:
        return False
    os.close(descriptor)
    return _size(place) > 0


def _size(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        with suppress(OSError):
            total += _files.size_of_own(path, MAX_FILE_BYTES)
    return total


def _remove_place(folder: Path) -> None:
    """Remove a process's folder, then its lock: a folder without a lock might be taken for a dead process's."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)
