"""How patterns are compiled: RE2 over UTF-8 bytes, so that offsets are the text's own and time is linear."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol, cast

import re2


class Match(Protocol):
    """What a match offers."""

    def start(self, group: int = 0) -> int: ...  # noqa: D102
    def end(self, group: int = 0) -> int: ...  # noqa: D102
    def group(self, group: int = 0) -> bytes: ...  # noqa: D102
    def span(self, group: int = 0) -> tuple[int, int]: ...  # noqa: D102


class Pattern(Protocol):
    """What a compiled pattern offers; every call takes time linear in the bytes that it looks at."""

    @property
    def groups(self) -> int: ...  # noqa: D102
    def search(self, text: bytes, pos: int | None = None, endpos: int | None = None) -> Match | None: ...  # noqa: D102
    def match(self, text: bytes, pos: int | None = None, endpos: int | None = None) -> Match | None: ...  # noqa: D102
    def fullmatch(self, text: bytes, pos: int | None = None, endpos: int | None = None) -> Match | None: ...  # noqa: D102
    def finditer(self, text: bytes, pos: int | None = None, endpos: int | None = None) -> Iterator[Match]: ...  # noqa: D102


@lru_cache(maxsize=1024)
def compile_bytes(pattern: bytes, *, characters: bool = False) -> Pattern:
    """Compile a pattern over bytes; one byte is one character, or with `characters` UTF-8 is understood.

    Raises `re2.error` where the engine refuses the pattern.
    """
    options = re2.Options()
    options.encoding = re2.Options.Encoding.UTF8 if characters else re2.Options.Encoding.LATIN1
    options.log_errors = False
    return cast("Pattern", re2.compile(pattern, options=options))


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
