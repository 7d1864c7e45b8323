"""What OpenTelemetry's attributes become in a record: the conventions for generative AI, HTTP, RPC, MCP, resources."""

import json
from typing import Any

import pytest

from audit_core.digest import digest_json, digest_payload
from tests.unit.log_writer.harness import PLANTED, SECRET_TEXT, Record
from tests.unit.log_writer.otlp import LOGS, PARENT, SPAN, STAMP, START, TRACE, Sent, log, span


def test_a_chat_as_it_is_written_now(record: Record) -> None:
    """Every field that the wire fills, from the current names."""
    made = record(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-5",
                "gen_ai.response.model": "gpt-5-2026-08-07",
                "gen_ai.response.id": "chatcmpl-1",
                "gen_ai.response.finish_reasons": ["stop"],
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.output_tokens": 20,
                "gen_ai.usage.cache_read.input_tokens": 50,
                "gen_ai.usage.cache_creation.input_tokens": 25,
                "gen_ai.usage.reasoning.output_tokens": 7,
                "gen_ai.conversation.id": "conv-1",
                "gen_ai.agent.id": "asst_1",
                "gen_ai.agent.name": "Concierge",
                "gen_ai.request.temperature": 0.5,
                "gen_ai.request.stream": True,
                "gen_ai.response.time_to_first_chunk": 0.25,
                "server.address": "api.openai.com",
                "server.port": 443,
                "http.response.status_code": 200,
                "enduser.id": "u_7",
            },
            parent_span_id=PARENT,
        ),
        resource={"service.name": "shop", "service.version": "4.2", "service.instance.id": "i-1", "k8s.pod.name": "p"},
        scope="opentelemetry.instrumentation.openai_v2",
    )
    attributes = made.pop("attributes")
    for name in ("record_id", "masking", "schema", "redactions", "agent_id"):
        del made[name]
    assert made == {
        "timestamp": STAMP, "user_id": "u_7", "endpoint": "api.openai.com", "method": None, "status": 200,
        "request_hash": None, "response_hash": None, "outcome": "success", "correlation_id": TRACE,
        "session_id": "conv-1", "agent_name": "Concierge", "agent_version": "4.2", "deployment_id": "i-1",
        "trace_id": TRACE, "span_id": SPAN, "provider_request_id": "chatcmpl-1", "stream": True, "duration_ms": 250,
        "model": "gpt-5", "source": "otlp-traces", "inferred": ["duration_ms", "outcome", "correlation_id"],
        "tokens": {"input": 100, "output": 20, "cache_read": 50, "cache_creation": 25, "reasoning": 7},
    }  # fmt: skip
    assert attributes == {
        "operation": "chat", "provider": "openai", "response_model": "gpt-5-2026-08-07", "finish_reasons": ["stop"],
        "agent_id": "asst_1", "temperature": 0.5, "first_byte_ms": 250, "kind": "client", "span_name": "a span",
        "parent_span_id": PARENT, "service_name": "shop", "k8s_pod": "p",
        "scope": "opentelemetry.instrumentation.openai_v2",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "fields"),
    [
        ({"gen_ai.usage.prompt_tokens": 3, "gen_ai.usage.completion_tokens": 4}, {"tokens": {"input": 3, "output": 4}}),
        ({"llm.usage.total_tokens": "7"}, {"tokens": {"total": 7}}),
        ({"gen_ai.response.model": "m"}, {"model": "m"}),
        ({"http.method": "GET", "http.status_code": 204}, {"method": "GET", "status": 204}),
        ({"http.url": "https://u:p@api.example.com/v1/x?key=1#f"}, {"endpoint": "https://api.example.com/v1/x"}),
        ({"url.full": "https://new.example/a", "http.url": "https://old.example/a"}, {"endpoint": "https://new.example/a"}),
        ({"server.address": "h", "server.port": 8443, "url.path": "/p"}, {"endpoint": "h:8443/p"}),
        ({"server.address": "h", "url.scheme": "http", "server.port": "80", "url.path": "/p"}, {"endpoint": "http://h/p"}),
        ({"server.address": "::1", "server.port": 99}, {"endpoint": "[::1]:99"}),
        ({"net.peer.name": "h", "net.peer.port": 443}, {"endpoint": "h"}),
        ({"http.request.body.size": 10, "http.response.body.size": "20"}, {"request_bytes": 10, "response_bytes": 20}),
        ({"session.id": "s", "gen_ai.conversation.id": "c"}, {"session_id": "s"}),
        ({"user.id": "a", "user.account_uuid": "b"}, {"user_id": "b"}),
        ({"user.id": 17}, {"user_id": "17"}),
        ({"correlation_id": "wf-9"}, {"correlation_id": "wf-9"}),
        ({"http.response.header.x-request-id": ["req-1"]}, {"provider_request_id": "req-1"}),
        ({"http.request.header.content-type": ["application/json"]}, {"request_mime": "application/json"}),
        ({"http.request.method": "_OTHER", "http.request.method_original": "PURGE"}, {"method": "PURGE"}),
        ({"http.request.method": "GET", "http.request.method_original": "get"}, {"method": "GET"}),
        ({"llm.token_count.prompt_details.cache_read": 2}, {"tokens": {"cache_read": 2}}),
        ({"ai.usage.promptTokens": 3, "ai.usage.completionTokens": 4}, {"tokens": {"input": 3, "output": 4}}),
        ({"ai.usage.inputTokens": 3, "gen_ai.usage.input_tokens": 3}, {"tokens": {"input": 3}}),
        ({"input.value": "{}", "input.mime_type": "application/json"}, {"request_mime": "application/json"}),
        ({"traceloop.association.properties.user_id": "u"}, {"user_id": "u"}),
        ({"ai.telemetry.metadata.sessionId": "s"}, {"session_id": "s"}),
    ],
)  # fmt: skip
def test_fields(record: Record, attributes: dict[str, Any], fields: dict[str, Any]) -> None:
    """Older and newer names; of several for one thing, the better."""
    made = record(span(attributes))
    assert {name: made[name] for name in fields} == fields


