"""A stretch of text that hides another text, and the way back from what was found in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from audit_core.masking.patterns import Span

Spend: TypeAlias = Callable[[int], None]


class Region(NamedTuple):
    """Where a hidden text is, what it says, and how to lift what is found there.

    `lift` turns spans of `text` into spans of the region, counted from the region's start. `found`: what must go
    whatever the text says. `text` holds no NUL, which is what stands between texts.
    """

    start: int
    end: int
    text: bytes
    lift: Callable[[Iterable[Span]], Iterator[Span]]
    found: tuple[Span, ...] = ()


def hidden(text: bytes) -> bytes:
    """Put another invisible character in the place of each NUL, so that the text can stand beside others."""
    return text.replace(b"\x00", b"\x01")
