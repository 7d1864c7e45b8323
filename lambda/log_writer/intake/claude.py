"""Claude Code's and the Claude Agent SDK's events and spans.

Promise: a body that is not whole, or in which the sender has replaced something, gives no digest. An endpoint is
inferred only where the event says that the calls went to Anthropic's own.
"""

from __future__ import annotations

from typing import Final

import orjson

from audit_core.canonical import JsonValue
from log_writer.intake.claude_names import PREFIX
from log_writer.intake.otlp_draft import Draft, is_readable

SCOPE: Final = "com.anthropic.claude_code."
_ENDPOINT: Final = "api.anthropic.com/v1/messages"
_CALLS: Final = frozenset({
    "api_request", "api_error", "api_refusal", "api_request_body", "api_response_body", "llm_request",
})  # fmt: skip
_WITHHELD: Final = "<REDACTED>"
_FAILED: Final = frozenset({"api_error", "api_retries_exhausted", "internal_error"})
_REJECTED: Final = frozenset({"reject", "rejected", "deny", "denied"})
_FROM_PARAMETERS: Final = {"mcp_server_name": "mcp_server", "mcp_tool_name": "tool", "skill_name": "skill"}


def is_claude(scope: str, name: str) -> bool:
    """Whether an item of this scope, with this name, is from Claude Code."""
    return scope.startswith(SCOPE) or name.startswith(PREFIX)


def finish(draft: Draft, name: str) -> None:
    """What the event or span `name` (without its prefix) means, beyond the names of its attributes."""
    special = draft.special
    _content(draft, name)
    _parameters(draft, special.pop("tool_parameters", None))
    success = draft.attributes.get("success")
    if success in ("true", "false"):
        success = draft.attributes["success"] = success == "true"
    decision = draft.attributes.get("decision")
    signs = draft.signs
    signs.blocked = (isinstance(decision, str) and decision in _REJECTED) or name == "api_refusal"
    signs.failed = name in _FAILED or draft.attributes.get("connection") == "failed"
    signs.result = name == "api_request" or success is True
    if (
        name in _CALLS
        and draft.attributes.get("api_provider") == "firstParty"
        and draft.attributes.get("custom_base_url") is False
    ):
        draft.infer("endpoint", _ENDPOINT)
        draft.infer("method", "POST")
    prompt = draft.attributes.get("prompt_id")
    if isinstance(prompt, str) and prompt and is_readable("correlation_id", prompt):
        draft.infer("correlation_id", prompt)


def _content(draft: Draft, name: str) -> None:
    special = draft.special
    body = special.pop("body", None)
    cut = special.pop("body_truncated", None) in (True, "true")
    withheld = special.pop("body_withheld", None)
    if withheld is not None:
        draft.keep("body_withheld", withheld)
    if isinstance(body, str) and withheld is None:
        cut = cut or not _is_whole(body, draft.attributes.get("body_length"))
    if isinstance(body, str) and not cut and withheld is None:
        if _WITHHELD in body:
            draft.say("sender_redacted", value=True)
        else:
            side = draft.response if name == "api_response_body" else draft.request
            side["body"] = body
    draft.cut = draft.cut or cut
    for part in ("prompt", "prompt_text", "user_prompt", "system_prompt", "response"):
        text = special.pop(part, None)
        side = draft.response if part == "response" else draft.request
        if text in (None, _WITHHELD) or text in side.values():  # a prompt comes under two names
            continue
        length = draft.attributes.get("response_length" if part == "response" else "prompt_length")
        if part != "system_prompt" and isinstance(text, str) and not _is_whole(text, length):
            draft.cut = True
        else:
            side[part] = text
    given = special.pop("tool_input", None)
    if isinstance(given, str):
        if draft.fields.get("request_bytes") == len(given.encode()):
            draft.request["tool_input"] = given
        else:  # it is shortened for export, member by member
            draft.cut = True


def _is_whole(text: str, length: JsonValue) -> bool:
    """Whether `text` has the length that its sender, who counts in UTF-16, says it had."""
    if not isinstance(length, int):
        return True
    return length == (len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2)


def _parameters(draft: Draft, given: JsonValue) -> None:
    """A tool's parameters hold content, but for which server and which tool it was."""
    if given is None:
        return
    if isinstance(given, str):
        try:
            parameters = orjson.loads(given)
        except orjson.JSONDecodeError:
            parameters = None
        if isinstance(parameters, dict):
            for wire, name in _FROM_PARAMETERS.items():
                draft.keep(name, parameters.get(wire))
    draft.keep("tool_parameters", given)
