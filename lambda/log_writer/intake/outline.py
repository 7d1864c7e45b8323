"""JSON that no decoder takes as a whole, taken apart: the frame around the items, and each item's own text.

Promise: only brackets, quotes and commas are read, so that whatever is wrong inside an item stays inside it. Time is
linear in the body, for each level of the frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import orjson

from audit_core.canonical import DUPLICATE_KEY, NOT_JSON, TOO_DEEP
from audit_core.errors import DecodeError, FieldError

_SPACE: Final = b" \t\r\n"
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[{]++|[\]}]++|[,"]', re.DOTALL)
_NAME: Final = re.compile(rb'[ \t\r\n]*+("(?:[^"\\]++|\\.)*+")[ \t\r\n]*+:', re.DOTALL)
_OPENING, _QUOTE, _COMMA = frozenset(b"[{"), ord('"'), ord(",")


@dataclass(frozen=True, slots=True)
class Raw:
    """A value that is yet to be decoded: its text."""

    text: bytes


Outline: TypeAlias = "Raw | FieldError | list[Outline] | dict[str, Outline]"
"""A frame. `FieldError` stands for an object that has a name twice: which of the two is meant, nobody knows."""


def outline(text: bytes, names: Sequence[str] = ()) -> Outline:
    """Return the frame of `text`: an array, or an object as far as the lists under `names`, one inside the other.

    All else is `Raw`. Raises `DecodeError` where brackets or quotes do not match.
    """
    text = text.strip(_SPACE)
    first, last = text[:1], text[-1:]
    if first == b"[" and last == b"]":
        return [Raw(part.strip(_SPACE)) for part in _parts(text)]
    if first == b"{" and last == b"}" and names:
        return _object(text, names)
    return Raw(text)


def item_texts(body: bytes, member: str | None = None) -> list[bytes] | None:
    """Return the texts of the items in `body`: an array of them, or an object with one as `member`; else null.

    Raises `DecodeError` as `outline` does.
    """
    found = outline(body, () if member is None else (member,))
    if isinstance(found, dict) and member is not None:
        found = found.get(member)
    return [item.text for item in found if isinstance(item, Raw)] if isinstance(found, list) else None


def reason_against(text: bytes) -> str:
    """Return why orjson does not decode `text`."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return TOO_DEEP if error.msg.startswith("depth limit") else NOT_JSON
    return NOT_JSON


def _inner(part: bytes, names: Sequence[str]) -> Outline:
    """Take an element of a list apart, where there are names left; it is bad alone where that cannot be done."""
    if not names:
        return Raw(part.strip(_SPACE))
    try:
        return outline(part, names)
    except DecodeError as error:
        return FieldError("", error.reason)


def _object(text: bytes, names: Sequence[str]) -> Outline:
    members: dict[str, Outline] = {}
    for part in _parts(text):
        match = _NAME.match(part)
        if match is None:
            raise DecodeError(NOT_JSON)
        try:
            name = orjson.loads(match[1])
        except orjson.JSONDecodeError:
            raise DecodeError(NOT_JSON) from None
        if name in members:
            return FieldError("", DUPLICATE_KEY)
        value = part[match.end() :]
        members[name] = _listed(value, names[1:]) if name == names[0] else Raw(value.strip(_SPACE))
    return members


def _listed(text: bytes, names: Sequence[str]) -> Outline:
    text = text.strip(_SPACE)
    if text[:1] != b"[" or text[-1:] != b"]":
        return Raw(text)
    return [_inner(part, names) for part in _parts(text)]


def _parts(text: bytes) -> Iterator[bytes]:
    """The texts between the commas of one array or object, without its brackets."""
    depth, at = 0, 1
    for token in _TOKEN.finditer(text, 1, len(text) - 1):
        start, end = token.span()
        kind = text[start]
        if kind == _COMMA:
            if depth == 0:
                yield text[at:start]
                at = end
        elif kind == _QUOTE:
            if end - start == 1:  # a text that does not end
                raise DecodeError(NOT_JSON)
        else:
            depth += end - start if kind in _OPENING else start - end
            if depth < 0:
                raise DecodeError(NOT_JSON)
    if depth:
        raise DecodeError(NOT_JSON)
    rest = text[at:-1]
    if at > 1 or rest.strip(_SPACE):
        yield rest
