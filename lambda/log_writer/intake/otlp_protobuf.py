"""OTLP's protobuf encoding.

Promise: protobuf is imported when the first such request comes, not before. Records are decoded one at a time, so that
what a request takes in memory is in proportion to its bytes; one that is malformed is refused alone.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Container, Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeVar

from audit_core.canonical import DUPLICATE_KEY, JsonValue
from audit_core.errors import DecodeError, FieldError
from log_writer.intake.otlp_items import (
    MAX_DEPTH,
    Attributes,
    FrameError,
    Items,
    LogItem,
    Origin,
    SpanEvent,
    SpanItem,
    checked_id,
    collect,
    plain_double,
    too_deep,
)

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_NOT_PROTOBUF: Final = "is not protobuf"
_LENGTH_DELIMITED: Final = 2
_FIXED: Final = {1: 8, 5: 4}
_LAST_VARINT_BYTE: Final = 0x80
_MAX_SHIFT: Final = 63
_SMALL: Final = 16 * 1024
"""A record up to here is decoded unseen: however many messages it holds, it holds them for a moment."""
_MOST_MESSAGES_DEEP: Final = 100  # protobuf's own default
_MESSAGE_WEIGHT: Final = 4  # as an object of JSON counts

_Message = TypeVar("_Message", bound="Resource | InstrumentationScope")
_Read: TypeAlias = "Callable[[bytes], LogItem | SpanItem]"
_Schema: TypeAlias = "dict[int, _Schema]"
_VALUE: _Schema = {}
_PAIR: _Schema = {2: _VALUE}
_VALUE.update({5: {1: _VALUE}, 6: {1: _PAIR}})
_RESOURCE: _Schema = {1: _PAIR}
_SCOPE: _Schema = {3: _PAIR}
_LOG: _Schema = {5: _VALUE, 6: _PAIR}
_SPAN: _Schema = {9: _PAIR, 11: {3: _PAIR}, 13: {4: _PAIR}, 15: {}}


class _Types(NamedTuple):
    """The message types, once they are imported."""

    log: type[LogRecord]
    span: type[Span]
    resource: type[Resource]
    scope: type[InstrumentationScope]
    error: type[Exception]


@functools.cache
def _types() -> _Types:
    from google.protobuf.message import DecodeError as ProtobufError  # noqa: PLC0415 - no part of a cold start
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope  # noqa: PLC0415
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord  # noqa: PLC0415
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource  # noqa: PLC0415
    from opentelemetry.proto.trace.v1.trace_pb2 import Span  # noqa: PLC0415

    return _Types(log=LogRecord, span=Span, resource=Resource, scope=InstrumentationScope, error=ProtobufError)


def read_logs(body: bytes) -> Items:
    """The log records of a request. Raises `DecodeError` where it is no such request."""
    return _walk(body, _LOG, lambda data: _log(_types().log.FromString(data)))


def read_spans(body: bytes) -> Items:
    """The spans of a request. Raises `DecodeError` where it is no such request."""
    return _walk(body, _SPAN, lambda data: _span(_types().span.FromString(data)))


def logs_too_heavy(body: bytes, limit: int) -> bool:
    """Whether a request holds more values than `limit`, a message counting as several, beside its smaller records."""
    return _too_heavy(body, limit, _LOG)


def spans_too_heavy(body: bytes, limit: int) -> bool:
    """The same for spans."""
    return _too_heavy(body, limit, _SPAN)


def _walk(body: bytes, schema: _Schema, read: _Read) -> Items:
    """Yield each item, or why it is refused. An invalid resource or scope refuses only its own items."""
    types = _types()
    for _, start, end in _parts(body, 0, len(body), {1}):
        try:
            groups = list(_parts(body, start, end, {1, 2}))
            resource = _joined(types.resource, body, groups)
        except Exception as error:  # noqa: BLE001 - it must not cost the items of other resources
            yield FrameError(error.reason) if isinstance(error, DecodeError) else error
            continue
        for number, first, last in groups:
            if number != 1:
                yield from _scoped(body, (first, last), resource, schema, read)


def _scoped(body: bytes, span: tuple[int, int], resource: Resource, schema: _Schema, read: _Read) -> Items:
    try:
        parts = list(_parts(body, *span, {1, 2}))
        origin = _origin(resource, _joined(_types().scope, body, parts))
    except Exception as error:  # noqa: BLE001 - as above
        yield FrameError(error.reason) if isinstance(error, DecodeError) else error
        return
    for kind, begin, stop in parts:
        if kind == 1:
            continue
        if isinstance(origin, Exception):
            yield origin
            continue
        try:
            if stop - begin > _SMALL:
                _refuse_deep(body, begin, stop, schema)
            item = read(body[begin:stop])
        except (_types().error, DecodeError):
            yield FieldError("", _NOT_PROTOBUF)
        except Exception as error:  # noqa: BLE001 - it must not cost the items beside it
            yield error
        else:
            yield origin, item


def _origin(resource: Resource, scope: InstrumentationScope) -> Origin | Exception:
    try:
        return Origin(
            resource=collect(_pairs(resource.attributes, 0)),
            scope=scope.name,
            scope_version=scope.version,
            scope_attributes=collect(_pairs(scope.attributes, 0)),
        )
    except Exception as error:  # noqa: BLE001 - it must not cost the items of other scopes
        return error


def _joined(kind: Callable[[], _Message], body: bytes, parts: list[tuple[int, int, int]]) -> _Message:
    """The message in field 1. Where it is there more than once, protobuf merges them, as parsing them in a row does."""
    message = kind()
    try:
        for number, start, end in parts:
            if number == 1:
                message.MergeFromString(body[start:end])
    except _types().error:
        raise DecodeError(_NOT_PROTOBUF) from None
    return message


def _parts(data: bytes, position: int, end: int, wanted: Container[int]) -> Iterator[tuple[int, int, int]]:
    """The length-delimited fields of a message: number, start and end of each that is `wanted`; others go by."""
    return (part for part in _fields(data, position, end) if part[0] in wanted)


def _fields(data: bytes, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fields of a message: number, start and end of each; of one that is not length-delimited, 0 as number."""
    while position < end:
        tag, position = _varint(data, position, end)
        wire, number = tag & 7, tag >> 3
        start = position
        if wire == _LENGTH_DELIMITED:
            size, start = _varint(data, position, end)
            position = start + size
        elif wire == 0:
            _, position = _varint(data, position, end)
        elif wire in _FIXED:
            position += _FIXED[wire]
        else:
            raise DecodeError(_NOT_PROTOBUF)
        if number == 0 or position > end:
            raise DecodeError(_NOT_PROTOBUF)
        yield (number if wire == _LENGTH_DELIMITED else 0), start, position


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    result = shift = 0
    while position < end and shift <= _MAX_SHIFT:
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < _LAST_VARINT_BYTE:
            return result, position
        shift += 7
    raise DecodeError(_NOT_PROTOBUF)


