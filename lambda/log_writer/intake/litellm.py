"""LiteLLM's generic logger: `StandardLoggingPayload` objects in a JSON array, one a line, or alone.

Promise: each payload becomes one event or one refusal. Messages and response are content: digested and dropped. What
LiteLLM itself has replaced is not content, and gets no digest. Of the many members only those that are named here are
looked at: keys and their hashes, addresses of people and machines, prices and stack traces are left out.

Source: `litellm.types.utils.StandardLoggingPayload` and `litellm.integrations.generic_api` of litellm 1.40 to 1.109.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from audit_core.canonical import JsonValue
from audit_core.errors import FieldError
from audit_core.event import Event
from audit_core.outcome import Signs
from log_writer.intake.answer import read_answer
from log_writer.intake.decoded import Decoded
from log_writer.intake.exported import content_of, decode_items, read_items, walk
from log_writer.intake.moments import from_seconds, milliseconds_of
from log_writer.intake.usage import is_id, read_usage

SOURCE = "litellm"
_REDACTED: Final = frozenset({"redacted-by-litellm", "REDACTED_BY_LITELM"})
_CUT: Final = re.compile(
    r"\[base64_data truncated: |litellm_truncated|^(?:MaxDepthExceeded|CircularReference Detected)$"
)
# What is looked for in a whole request first: these are plain letters, which no encoder escapes.
_MARKS: Final = (
    b"redacted-by-litellm", b"REDACTED_BY_LITELM", b"[base64_data truncated: ", b"litellm_truncated",
    b"MaxDepthExceeded", b"CircularReference Detected",
)  # fmt: skip
_KEY_LIKE: Final = re.compile(r"sk-.*|[0-9a-fA-F]{32,}", re.DOTALL)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CODE: Final = re.compile(r"[1-9][0-9]{2}")
_CACHED: Final = "_cache_hit"
_REQUEST_IDS: Final = ("llm_provider-x-request-id", "llm_provider-request-id", "x-request-id", "request-id")
_PLAIN: Final[Mapping[str, str]] = {
    "event_id": "litellm_call_id",
    "provider": "custom_llm_provider",
    "operation": "call_type",
    "cache_hit": "cache_hit",
    "tags": "request_tags",
}
_OWNERS: Final[Mapping[str, tuple[str, ...]]] = {
    "team": ("user_api_key_team_alias", "team_alias", "user_api_key_team_id", "team_id"),
    "project": ("user_api_key_project_alias", "user_api_key_project_id"),
    "tenant": ("user_api_key_org_alias", "user_api_key_org_id"),
}
_ASKED: Final = ("temperature", "top_p", "max_tokens", "seed", "service_tier")
_SAID: Final = ("user_id", "session_id", "correlation_id", "deployment_id", "agent_name", "agent_version")
_KNOWN: Final = frozenset({
    "id", "trace_id", "session_id", "litellm_call_id", "call_type", "stream", "response_cost", "status",
    "status_fields", "custom_llm_provider", "total_tokens", "prompt_tokens", "completion_tokens", "startTime",
    "endTime", "completionStartTime", "model", "api_base", "metadata", "cache_hit", "request_tags", "end_user",
    "messages", "response", "error_str", "error_information", "model_parameters", "hidden_params",
    "guardrail_information", "user", "cost", "usage", "modelParameters",
    # left out: derived from the above, about LiteLLM itself, or about a person
    "cost_finalized", "cost_breakdown", "autorouter_savings", "autorouter_savings_estimate",
    "autorouter_baseline_observation", "response_cost_failure_debug_info", "zero_cost_diagnostic", "response_time",
    "model_map_information", "model_id", "model_group", "cache_key", "saved_cache_cost",
    "request_model_access_groups", "requester_ip_address", "user_agent", "standard_built_in_tools_params",
    "classifier_input", "originating_request_masked",
})  # fmt: skip
_MAX_GUARDRAILS: Final = 32


def decode_litellm(body: bytes, *, max_events: int) -> Decoded:
    """Decode `body`. Raises `DecodeError` when none of it can be, `TooManyError` when it holds too many."""
    found = read_items(body, max_events=max_events)
    marked = any(mark in body for mark in _MARKS)
    return decode_items(found, lambda index, item: _event(index, item, marked=marked))


def _event(index: int, item: dict[str, JsonValue], *, marked: bool) -> Event:
    event = Event(index=index, source=SOURCE, fields={}, attributes={})
    metadata, hidden = _members(item.get("metadata")), _members(item.get("hidden_params"))
    _read_times(event, item)
    _read_who(event, item, metadata)
    _read_ids(event, item, hidden)
    event.fields["endpoint"] = _first(item.get("api_base"), hidden.get("api_base")) or None
    event.fields["model"] = item.get("model")
    if isinstance(item.get("stream"), bool):
        event.fields["stream"] = item["stream"]
    _read_usage(event, item, metadata)
    signs = event.signs = _read_result(event, item)
    _read_guardrails(event, item)
    tool = _members(metadata.get("mcp_tool_call_metadata"))
    _read_tool(event, tool)
    _read_content(event, item, tool, signs, marked=marked)
    for name, wire in _PLAIN.items():
        event.attributes[name] = item.get(wire) or None
    _read_settings(event, item)
    for name in item.keys() - _KNOWN:
        event.attributes.setdefault(name, item[name])
    return event


def _members(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _first(*values: JsonValue) -> JsonValue:
    return next((value for value in values if value not in (None, "")), None)


def _read_times(event: Event, item: dict[str, JsonValue]) -> None:
    """Read seconds since 1970. The oldest versions write a local time without an offset, which is useless."""
    start, end = item.get("startTime"), item.get("endTime")
    if isinstance(start, int | float) and not isinstance(start, bool):
        event.fields["timestamp"] = stamp = from_seconds(start)
        if stamp is None:
            raise FieldError("timestamp", "must be a number of seconds since 1970")
    duration = milliseconds_of(start, end)
    if duration is not None:
        event.fields["duration_ms"] = duration
        event.inferred.append("duration_ms")
    if item.get("stream") is True:
        event.attributes["first_byte_ms"] = milliseconds_of(start, item.get("completionStartTime"))


def _read_who(event: Event, item: dict[str, JsonValue], metadata: dict[str, JsonValue]) -> None:
    fields = event.fields
    fields["trace_id"] = item.get("trace_id") or None
    fields["session_id"] = item.get("session_id") or None
    said = _members(metadata.get("requester_metadata"))
    for name in _SAID:
        if is_id(said.get(name)) and not fields.get(name):
            fields[name] = said[name]
    settings = _members(item.get("model_parameters"))
    user = _first(
        item.get("end_user"),
        metadata.get("user_api_key_end_user_id"),
        settings.get("user"),
        _members(settings.get("metadata")).get("user_id"),  # Anthropic's place for it
        item.get("user"),
    )
    if user is not None:
        fields["user_id"] = user
    elif not fields.get("user_id") and (owner := _first(metadata.get("user_api_key_user_id"))) is not None:
        fields["user_id"] = owner
        event.inferred.append("user_id")
    alias = metadata.get("user_api_key_alias")
    if not fields.get("agent_name") and isinstance(alias, str) and alias and not _KEY_LIKE.fullmatch(alias):
        fields["agent_name"] = alias
        event.inferred.append("agent_name")
    for name, wires in _OWNERS.items():
        event.attributes[name] = _first(*(metadata.get(wire) for wire in wires))
    if not fields.get("correlation_id") and fields["trace_id"] is not None:
        fields["correlation_id"] = fields["trace_id"]
        event.inferred.append("correlation_id")


def _read_ids(event: Event, item: dict[str, JsonValue], hidden: dict[str, JsonValue]) -> None:
    """Read the ids. `id` is the response's own, or LiteLLM's, or made up for an answer from its cache."""
    identity, call = item.get("id"), item.get("litellm_call_id")
    event.attributes["id"] = identity
    if item.get("cache_hit") is True or (isinstance(identity, str) and _CACHED in identity):
        return
    headers = _members(hidden.get("additional_headers"))
    error = _members(item.get("error_information"))
    event.fields["provider_request_id"] = _first(
        *(headers.get(name) for name in _REQUEST_IDS), error.get("error_provider_request_id")
    )
    if isinstance(identity, str) and identity != call and not _UUID.fullmatch(identity):
        event.attributes["response_id"] = identity
        if event.fields["provider_request_id"] is None:
            event.fields["provider_request_id"] = identity


def _read_usage(event: Event, item: dict[str, JsonValue], metadata: dict[str, JsonValue]) -> None:
    """Read the counts. LiteLLM writes zeros for unknown counts, so zeros alone do not count."""
    usage = _members(metadata.get("usage_object")) or _members(item.get("usage"))
    top = {name: item.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    counts = read_usage({**top, **{name: value for name, value in usage.items() if value or not top.get(name)}})
    if counts is not None and (usage or any(counts.values())):
        event.fields["tokens"] = counts
    cost = _first(item.get("response_cost"), item.get("cost"))
    unknown = item.get("response_cost_failure_debug_info") or item.get("zero_cost_diagnostic")
    if (
        isinstance(cost, int | float)
        and not isinstance(cost, bool)
        and (cost or not unknown)
        and item.get("status") != "failure"
    ):
        event.attributes["cost_usd"] = cost


def _read_result(event: Event, item: dict[str, JsonValue]) -> Signs:
    attributes, signs = event.attributes, Signs()
    error, parts = _members(item.get("error_information")), _members(item.get("status_fields"))
    code = error.get("error_code")
    if _CODE.fullmatch(str(code)):
        event.fields["status"] = int(str(code))
    elif code:
        attributes["error_code"] = code
    attributes["error_type"] = error.get("error_class") or None
    attributes["rate_limit"] = error.get("error_rate_limit_type") or None
    attributes["error"] = _first(item.get("error_str"), error.get("error_message"))
    said = item.get("status")
    signs.failed = said == "failure" or parts.get("llm_api_status") == "failure"
    signs.reported = said == "failure"
    signs.blocked = said == "failure" and parts.get("guardrail_status") == "guardrail_intervened"
    signs.throttled = bool(error.get("error_rate_limit_category"))
    if said == "success":
        event.fields["outcome"] = "success"
    elif said != "failure" and "status" not in event.fields:
        attributes["status"] = said
    return signs


def _read_guardrails(event: Event, item: dict[str, JsonValue]) -> None:
    listed = item.get("guardrail_information")
    ran = [entry for entry in (listed if isinstance(listed, list) else [listed]) if isinstance(entry, dict)]
    names: list[JsonValue] = [name for entry in ran if isinstance(name := entry.get("guardrail_name"), str)]
    if names:
        event.attributes["guardrail"] = names[0] if len(names) == 1 else names[:_MAX_GUARDRAILS]
    if ran:
        event.attributes["guardrail_triggered"] = any(
            entry.get("guardrail_status") in ("guardrail_intervened", "guardrail_flagged") for entry in ran
        )


def _read_tool(event: Event, tool: dict[str, JsonValue]) -> None:
    event.attributes["tool_name"] = tool.get("name")
    event.attributes["mcp_server"] = tool.get("mcp_server_name")
    if event.fields.get("endpoint") is None and tool.get("mcp_server_resource"):
        event.fields["endpoint"] = tool["mcp_server_resource"]


def _read_content(
    event: Event, item: dict[str, JsonValue], tool: dict[str, JsonValue], signs: Signs, *, marked: bool
) -> None:
    """Add the content. `marked`: the request may hold LiteLLM's sign that it replaced or cut something."""
    answer = _filled(item.get("response"), tool.get("result"))
    # LiteLLM puts what a pass-through endpoint answered into an object of one member.
    passed = answer["response"] if isinstance(answer, dict) and answer.keys() == {"response"} else answer
    read_answer(passed, signs)
    for side, value in (("request", _filled(item.get("messages"), tool.get("arguments"))), ("response", answer)):
        if value is None:
            continue
        redacted, cut = _marks(value) if marked else (False, False)
        if redacted:
            event.attributes["sender_redacted"] = True
        elif cut:
            event.attributes["truncated"] = True
        else:
            setattr(event, side, content_of(value))
    if isinstance(messages := item.get("messages"), list) and messages:
        event.attributes["message_count"] = len(messages)
    if signs.finishes:
        event.attributes["finish_reasons"] = [*signs.finishes]


def _filled(*values: JsonValue) -> JsonValue:
    """Return the first value that is not empty. LiteLLM writes an empty object or list for nothing."""
    return next((value for value in values if value not in (None, "", [], {})), None)


def _marks(value: JsonValue) -> tuple[bool, bool]:
    """Return whether LiteLLM replaced something in a content, and whether it cut something."""
    texts = [item for item in walk(value) if isinstance(item, str)]
    return not _REDACTED.isdisjoint(texts), any(_CUT.search(text) for text in texts)


def _read_settings(event: Event, item: dict[str, JsonValue]) -> None:
    settings = _members(item.get("model_parameters"))
    for name in _ASKED:
        if isinstance(value := settings.get(name), int | float | str) and value != "":
            event.attributes[name] = value
    if isinstance(tools := settings.get("tools"), list):
        event.attributes["tool_count"] = len(tools)
