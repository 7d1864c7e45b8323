"""Reads what is stored, as the auditor: every version of every object, the oldest first.

The oldest version of a key is the record. A later version or a delete marker can only have been added to hide it (the
writer creates and never overwrites), so each is a finding, and the oldest version is read all the same. Nothing here
trusts the stored bytes: sizes are capped, undecodable objects are findings, never tracebacks.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from audit_core.layout import MAX_STORED_BYTES, RECORDS, holds_record
from cli.connection import Client
from cli.verify.source import BucketSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something in the log that its writer cannot have put there, or that cannot be read."""

    kind: str
    key: str
    version_id: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """A key with all its versions, oldest first, and its delete markers. `stored_at`: when the oldest was stored."""

    key: str
    version_ids: tuple[str, ...]
    marker_ids: tuple[str, ...]
    stored_at: datetime | None

    def findings(self) -> Iterator[Finding]:
        """Yield what was added to the key after its record was."""
        for version_id in self.version_ids[1:]:
            yield Finding(
                kind="second-version", key=self.key, version_id=version_id, detail="a later version hides the record"
            )
        for version_id in self.marker_ids:
            yield Finding(
                kind="delete-marker", key=self.key, version_id=version_id, detail="a delete marker hides the record"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """One line of an object: its decoded `record`, its exact bytes without the newline, and where it stands.

    `stored_at`: when it was stored, within seconds of its receipt; None where that is not known.
    """

    record: Mapping[str, object]
    line: bytes
    key: str
    version_id: str
    index: int
    stored_at: datetime | None = None


class Undecodable(Exception):  # noqa: N818 - a finding in the making, not a fault of ours
    """An object's bytes are not what the writer stores. The message holds none of them."""


class LogReader:
    """Reads one bucket through one S3 client (the auditor's)."""

    def __init__(self, s3: Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._source = BucketSource(s3, bucket)

    def objects(self, prefix: str = RECORDS, *, after: str = "") -> Iterator[StoredObject]:
        """Yield every key under `prefix` that comes after `after`, in key order, with all its versions and markers."""
        for rows in self._source.versions(prefix, after=after):
            versions = [row for row in rows if not row.marker]
            yield StoredObject(
                key=rows[0].key,
                version_ids=tuple(row.version for row in versions),
                marker_ids=tuple(row.version for row in rows if row.marker),
                stored_at=versions[0].stored_at if versions else None,
            )

    def object(self, key: str) -> StoredObject | None:
        """Return one key with all its versions, or None if the bucket never held it."""
        return next((found for found in self.objects(key) if found.key == key), None)

    def holding(self, record_id: str) -> StoredObject | None:
        """Return the object that holds a record, told by the record's id; None when there is none.

        The id begins with the object's own, which ends its key; the day in the key is not known, so all are listed.
        """
        batch, _, place = record_id.rpartition("-")
        if not batch or not place.isdigit():
            return None
        return next((found for found in self.objects() if holds_record(found.key, record_id)), None)

    def raw(self, key: str, version_id: str) -> bytes:
        """Return a version's stored bytes, undecoded; raise Undecodable if there are more than the writer can store."""
        body = self._s3.get_object(Bucket=self._bucket, Key=key, VersionId=version_id)["Body"]
        try:
            data = bytes(body.read(MAX_STORED_BYTES + 1))
        finally:
            body.close()
        if len(data) > MAX_STORED_BYTES:
            raise Undecodable(f"more than {MAX_STORED_BYTES} bytes are stored")
        return data

    def read(self, stored: StoredObject) -> Iterator[StoredRecord | Finding]:
        """Yield the findings of a key, then the records of its oldest version, line by line."""
        yield from stored.findings()
        if not stored.version_ids:
            return
        oldest = stored.version_ids[0]
        try:
            lines = decode(self.raw(stored.key, oldest))
            for index, line in enumerate(lines):
                yield StoredRecord(
                    record=decode_line(line),
                    line=line,
                    key=stored.key,
                    version_id=oldest,
                    index=index,
                    stored_at=stored.stored_at,
                )
        except Undecodable as error:
            yield Finding(kind="undecodable", key=stored.key, version_id=oldest, detail=str(error))


def decode(data: bytes) -> Iterator[bytes]:
    """Yield the lines of a stored gzip object, without their newlines; raise Undecodable where it is malformed."""
    from audit_core.contents import UnreadableError, lines_of  # noqa: PLC0415 - starting does not pay for it

    line = None
    try:
        for line in lines_of(data):
            yield line
    except UnreadableError as error:
        raise Undecodable(f"the object {error}") from None
    if line is None:
        raise Undecodable("the object holds no record")


def decode_line(line: bytes) -> Mapping[str, object]:
    """Return the record of one stored line; raise Undecodable when it is not a JSON object."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise Undecodable("a line is not JSON") from None
    if not isinstance(record, dict):
        raise Undecodable("a line is not a JSON object")
    return record
