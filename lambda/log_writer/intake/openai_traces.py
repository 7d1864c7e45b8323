"""The trace ingest of the OpenAI Agents SDK, Python and JavaScript: `{"data": [trace, trace.span, …]}`.

Promise: each item becomes one event or one refusal. What went into a model or a tool, and what came out, is content: it
is digested and dropped. A `tracing_api_key`, which may be the customer's own, is gone before anything looks at the
item. Nothing is inferred to have succeeded but a call that shows a result.

Source: `agents.tracing` of openai-agents 0.24, `agents-core/src/tracing` of openai-agents-js.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from audit_core.attributes import MAX_ATTRIBUTES, MORE
from audit_core.canonical import JsonValue
from audit_core.event import Event
from audit_core.marker import read_marker
from audit_core.outcome import Signs
from log_writer.intake import openai_errors
from log_writer.intake.answer import read_answer
from log_writer.intake.decoded import Decoded
from log_writer.intake.exported import Items, content_of, decode_items, read_items, walk
from log_writer.intake.moments import milliseconds_between
from log_writer.intake.usage import is_id, read_usage

SOURCE = "openai-traces"
_MEMBER = "data"
_SECRET = ("tracing_api_key", "tracingApiKey")
_TRUNCATED = "... [truncated]"
_PREVIEW = {"truncated", "original_type", "preview"}
_FORMAT = re.compile(r"[a-z0-9.+-]{1,32}")
_MAX_METADATA = 64
_KNOWN = frozenset({
    "object", "id", "trace_id", "parent_id", "started_at", "ended_at", "span_data", "error", "workflow_name",
    "group_id", "metadata",
})  # fmt: skip
# What a caller may say of itself in a trace's metadata, under the names of a record's fields.
_STATED = ("user_id", "session_id", "correlation_id", "deployment_id", "agent_version", "agent_name")
_REQUESTS = ("input", "arguments", "messages", "request", "data")
_RESPONSES = ("output", "result", "response")
_SHOWN: Mapping[str, Mapping[str, str]] = {
    "function": {"name": "tool_name"},
    "handoff": {"from_agent": "from_agent", "to_agent": "to_agent"},
    "guardrail": {"name": "guardrail", "triggered": "guardrail_triggered"},
    "mcp_tools": {"server": "mcp_server"},
    "turn": {"turn": "step"},
}
"""By span type: its own metadata, and the attribute that each becomes."""
_AGENT: Mapping[str, str] = {"agent": "name", "turn": "agent_name", "handoff": "from_agent"}
_ASKED = ("temperature", "top_p", "max_tokens", "seed")
_MODELS = frozenset({"generation", "response", "speech", "transcription"})
"""Spans that are calls of a model."""
_FRAMES = frozenset({"agent", "turn", "task"})
"""Spans around calls."""
_RESULTS: Mapping[str, tuple[str, ...]] = {"handoff": ("to_agent",), "mcp_tools": ("result",)}
"""For each kind of call, the members that show its result."""

# What is looked for in a whole request first: these are plain letters, which no encoder escapes.
_MARKS = (_TRUNCATED.encode(), b"original_type")


class _Context(NamedTuple):
    """What the items of a request have in common: its traces, and whether something in it may have been cut."""

    traces: Mapping[str, dict[str, JsonValue]]
    marked: bool


def decode_openai_traces(body: bytes, *, max_events: int) -> Decoded:
    """Decode `body`. Raises `DecodeError` when none of it can be, `TooManyError` when it holds too many."""
    found = read_items(body, max_events=max_events, member=_MEMBER)
    if sum(map(_forget_keys, found.items)):
        found.content = None  # it has them in it
    context = _Context(_traces(found), any(mark in body for mark in _MARKS))
    return decode_items(found, lambda index, item: _event(index, item, context))


def _forget_keys(item: JsonValue) -> bool:
    """Remove the keys. Return whether there was one."""
    if not isinstance(item, dict):
        return False
    parts = (item, item.get("metadata"), item.get("span_data"))
    found = [(part, name) for part in parts if isinstance(part, dict) for name in _SECRET if name in part]
    for part, name in found:
        del part[name]
    return bool(found)


def _traces(found: Items) -> dict[str, dict[str, JsonValue]]:
    """Return the traces in the request, by id. Their members hold for their spans."""
    return {
        identity: item
        for item in found.items
        if isinstance(item, dict) and item.get("object") == "trace" and isinstance(identity := item.get("id"), str)
    }


def _event(index: int, item: dict[str, JsonValue], context: _Context) -> Event:
    event = Event(index=index, source=SOURCE, fields={}, attributes={})
    is_trace = item.get("object") == "trace"
    trace_id = item.get("id") if is_trace else item.get("trace_id")
    event.fields["trace_id"] = trace_id
    event.attributes["event_name"] = item.get("object")
    if is_trace:
        event.attributes["id"] = trace_id
        _read_workflow(event, item)
    else:
        _read_span(event, item, marked=context.marked)
        trace = context.traces.get(trace_id) if isinstance(trace_id, str) else None
        if trace is not None:
            _inherit(event, trace)
    if event.fields.get("correlation_id") is None and trace_id is not None:
        event.fields["correlation_id"] = trace_id
        event.inferred.append("correlation_id")
    _keep(event, {name: value for name, value in item.items() if name not in _KNOWN})
    return event


def _read_workflow(event: Event, item: dict[str, JsonValue]) -> None:
    """Read the workflow of a trace or a span."""
    fields = event.fields
    if item.get("workflow_name") is not None:
        event.attributes["workflow_name"] = item["workflow_name"]
    if item.get("group_id") is not None:
        fields["session_id"] = item["group_id"]
    metadata = item.get("metadata")
    if not isinstance(metadata, dict) or len(metadata) > _MAX_METADATA:
        if metadata:
            event.attributes["metadata"] = metadata
        return
    stated = {name: metadata[name] for name in _STATED if is_id(metadata.get(name)) and fields.get(name) is None}
    fields |= stated
    _keep(event, {name: value for name, value in metadata.items() if name not in stated})


def _inherit(event: Event, trace: dict[str, JsonValue]) -> None:
    stated = Event(index=event.index, source=SOURCE, fields={}, attributes={})
    _read_workflow(stated, trace)
    for name, value in stated.fields.items():
        if event.fields.get(name) is None:
            event.fields[name] = value
            event.inferred.append(name)
    if "workflow_name" in stated.attributes:
        event.attributes.setdefault("workflow_name", stated.attributes["workflow_name"])


def _keep(event: Event, others: dict[str, JsonValue]) -> None:
    """Keep the other members as metadata. The record decides which of them to show."""
    if len(others) > MAX_ATTRIBUTES:
        others = {MORE: dict(others)}
    for name, value in others.items():
        while name in event.attributes:
            name += "_"  # noqa: PLW2901 - both values are kept, the second under a name that shows it
        event.attributes[name] = value


def _read_span(event: Event, item: dict[str, JsonValue], *, marked: bool) -> None:
    fields, attributes = event.fields, event.attributes
    started, ended = item.get("started_at"), item.get("ended_at")
    fields["timestamp"] = ended if started is None else started
    fields["span_id"] = item.get("id")
    duration = milliseconds_between(started, ended)
    if duration is not None:
        fields["duration_ms"] = duration
        event.inferred.append("duration_ms")
    if not fields["timestamp"]:
        attributes["id"] = item.get("id")
    attributes["parent_span_id"] = item.get("parent_id")
    data = item.get("span_data")
    if data is not None and not isinstance(data, dict):
        attributes["span_data"] = data
    kind, members = _unwrapped(data if isinstance(data, dict) else {})
    attributes["span_type"] = kind or members.get("type")
    used = _read_data(event, kind, members, marked=marked)
    _read_workflow(event, item)
    signs = event.signs = Signs()
    openai_errors.read(event, item.get("error"), signs, is_model=kind in _MODELS, is_frame=kind in _FRAMES)
    if ended is not None:
        _conclude(event, kind, members, signs)
    _keep(event, {name: value for name, value in members.items() if name not in used})
    if started is not None and (first := milliseconds_between(started, members.get("first_content_at"))) is not None:
        attributes["first_byte_ms"] = first


def _unwrapped(data: dict[str, JsonValue]) -> tuple[str, dict[str, JsonValue]]:
    """Return the type and the members of a span. Newer SDKs wrap their turns and tasks into a custom span."""
    kind, inner = data.get("type"), data.get("data")
    if kind == "custom" and isinstance(inner, dict) and isinstance(own := inner.get("sdk_span_type"), str):
        return own, inner
    return kind if isinstance(kind, str) else "", data


def _read_data(event: Event, kind: str, data: dict[str, JsonValue], *, marked: bool) -> set[str]:
    """Read what is known of a span's type. Returns the names of what was read."""
    fields, attributes = event.fields, event.attributes
    used = {"type", "sdk_span_type", "usage", "model", "model_config", "response_id", "first_content_at", "mcp_data"}
    used |= _read_contents(event, data, marked=marked)
    for name, attribute in _SHOWN.get(kind, {}).items():
        attributes[attribute] = data.get(name)
        used.add(name)
    agent = _AGENT.get(kind)
    if agent is not None and isinstance(data.get(agent), str):
        fields["agent_name"] = data[agent]
        used.add(agent)
    elif "name" not in used and data.get("name") is not None:
        attributes["operation"] = data["name"]
        used.add("name")
    if isinstance(tools := data.get("tools"), list):
        attributes["tool_count"] = len(tools)
    if data.get("model") is not None:
        fields["model"] = data["model"]
    if (tokens := read_usage(_usage(kind, data))) is not None:
        fields["tokens"] = tokens
    if data.get("response_id") is not None:
        fields["provider_request_id"] = attributes["response_id"] = data["response_id"]
    _read_settings(event, data.get("model_config"))
    mcp = data.get("mcp_data")
    if isinstance(mcp, dict) and isinstance(mcp.get("server"), str):
        attributes["mcp_server"] = mcp["server"]
    elif mcp is not None:
        attributes["mcp_data"] = mcp
    return used


