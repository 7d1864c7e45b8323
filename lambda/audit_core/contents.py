"""From a stored object to its entries.

Promise: every line of the object becomes an entry, in order. A malformed object becomes one entry that says why. No
size and no content makes this fail, or makes memory grow: lines are hashed as they are unpacked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import orjson
from isal import isal_zlib

from audit_core.entries import Entry, SealedObject
from audit_core.layout import MAX_LINE_BYTES, MAX_LINES, MAX_STORED_BYTES, MAX_UNPACKED_BYTES
from audit_core.merkle import leaf_digest

_GZIP = 31
_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One version of an object: what it is, when it came, until when it is locked, its bytes as they are stored."""

    key: str
    version: str
    stored_at: datetime
    retain_until: datetime | None
    body: bytes
    digest: str | None = None
    """Of what has more than `MAX_STORED_BYTES`, in place of its body."""


class UnreadableError(Exception):
    """The object is not one that the writer makes; the message says why, in words of ours."""


def entries_of(stored: StoredObject) -> list[Entry]:
    """Return the entries that seal an object: one for each line, or one without a record."""
    until = stored.retain_until
    digest = stored.digest or "sha256:" + hashlib.sha256(stored.body).hexdigest()
    retain_until = None if until is None else until.strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        if stored.digest is not None or len(stored.body) > MAX_STORED_BYTES:
            raise UnreadableError("is larger than what the writer stores")
        lines = [(record_id_of(line), leaf_digest(line)) for line in lines_of(stored.body)]
        if not lines:
            raise UnreadableError("holds no record")
    except UnreadableError as error:
        whole = SealedObject(digest=digest, retain_until=retain_until, unreadable=str(error))
        return [Entry(key=stored.key, version=stored.version, line=0, record_id=None, digest=None, whole=whole)]
    whole = SealedObject(digest=digest, retain_until=retain_until)
    return [
        Entry(
            key=stored.key,
            version=stored.version,
            line=number,
            record_id=record_id,
            digest=line_digest,
            whole=None if number else whole,
        )
        for number, (record_id, line_digest) in enumerate(lines)
    ]


def lines_of(body: bytes, *, steps: int = 1) -> Iterator[bytes]:
    """Yield the lines of a gzip JSONL object, without their ends. Raise `UnreadableError` where it is malformed.

    `steps`: how many parts of the body to unpack one by one. Where one of them is malformed, all that it holds is lost.
    """
    left = b""
    count = 0
    for piece in _unpacked(body, steps):
        first, *rest = piece.split(b"\n")
        left += first
        for line in rest:
            count += 1
            if count > MAX_LINES:
                raise UnreadableError("has too many lines")
            if len(left) > MAX_LINE_BYTES:
                break
            yield left
            left = line
        if len(left) > MAX_LINE_BYTES:
            raise UnreadableError("has a line that is too long")
    if left:
        raise UnreadableError("does not end with a line's end")


def record_id_of(line: bytes) -> str:
    """Return the id of the record in a line. Raise `UnreadableError` where there is none."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise UnreadableError("has a line that is not JSON") from None
    found = record.get("record_id") if isinstance(record, dict) else None
    if not isinstance(found, str) or not found.isascii() or not found.replace("-", "").isalnum() or len(found) > 128:  # noqa: PLR2004 - as entries have it
        raise UnreadableError("has a line without a record id")
    return found


def _unpacked(body: bytes, steps: int) -> Iterator[bytes]:
    """Yield what one gzip member unpacks to, a piece at a time."""
    stream = isal_zlib.decompressobj(wbits=_GZIP)
    size = 0
    step = len(body) // steps + 1
    for start in range(0, len(body), step):
        feed = body[start : start + step]
        while not stream.eof:
            try:
                piece = stream.decompress(feed, _PIECE)
            except isal_zlib.IsalError:  # pyrefly: ignore[not-a-type] - its stub declares an instance
                raise UnreadableError("is not gzip") from None
            feed = stream.unconsumed_tail
            if not piece and not feed:
                break
            size += len(piece)
            if size > MAX_UNPACKED_BYTES:
                raise UnreadableError("unpacks to too much")
            yield piece
        if stream.eof and (feed or stream.unused_data):
            raise UnreadableError("has more than one gzip member")
    if not stream.eof:
        raise UnreadableError("is gzip that ends too early")
