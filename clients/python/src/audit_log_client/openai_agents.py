"""The traces of the OpenAI Agents SDK, through the spool: its own exporter drops what is not taken at once.

Promise: what went into a model or a tool, and what came out, is replaced by its digest in this process. So is whatever
else may hold content: a custom span's data, metadata under names of its own, an error's text. A `tracing_api_key` never
gets here.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import agents
from agents.tracing import TracingProcessor

from audit_log_client._batch import TRACES
from audit_log_client._core.digest import bytes_of, digest_payload

if TYPE_CHECKING:
    from audit_log_client._core.digest import HmacKey
    from audit_log_client._json import JsonValue
    from audit_log_client._log import AuditLog

_logger = logging.getLogger("audit_log_client")

_FLUSH_SECONDS = 10.0
_CONTENT = ("input", "output")
# For each type of span, the members that hold no content.
_SHOWN: Mapping[str, tuple[str, ...]] = {
    "agent": ("name", "handoffs", "tools", "output_type"),
    "function": ("name",),
    "generation": ("model", "usage"),
    "response": ("response_id", "model", "usage"),
    "handoff": ("from_agent", "to_agent"),
    "guardrail": ("name", "triggered"),
    "transcription": ("model",),
    "speech": ("model", "first_content_at"),
    "speech_group": (),
    "mcp_tools": ("server", "result"),
    "custom": ("name",),
    # what the SDK wraps into custom spans of its own
    "task": ("sdk_span_type", "name", "usage"),
    "turn": ("sdk_span_type", "turn", "agent_name", "usage"),
}
_SETTINGS = ("temperature", "top_p", "max_tokens", "seed", "frequency_penalty", "presence_penalty")
_METADATA = frozenset({
    "user_id", "session_id", "correlation_id", "deployment_id", "agent_version", "agent_name", "agent_harness_id",
    "environment", "team", "project", "tenant", "release",
})  # fmt: skip
# Sentences of the SDK itself. Any other text of an error may quote content.
_SENTENCES = frozenset({
    "Guardrail tripwire triggered", "Error getting response", "Error streaming response", "Error running tool",
    "Error running tool (non-fatal)", "Error in agent run", "Max turns exceeded", "Tool not found",
    "Invalid JSON provided", "Multiple handoffs requested", "Handoff not found", "Guardrail execution failed",
    "Tool execution cancelled", "Tool execution rejected",
})  # fmt: skip
_CODES = ("status", "status_code", "code", "error_code", "type", "error_type", "name", "guardrail", "tool_name")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_WORDED = re.compile(r"Error code: ([45][0-9]{2})\b")
# The class at the start of an error's text: `litellm.RateLimitError: …`.
_CLASS = re.compile(r"(?=[A-Za-z0-9_.]{1,64}[:(])(?:[A-Za-z_][A-Za-z0-9_]*\.)*[A-Za-z_]*(?:Error|Exception)(?=[:(])")
_OWN = ("object", "id", "trace_id", "parent_id", "started_at", "ended_at", "workflow_name", "group_id")


def export_traces(log: AuditLog, *, replace: bool = True) -> None:
    """Export the SDK's traces and spans to the log from now on.

    `replace`: to the log alone, so that content does not go to the SDK's own backend; otherwise in addition to the
    processors that are set.
    """
    processor = AuditProcessor(log)
    if replace:
        agents.set_trace_processors([processor])
    else:
        agents.add_trace_processor(processor)


class AuditProcessor(TracingProcessor):
    """Hands traces and spans over as they are; what is in them is worked out in the background."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    def on_trace_start(self, trace: Any) -> None:  # noqa: ANN401 - the SDK's
        """Hand over a trace when it begins, as the SDK's own exporter does."""
        self._hand_over(trace)

    def on_trace_end(self, trace: Any) -> None:  # noqa: ANN401 - the SDK's
        """Do nothing: the trace was handed over at its start."""

    def on_span_start(self, span: Any) -> None:  # noqa: ANN401 - the SDK's
        """Do nothing: a span is handed over at its end."""

    def on_span_end(self, span: Any) -> None:  # noqa: ANN401 - the SDK's
        """Hand over a span that has ended."""
        self._hand_over(span)

    def shutdown(self, timeout: float | None = None) -> None:
        """Send events for at most `timeout` seconds. The rest stays in the spool."""
        self._log.flush(_FLUSH_SECONDS if timeout is None else timeout)

    def force_flush(self) -> None:
        """Send all events."""
        self._log.flush(_FLUSH_SECONDS)

    def _hand_over(self, item: Any) -> None:  # noqa: ANN401 - the SDK's
        try:
            self._log.put_line(TRACES, lambda: without_content(item, key=self._log.digest_key))
        except Exception:
            _logger.exception("a trace could not be logged")


