"""Read log records and spans from the objects of an OTLP request, whichever encoding it came in.

Promise: reads what the specification allows, skips unknown fields, and refuses a record with a value of the wrong type
alone. Accepts what exporters write: a 64-bit number as a number or a text, an enumeration as a number or a name, an id
as hex or base64.

Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from audit_core.canonical import DUPLICATE_KEY, JsonValue
from audit_core.errors import FieldError
from log_writer.intake.otlp_frame import members, shared
from log_writer.intake.otlp_items import (
    DUPLICATES,
    MAX_DEPTH,
    MAX_UINT64,
    Attributes,
    Found,
    Items,
    LogItem,
    Origin,
    SpanEvent,
    SpanItem,
    checked_id,
    encoded_shared,
    plain_double,
    too_deep,
)

_INT64: Final = 2**63
_MAX_UINT32: Final = 2**32 - 1
_DIGITS: Final = re.compile(r"-?[0-9]{1,20}")
_HEX: Final = re.compile(r"[0-9A-Fa-f]*")
_KINDS: Final = {"INTERNAL": 1, "SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
_STATUSES: Final = {"OK": 1, "ERROR": 2}
_SEVERITIES: Final = {
    f"{name}{'' if step == 1 else step}": first + step - 1
    for name, first in {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17, "FATAL": 21}.items()
    for step in range(1, 5)
}

_Object = dict[str, JsonValue]
Read: TypeAlias = "Callable[[_Object], LogItem | SpanItem]"
_ReadValue: TypeAlias = "Callable[[JsonValue, int], JsonValue]"


def read_items(request: object, names: tuple[str, str, str], read: Read) -> Items:
    """Yield each item of a request, or why it is refused. An invalid resource or scope refuses only its own items."""
    outer, middle, inner = names
    for group in members(request, outer):
        resource = _resource(group)  # once: a request may have very many scopes of one resource
        for scoped in members(group, middle):
            origin = _origin(resource, scoped)
            for record in members(scoped, inner):
                yield _item(origin, record, read)


def _item(origin: Origin | Exception, record: _Object | Exception, read: Read) -> Found:
    if isinstance(record, Exception):
        return record
    if isinstance(origin, Exception):
        return origin
    try:
        return origin, read(record)
    except Exception as error:  # noqa: BLE001 - it must not cost the items beside it
        return error


def _resource(group: _Object | Exception) -> Attributes | Exception:
    try:
        attributes = _attributes(shared(group, "resource"))
        encoded_shared(attributes)
    except Exception as error:  # noqa: BLE001 - it must not cost the items of other resources
        return error
    return attributes


def _origin(resource: Attributes | Exception, scoped: _Object | Exception) -> Origin | Exception:
    if isinstance(resource, Exception):
        return resource
    try:
        scope = shared(scoped, "scope")
        return Origin(
            resource=resource,
            scope=_text(scope, "name"),
            scope_version=_text(scope, "version"),
            scope_attributes=_attributes(scope),
        )
    except Exception as error:  # noqa: BLE001 - it must not cost the items of other scopes
        return error


def read_log(record: _Object) -> LogItem:
    """Return a log record. Raises `FieldError`."""
    body = record.get("body")
    return LogItem(
        time=_natural(record, "timeUnixNano"),
        observed=_natural(record, "observedTimeUnixNano"),
        severity=_enum(record, "severityNumber", "SEVERITY_NUMBER_", _SEVERITIES),
        severity_text=_text(record, "severityText"),
        event_name=_text(record, "eventName"),
        body=None if body is None else _any(body, 0),
        attributes=_attributes(record),
        dropped=_natural(record, "droppedAttributesCount", _MAX_UINT32),
        trace_id=_id(record, "traceId", 16),
        span_id=_id(record, "spanId", 8),
    )


def read_span(record: _Object) -> SpanItem:
    """Return a span. Raises `FieldError`."""
    status = _inner(record, "status")
    return SpanItem(
        trace_id=_id(record, "traceId", 16),
        span_id=_id(record, "spanId", 8),
        parent_id=_id(record, "parentSpanId", 8),
        name=_text(record, "name"),
        kind=_enum(record, "kind", "SPAN_KIND_", _KINDS),
        start=_natural(record, "startTimeUnixNano"),
        end=_natural(record, "endTimeUnixNano"),
        attributes=_attributes(record),
        dropped=_natural(record, "droppedAttributesCount", _MAX_UINT32),
        status=_enum(status, "code", "STATUS_CODE_", _STATUSES),
        status_message=_text(status, "message"),
        events=[
            SpanEvent(name=_text(event, "name"), time=_natural(event, "timeUnixNano"), attributes=_attributes(event))
            for event in _list(record, "events")
        ],
        links=[(_id(link, "traceId", 16), _id(link, "spanId", 8)) for link in _list(record, "links")],
    )


def _inner(record: _Object, name: str) -> _Object:
    value = record.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FieldError(name, "must be an object")
    return value


def _list(record: _Object, name: str) -> list[_Object]:
    value = record.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise FieldError(name, "must be a list of objects")
    objects = [item for item in value if isinstance(item, dict)]
    if len(objects) != len(value):
        raise FieldError(name, "must be a list of objects")
    return objects


def _text(record: _Object, name: str) -> str:
    value = record.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FieldError(name, "must be a string")
    return value


def _number(name: str, value: JsonValue, low: int, high: int) -> int:
    if isinstance(value, str):
        value = int(value) if _DIGITS.fullmatch(value) else None
    elif isinstance(value, float):
        value = int(value) if math.fmod(value, 1) == 0 else None
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise FieldError(name, f"must be an integer from {low} to {high}")
    return value


def _natural(record: _Object, name: str, most: int = MAX_UINT64) -> int:
    value = record.get(name)
    return 0 if value is None else _number(name, value, 0, most)


def _enum(record: _Object, name: str, prefix: str, names: dict[str, int]) -> int:
    value = record.get(name)
    if value is None:
        return 0
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        return names.get(value.upper().removeprefix(prefix), 0)
    return _number(name, value, -(2**31), 2**31 - 1)


def _id(record: _Object, name: str, size: int) -> str:
    """Return an id as lower-case hex. Read hex, or base64: protobuf's usual JSON form of bytes."""
    value = _text(record, name)
    if not _HEX.fullmatch(value):
        decoded = _base64(value)
        if decoded is None:
            raise FieldError(name, f"must be {2 * size} digits of hex")
        value = decoded.hex()
    return checked_id(name, value.lower(), size)