@pytest.mark.parametrize(
    ("item", "outcome", "inferred"),
    [
        (span(), "success", True),
        (span(status={"code": 1}), "success", False),
        (span(status={"code": 2}), "error", False),
        (span({"http.response.status_code": 200}, status={"code": 2}), "error", False),
        (span({"http.response.status_code": 429}, status={"code": 2}), "throttled", True),
        (span({"http.response.status_code": 503}), "error", True),
        (span({"error.type": "timeout"}), "error", True),
        (span({"rpc.grpc.status_code": 0}), "success", True),
        (span({"rpc.grpc.status_code": 8}), "throttled", True),
        (span({"rpc.response.status_code": "RESOURCE_EXHAUSTED"}), "throttled", True),
        (span({"rpc.grpc.status_code": 14}), "error", True),
        (span({"gen_ai.response.finish_reasons": ["stop", "content_filter"]}), "policy-blocked", True),
        (span({"gen_ai.response.finish_reasons": ["SAFETY"]}), "policy-blocked", True),
        (span({"error.type": "content_policy_violation"}, status={"code": 2}), "policy-blocked", True),
        (span({"gen_ai.guardrail.verdict.type": "deny"}), "policy-blocked", True),
        (span({"gen_ai.guardrail.verdict.type": "deny", "gen_ai.guardrail.action.type": "allow"}), "success", True),
        (span({"gen_ai.guardrail.action.type": "Block"}), "policy-blocked", True),
        (span(events=[("exception", {"exception.type": "E", "exception.escaped": True})]), "error", True),
        (span(end_time_unix_nano=0), None, False),
    ],
)  # fmt: skip
def test_outcomes(record: Record, item: Sent, outcome: str | None, *, inferred: bool) -> None:
    """Said by the span's own status, or inferred from what else it says; null for one that has not ended."""
    made = record(item)
    assert (made["outcome"], "outcome" in made["inferred"]) == (outcome, inferred)


