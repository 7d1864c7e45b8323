"""One call in each form in which platforms send theirs, with an invented secret and an invented text in it.

Guarantees: a sample has the shape of what the platform's own exporter sends (captures of them are in tests/sdks/wire);
its secret and its text are new each time, and random. `agent_name` or its like says audit-log-check, so that nobody
takes the record for a real call.
"""

import base64
import json
import secrets
import string
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cli.checks.planted import PROBE_HOST, PROBE_NAME
from cli.connect_snippets import Wire

_MODEL: Final = "example-model-1"
_JSON: Final = "application/json"
_PROTOBUF: Final = "application/x-protobuf"
_TOOK: Final = timedelta(milliseconds=250)
_NOT_REPORTED: Final = "this platform does not report it"
_ONLY_FAILED: Final = "this platform reports it of failed calls only"
_ONLY_BODIES: Final = "only where OTEL_LOG_RAW_API_BODIES=1 lets Claude report bodies"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """The call that every sample reports, each in its own form. `run` is in every record of it."""

    run: str
    at: datetime
    secret: str = field(repr=False)
    content: str

    @property
    def request(self) -> list[dict[str, str]]:
        return [{"role": "user", "content": f"{self.content} {self.secret}"}]

    @property
    def answer(self) -> list[dict[str, str]]:
        return [{"role": "assistant", "content": self.content}]

    @property
    def user(self) -> str:
        return f"{PROBE_NAME}-user"

    @property
    def text_time(self) -> str:
        return _rfc3339(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(_Call):
    """A request to the endpoint, and what its record must say.

    `sent` names record fields with the values that they must have (None: any value); `absent` names those that the
    platform leaves out, with the reason.
    """

    path: str
    content_type: str = _JSON
    body: bytes
    what: str
    sent: Mapping[str, object]
    absent: Mapping[str, str] = field(default_factory=dict)


def sample(wire: Wire, *, at: datetime | None = None) -> Sample:
    """Return a new call in the form `wire`, made at `at` (default: now)."""
    letters = string.ascii_letters + string.digits
    call = _Call(
        run=secrets.token_hex(16),
        at=datetime.now(UTC) if at is None else at,
        secret="sk_live_" + "".join(secrets.choice(letters) for _ in range(32)),
        content="words of the probe " + "".join(secrets.choice(letters) for _ in range(24)),
    )
    return _MAKERS[wire](call)


def _native(call: _Call) -> Sample:
    """Return what the Python and Node clients send: digests that the agent's process computed, and no content."""
    event: dict[str, Any] = {
        "id": str(uuid.UUID(call.run)),
        "timestamp": call.text_time,
        "agent_name": PROBE_NAME,
        "user_id": call.user,
        "endpoint": f"https://{PROBE_HOST}/v1/chat?api_key={call.secret}",
        "method": "POST",
        "status": 200,
        "request_hash": _digest(call.request),
        "response_hash": _digest(call.answer),
        "correlation_id": f"{PROBE_NAME}-{call.run}",
        "duration_ms": 250,
    }
    same = ("timestamp", "user_id", "method", "status", "request_hash", "response_hash", "correlation_id")
    return Sample(
        **asdict(call),
        path="/v1/events",
        body=json.dumps([event]).encode(),
        what="a native event, as the Python and Node clients send it",
        sent={**{name: event[name] for name in same}, "endpoint": None, "outcome": "success"},
    )


def _openai_traces(call: _Call) -> Sample:
    """Return what the OpenAI Agents SDK sends: a trace with a generation span."""
    trace = f"trace_{call.run}"
    data: list[dict[str, Any]] = [
        {
            "object": "trace",
            "id": trace,
            "workflow_name": PROBE_NAME,
            "group_id": f"{PROBE_NAME}-{call.run}",
            "metadata": {"user_id": call.user},
        },
        {
            "object": "trace.span",
            "id": f"span_{call.run[:24]}",
            "trace_id": trace,
            "parent_id": None,
            "started_at": _rfc3339(call.at - _TOOK),
            "ended_at": call.text_time,
            "span_data": {
                "type": "generation",
                "input": call.request,
                "output": call.answer,
                "model": _MODEL,
                "model_config": {"base_url": f"https://{PROBE_HOST}/v1/"},
                "usage": {"input_tokens": 21, "output_tokens": 7},
            },
            "error": None,
        },
    ]
    return Sample(
        **asdict(call),
        path="/v1/traces/ingest",
        body=json.dumps({"data": data}).encode(),
        what="a trace with one generation span, as the OpenAI Agents SDK sends it",
        sent={
            "timestamp": None,
            "user_id": call.user,
            "endpoint": f"https://{PROBE_HOST}/v1/",
            "request_hash": _digest(call.request),
            "response_hash": _digest(call.answer),
            "outcome": "success",
            "correlation_id": trace,
        },
        absent={"method": _NOT_REPORTED, "status": _ONLY_FAILED},
    )


def _claude_events(call: _Call) -> Sample:
    """Return what Claude Code and the Claude Agent SDK send: an event for the prompt and one for the answer."""
    common: dict[str, Any] = {
        "user.id": call.run,
        "session.id": str(uuid.UUID(call.run)),
        "prompt.id": str(uuid.UUID(call.run[::-1])),
        "anthropic.provider": "firstParty",
        "anthropic.custom_base_url": False,
    }
    events: list[dict[str, Any]] = [
        {
            "event.name": "user_prompt",
            "event.sequence": 0,
            "prompt_length": str(len(call.content)),
            "prompt": f"{call.content} {call.secret}",
        },
        {
            "event.name": "api_request",
            "event.sequence": 1,
            "model": _MODEL,
            "input_tokens": 21,
            "output_tokens": 7,
            "duration_ms": 250,
            "request_id": f"req_{call.run[:20]}",
        },
    ]
    nanoseconds = _nanoseconds(call.at)
    records = [
        {
            "timeUnixNano": nanoseconds,
            "observedTimeUnixNano": nanoseconds,
            "body": {"stringValue": f"claude_code.{event['event.name']}"},
            "attributes": _attributes({**common, **event, "event.timestamp": _rfc3339(call.at)}),
        }
        for event in events
    ]
    resource = {"service.name": "claude-code", "service.version": "0.0.0", "deployment.environment": PROBE_NAME}
    scope = {"name": "com.anthropic.claude_code.events", "version": "0.0.0"}
    document = {
        "resourceLogs": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeLogs": [{"scope": scope, "logRecords": records}],
            }
        ]
    }
    return Sample(
        **asdict(call),
        path="/v1/logs",
        body=json.dumps(document).encode(),
        what="OTLP/JSON events of one prompt, as Claude Code sends them",
        sent={
            "timestamp": None,
            "user_id": call.run,
            "endpoint": "api.anthropic.com/v1/messages",
            "method": "POST",
            "outcome": "success",
            "correlation_id": common["prompt.id"],
        },
        absent={"status": _ONLY_FAILED, "request_hash": _ONLY_BODIES, "response_hash": _ONLY_BODIES},
    )


