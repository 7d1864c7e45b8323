"""OTLP/HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp): log records and spans, in JSON and in protobuf.

Promise: every log record and every span becomes an Event or a Refusal; the same request in either encoding is the same
events, and is stored as the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import orjson

from audit_core.errors import DecodeError
from audit_core.event import Event
from log_writer.intake import otlp_json, otlp_protobuf
from log_writer.intake.decoded import Decoded, Refusal, RunningDigest, TooManyError, refusal_of
from log_writer.intake.otlp_events import EventMaker
from log_writer.intake.otlp_items import FrameError, Items, Origin

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
    """Make an event of each item. Raises `DecodeError` when the frame holds errors only."""
    maker = EventMaker()
    last: Origin | None = None
    unread: list[Refusal] = []
    is_read = False
    for index, found in enumerate(items):
        if index >= max_events:
            raise TooManyError(max_events)
        if isinstance(found, Exception):
            content.update(_SEPARATOR)
            unread.append(refusal_of(index, found))
            is_read = is_read or not isinstance(found, FrameError)
            continue
        is_read = True
        origin, item = found
        if origin is not last:
            content.update(_SEPARATOR + origin.encoded)
            last = origin
        try:
            content.update(orjson.dumps(item))
            event = maker.make(origin, item, index)
        except Exception as error:  # noqa: BLE001 - it must not cost the events beside it
            yield refusal_of(index, error)
        else:
            yield event
    if unread and not is_read:
        raise DecodeError(unread[0].reason)
    yield from unread
