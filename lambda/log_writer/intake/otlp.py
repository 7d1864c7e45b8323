"""OTLP/HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp): log records and spans, in JSON and in protobuf.

Promise: every log record and every span becomes an Event or a Refusal; the same request in either encoding is the same
events, and is stored as the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import orjson

from audit_core.errors import FieldError
from audit_core.event import Event
from log_writer.intake import otlp_json, otlp_protobuf
from log_writer.intake.decoded import Decoded, Refusal, RunningDigest, TooManyError
from log_writer.intake.otlp_events import EventMaker
from log_writer.intake.otlp_items import Items, Origin

_SEPARATOR: Final = b"\x00"  # is in no JSON


def decode_logs_json(body: bytes, *, max_events: int) -> Decoded:
    """Log records, in JSON. Raises `DecodeError`, and as the items are read, too; `TooManyError` likewise."""
    return _decoded(otlp_json.read_logs(body), max_events)


def decode_logs_protobuf(body: bytes, *, max_events: int) -> Decoded:
    """The same in protobuf."""
    return _decoded(otlp_protobuf.read_logs(body), max_events)


def decode_spans_json(body: bytes, *, max_events: int) -> Decoded:
    """Spans, in JSON. Raises like `decode_logs_json`."""
    return _decoded(otlp_json.read_spans(body), max_events)


def decode_spans_protobuf(body: bytes, *, max_events: int) -> Decoded:
    """The same in protobuf."""
    return _decoded(otlp_protobuf.read_spans(body), max_events)


def _decoded(items: Items, max_events: int) -> Decoded:
    content = hashlib.sha256()
    return Decoded(items=_events(items, max_events, content), content=content)


def _events(items: Items, max_events: int, content: RunningDigest) -> Iterator[Event | Refusal]:
    maker = EventMaker()
    last: Origin | None = None
    for index, found in enumerate(items):
        if index >= max_events:
            raise TooManyError(max_events)
        if isinstance(found, FieldError):
            content.update(_SEPARATOR)
            yield Refusal(index=index, field=found.field, reason=found.reason)
            continue
        origin, item = found
        if origin is not last:
            content.update(_SEPARATOR + origin.encoded)
            last = origin
        content.update(orjson.dumps(item))
        try:
            yield maker.make(origin, item, index)
        except FieldError as error:
            yield Refusal(index=index, field=error.field, reason=error.reason)
