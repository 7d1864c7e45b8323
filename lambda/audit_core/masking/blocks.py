"""Runs of digits that stand for bytes: base64, base32, hexadecimal. What is in them may be UTF-16, or compressed.

A run is recognised by what its digits say: they must spell printable characters (or begin as a compressed stream does),
so that pictures, digests and identifiers are passed over. What is found is put back digit for digit.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from audit_core.masking import packed
from audit_core.masking.cells import RUN, Numbers
from audit_core.masking.dumps import BEGINNING, Dump, dump_at
from audit_core.masking.patterns import Pattern, Span, compile_bytes
from audit_core.masking.region import Region, Spend, hidden
from audit_core.masking.result import PLACEHOLDER

_PLACEHOLDER = PLACEHOLDER.encode()
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
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_OF_32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_AS_NUMBER = bytes.maketrans(
    _OF_32 + _OF_32[:26].lower(), b"0123456789ABCDEFGHIJKLMNOPQRSTUV0123456789ABCDEFGHIJKLMNOP"
)


class _Code(NamedTuple):
    """A code that turns each group of `inner` bytes into `outer` digits, with `gaps` between them.

    `encode` is shown the digits that it must go with.
    """

    inner: int
    outer: int
    gaps: re.Pattern[bytes]
    decode: Callable[[bytes], bytes]
    encode: Callable[[bytes, bytes], bytes]

    def read(self, raw: bytes) -> bytes:
        """Decode all digits of a run, also those of a group that is not complete."""
        digits = self.gaps.sub(b"", raw)
        return self.decode(digits + b"A" * (-len(digits) % self.outer))[: len(digits) * self.inner // self.outer]


def _decode_64(digits: bytes) -> bytes:
    return binascii.a2b_base64(digits.translate(_STANDARD))


def _encode_64(text: bytes, like: bytes) -> bytes:
    digits = base64.b64encode(text)
    return digits.translate(_URL_SAFE) if b"-" in like or b"_" in like else digits


def _decode_32(digits: bytes) -> bytes:
    return int(digits.translate(_AS_NUMBER), 32).to_bytes(len(digits) * 5 // 8, "big")


def _encode_32(text: bytes, like: bytes) -> bytes:
    digits = base64.b32encode(text)
    return digits.lower() if like[:1].islower() else digits


def _encode_16(text: bytes, like: bytes) -> bytes:
    signed = _SIGNED.match(like)
    return text.hex().encode() if signed is None else signed[1].join(b"%02x" % byte for byte in text)


_SIGNED = re.compile(rb"[0-9A-Fa-f]{2}(" + _BETWEEN + rb")[0-9A-Fa-f]{2}")
_BASE_64 = _Code(3, 4, _LINE_ENDS, _decode_64, _encode_64)
_BASE_32 = _Code(5, 8, _LINE_ENDS, _decode_32, _encode_32)
_BASE_16 = _Code(1, 2, _LINE_ENDS, binascii.unhexlify, _encode_16)
_SIGNED_16 = _Code(1, 2, _SIGNS, binascii.unhexlify, _encode_16)


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
        _Kind(rb"(?:" + _PAIR + _BETWEEN + rb"){11,}" + _PAIR, _SIGNED_16),
        _Kind(rb"(?:" + _PAIR + _LINE_END + rb"){12,}", _BASE_16),
        _Kind(rb"(?:" + _OCTET + _LINE_END + rb"){2,}(?:[A-Z2-7]{2,8}={0,6})?", _BASE_32),
        _Kind(rb"(?:" + _OCTET.lower() + _LINE_END + rb"){2,}(?:[a-z2-7]{2,8}={0,6})?", _BASE_32),
    ),
)


@lru_cache(maxsize=4)
def _compiled(kinds: tuple[_Kind, ...]) -> Pattern:
    return compile_bytes(b"|".join(kind.pattern for kind in kinds))


class Run(NamedTuple):
    """A run of digits in a text, and the code that they are of."""

    start: int
    end: int
    code: _Code
    is_packed: bool = False
    is_bare: bool = False

    def region(self, text: bytes, spend: Spend) -> Region:
        """Say what the run hides."""
        raw = text[self.start : self.end]
        decoded = self.code.read(raw)
        if self.is_packed:
            return packed.region(self.start, self.end, decoded, spend, is_bare=self.is_bare)
        return _region(self, raw, decoded)


AnyRun: TypeAlias = Run | Numbers | Dump


def find_runs(text: bytes, spend: Spend) -> Iterator[AnyRun]:
    """Yield the runs of digits that hide text, in order and without overlaps: of two that overlap, the longer."""
    runs: list[AnyRun] = list(_others(text, spend))
    runs += [run for kinds in _FAMILIES for run in _runs_of(kinds, text, 0, len(text), spend)]
    last: AnyRun | None = None
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
            yield Run(first + 4 * glued, last, kind.code)
        elif packed.opens(kind.code.read(raw[:_LONGEST_BEGINNING])):
            yield Run(first, last, kind.code, is_packed=True)
        else:
            yield from _runs_of(tuple(other for other in kinds if not other.is_packed), text, first, last, spend)


def _others(text: bytes, spend: Spend) -> Iterator[AnyRun]:
    """Yield bytes that are spelled one by one, and streams without a header."""
    done = 0
    for match in compile_bytes(_OTHERS).finditer(text):
        spend(1)
        start, end = match.span()
        if start < done:
            continue
        start += text[start] not in _ALPHABET
        if compile_bytes(RUN).fullmatch(text[start:end]):
            yield Numbers(start, end)
        elif (dump := dump_at(text, start, spend)).end > start:
            done = dump.end  # also where it spells nothing, or each of its lines would be taken for the first
            if dump.spells_text():
                yield dump
        elif not compile_bytes(_OTHER_DIGITS).fullmatch(text[start:end]) and packed.opens_bare(
            _BASE_64.read(text[start : min(end, start + _LONGEST_BEGINNING)])
        ):
            yield Run(start, end, _BASE_64, is_packed=True, is_bare=True)


def _is_glued(text: bytes, start: int) -> bool:
    """Whether what is before a group cannot belong to its run: no whole number of groups fits there."""
    before = text[max(0, start - _FAR) : start]
    return (len(before) - len(before.rstrip(_ALPHABET))) % 4 != 0


def _region(run: Run, raw: bytes, decoded: bytes) -> Region:
    code = run.code

    def lift(spans: Iterable[Span]) -> Iterator[Span]:
        digits = _Digits(raw, code.gaps)
        for group in _groups(spans, code.inner):
            first, last = group[0].start // code.inner, -(-group[-1].end // code.inner)
            pieces: list[bytes] = []
            at = first * code.inner
            for span in group:
                pieces += (decoded[at : span.start], _in_width(span, decoded))
                at = span.end
            left, right = digits.begin(first * code.outer), digits.end(last * code.outer)
            rest = decoded[at : last * code.inner]
            if last * code.outer <= digits.total:  # a whole group stays whole, and what follows keeps its place
                filler = _spread(b"**", decoded[group[-1].start : group[-1].end])[1:]
                while sum(map(len, (*pieces, rest))) % code.inner:
                    pieces.append(filler)
            fresh = code.encode(b"".join((*pieces, rest)), raw)
            yield Span(left, right, group[0].rule, fresh if raw.endswith(b"=") else fresh.rstrip(b"="))

    return Region(run.start, run.end, hidden(decoded), lift)


def _in_width(span: Span, decoded: bytes) -> bytes:
    """Give what goes in the place of a span, in UTF-16 or UTF-32 where that is what it replaces."""
    fresh = _PLACEHOLDER if span.replacement is None else span.replacement
    return _spread(fresh, decoded[span.start : span.end])


def _spread(text: bytes, like: bytes) -> bytes:
    """Put as many NULs between the characters of a text as are between those of another.

    So the bytes around it keep their places, whichever byte comes first.
    """
    for nulls in (b"\x00\x00\x00", b"\x00"):
        if like.startswith(nulls, 1):
            return nulls.join(text[place : place + 1] for place in range(len(text)))
    return text


def _groups(spans: Iterable[Span], inner: int) -> Iterator[list[Span]]:
    """Put together the spans that share a group of bytes."""
    group: list[Span] = []
    for span in spans:
        if group and span.start // inner >= -(-group[-1].end // inner):
            yield group
            group = []
        group.append(span)
    if group:
        yield group


class _Digits:
    """Says where the digits of a run are, which gaps interrupt."""

    def __init__(self, raw: bytes, gaps: re.Pattern[bytes]) -> None:
        spans = [match.span() for match in gaps.finditer(raw)]
        self._skipped = [0, *accumulate(end - start for start, end in spans)]
        self._at = [start - skipped for (start, _), skipped in zip(spans, self._skipped, strict=False)]
        self._length = len(raw)
        self.total = self._length - self._skipped[-1]

    def begin(self, digit: int) -> int:
        """Give where a digit is."""
        return min(digit + self._skipped[bisect_right(self._at, digit)], self._length)

    def end(self, digits: int) -> int:
        """Give where so many digits end; the end of the run where there are not so many."""
        return self._length if digits > self.total else self.begin(digits - 1) + 1
