"""Where the log is read from: the bucket, or a folder that it was copied into.

Promise: of each key the oldest version is what is read, but for the one file that changes (`seal/checkpoint`), and
whatever else there is of it is told. A folder is never trusted to be small, whole or well-formed.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final, Protocol

import orjson

from audit_core.contents import MAX_STORED_BYTES
from audit_core.sealing import CHECKPOINT, RECORDS
from cli.connection import Client
from cli.verify.paths import ODD_KEYS, name_of, path_of

LISTING: Final = "versions.jsonl"
OTHER_VERSIONS: Final = "versions"
_CLOCKS: Final = timedelta(days=1)
_NOT_HANDED_OUT: Final = frozenset({"InvalidArgument", "InvalidObjectState", "InvalidRequest"})
"""S3's errors for an object that the sender's own key encrypts, or in an archive. KMS's errors begin with `KMS.`."""
MAX_FILE_BYTES: Final = 1 << 30
_MAX_ROW: Final = 1 << 16
_PAGE: Final = 1000
_PIECE: Final = 1 << 20
_LAST: Final = 256
"""More than the last row of a listing has."""
_DEEPEST: Final = 512
# A link is no file of a copy; what may be read for ever (a pipe) is not waited for.
_HOW: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_FILE: Final = (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENAMETOOLONG)


