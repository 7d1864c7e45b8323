"""Numbers in JSON text, as ECMAScript writes them (ECMA-262, section 6.1.6.1.20; RFC 8785 asks for that).

Promise: of compact JSON that orjson wrote, numbers alone change, each to what ECMAScript's Number::toString makes of
the double that it is. Both write the shortest digits that read back; they differ in where an exponent begins, in the
fraction of a whole number, and orjson has integers beyond 2^53. All of it is done to many numbers at once, in time and
memory that are linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from ahocorasick_rs import BytesAhoCorasick

    from audit_core.patterns import Pattern

_END = rb"[,\]}]"
_WORDS = rb"[0-9]{16,20}"
"""Integers that may be beyond 2^53."""
_DIFFERING = rb"(?:\.0|[0-9]e-6|e\+(?:1[6-9]|20))" + _END
_SIGNS = (b".0,", b".0]", b".0}", b"-6,", b"-6]", b"-6}", b"+16", b"+17", b"+18", b"+19", b"+20")
"""One of these is in whatever `_DIFFERING` is found in. Text has few of these."""
_LONGEST_SIGN = 3
_AT_ONCE = 64 * 1024
_STRING = re.compile(rb'("(?:[^"\\]++|\\.)*+")')
_STRINGS_AT_ONCE = 65_536
_PIECE = 64 * 1024
_LONG = re.compile(rb"([\[,:-])(" + _WORDS + rb")(?=" + _END + rb")")
_BEFORE = b"[,:-"
_SMALLEST = re.compile(rb"([\[,:-][0-9.]++)e-6(?=" + _END + rb")")
_LARGE = re.compile(rb"([\[,:-][0-9.]++)e\+(1[6-9]|20)(?=" + _END + rb")")
_DIGITS = {b"": 0, **{b"%d" % exponent: exponent + 1 for exponent in range(16, 21)}}
"""By exponent: how many digits a number has; with none there is nothing to be put to it."""
_LENGTHS = {exponent: count + 1 for exponent, count in _DIGITS.items()}
"""The same with what is before it."""


def may_differ(text: bytes) -> bool:
    """Return whether compact JSON may hold a number with a fraction or an exponent that ECMAScript writes otherwise.

    It holds none where it does not; where it does, that may be in a string.
    """
    if text[-1:].isdigit():
        return True
    signs = _signs()
    # A piece at a time: what is found is listed, up to one for each three bytes.
    return any(
        signs.find_matches_as_indexes(text[at : at + _AT_ONCE + _LONGEST_SIGN]) for at in range(0, len(text), _AT_ONCE)
    ) and (_differing().search(text) is not None)


@lru_cache(maxsize=1)
def _signs() -> BytesAhoCorasick:
    from ahocorasick_rs import BytesAhoCorasick, MatchKind  # noqa: PLC0415 - an engine that only the writer has

    return BytesAhoCorasick(_SIGNS, matchkind=MatchKind.LeftmostFirst)


@lru_cache(maxsize=1)
def _differing() -> Pattern:
    from audit_core.patterns import compile_bytes  # noqa: PLC0415 - as above

    return compile_bytes(_DIFFERING)


@lru_cache(maxsize=1)
def _long() -> Pattern:
    from audit_core.patterns import compile_bytes  # noqa: PLC0415 - as above

    return compile_bytes(rb"[\[,:-]" + _WORDS + _END)


def as_ecmascript(text: bytes) -> Iterator[bytes]:
    """`text`, compact JSON as orjson writes it, with its numbers as ECMAScript writes them, in pieces."""
    if b'"' not in text:
        yield from _numbers(text)
        return
    while text:
        parts = _STRING.split(text, maxsplit=_STRINGS_AT_ONCE)
        text = parts.pop() if len(parts) > 2 * _STRINGS_AT_ONCE else b""
        # A quote, which no number holds, stands for each string.
        outside = b"".join(_numbers(b'"'.join(parts[::2]))).split(b'"')
        parts[::2] = outside
        yield b"".join(parts)


def _numbers(text: bytes) -> Iterator[bytes]:
    """Convert the numbers of JSON in which a quote stands for each string."""
    at = 0
    while at <= len(text):
        comma = text.find(b",", at + _PIECE)
        end = comma if comma >= 0 else len(text)
        # Between two commas each number has something before and behind it.
        yield _piece(b",%b," % text[at:end])[1 if at == 0 else 0 : -1]
        at = end + 1


def _piece(text: bytes) -> bytes:
    """Convert the numbers of a piece in which something stands before and behind each number."""
    if _long().search(text) is not None:
        parts = _LONG.split(text)
        # Read as integers first, which takes a fifth of the time of reading doubles.
        doubles = orjson.dumps(list(map(float, orjson.loads(b"[%b]" % b",".join(parts[2::3])))))[1:-1] + b","
        split = doubles.replace(b".0,", b"e+,").replace(b"e+", b",").split(b",")
        parts[2::3] = _padded(split[:-1:2], split[1::2], _DIGITS)
        text = b"".join(parts)
    if b".0" in text:
        text = text.replace(b".0,", b",").replace(b".0]", b"]").replace(b".0}", b"}")
        text = text.replace(b"-0,", b"0,").replace(b"-0]", b"0]").replace(b"-0}", b"0}")
    if b"e-6" in text:
        parts = _SMALLEST.split(text)
        digits = b"\n".join([b"", *parts[1::2]]).replace(b".", b"")
        for before in _BEFORE:
            digits = digits.replace(b"\n%c" % before, b"\n%c0.00000" % before)
        parts[1::2] = digits.split(b"\n")[1:]
        text = b"".join(parts)
    if b"e+1" in text or b"e+20" in text:
        parts = _LARGE.split(text)
        parts[1::3] = _padded(parts[1::3], parts[2::3], _LENGTHS)
        del parts[2::3]
        text = b"".join(parts)
    return text


def _padded(digits: Sequence[bytes], exponents: Sequence[bytes], lengths: Mapping[bytes, int]) -> list[bytes]:
    """Digits with a point after the first of them, as whole numbers that are so long, by exponent. All of it in C."""
    whole = b"\n".join(digits).replace(b".", b"").split(b"\n")
    return list(map(bytes.ljust, whole, map(lengths.__getitem__, exponents), repeat(b"0")))
