"""Read from the answer of a model or a tool how the call ended. Answers are content: nothing of them is stored.

Promise: reads only the members that the providers' interfaces define, where they define them. Never raises. Reads a
bounded number of members, in a fixed order. A text is read where it is JSON or server-sent events: its
last `_TAIL` bytes, and its last `_MOST` events.

Source: the interfaces of OpenAI (Chat Completions, Responses), Azure OpenAI, Anthropic (Messages), Google (Gemini),
Amazon Bedrock (Converse, InvokeModel), the Model Context Protocol and JSON-RPC 2.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeAlias

import orjson

from audit_core.canonical import JsonValue
from audit_core.event import Payload
from audit_core.outcome import Signs

Read: TypeAlias = "Callable[[dict[str, JsonValue], JsonValue, Signs], None]"

_MOST: Final = 64
_HEAD: Final = 80
_TAIL: Final = 1024 * 1024
_SMALL: Final = 64 * 1024
_OPENS_JSON: Final = re.compile(rb"\s{0,64}[\[{]")
_OPENS_EVENTS: Final = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]{0,8}(?:event|data|id|retry)?:")
_DATA: Final = re.compile(rb"(?:^|[\r\n])data: {0,8}(\{[^\r\n]*)")
_INSIDE: Final = ("response", "delta")
"""The members of a stream's event that hold the answer, or the end of it."""
_FINISHES: Final = ("finish_reason", "finishReason", "stop_reason", "stopReason")
_ERROR_NAMES: Final = ("type", "code", "status", "message")
# An object that is an error and nothing else.
_ERROR_MEMBERS: Final = frozenset({"error", "type", "request_id", "requestId", "status", "code", "message", "object"})
_BLOCK_REASONS: Final = ("blockReason", "block_reason")


def signs_of(answer: JsonValue) -> Signs | None:
    """Return the signs in `answer`, decoded JSON: one answer or a list of messages. Return null when there are none."""
    if isinstance(answer, dict) and _READERS.keys().isdisjoint(answer):
        return None
    signs = Signs()
    read_answer(answer, signs)
    return signs


def read_payload(payload: Payload) -> Signs | None:
    """Return the signs in an answer that came as a value, as bytes or in chunks; null when there are none.

    JSON that came as bytes is decoded once, for its digest. Only then are its signs added to the returned ones.
    """
    if payload.value is not None:
        return signs_of(payload.value)
    signs = Signs()
    if payload.data is not None and _OPENS_JSON.match(payload.data):
        payload.on_json = partial(read_answer, signs=signs)
        return signs
    _read_text(payload.content, signs)
    return None if signs == Signs() else signs


def read_answer(answer: JsonValue, signs: Signs) -> None:
    """Add the signs in `answer` to `signs`."""
    if isinstance(answer, str):
        text = answer if len(answer) <= _TAIL else answer[:_HEAD] + answer[-_TAIL:]
        _read_text(text.encode(errors="replace"), signs)
        return
    for part in _objects(answer):
        if not _READERS.keys().isdisjoint(part):
            _read(part, signs)


def _read_text(text: bytes, signs: Signs) -> None:
    """Read a text that is JSON, or that is a stream of server-sent events."""
    if _OPENS_EVENTS.match(text):
        for data in _DATA.findall(text[-_TAIL:])[-_MOST:]:
            event = _decoded(data)
            if isinstance(event, dict):
                for part in (event, *(event.get(name) for name in _INSIDE)):
                    if isinstance(part, dict):
                        _read(part, signs)
    elif _OPENS_JSON.match(text) and len(text) <= _TAIL:
        # A text of small values takes many times its size when decoded. So a large text must hold a known name.
        decoded = _decoded(text) if len(text) <= _SMALL or any(name in text for name in _TOLD) else None
        if not isinstance(decoded, str):
            read_answer(decoded, signs)


def _decoded(text: bytes) -> JsonValue:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _read(part: dict[str, JsonValue], signs: Signs) -> None:
    for name, read in _READERS.items():
        if name in part:
            read(part, part[name], signs)