def _litellm(call: _Call) -> Sample:
    """Return what LiteLLM's generic logger sends: an array of its standard payloads."""
    response = {"choices": [{"message": message} for message in call.answer]}
    payload: dict[str, Any] = {
        "id": f"chatcmpl-{call.run}",
        "litellm_call_id": str(uuid.UUID(call.run)),
        "trace_id": f"{PROBE_NAME}-{call.run}",
        "call_type": "acompletion",
        "stream": False,
        "status": "success",
        "custom_llm_provider": "openai",
        "startTime": (call.at - _TOOK).timestamp(),
        "endTime": call.at.timestamp(),
        "model": _MODEL,
        "metadata": {"user_api_key_alias": PROBE_NAME},
        "response_cost": 0.0,
        "total_tokens": 28,
        "prompt_tokens": 21,
        "completion_tokens": 7,
        "end_user": call.user,
        "api_base": f"https://{PROBE_HOST}/v1",
        "messages": call.request,
        "response": response,
        "error_str": None,
    }
    return Sample(
        **asdict(call),
        path="/v1/litellm",
        body=json.dumps([payload]).encode(),
        what="a call's standard payload, as LiteLLM's generic logger sends it",
        sent={
            "timestamp": None,
            "user_id": call.user,
            "endpoint": f"https://{PROBE_HOST}/v1",
            "request_hash": _digest(call.request),
            "response_hash": _digest(response),
            "outcome": "success",
            "correlation_id": f"{PROBE_NAME}-{call.run}",
        },
        absent={"method": _NOT_REPORTED, "status": _ONLY_FAILED},
    )


