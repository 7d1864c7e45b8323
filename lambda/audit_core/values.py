"""Readers of single fields: from what the wire had to what a record may hold.

Promise: each returns a value that the record's schema allows, or raises `FieldError` with a reason that holds nothing
of the value. Text with control characters is refused: a record may be printed on somebody's terminal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from audit_core.canonical import JsonValue
from audit_core.digest import parse_digest
from audit_core.errors import FieldError
from audit_core.layout import OUTCOMES
from audit_core.stream import MAX_CHUNK_DIGESTS
from audit_core.times import utc_timestamp

Reader: TypeAlias = "Callable[[str, JsonValue], JsonValue]"

SAFE_INTEGER = 2**53 - 1
STREAM_PHASES = ("start", "end")

# C0, DEL, C1, the line and paragraph separators, and the characters that set or turn the direction of text.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_METHOD = re.compile(r"[A-Za-z][A-Za-z-]{0,19}")
_COUNT_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_MAX_COUNTS = 16
_MAX_STATUS = 999
_MIN_STATUS = 100


def text(limit: int, *, or_number: bool = False) -> Callable[[str, JsonValue], str | None]:
    """Read a string of 1 to `limit` characters. An empty one counts as absent. `or_number`: see `identifier`."""

    def read(name: str, value: JsonValue) -> str | None:
        if not isinstance(value, str):
            if not or_number:
                raise FieldError(name, "must be a string")
            number = _integer(value) if not isinstance(value, float) or abs(value) <= SAFE_INTEGER else None
            if number is None:
                raise FieldError(name, "must be a string, or an integer of 64 bits")
            value = str(number)
        if len(value) > limit:
            raise FieldError(name, f"must be at most {limit} characters")
        if not value.isprintable() and CONTROL.search(value):
            raise FieldError(name, "must not contain control characters")
        return value or None

    return read


def identifier(limit: int) -> Callable[[str, JsonValue], str | None]:
    """Read an id: text, or an integer, which becomes decimal text. Reject a double that may have been rounded."""
    return text(limit, or_number=True)


def _integer(value: JsonValue) -> int | None:
    """Read an integer, also one written as a double. JSON has one kind of number. Null for any other value."""
    if isinstance(value, float):
        return int(value) if float.is_integer(value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def timestamp(name: str, value: JsonValue) -> str:
    """Read a point in time as RFC 3339 in UTC."""
    read = utc_timestamp(value) if isinstance(value, str) else None
    if read is None:
        raise FieldError(name, "must be an RFC 3339 time with an offset, or an HTTP date")
    return read


def method(name: str, value: JsonValue) -> str:
    """Read an HTTP method, or a verb of the caller's own in its place."""
    if not isinstance(value, str) or not _METHOD.fullmatch(value):
        raise FieldError(name, "must be a method: 1 to 20 letters or dashes")
    return value.upper()


def status(name: str, value: JsonValue) -> int:
    """Read an HTTP status."""
    read = _integer(value)
    if read is None or not _MIN_STATUS <= read <= _MAX_STATUS:
        raise FieldError(name, "must be an integer from 100 to 999")
    return read


def outcome(name: str, value: JsonValue) -> str:
    """One of the four classes of the guide."""
    if not isinstance(value, str) or value not in OUTCOMES:
        raise FieldError(name, f"must be one of {', '.join(OUTCOMES)}")
    return value


def digest(name: str, value: JsonValue) -> str:
    """Read a digest that was made elsewhere."""
    read = parse_digest(value) if isinstance(value, str) else None
    if read is None:
        raise FieldError(name, "must be a SHA-256 in hex, sha256:<hex> or hmac-sha256:<key id>:<hex>")
    return read


def count(name: str, value: JsonValue) -> int:
    """Read a number of bytes, tokens, chunks."""
    read = _integer(value)
    if read is None or not 0 <= read <= SAFE_INTEGER:
        raise FieldError(name, "must be an integer from 0 to 2^53 - 1")
    return read


def duration(name: str, value: JsonValue) -> int | float:
    """Milliseconds."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= SAFE_INTEGER:
        raise FieldError(name, "must be a number of milliseconds, 0 or more")
    return abs(value)  # there is a zero below zero


def tokens(name: str, value: JsonValue) -> JsonValue:
    """Read counts of model tokens by kind."""
    if not isinstance(value, dict) or len(value) > _MAX_COUNTS:
        raise FieldError(name, f"must be an object of at most {_MAX_COUNTS} counts")
    if not all(map(_COUNT_NAME.fullmatch, value)):
        raise FieldError(name, "must have keys like input, output, total")
    return {kind: None if number is None else count(name, number) for kind, number in value.items()}


def flag(name: str, value: JsonValue) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise FieldError(name, "must be true or false")
    return value


def stream(name: str, value: JsonValue) -> JsonValue:
    """Read whether the call was streamed, or which part of a stream this record is."""
    return value if isinstance(value, bool) else _members(name, value, _STREAM)


def _phase(name: str, value: JsonValue) -> str:
    if not isinstance(value, str) or value not in STREAM_PHASES:
        raise FieldError(name, "must be start or end")
    return value


def _digests(name: str, value: JsonValue) -> JsonValue:
    if not isinstance(value, list) or len(value) > MAX_CHUNK_DIGESTS:
        raise FieldError(name, f"must be a list of at most {MAX_CHUNK_DIGESTS} digests")
    return [None if item is None else digest(name, item) for item in value]


def envelope(name: str, value: JsonValue) -> JsonValue:
    """Read references to payloads that the sender keeps elsewhere, encrypted."""
    given = _members(name, value, _ENVELOPE)
    parts: dict[str, JsonValue] = {side: {"ref": ref} for side, ref in given.items() if side != "mode"}
    return {"mode": "external", **parts} if parts else None


def _reference(name: str, value: JsonValue) -> str | None:
    if isinstance(value, dict):  # as a record has it
        value = value.get("ref")
    return None if value is None else _read_reference(name, value)


def _members(name: str, value: JsonValue, readers: dict[str, Reader]) -> dict[str, JsonValue]:
    if not isinstance(value, dict) or not value.keys() <= readers.keys():
        raise FieldError(name, f"must be an object of {', '.join(readers)}")
    read = {key: reader(f"{name}.{key}", value[key]) for key, reader in readers.items() if value.get(key) is not None}
    return {key: item for key, item in read.items() if item is not None}


_read_reference = text(1024)
_STREAM: dict[str, Reader] = {
    "id": text(256),
    "phase": _phase,
    "chunks": count,
    "bytes": count,
    "complete": flag,
    "chunk_every": count,
    "chunk_digests": _digests,
}
_ENVELOPE: dict[str, Reader] = {"mode": text(16), "request": _reference, "response": _reference}
