"""JSON in, one canonical form out (RFC 8785), and nothing ambiguous in between.

Promise: two decoders that agree on RFC 8259 agree on everything that `decode_json` lets through, and `canonical` gives
the same bytes as any other implementation of RFC 8785.

Numbers are what RFC 8785 says they are, IEEE 754 doubles: an integer beyond 2^53 is written as the nearest double, as
every ECMAScript engine would.
"""

from __future__ import annotations

import json
import math
import operator
from typing import TYPE_CHECKING, Any, TypeAlias

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
# orjson and ECMAScript both write the shortest digits, but for where an exponent begins: from the first to below the
# second, and for integers from 2^53 to below the third. An integral double below has a fraction of zero in orjson's.
_SMALLEST_EXPONENT, _SMALLEST_PLAIN_FLOAT = 1e-6, 1e-5
_LARGEST_DIGITS = 1e21
# Where ECMAScript changes to an exponent: above 21 digits, below six zeros after the point.
_LONGEST_PLAIN = 21
_MOST_ZEROS = -6
_KEY_MEMORY = 4096
_FIRST_SURROGATE = "\ud800"
_NUMBERS = {int, float}
_SCALARS = {int, float, str, bool, type(None)}
_VECTOR = 8
_PIECE = 1024


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
    level = [value]
    while level:
        if any(item is _FOUND for item in level):
            return True
        level = [child for item in level if isinstance(item, list) for child in item]
    return False


def canonical(value: JsonValue, *, hides: Callable[[str], bool] | None = None, stand_in: JsonValue = None) -> bytes:
    """The RFC 8785 form of `value`, a decoded JSON tree, in which `stand_in` is what stands under a key that `hides`.

    orjson writes it where that is provably the same; where only numbers stand against that, they are written here; the
    `rfc8785` package does the rest. Raises `DecodeError` on what has no such form (a lone surrogate, an infinity) and
    on more than `MAX_DEPTH` arrays and objects inside one another.
    """
    if hides is None and is_plain(value, _plain_keys, key_is_plain):
        return _by_orjson(value)
    if nests_deeper(value):
        raise DecodeError(TOO_DEEP)
    try:
        return _by_orjson(_Plain(hides, stand_in).of(value))
    except _OddKeyError:
        return _by_rfc8785(_with_doubles(value, hides, stand_in))


def is_plain(value: JsonValue, known: set[str], admit: Callable[[str], bool]) -> bool:  # noqa: C901 - one hot loop
    """Whether orjson's sorted output of `value` is its RFC 8785 form and `admit` accepts each key in it.

    `known` remembers the keys that `admit` accepted, so that the usual object costs one set comparison. False for what
    nests deeper than `MAX_DEPTH`.
    """
    level: list[Any] = [[value]]
    for _ in range(MAX_DEPTH + 1):
        inner: list[Any] = []
        for item in level:
            if type(item) is dict:
                if not (known.issuperset(item) or _admit_all(item, known, admit)):
                    return False
                children: Iterable[Any] = item.values()
            elif len(item) >= _VECTOR and (kinds := set(map(type, item))) <= _SCALARS:
                if not _are_plain(item, kinds):
                    return False
                continue
            else:
                children = item
            # The hottest loop of the writer: exact types, no calls.
            for child in children:
                kind = type(child)
                if kind is str or child is None:
                    continue
                if kind is dict or kind is list:
                    inner.append(child)
                elif not _is_plain_number(child):
                    return False
        if not inner:
            return True
        level = inner
    return False


def _are_plain(items: list[Any], kinds: set[type]) -> bool:
    """`_is_plain_number` of each number in a list of scalars of these types; never true where that is not."""
    if float in kinds:
        numbers = items if len(kinds) == 1 else [item for item in items if type(item) is float]
        if not all(map(math.isfinite, numbers)) or any(map(float.is_integer, numbers)):
            return False
        # Vectors, as embeddings have them, hold some that are close to nothing.
        if any(_SMALLEST_EXPONENT <= size < _SMALLEST_PLAIN_FLOAT for size in map(abs, numbers)
               if size < _SMALLEST_PLAIN_FLOAT):  # fmt: skip
            return False
    if int in kinds:
        numbers = items if len(kinds) == 1 else [item for item in items if type(item) is int]
        return min(numbers) >= -_SAFE_INTEGER and max(numbers) <= _SAFE_INTEGER
    return True


def _admit_all(keys: Iterable[str], known: set[str], admit: Callable[[str], bool]) -> bool:
    if not all(map(admit, keys)):
        return False
    if len(known) > _KEY_MEMORY:
        known.clear()
    known.update(keys)
    return True


