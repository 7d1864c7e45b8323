"""Finds every secret in many texts at once, whatever they are wrapped in.

The texts are scanned as one, joined by a byte that no pattern matches; what is encoded inside them is decoded and
scanned in the next round, until nothing more is found. All work is counted: see `Budget`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Protocol

from audit_core.masking.budget import LIFT, Budget
from audit_core.masking.encoded import Region, find_regions
from audit_core.masking.patterns import Pattern, Span
from audit_core.masking.result import PLACEHOLDER, Unscannable

MAX_ROUNDS = 12
_PLACEHOLDER = PLACEHOLDER.encode()
_SEPARATOR = b"\x00"
_CONTINUES, _BEGINS = 0x80, 0xC0
"""The bytes of UTF-8 that go on with a character are between these."""
_ALPHANUMERIC = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") | frozenset(
    range(128, 256)
)


class Detector(Protocol):
    """Finds secrets of one family in plain text."""

    def __call__(self, text: bytes, spend: Callable[[int], None], /) -> Iterator[Span]:
        """Yield what must go."""
        ...


class _Piece:
    """One text of one round: a text that was handed in, or one that was hidden in a piece of the round before."""

    __slots__ = ("hidden", "spans", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.spans: list[Span] = []
        self.hidden: list[tuple[int, Region, _Piece]] = []


def scan(
    texts: Sequence[bytes], detectors: Sequence[Detector], budget: Budget, allow: Sequence[Pattern] = ()
) -> list[list[Span]]:
    """Give for each text the spans to replace: ascending, without overlaps.

    `allow`: what one of these matches whole stays. Raises `Unscannable` when the budget is used up or encodings are
    nested deeper than `MAX_ROUNDS`.
    """
    pieces = [_Piece(text) for text in texts]
    levels = [pieces]
    while levels[-1]:
        if len(levels) > MAX_ROUNDS:
            raise Unscannable("encodings nested deeper than the cap")
        levels.append(_round(levels[-1], detectors, budget, allow))
    for level in reversed(levels):
        for piece in level:
            for offset, region, child in piece.hidden:
                budget.spend(LIFT * len(child.spans))
                for span in region.lift(child.spans):
                    piece.spans.append(Span(offset + span.start, offset + span.end, span.rule, span.replacement))
            if piece.spans:
                piece.spans = settle(piece.text, piece.spans)
    return [piece.spans for piece in pieces]


def _round(
    pieces: list[_Piece], detectors: Sequence[Detector], budget: Budget, allow: Sequence[Pattern]
) -> list[_Piece]:
    blob = _SEPARATOR.join([piece.text for piece in pieces])
    budget.take(len(blob))
    starts = [0, *accumulate(len(piece.text) + 1 for piece in pieces)]
    for detector in detectors:
        for span in detector(blob, budget.spend):
            index = bisect_right(starts, span.start) - 1
            piece, base = pieces[index], starts[index]
            span.start -= base
            span.end = min(span.end - base, len(piece.text))
            # A pattern that goes on past the end of its text found something in none.
            if span.start < span.end and not any(
                pattern.fullmatch(piece.text[span.start : span.end]) for pattern in allow
            ):
                piece.spans.append(span)
    children: list[_Piece] = []
    for region in find_regions(blob, budget.spend):
        index = bisect_right(starts, region.start) - 1
        child = _Piece(region.text or b"")
        pieces[index].hidden.append((region.start - starts[index], region, child))
        children.append(child)
    return children


def settle(text: bytes, spans: list[Span]) -> list[Span]:
    """Order spans, widen them to whole characters, join those that overlap, drop those that would change nothing."""
    for span in spans:
        while span.start > 0 and _CONTINUES <= text[span.start] < _BEGINS:
            span.start -= 1
        while span.end < len(text) and _CONTINUES <= text[span.end] < _BEGINS:
            span.end += 1
    settled: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if settled and span.start < settled[-1].end:
            last = settled[-1]
            if span.end > last.end or last.replacement is not None:
                last.end = max(last.end, span.end)
                last.replacement = None
        elif _changes(text[span.start : span.end], span.replacement):
            settled.append(span)
    return settled


def _changes(masked: bytes, replacement: bytes | None) -> bool:
    if replacement is not None:
        return masked != replacement
    return _PLACEHOLDER not in masked or any(map(_ALPHANUMERIC.__contains__, masked.replace(_PLACEHOLDER, b"")))


def replace(text: bytes, spans: Sequence[Span]) -> bytes:
    """Replace the spans by their replacements, or by the placeholder."""
    parts: list[bytes] = []
    end = 0
    for span in spans:
        parts += (text[end : span.start], _PLACEHOLDER if span.replacement is None else span.replacement)
        end = span.end
    parts.append(text[end:])
    return b"".join(parts)
