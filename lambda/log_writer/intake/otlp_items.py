"""Log records and spans as plain values, the same in both of OTLP's encodings.

Ids are lower-case hex, times are nanoseconds, bytes are base64. A double that JSON cannot hold becomes its name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import orjson

from audit_core.canonical import JsonValue
from audit_core.errors import FieldError

LOG_NAMES: Final = ("resourceLogs", "scopeLogs", "logRecords")
SPAN_NAMES: Final = ("resourceSpans", "scopeSpans", "spans")
"""The lists in a request, one inside the other."""
MAX_DEPTH: Final = 24
"""Lists and maps inside one another in a value, at most: protobuf's own limit is not far above it."""
MAX_UINT64: Final = 2**64 - 1
MAX_SHARED_BYTES: Final = 16 * 1024
"""A resource, or a scope, at most: each of its records repeats it."""
DUPLICATES: Final = "duplicate_attributes"
"""The attribute under which what came under a name that was taken is kept."""

Attributes: TypeAlias = "dict[str, JsonValue]"


class FrameError(FieldError):
    """Raised for an invalid frame around items. The number of items inside is unknown."""

    def __init__(self, reason: str) -> None:
        super().__init__("", reason)


@dataclass(slots=True, kw_only=True)
class Origin:
    """What the items of one scope share: who sent them, and through which instrumentation.

    `encoded`: all of that, as bytes.
    """

    resource: Attributes
    scope: str
    scope_version: str
    scope_attributes: Attributes
    encoded: bytes = b""

    def __post_init__(self) -> None:
        self.encoded = encoded_shared([self.resource, self.scope, self.scope_version, self.scope_attributes])


@dataclass(slots=True, kw_only=True)
class LogItem:
    """A log record. Times are 0, texts and ids empty where the wire has none."""

    time: int
    observed: int
    severity: int
    severity_text: str
    event_name: str
    body: JsonValue
    attributes: Attributes
    dropped: int
    trace_id: str
    span_id: str


@dataclass(slots=True, kw_only=True)
class SpanEvent:
    """Something that happened during a span."""

    name: str
    time: int
    attributes: Attributes


@dataclass(slots=True, kw_only=True)
class SpanItem:
    """A span. `kind` and `status` are OTLP's numbers; `links` are trace ids and span ids."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start: int
    end: int
    attributes: Attributes
    dropped: int
    status: int
    status_message: str
    events: list[SpanEvent] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)


def encoded_shared(shared: object) -> bytes:
    """Encode what several items share. Raises `FieldError` when it is too large."""
    encoded = orjson.dumps(shared)
    if len(encoded) > MAX_SHARED_BYTES:
        raise FieldError("resource", f"must be at most {MAX_SHARED_BYTES} bytes, with its scope")
    return encoded


Found: TypeAlias = "tuple[Origin, LogItem | SpanItem] | Exception"
"""An item and its origin; or why it is refused: a `FieldError`, or an unexpected exception."""
Items: TypeAlias = "Iterator[Found]"


def checked_id(name: str, value: str, size: int) -> str:
    """Return the id `value`, `size` bytes in hex; empty when there is none or it is all zeros."""
    if not value or not value.strip("0"):
        return ""
    if len(value) != 2 * size:
        raise FieldError(name, f"must be {2 * size} digits of hex")
    return value


def plain_double(value: float) -> JsonValue:
    """Return a double as JSON can hold it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def too_deep() -> FieldError:
    """Return the error for a value that nests deeper than `MAX_DEPTH`."""
    return FieldError("attributes", f"must not nest deeper than {MAX_DEPTH} levels")
