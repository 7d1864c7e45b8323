"""OTLP/HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp): log records and spans, in JSON and in protobuf.

Promise: every log record and every span becomes an Event or a Refusal. The same request in either encoding becomes the
same events, stored as the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import orjson

from audit_core.errors import DecodeError
from audit_core.event import Event
from log_writer.intake.decoded import Decode, Decoded, Refusal, RunningDigest, TooManyError, refusal_of
from log_writer.intake.otlp_events import EventMaker
from log_writer.intake.otlp_frame import open_json
from log_writer.intake.otlp_items import LOG_NAMES, SPAN_NAMES, FrameError, Items, Origin
from log_writer.intake.otlp_protobuf import LOGS, SPANS, is_too_heavy
from log_writer.intake.otlp_protobuf import open_request as open_protobuf
from log_writer.intake.otlp_reader import Read, read_items, read_log, read_span

_SEPARATOR: Final = b"\x00"  # is in no JSON


def _decode(open_request: Callable[[bytes], object], names: tuple[str, str, str], read: Read) -> Decode:
    """Return the decoder of one signal in one encoding. Raises `DecodeError`, also as the items are read."""

    def decode(body: bytes, *, max_events: int) -> Decoded:
        content = hashlib.sha256()
        items = read_items(open_request(body), names, read)
        return Decoded(items=_events(items, max_events, content), content=content)

    return decode


decode_logs_json: Final = _decode(partial(open_json, names=LOG_NAMES), LOG_NAMES, read_log)
decode_logs_protobuf: Final = _decode(partial(open_protobuf, fields=LOGS), LOG_NAMES, read_log)
decode_spans_json: Final = _decode(partial(open_json, names=SPAN_NAMES), SPAN_NAMES, read_span)
decode_spans_protobuf: Final = _decode(partial(open_protobuf, fields=SPANS), SPAN_NAMES, read_span)
logs_too_heavy: Final = partial(is_too_heavy, fields=LOGS)
spans_too_heavy: Final = partial(is_too_heavy, fields=SPANS)


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