def _finish(_: dict[str, JsonValue], reason: JsonValue, signs: Signs) -> None:
    if isinstance(reason, str):
        signs.finishes.append(reason)


def _choices(_: dict[str, JsonValue], choices: JsonValue, signs: Signs) -> None:
    for choice in _objects(choices):
        signs.finishes += [choice[name] for name in _FINISHES if isinstance(choice.get(name), str)]
        message = choice.get("message")
        refused = isinstance(message, dict) and isinstance(refusal := message.get("refusal"), str) and bool(refusal)
        signs.blocked = signs.blocked or refused or _is_filtered(choice)


def _failed(_: dict[str, JsonValue], is_error: JsonValue, signs: Signs) -> None:
    signs.failed = signs.failed or is_error is True


def _error(part: dict[str, JsonValue], error: JsonValue, signs: Signs) -> None:
    """Take an `error` member for a failure only if nothing else stands beside it: tools may return such members."""
    named = isinstance(error, dict) and any(name in error for name in _ERROR_NAMES)
    alone = named and part.keys() <= _ERROR_MEMBERS
    if error and ("jsonrpc" in part or part.get("type") == "error" or part.get("object") == "response" or alone):
        signs.failed = True
        signs.errors += [error.get(name) for name in _ERROR_NAMES] if isinstance(error, dict) else [error]


def _result(part: dict[str, JsonValue], result: JsonValue, signs: Signs) -> None:
    """Read the result of a JSON-RPC answer. Any other result is content."""
    if "jsonrpc" in part and isinstance(result, dict):
        _failed(result, result.get("isError"), signs)


def _object(part: dict[str, JsonValue], kind: JsonValue, signs: Signs) -> None:
    if kind == "response":  # OpenAI's Responses
        signs.state = part.get("status")
        details = part.get("incomplete_details")
        if isinstance(details, dict):
            _finish(details, details.get("reason"), signs)


def _feedback(_: dict[str, JsonValue], feedback: JsonValue, signs: Signs) -> None:
    reasons = [feedback.get(name) for name in _BLOCK_REASONS] if isinstance(feedback, dict) else []
    if any(isinstance(reason, str) and reason and not reason.endswith("UNSPECIFIED") for reason in reasons):
        signs.blocked = True


def _filters(_: dict[str, JsonValue], prompts: JsonValue, signs: Signs) -> None:
    signs.blocked = signs.blocked or any(map(_is_filtered, _objects(prompts)))


def _guardrail(_: dict[str, JsonValue], action: JsonValue, signs: Signs) -> None:
    signs.blocked = signs.blocked or action == "INTERVENED"


def _is_filtered(part: dict[str, JsonValue]) -> bool:
    results = part.get("content_filter_results")
    return isinstance(results, dict) and any(
        isinstance(result, dict) and result.get("filtered") is True for result in list(results.values())[:_MOST]
    )


def _objects(value: JsonValue) -> list[dict[str, JsonValue]]:
    """Return the object, or the first objects of the list, that `value` is."""
    if isinstance(value, dict):
        return [value]
    return [item for item in value[:_MOST] if isinstance(item, dict)] if isinstance(value, list) else []


_READERS: Final[Mapping[str, Read]] = {
    **dict.fromkeys(_FINISHES, _finish),
    "choices": _choices,
    "candidates": _choices,
    "isError": _failed,
    "is_error": _failed,
    "error": _error,
    "object": _object,
    "promptFeedback": _feedback,
    "prompt_feedback": _feedback,
    "prompt_filter_results": _filters,
    "prompt_annotations": _filters,
    "amazon-bedrock-guardrailAction": _guardrail,
    "amazonBedrockGuardrailAction": _guardrail,
    "result": _result,
}
"""The reader of each member that says how a call ended."""
_TOLD: Final = tuple(f'"{name}"'.encode() for name in _READERS)
