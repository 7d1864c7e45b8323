"""JSON as text: how it is decoded, and how a changed document is written so that the rest stays byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import cast

import orjson

from audit_core.masking.patterns import Span, compile_bytes
from audit_core.masking.result import JsonValue
from audit_core.masking.scanner import replace

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[-0-9][-+.0-9eE]*+|true|false|null|[{}\[\]]')
_SHORTEST_DOCUMENT = 6
_LINES = compile_bytes(rb"(?:^|\n)[ \t]*(?:data:[ \t]*)?([{\[][^\n\x00]+)")
_LATER_STARTS = (b"\n{", b"\n[", b"data:", b"\n ", b"\n\t")
_DOCUMENT_STARTS = frozenset(b'{["\r\n\t ')
_DOCUMENT_OPENERS = frozenset(bytes([start]) for start in _DOCUMENT_STARTS)


def parse(text: bytes) -> JsonValue:
    """Decode a JSON object, array or string; ValueError for anything else, and where an object has a key twice."""
    if len(text) < _SHORTEST_DOCUMENT or text.lstrip()[:1] not in (b"{", b"[", b'"'):
        raise ValueError
    value = cast("JsonValue", orjson.loads(text))
    if _count_literals(orjson.dumps(value)) != _count_literals(text):
        raise DuplicateKeyError
    return value


class DuplicateKeyError(ValueError):
    """An object has a key twice, so that its decoded form does not say all that its text says."""


def _count_literals(text: bytes) -> int:
    """Count the string literals in JSON text, at the speed of C."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return text.count(b'"') // 2


def rewrite(text: bytes, before: JsonValue, after: JsonValue) -> bytes:
    """Write a document anew where it was changed: `before` is what `text` says, `after` what it is to say.

    Both have the same members in the same order, except that a whole value may have been replaced by one scalar.
    """
    return replace(text, list(_changes(before, after, _TOKEN.finditer(text))))


def _changes(before: JsonValue, after: JsonValue, tokens: Iterator[re.Match[bytes]]) -> Iterator[Span]:
    if before is not after and isinstance(before, dict) and isinstance(after, dict):
        next(tokens)
        for (name, member), (shown, masked) in zip(before.items(), after.items(), strict=True):
            key = next(tokens)
            if name != shown:
                yield Span(*key.span(), "", orjson.dumps(shown))
            yield from _changes(member, masked, tokens)
        next(tokens)
    elif before is not after and isinstance(before, list) and isinstance(after, list):
        next(tokens)
        for member, masked in zip(before, after, strict=True):
            yield from _changes(member, masked, tokens)
        next(tokens)
    else:
        first = last = next(tokens)
        if isinstance(before, (dict, list)):
            count = sum(1 for _ in _TOKEN.finditer(orjson.dumps(before)))
            last = next(islice(tokens, count - 2, None))
        if before is not after:
            yield Span(first.start(), last.end(), "", orjson.dumps(after))


def may_hold_documents(text: bytes) -> bool:
    """Whether `find_documents` must be asked: not of most texts."""
    return text[:1] in _DOCUMENT_OPENERS or b"\n" in text or text.startswith(b"data:")


def find_documents(text: bytes) -> Iterator[tuple[int, int, JsonValue]]:
    """Yield the JSON documents in a text: all of it, or whole lines of it (NDJSON, server-sent events)."""
    if text and text[0] in _DOCUMENT_STARTS:
        try:
            yield 0, len(text), parse(text)
        except ValueError:
            pass
        else:
            return
    if not text.startswith(b"data:") and (b"\n" not in text or not any(map(text.__contains__, _LATER_STARTS))):
        return
    for match in _LINES.finditer(text):
        start, end = match.span(1)
        try:
            yield start, end, parse(text[start:end])
        except ValueError:
            continue
