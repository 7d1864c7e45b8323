"""What patterns find, and where: spans of a text's bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from audit_core.patterns import Match, Pattern, compile_bytes

__all__ = ["Finds", "Match", "Pattern", "Runs", "Span", "Spend", "compile_bytes", "without_nul"]

Spend: TypeAlias = Callable[[int], None]
"""Counts work: see `budget.Budget.spend`."""


def without_nul(text: bytes) -> bytes:
    """Replace each NUL by another invisible character: a NUL separates texts."""
    return text.replace(b"\x00", b"\x01")


class Span:
    """A stretch of bytes to be replaced, the rule that says so, and what to put there (None: the placeholder)."""

    __slots__ = ("end", "replacement", "rule", "start")

    def __init__(self, start: int, end: int, rule: str, replacement: bytes | None = None) -> None:
        self.start = start
        self.end = end
        self.rule = rule
        self.replacement = replacement


class Runs:
    """Says where runs of a text's bytes end: each is gone through once, however often it is asked for, in any order."""

    def __init__(self, pattern: Pattern, text: bytes) -> None:
        self._pattern = pattern
        self._text = text
        self._first = self._last = -1

    def end(self, at: int) -> int:
        """Give the end of the run that `at` is in."""
        if not self._first <= at <= self._last:
            match = self._pattern.match(self._text, at)
            self._first, self._last = at, match.end() if match else at
        return self._last


class Finds:
    """Says where a pattern is found next: what is passed over is gone through once, where questions ascend."""

    def __init__(self, pattern: Pattern, text: bytes) -> None:
        self._pattern = pattern
        self._text = text
        self._from = self._found = self._end = -1

    def next(self, start: int, end: int) -> int:
        """Give where in `start`..`end` the pattern is found first, or -1."""
        if end != self._end or not self._from <= start <= (self._found if self._found >= 0 else end):
            match = self._pattern.search(self._text, start, end)
            self._from, self._end = start, end
            self._found = match.start() if match else -1
        return self._found
