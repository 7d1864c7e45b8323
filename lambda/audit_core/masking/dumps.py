"""Dumps: lines of an offset and some bytes, as `xxd`, `hexdump` and `od` print them, often with a column of characters.

What is found is exchanged byte for byte, in the cells and in the column, so that every line keeps its shape. Lines are
read at the speed of C; places are worked out only where something was found.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import accumulate
from typing import NamedTuple

from audit_core.masking.cells import in_size
from audit_core.masking.patterns import Span
from audit_core.masking.region import Region, Spend, hidden

_OFFSET = rb"[ \t]{0,16}(?:0[xX])?[0-9A-Fa-f]{4,16}:?"
_OCTAL = rb"[0-3][0-7]{2}"
_HEX = rb"(?:[0-9A-Fa-f]{2}){1,8}"
_CHARACTER = rb"(?:  (?: [ -~]|\\[0abefnrtv\\])| " + _OCTAL + rb")"
BEGINNING = (
    rb"(?:^|[\n\x00])"
    + _OFFSET
    + rb"(?:[ \t]{1,4}(?:"
    + _HEX
    + rb" {1,2}[0-9A-Fa-f]{2}|(?:"
    + _OCTAL
    + rb" ){3})|"
    + _CHARACTER
    + rb"{3})"
)
"""How the first line of a dump begins, after the end of another."""
_LINE = re.compile(
    _OFFSET
    + rb"(?:(?P<octal>(?:[ \t]{1,2}"
    + _OCTAL
    + rb"(?![^ ])){1,64}+(?= {0,4}\Z))|(?P<hex>[ \t]{1,4}"
    + _HEX
    + rb"(?![^ ])(?: {1,2}"
    + _HEX
    + rb"(?![^ ])){0,63}+)|(?P<character>"
    + _CHARACTER
    + rb"{1,64}+(?= {0,4}\Z)))"
)
_BARS = re.compile(rb"[ \t]*[|>](.*)[|<]\Z", re.DOTALL)
_TEXT = re.compile(rb"[\t\n\r -~]{8}")
_CAPITAL = re.compile(rb"[A-F]")
_FULL, _LONGEST_LINE, _LINE_WEIGHT = 16, 512, 2
_NAMED = dict(zip(b"0abefnrtv\\", b"\0\a\b\x1b\f\n\r\t\v\\", strict=True))
_SHOWN = bytes(byte if byte in range(32, 127) else ord(".") for byte in range(256))
"""What the column shows of each byte."""


class _Cell(Enum):
    """How a byte is written: by so many characters."""

    HEX = 2
    OCTAL = 3
    CHARACTER = 4

    def spell(self, byte: int, *, capital: bool) -> bytes:
        """Write a byte."""
        if self is _Cell.HEX:
            return b"%02X" % byte if capital else b"%02x" % byte
        return b"%03o" % byte if self is _Cell.OCTAL else b"%4c" % byte


class _Line(NamedTuple):
    """One line: its bytes, and where its cells and its column are in the whole text.

    `swapped`: the last byte of each word is written first. `aligned`: the column has one character for each byte.
    """

    data: bytes
    cell: _Cell
    start: int
    end: int
    column: tuple[int, int] = (0, 0)
    swapped: bool = False

    def cells(self, text: bytes) -> list[tuple[int, int]]:
        """Give where each byte is written."""
        if self.cell is _Cell.CHARACTER:
            return [(at, at + self.cell.value) for at in range(self.start, self.end, self.cell.value)]
        order = -1 if self.swapped else 1
        words = (match.span() for match in re.finditer(rb"\w+", text[self.start : self.end]))
        starts = (self.start + at for first, last in words for at in range(first, last, self.cell.value)[::order])
        return [(at, at + self.cell.value) for at in starts]

    def exchange(self, text: bytes, first: int, fresh: bytes, rule: str, *, capital: bool) -> Iterator[Span]:
        """Put other bytes in the place of those from `first` on, in the cells and in the column."""
        cells = sorted(zip(self.cells(text)[first : first + len(fresh)], fresh, strict=True))
        left = at = cells[0][0][0]
        parts: list[bytes] = []
        for (start, end), byte in cells:
            parts += (text[at:start], self.cell.spell(byte, capital=capital))
            at = end
        yield Span(left, at, rule, b"".join(parts))
        start, end = self.column
        if end - start == len(self.data):
            yield Span(start + first, start + first + len(fresh), rule, fresh)
        elif start < end:
            yield Span(start, end, rule, re.sub(rb"\S", b"*", text[start:end]))


class Dump(NamedTuple):
    """A stretch of text that is a dump."""

    start: int
    end: int
    lines: list[_Line]

    def spells_text(self) -> bool:
        """Whether its bytes are more than numbers."""
        return _TEXT.search(b"".join(line.data for line in self.lines)) is not None

    def region(self, text: bytes, spend: Spend) -> Region:
        """Say what its bytes spell."""
        spend(1)

        def lift(spans: Iterable[Span]) -> Iterator[Span]:
            capital = any(_CAPITAL.search(text, line.start, line.end) for line in self.lines)
            starts = [0, *accumulate(len(line.data) for line in self.lines)]
            exchanged: dict[tuple[int, int], Span] = {}
            for span in spans:
                fresh = in_size(span)
                at = span.start
                number = bisect_right(starts, at) - 1
                while at < span.end:
                    last = min(span.end, starts[number + 1])
                    part, first = fresh[at - span.start : last - span.start], at - starts[number]
                    for each in self.lines[number].exchange(text, first, part, span.rule, capital=capital):
                        exchanged[each.start, each.end] = each
                    at, number = last, number + 1
            for each in exchanged.values():
                yield Span(each.start - self.start, each.end - self.start, each.rule, each.replacement)

        return Region(self.start, self.end, hidden(b"".join(line.data for line in self.lines)), lift)


def dump_at(text: bytes, start: int, spend: Spend) -> Dump:
    """Give the dump that begins with this line; one that is over where it begins is none."""
    end, lines = _read(text, start, spend)
    return Dump(start, end, lines)


def _read(text: bytes, start: int, spend: Spend) -> tuple[int, list[_Line]]:
    """Read lines as long as they are those of a dump; `*` stands for more lines like the one before."""
    lines: list[_Line] = []
    end = start
    while start < len(text):
        spend(_LINE_WEIGHT)
        stop = text.find(b"\n", start, start + _LONGEST_LINE)
        stop = stop if stop >= 0 else min(len(text), start + _LONGEST_LINE)
        raw = text[start:stop].partition(b"\x00")[0].rstrip(b"\r")
        line = _line(raw, start)
        if line is not None:
            lines.append(line)
        elif raw != b"*":
            break
        end = start + len(raw)
        start = stop + 1
        if text[end : end + 1] == b"\x00":
            break
    return end, lines


def _line(raw: bytes, base: int) -> _Line | None:
    match = _LINE.match(raw)
    if match is None:
        return None
    kind = match.lastgroup or ""
    start, end = match.span(kind)
    if kind == "character":
        return _Line(_characters(raw[start:end]), _Cell.CHARACTER, base + start, base + end)
    if kind == "octal":
        return _Line(
            bytes(int(cell, 8) & 0xFF for cell in raw[start:end].split()), _Cell.OCTAL, base + start, base + end
        )
    cells = raw[start:end]
    data = bytes.fromhex(cells.decode())
    if len(data) > _FULL:  # what looks like one more cell may be the column
        end = start + len(_within(cells))
        cells = raw[start:end]
        data = bytes.fromhex(cells.decode())
    column = _column(raw, end, len(data))
    shown = raw[slice(*column)]
    swapped = False
    if data.translate(_SHOWN) != shown:
        other = b"".join(bytes.fromhex(cell.decode())[::-1] for cell in cells.split())
        swapped = other.translate(_SHOWN) == shown or not (shown or raw[: match.start(kind)].endswith(b":"))
        data = other if swapped else data
    return _Line(data, _Cell.HEX, base + start, base + end, (base + column[0], base + column[1]), swapped)


def _within(cells: bytes) -> bytes:
    """Cut off what comes after a whole line of cells and a wider gap."""
    size = at = 0
    for part in cells.lstrip().split(b"  "):
        at = cells.find(part, at) + len(part)
        size += len(part.replace(b" ", b"")) // 2
        if size >= _FULL:
            break
    return cells[:at]


def _column(raw: bytes, at: int, size: int) -> tuple[int, int]:
    """Give where a line shows its bytes as characters: between bars, or so many at its end."""
    bars = _BARS.match(raw, at)
    if bars is not None:
        return bars.span(1)
    start = len(raw) - size
    if start <= at or raw[at:start].strip():
        start = len(raw) - len(raw[at:].lstrip())
    return start, len(raw)


def _characters(cells: bytes) -> bytes:
    data = bytearray()
    for at in range(0, len(cells), _Cell.CHARACTER.value):
        cell = cells[at : at + _Cell.CHARACTER.value].lstrip() or b" "
        if len(cell) == _Cell.OCTAL.value:
            data.append(int(cell, 8) & 0xFF)
        else:
            data.append(cell[0] if len(cell) == 1 else _NAMED[cell[1]])
    return bytes(data)
