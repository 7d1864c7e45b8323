"""From log records and spans to events.

Promise: every item becomes one event, also a span that is not a call. Its kind is in the record: a reader may leave it
out, the writer may not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from audit_core.attributes import MAX_ITEMS
from audit_core.canonical import JsonValue
from audit_core.errors import FieldError
from audit_core.event import Event
from audit_core.outcome import shows_end
from audit_core.times import LONGEST_MS
from log_writer.intake import claude
from log_writer.intake.claude_names import CLAUDE_RULES, PREFIX
from log_writer.intake.event_builder import EventBuilder
from log_writer.intake.genai_names import (
    FIRST_CHUNK_SECONDS,
    OPERATION_EVENTS,
    REQUEST_EVENTS,
    RESPONSE_EVENTS,
    RULES,
)
from log_writer.intake.otlp_items import LogItem, Origin, SpanEvent, SpanItem

LOGS: Final = "otlp-logs"
SPANS: Final = "otlp-traces"

_SECOND: Final = 1_000_000_000
_MILLISECOND: Final = 1_000_000
_MICROSECOND: Final = 1_000
_KINDS: Final = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
_STATUS_OK: Final = 1
_STATUS_ERROR: Final = 2
_SEVERITY_ERROR: Final = 17
_TOOL: Final = "tool"
_TOOL_CALLS: Final = frozenset({"execute_tool", "ai.toolCall"})
_MODELS: Final = frozenset({
    "agent", "agent_run", "chat", "completion", "embedding", "generation", "llm", "llm_request", "model_generation",
    "model_inference", "model_step", "reranker",
})  # fmt: skip
"""Types of spans, in lower case, that are calls of models, or of agents that call them."""
# Their exporter sets OK for a completed step, and no status for a step that the application cancelled:
# https://platform.claude.com/docs/en/api/opentelemetry/spans
_PLATFORM: Final = "claude-platform"
_PLATFORM_SCOPES: Final = ("com.anthropic.claude-platform", "com.anthropic.sdk")
_SEVERE: Final = frozenset({"error", "fatal", "critical"})
_LONGEST_NANOS: Final = LONGEST_MS * 1_000_000
_MESSAGES: Final = ("exception.message", "error.message")
_HEAD: Final = 300
_LONGEST: Final = 10**9


class EventMaker:
    """Makes the events of one request. Reads once what the items of a scope share."""

    def __init__(self) -> None:
        self._origin: Origin | None = None
        self._shared = EventBuilder()

    def make(self, origin: Origin, item: LogItem | SpanItem, index: int) -> Event:
        """Return the event of `item`. Raises `FieldError`."""
        if origin is not self._origin:
            self._origin, self._shared = origin, _shared(origin)
        if isinstance(item, LogItem):
            return self._log(origin, item, index)
        return self._span(origin, item, index)

    def _log(self, origin: Origin, item: LogItem, index: int) -> Event:
        name = _event_name(item)
        ours = claude.is_claude(origin.scope, name)
        builder = self._shared.copy()
        builder.take(item.attributes, CLAUDE_RULES if ours else RULES)
        builder.set("kind", "event" if name else "log")
        if name:
            if builder.attributes.get("event_name") == item.attributes.get("event.name"):
                builder.attributes.pop("event_name", None)  # the same, perhaps without its prefix
            builder.set("event_name", name)
        if item.severity_text:
            builder.set("severity", item.severity_text)
        _set_ids(builder, item.trace_id, item.span_id, item.dropped)
        _set_time(builder, item.time, item.observed)
        if name in REQUEST_EVENTS:
            builder.request[name] = item.body
        elif name in RESPONSE_EVENTS:
            builder.response[name] = item.body
        elif name in OPERATION_EVENTS and isinstance(item.body, dict):
            builder.take(item.body, RULES)
        elif item.body not in (None, "", name):
            builder.keep("body", item.body)
        _measure_first_byte(builder)
        if ours:
            claude.finish(builder, name.removeprefix(PREFIX))
        builder.signs.failed = builder.signs.failed or item.severity >= _SEVERITY_ERROR
        _take_messages(builder, item.attributes)
        _correlate(builder)
        return builder.event(index=index, source=LOGS)

    def _span(self, origin: Origin, item: SpanItem, index: int) -> Event:
        if not item.trace_id or not item.span_id:
            raise FieldError("spanId", "must be there, and traceId with it")
        ours = claude.is_claude(origin.scope, item.name)
        builder = self._shared.copy()
        builder.take(item.attributes, CLAUDE_RULES if ours else RULES)
        builder.set("kind", _KINDS.get(item.kind, "unspecified"))
        _set_name(builder, item.name)
        if item.parent_id:
            builder.set("parent_span_id", item.parent_id)
        _set_ids(builder, item.trace_id, item.span_id, item.dropped)
        _set_time(builder, item.start, 0)
        if item.end >= item.start > 0 and item.end - item.start <= _LONGEST_NANOS:
            builder.keep("reported_duration_ms", builder.fields.pop("duration_ms", None))
            builder.infer("duration_ms", _milliseconds(item.end - item.start))
        if item.status_message:
            builder.keep("status_message", item.status_message)
        if item.links:
            builder.set("linked_spans", [f"{trace}-{span}" for trace, span in item.links[:MAX_ITEMS]])
        _take_span_events(builder, item.events, done=item.status == _STATUS_OK)
        _measure_first_byte(builder)
        if ours:
            claude.finish(builder, item.name.removeprefix(PREFIX))
        _set_signs(builder, item, origin)
        _correlate(builder)
        return builder.event(index=index, source=SPANS)


def _shared(origin: Origin) -> EventBuilder:
    """Return the builder that each item of this origin starts with."""
    builder = EventBuilder()
    builder.take(origin.resource, RULES)
    builder.take(origin.scope_attributes, RULES)
    if origin.scope:
        builder.keep("scope", origin.scope)
    if origin.scope_version:
        builder.keep("scope_version", origin.scope_version)
    return builder


def _event_name(item: LogItem) -> str:
    """Return an event's name: its own field, an attribute, or the whole body of a Claude Code event."""
    name = item.event_name or item.attributes.get("event.name")
    body = item.body
    if isinstance(body, str) and body.startswith(PREFIX) and (not name or body == f"{PREFIX}{name}"):
        return body
    return name if isinstance(name, str) else ""


