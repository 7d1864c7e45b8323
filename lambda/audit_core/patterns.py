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


_STATES = 16 * 1024 * 1024
"""Memory for the states of one pattern. The engine's default of 8 MiB is too little for the longest one: it forgets
states and computes them again, which halves its speed. It takes what a text needs, most often far less."""


@lru_cache(maxsize=1024)
def compile_bytes(pattern: bytes, *, characters: bool = False) -> Pattern:
    """Compile a pattern over bytes; one byte is one character, or with `characters` UTF-8 is understood.

    Raises `re2.error` where the engine refuses the pattern.
    """
    options = re2.Options()
    options.encoding = re2.Options.Encoding.UTF8 if characters else re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = _STATES
    return cast("Pattern", re2.compile(pattern, options=options))