class BrokenCopyError(Exception):
    """The copy cannot be read as one. The message says where, and holds nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a key, or a delete marker. `retain_until` and `sha256`: where a copy's listing has them."""

    key: str
    version: str
    stored_at: datetime
    marker: bool = False
    size: int = 0
    mode: str | None = None
    retain_until: datetime | None = None
    sha256: str | None = None

    def as_json(self) -> dict[str, object]:
        """The row of a copy's listing."""
        return {
            "key": self.key,
            "version": self.version,
            "stored_at": self.stored_at.isoformat(),
            "marker": self.marker,
            "size": self.size,
            "mode": self.mode,
            "retain_until": None if self.retain_until is None else self.retain_until.isoformat(),
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A version's bytes, and its lock as it is now, where that is known.

    `digest` replaces the bytes where there are more than the writer can store. `size` is 0 where nothing counted them.
    """

    data: bytes
    size: int = 0
    digest: str | None = None
    mode: str | None = None
    retain_until: datetime | None = None


class Source(Protocol):
    """A log to verify."""

    @property
    def taken_at(self) -> datetime:
        """When what is read was so."""
        ...

    def read(self, key: str) -> Body | None:
        """The version of a key that is to be verified; null where there is none."""
        ...

    def sealed(self, key: str, version: str) -> Body | None:
        """An object as it was sealed: this version of it."""
        ...

    def versions(self, prefix: str) -> Iterator[list[Version]]:
        """The versions of each key under `prefix`, in the order of keys, the oldest version first."""
        ...


class BucketSource:
    """The bucket itself, through the auditor's S3 client."""

    def __init__(self, s3: Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    @property
    def taken_at(self) -> datetime:
        """Now."""
        return datetime.now(UTC)

    def read(self, key: str) -> Body | None:
        """The oldest version of a key, or of the file that changes the newest."""
        rows = [row for row in self._rows(key) if not row.marker]
        return self.sealed(key, rows[-1 if key == CHECKPOINT else 0].version) if rows else None

    def sealed(self, key: str, version: str) -> Body | None:
        """Return a version with its lock; of one larger than the writer can store, only the digest."""
        limit = MAX_STORED_BYTES if key.startswith(RECORDS) else MAX_FILE_BYTES
        pieces: list[bytes] = []
        body = self.fetch(key, version, lambda piece, size: pieces.append(piece) if size <= limit else pieces.clear())
        if body is None or body.size <= limit:
            return None if body is None else replace(body, data=b"".join(pieces), digest=None)
        if not key.startswith(RECORDS):
            raise BrokenCopyError(f"{key}: is larger than {MAX_FILE_BYTES} bytes")
        return body

    def fetch(self, key: str, version: str, take: Callable[[bytes, int], object]) -> Body | None:
        """Pass each piece of a version to `take`, with the size so far; return the version's size, digest and lock."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        try:
            reply = self._s3.get_object(Bucket=self._bucket, Key=key, VersionId=version)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code in {"NoSuchKey", "NoSuchVersion", "404"}:
                return None
            if code in _NOT_HANDED_OUT or code.startswith("KMS."):
                raise BrokenCopyError(f"{key}: S3 refuses to return it ({code})") from None
            raise
        digest, size = hashlib.sha256(), 0
        for piece in reply["Body"].iter_chunks(_PIECE):
            digest.update(piece)
            size += len(piece)
            take(piece, size)
        return Body(
            data=b"",
            size=size,
            digest=f"sha256:{digest.hexdigest()}",
            mode=reply.get("ObjectLockMode"),
            retain_until=reply.get("ObjectLockRetainUntilDate"),
        )

    def versions(self, prefix: str) -> Iterator[list[Version]]:
        """The versions of each key under `prefix`."""
        waiting: list[Version] = []
        where = {"Bucket": self._bucket, "Prefix": prefix, "PaginationConfig": {"PageSize": _PAGE}}
        for page in self._s3.get_paginator("list_object_versions").paginate(**where):
            rows = [(row, False) for row in page.get("Versions", ())]
            rows += [(row, True) for row in page.get("DeleteMarkers", ())]
            # The sort is stable; within a key, versions and markers are S3's own order, the newest first.
            for row, marker in sorted(rows, key=lambda item: str(item[0]["Key"]).encode()):
                version = Version(
                    key=str(row["Key"]),
                    version=str(row["VersionId"]),
                    stored_at=row["LastModified"],
                    marker=marker,
                    size=int(row.get("Size", 0)),
                )
                if waiting and waiting[0].key != version.key:
                    yield _oldest_first(waiting)
                    waiting = []
                waiting.append(version)
        if waiting:
            yield _oldest_first(waiting)

    def _rows(self, key: str) -> list[Version]:
        for rows in self.versions(key):
            return rows if rows[0].key == key else []
        return []


class FolderSource:
    """A copy, as `verify copy` makes it: files by key, and the listing of versions as it was then."""

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
        """The file of a key: the oldest version, as nothing else can have been sealed."""
        del version
        return self.read(key)

    def read(self, key: str) -> Body | None:
        """A file of the copy. What is no regular file is not one."""
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
        """The versions of each key under `prefix`, as they were listed."""
        waiting: list[Version] = []
        for row in self._rows(prefix):
            if waiting and waiting[0].key != row.key:
                yield waiting
                waiting = []
            waiting.append(row)
        if waiting:
            yield waiting

    def files(self) -> Iterator[str]:
        """The keys of the files that are there, in the order of keys."""
        for path in _walk(self._folder):
            key = path[len(self._folder) :]
            if key != LISTING and not key.startswith((f"{OTHER_VERSIONS}/", f"{ODD_KEYS}/")):
                yield key

    def _rows(self, prefix: str) -> Iterator[Version]:
        """The rows under a prefix. Only a reading of all rows finds out that they are in order."""
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
        """Where in the listing the rows from `key` on begin, or a little before."""
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
                while left and (piece := file.read(min(left, _PIECE))):
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
            raise BrokenCopyError(f"{LISTING}: says that it was copied at {copied_at:%Y-%m-%d}, which is yet to come")
        return copied_at


def _opened(path: Path) -> IO[bytes]:
    """A regular file, to read. Raises OSError for anything else: a pipe would be waited for."""
    number = os.open(path, _HOW & ~getattr(os, "O_NOFOLLOW", 0))
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "is no file")
    return os.fdopen(number, "rb")


def _whole(number: int, key: str) -> Body | None:
    """What an open file holds."""
    status = os.fstat(number)
    if not stat.S_ISREG(status.st_mode):
        return None
    pieces: list[bytes] = []
    left = MAX_FILE_BYTES + 1
    expected = status.st_size + 1
    while left > 0 and (piece := os.read(number, min(left, max(expected, _PIECE if pieces else 1)))):
        pieces.append(piece)
        left -= len(piece)
        if len(piece) == status.st_size and len(pieces) == 1:  # the whole of a file that nobody is writing to
            break
    if left <= 0:
        raise BrokenCopyError(f"{key}: is larger than {MAX_FILE_BYTES} bytes")
    return Body(data=pieces[0] if len(pieces) == 1 else b"".join(pieces))


def _oldest_first(rows: list[Version]) -> list[Version]:
    """The oldest first: by time, and within a second versions as S3 lists them; a marker then comes after."""
    rows.reverse()
    return sorted(rows, key=lambda row: (row.stored_at, row.marker))


def _lines(file: IO[bytes], end: int) -> Iterator[bytes]:
    """The lines up to a place, from where the file is read."""
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
        raise BrokenCopyError(f"{LISTING}: has a line that is no object")
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
        raise BrokenCopyError(f"{LISTING}: has a time that is none") from None


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
    """What is in a folder, by path: a folder's ends with a slash, which counts: "a-b" comes before "a/b"."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.path + "/" if entry.is_dir(follow_symlinks=False) else entry.path for entry in entries]
    except OSError as error:
        raise BrokenCopyError(f"{folder}: {error.strerror}") from None
    return iter(sorted(names, key=os.fsencode))
