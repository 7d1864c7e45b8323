"""Edits inside JSON text: which stretch of it a key or a value occupies, so that the rest stays byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias, cast

import orjson

from audit_core.masking.encoded import Codec, Places
from audit_core.masking.patterns import Span, compile_bytes
from audit_core.masking.result import PLACEHOLDER, JsonValue

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[-0-9][-+.0-9eE]*+|true|false|null')
_SHORTEST_DOCUMENT = 6
_QUOTED_PLACEHOLDER = orjson.dumps(PLACEHOLDER)
_BACKSLASHED = re.compile(rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[^u])")


_LINES = compile_bytes(rb"(?:^|\n)[ \t]*(?:data:[ \t]*)?([{\[][^\n\x00]+)")
_LATER_STARTS = (b"\n{", b"\n[", b"data:", b"\n ", b"\n\t")
_DOCUMENT_STARTS = frozenset(b'{["\r\n\t ')
_DOCUMENT_OPENERS = frozenset(bytes([start]) for start in _DOCUMENT_STARTS)

Edits: TypeAlias = "dict[int, list[Span] | bytes | None]"
"""What to change in a document, by ordinal: see `edit`."""


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


def count_tokens(value: JsonValue) -> int:
    """Count the keys and scalars of a value, as `edit` counts them."""
    return sum(1 for _ in _TOKEN.finditer(orjson.dumps(value)))


def _decode_literal(raw: bytes) -> bytes:
    return cast("str", orjson.loads(b'"' + raw + b'"')).encode()


_LITERAL = Codec(regions=compile_bytes(_BACKSLASHED.pattern), unit=_BACKSLASHED, margin=False, decode=_decode_literal)


def edit(text: bytes, edits: Edits) -> Iterator[Span]:
    """Turn edits of the keys and scalars of a document into edits of its text.

    `edits` says by ordinal (keys and scalars counted from 0 in the order of the text) the spans to replace in a decoded
    string, what to write instead of a scalar, or None for a whole value to be replaced by the placeholder.
    """
    last = max(edits, default=-1)
    for ordinal, match in enumerate(_TOKEN.finditer(text)):
        if ordinal > last:
            return
        if ordinal not in edits:
            continue
        spans = edits[ordinal]
        start, end = match.span()
        if spans is None or isinstance(spans, bytes):
            yield Span(start, end, "", spans or _QUOTED_PLACEHOLDER)
            continue
        yield from _lift(text[start + 1 : end - 1], start + 1, spans)


def _lift(raw: bytes, offset: int, spans: Iterable[Span]) -> Iterator[Span]:
    places = Places(_LITERAL, raw) if b"\\" in raw else None
    for span in spans:
        start, end = places.find(span.start, span.end) if places else (span.start, span.end)
        replacement = None if span.replacement is None else orjson.dumps(span.replacement.decode())[1:-1]
        yield Span(offset + start, offset + end, span.rule, replacement)


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
