"""JSON as other programs export it: a list of items, alone, in a member of an object, or one a line.

Promise: every item is read or refused, alone. What strict JSON does not allow, but those programs write (NaN, Infinity,
half a surrogate pair), costs no item: such content has no digest, such metadata is null or has a question mark in that
place. An item with a key twice is refused: two readers would not read the same in it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import orjson

from audit_core.attributes import folded
from audit_core.canonical import DUPLICATE_KEY, NOT_JSON, TOO_DEEP, JsonValue, has_duplicate_key, nests_deeper
from audit_core.errors import DecodeError, FieldError
from audit_core.event import Event, Payload
from audit_core.fields import READERS
from audit_core.people import split_user
from log_writer.intake.decoded import Decoded, Refusal, TooManyError, refusal_of
from log_writer.intake.outline import reason_against, split_items

NO_OBJECT = "must be an object"
_BOM = b"\xef\xbb\xbf"
_MAX_DEPTH = 250  # what the encoder takes, with the list around it
_MOST_DIGITS = 20
_MOST_INTEGER = 2**64
_TWICE = "\0twice"  # no exporter has this key, and a record never shows it

Make: TypeAlias = "Callable[[int, dict[str, JsonValue]], Event]"


@dataclass(slots=True, kw_only=True)
class Items:
    """The items of a body. `loose`: the lenient reader read it, so an item may hold values that JSON forbids.

    `bad`: why an item is refused, by its index. `content`: SHA-256 over what was read, in one form for what was encoded
    in different ways; null when it is yet to be made.
    """

    items: list[JsonValue]
    loose: bool
    bad: dict[int, Exception]
    content: bytes | None = None


def read_items(body: bytes, *, max_events: int, member: str | None = None) -> Items:
    """Return the items in `body`: of an array, of the array in `member` of an object, one object, or one a line.

    Raises `DecodeError` when nothing of it can be read, `TooManyError` when there are too many.
    """
    body = body.removeprefix(_BOM)
    try:
        value, encoded = _read_strictly(body)
    except Exception as error:  # noqa: BLE001 - whatever it is, one item causes it
        failed = error if isinstance(error, DecodeError) else DecodeError(NOT_JSON)
        try:
            value, encoded = _read_loosely(body), None
        except DecodeError:
            return _read_apart(body, max_events, member, failed)
    items = _listed(value, member)
    if len(items) > max_events:
        raise TooManyError(max_events)
    if encoded is None:
        return Items(items=items, loose=True, bad=_bad(items))
    return Items(items=items, loose=False, bad={}, content=hashlib.sha256(encoded).digest())


def decode_items(found: Items, make: Make) -> Decoded:
    """Turn each item into an event with `make`, or into a refusal. An item must be an object."""
    return Decoded(items=_events(found, make), content=_digest(found))


def content_of(value: JsonValue) -> Payload | None:
    """Return `value` as a payload; null for nothing and for an empty text."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return Payload(data=value.encode("utf-8", "surrogatepass"), text=True)
    return Payload(value=value)


def _read_strictly(body: bytes) -> tuple[JsonValue, bytes]:
    """Return the value of `body`, and its JSON in one form. Raises `DecodeError`."""
    try:
        value: JsonValue = orjson.loads(body)
        encoded = orjson.dumps(value if isinstance(value, list) else [value], option=orjson.OPT_SORT_KEYS)
    except orjson.JSONDecodeError as error:
        raise DecodeError(NOT_JSON, position=error.pos) from None
    except orjson.JSONEncodeError:  # it nests deeper than orjson writes
        raise DecodeError(TOO_DEEP) from None
    if has_duplicate_key(body, encoded):
        raise DecodeError(DUPLICATE_KEY)
    return value, encoded


