"""Look-alike characters: full-width letters, invisible characters, typographic quotes, letters of other scripts.

`fold` maps each to the ASCII character that it imitates, or to nothing where it is invisible, as marks on a letter and
the colours of a terminal are. It never changes a length upwards and treats every unit by itself (a character, or a
command to a terminal), so that offsets can be mapped back.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_INVISIBLE = (
    *range(0x01, 0x09),
    0x0B,
    0x0C,
    *range(0x0E, 0x20),
    0x7F,
    0xAD,
    *range(0x0300, 0x0370),
    0x061C,
    0x115F,
    0x1160,
    0x17B4,
    0x17B5,
    *range(0x180B, 0x1810),
    *range(0x200B, 0x2010),
    *range(0x1AB0, 0x1B00),
    *range(0x1DC0, 0x1E00),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0x20D0, 0x2100),
    0x3164,
    *range(0xFE00, 0xFE10),
    *range(0xFE20, 0xFE30),
    0xFEFF,
    0xFFA0,
    *range(0xFFF9, 0xFFFC),
    *range(0xE0000, 0xE0080),
    *range(0xE0100, 0xE01F0),
)
_SPACES = (0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
_QUOTES = {
    0x2018: "'",
    0x2019: "'",
    0x201A: "'",
    0x201B: "'",
    0x201C: '"',
    0x201D: '"',
    0x201E: '"',
    0x00AB: '"',
    0x00BB: '"',
    0x2032: "'",
    0x2033: '"',
}
_DASHES = (0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212, 0xFE58, 0xFE63)
_LOOKALIKES = {
    ord(character): plain
    for imitations, plains in (
        ("АВЕКМНОРСТУХЅІЈԌԚԜӀҺѴ", "ABEKMHOPCTYXSIJGQWIHV"),
        ("аеорсухіјѕԁһкӏԛԝѵѡ", "aeopcyxijsdhklqwvw"),
        ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ", "ABEZHIKMNOPTYXC"),  # noqa: RUF001 - what imitates is the point
        ("αοντυρικχγϲϳ", "aovtupikxycj"),
        ("օհոսցզ", "ohnugq"),  # noqa: RUF001 - what imitates is the point
        ("ɡɑɩıȷᴏ", "gaiijo"),
        ("ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ", "ABCDEFGHIJKLMNOPRSTUVWXYZ"),  # noqa: RUF001 - what imitates is the point
        *((map(chr, range(zero, zero + 10)), "0123456789") for zero in (0x0660, 0x06F0, 0x07C0, 0x0966)),
    )
    for character, plain in zip(imitations, plains, strict=True)
}
_COMPATIBLE = (
    *range(0x02B0, 0x02B9),
    *range(0x02E0, 0x02E4),
    *range(0x1D2C, 0x1D6B),
    *range(0x2070, 0x20A0),
    *range(0x2100, 0x2190),
    *range(0x2460, 0x2500),
    *range(0x3200, 0x3400),
    *range(0xFB00, 0xFB07),
    *range(0xFE50, 0xFE70),
    *range(0xFF01, 0xFF5F),
    *range(0x1D400, 0x1D800),
    *range(0x1F100, 0x1F1AC),
    0xB2,
    0xB3,
    0xB9,
    0xAA,
    0xBA,
)


@lru_cache(maxsize=1)
def _table() -> dict[int, str]:
    table: dict[int, str] = {}
    for code in _COMPATIBLE:
        plain = unicodedata.normalize("NFKC", chr(code))
        if plain.isascii() and len(plain) <= len(chr(code).encode()) and plain != chr(code):
            table[code] = plain
    table.update(_LOOKALIKES)
    table.update(_QUOTES)
    table.update(dict.fromkeys(_DASHES, "-"))
    table.update(dict.fromkeys(_SPACES, " "))
    table.update(dict.fromkeys(_INVISIBLE, ""))
    return table


_COMMAND = rb"\x1b\[[0-9;:?]{0,16}[A-Za-z]"
"""What sets a colour on a terminal, or moves its cursor."""
_COMMANDS = re.compile(_COMMAND.decode())
UNIT = re.compile(_COMMAND + rb"|[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]|[\xc0-\xff][\x80-\xbf]*")
"""What `fold` may replace: a command to a terminal, a control, a character beyond ASCII."""


def fold(raw: bytes) -> bytes:
    """Replace look-alikes in UTF-8 text. Linear time; never longer than `raw`."""
    text = raw.decode("utf-8", "surrogateescape")
    if "\x1b" in text:
        text = _COMMANDS.sub("", text)
    return text.translate(_table()).encode("utf-8", "surrogateescape")


@lru_cache(maxsize=2)
def trigger(*, alone: bool = False) -> bytes:
    """Give a byte pattern for what is worth folding: imitations of ASCII, invisible characters, mixed scripts.

    `alone`: for a text whose ASCII was taken out, so that nothing of it can stand beside letters of other scripts.
    Typographic quotes, dashes and spaces are everywhere and hide nothing by themselves.
    """
    everyday = {*_LOOKALIKES, *_QUOTES, *_DASHES, 0xA0}
    codes = {code for code in _table() if code not in everyday and code >= 0x80}  # noqa: PLR2004 - ASCII ends
    units = [_COMMAND, _ranges(codes), rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]"]
    alike = _ranges(set(_LOOKALIKES))
    units += [alike] if alone else [rb"[A-Za-z](?:" + alike + rb")", rb"(?:" + alike + rb")[A-Za-z]"]
    return rb"(?:" + rb"|".join(units) + rb")"


def _ranges(codes: set[int]) -> bytes:
    """Spell a set of code points as alternatives of UTF-8 bytes, those with the same leading bytes together."""
    by_lead: dict[bytes, list[int]] = {}
    for code in sorted(codes):
        encoded = chr(code).encode()
        by_lead.setdefault(encoded[:-1], []).append(encoded[-1])
    parts = []
    for lead, lasts in by_lead.items():
        spelled = b"".join(b"\\x%02x" % byte for byte in lead)
        parts.append(spelled + b"[" + b"".join(b"\\x%02x" % byte for byte in lasts) + b"]")
    return b"|".join(parts)
