"""Decode OTLP's protobuf encoding to the objects that its JSON encoding has.

Promise: one reader serves both encodings (`otlp_reader`). A record is decoded when its turn comes, so the memory that a
request takes is in proportion to its bytes. A malformed record is refused alone. Unknown fields are skipped.

Source: https://protobuf.dev/programming-guides/encoding/, https://github.com/open-telemetry/opentelemetry-proto. The
decoder is our own: Google's takes 3 MB of the package, and any package beside it can lift its limit on nesting.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from audit_core.errors import DecodeError
from log_writer.intake.otlp_items import LOG_NAMES, SPAN_NAMES, FrameError, too_deep

_NOT_PROTOBUF: Final = "is not protobuf"
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5  # the wire types
_LAST_WIRE_TYPE: Final = 7
_FIXED: Final = {_FIXED64: 8, _FIXED32: 4}
_CONTINUES: Final = 0x80
_ONE_BYTE: Final = _CONTINUES | _LAST_WIRE_TYPE
_MAX_SHIFT: Final = 63
_SMALL: Final = 16 * 1024
"""A record up to this size is not weighed: however many messages it holds, it holds them for a moment."""
_DEEPEST: Final = 100
"""Messages inside one another, at most: as in Google's runtime. `otlp_items.MAX_DEPTH` levels need fewer."""
_MESSAGE_WEIGHT: Final = 4  # as an object of JSON counts

_Object = dict[str, Any]
_Read: TypeAlias = "Callable[[bytes], object]"
Fields: TypeAlias = "dict[int, Field]"
"""The known fields of a message, by tag: number and wire type. A known number with another type is an unknown field."""


class Field(NamedTuple):
    """A field of a message. `name`: its name in JSON. `read`: reads a value; null for a message, which has `fields`.

    `many`: the field repeats. `waits`: its messages become `Message`, to be decoded later.
    """

    name: str
    read: _Read | None
    fields: Fields
    many: bool = False
    waits: bool = False