def _read_loosely(body: bytes) -> JsonValue:
    """Read values that strict JSON forbids, too. Mark each object that has a key twice."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_marked, parse_int=_integer)
    except (ValueError, RecursionError):
        raise DecodeError(NOT_JSON) from None


def _marked(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    made = dict(pairs)
    if len(made) != len(pairs):
        made[_TWICE] = True
    return made


def _integer(digits: str) -> int | float:
    """Read an integer as orjson does: as a double when it does not fit into 64 bits."""
    if len(digits) <= _MOST_DIGITS and -(_MOST_INTEGER // 2) <= (number := int(digits)) < _MOST_INTEGER:
        return number
    return float(digits)


def _read_apart(body: bytes, max_events: int, member: str | None, failed: DecodeError) -> Items:
    """Read the items of a list, or the lines, one by one: the whole is invalid JSON. Raises `failed` if no item is."""
    texts = split_items(body, max_events, _is_cut, member=member)
    if texts is None:
        raise failed
    if len(texts) > max_events:
        raise TooManyError(max_events)
    found = Items(items=[], loose=False, bad={})
    for index, text in enumerate(texts):
        value: JsonValue = None
        try:
            value, _ = _read_strictly(text)
        except Exception:  # noqa: BLE001 - it must not cost the items beside it
            found.loose = True
            try:
                value = _read_loosely(text)
            except DecodeError:
                found.bad[index] = DecodeError(reason_against(text))
            except Exception as error:  # noqa: BLE001 - as above
                found.bad[index] = error
        found.items.append(value)
    if len(found.bad) == len(texts):
        raise failed
    return Items(items=found.items, loose=found.loose, bad={**_bad(found.items), **found.bad})


def _is_cut(line: bytes) -> bool:
    text = line.strip()
    if text[:1] != b"[" and not (text[:1] == b"{" and text[-1:] != b"}"):
        return False
    try:
        _read_loosely(line)
    except DecodeError:
        return True
    return False


def _listed(value: JsonValue, member: str | None) -> list[JsonValue]:
    if member is not None and isinstance(value, dict) and member in value:
        inner = value[member]
        if not isinstance(inner, list):
            raise DecodeError(f"has no list under {member}")
        return inner
    return value if isinstance(value, list) else [value]


def _bad(items: list[JsonValue]) -> dict[int, Exception]:
    bad: dict[int, Exception] = {}
    for index, item in enumerate(items):
        if nests_deeper(item, _MAX_DEPTH):
            bad[index] = DecodeError(TOO_DEEP)
        elif any(isinstance(inner, dict) and _TWICE in inner for inner in walk(item)):
            bad[index] = DecodeError(DUPLICATE_KEY)
    return bad


def walk(value: JsonValue) -> Iterator[JsonValue]:
    """Yield `value`, and everything inside it."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        yield item
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _digest(found: Items) -> bytes:
    if found.content is not None:
        return found.content
    if not found.loose and not found.bad:
        return hashlib.sha256(orjson.dumps(found.items, option=orjson.OPT_SORT_KEYS)).digest()
    digest = hashlib.sha256()
    for index, item in enumerate(found.items):
        # What is refused is not stored, and may nest too deep to be written.
        text = str(found.bad[index]) if index in found.bad else json.dumps(item, sort_keys=True)
        digest.update(text.encode() + b"\n")
    return digest.digest()


def _events(found: Items, make: Make) -> Iterator[Event | Refusal]:
    for index in range(len(found.items)):
        item, found.items[index] = found.items[index], None
        if index in found.bad:
            yield refusal_of(index, found.bad[index])
            continue
        try:
            event = _event(index, item, make, loose=found.loose)
        except Exception as error:  # noqa: BLE001 - it must not cost the events beside it
            yield refusal_of(index, error)
        else:
            yield event


def _event(index: int, item: JsonValue, make: Make, *, loose: bool) -> Event:
    if not isinstance(item, dict):
        raise FieldError("", NO_OBJECT)
    event = make(index, item)
    if loose:
        event.request, event.response = _undigestible(event.request), _undigestible(event.response)
        event.fields = {name: _repaired(value) for name, value in event.fields.items()}
        event.attributes = {_replaced(name): _repaired(value) for name, value in event.attributes.items()}
    event.fields, more = split_user(event.fields)
    for name, value in more.items():
        event.attributes.setdefault(name, value)
    _set_aside(event)
    return event


def _set_aside(event: Event) -> None:
    """Make an attribute of a value that its field cannot hold. These senders ignore refusals, and would lose the call.

    An attribute of such a name is kept as its type, size and digest.
    """
    for name, read in READERS.items():
        value = event.fields.get(name)
        if value is None:
            continue
        try:
            read(name, value)
        except FieldError:
            del event.fields[name]
            event.attributes.setdefault(name, value)
            event.inferred = [inferred for inferred in event.inferred if inferred != name]
    event.attributes = folded(event.attributes)


def _undigestible(payload: Payload | None) -> Payload | None:
    """Return a payload that JSON cannot express as text that is not JSON: it will have no digest."""
    if payload is None or payload.data is not None:
        return payload
    try:
        text = orjson.dumps(payload.value)  # NaN becomes null
    except orjson.JSONEncodeError:  # half a surrogate pair
        text = b"null"
    if b"null" not in text or (text != b"null" and not any(map(_is_no_number, walk(payload.value)))):
        return payload
    return Payload(data=json.dumps(payload.value).encode(), text=True)


def _is_no_number(value: JsonValue) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _replaced(text: str) -> str:
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def _repaired(value: JsonValue) -> JsonValue:
    """Return metadata with null for NaN and Infinity, and a question mark for half a surrogate pair."""
    if isinstance(value, str):
        return _replaced(value)
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    if isinstance(value, dict):
        return {_replaced(key): _repaired(item) for key, item in value.items()}
    return None if _is_no_number(value) else value
