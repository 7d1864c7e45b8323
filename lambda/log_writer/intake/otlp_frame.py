"""Read the frame of an OTLP request: resources, scopes, and the items in them.

Promise: an invalid part refuses only the items inside it. A body that is not an OTLP request is refused. As an empty
request it would be acknowledged, and lost.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Final

import orjson

from audit_core.canonical import DUPLICATE_KEY, TOO_DEEP, JsonValue, has_duplicate_key
from audit_core.errors import AuditError, DecodeError, FieldError
from log_writer.intake.otlp_items import FrameError
from log_writer.intake.otlp_protobuf import Message
from log_writer.intake.outline import Raw, outline, reason_against

_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_SHARED_KEYS: Final = {"resource", "scope", "schemaUrl"}

_Object = dict[str, JsonValue]


def open_json(body: bytes, names: tuple[str, str, str]) -> object:
    """Decode a request in JSON. When a part of it is invalid, return its frame, so that only that part is refused."""
    position: int | None = None
    # When this fails, reading the parts one by one shows which is invalid.
    with contextlib.suppress(Exception):
        try:
            request: JsonValue = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            position = error.pos
            raise
        if not has_duplicate_key(body, orjson.dumps(request)):
            return request
    try:
        return _opened(outline(body, names))
    except AuditError as error:
        raise DecodeError(error.reason, position=position) from None


def _opened(value: object) -> object:
    """Return `value`, decoded if it is `Raw` or a `Message`. Raises `FrameError` if it is invalid."""
    if isinstance(value, FieldError):
        raise FrameError(value.reason)
    if isinstance(value, Message):
        return value.opened()
    if not isinstance(value, Raw):
        return value
    decoded = _loads(value.text)
    try:
        if has_duplicate_key(value.text, orjson.dumps(decoded)):
            raise FrameError(DUPLICATE_KEY)
    except orjson.JSONEncodeError:
        raise FrameError(TOO_DEEP) from None
    return decoded


def _loads(text: bytes) -> JsonValue:
    """Decode `text`. Half of a surrogate pair becomes U+FFFD, as protobuf's encoder writes it.

    An exporter in JavaScript leaves such a half where it cuts a text off.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        failed = FrameError(reason_against(text))
    if not _HALF.search(text):
        raise failed
    try:
        repaired = json.dumps(json.loads(text), ensure_ascii=False)
        return orjson.loads(repaired.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
    except (ValueError, RecursionError):
        raise failed from None


def members(holder: object, name: str) -> Iterator[_Object | Exception]:
    """Yield each object in the list `name` of `holder`, or the error in it. Free each one once it is read.

    Yield one error when there is no such list but other content: as empty it would be acknowledged, and lost.
    """
    if isinstance(holder, Exception):
        yield holder
        return
    try:
        listed = _listed(holder, name)
    except FrameError as error:
        yield error
        return
    for index, member in enumerate(listed):
        listed[index] = None
        try:
            opened = _opened(member)
            if not isinstance(opened, dict):
                raise FrameError(f"must have objects in {name}")
        except Exception as error:  # noqa: BLE001 - it must not cost the objects beside it
            yield error
        else:
            yield opened


def _listed(holder: object, name: str) -> list[object]:
    if not isinstance(holder, dict):
        raise FrameError("is not an OTLP request")
    members = _opened(holder.get(name))
    if isinstance(members, list):
        return members
    if members is not None:
        raise FrameError(f"must have a list as {name}")
    if any(isinstance(_opened(value), (list, dict)) for key, value in holder.items() if key not in _SHARED_KEYS):
        raise FrameError(f"has no {name}")
    shared(holder, "resource")
    return []


def shared(holder: _Object | Exception, name: str) -> _Object:
    """Return the object `name` that the items of `holder` share. Raises `FrameError` if it is not an object."""
    value = _opened(None if isinstance(holder, Exception) else holder.get(name))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FrameError(f"must have an object as {name}")
    return value