def _otel_spans(call: _Call) -> Sample:
    """Return what an OpenTelemetry SDK sends for an HTTP client: one span."""
    attributes = {
        "http.request.method": "POST",
        "url.full": f"https://{PROBE_HOST}/v1/chat?api_key={call.secret}",
        "http.response.status_code": 200,
        "user.id": call.user,
    }
    return Sample(
        **asdict(call),
        path="/v1/traces",
        body=_spans(call, service=PROBE_NAME, name="POST", attributes=attributes),
        content_type=_PROTOBUF,
        what="an HTTP client's span in protobuf, as an OpenTelemetry SDK sends it",
        sent={
            "timestamp": None,
            "user_id": call.user,
            "endpoint": None,
            "method": "POST",
            "status": 200,
            "outcome": "success",
            "correlation_id": call.run,
        },
        absent={"request_hash": _NOT_REPORTED, "response_hash": _NOT_REPORTED},
    )


def _claude_platform(call: _Call) -> Sample:
    """Return what the Claude platform exports: spans of its model calls."""
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": _MODEL,
        "gen_ai.response.model": _MODEL,
        "gen_ai.response.id": f"msg_{call.run[:20]}",
        "gen_ai.conversation.id": f"{PROBE_NAME}-{call.run}",
        "gen_ai.usage.input_tokens": 21,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.input.messages": json.dumps(call.request),
        "gen_ai.output.messages": json.dumps(call.answer),
    }
    return Sample(
        **asdict(call),
        path="/v1/traces",
        # The platform sets the status of what has ended; what it leaves unset was cancelled.
        body=_spans(call, service="claude-platform", name=f"chat {_MODEL}", attributes=attributes, status="OK"),
        content_type=_PROTOBUF,
        what="a model call's span in protobuf, as the Claude platform exports it",
        sent={
            "timestamp": None,
            "request_hash": _digest(call.request),
            "response_hash": _digest(call.answer),
            "outcome": "success",
            "correlation_id": call.run,
        },
        absent=dict.fromkeys(("user_id", "endpoint", "method", "status"), _NOT_REPORTED),
    )


_MAKERS: Final[Mapping[Wire, Callable[[_Call], Sample]]] = {
    Wire.NATIVE: _native,
    Wire.OPENAI_TRACES: _openai_traces,
    Wire.CLAUDE_EVENTS: _claude_events,
    Wire.CLAUDE_PLATFORM: _claude_platform,
    Wire.LITELLM: _litellm,
    Wire.OTEL_SPANS: _otel_spans,
}


def _spans(call: _Call, *, service: str, name: str, attributes: Mapping[str, Any], status: str = "UNSET") -> bytes:
    """Return one client span as the bytes of an OTLP request."""
    from google.protobuf.json_format import ParseDict  # noqa: PLC0415 - a snippet does without
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: PLC0415

    trace = bytes.fromhex(call.run)
    span: dict[str, Any] = {
        "traceId": base64.b64encode(trace).decode(),
        "spanId": base64.b64encode(trace[:8]).decode(),
        "name": name,
        "kind": "SPAN_KIND_CLIENT",
        "startTimeUnixNano": _nanoseconds(call.at - _TOOK),
        "endTimeUnixNano": _nanoseconds(call.at),
        "attributes": _attributes(attributes),
        "status": {"code": f"STATUS_CODE_{status}"},
    }
    resource = {"attributes": _attributes({"service.name": service, "service.version": "0.0.0"})}
    scoped = {"scope": {"name": PROBE_NAME}, "spans": [span]}
    document = {"resourceSpans": [{"resource": resource, "scopeSpans": [scoped]}]}
    return bytes(ParseDict(document, ExportTraceServiceRequest()).SerializeToString())


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return attributes as OTLP/JSON has them."""
    kinds = {bool: "boolValue", int: "intValue", str: "stringValue"}
    return [{"key": key, "value": {kinds[type(value)]: value}} for key, value in values.items()]


def _digest(value: object) -> str | None:
    """Return the digest of a payload, as anybody computes it."""
    from audit_core.digest import digest_payload  # noqa: PLC0415 - a snippet does without

    return digest_payload(json.dumps(value).encode()).digest


def _nanoseconds(when: datetime) -> str:
    """Return a time as OTLP/JSON has it: to the millisecond here, as most exporters tell it."""
    return str(int(when.timestamp() * 1000) * 1_000_000)


def _rfc3339(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
