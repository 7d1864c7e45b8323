"""Runs of digits that stand for bytes: base64, base32, hexadecimal. What is in them may be UTF-16, or compressed.

A run is recognised by what its digits say: they must spell printable characters (or begin as a compressed stream does),
so that pictures, digests and identifiers are passed over. A run that holds a finding is replaced whole.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import NamedTuple

from audit_core.masking import packed
from audit_core.masking.cells import RUN, read_numbers
from audit_core.masking.dumps import BEGINNING, read_dump, spells_text
from audit_core.masking.patterns import Pattern, Spend, compile_bytes

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_FAR = 256
_LONGEST_BEGINNING = 512
_LINE_END = rb"(?:(?:\r?\n|\r|(?:\\+r)?\\+n)(?:[ \t]|\\+t)*)?"
_ANY = rb"[\w+/-]"
# One group of four base64 characters that decodes to three printable ASCII characters (or tab and line ends): of random
# groups one in eleven does, of random texts almost none. The groups beside them may be printable in part.
_QUAD = rb"[CDI-Za-f][ACDEFGHQSTUVWXgijklmnwyz0123][ABEFIJMNQRUVYZcdghklopstwx014589]" + _ANY
# Two groups of base64 that decode to three printable characters of UTF-16, wherever their first byte is.
_WIDE_QUADS = rb"[CDI-Za-f][AQgw][AB]" + _ANY + rb"A[ACD-H][AEIMQUYcgkosw048]A"
# One group of eight base32 characters that decodes to five printable ASCII characters: one in a hundred does by chance.
_OCTET = rb"[BE-P][ABEFIJMNQRUVYZ45][A-Z2-7][AC-HQS-X][ACEGIKMOQSUWY246][CDI-Z2-7][A-DI-LQ-TYZ23][A-Z2-7]"
_PAIR = rb"(?:[2-7][0-9A-Fa-f]|0[9AaDd])"
_BETWEEN = rb"(?:[,:;+-]\s*|\s+)(?:0[xX])?"
_LINE_ENDS = re.compile(rb"(?:\\++[nrt]|[\r\n\t ])++|=")
_SIGNS = re.compile(rb"0[xX]|[^0-9A-Fa-f]+")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_OF_32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_AS_NUMBER = bytes.maketrans(
    _OF_32 + _OF_32[:26].lower(), b"0123456789ABCDEFGHIJKLMNOPQRSTUV0123456789ABCDEFGHIJKLMNOP"
)


class _Code(NamedTuple):
    """A code that turns each group of `inner` bytes into `outer` digits, with `gaps` between them."""

    inner: int
    outer: int
    gaps: re.Pattern[bytes]
    decode: Callable[[bytes], bytes]

    def read(self, raw: bytes) -> bytes:
        """Decode all digits of a run, also those of a group that is not complete."""
        digits = self.gaps.sub(b"", raw)
        return self.decode(digits + b"A" * (-len(digits) % self.outer))[: len(digits) * self.inner // self.outer]


def _decode_64(digits: bytes) -> bytes:
    return binascii.a2b_base64(digits.translate(_STANDARD))


def _decode_32(digits: bytes) -> bytes:
    return int(digits.translate(_AS_NUMBER), 32).to_bytes(len(digits) * 5 // 8, "big")


_BASE_64 = _Code(3, 4, _LINE_ENDS, _decode_64)
_BASE_32 = _Code(5, 8, _LINE_ENDS, _decode_32)
_BASE_16 = _Code(1, 2, _LINE_ENDS, binascii.unhexlify)
_SIGNED_16 = _Code(1, 2, _SIGNS, binascii.unhexlify)


class _Kind(NamedTuple):
    """What runs of a code look like, where they hide text; `is_packed`: text that is compressed."""

    pattern: bytes
    code: _Code
    is_packed: bool = False


def _runs(run: bytes, group: bytes, rest: bytes) -> bytes:
    """Return the pattern of runs that decode to ASCII, with the groups beside them and between them.

    Such a group may hold a character beyond ASCII together with the first or last letters of a secret.
    """
    return rb"(?:" + group + rb")?" + run + rb"(?:(?:" + group + rb"){1,2}" + run + rb")*(?:" + rest + rb")?"


# Compressed text without a header: a long run after the sign before a value, whose first bits are those of a block.
_BARE_STREAM = (
    rb"(?:^|[\s\"'`=>(,\x00])"
    rb"(?:[BDFHJLNPRTVXZbdfhjlnprtvxz13579/_][A-Za-f]|[ACEGIKMOQSUWYacegikmoqsuwy02468+-][w-z0-9+/_-])"
    + _ANY
    + rb"{46}(?:"
    + _ANY
    + _LINE_END
    + rb")*={0,2}"
)

_OTHER_DIGITS = rb"[0-9A-Fa-f\s]*|[A-Z2-7=\s]*"
"""What is all hexadecimal or base32 is no base64 by chance."""

_OTHERS = b"|".join((RUN, BEGINNING, _BARE_STREAM))

# What is looked for at once: more together, and the engine's tables no longer fit in its memory.
_FAMILIES = (
    (
        _Kind(
            rb"(?:H4sI[A-H]|\b(?:eJ[w-z]|eN[o-r]|eA[E-H]|eF[4-7])" + _ANY + rb"{2})"
            rb"(?:" + _ANY + _LINE_END + rb"){16,}={0,2}",
            _BASE_64,
            is_packed=True,
        ),
        _Kind(
            rb"(?:"
            + _ANY
            + rb"{4}){0,2}(?:"
            + _WIDE_QUADS
            + _LINE_END
            + rb"){4,}(?:"
            + _ANY
            + _LINE_END
            + rb")*={0,2}",
            _BASE_64,
        ),
        _Kind(
            _runs(rb"(?:" + _QUAD + _LINE_END + rb"){4,}", _ANY + rb"{4}" + _LINE_END, _ANY + rb"{2,4}={0,2}"),
            _BASE_64,
        ),
    ),
    (
        _Kind(rb"(?:1[fF]8[bB]08|78(?:01|5[eE]|9[cC]|[dD][aA]))[0-9A-Fa-f]{24,}", _BASE_16, is_packed=True),
        _Kind(rb"(?:" + _PAIR + rb"00){8,}(?:" + _PAIR + rb")?", _BASE_16),
        _Kind(rb"(?:0[xX])?(?:" + _PAIR + _BETWEEN + rb"){11,}" + _PAIR, _SIGNED_16),
        _Kind(rb"(?:" + _PAIR + _LINE_END + rb"){12,}", _BASE_16),
        _Kind(rb"(?:" + _OCTET + _LINE_END + rb"){2,}(?:[A-Z2-7]{2,8}={0,6})?", _BASE_32),
        _Kind(rb"(?:" + _OCTET.lower() + _LINE_END + rb"){2,}(?:[a-z2-7]{2,8}={0,6})?", _BASE_32),
    ),
)


@lru_cache(maxsize=4)
def _compiled(kinds: tuple[_Kind, ...]) -> Pattern:
    return compile_bytes(b"|".join(kind.pattern for kind in kinds))


class Run(NamedTuple):
    """A run in a text. `read` decodes it, and returns None for what cannot be unpacked."""

    start: int
    end: int
    read: Callable[[bytes, Spend], bytes | None]


def find_runs(text: bytes, spend: Spend) -> Iterator[Run]:
    """Yield the runs of digits that hide text, in order and without overlaps: of two that overlap, the longer."""
    runs: list[Run] = list(_others(text, spend))
    runs += [run for kinds in _FAMILIES for run in _runs_of(kinds, text, 0, len(text), spend)]
    last: Run | None = None
    for run in sorted(runs, key=lambda run: run.start):
        if last is None or run.start >= last.end:
            if last is not None:
                yield last
            last = run
        elif run.end - run.start > last.end - last.start:
            last = run
    if last is not None:
        yield last


def _runs_of(kinds: tuple[_Kind, ...], text: bytes, start: int, end: int, spend: Spend) -> Iterator[Run]:
    for match in _compiled(kinds).finditer(text, start, end):
        spend(1)
        first, last = match.span()
        raw = text[first:last]
        kind = next(kind for kind in kinds if compile_bytes(kind.pattern).fullmatch(raw))
        if not kind.is_packed:
            glued = kind.code is _BASE_64 and _is_glued(text, first) and compile_bytes(_QUAD).match(raw) is None
            yield Run(first + 4 * glued, last, partial(_read_plain, kind.code))
        elif packed.opens(kind.code.read(raw[:_LONGEST_BEGINNING])):
            yield Run(first, last, partial(_read_packed, kind.code))
        else:
            yield from _runs_of(tuple(other for other in kinds if not other.is_packed), text, first, last, spend)


def _others(text: bytes, spend: Spend) -> Iterator[Run]:
    """Yield bytes that are spelled one by one, and streams without a header."""
    done = 0
    for match in compile_bytes(_OTHERS).finditer(text):
        spend(1)
        start, end = match.span()
        if start < done:
            continue
        start += text[start] not in _ALPHABET
        if compile_bytes(RUN).fullmatch(text[start:end]):
            yield Run(start, end, _read_numbers)
            continue
        done, data = read_dump(text, start, spend)
        if data:
            if spells_text(data):
                yield Run(start, done, partial(_read_dump, data))
        elif not compile_bytes(_OTHER_DIGITS).fullmatch(text[start:end]) and packed.opens_bare(
            _BASE_64.read(text[start : min(end, start + _LONGEST_BEGINNING)])
        ):
            yield Run(start, end, partial(_read_packed, _BASE_64, is_bare=True))


def _is_glued(text: bytes, start: int) -> bool:
    """Whether what is before a group cannot belong to its run: no whole number of groups fits there."""
    before = text[max(0, start - _FAR) : start]
    return (len(before) - len(before.rstrip(_ALPHABET))) % 4 != 0


def _read_plain(code: _Code, raw: bytes, _spend: Spend) -> bytes:
    return code.read(raw)


def _read_packed(code: _Code, raw: bytes, spend: Spend, *, is_bare: bool = False) -> bytes | None:
    return packed.unpack(code.read(raw), spend, is_bare=is_bare)


def _read_numbers(raw: bytes, spend: Spend) -> bytes | None:
    data = read_numbers(raw)
    return packed.unpack(data, spend) if packed.opens(data) else data


def _read_dump(data: bytes, _raw: bytes, spend: Spend) -> bytes:
    spend(1)
    return data
