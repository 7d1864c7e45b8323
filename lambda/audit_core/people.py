"""Who made a call, where one text holds account, device and session together.

Promise: the account becomes the user, and the session becomes the session. A text in any other form stays as it is.

Claude Code sends such texts as `metadata.user_id` of Anthropic's Messages API. Gateways such as LiteLLM report them as
the user.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from audit_core.canonical import JsonValue
from audit_core.errors import FieldError
from audit_core.values import identifier

_LONGEST: Final = 4096
_JOINED: Final = re.compile(
    r"user_(?P<device_id>[0-9A-Za-z-]{1,128})_account_(?P<account_uuid>[0-9A-Za-z-]{0,64})"
    r"_session_(?P<session_id>[0-9A-Za-z-]{1,64})"
)
_OPENINGS: Final = ("{", "user_")
_USERS: Final = ("account_uuid", "account_id", "user_id", "device_id")
"""Members that name the user, the best first."""
_read_id = identifier(256)


def split_user(fields: dict[str, JsonValue]) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
    """Return an event's `fields` with user and session split, and attributes for the rest of that text."""
    given = fields.get("user_id")
    if isinstance(given, str):
        if not given.startswith(_OPENINGS):
            return fields, {}
    elif not isinstance(given, dict):
        return fields, {}
    held = _parts(given)
    if not held:
        return fields, {}
    parts = {name: part for name in (*_USERS, "session_id") if (part := _id(held.get(name))) is not None}
    if not parts:
        return fields, {}
    name = next((name for name in _USERS if name in parts), "")
    made = {**fields, "user_id": parts.pop(name, None)}
    session = parts.pop("session_id", None)
    if fields.get("session_id") in (None, ""):
        made["session_id"] = session
    return made, {"device_id": parts["device_id"]} if "device_id" in parts else {}


def _id(part: JsonValue) -> JsonValue:
    try:
        return None if part is None else _read_id("user_id", part)
    except FieldError:
        return None


def _parts(user: str | dict[str, JsonValue]) -> dict[str, JsonValue]:
    if isinstance(user, dict):
        return user
    if len(user) > _LONGEST:
        return {}
    if user.startswith("user_"):
        match = _JOINED.fullmatch(user)
        return {} if match is None else dict(match.groupdict())
    try:
        read: JsonValue = orjson.loads(user)
    except orjson.JSONDecodeError:
        return {}
    return read if isinstance(read, dict) else {}
