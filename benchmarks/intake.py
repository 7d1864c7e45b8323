"""The formats that events come in: events a second of each, to the writer's own; and the import of the handler.

The same calls in each format: chat completions as OpenTelemetry's conventions describe them, every other one with its
messages. The native events are what an intake makes of the same calls, so that only the way in differs.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from statistics import median
from typing import Final

import orjson
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from audit_core.canonical import JsonValue
from audit_core.event import Event
from benchmarks.exports import agents_traces, litellm_calls
from benchmarks.masking_traffic import Traffic
from benchmarks.measure import TIMES, Row, at_least, in_fresh_process, in_turns, ratio
from benchmarks.writing import Bench
from log_writer.intake.litellm import decode_litellm
from log_writer.intake.openai_traces import decode_openai_traces
from log_writer.intake.otlp import decode_spans_json
from log_writer.intake.routes import LITELLM_PATH, OPENAI_TRACES_PATH, Decode

_BATCH: Final = 100
_JSON_GOAL: Final = 0.5
_PROTOBUF_GOAL: Final = 0.3
_START: Final = 1_780_000_000_000_000_000
_TRACES: Final = "/v1/traces"
_COLD: Final = """
import sys, time
started = time.perf_counter()
import log_writer.handler
imported = time.perf_counter()
print(imported - started)
"""


def rows(*, quick: bool) -> list[Row]:
    """Measure. Raises `BenchmarkError` when a request is not stored."""
    count = _BATCH if quick else 20 * _BATCH
    requests = [_request(first) for first in range(0, count, _BATCH)]
    in_json = [orjson.dumps(request) for request in requests]
    in_protobuf = [_to_protobuf(request) for request in requests]
    native = [orjson.dumps([_native(event) for event in _events(body)]) for body in in_json]
    bench = Bench()
    taken = in_turns(
        1 if quick else 7,
        native=lambda: bench.write(native),
        json=lambda: bench.write(in_json, path=_TRACES, content_type="application/json"),
        protobuf=lambda: bench.write(in_protobuf, path=_TRACES, content_type="application/x-protobuf"),
    )
    starts = [float(in_fresh_process(_COLD)) for _ in range(1 if quick else 5)]
    return [
        Row(name="native JSON: events", value=count / median(taken["native"]), unit="events/s"),
        Row(
            name="OTLP JSON to native JSON, events a second",
            value=ratio(taken, "native", "json"),
            unit=TIMES,
            goal=at_least(_JSON_GOAL),
        ),
        Row(
            name="OTLP protobuf to native JSON, events a second",
            value=ratio(taken, "native", "protobuf"),
            unit=TIMES,
            goal=at_least(_PROTOBUF_GOAL),
        ),
        _against_native("OpenAI Agents' traces", OPENAI_TRACES_PATH, agents_traces, decode_openai_traces, quick=quick),
        _against_native("LiteLLM's log", LITELLM_PATH, litellm_calls, decode_litellm, quick=quick),
        Row(name="import of the handler from its sources", value=1000 * median(starts), unit="ms"),
    ]


def _against_native(name: str, path: str, make: Callable[[int, int], bytes], decode: Decode, *, quick: bool) -> Row:
    """Return the speed of another format, compared with the same events in the writer's own."""
    bodies = [make(first, _BATCH) for first in range(0, _BATCH if quick else 10 * _BATCH, _BATCH)]
    read = [decode(body, max_events=_BATCH).items for body in bodies]
    native = [orjson.dumps([_native(item) for item in items if isinstance(item, Event)]) for items in read]
    bench = Bench()
    taken = in_turns(
        1 if quick else 7, native=lambda: bench.write(native), other=lambda: bench.write(bodies, path=path)
    )
    return Row(name=f"{name} to native JSON, events a second", value=ratio(taken, "native", "other"), unit=TIMES)


def _request(first: int) -> dict[str, JsonValue]:
    """Return an export of `_BATCH` spans."""
    chance = random.Random(first)  # noqa: S311 - a generator of test data
    payloads = Traffic(first).payloads(2 * _BATCH)
    spans: list[JsonValue] = []
    for index in range(first, first + _BATCH):
        attributes: dict[str, JsonValue] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": chance.choice(("openai", "anthropic")),
            "gen_ai.request.model": "a-model-5",
            "gen_ai.response.model": "a-model-5-2026-10-01",
            "gen_ai.response.id": f"chatcmpl-{chance.getrandbits(96):024x}",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": chance.randrange(10_000),
            "gen_ai.usage.output_tokens": chance.randrange(1_000),
            "gen_ai.request.max_tokens": 4096,
            "gen_ai.request.temperature": 0.2,
            "gen_ai.conversation.id": f"conv-{index // 20}",
            "server.address": "api.example.com",
            "server.port": 443,
            "http.response.status_code": chance.choice((200, 200, 200, 429)),
            "user.id": f"u_{index % 50}",
        }
        if index % 2:
            attributes["gen_ai.input.messages"] = orjson.dumps(next(payloads)).decode()
            attributes["gen_ai.output.messages"] = orjson.dumps(next(payloads)).decode()
        spans.append(
            {
                "traceId": f"{index // 20 + 1:032x}",
                "spanId": f"{index + 1:016x}",
                "name": "chat a-model-5",
                "kind": 3,
                "startTimeUnixNano": str(_START + index * 1_000_000_007),
                "endTimeUnixNano": str(_START + index * 1_000_000_007 + 250_000_000),
                "attributes": [{"key": key, "value": _any(value)} for key, value in attributes.items()],
                "status": {},
            }
        )
    resource: list[JsonValue] = [
        {"key": "service.name", "value": {"stringValue": "shop-assistant"}},
        {"key": "service.version", "value": {"stringValue": "4.2.0"}},
    ]
    scope: JsonValue = {"name": "opentelemetry.instrumentation.openai_v2", "version": "2.3"}
    return {"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"scope": scope, "spans": spans}]}]}


def _any(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"arrayValue": {"values": [_any(item) for item in value]}} if isinstance(value, list) else {}


def _to_protobuf(request: dict[str, JsonValue]) -> bytes:
    """Return the same request in protobuf. Its JSON has ids in base64, OTLP's in hex."""
    message = ExportTraceServiceRequest()
    ParseDict(request, message)
    for span in message.resource_spans[0].scope_spans[0].spans:
        span.trace_id, span.span_id = _repaired(span.trace_id), _repaired(span.span_id)
    return message.SerializeToString()


def _repaired(read_as_base64: bytes) -> bytes:
    return bytes.fromhex(base64.b64encode(read_as_base64).decode())


def _events(body: bytes) -> list[Event]:
    return [item for item in decode_spans_json(body, max_events=_BATCH).items if isinstance(item, Event)]


def _native(event: Event) -> dict[str, JsonValue]:
    """Return `event` as an agent would send it itself."""
    made: dict[str, JsonValue] = {**event.fields, "attributes": event.attributes}
    for side, payload in (("request", event.request), ("response", event.response)):
        if payload is not None:
            made[side] = payload.value if payload.data is None else payload.data.decode()
    return made
