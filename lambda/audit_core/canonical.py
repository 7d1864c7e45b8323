"""JSON in, one canonical form out (RFC 8785), and nothing ambiguous in between.

Promise: two decoders that agree on RFC 8259 agree on everything that `decode_json` lets through, and `canonical` gives
the same bytes as any other implementation of RFC 8785.

Numbers are what RFC 8785 says they are, IEEE 754 doubles: an integer beyond 2^53 is written as the nearest double, as
every ECMAScript engine would.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from operator import methodcaller
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import orjson

from audit_core.errors import DecodeError
from audit_core.number_text import as_ecmascript, may_differ

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from audit_core.patterns import Pattern

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

MAX_DEPTH = 128
"""Arrays and objects inside one another, at most. Well below what any library here would recurse to."""

NOT_JSON = "is not JSON"
NOT_UTF8 = "is not UTF-8"
TOO_DEEP = "is nested too deep"
DUPLICATE_KEY = "has an object with the same key twice"
UNREPRESENTABLE = "holds a number or a text that has no canonical form"

LEVELS = 254
"""What orjson writes at most of arrays and objects inside one another."""
_WRAPPING = LEVELS - MAX_DEPTH
_MACHINE_WORDS = range(-(2**63), 2**64)
_ASTRAL, _HIGH = rb"[\xf0-\xf4]", rb"[\xee\xef]"
"""What UTF-8 begins a character with that UTF-16 needs two units for; and one that sorts behind those in UTF-16."""


def decode_json(data: bytes, depth: int = MAX_DEPTH) -> JsonValue:
    """Decode one JSON text, strictly.

    Refuses, with a `DecodeError`: what RFC 8259 does not allow (NaN, trailing text, a byte order mark), text that is
    not UTF-8 or holds a lone surrogate, a number beyond a double, nesting beyond `depth`, and an object with the same
    key twice, at any depth.
    """
    try:
        value: JsonValue = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise DecodeError(NOT_JSON, position=error.pos) from None
    try:
        encoded = orjson.dumps(wrapped(value, depth))
    except orjson.JSONEncodeError:  # it writes all that it reads, but for what is nested too deep
        raise DecodeError(TOO_DEEP) from None
    if has_duplicate_key(data, encoded):
        raise DecodeError(DUPLICATE_KEY)
    return value


def nests_deeper(value: JsonValue, depth: int = MAX_DEPTH) -> bool:
    """Return whether `value` holds more than `depth` arrays and objects inside one another.

    The encoder says at the speed of C that it does not: it gives up on the level after its last.
    """
    try:
        orjson.dumps(wrapped(value, depth))
    except orjson.JSONEncodeError:  # of that, or of something else
        return _nests_deeper(value, depth)
    return False


def wrapped(value: JsonValue, depth: int) -> JsonValue:
    """Put `value` inside arrays, as many as make the encoder reject just what nests deeper than `depth`."""
    for _ in range(LEVELS - depth):
        value = [value]
    return value


def _nests_deeper(value: JsonValue, depth: int) -> bool:
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
    """Return whether `data` holds an object with the same key twice, given the JSON `encoded` of what it decoded to.

    A decoder that keeps the last of two equal keys drops at least the colon between the first and its value, and JSON
    has no other place to lose one: each colon is either that, or a character of a string, which `encoded` writes as it
    is and `data` may escape.
    """
    colons = data.count(b":")
    if b"\\u003" in data:
        escapes = data.replace(b"\\\\", b"")
        colons += escapes.count(b"\\u003a") + escapes.count(b"\\u003A")
    return colons != encoded.count(b":")


class Names(Protocol):
    """Names of keys, found in JSON."""

    @property
    def in_json(self) -> bytes:
        """A pattern of RE2 that is found in compact JSON wherever a key is one of them."""
        ...

    def among(self, keys: Iterable[str]) -> AbstractSet[str]:
        """Those of `keys` that are."""
        ...


def canonical(value: JsonValue, *, hides: Names | None = None, stand_in: JsonValue = None) -> bytes:
    """Return the RFC 8785 form of `value`, a decoded JSON tree, with `stand_in` under each key that `hides`.

    Raises `DecodeError` on what has no such form (a lone surrogate, an infinity) and on more than `MAX_DEPTH` arrays
    and objects inside one another.
    """
    encoded = encode(value)
    if b"null" in encoded.text and not _is_finite(value):  # orjson writes null for NaN and infinities
        raise DecodeError(UNREPRESENTABLE)
    return b"".join(canonical_pieces(value, encoded, hides=hides, stand_in=stand_in))


class Encoded(NamedTuple):
    """Compact JSON. `long`: whether it may hold integers beyond 2^53, which are no doubles."""

    text: bytes
    long: bool


def encode(value: JsonValue, option: int = orjson.OPT_SORT_KEYS) -> Encoded:
    """`value` as compact JSON, its keys sorted by their UTF-8.

    Raise `DecodeError` where it has no canonical form. NaN and infinities are the caller's to find.
    """
    inside = wrapped(value, MAX_DEPTH)
    for strict in (orjson.OPT_STRICT_INTEGER, 0):  # it refuses integers beyond 2^53, which takes no time
        try:
            return Encoded(orjson.dumps(inside, option=option | strict)[_WRAPPING:-_WRAPPING], long=not strict)
        except orjson.JSONEncodeError:  # nested too deep, a lone surrogate, an integer of many digits
            pass
    if _nests_deeper(value, MAX_DEPTH):
        raise DecodeError(TOO_DEEP)
    try:
        return Encoded(orjson.dumps(_with_doubles(value), option=option), long=True)
    except orjson.JSONEncodeError:
        raise DecodeError(UNREPRESENTABLE) from None


def canonical_pieces(
    value: JsonValue, encoded: Encoded, *, hides: Names | None = None, stand_in: JsonValue = None
) -> tuple[bytes] | Iterator[bytes]:
    """`canonical` of what was decoded from JSON, given what `encode` makes of it, in pieces: at once it may be large.

    In nearly all of JSON that is the canonical form already. What is not is found by searching the text, at the speed
    of C: a key that hides, keys that UTF-16 sorts in another order, numbers that ECMAScript writes otherwise.
    """
    apart = _may_sort_apart(encoded.text)
    if hides is not None and _signs(hides.in_json).search(encoded.text) is None:
        hides = None
    if hides is not None or apart:
        arranged = _Arrangement(hides, stand_in, by_utf_16=apart).of(value)
        if arranged is not value or apart:
            encoded = encode(arranged, 0 if apart else orjson.OPT_SORT_KEYS)
    return as_ecmascript(encoded.text) if encoded.long or may_differ(encoded.text) else (encoded.text,)


@lru_cache(maxsize=8)
def _signs(pattern: bytes) -> Pattern:
    """Compile what is found in JSON that may hold a key that hides."""
    from audit_core.patterns import compile_bytes  # noqa: PLC0415 - an engine that only the writer has

    return compile_bytes(pattern)


def _is_finite(value: JsonValue) -> bool:
    level: list[Any] = [value]
    while level:
        inner: list[Any] = []
        for item in level:
            children = item.values() if type(item) is dict else item if type(item) is list else (item,)
            kinds = set(map(type, children))
            if float in kinds and not all(map(math.isfinite, (child for child in children if type(child) is float))):
                return False
            if dict in kinds or list in kinds:
                inner += [child for child in children if type(child) is dict or type(child) is list]
        level = inner
    return True


def _may_sort_apart(text: bytes) -> bool:
    """Return whether UTF-8 and UTF-16 may sort keys apart. It takes characters from both sides of the surrogates."""
    if text.isascii():
        return False
    return all(pattern.search(text) is not None for pattern in (*_sides(), *_sides_in_keys()))


@lru_cache(maxsize=1)
def _sides() -> tuple[re.Pattern[bytes], ...]:
    return re.compile(_ASTRAL), re.compile(_HIGH)


@lru_cache(maxsize=1)
def _sides_in_keys() -> tuple[Pattern, ...]:
    from audit_core.patterns import compile_bytes  # noqa: PLC0415 - as above

    character = rb'(?:[^"\\]|\\.)*'
    return tuple(compile_bytes(b'"' + character + side + character + b'":') for side in (_ASTRAL, _HIGH))


class _Arrangement:
    """Puts `stand_in` under keys that `hides`, and keys in the order of UTF-16; what need not change is not copied."""

    def __init__(self, hides: Names | None, stand_in: JsonValue, *, by_utf_16: bool) -> None:
        self._hides = hides
        self._stand_in = stand_in
        self._by_utf_16 = by_utf_16
        self._known: set[str] = set()
        self._hidden: set[str] = set()

    def of(self, value: Any) -> Any:  # noqa: ANN401 - a JSON value
        if type(value) is dict:
            return self._object(value)
        copy: list[Any] | None = None
        for index, item in enumerate(value) if type(value) is list else ():
            if type(item) is dict or type(item) is list:
                new = self.of(item)
                if new is not item:
                    copy = copy or value.copy()
                    copy[index] = new
        return copy or value

    def _object(self, value: dict[str, Any]) -> dict[str, Any]:
        hidden: AbstractSet[str] = frozenset()
        if self._hides is not None:
            if not self._known.issuperset(value):
                others = value.keys() - self._known
                self._hidden |= self._hides.among(others)
                self._known |= others
            if not value.keys().isdisjoint(self._hidden):
                hidden = value.keys() & self._hidden
        changed: dict[str, Any] = dict.fromkeys(hidden, self._stand_in)
        for key, item in value.items():
            if (type(item) is dict or type(item) is list) and key not in hidden:
                new = self.of(item)
                if new is not item:
                    changed[key] = new
        shown = {**value, **changed} if changed else value
        if self._by_utf_16 and len(value) > 1:
            keys = sorted(shown, key=_utf_16)
            return dict(zip(keys, map(shown.__getitem__, keys), strict=True))
        return shown


_utf_16 = methodcaller("encode", "utf-16-be")


def _with_doubles(value: JsonValue) -> JsonValue:
    """`value` with doubles for the integers that no machine word holds: no decoder of ours makes such ones."""
    if isinstance(value, dict):
        return {key: _with_doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_doubles(item) for item in value]
    if isinstance(value, int) and value not in _MACHINE_WORDS:
        try:
            return float(value)
        except OverflowError:
            raise DecodeError(UNREPRESENTABLE) from None
    return value
