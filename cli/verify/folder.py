"""A folder that the log was copied into, as a source to verify.

Promise: a folder is never trusted to be small, whole or well-formed.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final

import orjson

from cli.verify.paths import ODD_KEYS, name_of, path_of
from cli.verify.source import MAX_FILE_BYTES, PIECE, Body, BrokenCopyError, Version

LISTING: Final = "versions.jsonl"
OTHER_VERSIONS: Final = "versions"
_CLOCKS: Final = timedelta(days=1)
_MAX_ROW: Final = 1 << 16
_LAST: Final = 256
"""More than the last row of a listing has."""
_DEEPEST: Final = 512
# A link is not a file of a copy, and a pipe may never end.
_HOW: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_FILE: Final = (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENAMETOOLONG)


class FolderSource:
    """A copy, as `verify copy` makes it: files by key, and the listing of versions as it was then."""

    is_copy: Final = True

    def __init__(self, folder: Path) -> None:
        self._folder = os.fspath(folder) + "/"
        self._listing = folder / LISTING
        self._begin = self._end = 0
        self._taken_at = self._check_listing()

    @property
    def taken_at(self) -> datetime:
        """When the copy was made."""
        return self._taken_at

    def sealed(self, key: str, version: str) -> Body | None:
        """Return the file of a key. It holds the oldest version, and only that can have been sealed."""
        del version
        return self.read(key)

    def read(self, key: str) -> Body | None:
        """Return a file of the copy, or None where there is no regular file."""
        try:
            number = os.open(self._folder + path_of(key), _HOW)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno in _NO_FILE:
                return None
            raise BrokenCopyError(f"{key}: {error.strerror}") from None
        try:
            return _whole(number, key)
        except OSError as error:
            raise BrokenCopyError(f"{key}: {error.strerror}") from None
        finally:
            os.close(number)

    def versions(self, prefix: str) -> Iterator[list[Version]]:
        """Yield the versions of each key under `prefix`, as they were listed."""
        waiting: list[Version] = []
        for row in self._rows(prefix):
            if waiting and waiting[0].key != row.key:
                yield waiting
                waiting = []
            waiting.append(row)
        if waiting:
            yield waiting

    def files(self) -> Iterator[str]:
        """Yield the keys of the files that are there, in the order of keys."""
        for path in _walk(self._folder):
            key = path[len(self._folder) :]
            if key != LISTING and not key.startswith((f"{OTHER_VERSIONS}/", f"{ODD_KEYS}/")):
                yield key

    def _rows(self, prefix: str) -> Iterator[Version]:
        """Yield the rows under a prefix. Only reading all rows shows that they are in order."""
        first = prefix.encode()
        with _opened(self._listing) as file:
            file.seek(self._place(file, first))
            last = b""
            for line in _lines(file, self._end):
                row = _version(_decoded(line))
                name = name_of(row.key)
                if name < last:
                    raise BrokenCopyError(f"{LISTING}: is not in order")
                last = name
                if name.startswith(first):
                    yield row
                elif name > first:
                    return

    def _place(self, file: IO[bytes], key: bytes) -> int:
        """Return where in the listing the rows from `key` on begin, or a little before."""
        low, high = self._begin, self._end
        while key and high - low > _MAX_ROW:
            middle = (low + high) // 2
            file.seek(middle)
            file.readline(_MAX_ROW)
            place = file.tell()
            line = next(_lines(file, self._end), None) if place < high else None
            if line is None or name_of(_version(_decoded(line)).key) >= key:
                high = middle
            else:
                low = place
        return low

    def _check_listing(self) -> datetime:
        """Read the listing once: it ends with the digest of what comes before."""
        digest = hashlib.sha256()
        try:
            with _opened(self._listing) as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _LAST))
                last = file.read(_LAST)
                self._end = size - len(last) + last.rfind(b"\n", 0, -1) + 1
                file.seek(0)
                first = file.readline(_MAX_ROW)
                self._begin = len(first)
                file.seek(0)
                left = self._end
                while left and (piece := file.read(min(left, PIECE))):
                    digest.update(piece)
                    left -= len(piece)
        except OSError as error:
            raise BrokenCopyError(f"{LISTING}: {error.strerror}; `audit-log verify copy` makes one") from None
        if left or not self._begin <= self._end < size or not last.endswith(b"\n"):
            raise BrokenCopyError(f"{LISTING}: does not end with its own digest")
        said = _decoded(last[last.rfind(b"\n", 0, -1) + 1 :])
        if said.get("listing_sha256") != digest.hexdigest():
            raise BrokenCopyError(f"{LISTING}: does not end with its own digest")
        copied_at = _time(_decoded(first).get("copied_at"))
        if copied_at > datetime.now(UTC) + _CLOCKS:  # else a removed record could pass for an expired one
            raise BrokenCopyError(f"{LISTING}: its date of copying, {copied_at:%Y-%m-%d}, is in the future")
        return copied_at


def _opened(path: Path) -> IO[bytes]:
    """Open a regular file to read. Raise OSError for anything else: a pipe might never end."""
    number = os.open(path, _HOW & ~getattr(os, "O_NOFOLLOW", 0))
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "is not a file")
    return os.fdopen(number, "rb")


def _whole(number: int, key: str) -> Body | None:
    """Return the content of an open file."""
    status = os.fstat(number)
    if not stat.S_ISREG(status.st_mode):
        return None
    pieces: list[bytes] = []
    left = MAX_FILE_BYTES + 1
    expected = status.st_size + 1
    while left > 0 and (piece := os.read(number, min(left, max(expected, PIECE if pieces else 1)))):
        pieces.append(piece)
        left -= len(piece)
        if len(piece) == status.st_size and len(pieces) == 1:  # the whole of a file that nobody is writing to
            break
    if left <= 0:
        raise BrokenCopyError(f"{key}: is larger than {MAX_FILE_BYTES} bytes")
    return Body(data=pieces[0] if len(pieces) == 1 else b"".join(pieces))


def _lines(file: IO[bytes], end: int) -> Iterator[bytes]:
    """Yield the lines from the file's position up to `end`."""
    place = file.tell()
    while place < end and (line := file.readline(_MAX_ROW)):
        place += len(line)
        if not line.endswith(b"\n") or place > end:
            raise BrokenCopyError(f"{LISTING}: has a line that does not end")
        yield line


