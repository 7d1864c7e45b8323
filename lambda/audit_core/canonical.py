"""JSON in, one canonical form out (RFC 8785), and nothing ambiguous in between.

Promise: two decoders that agree on RFC 8259 agree on everything that `decode_json` lets through, and `canonical` gives
the same bytes as any other implementation of RFC 8785.

Numbers are what RFC 8785 says they are, IEEE 754 doubles: an integer beyond 2^53 is written as the nearest double, as
every ECMAScript engine would.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

import orjson

from audit_core.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

JsonValue: TypeAlias = "None | bool | int | float | str | list[JsonValue] | dict[str, JsonValue]"

MAX_DEPTH = 128
"""Arrays and objects inside one another, at most. Well below what any library here would recurse to."""

NOT_JSON = "is not JSON"
NOT_UTF8 = "is not UTF-8"
TOO_DEEP = "is nested too deep"
DUPLICATE_KEY = "has an object with the same key twice"
UNREPRESENTABLE = "holds a number or a text that has no canonical form"

_SAFE_INTEGER = 2**53 - 1
# Between these, and with a fraction, orjson and ECMAScript both write the shortest digits in plain decimal notation.
_SMALLEST_PLAIN_FLOAT = 1e-4
_LARGEST_PLAIN_FLOAT = 1e15
_KEY_MEMORY = 4096
_FIRST_SURROGATE = "\ud800"


def decode_json(data: bytes, *, max_depth: int = MAX_DEPTH) -> JsonValue:
    """Decode one JSON text, strictly.

    Refuses, with a `DecodeError`: what RFC 8259 does not allow (NaN, trailing text, a byte order mark), text that is not
    UTF-8 or holds a lone surrogate, a number beyond a double, nesting beyond `max_depth`, and an object with the same key
    twice, at any depth.
    """
    try:
        value: JsonValue = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise DecodeError(NOT_JSON, position=error.pos) from None
    if exceeds_depth(data, value, max_depth):
        raise DecodeError(TOO_DEEP)
    if has_duplicate_key(data, orjson.dumps(value)):
        raise DecodeError(DUPLICATE_KEY)
    return value


def exceeds_depth(data: bytes, value: JsonValue, max_depth: int = MAX_DEPTH) -> bool:
    """Whether `value`, decoded from `data`, nests deeper than `max_depth`."""
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return False
    return nests_deeper(value, max_depth)


def nests_deeper(value: JsonValue, max_depth: int = MAX_DEPTH) -> bool:
    """Whether `value` holds more than `max_depth` arrays and objects inside one another."""
    level: list[JsonValue] = [value]
    for _ in range(max_depth + 1):
        inner: list[JsonValue] = []
        for item in level:
            if type(item) is dict:
                inner += [child for child in item.values() if type(child) is dict or type(child) is list]
            elif type(item) is list:
                inner += [child for child in item if type(child) is dict or type(child) is list]
        if not inner:
            return False
        level = inner
    return True


def has_duplicate_key(data: bytes, encoded: bytes) -> bool:
    """Whether `data` holds an object with the same key twice, given the JSON `encoded` of what it decoded to.

    A decoder that keeps the last of two equal keys drops at least the colon between the first and its value, and JSON has
    no other place to lose one: each colon is either that, or a character of a string, which `encoded` writes as it is.
    Only an escaped colon would upset the count; where one may be, every object is looked at.
    """
    if b"\\u003" in data:
        return any(duplicates_by_element(data))
    return data.count(b":") != encoded.count(b":")


def duplicates_by_element(data: bytes) -> list[bool]:
    """For each element of the array in `data` (or for the one value that it is): whether it holds a key twice.

    `data` has been decoded before, so it is valid and of bounded depth.
    """
    found: JsonValue = object()  # type: ignore[assignment]

    def holds(value: JsonValue) -> bool:
        return value is found or (type(value) is list and any(map(holds, value)))

    def look(pairs: list[tuple[str, JsonValue]]) -> JsonValue:
        twice = len({key for key, _ in pairs}) != len(pairs)
        return found if twice or any(holds(value) for _, value in pairs) else None

    value = json.loads(data, object_pairs_hook=look, parse_int=float, parse_float=float)
    return [holds(item) for item in value] if type(value) is list else [holds(value)]


def canonical(value: JsonValue) -> bytes:
    """The RFC 8785 form of `value`, a decoded JSON tree of at most `MAX_DEPTH`.

    orjson writes it where that is provably the same, the `rfc8785` package elsewhere. Raises `DecodeError` on what JSON
    cannot say (a lone surrogate, an infinity).
    """
    if is_plain(value, _plain_keys, _key_is_plain):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    value = _with_plain_numbers(value)
    if is_plain(value, _plain_keys, _key_is_plain):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    import rfc8785  # rarely needed, so not part of a cold start

    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except rfc8785.CanonicalizationError:
        raise DecodeError(UNREPRESENTABLE) from None


def is_plain(value: JsonValue, known: set[str], admit: Callable[[str], bool]) -> bool:
    """Whether orjson's sorted output of `value` is its RFC 8785 form and `admit` accepts each key in it.

    `known` remembers the keys that `admit` accepted, so that the usual object costs one set comparison.
    """
    pending: list[JsonValue] = [value]
    while pending:
        item = pending.pop()
        if type(item) is dict:
            if not known.issuperset(item):
                for key in item:
                    if not admit(key):
                        return False
                if len(known) > _KEY_MEMORY:
                    known.clear()
                known.update(item)
            children = item.values()
        elif type(item) is list:
            children = item
        else:
            children = (item,)
        for child in children:
            kind = type(child)
            if kind is str or child is None or kind is bool:
                continue
            if kind is int:
                if not -_SAFE_INTEGER <= child <= _SAFE_INTEGER:  # type: ignore[operator]
                    return False
            elif kind is float:
                if not _SMALLEST_PLAIN_FLOAT <= abs(child) < _LARGEST_PLAIN_FLOAT or child.is_integer():  # type: ignore
                    return False
            else:
                pending.append(child)
    return True


def _key_is_plain(key: str) -> bool:
    """UTF-8 and UTF-16 sort alike below the surrogates."""
    return key.isascii() or max(key) < _FIRST_SURROGATE


_plain_keys: set[str] = set()


def _with_plain_numbers(value: JsonValue) -> JsonValue:
    """The same tree with each number as RFC 8785 reads it: whole doubles as integers, large integers as doubles."""
    kind = type(value)
    if kind is dict:
        return {key: _with_plain_numbers(item) for key, item in value.items()}  # type: ignore[union-attr]
    if kind is list:
        return [_with_plain_numbers(item) for item in value]  # type: ignore[union-attr]
    if kind is float and value.is_integer() and abs(value) <= _SAFE_INTEGER:  # type: ignore
        return int(value)  # type: ignore[arg-type]
    if kind is int and not -_SAFE_INTEGER <= value <= _SAFE_INTEGER:  # type: ignore[operator]
        try:
            return float(value)  # type: ignore[arg-type]
        except OverflowError:
            raise DecodeError(UNREPRESENTABLE) from None
    return value