def _set_ids(builder: EventBuilder, trace_id: str, span_id: str, dropped: int) -> None:
    if trace_id:
        builder.fields["trace_id"] = trace_id
    if span_id:
        builder.fields["span_id"] = span_id
    if dropped:
        builder.set("dropped_attributes", dropped)


def _set_time(builder: EventBuilder, time: int, observed: int) -> None:
    if not time and observed:
        time = observed
        builder.set("timestamp_source", "observed")
    if not time:
        return
    stamp = builder.fields["timestamp"] = _timestamp(time)
    if builder.attributes.get("event_timestamp") == stamp:
        del builder.attributes["event_timestamp"]


def _timestamp(nanos: int) -> str:
    """Nanoseconds since 1970 as RFC 3339, exactly."""
    seconds, rest = divmod(nanos, _SECOND)
    stamp = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
    if rest % _MILLISECOND == 0:
        return f"{stamp}.{rest // _MILLISECOND:03}Z"
    if rest % _MICROSECOND == 0:
        return f"{stamp}.{rest // _MICROSECOND:06}Z"
    return f"{stamp}.{rest:09}Z"


def _milliseconds(nanos: int) -> int | float:
    return nanos // _MILLISECOND if nanos % _MILLISECOND == 0 else nanos / _MILLISECOND


def _set_name(builder: EventBuilder, name: str) -> None:
    """Set the name of a span. Set the tool's name if the span is a tool call without one.

    A name that quotes the content, such as a task's whole request, is kept as an unknown text.
    """
    if not name:
        return
    if builder.quoted_in(name):
        builder.keep("name", name)
        return
    builder.set("span_name", name)
    kind = builder.attributes.get("span_type")
    if isinstance(kind, str) and kind.lower() == _TOOL:
        builder.attributes.setdefault("tool_name", builder.attributes.get("function") or name)


