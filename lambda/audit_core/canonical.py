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
    from collections.abc import Callable, Iterable

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

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


def decode_json(data: bytes) -> JsonValue:
    """Decode one JSON text, strictly.

    Refuses, with a `DecodeError`: what RFC 8259 does not allow (NaN, trailing text, a byte order mark), text that is
    not UTF-8 or holds a lone surrogate, a number beyond a double, nesting beyond `MAX_DEPTH`, and an object with the
    same key twice, at any depth.
    """
    try:
        value: JsonValue = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise DecodeError(NOT_JSON, position=error.pos) from None
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and nests_deeper(value):
        raise DecodeError(TOO_DEEP)
    if has_duplicate_key(data, orjson.dumps(value)):
        raise DecodeError(DUPLICATE_KEY)
    return value


def nests_deeper(value: JsonValue, depth: int = MAX_DEPTH) -> bool:
    """Whether `value` holds more than `depth` arrays and objects inside one another."""
    level: list[JsonValue] = [value]
    for _ in range(depth):
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

    A decoder that keeps the last of two equal keys drops at least the colon between the first and its value, and JSON
    has no other place to lose one: each colon is either that, or a character of a string, which `encoded` writes as it
    is. Only an escaped colon would upset the count; where one may be, every object is looked at.
    """
    if b"\\u003" in data:
        return any(duplicates_by_element(data))
    return data.count(b":") != encoded.count(b":")


def duplicates_by_element(data: bytes) -> list[bool]:
    """For each element of the array in `data` (or for the one value that it is): whether it holds a key twice.

    `data` is valid JSON. Raises `RecursionError` when it nests too deep for the interpreter.
    """

    def look(pairs: list[tuple[str, object]]) -> object:
        twice = len({key for key, _ in pairs}) != len(pairs)
        return _FOUND if twice or any(_holds(value) for _, value in pairs) else None

    value = json.loads(data, object_pairs_hook=look, parse_int=float, parse_float=float)
    return [_holds(item) for item in value] if isinstance(value, list) else [_holds(value)]


_FOUND = object()


def _holds(value: object) -> bool:
    return value is _FOUND or (isinstance(value, list) and any(map(_holds, value)))


def canonical(value: JsonValue) -> bytes:
    """The RFC 8785 form of `value`, a decoded JSON tree.

    orjson writes it where that is provably the same, the `rfc8785` package elsewhere. Raises `DecodeError` on what has
    no such form (a lone surrogate, an infinity) and on more than `MAX_DEPTH` arrays and objects inside one another.
    """
    if not is_plain(value, _plain_keys, _key_is_plain):
        if nests_deeper(value):
            raise DecodeError(TOO_DEEP)
        value = _with_plain_numbers(value)
        if not is_plain(value, _plain_keys, _key_is_plain):
            return _by_rfc8785(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # a lone surrogate
        raise DecodeError(UNREPRESENTABLE) from None


def is_plain(value: JsonValue, known: set[str], admit: Callable[[str], bool]) -> bool:
    """Whether orjson's sorted output of `value` is its RFC 8785 form and `admit` accepts each key in it.

    `known` remembers the keys that `admit` accepted, so that the usual object costs one set comparison. False for what
    nests deeper than `MAX_DEPTH`.
    """
    level: list[list[JsonValue] | dict[str, JsonValue]] = [[value]]
    for _ in range(MAX_DEPTH + 1):
        inner: list[list[JsonValue] | dict[str, JsonValue]] = []
        for item in level:
            if isinstance(item, dict) and not (known.issuperset(item) or _admit_all(item, known, admit)):
                return False
            for child in item.values() if isinstance(item, dict) else item:
                if isinstance(child, str) or child is None:
                    continue
                if isinstance(child, (dict, list)):
                    inner.append(child)
                elif not _is_plain_number(child):
                    return False
        if not inner:
            return True
        level = inner
    return False


def _admit_all(keys: Iterable[str], known: set[str], admit: Callable[[str], bool]) -> bool:
    if not all(map(admit, keys)):
        return False
    if len(known) > _KEY_MEMORY:
        known.clear()
    known.update(keys)
    return True


def _is_plain_number(number: float) -> bool:
    if isinstance(number, float):
        return _SMALLEST_PLAIN_FLOAT <= abs(number) < _LARGEST_PLAIN_FLOAT and not number.is_integer()
    return -_SAFE_INTEGER <= number <= _SAFE_INTEGER


def _key_is_plain(key: str) -> bool:
    """UTF-8 and UTF-16 sort alike below the surrogates."""
    return key.isascii() or max(key) < _FIRST_SURROGATE


_plain_keys: set[str] = set()


def _with_plain_numbers(value: JsonValue) -> JsonValue:
    """The same tree with each number as RFC 8785 reads it: whole doubles as integers, large integers as doubles."""
    if isinstance(value, dict):
        return {key: _with_plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_plain_numbers(item) for item in value]
    if isinstance(value, int):
        return value if _is_plain_number(value) else _as_double(value)
    if isinstance(value, float) and abs(value) <= _SAFE_INTEGER and value == (whole := int(value)):
        return whole
    return value


def _as_double(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        raise DecodeError(UNREPRESENTABLE) from None


def _by_rfc8785(value: JsonValue) -> bytes:
    import rfc8785  # noqa: PLC0415 - rarely needed, so no part of a cold start

    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        raise DecodeError(UNREPRESENTABLE) from None