def _decoded(line: bytes) -> Mapping[str, object]:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise BrokenCopyError(f"{LISTING}: has a line that is not JSON") from None
    if not isinstance(said, dict):
        raise BrokenCopyError(f"{LISTING}: has a line that is not an object")
    return said


def _version(said: Mapping[str, object]) -> Version:
    key, version, size = said.get("key"), said.get("version"), said.get("size")
    mode, sha256, until = said.get("mode"), said.get("sha256"), said.get("retain_until")
    if not (isinstance(key, str) and isinstance(version, str) and isinstance(size, int)):
        raise BrokenCopyError(f"{LISTING}: has a row without key, version or size")
    return Version(
        key=key,
        version=version,
        stored_at=_time(said.get("stored_at")),
        marker=said.get("marker") is True,
        size=size,
        mode=mode if isinstance(mode, str) else None,
        retain_until=None if until is None else _time(until),
        sha256=sha256 if isinstance(sha256, str) else None,
    )


def _time(value: object) -> datetime:
    try:
        when = datetime.fromisoformat(str(value))
        if when.tzinfo is None:
            raise BrokenCopyError(f"{LISTING}: has a time without an offset")
        return when if when.tzinfo is UTC else when.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BrokenCopyError(f"{LISTING}: has a malformed time") from None


def _walk(folder: str) -> Iterator[str]:
    """Every file below a folder, whose name ends with a slash, in the order of keys; links are not followed."""
    open_folders = [_sorted_entries(folder)]
    while open_folders:
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
        elif entry.endswith("/"):
            if len(open_folders) > _DEEPEST:
                raise BrokenCopyError("the copy has folders within folders beyond any key")
            open_folders.append(_sorted_entries(entry))
        else:
            yield entry


def _sorted_entries(folder: str) -> Iterator[str]:
    """Yield what is in a folder, by path. A folder's path ends with a slash, so that "a-b" comes before "a/b"."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.path + "/" if entry.is_dir(follow_symlinks=False) else entry.path for entry in entries]
    except OSError as error:
        raise BrokenCopyError(f"{folder}: {error.strerror}") from None
    return iter(sorted(names, key=os.fsencode))