MESSAGES = [{"role": "user", "parts": [{"type": "text", "content": SECRET_TEXT}]}]


@pytest.mark.parametrize(
    ("attributes", "side"),
    [
        ({"gen_ai.input.messages": MESSAGES}, "request"),
        ({"gen_ai.input.messages": json.dumps(MESSAGES)}, "request"),
        ({"gen_ai.prompt": json.dumps(MESSAGES, indent=1)}, "request"),
        ({"input.value": json.dumps(MESSAGES)}, "request"),
        ({"gen_ai.tool.call.arguments": MESSAGES}, "request"),
        ({"gen_ai.output.messages": MESSAGES}, "response"),
        ({"gen_ai.completion": json.dumps(MESSAGES)}, "response"),
        ({"gen_ai.tool.call.result": MESSAGES}, "response"),
    ],
)
def test_content_is_digested(record: Record, attributes: dict[str, Any], side: str) -> None:
    """Structured or as a text, by any name: one digest, and nothing else is kept."""
    made = record(span(attributes))
    assert made[f"{side}_hash"] == digest_json(MESSAGES, key=None).digest  # pyrefly: ignore[bad-argument-type]
    assert made["attributes"].keys() == {"kind", "span_name"}
    assert SECRET_TEXT not in json.dumps(made)


def test_several_pieces_of_content_are_one_request(record: Record) -> None:
    """Their digest is of an object of them by name, whether they came structured or as texts."""
    parts = {"gen_ai.input.messages": MESSAGES, "gen_ai.system_instructions": [{"type": "text", "content": "Be kind."}]}
    structured = record(span(parts))
    as_texts = record(span({name: json.dumps(part) for name, part in reversed(parts.items())}))
    assert structured["request_hash"] == as_texts["request_hash"] == digest_json(parts, key=None).digest  # pyrefly: ignore[bad-argument-type]


def test_content_spread_over_attributes(record: Record) -> None:
    """The older way of one attribute for each member of each message."""
    parts = {"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": SECRET_TEXT}
    made = record(span({**parts, "gen_ai.completion.0.content": PLANTED}))
    assert made["request_hash"] == digest_json(parts, key=None).digest  # pyrefly: ignore[bad-argument-type]
    assert made["response_hash"] == digest_payload(PLANTED.encode(), key=None, text=True).digest
    assert made["attributes"].keys() == {"kind", "span_name"}


def test_content_in_a_spans_events(record: Record) -> None:
    """As the conventions had it before; other events are kept by name, with a digest of the rest."""
    made = record(
        span(
            events=[
                ("gen_ai.content.prompt", {"gen_ai.prompt": SECRET_TEXT}),
                ("gen_ai.choice", {"message": PLANTED}),
                ("retrying", {"after": 3}),
                ("exception", {"exception.type": "TimeoutError", "exception.message": SECRET_TEXT}),
            ]
        )
    )
    assert made["request_hash"]
    assert made["response_hash"]
    assert made["attributes"]["error_type"] == "TimeoutError"
    assert made["attributes"]["span_events"] == ["gen_ai.content.prompt", "gen_ai.choice", "retrying", "exception"]
    assert made["attributes"]["span_event_data"]["type"] == "array"
    assert SECRET_TEXT not in json.dumps(made)


@pytest.mark.parametrize("cut", ['[{"role": "user", "parts": [{"con', '{"city": "Par', "[[1, 2"])
def test_content_that_was_cut_off_has_no_digest(record: Record, cut: str) -> None:
    """A limit on the length of attributes leaves JSON that is none: no digest of the whole."""
    made = record(span({"gen_ai.input.messages": cut, "gen_ai.output.messages": "[x] is plain text"}))
    assert (made["request_hash"], made["attributes"]["truncated"]) == (None, True)
    assert made["response_hash"] == digest_payload(b"[x] is plain text", key=None, text=True).digest


