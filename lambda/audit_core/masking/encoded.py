"""Text hidden in text: percent-encoding, escapes, entities, look-alike characters, runs of digits.

A run of digits that holds a finding is replaced whole. Other codecs encode single characters amid plain text: there
only the finding is replaced, and its place is worked out unit by unit.
"""

from __future__ import annotations

import binascii
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from audit_core.masking import fold
from audit_core.masking.blocks import find_runs
from audit_core.masking.patterns import Pattern, Runs, Span, Spend, compile_bytes, without_nul
from audit_core.masking.rules.wordlist import by_word

_BEFORE = 128
_REGION_WEIGHT = 3
_AFTER = 512
_UNSCANNABLE = "unscannable"


class Codec(NamedTuple):
    """One way to hide text.

    `regions`: what to decode, as a pattern. `unit`: one encoded character; `decode` changes the length of units only.
    `margin`: whether what stands around a region is decoded with it (a name in front of the value, the rest of the
    value). `decode`: linear, never lengthens. `needed`: a text without any of these has no such region; empty: a plain
    text. `signs`: their first bytes. `worth`: nor has one where this is not found.
    """

    regions: Pattern
    unit: re.Pattern[bytes]
    margin: bool
    decode: Callable[[bytes], bytes]
    needed: tuple[bytes, ...] = ()
    signs: tuple[bytes, ...] = ()
    worth: re.Pattern[bytes] | None = None


_FORM_PLUS = re.compile(rb"\+%|%[0-9A-Fa-f]{2}\+|%2[Bb]|^[?&]?[\w.\[\]-]{1,64}=")
_PERCENTED = re.compile(rb"%[0-9A-Fa-f]{2}")
_BARE_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def _percent(raw: bytes) -> bytes:
    """Decode percent-encoding, by way of the quoted-printable decoder, which is the same but for the sign.

    A plus sign beside an encoded character stands for a space, as forms have it; one in base64 would be encoded too.
    """
    if b"+" in raw and b"%20" not in raw and _FORM_PLUS.search(raw):  # in base64 it would have been encoded too
        raw = raw.replace(b"+", b" ")
    return binascii.a2b_qp(_BARE_PERCENT.sub(b"%25", raw).replace(b"=", b"=3D").replace(b"%", b"="))


_OCTAL_DIGITS = rb"0(?:0[4-7]|1[0-7])[0-7]|[0-3][0-7]{2}|[4-7][0-7]"
_ESCAPE = re.compile(
    rb"\\{1,8}(?:u\{([0-9A-Fa-f]{2,6})\}|u([0-9A-Fa-f]{4})|x\{([0-9A-Fa-f]{2,6})\}|x([0-9A-Fa-f]{2})"
    rb"|U([0-9A-Fa-f]{8})|(" + _OCTAL_DIGITS + rb")|(/|\r?\n[ \t]{0,16}))"
    rb"|%u([0-9A-Fa-f]{4})"
)
_HEX_GROUP, _OCTAL_GROUP, _BARE_GROUP = 4, 6, 7
_LAST_CHARACTER = 0x10FFFF


def _unescape(raw: bytes) -> bytes:
    def character(match: re.Match[bytes]) -> bytes:
        group = match.lastindex or 0
        if group == _BARE_GROUP:  # the backslash goes, and a line that it continues
            return match[group].strip()
        code = int(match[group], 8 if group == _OCTAL_GROUP else 16)
        return bytes((code,)) if group in (_HEX_GROUP, _OCTAL_GROUP) else _character(code)

    return _ESCAPE.sub(character, raw)


def _character(code: int) -> bytes:
    return chr(code).encode("utf-8", "surrogatepass") if code <= _LAST_CHARACTER else b"?"


# The names of characters that secrets and what is around them consist of, and of invisible ones.
_NAMED = {
    name.encode(): character.encode()
    for name, character in by_word(
        *(('"', "quot"), ("'", "apos"), ("&", "amp"), ("<", "lt"), (">", "gt"), ("=", "equals"), (":", "colon")),
        *((" ", "nbsp"), ("#", "num"), ("%", "percnt"), ("_", "lowbar UnderBar"), ("-", "hyphen dash")),
        *((".", "period"), (",", "comma"), ("/", "sol"), ("\\", "bsol"), ("!", "excl"), ("$", "dollar"), ("+", "plus")),
        *((";", "semi"), ("@", "commat"), ("(", "lpar"), (")", "rpar"), ("[", "lsqb lbrack"), ("]", "rsqb rbrack")),
        *(("{", "lcub lbrace"), ("}", "rcub rbrace"), ("*", "ast midast"), ("`", "grave"), ("|", "verbar vert")),
        *(("^", "Hat"), ("?", "quest"), ("\t", "Tab"), ("\n", "NewLine"), ("", "shy zwj zwnj")),
    ).items()
}
_NAMES = rb"|".join(_NAMED)
_ENTITY = rb"&(?:#(?:[0-9]{1,10}|[xX][0-9A-Fa-f]{1,8});?|(?:" + _NAMES + rb");|(?:quot|amp|lt|gt|nbsp))"
_REFERENCE = re.compile(rb"&(?:#(?:([0-9]{1,10})|[xX]([0-9A-Fa-f]{1,8}));?|(" + _NAMES + rb");|(quot|amp|lt|gt|nbsp))")


