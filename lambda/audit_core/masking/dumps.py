"""Dumps: lines of an offset and some bytes, as `xxd`, `hexdump` and `od` print them, often with a column of characters.

Only their bytes are read. Nothing is edited inside a dump: where it holds a finding, all of it is replaced.
"""

from __future__ import annotations

import re

from audit_core.masking.patterns import Spend

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
_TEXT = re.compile(rb"[\t\n\r -~]{8}")
_FULL, _LONGEST_LINE, _LINE_WEIGHT = 16, 512, 2
_CHARACTER_WIDTH, _OCTAL_WIDTH, _OFFSET_WIDTH, _WORD = 4, 3, 20, 2
_NAMED = dict(zip(b"0abefnrtv\\", b"\0\a\b\x1b\f\n\r\t\v\\", strict=True))
_BOTH_ORDERS = b"\n"
"""Stands between the bytes of a dump and the same bytes with the last of each word first."""


def read_dump(text: bytes, start: int, spend: Spend) -> tuple[int, bytes]:
    """Return where the dump that begins at `start` ends, and its bytes; `start` and nothing where there is no dump.

    `*` stands for more lines like the one before. Words of several bytes are read in both orders: not every tool writes
    the first byte first. The more likely order comes first: only tools that write it so put a colon after the offset.
    """
    straight, swapped = bytearray(), bytearray()
    begin = end = start
    while start < len(text):
        spend(_LINE_WEIGHT)
        stop = text.find(b"\n", start, start + _LONGEST_LINE)
        stop = stop if stop >= 0 else min(len(text), start + _LONGEST_LINE)
        raw = text[start:stop].partition(b"\x00")[0].rstrip(b"\r")
        cells = _cells(raw)
        if cells:
            straight += b"".join(cells)
            swapped += b"".join(cell[::-1] for cell in cells)
        elif raw != b"*":
            break
        end = start + len(raw)
        start = stop + 1
        if text[end : end + 1] == b"\x00":
            break
    orders = (straight,) if straight == swapped else (straight, swapped)
    return end, _BOTH_ORDERS.join(orders if b":" in text[begin : begin + _OFFSET_WIDTH] else reversed(orders))


def spells_text(data: bytes) -> bool:
    """Return whether the bytes of a dump are more than numbers."""
    return _TEXT.search(data) is not None


def _cells(raw: bytes) -> list[bytes]:
    """Return the words of one line of a dump as bytes; nothing for any other line."""
    match = _LINE.match(raw)
    if match is None:
        return []
    cells = match[match.lastgroup or 0]
    if match.lastgroup == "character":
        return [_character(cells[at : at + _CHARACTER_WIDTH]) for at in range(0, len(cells), _CHARACTER_WIDTH)]
    if match.lastgroup == "octal":
        return [bytes((int(cell, 8) & 0xFF,)) for cell in cells.split()]
    if sum(map(len, cells.split())) > _WORD * _FULL:  # what looks like one more cell may be the column
        cells = _within(cells)
    return [bytes.fromhex(cell.decode()) for cell in cells.split()]


def _within(cells: bytes) -> bytes:
    """Cut off what comes after a whole line of cells and a wider gap."""
    size = at = 0
    for part in cells.lstrip().split(b"  "):
        at = cells.find(part, at) + len(part)
        size += len(part.replace(b" ", b"")) // 2
        if size >= _FULL:
            break
    return cells[:at]


def _character(cell: bytes) -> bytes:
    """Return the byte that `od -c` writes as a character, a name or an octal number."""
    cell = cell.lstrip() or b" "
    if len(cell) == _OCTAL_WIDTH:
        return bytes((int(cell, 8) & 0xFF,))
    return cell if len(cell) == 1 else bytes((_NAMED[cell[1]],))
