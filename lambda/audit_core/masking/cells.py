"""Bytes that a text spells one by one, as decimal numbers: a list of byte values, calls of `chr`, Node's `Buffer`.

Each byte has a place of its own, and only places are exchanged: the text keeps its shape and says as many bytes as
before. Dumps, whose lines have offsets, are in `dumps`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from audit_core.masking import packed
from audit_core.masking.patterns import Span
from audit_core.masking.region import Region, Spend, hidden
from audit_core.masking.result import PLACEHOLDER, JsonValue

_STAR = b"*"
_LAST_BYTE = 255
_FEWEST = 8
"""Fewer bytes than these hide nothing worth looking for."""
_APART = rb"[^\w.\[\]\x00]{1,16}(?:\[?[A-Za-z]{2,12}[(\])])?"
"""Between two numbers: signs, also with a call or a cast, as in `chr(103) + chr(104)` or `[char]103+[char]104`."""
_NUMBER = rb"0?(?:9|1[03]|3[2-9]|[4-9]\d|1[01]\d|12[0-6])"
"""A printable character, a tab or the end of a line."""
_GZIP = rb"31" + _APART + rb"139" + _APART + rb"8(?:" + _APART + rb"\d{1,3}){20,}"
RUN = rb"\b(?:" + _GZIP + rb"|(?:" + _NUMBER + _APART + rb"){7,}" + _NUMBER + rb")\b"
"""What a run of numbers looks like."""
_DIGITS = re.compile(rb"\d++")
_BETWEEN = b"|"
"""Stands between the numbers of a list that is looked at as a text; no other code has it."""


class Numbers(NamedTuple):
    """A run of decimal numbers in a text, one for each byte."""

    start: int
    end: int

    def region(self, text: bytes, spend: Spend) -> Region:
        """Say what the run hides."""
        raw = text[self.start : self.end]
        data = bytes(min(int(digits), _LAST_BYTE) for digits in _DIGITS.findall(raw))
        places = (match.span() for match in _DIGITS.finditer(raw))

        def lift(spans: Iterable[Span]) -> Iterator[Span]:
            at = list(places)
            for span in spans:
                first, last = at[span.start][0], at[span.end - 1][1]
                between = _DIGITS.split(raw[first:last])[1:]
                fresh = (b"%d%b" % pair for pair in zip(in_size(span), between, strict=True))
                yield Span(first, last, span.rule, b"".join(fresh))

        if not packed.opens(data):
            return Region(self.start, self.end, hidden(data), lift)
        stream = packed.region(0, len(data), data, spend)

        def lift_all(spans: Iterable[Span]) -> Iterator[Span]:
            return lift(stream.lift(spans))

        return Region(self.start, self.end, stream.text, lift_all, stream.found)


def in_size(span: Span) -> bytes:
    """Give the bytes that go in the place of a span, as many as it has."""
    size = span.end - span.start
    fresh = PLACEHOLDER.encode() if span.replacement is None else span.replacement
    return fresh.ljust(size, _STAR) if len(fresh) <= size else _STAR * size


def byte_values(value: JsonValue) -> list[int] | None:
    """Give the bytes that a list holds, or an object under `0`, `1`, `2` and so on; None where it holds others."""
    if isinstance(value, dict):
        if len(value) < _FEWEST or "0" not in value or any(map(str.__ne__, value, map(str, range(len(value))))):
            return None
        value = list(value.values())
    if not isinstance(value, list) or len(value) < _FEWEST:
        return None
    numbers = [item for item in value if type(item) is int and 0 <= item <= _LAST_BYTE]
    return numbers if len(numbers) == len(value) else None


def written(numbers: list[int]) -> bytes:
    """Write the bytes of a list as a text, in which they are found."""
    return _BETWEEN.join(b"%d" % number for number in numbers)


def exchanged(numbers: list[int], spans: Iterable[Span]) -> list[int]:
    """Put other bytes, as many, in the place of what was found in the text of a list."""
    text, fresh = written(numbers), list(numbers)
    first = place = 0
    for span in spans:
        first += text.count(_BETWEEN, place, span.start)
        count = text.count(_BETWEEN, span.start, span.end) + 1
        place = span.start
        put = [int(number) for number in _DIGITS.findall(span.replacement or b"")]
        fresh[first : first + count] = put if len(put) == count else [_STAR[0]] * count
    return fresh


def is_masked(text: bytes) -> bool:
    """Whether a part of the text of a list is stars already."""
    return set(text.split(_BETWEEN)) <= {b"%d" % _STAR[0]}