def test_headers_are_kept_by_name_alone(record: Record) -> None:
    """Whatever a header's name: its value is nowhere, and in no digest."""
    made = record(
        span(
            {
                "http.request.header.authorization": [f"Bearer {PLANTED}"],
                "http.request.header.x-house-key": [SECRET_TEXT],
                "http.response.header.set-cookie": SECRET_TEXT,
            }
        )
    )
    assert made["attributes"]["request_headers"] == ["authorization", "x-house-key"]
    assert made["attributes"]["response_headers"] == ["set-cookie"]
    assert made["attributes"].keys() == {"kind", "span_name", "request_headers", "response_headers"}


def test_what_a_field_cannot_hold_is_kept_as_an_attribute(record: Record) -> None:
    """An exporter would drop a record that is refused: so no odd value refuses one."""
    made = record(
        span(
            {
                "user.id": "u" * 300,
                "http.request.method": "_OTHER",
                "http.response.status_code": 0,
                "gen_ai.usage.input_tokens": -1,
                "gen_ai.usage.output_tokens": False,
                "gen_ai.usage.total_tokens": 2**60,
                "gen_ai.request.model": "two\nlines",
                "http.request.body.size": "large",
                "server.address": "h" * 9000,
            }
        )
    )
    assert [made[name] for name in ("user_id", "method", "status", "endpoint")] == [None] * 4
    assert "tokens" not in made
    assert {"user.id", "http.request.method", "http.response.status_code", "endpoint"} <= made["attributes"].keys()


@pytest.mark.parametrize("odd", [1e300, -1e300, "9" * 20, "9" * 18, float("inf"), 2**63 - 1, -(2**63)])
@pytest.mark.parametrize("name", ["event.sequence", "http.request.resend_count", "http.response.status_code"])
def test_numbers_beyond_measure(record: Record, name: str, odd: object) -> None:
    """They are no reason to fail, under any name."""
    assert record(span({name: odd}))["status"] is None


def test_unknown_attributes_are_described(record: Record) -> None:
    """Name, type, size and digest; nothing of the value. A secret's name keeps not even that."""
    made = record(span({"shop.note": SECRET_TEXT, "shop.card": [SECRET_TEXT], "api_key": PLANTED, "shop.n": 5}))
    attributes = made["attributes"]
    assert attributes["shop.note"] == {
        "type": "string",
        "bytes": len(SECRET_TEXT),
        "digest": digest_payload(SECRET_TEXT.encode(), key=None, text=True).digest,
    }
    assert attributes["shop.card"]["type"] == "array"
    assert attributes["api_key"] == "***REDACTED***"


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5])
def test_spans_of_every_kind_are_records(record: Record, kind: int) -> None:
    """What is no call of anything is stored, too: nothing that is acknowledged is lost."""
    names = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
    assert record(span(kind=kind))["attributes"]["kind"] == names[kind]


def test_a_tool_over_mcp(record: Record) -> None:
    """Which server and which tool; the arguments are content."""
    made = record(
        span(
            {
                "mcp.method.name": "tools/call",
                "gen_ai.tool.name": "get_weather",
                "gen_ai.tool.call.id": "call_1",
                "gen_ai.operation.name": "execute_tool",
                "mcp.session.id": "s-1",
                "mcp.protocol.version": "2026-07-28",
                "server.address": "mcp.example.com",
                "gen_ai.tool.call.arguments": {"city": SECRET_TEXT},
            }
        )
    )
    assert (made["endpoint"], made["session_id"]) == ("mcp.example.com", "s-1")
    expected = {"mcp_method": "tools/call", "tool_name": "get_weather", "tool_call_id": "call_1"}
    assert expected.items() <= made["attributes"].items()
    assert made["request_hash"] == digest_json({"city": SECRET_TEXT}, key=None).digest


def test_links_and_what_was_dropped(record: Record) -> None:
    """Other spans by id; how many attributes the sender has left out."""
    made = record(span(links=[{"traceId": TRACE, "spanId": PARENT}], dropped_attributes_count=3))
    assert made["attributes"]["linked_spans"] == [f"{TRACE}-{PARENT}"]
    assert made["attributes"]["dropped_attributes"] == 3


