"""From records to one object: its key, its bytes, and a receipt for each record.

Promise: the key follows from the stored bytes and from the content that they were made of, so that two requests share a
key only when storing one of them stores both. Nothing that a sender chose is in a key but its date. Ids are keyed
hashes: whoever reads the log cannot find out, by trying, what a payload said.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

import orjson
from isal import isal_zlib

from audit_core.canonical import JsonValue
from audit_core.envelope import Envelope
from audit_core.errors import FieldError
from audit_core.layout import MAX_LINE_BYTES, PAYLOADS, record_key
from audit_core.merkle import leaf_digest

CONTENT_TYPE = "application/x-ndjson"
CONTENT_ENCODING = "gzip"
_DOMAIN = b"agent-audit-log batch 1"
_ID_BYTES = 20
_LEVEL = 2
_BYTES_AT_ONCE = 256 * 1024
_GZIP = 31
_ADDED_LATER = 256  # the record id and an inferred time, generously
_ADDED_ENVELOPE = 1024  # two references and what is said of them
_NO_TIME = b'{"timestamp":null,'
_NONE_INFERRED = b'"inferred":[]'


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRecord:
    """A record without its id, as the line that it will be.

    `line` lacks its closing brace. The id must not depend on the time of receipt. So the line has a null timestamp when
    the time is inferred, and no mark when the time is `doubtful`: the event's own, but impossible.
    `date`: the date of the event; the date of receipt when the time is inferred or doubtful. `index`: the position of
    the event in the request. `envelope`: what is kept of its payloads.
    """

    index: int
    line: bytes
    timestamp: str
    inferred_time: bool
    envelope: Envelope | None = None
    doubtful: bool = False
    date: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """What the reply says of one record. `timed`: its bytes depend on when the request came."""

    index: int
    record_id: str
    leaf: str
    timed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultObject:
    """One payload to keep."""

    key: str
    body: bytes
    mime: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One object to store, after what goes into the vault. `repeatable`: a retry comes to the same key."""

    key: str
    body: bytes
    records: list[StoredRecord]
    repeatable: bool
    vault: list[VaultObject]


def encode_record(
    index: int, record: dict[str, JsonValue], envelope: Envelope | None = None, *, received: str
) -> EncodedRecord:
    """Encode `record`, which came at `received`. Raises `FieldError` when its line would be too long."""
    timestamp = str(record["timestamp"])
    derived = record["inferred"]
    marked = isinstance(derived, list) and "timestamp" in derived
    inferred = marked and timestamp == received
    if inferred:
        record = {**record, "timestamp": None}
    elif marked and isinstance(derived, list):
        record = {**record, "inferred": [name for name in derived if name != "timestamp"]}
    line = orjson.dumps(record)[:-1]  # and a copy, as what orjson returns takes up kilobytes
    if len(line) > MAX_LINE_BYTES - _ADDED_LATER - (0 if envelope is None else _ADDED_ENVELOPE):
        raise FieldError("", f"makes a record of more than {MAX_LINE_BYTES} bytes")
    return EncodedRecord(
        index=index,
        line=line,
        timestamp=timestamp,
        inferred_time=inferred,
        envelope=envelope,
        doubtful=marked and not inferred,
        date=(received if marked else timestamp)[:10],
    )


def make_batch(
    encoded: list[EncodedRecord],
    *,
    agent_id: str,
    secret: bytes,
    content: bytes,
    idempotency_key: str | None,
    identified: bool,
    random_bytes: Callable[[int], bytes],
    vault_bucket: str = "",
) -> Batch:
    """Put `encoded` (one or more) into one object.

    `content`: digest of the request's content; `secret`: what only the sender and the writer know, without which the
    ids would let a reader of the log try out what the content was. `identified`: each event can be told from any other.
    With neither that nor an idempotency key the batch gets a random id, and a retry is another batch.
    """
    repeatable = identified or bool(idempotency_key)
    if repeatable:
        identity = hmac.new(secret, digestmod=hashlib.sha256)
        for part in (_DOMAIN, agent_id.encode(), (idempotency_key or "").encode("utf-8", "surrogatepass"), content):
            identity.update(len(part).to_bytes(8, "big"))
            identity.update(part)
        for item in encoded:
            identity.update(item.index.to_bytes(4, "big"))
            identity.update(len(item.line).to_bytes(4, "big"))
            identity.update(item.line)
            if item.envelope is not None:
                identity.update(orjson.dumps(item.envelope.described("")))
        batch_id = identity.digest()[:_ID_BYTES].hex()
    else:
        batch_id = random_bytes(_ID_BYTES).hex()
    packed = isal_zlib.compressobj(level=_LEVEL, wbits=_GZIP)
    body: list[bytes] = []
    lines: list[bytes] = []
    size = 0
    records: list[StoredRecord] = []
    vault: list[VaultObject] = []
    for item in encoded:
        record_id = f"{batch_id}-{item.index}"
        line = item.line
        if item.inferred_time:
            line = b'{"timestamp":"%b",%b' % (item.timestamp.encode(), line[len(_NO_TIME) :])
        elif item.doubtful:  # `inferred` is the last member
            line = line[:-1] + (b'"timestamp"]' if line.endswith(_NONE_INFERRED) else b',"timestamp"]')
        if item.envelope is not None:
            folder = f"{PAYLOADS}{record_id}/"
            line = b'%b,"envelope":%b' % (line, orjson.dumps(item.envelope.described(f"s3://{vault_bucket}/{folder}")))
            vault += [
                VaultObject(key=folder + kept.side, body=kept.data, mime=kept.mime) for kept in item.envelope.payloads
            ]
        line = b'%b,"record_id":"%b"}' % (line, record_id.encode())
        lines.append(line + b"\n")
        size += len(line)
        if size >= _BYTES_AT_ONCE:  # so that few of them are held twice
            body.append(packed.compress(b"".join(lines)))
            lines.clear()
            size = 0
        records.append(
            StoredRecord(
                index=item.index,
                record_id=record_id,
                leaf=leaf_digest(line),
                timed=item.inferred_time or (item.doubtful and item.timestamp > item.date),
            )
        )
    body += (packed.compress(b"".join(lines)), packed.flush())
    return Batch(
        key=record_key(_date(encoded), batch_id),
        body=b"".join(body),
        records=records,
        repeatable=repeatable,
        vault=vault,
    )


def _date(encoded: list[EncodedRecord]) -> str:
    """Return the earliest possible date in the events; the date of receipt when there is none."""
    brought = [item for item in encoded if not item.inferred_time and not item.doubtful]
    return min(item.date or item.timestamp[:10] for item in brought or encoded)
