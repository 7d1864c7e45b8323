"""Errors in the spans of the OpenAI Agents SDK.

Promise: an error's text is metadata of an unknown name: it is never kept, but for the SDK's own fixed sentences.
"""

from __future__ import annotations

import re
from typing import Final

from audit_core.canonical import JsonValue
from audit_core.event import Event
from audit_core.marker import read_marker
from audit_core.outcome import Signs, names_throttling

_TRIPPED: Final = "Guardrail tripwire triggered"
_SENTENCES: Final = frozenset({
    _TRIPPED, "Error getting response", "Error streaming response", "Error running tool",
    "Error running tool (non-fatal)", "Error in agent run", "Max turns exceeded", "Tool not found",
    "Invalid JSON provided", "Multiple handoffs requested", "Handoff not found", "Guardrail execution failed",
    "Tool execution cancelled", "Tool execution rejected",
})  # fmt: skip
"""The SDK's own sentences, in every language."""
_STATUS_NAMES: Final = ("status", "status_code", "http_status", "statusCode")
_CODE_NAMES: Final = ("code", "error_code", "type", "error_type", "name")
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
# How the openai package words an answer that is an error: in Python, and in JavaScript.
_WORDED: Final = re.compile(r"(?:Error code: |(?:[A-Za-z]{0,40}Error: )?)(?P<status>[45][0-9]{2})(?![0-9A-Za-z.,:/])")
_MOST_MADE: Final = 16
_FIRST: Final = 400
_LAST: Final = 599


def read(event: Event, error: JsonValue, signs: Signs, *, is_model: bool, is_frame: bool) -> None:
    """Read a span's `error`; add its signs of the outcome to `signs`.

    `is_model`: the span is a call of a model, so that a status in its text is that call's. `is_frame`: it is no call,
    and a status that its error repeats is that of a call within it.
    """
    if error is None:
        return
    _keep(event, error)
    signs.failed = True
    message = error.get("message") if isinstance(error, dict) else error
    data = error.get("data") if isinstance(error, dict) else None
    if isinstance(message, str) and message in _SENTENCES:
        event.attributes["error_type"] = message
    said = _parts(error)
    text = data.get("error") if isinstance(data, dict) else message
    if message == _TRIPPED:
        signs.blocked = True
        if isinstance(data, dict) and isinstance(data.get("guardrail"), str):
            event.attributes["guardrail"] = data["guardrail"]
    elif not is_frame and (status := _status(said)) is not None:
        event.fields["status"] = status
    elif is_model and (status := _worded(text)) is not None:
        event.fields["status"] = status
        event.inferred.append("status")
    elif not is_frame:
        signs.throttled = any(map(names_throttling, (text, message, *(part.get("message") for part in said))))
    if (code := _code(said)) is not None:
        event.attributes["error_code"] = code


def _keep(event: Event, error: JsonValue) -> None:
    """Keep the error. Keep a digest in it apart, as `error.message` or by its name in the error's data."""
    if not isinstance(error, dict) or read_marker(error) is not None:
        event.attributes["error"] = error
        return
    data = error.get("data")
    rest, made = _parted({name: value for name, value in error.items() if name != "data"})
    if isinstance(data, dict):
        data, made_data = _parted(data)
        made = {**made_data, **made}
    if len(made) > _MOST_MADE:
        event.attributes["error"] = error
        return
    if rest or data or not made:
        event.attributes["error"] = {**rest, "data": data} if "data" in error else rest
    event.attributes |= {f"error.{name}": value for name, value in made.items()}


def _parted(members: dict[str, JsonValue]) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
    """Return the members that are no digests, and those that are."""
    made = {name: value for name, value in members.items() if read_marker(value) is not None}
    return {name: value for name, value in members.items() if name not in made}, made


def _parts(error: JsonValue) -> list[dict[str, JsonValue]]:
    """Return the objects that may hold a code: the error's data, and the `error` inside it."""
    parts: list[dict[str, JsonValue]] = []
    part: JsonValue = error.get("data") if isinstance(error, dict) else None
    while isinstance(part, dict) and len(parts) <= 1:
        parts.append(part)
        part = part.get("error")
    return parts


def _status(parts: list[dict[str, JsonValue]]) -> int | None:
    for part in parts:
        for name in (*_STATUS_NAMES, "code"):
            value = part.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and _FIRST <= value <= _LAST:
                return value
    return None


def _code(parts: list[dict[str, JsonValue]]) -> str | None:
    for part in reversed(parts):
        for name in _CODE_NAMES:
            value = part.get(name)
            if isinstance(value, str) and _CODE.fullmatch(value):
                return value
    return None


def _worded(text: JsonValue) -> int | None:
    match = _WORDED.match(text) if isinstance(text, str) else None
    return None if match is None else int(match["status"])
