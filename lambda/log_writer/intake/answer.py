"""What the answer of a model or a tool shows of how the call ended. Answers are content: nothing of one is kept.

Promise: only the members that the providers' interfaces define are read, at the places where those stand. Never raises,
and looks at a bounded number of members.

Source: the interfaces of OpenAI (Chat Completions, Responses), Azure OpenAI, Anthropic (Messages), Google (Gemini),
Amazon Bedrock (Converse, InvokeModel), the Model Context Protocol and JSON-RPC 2.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from audit_core.canonical import JsonValue
from audit_core.outcome import Signs

_MOST: Final = 64
_FINISHES: Final = ("finish_reason", "finishReason", "stop_reason", "stopReason")
_ERROR_NAMES: Final = ("type", "code", "status", "message")
# An object that is an error and nothing else.
_ERROR_MEMBERS: Final = frozenset({"error", "type", "request_id", "requestId", "status", "code", "message", "object"})
_FILTERED: Final = ("prompt_filter_results", "prompt_annotations")
_FEEDBACK: Final = ("promptFeedback", "prompt_feedback")
_BLOCK_REASONS: Final = ("blockReason", "block_reason")
_INTERVENTION: Final = ("amazon-bedrock-guardrailAction", "amazonBedrockGuardrailAction")


def read_answer(answer: JsonValue, signs: Signs) -> None:
    """Add to `signs` what `answer`, decoded JSON, shows: one answer, or a list of messages."""
    for part in _objects(answer):
        _read(part, signs)
        if "jsonrpc" in part:
            for inner in _objects(part.get("result")):
                _read(inner, signs)


def _read(part: dict[str, JsonValue], signs: Signs) -> None:
    if part.get("isError") is True or part.get("is_error") is True:
        signs.failed = True
    error = part.get("error")
    if error and ("jsonrpc" in part or part.get("type") == "error" or part.keys() <= _ERROR_MEMBERS):
        signs.failed = True
        signs.errors += [error.get(name) for name in _ERROR_NAMES] if isinstance(error, dict) else [error]
    _read_finishes(part, signs)
    if any(part.get(name) == "INTERVENED" for name in _INTERVENTION) or any(_blocks(part)):
        signs.blocked = True
    if part.get("object") == "response":  # OpenAI's Responses
        signs.state = part.get("status")
        details = part.get("incomplete_details")
        if isinstance(details, dict) and isinstance(reason := details.get("reason"), str):
            signs.finishes.append(reason)
        if isinstance(error, dict):
            signs.errors += [error.get(name) for name in _ERROR_NAMES]


def _read_finishes(part: dict[str, JsonValue], signs: Signs) -> None:
    signs.finishes += [part[name] for name in _FINISHES if isinstance(part.get(name), str)]
    for choice in (*_objects(part.get("choices")), *_objects(part.get("candidates"))):
        signs.finishes += [choice[name] for name in _FINISHES if isinstance(choice.get(name), str)]
        message = choice.get("message")
        if isinstance(message, dict) and isinstance(refusal := message.get("refusal"), str) and refusal:
            signs.blocked = True


def _blocks(part: dict[str, JsonValue]) -> Iterator[bool]:
    """Yield whether each filter of a prompt or an answer has stopped it."""
    for name in _FEEDBACK:
        feedback = part.get(name)
        if isinstance(feedback, dict):
            yield any(isinstance(reason := feedback.get(key), str) and _is_reason(reason) for key in _BLOCK_REASONS)
    for name in _FILTERED:
        for prompt in _objects(part.get(name)):
            yield _is_filtered(prompt.get("content_filter_results"))
    for choice in _objects(part.get("choices")):
        yield _is_filtered(choice.get("content_filter_results"))


def _is_reason(reason: str) -> bool:
    return bool(reason) and not reason.endswith("UNSPECIFIED")


def _is_filtered(results: JsonValue) -> bool:
    return isinstance(results, dict) and any(
        isinstance(result, dict) and result.get("filtered") is True for result in list(results.values())[:_MOST]
    )


def _objects(value: JsonValue) -> list[dict[str, JsonValue]]:
    """Return the object, or the first objects of the list, that `value` is."""
    if isinstance(value, dict):
        return [value]
    return [item for item in value[:_MOST] if isinstance(item, dict)] if isinstance(value, list) else []
