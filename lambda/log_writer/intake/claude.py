"""Claude Code's and the Claude Agent SDK's events and spans.

Promise: a body that is not whole, or in which the sender has replaced something, gives no digest. An endpoint is
inferred only where the event says that the calls went to Anthropic's own.
"""

from __future__ import annotations

from typing import Final

import orjson

from audit_core.canonical import JsonValue
from log_writer.intake.claude_names import PREFIX
from log_writer.intake.event_builder import EventBuilder, is_readable

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


def finish(builder: EventBuilder, name: str) -> None:
    """Add what the event or span `name` (without its prefix) means, beyond its attributes' names."""
    special = builder.special
    _content(builder, name)
    _parameters(builder, special.pop("tool_parameters", None))
    success = builder.attributes.get("success")
    if success in ("true", "false"):
        success = builder.attributes["success"] = success == "true"
    decision = builder.attributes.get("decision")
    signs = builder.signs
    signs.blocked = (isinstance(decision, str) and decision in _REJECTED) or name == "api_refusal"
    signs.failed = name in _FAILED or builder.attributes.get("connection") == "failed"
    signs.result = name == "api_request" or success is True
    if (
        name in _CALLS
        and builder.attributes.get("api_provider") == "firstParty"
        and builder.attributes.get("custom_base_url") is False
    ):
        builder.infer("endpoint", _ENDPOINT)
        builder.infer("method", "POST")
    prompt = builder.attributes.get("prompt_id")
    if isinstance(prompt, str) and prompt and is_readable("correlation_id", prompt):
        builder.infer("correlation_id", prompt)


def _content(builder: EventBuilder, name: str) -> None:
    special = builder.special
    body = special.pop("body", None)
    cut = special.pop("body_truncated", None) in (True, "true")
    withheld = special.pop("body_withheld", None)
    if withheld is not None:
        builder.keep("body_withheld", withheld)
    if isinstance(body, str) and withheld is None:
        cut = cut or not _is_whole(body, builder.attributes.get("body_length"))
    if isinstance(body, str) and not cut and withheld is None:
        if _WITHHELD in body:
            builder.set("sender_redacted", value=True)
        else:
            side = builder.response if name == "api_response_body" else builder.request
            side["body"] = body
    builder.cut = builder.cut or cut
    for part in ("prompt", "prompt_text", "user_prompt", "system_prompt", "response"):
        text = special.pop(part, None)
        side = builder.response if part == "response" else builder.request
        if text in (None, _WITHHELD) or text in side.values():  # a prompt comes under two names
            continue
        length = builder.attributes.get("response_length" if part == "response" else "prompt_length")
        if part != "system_prompt" and isinstance(text, str) and not _is_whole(text, length):
            builder.cut = True
        else:
            side[part] = text
    given = special.pop("tool_input", None)
    if isinstance(given, str):
        if builder.fields.get("request_bytes") == len(given.encode()):
            builder.request["tool_input"] = given
        else:  # it is shortened for export, member by member
            builder.cut = True


def _is_whole(text: str, length: JsonValue) -> bool:
    """Whether `text` has the length that its sender, who counts in UTF-16, says it had."""
    if not isinstance(length, int):
        return True
    return length == (len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2)


def _parameters(builder: EventBuilder, given: JsonValue) -> None:
    """Keep the names of the server and the tool. The other parameters of a tool are content."""
    if given is None:
        return
    if isinstance(given, str):
        try:
            parameters = orjson.loads(given)
        except orjson.JSONDecodeError:
            parameters = None
        if isinstance(parameters, dict):
            for wire, name in _FROM_PARAMETERS.items():
                builder.keep(name, parameters.get(wire))
    builder.keep("tool_parameters", given)