def _base64(value: str) -> bytes | None:
    text = value.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        return None


def _attributes(holder: _Object) -> Attributes:
    """Return attributes by name. A repeated name is kept apart. A value of nothing is no attribute."""
    given = holder.get("attributes")
    if given is None:
        return {}
    attributes: Attributes = {}
    doubles: list[JsonValue] = []
    for name, value in _pairs(given, 0):
        if name in attributes:
            doubles.append({name: value})
        elif value is not None:
            attributes[name] = value
    if doubles:
        attributes[DUPLICATES] = doubles
    return attributes


def _pairs(given: JsonValue, depth: int) -> Iterator[tuple[str, JsonValue]]:
    if not isinstance(given, list):
        raise FieldError("attributes", "must be a list of keys and values")
    for pair in given:
        if not isinstance(pair, dict):
            raise FieldError("attributes", "must be a list of keys and values")
        key = pair.get("key", "")
        if type(key) is not str:
            raise FieldError("attributes", "must have strings as keys")
        value = pair.get("value")
        # What nearly every value is, without looking at what else it could be.
        if type(value) is dict and len(value) == 1 and type(text := value.get("stringValue")) is str:
            yield key, text
        else:
            yield key, None if value is None else _any(value, depth)


def _any(value: JsonValue, depth: int) -> JsonValue:
    """Return one of OTLP's values as plain JSON."""
    if not isinstance(value, dict):
        raise FieldError("attributes", "must have an object as each value")
    found: JsonValue = None
    several = False
    for kind, given in value.items():
        read = _VALUES.get(kind)
        if read is None or given is None:
            continue
        if several:
            raise FieldError("attributes", "must have one kind of value each")
        several = True
        found = read(given, depth)
    return found


def _typed(kind: type[str | bool], reason: str) -> _ReadValue:
    def read(given: JsonValue, _: int) -> JsonValue:
        if not isinstance(given, kind):
            raise FieldError("attributes", reason)
        return given

    return read


def _int(given: JsonValue, _: int) -> JsonValue:
    return _number("attributes", given, -_INT64, _INT64 - 1)


def _double(given: JsonValue, _: int) -> JsonValue:
    if isinstance(given, str):
        try:
            given = float(given)
        except ValueError:
            raise FieldError("attributes", "must have a number as doubleValue") from None
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise FieldError("attributes", "must have a number as doubleValue")
    return plain_double(float(given))


def _bytes(given: JsonValue, _: int) -> JsonValue:
    decoded = _base64(given) if isinstance(given, str) else None
    if decoded is None:
        raise FieldError("attributes", "must have base64 as bytesValue")
    return base64.b64encode(decoded).decode()


def _values(given: JsonValue, depth: int) -> list[JsonValue]:
    """Return the `values` of a list or a map."""
    if depth >= MAX_DEPTH:
        raise too_deep()
    if not isinstance(given, dict):
        raise FieldError("attributes", "must have an object as arrayValue or kvlistValue")
    values = given.get("values")
    if values is None:
        return []
    if not isinstance(values, list):
        raise FieldError("attributes", "must have a list as values")
    return values


def _array(given: JsonValue, depth: int) -> JsonValue:
    return [None if item is None else _any(item, depth + 1) for item in _values(given, depth)]


def _map(given: JsonValue, depth: int) -> JsonValue:
    members: Attributes = {}
    for key, value in _pairs(_values(given, depth), depth + 1):
        if key in members:
            raise FieldError("attributes", DUPLICATE_KEY)
        members[key] = value
    return members


_VALUES: Final[Mapping[str, _ReadValue]] = {
    "stringValue": _typed(str, "must have a string as stringValue"),
    "boolValue": _typed(bool, "must have true or false as boolValue"),
    "intValue": _int,
    "doubleValue": _double,
    "bytesValue": _bytes,
    "arrayValue": _array,
    "kvlistValue": _map,
}
"""The reader of each kind of value. It gets the value and how deep it is."""
