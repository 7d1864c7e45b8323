"""How a call ended, in every intake format: one table. A call is a success only where it shows a result."""

import base64
import json
from typing import Any

import pytest

from audit_core.outcome import names_throttling
from log_writer.intake.routes import LITELLM_PATH, OPENAI_TRACES_PATH
from tests.unit.log_writer.harness import EVENT, SECRET_TEXT, MemoryStore, Post, Record
from tests.unit.log_writer.otlp import LOGS, Sent, log, span

MODEL = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m"}
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}
DONE = {"gen_ai.response.finish_reasons": ["stop"]}
OK, FAILED = {"status": {"code": 1}}, {"status": {"code": 2}}
ERROR_BODY = {"error": {"type": "overloaded_error", "message": SECRET_TEXT}}
MCP_ERROR: dict[str, Any] = {"content": [], "isError": True}
ANTHROPIC_ERROR = 'event: message_start\ndata: {"type": "message_start"}\n\nevent: error\ndata: ' + json.dumps({
    "type": "error", "error": {"type": "rate_limit_error", "message": SECRET_TEXT}}) + "\n\n"  # fmt: skip
CHAT_ERROR = 'data: {"choices": [{"delta": {}}]}\r\n\r\ndata: ' + json.dumps(ERROR_BODY) + "\r\n\r\n"
FAILED_EVENTS = 'event: response.failed\ndata: {"response": {"object": "response", "status": "failed"}}\n\n'
REFUSED_EVENTS = 'data: {"type": "message_delta", "delta": {"stop_reason": "refusal"}}\n\ndata: {"type": "ping"}\n\n'
GOOD_EVENTS = 'data: {"choices": [{"finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
MESSAGES = [{"role": "user", "content": SECRET_TEXT}]


def _exception(kind: str, message: str = SECRET_TEXT, **more: object) -> list[tuple[str, dict[str, object]]]:
    return [("exception", {"exception.type": kind, "exception.message": message, **more})]


