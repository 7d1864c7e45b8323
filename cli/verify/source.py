"""Where the log is read from: the bucket, or a copy of it (`cli.verify.folder`).

Promise: a source reads the oldest version of each key, and lists all others. Only of the one file that changes
(`seal/checkpoint`) it reads the newest.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Protocol

from audit_core.layout import CHECKPOINT, MAX_STORED_BYTES, RECORDS
from cli.connection import Client

_NOT_HANDED_OUT: Final = frozenset({"InvalidArgument", "InvalidObjectState", "InvalidRequest"})
"""S3's errors for an object that the sender's own key encrypts, or in an archive. KMS's errors begin with `KMS.`."""
MAX_FILE_BYTES: Final = 1 << 30
_PAGE: Final = 1000
PIECE: Final = 1 << 20


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
        """Return the row of a copy's listing."""
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
    def is_copy(self) -> bool:
        """Whether this is a copy: its files can differ from its listing, and its listing has the locks."""
        ...

    @property
    def taken_at(self) -> datetime:
        """The time at which the log was as it is read."""
        ...

    def read(self, key: str) -> Body | None:
        """Return the version of a key that is to be verified, or None."""
        ...

    def sealed(self, key: str, version: str) -> Body | None:
        """Return the sealed version of an object, or None."""
        ...

    def versions(self, prefix: str) -> Iterator[list[Version]]:
        """Yield the versions of each key under `prefix`, in the order of keys, the oldest version first."""
        ...

    def files(self) -> Iterator[str]:
        """Yield the keys of the files of a copy, in the order of keys."""
        ...


class BucketSource:
    """The bucket itself, through the auditor's S3 client."""

    is_copy: Final = False

    def __init__(self, s3: Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    @property
    def taken_at(self) -> datetime:
        """Now."""
        return datetime.now(UTC)

    def read(self, key: str) -> Body | None:
        """Return the oldest version of a key; of the file that changes, the newest."""
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
        for piece in reply["Body"].iter_chunks(PIECE):
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

    def versions(self, prefix: str, *, after: str = "") -> Iterator[list[Version]]:
        """Yield the versions of each key under `prefix` that comes after `after`, the oldest version first."""
        waiting: list[Version] = []
        where = {"Bucket": self._bucket, "Prefix": prefix, "PaginationConfig": {"PageSize": _PAGE}}
        if after:
            where["KeyMarker"] = after
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

    def files(self) -> Iterator[str]:
        """Yield nothing: a bucket has no files beside its listing."""
        yield from ()

    def _rows(self, key: str) -> list[Version]:
        for rows in self.versions(key):
            return rows if rows[0].key == key else []
        return []


def _oldest_first(rows: list[Version]) -> list[Version]:
    """Sort by time, the oldest first. Within a second, keep S3's order, and put markers last."""
    rows.reverse()
    return sorted(rows, key=lambda row: (row.stored_at, row.marker))
