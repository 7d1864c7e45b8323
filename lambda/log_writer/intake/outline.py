"""Split JSON that cannot be decoded as a whole: the frame around the items, and the text of each item.

Promise: reads only brackets, quotes and commas, so an error inside an item affects no other item. Takes time linear in
the body, for each level of the frame.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import orjson

from audit_core.canonical import DUPLICATE_KEY, NOT_JSON, TOO_DEEP
from audit_core.errors import DecodeError, FieldError
from log_writer.intake.decoded import TooManyError

_SPACE: Final = b" \t\r\n"
_LINES_PER_EVENT: Final = 4  # the others may be empty
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[{]++|[\]}]++|[,"]', re.DOTALL)
_NAME: Final = re.compile(rb'[ \t\r\n]*+("(?:[^"\\]++|\\.)*+")[ \t\r\n]*+:', re.DOTALL)
_OPENING, _QUOTE, _COMMA = frozenset(b"[{"), ord('"'), ord(",")


@dataclass(frozen=True, slots=True)
class Raw:
    """The text of a value that is not decoded yet."""

    text: bytes


Outline: TypeAlias = "Raw | FieldError | list[Outline] | dict[str, Outline]"
"""A frame. `FieldError` stands for an object that has a name twice, which is ambiguous."""


def outline(text: bytes, names: Sequence[str] = ()) -> Outline:
    """Return the frame of `text`: an array, or an object down to the lists under `names`, one inside the other.

    Everything else is `Raw`. Raises `DecodeError` where brackets or quotes do not match.
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


def split_items(
    body: bytes, max_events: int, is_cut: Callable[[bytes], bool], *, member: str | None = None
) -> list[bytes] | None:
    """Return the text of each item, as `item_texts`, or else of each line that is not empty.

    Return null when `is_cut` finds that the first line is only the beginning of a document: a later line of that may
    look like an item. Raises `TooManyError`.
    """
    texts: list[bytes] | None = None
    with contextlib.suppress(DecodeError):
        texts = item_texts(body, member)
    if texts is None:
        if body.count(b"\n") > max_events * _LINES_PER_EVENT:
            raise TooManyError(max_events)
        texts = [line for line in body.split(b"\n") if line and not line.isspace()]
        if texts and is_cut(texts[0]):
            return None
    return texts


def reason_against(text: bytes) -> str:
    """Return why orjson does not decode `text`."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return TOO_DEEP if error.msg.startswith("depth limit") else NOT_JSON
    return NOT_JSON


def _inner(part: bytes, names: Sequence[str]) -> Outline:
    """Split an element of a list while there are names left. An element that cannot be split becomes an error alone."""
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
    """Yield the texts between the commas of one array or object, without its brackets."""
    depth, at = 0, 1
    for token in _TOKEN.finditer(text, 1, len(text) - 1):
        start, end = token.span()
        kind = text[start]
        if kind == _COMMA:
            if depth == 0:
                yield text[at:start]
                at = end
        elif kind == _QUOTE:
            if end - start == 1:  # a text without its closing quote
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