def _entities(raw: bytes) -> bytes:
    """Decode the references of HTML to characters: a number of any length costs no more than its digits."""

    def character(match: re.Match[bytes]) -> bytes:
        decimal, hexadecimal, name, bare = match.groups()
        if decimal or hexadecimal:
            return _character(int(decimal) if decimal else int(hexadecimal, 16))
        return _NAMED[name or bare]

    return _REFERENCE.sub(character, raw)


_PRINTED = re.compile(rb"=(?:([0-9A-Fa-f]{2})|\r?\n)")


def _quoted_printable(raw: bytes) -> bytes:
    def character(match: re.Match[bytes]) -> bytes:
        return binascii.unhexlify(match[1] or b"")

    return _PRINTED.sub(character, raw)


_ESCAPED = (
    rb"\\+(?:u\{[0-9A-Fa-f]{2,6}\}|u[0-9A-Fa-f]{4}|x\{[0-9A-Fa-f]{2,6}\}|x[0-9A-Fa-f]{2}|U[0-9A-Fa-f]{8}"
    rb"|" + _OCTAL_DIGITS + rb"|/|\r?\n[ \t]{0,16})|%u[0-9A-Fa-f]{4}"
)
_PRINTED_UNIT = rb"=(?:[0-9A-Fa-f]{2}|\r?\n)"
# `limit=20` looks quoted too, so a region begins where it is plainer: an encoded sign, a soft line break, two in a row
_PRINTED_START = rb"=(?:3[DA]|5F|40|22|0A|\r?\n|[0-9A-F]{2}=[0-9A-F]{2})"
_PRINTED_SIGN = re.compile(_PRINTED_START)
_TOKEN = rb"[^\s\"'<>\x00]*"
_RUN = compile_bytes(_TOKEN)
_ASCII = bytes(range(128))
_CONTROLS = bytes((*range(1, 9), 11, 12, *range(14, 32), 127))


@lru_cache(maxsize=1)
def _foldable() -> Pattern:
    """Find what may be worth folding in a text's bytes beyond ASCII alone."""
    return compile_bytes(fold.trigger(alone=True))


def _codec(
    found: bytes, between: bytes, unit: re.Pattern[bytes], decode: Callable[[bytes], bytes], needed: tuple[bytes, ...]
) -> Codec:
    """Make a codec whose units are scattered through the text: those near each other are decoded together."""
    return Codec(
        regions=compile_bytes(found + rb"(?:" + between + found + rb")*"),
        unit=unit,
        margin=True,
        decode=decode,
        needed=needed,
        signs=tuple({mark[:1] for mark in needed}),
    )


@lru_cache(maxsize=1)
def _inline() -> tuple[Codec, ...]:
    return (
        _codec(fold.trigger(), rb"[^\x00]{0,64}?", fold.UNIT, fold.fold, ()),
        _codec(_ENTITY, rb"[^&\x00]{0,256}", _REFERENCE, _entities, (b"&",)),
        _codec(
            rb"(?:" + _ESCAPED + rb")",
            rb"[^\\\x00]{0,256}",
            _ESCAPE,
            _unescape,
            (
                *(b"\\" + sign for sign in (b"u", b"x", b"U", b"/", b"\n", b"\r\n", *map(b"%d".__mod__, range(8)))),
                b"%u",
            ),
        ),
        Codec(
            regions=compile_bytes(_PRINTED_START + rb"(?:[^=\x00]{0,256}" + _PRINTED_UNIT + rb")*"),
            unit=_PRINTED,
            margin=True,
            decode=_quoted_printable,
            needed=(b"=",),
            signs=(b"=",),
            worth=_PRINTED_SIGN,
        ),
        Codec(
            regions=compile_bytes(_TOKEN + _PERCENTED.pattern + _TOKEN),
            unit=_PERCENTED,
            margin=False,
            decode=_percent,
            needed=(b"%",),
            signs=(b"%",),
            worth=_PERCENTED,
        ),
    )