def _is_plain_number(number: float) -> bool:
    """Whether orjson writes a number as ECMAScript does: all but these few kinds of them."""
    if not isinstance(number, float):
        return -_SAFE_INTEGER <= number <= _SAFE_INTEGER
    size = abs(number)
    if number.is_integer():
        return size >= _LARGEST_DIGITS
    return size < _SMALLEST_EXPONENT or _SMALLEST_PLAIN_FLOAT <= size < math.inf


def key_is_plain(key: str) -> bool:
    """Whether a key sorts alike in UTF-8 and UTF-16, as all do below the surrogates."""
    return key.isascii() or max(key) < _FIRST_SURROGATE


_plain_keys: set[str] = set()


def _by_orjson(value: object) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # a lone surrogate
        raise DecodeError(UNREPRESENTABLE) from None


class _OddKeyError(Exception):
    """A key that UTF-8 and UTF-16 may sort apart."""


class _Plain:
    """Turns a value into one of which orjson's output is the canonical form; what need not change is not copied."""

    def __init__(self, hides: Callable[[str], bool] | None, stand_in: JsonValue) -> None:
        self._hides = hides
        self._stand_in = stand_in
        self._known: set[str] = set()

    def of(self, value: Any) -> Any:  # noqa: ANN401 - a JSON value, with written parts in the result
        """Raises `_OddKeyError`; `DecodeError` on a number without a canonical form."""
        if type(value) is dict:
            return self._object(value)
        if type(value) is list:
            if len(value) >= _VECTOR and set(map(type, value)) <= _NUMBERS:
                return _written_vector(value)
            items = [item if type(item) is str else self.of(item) for item in value]
            return items if any(map(operator.is_not, items, value)) else value
        return value if type(value) is str or value is None else _plain_number(value)

    def _object(self, value: dict[str, Any]) -> dict[str, Any]:
        known = self._known.issuperset(value)
        changed: dict[str, Any] = {}
        for key, item in value.items():
            if not known:
                if not key_is_plain(key):
                    raise _OddKeyError
                if self._hides is not None and self._hides(key):
                    changed[key] = self._stand_in
                    continue
                self._known.add(key)
            if type(item) is not str and item is not None:
                plain = self.of(item)
                if plain is not item:
                    changed[key] = plain
        return {**value, **changed} if changed else value


def _written_vector(numbers: list[Any]) -> object:
    """A list of numbers; written some at a time where it must be, as each takes up much more than its digits."""
    if _are_plain(numbers, set(map(type, numbers))):
        return numbers
    # Each fragment is several items of the list: the commas between them are its own.
    return [
        orjson.Fragment(orjson.dumps(_plain_numbers(numbers[start : start + _PIECE]))[1:-1])
        for start in range(0, len(numbers), _PIECE)
    ]


def _plain_numbers(numbers: list[Any]) -> list[Any]:
    if set(map(type, numbers)) == {float} and all(map(float.is_integer, numbers)):
        whole = list(map(int, numbers))
        if min(whole) >= -_SAFE_INTEGER and max(whole) <= _SAFE_INTEGER:
            return whole
    return list(map(_plain_number, numbers))


def _plain_number(number: float) -> object:
    """A number that orjson writes as ECMAScript does, or what it would write."""
    if _SMALLEST_EXPONENT <= (size := abs(number)) < _SMALLEST_PLAIN_FLOAT:
        digits = repr(size)  # 1.23e-06
        return orjson.Fragment(f"{'-' if number < 0 else ''}0.00000{digits[0]}{digits[2:-4]}")
    if _is_plain_number(number):
        return number
    if -_SAFE_INTEGER <= number <= _SAFE_INTEGER and float.is_integer(number):
        return int(number)
    return orjson.Fragment(_written(_as_double(number)))


def _written(number: float) -> str:
    """`number` as ECMAScript's Number::toString writes it (ECMA-262, section 6.1.6.1.20)."""
    if not math.isfinite(number):
        raise DecodeError(UNREPRESENTABLE)
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= _LONGEST_PLAIN:
        return sign + digits + "0" * (point - count)
    if 0 < point <= _LONGEST_PLAIN:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if _MOST_ZEROS < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}"


def _as_double(number: float) -> float:
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


def _with_doubles(value: JsonValue, hides: Callable[[str], bool] | None, stand_in: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {
            key: stand_in if hides is not None and hides(key) else _with_doubles(item, hides, stand_in)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_with_doubles(item, hides, stand_in) for item in value]
    if isinstance(value, int) and not -_SAFE_INTEGER <= value <= _SAFE_INTEGER:
        return _as_double(value)
    return value