@pytest.mark.parametrize(("name", "side"), [("gen_ai.user.message", "request"), ("gen_ai.choice", "response")])
def test_messages_as_log_records(record: Record, name: str, side: str) -> None:
    """The conventions' older events: the body is content."""
    made = record(log({"event.name": name}, body={"content": SECRET_TEXT}, trace_id=TRACE, span_id=SPAN), path=LOGS)
    assert made[f"{side}_hash"] == digest_json({"content": SECRET_TEXT}, key=None).digest
    assert made["attributes"] == {"event_name": name, "kind": "event"}
    assert (made["trace_id"], made["span_id"], made["correlation_id"]) == (TRACE, SPAN, TRACE)


def test_the_details_of_an_inference(record: Record) -> None:
    """The conventions' current event: attributes as of a span, and an event name in a field of its own."""
    made = record(
        log(
            {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.input.messages": MESSAGES},
            event_name="gen_ai.client.inference.operation.details",
        ),
        path=LOGS,
    )
    assert (made["model"], made["request_hash"]) == ("m", digest_json(MESSAGES, key=None).digest)  # pyrefly: ignore[bad-argument-type]
    assert made["attributes"]["event_name"] == "gen_ai.client.inference.operation.details"
    assert (made["outcome"], made["correlation_id"]) == (None, None)


@pytest.mark.parametrize("name", ["gen_ai.client.inference.operation.details", "gen_ai.client.operation.exception"])
def test_details_in_a_body(record: Record, name: str) -> None:
    """Some instrumentation has in the event's body what the conventions have as its attributes."""
    made = record(
        log(
            {"event.name": name, "gen_ai.request.model": "m"},
            body={"gen_ai.input.messages": MESSAGES, "gen_ai.output.messages": [SECRET_TEXT], "note": SECRET_TEXT},
        ),
        path=LOGS,
    )
    assert (made["model"], made["request_hash"]) == ("m", digest_json(MESSAGES, key=None).digest)  # pyrefly: ignore[bad-argument-type]
    assert made["response_hash"] == digest_json([SECRET_TEXT], key=None).digest
    assert made["attributes"]["note"]["type"] == "string"
    assert "body" not in made["attributes"]


def test_an_ordinary_log_line(record: Record) -> None:
    """A line of text is neither request nor response: type, size and digest of it are kept."""
    made = record(log(body=f"{PLANTED} {SECRET_TEXT}", severity_number=17, severity_text="ERROR"), path=LOGS)
    assert made["attributes"]["body"] == {"type": "string", "digest": None}
    assert (made["outcome"], made["inferred"]) == ("error", ["outcome"])
    assert made["attributes"]["severity"] == "ERROR"


def test_the_claude_platforms_export(record: Record) -> None:
    """Managed agents: GenAI attributes under a service name of its own; identity is trace and span."""
    made = record(
        span({"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-opus-5-5"}, name="chat"),
        resource={"service.name": "claude-platform"},
    )
    assert (made["agent_name"], made["model"]) == ("claude-platform", "claude-opus-5-5")
    assert (made["trace_id"], made["span_id"]) == (TRACE, SPAN)


def test_attributes_named_as_what_the_writer_says(record: Record) -> None:
    """An attribute that is called like one of the item's own is kept beside it."""
    made = record(span({"kind": "mine", "span_name": "mine", "truncated": "mine", "gen_ai.input.messages": "[{"}))
    said = {"kind": "client", "span_name": "a span", "truncated": True}
    assert said.items() <= made["attributes"].items()
    assert all(made["attributes"][f"{name}_"]["type"] == "string" for name in said)


def test_durations(record: Record) -> None:
    """From start to end, exactly; a clock that went backwards gives none; one that was reported is kept beside."""
    assert record(span(end_time_unix_nano=START + 1_500_000))["duration_ms"] == 1.5
    assert "duration_ms" not in record(span(end_time_unix_nano=START - 1))