class Kind(NamedTuple):
    """The kind of a field: its wire type, and the rest of `Field`."""

    wire: int
    read: _Read | None
    fields: Fields
    many: bool = False
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is not decoded yet: it is in `data` from `start` to `end`."""

    data: bytes
    start: int
    end: int
    fields: Fields

    def opened(self) -> _Object:
        """Decode the message. Raises `FrameError` when it is invalid, `FieldError` when it nests too deep."""
        try:
            return _decode(self.data, self.start, self.end, self.fields, {}, 0)
        except (DecodeError, UnicodeDecodeError):
            raise FrameError(_NOT_PROTOBUF) from None


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    result = shift = 0
    while position < end and shift <= _MAX_SHIFT:
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < _CONTINUES:
            return result, position
        shift += 7
    raise DecodeError(_NOT_PROTOBUF)


def _number(content: bytes) -> int:
    return _varint(content, 0, len(content))[0]


def _signed(bits: int) -> _Read:
    half = 1 << (bits - 1)
    return lambda content: (_number(content) + half) % (2 * half) - half


def _nanos(content: bytes) -> int:
    return int.from_bytes(content, "little")


def _double(content: bytes) -> float:
    return struct.unpack("<d", content)[0]


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bool(content: bytes) -> bool:
    return _number(content) != 0


def _count(content: bytes) -> int:
    return _number(content) % 2**32


def _values(wire: int, read: _Read) -> Kind:
    return Kind(wire, read, {})


def _messages(fields: Fields, *, many: bool = False, waits: bool = False) -> Kind:
    return Kind(_DELIMITED, None, fields, many=many, waits=waits)


def _fields(*rows: tuple[int, str, Kind]) -> Fields:
    return {number << 3 | kind.wire: Field(name, *kind[1:]) for number, name, kind in rows}


_TEXT: Final = _values(_DELIMITED, bytes.decode)
_ID: Final = _values(_DELIMITED, bytes.hex)
_BYTES: Final = _values(_DELIMITED, _base64)
_NANOS: Final = _values(_FIXED64, _nanos)
_DOUBLE: Final = _values(_FIXED64, _double)
_BOOL: Final = _values(_VARINT, _bool)
_INT64: Final = _values(_VARINT, _signed(64))
_ENUM: Final = _values(_VARINT, _signed(32))
_COUNT: Final = _values(_VARINT, _count)

_VALUE: Final[Fields] = {}
_PAIR: Final = _fields((1, "key", _TEXT), (2, "value", _messages(_VALUE)))
_VALUE.update(
    _fields(
        (1, "stringValue", _TEXT),
        (2, "boolValue", _BOOL),
        (3, "intValue", _INT64),
        (4, "doubleValue", _DOUBLE),
        (5, "arrayValue", _messages(_fields((1, "values", _messages(_VALUE, many=True))))),
        (6, "kvlistValue", _messages(_fields((1, "values", _messages(_PAIR, many=True))))),
        (7, "bytesValue", _BYTES),
    )
)
_ATTRIBUTES: Final = _messages(_PAIR, many=True)
_LOG: Final = _fields(
    (1, "timeUnixNano", _NANOS),
    (2, "severityNumber", _ENUM),
    (3, "severityText", _TEXT),
    (5, "body", _messages(_VALUE)),
    (6, "attributes", _ATTRIBUTES),
    (7, "droppedAttributesCount", _COUNT),
    (9, "traceId", _ID),
    (10, "spanId", _ID),
    (11, "observedTimeUnixNano", _NANOS),
    (12, "eventName", _TEXT),
)
_EVENT: Final = _fields((1, "timeUnixNano", _NANOS), (2, "name", _TEXT), (3, "attributes", _ATTRIBUTES))
_LINK: Final = _fields((1, "traceId", _ID), (2, "spanId", _ID), (4, "attributes", _ATTRIBUTES))
_SPAN: Final = _fields(
    (1, "traceId", _ID),
    (2, "spanId", _ID),
    (4, "parentSpanId", _ID),
    (5, "name", _TEXT),
    (6, "kind", _ENUM),
    (7, "startTimeUnixNano", _NANOS),
    (8, "endTimeUnixNano", _NANOS),
    (9, "attributes", _ATTRIBUTES),
    (10, "droppedAttributesCount", _COUNT),
    (11, "events", _messages(_EVENT, many=True)),
    (13, "links", _messages(_LINK, many=True)),
    (15, "status", _messages(_fields((2, "message", _TEXT), (3, "code", _ENUM)))),
)
_RESOURCE: Final = _fields((1, "attributes", _ATTRIBUTES))
_SCOPE: Final = _fields((1, "name", _TEXT), (2, "version", _TEXT), (3, "attributes", _ATTRIBUTES))


def _request(names: tuple[str, str, str], item: Fields) -> Fields:
    outer, middle, inner = names
    scoped = _fields((1, "scope", _messages(_SCOPE)), (2, inner, _messages(item, many=True, waits=True)))
    group = _fields((1, "resource", _messages(_RESOURCE)), (2, middle, _messages(scoped, many=True, waits=True)))
    return _fields((1, outer, _messages(group, many=True, waits=True)))


LOGS: Final = _request(LOG_NAMES, _LOG)
SPANS: Final = _request(SPAN_NAMES, _SPAN)


def open_request(body: bytes, fields: Fields) -> _Object:
    """Return the request in `body`: `LOGS` or `SPANS`. Raises `DecodeError`."""
    return _decode(body, 0, len(body), fields, {}, 0)


def is_too_heavy(body: bytes, limit: int, fields: Fields) -> bool:
    """Return whether a request holds more than `limit` values. A message counts as several; small records as one."""
    left = limit
    waiting = [Message(body, 0, len(body), fields)]
    try:
        while waiting:
            message = waiting.pop()
            if (message.fields is _LOG or message.fields is _SPAN) and message.end - message.start <= _SMALL:
                continue
            end = message.start
            while end < message.end:
                tag, start, end = _next(body, end, message.end)
                field = message.fields.get(tag)
                is_value = field is None or field.read is not None
                left -= 1 if is_value else _MESSAGE_WEIGHT
                if left < 0:
                    return True
                if field is not None and not is_value:
                    waiting.append(Message(body, start, end, field.fields))
    except DecodeError:  # for the decoder to say
        return False
    return False


def _decode(  # noqa: C901, PLR0912 - one loop without calls: it runs for every field
    data: bytes, position: int, last: int, fields: Fields, made: _Object, depth: int
) -> _Object:
    """Add the known fields of a message to `made`. Protobuf merges a message that comes twice in this way."""
    if depth > _DEEPEST:
        raise too_deep()
    while position < last:
        tag = data[position]
        # Nearly every field has one byte for its tag, and one for its size.
        if tag & _ONE_BYTE == _DELIMITED and position + 1 < last and data[position + 1] < _CONTINUES:
            start = position + 2
            position = start + data[position + 1]
            if position > last or tag == _DELIMITED:
                raise DecodeError(_NOT_PROTOBUF)
        else:
            tag, start, position = _next(data, position, last)
        field = fields.get(tag)
        if field is None:
            continue
        name, read, inner, many, waits = field
        if read is not None:
            value = read(data[start:position])
        elif waits:
            value = Message(data, start, position, inner)
        elif many or (before := made.get(name)) is None:
            value = _decode(data, start, position, inner, {}, depth + 1)
        else:
            value = _decode(data, start, position, inner, before, depth + 1)
        if many:
            if name in made:
                made[name].append(value)
            else:
                made[name] = [value]
        else:
            if fields is _VALUE and name not in made:
                made.clear()  # of several kinds of value, the last counts
            made[name] = value
    return made


def _next(data: bytes, position: int, last: int) -> tuple[int, int, int]:
    """Return the tag of the field at `position`, and where its content starts and ends."""
    tag = data[position]
    position += 1
    if tag >= _CONTINUES:
        tag, position = _varint(data, position - 1, last)
    wire = tag & 7
    start = position
    if wire == _DELIMITED:
        if position < last and (size := data[position]) < _CONTINUES:
            start += 1
        else:
            size, start = _varint(data, position, last)
        position = start + size
    elif wire == _VARINT:
        _, position = _varint(data, position, last)
    elif wire in _FIXED:
        position += _FIXED[wire]
    else:
        raise DecodeError(_NOT_PROTOBUF)
    if tag <= _LAST_WIRE_TYPE or position > last:
        raise DecodeError(_NOT_PROTOBUF)
    return tag, start, position
