"""Finds the other places of a masked value: a password may also stand where no name introduces it.

Promise: a value that is masked in one place is masked in every other, unless it is short or an ordinary word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import ahocorasick_rs

from audit_core.masking.jsontext import find_documents
from audit_core.masking.patterns import Span
from audit_core.masking.placeholder import stands_in
from audit_core.masking.plausible import is_random, is_structured
from audit_core.masking.result import PLACEHOLDER, JsonValue
from audit_core.masking.scanner import replace

_RULE = "repeated"
_SHORTEST, _SHORTEST_RANDOM = 6, 10
_LONGEST = 4096
_MOST = 256
_UNMISTAKABLE = 16
_IN_WORDS = re.compile(rb"[A-Za-z0-9\x80-\xff]")
_ADDRESS = re.compile(r"\A[^\s@:]+@[^\s@]+\.[A-Za-z]+\Z")
_USERINFO = re.compile(r"\A[^\s:@/]*:([^\s@/]+)\Z")


def taken(before: JsonValue, after: JsonValue) -> set[str]:
    """Return what masking took out of a value, where it is worth a search in the rest of the value."""
    found: set[str] = set()
    _compare(before, after, found)
    return found


def _compare(before: JsonValue, after: JsonValue, found: set[str]) -> None:
    if before is after or before == after or len(found) >= _MOST:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for one, other in zip(before.values(), after.values(), strict=False):
            _compare(one, other, found)
    elif isinstance(before, list) and isinstance(after, list):
        for one, other in zip(before, after, strict=False):
            _compare(one, other, found)
    elif isinstance(before, str) and isinstance(after, str):
        found.update(value for gap in _gaps(before, after) for value in _worth(gap))
        if after != PLACEHOLDER:
            for (_, _, one), (_, _, other) in zip(_documents(before), _documents(after), strict=False):
                _compare(one, other, found)


def _documents(text: str) -> Iterator[tuple[int, int, JsonValue]]:
    """Yield the JSON in a text: masking may have written its strings with other escapes, which `_gaps` cannot match."""
    return find_documents(text.encode("utf-8", "surrogatepass"))


def _gaps(before: str, after: str) -> Iterator[str]:
    """Yield the texts that placeholders replaced. Stop where the two texts no longer match."""
    first, *kept = after.split(PLACEHOLDER)
    if not before.startswith(first):
        return
    at = len(first)
    for index, part in enumerate(kept):
        last = index == len(kept) - 1
        end = len(before) - len(part) if last else before.find(part, at + 1) if part else -1
        if end < at:
            return
        yield before[at:end]
        at = end + len(part)


def _worth(value: str) -> Iterator[str]:
    userinfo = _USERINFO.match(value)
    bare = value.strip()
    for part in {bare, bare.rstrip(".,;:!?"), userinfo[1] if userinfo else ""}:
        if len(part) <= _LONGEST and _is_worth(part):
            yield part


def _is_worth(value: str) -> bool:
    """Return whether a value is more than an ordinary word, a number or an e-mail address."""
    if value.isdigit():
        return len(value) >= _UNMISTAKABLE
    if len(value) < _SHORTEST or PLACEHOLDER in value or _ADDRESS.match(value):
        return False
    if stands_in(value) or is_structured(value):
        return False
    letters, digits = any(map(str.isalpha, value)), any(map(str.isdigit, value))
    return (letters and digits) or is_random(value, shortest=_SHORTEST_RANDOM)


class Echoes:
    """Finds the values that `taken` returned, in one pass over a text."""

    def __init__(self, values: set[str]) -> None:
        self._values = sorted(value.encode("utf-8", "surrogatepass") for value in values)
        self._search = ahocorasick_rs.BytesAhoCorasick(self._values, matchkind=ahocorasick_rs.MatchKind.LeftmostLongest)

    def hide(self, text: str) -> str:
        """Replace the values with the placeholder."""
        data = text.encode("utf-8", "surrogatepass")
        return replace(data, list(self.find(data, lambda _: None))).decode("utf-8", "surrogatepass")

    def find(self, text: bytes, spend: Callable[[int], None], /) -> Iterator[Span]:
        """Yield the places of the values. Skip a short value inside a longer word."""
        for index, start, end in self._search.find_matches_as_indexes(text):
            spend(1)
            glued = _IN_WORDS.match(text, end) or (start and _IN_WORDS.match(text, start - 1))
            if not glued or len(self._values[index]) >= _UNMISTAKABLE:
                yield Span(start, end, _RULE)
