"""Events as the log takes them (docs/record.md): plain dictionaries of metadata, never content.

Promise: the log never refuses an event for its form: text is cut to a record's limits, and control characters are
removed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime, timezone

from audit_log_client._core.stream import StreamedPayload
from audit_log_client._json import JsonValue

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LIMITS = {
    "endpoint": 8192, "agent_version": 128, "trace_id": 128, "span_id": 128, "request_mime": 255, "response_mime": 255,
    "method": 20,
}  # fmt: skip
_TEXT_LIMIT = 256
IDS = (
    "id", "user_id", "session_id", "correlation_id", "agent_id", "agent_name", "agent_version", "deployment_id",
    "trace_id", "span_id", "provider_request_id", "model",
)  # fmt: skip
"""The fields that hold text, also where the program passes another type."""
_USERINFO = re.compile(r"(?<![^/\\])[^/\\?#]*@")
_QUERY = re.compile(r"[?#]")
_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"))


def new_id() -> str:
    """Return an id that no other event has."""
    return os.urandom(16).hex()


def plain(name: str, value: str) -> str | None:
    """`value` as the field `name` may hold it; null when nothing is left."""
    if not value.isprintable():
        value = _CONTROL.sub("", value)
    return value[: _LIMITS.get(name, _TEXT_LIMIT)] or None


def id_text(value: object) -> str | None:
    """Return an id as text: a number becomes its decimal text. Null where there is no id."""
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def time_of(nanoseconds: int) -> str:
    """Return a time in nanoseconds since 1970 as RFC 3339 in UTC with microseconds."""
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 1_000_000_000 // 1000:06}Z"


def clean_endpoint(url: str) -> str:
    """`url` without query, fragment and userinfo. The writer does the same, and more, with whatever it gets."""
    return _USERINFO.sub("", _QUERY.split(url, maxsplit=1)[0])


def media_type(content_type: str | None) -> str | None:
    """Return the type and subtype of a `Content-Type` header."""
    return (content_type or "").partition(";")[0].strip().lower() or None


def stream_part(stream_id: str, streamed: StreamedPayload | None, *, size: int, complete: bool) -> dict[str, JsonValue]:
    """Return the `stream` of a stream's last event."""
    part: dict[str, JsonValue] = {"id": stream_id, "phase": "end", "complete": complete}
    if streamed is None:
        return {**part, "bytes": size}
    part |= {"chunks": streamed.chunks, "bytes": size}
    if any(streamed.chunk_digests):
        part |= {"chunk_every": streamed.chunk_every, "chunk_digests": list(streamed.chunk_digests)}
    return part


def line_of(event: Mapping[str, JsonValue]) -> bytes:
    """`event` as a line: without what is not known, and with text as records may hold it.

    A field or an attribute that JSON cannot hold is left out: the event is kept.
    """
    known: dict[str, JsonValue] = {}
    for name, value in event.items():
        kept = plain(name, value) if isinstance(value, str) else value
        if kept is not None:
            known[name] = kept
    try:
        encoded = _ENCODER.encode(known)
    except (TypeError, ValueError, RecursionError):
        attributes = known.get("attributes")
        if isinstance(attributes, Mapping):
            known["attributes"] = {name: value for name, value in attributes.items() if _is_json({name: value})}
        encoded = _ENCODER.encode({name: value for name, value in known.items() if _is_json(value)})
    return encoded.encode("utf-8", "replace")


def _is_json(value: object) -> bool:
    try:
        _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