def _too_heavy(body: bytes, limit: int, record: _Schema) -> bool:
    left = limit
    level: list[tuple[int, int, _Schema]] = [(0, len(body), {1: {1: _RESOURCE, 2: {1: _SCOPE, 2: record}}})]
    try:
        while level:
            start, end, schema = level.pop()
            if schema is record and end - start <= _SMALL:
                continue
            for number, first, last in _fields(body, start, end):
                inner = schema.get(number)
                left -= 1 if inner is None else _MESSAGE_WEIGHT
                if left < 0:
                    return True
                if inner is not None:
                    level.append((first, last, inner))
    except DecodeError:  # for the decoder to say
        return False
    return False


def _refuse_deep(body: bytes, start: int, end: int, record: _Schema) -> None:
    """Refuse what nests so deep that decoding it could take more stack than there is.

    Protobuf has such a limit itself, but one that any package can lift for the whole process.
    """
    level = [(start, end, record)]
    for _ in range(_MOST_MESSAGES_DEEP):
        level = [
            (first, last, schema[number])
            for begin, stop, schema in level
            if schema
            for number, first, last in _parts(body, begin, stop, schema)
        ]
        if not level:
            return
    raise too_deep()


def _log(record: LogRecord) -> LogItem:
    return LogItem(
        time=record.time_unix_nano,
        observed=record.observed_time_unix_nano,
        severity=record.severity_number,
        severity_text=record.severity_text,
        event_name=record.event_name,
        body=_any(record.body, 0),
        attributes=collect(_pairs(record.attributes, 0)),
        dropped=record.dropped_attributes_count,
        trace_id=checked_id("traceId", record.trace_id.hex(), 16),
        span_id=checked_id("spanId", record.span_id.hex(), 8),
    )


def _span(record: Span) -> SpanItem:
    return SpanItem(
        trace_id=checked_id("traceId", record.trace_id.hex(), 16),
        span_id=checked_id("spanId", record.span_id.hex(), 8),
        parent_id=checked_id("parentSpanId", record.parent_span_id.hex(), 8),
        name=record.name,
        kind=record.kind,
        start=record.start_time_unix_nano,
        end=record.end_time_unix_nano,
        attributes=collect(_pairs(record.attributes, 0)),
        dropped=record.dropped_attributes_count,
        status=record.status.code,
        status_message=record.status.message,
        events=[
            SpanEvent(name=event.name, time=event.time_unix_nano, attributes=collect(_pairs(event.attributes, 0)))
            for event in record.events
        ],
        links=[
            (checked_id("traceId", link.trace_id.hex(), 16), checked_id("spanId", link.span_id.hex(), 8))
            for link in record.links
        ],
    )


def _pairs(given: Iterable[KeyValue], depth: int) -> Iterator[tuple[str, JsonValue]]:
    for pair in given:
        value = pair.value
        # The one kind that nearly every value is of, first.
        if value.HasField("string_value"):
            yield pair.key, value.string_value
        else:
            yield pair.key, _any(value, depth)


def _any(value: AnyValue, depth: int) -> JsonValue:
    """One of OTLP's values, as JSON itself would say it."""
    kind = value.WhichOneof("value")
    match kind:
        case None:
            return None
        case "string_value" | "bool_value" | "int_value":
            return getattr(value, kind)
        case "double_value":
            return plain_double(value.double_value)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
    if depth >= MAX_DEPTH:
        raise too_deep()
    if kind == "array_value":
        return [_any(item, depth + 1) for item in value.array_value.values]
    if kind != "kvlist_value":
        raise FieldError("attributes", "must be values of a known kind")
    members: Attributes = {}
    for name, member in _pairs(value.kvlist_value.values, depth + 1):
        if name in members:
            raise FieldError("attributes", DUPLICATE_KEY)
        members[name] = member
    return members