def _usage(kind: str, data: dict[str, JsonValue]) -> JsonValue:
    """Return the usage of a model call. The JavaScript SDK leaves it in the output, which is one answer."""
    output = data.get("output")
    if kind != "generation" or data.get("usage") is not None or not isinstance(output, list) or len(output) != 1:
        return data.get("usage")
    return output[0].get("usage") if isinstance(output[0], dict) else None


def _read_settings(event: Event, settings: JsonValue) -> None:
    """How a model was asked: `base_url` is where."""
    if not isinstance(settings, dict):
        if settings is not None:
            event.attributes["model_config"] = settings
        return
    if isinstance(base := settings.get("base_url"), str) and base:
        event.fields["endpoint"] = base
    for name in _ASKED:
        if isinstance(settings.get(name), int | float):
            event.attributes[name] = settings[name]


def _read_contents(event: Event, data: dict[str, JsonValue], *, marked: bool) -> set[str]:
    """Digest what went in and what came out; the first of each, and the others as metadata of unknown names."""
    used = set()
    for side, names in (("request", _REQUESTS), ("response", _RESPONSES)):
        name = next((name for name in names if data.get(name) not in (None, "")), None)
        if name is None:
            continue
        used.add(name)
        if marked and _is_truncated(data[name]):
            event.attributes["truncated"] = True
        else:
            _digest(event, side, data[name])
    return used


