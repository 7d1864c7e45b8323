"""Whether bytes that arrive piece by piece can still be one JSON document.

Promise: a "no" is final and right: no decoder, however lenient, finds one JSON value in what was fed. The answer
depends on the bytes alone, never on how they were cut. Memory is constant.

The Python client ships this module: standard library only, as in Python 3.10.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

JSON_SPACE = b" \t\r\n"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SKIPPED = JSON_SPACE + BYTE_ORDER_MARK
_OPENING = b"{["
_WORD_STARTS = b"-0123456789tfn"
_QUOTE = ord('"')
# A string with many escapes is followed by hand: a pattern keeps a place to go back to for each of them.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*){0,64}"|[{}\[\]"]', re.DOTALL)
_STRING_PART = re.compile(rb'["\\]')
_AFTER_WORD = re.compile(rb"[^-+.0-9eEtrufalsn]")

_State: TypeAlias = Literal["before", "opened", "inside", "word", "after", "wide", "not"]


class JsonShape:
    """Follows strings and brackets through the pieces of a body. Feed it in order."""

    __slots__ = ("_depth", "_escaped", "_in_string", "_is_container", "_skipped", "_state")

    def __init__(self) -> None:
        self._state: _State = "before"
        self._skipped = False
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._is_container = False

    @property
    def may_be_json(self) -> bool:
        """Whether what was fed may be one JSON document, or the start of one."""
        return self._state != "not"

    @property
    def may_hold_fields(self) -> bool:
        """Whether it may be an object or an array: what has secret fields."""
        return self.may_be_json and (self._is_container or self._state == "before")

    def feed(self, data: bytes) -> None:
        """Look at the next bytes."""
        if self._state == "before":
            rest = data.lstrip(_SKIPPED)
            self._skipped = self._skipped or len(rest) < len(data)
            data = rest and self._begin(rest)
        if not data:
            return
        if self._state == "opened":
            # A zero byte second is UTF-16: what looks like a bracket or a quote there need not be one.
            self._state = "wide" if data[0] == 0 else "inside"
        if self._state == "inside":
            self._follow(data)
        elif self._state == "word":
            end = _AFTER_WORD.search(data)
            if end is not None:
                self._end(data[end.start() :])
        elif self._state == "after":
            self._end(data)

    def _begin(self, data: bytes) -> bytes:
        """Read the first byte that is not white space. Return what is left to read."""
        first = data[:1]
        if first in _OPENING:
            self._is_container = True
            self._depth = 1
            self._state = "inside" if self._skipped else "opened"
            return data[1:]
        if first == b'"':
            self._state = "inside"
        else:
            self._state = "word" if first in _WORD_STARTS else "not"
        return data

    def _end(self, rest: bytes) -> None:
        self._state = "not" if rest.lstrip(JSON_SPACE) else "after"

    def _follow(self, data: bytes) -> None:
        at: int | None = 0
        while at is not None:
            if self._in_string:
                at = self._close_string(data, at)
                if self._in_string:
                    return
                if self._depth == 0:
                    self._end(data[at:])
                    return
            at = self._follow_tokens(data, at)

    def _follow_tokens(self, data: bytes, at: int) -> int | None:
        """Follow tokens up to a string that needs more: where its content begins, or null at the end."""
        for token in _TOKEN.finditer(data, at):
            first = data[token.start()]
            if first != _QUOTE:
                self._depth += 1 if first in _OPENING else -1
            elif token.end() - token.start() == 1:
                self._in_string = True
                return token.end()
            if self._depth <= 0:
                self._end(data[token.end() :])
                return None
        return None

    def _close_string(self, data: bytes, at: int) -> int:
        """Go on in a string, from `at`: where it ends, if it does."""
        if self._escaped:
            if at == len(data):
                return at
            at += 1
            self._escaped = False
        while part := _STRING_PART.search(data, at):
            at = part.end()
            if data[part.start()] == _QUOTE:
                self._in_string = False
                return at
            if at == len(data):
                self._escaped = True
                return at
            at += 1
        return len(data)
