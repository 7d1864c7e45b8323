"""The native format: an object, an array of objects, or one object a line (NDJSON).

Promise: every element becomes an Event or a Refusal; nothing of it is lost on the way. A body of which nothing can be
decoded raises `DecodeError`.
"""

from __future__ import annotations

import binascii
import contextlib
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence

import orjson

from audit_core.attributes import MAX_ATTRIBUTES
from audit_core.canonical import (
    LEVELS,
    MAX_DEPTH,
    NOT_JSON,
    JsonValue,
    decode_json,
    encode,
    has_duplicate_key,
    wrapped,
)
from audit_core.errors import DecodeError, FieldError
from audit_core.event import Event, Payload
from audit_core.fields import FIELDS
from log_writer.intake.answer import read_payload
from log_writer.intake.decoded import Decoded, Refusal, TooManyError, refusal_of
from log_writer.intake.near import NearNames
from log_writer.intake.outline import item_texts, reason_against, split_items
from log_writer.intake.usage import named

SOURCE = "native"
_BOM = b"\xef\xbb\xbf"
_OPENS_DOCUMENT = re.compile(rb"\s*+(?:\[|\{\s*+$)")
_EVENT_DEPTH = MAX_DEPTH + 1
"""An event is an object around a payload, which may have a digest as deep as that is."""
_WRAPPING = LEVELS - _EVENT_DEPTH
_NOT_AN_OBJECT = "must be an object"
_GUIDE = ("timestamp", "user_id", "endpoint", "method", "status", "outcome", "correlation_id")
"""Fields that describe a call, besides digests. The token names the agent."""
_EMPTY = f"must have at least one of {', '.join(_GUIDE)}"
_MISSPELT = f"is perhaps misspelt: the event has none of {', '.join(_GUIDE)}"
_SIDES = ("request", "response")
_OWN_KEYS = (
    *_SIDES, "request_base64", "response_base64", "response_chunks", "response_chunks_base64",
    "attributes",
)  # fmt: skip

_MOST_NAMES = MAX_ATTRIBUTES + len(FIELDS) + len(_OWN_KEYS)


def decode_native(body: bytes, *, max_events: int) -> Decoded:
    """Decode `body`. Raises `DecodeError` when none of it can be, `TooManyError` when it holds too many."""
    body = body.removeprefix(_BOM)
    try:
        value: JsonValue = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return _decode_apart(body, max_events, DecodeError(NOT_JSON, position=error.pos))
    elements = value if isinstance(value, list) else [value]
    if len(elements) > max_events:
        raise TooManyError(max_events)
    encoded = _encoded_whole(body, elements)
    if encoded is None:
        return _decode_each((item_texts(body) if isinstance(value, list) else None) or [body], max_events)
    content = hashlib.sha256(memoryview(encoded)[_WRAPPING:-_WRAPPING]).digest()
    return Decoded(items=_items(elements, {}), content=content)


def _encoded_whole(body: bytes, elements: list[JsonValue]) -> bytes | None:
    """Return the elements as JSON; null when one of them is invalid. `_decode_each` finds out which."""
    try:
        _encode_payloads(elements)
        encoded = _encoded(elements)
        return None if has_duplicate_key(body, encoded) else encoded
    except Exception:  # noqa: BLE001 - whatever it is, one element causes it
        return None


def _decode_apart(body: bytes, max_events: int, failed: DecodeError) -> Decoded:
    """Decode the elements of an array, or the lines, one by one: the whole is invalid JSON."""
    texts = split_items(body, max_events, _is_cut)
    if texts is None:
        raise failed
    return _decode_each(texts, max_events, failed)


def _is_cut(line: bytes) -> bool:
    if not _OPENS_DOCUMENT.match(line):
        return False
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return True
    return False


def _decode_each(texts: Sequence[bytes], max_events: int, failed: DecodeError | None = None) -> Decoded:
    """Decode each element from its own text. Raises `failed`, if given, when none of them is JSON."""
    if len(texts) > max_events:
        raise TooManyError(max_events)
    content = hashlib.sha256()
    elements: list[JsonValue] = []
    bad: dict[int, Exception] = {}
    not_json = 0
    for index, text in enumerate(texts):
        if index:
            content.update(b",")
        element: JsonValue = None
        try:
            element = decode_json(text, _EVENT_DEPTH)
            _encode_payloads([element])
            content.update(memoryview(_encoded([element]))[_WRAPPING:-_WRAPPING])
        except Exception as error:  # noqa: BLE001 - it must not cost the elements beside it
            bad[index] = error
            if isinstance(error, DecodeError) and error.position is not None:
                bad[index] = DecodeError(reason_against(text))
                not_json += 1
            content.update(text)
        elements.append(element)
    if failed is not None and not_json == len(texts):
        raise failed
    return Decoded(items=_items(elements, bad), content=content.digest())


