"""Look-alike characters: full-width letters, invisible characters, typographic quotes, letters of other scripts.

`fold` maps each to the ASCII character that it imitates, or to nothing where it is invisible, as marks on a letter and
the colours of a terminal are. It never changes a length upwards and treats every unit by itself (a character, or a
command to a terminal), so that offsets can be mapped back.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from audit_core.masking.rules.letters import COMPATIBLE, DASHES, INVISIBLE, LOOKALIKES, QUOTES, SPACES


@lru_cache(maxsize=1)
def _table() -> dict[int, str]:
    table: dict[int, str] = {}
    for code in COMPATIBLE:
        plain = unicodedata.normalize("NFKC", chr(code))
        if plain.isascii() and len(plain) <= len(chr(code).encode()) and plain != chr(code):
            table[code] = plain
    table.update(LOOKALIKES)
    table.update(QUOTES)
    table.update(dict.fromkeys(DASHES, "-"))
    table.update(dict.fromkeys(SPACES, " "))
    table.update(dict.fromkeys(INVISIBLE, ""))
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
    everyday = {*LOOKALIKES, *QUOTES, *DASHES, 0xA0}
    codes = {code for code in _table() if code not in everyday and code >= 0x80}  # noqa: PLR2004 - ASCII ends
    units = [_COMMAND, _ranges(codes), rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]"]
    alike = _ranges(set(LOOKALIKES))
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