def without_content(item: Any, *, key: HmacKey | None) -> dict[str, JsonValue] | None:  # noqa: ANN401 - the SDK's
    """Export a trace or a span as the SDK does, with digests in place of its content; null: it is not exported."""
    exported = item.export()
    if exported is None:
        return None
    kept = {name: exported[name] for name in _OWN if name in exported}
    data = exported.get("span_data")
    if isinstance(data, Mapping):
        kept["span_data"] = _span_data(dict(data), item.span_data, key)
    error = exported.get("error")
    if error is not None:
        kept["error"] = _error(error, key)
    metadata = exported.get("metadata")
    if isinstance(metadata, Mapping):
        kept["metadata"] = {
            str(name): value if name in _METADATA and _is_id(value) else marker(value, key=key)
            for name, value in metadata.items()
        }
    return kept


def marker(value: object, *, key: HmacKey | None, mime: str | None = None) -> JsonValue:
    """Return what replaces content: `{"$digest": {"digest", "bytes", "mime"}}`; null where there is none."""
    if value is None or value == "":
        return None
    payload = bytes_of(value)
    if payload is None:
        return {"$digest": {"digest": None}}
    found = digest_payload(payload[0], key=key, text=payload[1])
    return {"$digest": {"digest": found.digest, "bytes": found.size, "mime": mime or found.mime}}


def _span_data(data: dict[str, Any], source: Any, key: HmacKey | None) -> dict[str, JsonValue]:  # noqa: ANN401
    kind = data.get("type")
    inner = data.get("data")
    if kind == "custom" and isinstance(inner, Mapping) and inner.get("sdk_span_type") in _SHOWN:
        return {**data, "data": _members(str(inner["sdk_span_type"]), dict(inner), key)}
    if kind == "response":
        answer = source.response
        data |= {"input": source.input, "output": getattr(answer, "output", None)}
        data["model"] = getattr(answer, "model", None)
    return {"type": kind, **_members(str(kind), data, key)}


def _members(kind: str, data: dict[str, Any], key: HmacKey | None) -> dict[str, JsonValue]:
    shown = _SHOWN.get(kind, ())
    kept: dict[str, JsonValue] = {}
    for name, value in data.items():
        if name in shown:
            kept[name] = value
        elif name == "model_config" and isinstance(value, Mapping):
            kept[name] = _settings(value)
        elif name == "mcp_data" and isinstance(value, Mapping):
            kept[name] = {"server": value.get("server")}
        elif name in _CONTENT and isinstance(value, Mapping) and value.keys() == {"data", "format"}:  # sound
            form = value["format"]
            mime = f"audio/{form}" if isinstance(form, str) and _CODE.fullmatch(form) else None
            kept[name] = marker(value["data"], key=key, mime=mime)
        elif name != "type":
            kept[name] = marker(value, key=key)
    return kept


def _settings(given: Mapping[str, Any]) -> dict[str, JsonValue]:
    """How a model was asked. Other settings may hold headers, and what is in them."""
    kept: dict[str, JsonValue] = {name: given[name] for name in _SETTINGS if isinstance(given.get(name), (int, float))}
    base = given.get("base_url")
    if base is not None:
        kept["base_url"] = re.sub(r"(?<=//)[^/@]*@", "", str(base).partition("?")[0])
    return kept


def _error(error: Any, key: HmacKey | None) -> JsonValue:  # noqa: ANN401 - the SDK's
    if not isinstance(error, Mapping):
        return marker(error, key=key)
    message, data = error.get("message"), error.get("data")
    kept: dict[str, JsonValue] = {"message": message if message in _SENTENCES else marker(message, key=key)}
    if isinstance(data, Mapping):
        kept["data"] = {str(name): _code(name, value, key) for name, value in data.items()}
        text = str(data.get("error"))
        if worded := _WORDED.match(text):
            kept["data"] = {**kept["data"], "status": int(worded[1])}
        elif named := _CLASS.match(text):
            kept["data"] = {"error_type": named[0], **kept["data"]}
    elif data is not None:
        kept["data"] = marker(data, key=key)
    return kept


def _is_id(value: object) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _code(name: object, value: object, key: HmacKey | None) -> JsonValue:
    if isinstance(value, (bool, int)) or (name in _CODES and isinstance(value, str) and _CODE.fullmatch(value)):
        return value
    return marker(value, key=key)