def _digest(event: Event, side: str, value: JsonValue) -> None:
    if (made := read_marker(value)) is not None:
        event.fields |= {f"{side}_hash": made["digest"], f"{side}_bytes": made["bytes"], f"{side}_mime": made["mime"]}
        return
    if isinstance(value, dict) and value.keys() == {"data", "format"}:  # sound
        if isinstance(form := value["format"], str) and _FORMAT.fullmatch(form) and value["data"]:
            event.fields[f"{side}_mime"] = f"audio/{form}"
            event.inferred.append(f"{side}_mime")
        value = value["data"]
    setattr(event, side, content_of(value))


def _is_truncated(value: JsonValue) -> bool:
    """Return whether the SDK cut something in `value`: a text that ends so, or a note in its place."""
    for item in walk(value):
        if isinstance(item, str) and item.endswith(_TRUNCATED):
            return True
        if isinstance(item, dict) and item.keys() == _PREVIEW and item["truncated"] is True:
            return True
    return False


def _conclude(event: Event, kind: str, data: dict[str, JsonValue], signs: Signs) -> None:
    """Set whether a span that has ended shows a result. The SDK ends a cancelled span with neither error nor result."""
    if kind in _MODELS or kind in {"function", "mcp_tools"}:
        for name in _RESPONSES:
            read_answer(data.get(name), signs)
    if kind == "guardrail":
        signs.blocked = signs.blocked or data.get("triggered") is True
        signs.result = data.get("triggered") is False
    elif kind in _MODELS:
        tokens = event.fields.get("tokens")
        counted = isinstance(tokens, dict) and any(tokens.values())
        answered = any(data.get(name) for name in _RESPONSES) and _is_answered(event)
        signs.result = bool(data.get("response_id")) or counted or answered
    elif kind in _RESULTS:
        signs.result = any(data.get(name) is not None for name in _RESULTS[kind])
    elif kind == "function":  # without content, nobody can tell whether there is a result
        asked = event.request is not None or event.fields.get("request_hash") is not None
        signs.result = _is_answered(event) or not asked


def _is_answered(event: Event) -> bool:
    shown = event.response is not None or event.fields.get("response_hash") is not None
    return shown or event.attributes.get("truncated") is True