def _measure_first_byte(builder: EventBuilder) -> None:
    if not builder.special:
        return
    for name in FIRST_CHUNK_SECONDS:
        seconds = builder.special.pop(name, None)
        if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 <= seconds <= _LONGEST:
            builder.keep("first_byte_ms", round(seconds * 1000, 3))
        else:
            builder.keep(name, seconds)


def _take_span_events(builder: EventBuilder, events: list[SpanEvent], *, done: bool) -> None:
    """Add a span's events to the event. `done`: the span's status is OK, whatever exceptions it has recorded."""
    if not events:
        return
    rest: list[JsonValue] = []
    messages: Mapping[bool, list[JsonValue]] = {True: [], False: []}
    for event in events:
        if event.name in REQUEST_EVENTS or event.name in RESPONSE_EVENTS:
            messages[event.name in REQUEST_EVENTS].append({"name": event.name, **event.attributes})
            continue
        attributes = builder.take_content(event.attributes) if event.name in OPERATION_EVENTS else event.attributes
        if event.name in OPERATION_EVENTS and not attributes:
            continue
        if event.name == "exception":
            kind = event.attributes.get("exception.type") or "exception"
            builder.attributes.setdefault("exception_type" if done else "error_type", kind)
            if not done:
                _take_messages(builder, event.attributes)
        rest.append({"name": event.name, "time": event.time, "attributes": attributes})
    if messages[True]:
        builder.request["events"] = messages[True]
    if messages[False]:
        builder.response["events"] = messages[False]
    if rest:
        names: list[JsonValue] = [event.name for event in events[:MAX_ITEMS] if event.name]
        builder.set("span_events", names)
        builder.keep("span_event_data", rest)


def _take_messages(builder: EventBuilder, attributes: Mapping[str, JsonValue]) -> None:
    """Read the kind of error from its text. The text itself is kept like any unknown attribute."""
    for name in _MESSAGES:
        if isinstance(text := attributes.get(name), str):
            builder.signs.errors.append(text[:_HEAD])


def _set_signs(builder: EventBuilder, item: SpanItem, origin: Origin) -> None:
    """Set the signs of how a span ended."""
    signs, is_unset = builder.signs, item.status not in (_STATUS_OK, _STATUS_ERROR)
    if item.status == _STATUS_OK:
        builder.fields["outcome"] = "success"
    elif item.status == _STATUS_ERROR:
        signs.failed = signs.reported = True
    elif str(builder.attributes.get("severity")).lower() in _SEVERE:
        signs.failed = True
    if item.status != _STATUS_OK:
        _take_messages(builder, item.attributes)
    signs.result = signs.result or (item.end > 0 and _shows_result(builder))
    if is_unset and (origin.scope.startswith(_PLATFORM_SCOPES) or origin.resource.get("service.name") == _PLATFORM):
        signs.unfinished = True


def _shows_result(builder: EventBuilder) -> bool:
    """Return whether a span that ended without a status shows a result, or is of a kind that never shows one.

    A cancelled model or HTTP call ends without a status and without a result.
    """
    attributes, fields = builder.attributes, builder.fields
    finishes = attributes.get("finish_reasons")
    if (
        any(value not in (None, "", [], {}) for value in builder.response.values())
        or any(builder.tokens.values())
        or shows_end([attributes.get("finish_reason"), *(finishes if isinstance(finishes, list) else [finishes])])
        or "provider_request_id" in fields
        or attributes.get("response_id") is not None
    ):
        return True
    operation, kind = str(attributes.get("operation")), str(attributes.get("span_type")).lower()
    if operation in _TOOL_CALLS or kind == _TOOL:  # without content, nobody can tell whether there is a result
        return not builder.request
    if "method" in fields and "status" not in fields:
        return False
    return "model" not in fields and kind not in _MODELS and attributes.keys().isdisjoint(("provider", "operation"))


def _correlate(builder: EventBuilder) -> None:
    trace = builder.fields.get("trace_id")
    if trace is not None:
        builder.infer("correlation_id", trace)