SPANS: list[tuple[Sent, str | None]] = [
    # A model's call that was cancelled ends without a status, and without a result.
    (span(MODEL), None),
    (span({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"}), None),
    (span({"ai.operationId": "ai.streamText", "ai.model.id": "m"}), None),
    (span({"gen_ai.operation.name": "agent_step"}), None),  # Vercel's, around a call
    (span(MODEL | {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}), None),
    (span(MODEL | {"gen_ai.response.finish_reasons": []}), None),
    (span(MODEL | {"ai.response.finishReason": "unknown"}), None),
    (span(MODEL | {"gen_ai.output.messages": "[]", "gen_ai.response.status": "in_progress"}), None),
    (span({"http.request.method": "POST", "url.full": "https://x.example"}), None),
    (span(TOOL | {"gen_ai.tool.call.arguments": "{}"}), None),
    # What shows a result.
    (span(MODEL | DONE), "success"),
    (span(MODEL | {"gen_ai.usage.output_tokens": 3}), "success"),
    (span(MODEL | {"gen_ai.response.id": "r"}), "success"),
    (span(MODEL | {"gen_ai.output.messages": json.dumps(MESSAGES)}), "success"),
    (span(MODEL, **OK), "success"),
    (span({"http.request.method": "POST", "http.response.status_code": 200}), "success"),
    (span(TOOL), "success"),
    (span(TOOL | {"gen_ai.tool.call.arguments": "{}", "gen_ai.tool.call.result": "1"}), "success"),
    (span({"db.system.name": "postgresql"}), "success"),
    # Finish reasons and states.
    (span(MODEL | {"gen_ai.response.finish_reasons": ["error"]}), "error"),
    (span(MODEL | {"gen_ai.response.finish_reasons": ["cancelled"]}), "error"),
    (span(MODEL | {"ai.response.finishReason": "content-filter"}), "policy-blocked"),
    (span(MODEL | {"gen_ai.response.finish_reasons": ["blocked"]}, **OK), "policy-blocked"),
    (span(MODEL | {"gen_ai.response.finish_reasons": ["FinishReason.IMAGE_SAFETY"]}), "policy-blocked"),
    (span(MODEL | {"gen_ai.response.finish_reasons": ["MALFORMED_FUNCTION_CALL"]}), "error"),
    (span(MODEL | {"gen_ai.response.status": "completed"}), "success"),
    (span(MODEL | {"gen_ai.response.status": "in_progress", "gen_ai.response.id": "r"}), None),
    (span(MODEL | {"gen_ai.response.status": "queued", "gen_ai.response.id": "r"}, **OK), None),
    (span(MODEL | {"gen_ai.response.status": "failed", "gen_ai.response.id": "r"}), "error"),
    (span(MODEL | {"gen_ai.response.status": "failed"}, **OK), "error"),
    (span(MODEL | {"gen_ai.response.status": "cancelled", "gen_ai.response.id": "r"}), "error"),
    (span(MODEL | {"gen_ai.response.status": "incomplete", "gen_ai.response.id": "r"}), None),
    (
        span(MODEL | {"gen_ai.response.status": "incomplete", "gen_ai.response.finish_reasons": ["max_output_tokens"]}),
        "success",
    ),
    (
        span(MODEL | {"gen_ai.response.status": "incomplete", "gen_ai.response.finish_reasons": ["content_filter"]}),
        "policy-blocked",
    ),
    # The sender's own word wins over what is derived; what contradicts it in the same event does not pass.
    (span(MODEL, events=_exception("ValueError"), **OK), "success"),
    (span(MODEL, events=_exception("openai.RateLimitError", **{"exception.escaped": "true"}), **OK), "success"),
    (span(MODEL | DONE, events=_exception("ValueError")), "error"),
    (span({"http.response.status_code": 500}, **OK), "error"),
    (span({"http.response.status_code": 429}, **OK), "throttled"),
    (span({"error.type": "timeout"}, **OK), "error"),
    (span({"rpc.grpc.status_code": 14}, **OK), "error"),
    (span({"http.response.status_code": 200}, **FAILED), "error"),
    (span(TOOL | {"gen_ai.tool.call.result": json.dumps(MCP_ERROR)}), "error"),
    (span(TOOL | {"gen_ai.tool.call.result": MCP_ERROR}, **OK), "error"),
    (span(TOOL | {"gen_ai.tool.call.result": json.dumps({"error": "no such city"})}, **OK), "success"),
    (span(MODEL, events=[("gen_ai.choice", {"finish_reason": "content_filter", "index": 0})]), "policy-blocked"),
    (span({"error": True}), "error"),
    (span({"langfuse.observation.level": "ERROR"}), "error"),
    # Rate limits, in types and in words.
    (span(MODEL, events=_exception("litellm.exceptions.RateLimitError"), **FAILED), "throttled"),
    (span(MODEL, events=_exception("APIError", "Error code: 429 - slow"), **FAILED), "throttled"),
    (span(MODEL, status={"code": 2, "message": "429 Too Many Requests"}), "throttled"),
    (span(MODEL | {"error.type": "insufficient_quota"}, **FAILED), "throttled"),
    (span(MODEL | {"error.type": "overloaded_error"}, **FAILED), "error"),
    (span(MODEL, status={"code": 2, "message": "what is Too Many Requests?"}), "error"),
    (span(MODEL | {"gen_ai.output.messages": "Error code: 429"} | DONE), "success"),
]


@pytest.mark.parametrize(("item", "outcome"), SPANS, ids=map(str, range(len(SPANS))))
def test_spans(record: Record, item: Sent, outcome: str | None) -> None:
    """OpenTelemetry's spans."""
    made = record(item)
    assert made["outcome"] == outcome
    assert SECRET_TEXT not in json.dumps(made)


@pytest.mark.parametrize(
    ("resource", "scope"),
    [
        ({"service.name": "claude-platform"}, "com.anthropic.claude-platform"),
        ({"service.name": "my-app"}, "com.anthropic.sdk.python"),
        ({"service.name": "claude-platform"}, ""),
    ],
)
@pytest.mark.parametrize(
    ("item", "outcome"),
    [
        (span(MODEL | DONE | {"gen_ai.response.id": "r", "http.response.status_code": 200}), None),
        (span(MODEL | {"error.type": "cancelled"}), "error"),
        (span(MODEL | {"gen_ai.response.finish_reasons": ["refusal"]}), "policy-blocked"),
        (span(MODEL | DONE, **OK), "success"),
        (span(MODEL, **FAILED), "error"),
    ],
)
def test_the_claude_platform(
    record: Record, resource: dict[str, str], scope: str, item: Sent, outcome: str | None
) -> None:
    """Its spans have the status OK where a step was completed; without one, the application has cancelled it."""
    assert record(item, resource=resource, scope=scope)["outcome"] == outcome


def test_log_records(record: Record) -> None:
    """An event with a text of an error is one, and a log line is none."""
    message = {"exception.message": "litellm.RateLimitError: slow", "exception.type": "APIError"}
    assert record(log(message, event_name="gen_ai.client.operation.exception"), path=LOGS)["outcome"] == "throttled"
    assert record(log(body="Error code: 429"), path=LOGS)["outcome"] is None


CHOICE = {"message": {"content": "x"}}
LITELLM: list[tuple[dict[str, Any], str | None]] = [
    ({}, "success"),
    ({"error_information": {"error_code": "499"}}, "error"),
    ({"error_information": {"error_code": 499}}, "error"),
    ({"error_information": {"error_code": "429"}}, "throttled"),
    ({"error_information": {"error_class": "RateLimitError"}}, "throttled"),
    ({"error_information": {"error_code": "", "error_class": ""}}, "success"),
    ({"error_str": f"boom {SECRET_TEXT}"}, "error"),
    ({"status_fields": {"llm_api_status": "failure"}}, "error"),
    ({"response": MCP_ERROR}, "error"),
    ({"metadata": {"mcp_tool_call_metadata": {"name": "t", "result": MCP_ERROR}}, "response": None}, "error"),
    ({"response": {"jsonrpc": "2.0", "result": MCP_ERROR}}, "error"),
    ({"response": ERROR_BODY}, "error"),
    ({"response": json.dumps(ERROR_BODY)}, "error"),
    ({"response": ANTHROPIC_ERROR}, "throttled"),
    ({"response": {"response": CHAT_ERROR}}, "error"),
    ({"response": GOOD_EVENTS}, "success"),
    ({"response": {"error": {"type": "rate_limit_error"}}}, "throttled"),
    ({"response": {"content": [], "isError": False}}, "success"),
    ({"response": {"choices": [CHOICE | {"finish_reason": "content_filter"}]}}, "policy-blocked"),
    ({"response": {"choices": [CHOICE | {"finish_reason": "error"}]}}, "error"),
    ({"response": {"choices": [CHOICE | {"finish_reason": "length"}]}}, "success"),
    ({"response": {"choices": [{"message": {"refusal": "no"}, "finish_reason": "stop"}]}}, "policy-blocked"),
    ({"response": {"choices": [], "prompt_filter_results": [
        {"content_filter_results": {"hate": {"filtered": True, "severity": "high"}}}]}}, "policy-blocked"),
    ({"response": {"choices": [], "prompt_filter_results": [
        {"content_filter_results": {"hate": {"filtered": False}}}]}}, "success"),
    ({"response": {"type": "message", "stop_reason": "refusal"}}, "policy-blocked"),
    ({"response": {"candidates": [{"finishReason": "SAFETY"}]}}, "policy-blocked"),
    ({"response": {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}}, "policy-blocked"),
    ({"response": {"promptFeedback": {"blockReason": "BLOCK_REASON_UNSPECIFIED"}}}, "success"),
    ({"response": {"stopReason": "guardrail_intervened"}}, "policy-blocked"),
    ({"response": {"amazon-bedrock-guardrailAction": "INTERVENED"}}, "policy-blocked"),
    ({"response": {"object": "response", "status": "completed"}}, "success"),
    ({"response": {"object": "response", "status": "failed", "error": {"code": "rate_limit_exceeded"}}}, "throttled"),
    ({"response": {"object": "response", "status": "cancelled"}}, "error"),
    ({"response": {"object": "response", "status": "in_progress"}}, None),
    ({"response": {"object": "response", "status": "incomplete", "incomplete_details": {"reason": "content_filter"}}},
     "policy-blocked"),
    ({"response": {"object": "response", "status": "incomplete",
                   "incomplete_details": {"reason": "max_output_tokens"}}}, "success"),
    ({"response": {"choices": [CHOICE], "note": "Error code: 429", "error": None}}, "success"),
    ({"status": "failure"}, "error"),
    ({"status": "failure", "error_str": "litellm.RateLimitError: RateLimitError: slow"}, "throttled"),
    ({"status": "failure", "error_information": {"error_code": "500", "error_message": "Rate limit reached"}}, "error"),
    ({"status": "failure", "error_information": {"error_class": "GuardrailRaisedException"}}, "policy-blocked"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "outcome"), LITELLM, ids=map(str, range(len(LITELLM))))
def test_litellm(post: Post, store: MemoryStore, more: dict[str, Any], outcome: str | None) -> None:
    """LiteLLM's verdict, and what in the same payload contradicts it."""
    call = {"id": "1", "status": "success", "startTime": 1782822896.25, "model": "m", "messages": MESSAGES, **more}
    assert post(call, path=LITELLM_PATH).status == 200
    (record,) = store.records
    assert record["outcome"] == outcome
    assert SECRET_TEXT not in json.dumps(record)


def _worded(text: str) -> dict[str, Any]:
    return {"message": "Error getting response", "data": {"error": text}}


OPENAI: list[tuple[dict[str, Any], object, str | None]] = [
    ({"type": "mcp_tools", "server": "s", "result": None}, None, None),
    ({"type": "mcp_tools", "server": "s"}, None, None),
    ({"type": "mcp_tools", "server": "s", "result": []}, None, "success"),
    ({"type": "mcp_tools", "server": "s", "result": ["t"]}, None, "success"),
    ({"type": "function", "name": "f", "input": "{}", "output": None}, None, None),
    ({"type": "function", "name": "f", "input": "{}", "output": "x"}, None, "success"),
    ({"type": "function", "name": "f", "input": "{}", "output": MCP_ERROR}, None, "error"),
    ({"type": "handoff", "from_agent": "a", "to_agent": None}, None, None),
    ({"type": "handoff", "from_agent": "a", "to_agent": "b"}, None, "success"),
    ({"type": "guardrail", "name": "g"}, None, None),
    ({"type": "generation", "output": [], "usage": {}}, None, None),
    ({"type": "generation", "output": None, "usage": {"input_tokens": 0, "output_tokens": 0}}, None, None),
    ({"type": "generation", "output": [{"choices": [{"finish_reason": "content_filter"}]}]}, None, "policy-blocked"),
    ({"type": "response", "response_id": None, "usage": {"input_tokens": 3}}, None, "success"),
    ({"type": "speech", "input": "x", "output": {"data": "", "format": "pcm"}}, None, None),
    ({"type": "speech", "input": "x", "output": {"data": "AAEC", "format": "pcm"}}, None, "success"),
    ({"type": "transcription", "input": {"data": "AA", "format": "pcm"}, "output": ""}, None, None),
    ({"type": "custom", "name": "c", "data": {"x": 1}}, None, None),
    ({"type": "generation"}, _worded("litellm.RateLimitError: RateLimitError: slow"), "throttled"),
    ({"type": "response"}, _worded("Too Many Requests"), "throttled"),
    ({"type": "response"}, _worded("Error code: 529 - overloaded_error"), "error"),
    ({"type": "generation"}, {"message": "ThrottlingException: slow", "data": {}}, "throttled"),
    ({"type": "generation"}, {"message": "x", "data": {"error": {"message": "Rate limit reached for m"}}}, "throttled"),
    ({"type": "generation"}, _worded("the user wrote: Too Many Requests"), "error"),
    ({"type": "function", "name": "f"}, _worded("openai.RateLimitError: slow"), "throttled"),
    ({"type": "agent", "name": "a"}, _worded("RateLimitError: slow"), "error"),
]


@pytest.mark.parametrize(("data", "error", "outcome"), OPENAI, ids=map(str, range(len(OPENAI))))
def test_openai_traces(
    post: Post, store: MemoryStore, data: dict[str, Any], error: object, outcome: str | None
) -> None:
    """The SDK ends a cancelled span like any other: what it shows decides."""
    item = {
        "object": "trace.span", "id": "span_1", "trace_id": "trace_1", "started_at": "2026-06-30T12:34:56Z",
        "ended_at": "2026-06-30T12:34:57Z", "span_data": data, "error": error,
    }  # fmt: skip
    assert post({"data": [item]}, path=OPENAI_TRACES_PATH).status == 200
    (record,) = store.records
    assert record["outcome"] == outcome


NATIVE: list[tuple[dict[str, Any], str | None]] = [
    ({"outcome": "success", "status": 500}, "error"),
    ({"outcome": "success", "status": 429}, "throttled"),
    ({"outcome": "error", "status": 200}, "error"),
    ({"outcome": "throttled", "status": 200}, "throttled"),
    ({"status": 200, "error_type": "overloaded_error"}, "error"),
    ({"status": 200, "attributes": {"error_code": "rate_limit_exceeded"}}, "throttled"),
    ({"status": 200, "error_code": 0, "error": ""}, "success"),
    ({"status": 400, "error_type": "ThrottlingException"}, "throttled"),
    ({"status": 200, "finish_reason": "content_filter"}, "policy-blocked"),
    ({"status": 200, "success": False}, "error"),
    ({"status": 200, "stream": {"id": "s", "phase": "start"}}, None),
    ({"status": 200, "stream": {"id": "s", "phase": "end", "complete": False}}, None),
    ({"outcome": "success", "stream": {"id": "s", "phase": "end", "complete": False}}, None),
    ({"status": 200, "stream": {"id": "s", "phase": "end", "complete": True}}, "success"),
    ({"status": 200, "response": {"jsonrpc": "2.0", "id": 1, "result": MCP_ERROR}}, "error"),
    ({"status": 200, "response": {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000}}}, "error"),
    ({"status": 200, "response": {"type": "error", "error": {"type": "rate_limit_error"}}}, "throttled"),
    ({"status": 200, "response": {"type": "message", "stop_reason": "refusal"}}, "policy-blocked"),
    # What a payload is about is not how its call went.
    ({"status": 200, "response": {"id": 1, "status": "failed", "error": {"message": "of the job"}}}, "success"),
    ({"status": 200, "response": {"error": "no such city"}}, "success"),
    ({"status": 200, "response": {"error": {"message": "overloaded"}}}, "error"),
    ({"status": 200, "response": {"text": "Error code: 429", "note": "isError"}}, "success"),
    ({"status": 200, "response": "Error code: 429"}, "success"),
    # An answer that comes as a text.
    ({"status": 200, "response": ANTHROPIC_ERROR}, "throttled"),
    ({"status": 200, "response": CHAT_ERROR}, "error"),
    ({"status": 200, "response": FAILED_EVENTS}, "error"),
    ({"status": 200, "response": REFUSED_EVENTS}, "policy-blocked"),
    ({"status": 200, "response": GOOD_EVENTS}, "success"),
    ({"status": 200, "response": json.dumps(MCP_ERROR)}, "error"),
    ({"status": 200, "response_base64": base64.b64encode(CHAT_ERROR.encode()).decode()}, "error"),
    ({"status": 200, "stream": {"id": "s", "phase": "end"}, "response_chunks": [*CHAT_ERROR]}, "error"),
    ({"status": 200, "stream": {"id": "s", "phase": "end"}, "response_chunks": [*GOOD_EVENTS]}, "success"),
    ({"status": 200, "response": GOOD_EVENTS * 60_000 + CHAT_ERROR}, "error"),
    ({"status": 200, "response": "The stream said:\n" + CHAT_ERROR}, "success"),
    ({"status": 200, "response": 'data: {\ndata: [1]\ndata: {"error": 1}'}, "success"),
    ({"status": 200, "response": "[" * 5_000}, "success"),
    ({"status": None}, None),
]


@pytest.mark.parametrize(("more", "outcome"), NATIVE, ids=map(str, range(len(NATIVE))))
def test_native(post: Post, store: MemoryStore, more: dict[str, Any], outcome: str | None) -> None:
    """The agent's own verdict stands, but for a success that the event contradicts."""
    assert post(EVENT | {"status": None} | more).status == 200
    (record,) = store.records
    assert record["outcome"] == outcome
    assert ("outcome" in record["inferred"]) == (outcome not in {more.get("outcome"), None})


THROTTLED = [
    "429", "RateLimitError", "rate_limit_error", "rate_limit_exceeded", "too_many_requests", "insufficient_quota",
    "TooManyRequestsException", "ThrottlingException", "RESOURCE_EXHAUSTED", "ProvisionedThroughputExceededException",
    "litellm.RateLimitError: RateLimitError: OpenAIException - slow", "RateLimitError('slow')",
    "openai.RateLimitError: Error code: 429 - {'error': {}}", "Error code: 429 - {", "Exception: Error code: 429",
    "429 Too Many Requests", "Too Many Requests", "429 RESOURCE_EXHAUSTED. {'error'", "HTTP/1.1 429 Too Many Requests",
    "HTTP Error 429: Too Many Requests", "Client error '429 Too Many Requests' for url 'https://x.example'",
    "Request failed with status code 429", "server returned status 429", "status_code: 429, body", "statusCode=429",
    "AI_APICallError: Too Many Requests", "google.api_core.exceptions.ResourceExhausted: 429 Quota exceeded",
    "An error occurred (ThrottlingException) when calling the Converse operation: Too many tokens",
    "Rate limit reached for gpt-4o in organization org-1", "You exceeded your current quota, please check",
    "This request would exceed your organization's rate limit of 50,000", "Resource has been exhausted (e.g. quota).",
    "Number of request tokens has exceeded your per-minute rate limit",
]  # fmt: skip
NOT_THROTTLED = [
    "", "429 bottles of beer", "4290", "order 429 not found", "NotARateLimitErrorAtAll", "Error code: 4290",
    "ValueError: the text says RateLimitError", "Explain Too Many Requests", "Error code: 500 - rate limit exceeded",
    "The user asked about rate limit exceeded errors", "status 200: 429", "overloaded_error", "E1429",
    "KeyError: 'rate_limit'", "Tool failed: see docs on rate limiting",
]  # fmt: skip


def test_rate_limits_are_known_by_how_an_error_begins() -> None:
    """As SDKs, clouds and HTTP clients word them; what an error quotes is no rate limit."""
    assert [text for text in THROTTLED if not names_throttling(text)] == []
    assert [text for text in NOT_THROTTLED if names_throttling(text)] == []


@pytest.mark.parametrize("text", ["a " * 100_000, "Error: " * 50_000, "(" * 200_000, "exceeded your " * 20_000])
def test_an_errors_text_is_read_in_no_time(text: str) -> None:
    """Its beginning alone."""
    assert not names_throttling(text)