def _encode_payloads(elements: Iterable[object]) -> None:
    """Replace each JSON payload by one that holds its encoding too, which the digest is made from."""
    for element in elements:
        if type(element) is dict:
            for side in _SIDES:
                value = element.get(side)
                if type(value) is dict or type(value) is list:
                    with contextlib.suppress(Exception):  # `_encoded` fails, too, and reports it
                        element[side] = Payload(value=value, encoded=encode(value))


def _encoded(elements: list[JsonValue]) -> bytes:
    """Encode the elements inside many arrays, so that the encoder rejects an element that nests too deep."""
    inside = wrapped(elements, _EVENT_DEPTH + 1)
    return orjson.dumps(inside, default=_fragment, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS)


def _fragment(payload: object) -> orjson.Fragment:
    if not isinstance(payload, Payload) or payload.encoded is None:
        raise TypeError
    return orjson.Fragment(payload.encoded.text)


def _items(elements: list[JsonValue], bad: dict[int, Exception]) -> Iterator[Event | Refusal]:
    near = NearNames((*FIELDS, *_OWN_KEYS))
    for index in range(len(elements)):
        element, elements[index] = elements[index], None
        if index in bad:
            yield refusal_of(index, bad[index])
            continue
        try:
            event = _event(index, element, near)
        except Exception as error:  # noqa: BLE001 - it must not cost the events beside it
            yield refusal_of(index, error)
        else:
            yield event


def _event(index: int, element: JsonValue, near: NearNames) -> Event:
    if not isinstance(element, dict):
        raise FieldError("", _NOT_AN_OBJECT)
    event = Event(index=index, source=SOURCE, fields={})
    given = element.get("attributes")
    if given is not None:
        if not isinstance(given, dict):
            raise FieldError("attributes", _NOT_AN_OBJECT)
        event.attributes = dict(given)
    if len(element) + len(event.attributes) > _MOST_NAMES:
        raise FieldError("attributes", f"must be at most {MAX_ATTRIBUTES}")
    _sort_in(event, element, near)
    if all(event.fields.get(name) in (None, "") for name in _GUIDE):
        raise FieldError(next(iter(event.misspelt), ""), _MISSPELT if event.misspelt else _EMPTY)
    if isinstance(tokens := event.fields.get("tokens"), dict):
        event.fields["tokens"] = named(tokens)
    _add_payloads(event, element)
    return event


def _add_payloads(event: Event, element: dict[str, JsonValue]) -> None:
    event.request = _payload(element, "request")
    event.response = _streamed(element, "response") or _payload(element, "response")
    if event.response is not None:
        event.signs = read_payload(event.response)


def _sort_in(event: Event, element: dict[str, JsonValue], near: NearNames) -> None:
    """Put members with a field's name into fields, and members with an unknown name into attributes."""
    misspelt: dict[str, None] = {}
    for name, value in element.items():
        if name in FIELDS:
            event.fields[name] = value
        elif name not in _OWN_KEYS:
            if (meant := near.field(name)) is not None and value is not None:
                misspelt[meant] = None
            while name in event.attributes:
                name += "_"  # noqa: PLW2901 - both values are kept, the second under a name that shows it
            event.attributes[name] = value
    event.misspelt = tuple(misspelt)


def _payload(element: dict[str, JsonValue], side: str) -> Payload | None:
    value = element.get(side)
    encoded = element.get(f"{side}_base64")
    if value is None and encoded is None:
        return None
    if encoded is None:
        if isinstance(value, Payload):
            return value
        if isinstance(value, str):
            return Payload(data=value.encode(), text=True)
        return Payload(value=value)
    name = f"{side}_base64"
    if value is not None:
        raise FieldError(name, f"must not be there beside {side}")
    if not isinstance(encoded, str):
        raise FieldError(name, "must be a string")
    return Payload(data=_decode_base64(name, encoded))


def _streamed(element: dict[str, JsonValue], side: str) -> Payload | None:
    """Return a payload that came in chunks: texts, or base64 of bytes."""
    names = (f"{side}_chunks", f"{side}_chunks_base64")
    given = [name for name in names if element.get(name) is not None]
    if not given:
        return None
    name = given[0]
    if len(given) > 1 or element.get(side) is not None or element.get(f"{side}_base64") is not None:
        raise FieldError(name, f"must not be there beside {side} in another form")
    listed = element[name]
    if not isinstance(listed, list):
        raise FieldError(name, "must be a list of strings")
    is_text = name == names[0]
    chunks: list[bytes] = []
    while listed:  # each goes before the next comes: there may be very many
        chunk = listed.pop()
        if not isinstance(chunk, str):
            raise FieldError(name, "must be a list of strings")
        chunks.append(chunk.encode() if is_text else _decode_base64(name, chunk))
    chunks.reverse()
    return Payload(chunks=chunks, text=is_text)


def _decode_base64(name: str, encoded: str) -> bytes:
    try:
        return binascii.a2b_base64(encoded.encode(), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise FieldError(name, "must be base64") from None