def find_regions(text: bytes, spend: Spend) -> Iterator[Region]:
    """Yield the regions of `text` that hide other text, in order and without overlaps. `spend` is called for each.

    Where regions of several codecs meet, the first codec decodes all of it and the others have their turn on what it
    gives; runs of digits come last.
    """
    codecs = _inline()
    runs = Runs(_RUN, text)
    found: list[tuple[int, int, int]] = []
    for order, codec in enumerate(codecs):
        if _occurs(codec, text):
            for match in codec.regions.finditer(text):
                spend(1)
                start, end = match.span()
                found.append((*(_with_margin(text, runs, start, end) if codec.margin else (start, end)), order))
    digits = list(find_runs(text, spend))
    found += [(run.start, run.end, len(codecs) + index) for index, run in enumerate(digits)]
    for start, end, order in _merged(found):
        raw = text[start:end]
        spend(_REGION_WEIGHT + (raw.count(b"&") + raw.count(b"\\u") + raw.count(b"\\x")) // 2)
        codec = codecs[order] if order < len(codecs) else None
        decoded = digits[order - len(codecs)].read(raw, spend) if codec is None else codec.decode(raw)
        if decoded != raw:
            yield Region(start, raw, None if decoded is None else without_nul(decoded), codec)


def _occurs(codec: Codec, text: bytes) -> bool:
    """Whether a codec has anything to do in a text, found out at the speed of C."""
    if not codec.needed:
        odd = not text.isascii() and _foldable().search(text.translate(None, _ASCII)) is not None
        return odd or len(text) != len(text.translate(None, _CONTROLS))
    if not any(map(text.__contains__, codec.signs)) or not any(map(text.__contains__, codec.needed)):
        return False
    return codec.worth is None or codec.worth.search(text) is not None


def _with_margin(text: bytes, runs: Runs, start: int, end: int) -> tuple[int, int]:
    """Widen a region to the name before it and the end of the value after it, inside its own text."""
    lowest = max(0, start - _BEFORE)
    highest = text.find(b"\x00", end, end + _AFTER)
    return (
        max(lowest, text.rfind(b"\x00", lowest, start) + 1),
        highest if highest >= 0 else runs.end(min(len(text), end + _AFTER)),
    )


def _merged(found: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Join the regions that overlap, under the first codec of them."""
    merged: list[tuple[int, int, int]] = []
    for start, end, order in sorted(found):
        if merged and start < merged[-1][1]:
            first, last, codec = merged[-1]
            merged[-1] = (first, max(last, end), min(codec, order))
        else:
            merged.append((start, end, order))
    return merged


class Region(NamedTuple):
    """A stretch of a text and what it says when it is decoded. `codec`: None for a run of digits.

    `text` holds no NUL, which stands between texts. It is None where the stretch cannot be decoded.
    """

    start: int
    raw: bytes
    text: bytes | None
    codec: Codec | None = None

    def lift(self, spans: Sequence[Span]) -> Iterator[Span]:
        """Turn findings in the decoded text into what must go in the raw one, counted from the region's start."""
        if self.text is None:
            yield Span(0, len(self.raw), _UNSCANNABLE)
        elif spans and self.codec is None:
            yield Span(0, len(self.raw), spans[0].rule)
        elif spans and self.codec is not None:
            places = Places(self.codec, self.raw)
            for span in spans:
                yield Span(*places.find(span.start, span.end), span.rule, span.replacement)


class Places:
    """Maps places in decoded text to places in the raw text, so that no place is inside an encoded unit."""

    def __init__(self, codec: Codec, raw: bytes) -> None:
        sizes: dict[bytes, int] = {}
        self._firsts, self._lasts, self._begins, self._ends = (array("q") for _ in range(4))
        ahead = 0
        for unit in codec.unit.finditer(raw):
            first, last = unit.span()
            encoded = unit[0]
            if encoded not in sizes:
                sizes[encoded] = len(codec.decode(encoded))
            ends = first - ahead + sizes[encoded]
            self._firsts.append(first)
            self._lasts.append(last)
            self._begins.append(first - ahead)
            self._ends.append(ends)
            ahead = last - ends

    def find(self, start: int, end: int) -> tuple[int, int]:
        """Return the stretch of raw text that decodes to `start`..`end`. Units beside it that say nothing stay out."""
        before = bisect_right(self._ends, start)  # the number of units that end before it
        first = start + (self._lasts[before - 1] - self._ends[before - 1] if before else 0)
        if before < len(self._begins) and self._begins[before] <= start:
            first = self._firsts[before]
        within = bisect_left(self._begins, end)  # the number of units that begin before its end
        last = end + (self._lasts[within - 1] - self._ends[within - 1] if within else 0)
        if within and self._ends[within - 1] >= end:
            last = self._lasts[within - 1]
        return first, last
