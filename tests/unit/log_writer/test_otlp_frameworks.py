"""What agent frameworks and their instrumentation send beside, or in place of, OpenTelemetry's conventions."""

import json
from typing import Any

import pytest

from audit_core.digest import digest_json, digest_payload
from tests.unit.log_writer.harness import PLANTED, SECRET_TEXT, Record
from tests.unit.log_writer.otlp import Sent, span

ASKED = {"question": SECRET_TEXT}
ANSWERED = {"answer": f"{SECRET_TEXT}, again"}
WHO = {"user_id": "u_7", "session_id": "s_7"}
MODEL = {"model": "gpt-5", "tokens": {"input": 21, "output": 7}}

Span = dict[str, Any]

OPENINFERENCE: Span = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-5",
    "llm.provider": "openai",
    "llm.token_count.prompt": 21,
    "llm.token_count.completion": 7,
    "llm.finish_reason": "stop",
    "llm.tools.0.tool.json_schema": json.dumps({"name": SECRET_TEXT}),
    "input.value": json.dumps(ASKED),
    "output.value": json.dumps(ANSWERED),
    "user.id": "u_7",
    "session.id": "s_7",
    "tag.tags": ["blue"],
}
OPENLLMETRY: Span = {
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.usage.prompt_tokens": 21,
    "gen_ai.usage.completion_tokens": 7,
    "gen_ai.prompt.0.role": "user",
    "gen_ai.prompt.0.content": SECRET_TEXT,
    "gen_ai.completion.0.content": SECRET_TEXT,
    "gen_ai.completion.0.finish_reason": "stop",
    "gen_ai.openai.api_base": "https://api.openai.com/v1/",
    "traceloop.association.properties.user_id": "u_7",
    "traceloop.association.properties.thread_id": "s_7",
}
VERCEL: Span = {
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.model.id": "gpt-5",
    "ai.model.provider": "openai.chat",
    "ai.usage.promptTokens": 21,
    "ai.usage.completionTokens": 7,
    "ai.prompt.messages": json.dumps(ASKED),
    "ai.response.text": SECRET_TEXT,
    "ai.response.finishReason": "stop",
    "ai.response.msToFirstChunk": 12.5,
    "ai.settings.maxOutputTokens": 50,
    "ai.request.headers.x-house-key": SECRET_TEXT,
    "ai.telemetry.functionId": "find-order",
    "ai.telemetry.metadata.userId": "u_7",
    "ai.telemetry.metadata.sessionId": "s_7",
    "ai.telemetry.metadata.tags": ["blue"],
}
LANGSMITH: Span = {
    "langsmith.span.kind": "llm",
    "langsmith.trace.session_name": "shop",
    "langsmith.span.tags": "blue",
    "langsmith.metadata.user_id": "u_7",
    "langsmith.metadata.thread_id": "s_7",
    "langsmith.metadata.usage_metadata": json.dumps(
        {
            "input_tokens": 21,
            "output_tokens": 7,
            "input_token_details": {"cache_read": 3},
        }
    ),
    "gen_ai.request.model": "gpt-5",
    "gen_ai.prompt": json.dumps(ASKED),
    "gen_ai.completion": json.dumps(ANSWERED),
}
LANGFUSE: Span = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.model.name": "gpt-5",
    "langfuse.observation.usage_details": json.dumps({"input": 21, "output": 7, "output_reasoning": 2}),
    "langfuse.observation.input": json.dumps(ASKED),
    "langfuse.observation.output": SECRET_TEXT,
    "langfuse.trace.tags": ["blue"],
    "langfuse.environment": "production",
    "langfuse.user.id": "u_7",
    "langfuse.session.id": "s_7",
}
ADK: Span = {
    "gen_ai.system": "gcp.vertex.agent",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.usage.input_tokens": 21,
    "gen_ai.usage.output_tokens": 7,
    "gcp.vertex.agent.session_id": "s_7",
    "gcp.vertex.agent.llm_request": json.dumps(ASKED),
    "gcp.vertex.agent.llm_response": json.dumps(ANSWERED),
}
MASTRA: Span = {
    "mastra.span.type": "model_generation",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.usage.input_tokens": 21,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.response.finish_reasons": '["stop"]',
    "mastra.model_generation.input": json.dumps(ASKED),
    "mastra.model_generation.output": json.dumps(ANSWERED),
    "mastra.metadata.userId": "u_7",
    "mastra.metadata.sessionId": "s_7",
}
SPRING: Span = {
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.usage.input_tokens": "21",
    "gen_ai.usage.output_tokens": "7",
    "gen_ai.prompt": json.dumps(ASKED),
    "gen_ai.completion": SECRET_TEXT,
    "spring.ai.chat.client.conversation.id": "s_7",
}


@pytest.mark.parametrize(
    ("attributes", "fields", "kept"),
    [
        (
            OPENINFERENCE,
            WHO | MODEL,
            {"provider": "openai", "span_type": "LLM", "finish_reason": "stop", "tags": ["blue"]},
        ),
        (
            OPENLLMETRY,
            WHO | MODEL | {"endpoint": "https://api.openai.com/v1/"},
            {"provider": "openai", "finish_reason": "stop"},
        ),
        (
            VERCEL,
            WHO | MODEL,
            {
                "operation": "ai.generateText.doGenerate",
                "provider": "openai.chat",
                "finish_reason": "stop",
                "function": "find-order",
                "first_byte_ms": 12.5,
                "max_tokens": 50,
                "tags": ["blue"],
                "request_headers": ["x-house-key"],
            },
        ),
        (
            LANGSMITH,
            WHO | MODEL | {"tokens": {"input": 21, "output": 7, "cache_read": 3}},
            {"span_type": "llm", "project": "shop", "tags": "blue"},
        ),
        (
            LANGFUSE,
            WHO | MODEL | {"tokens": {"input": 21, "output": 7, "reasoning": 2}},
            {"span_type": "generation", "tags": ["blue"], "environment": "production"},
        ),
        (ADK, MODEL | {"session_id": "s_7"}, {"provider": "gcp.vertex.agent"}),
        (MASTRA, WHO | MODEL, {"span_type": "model_generation", "finish_reasons": ["stop"]}),
        (SPRING, MODEL | {"session_id": "s_7"}, {"operation": "chat", "provider": "openai"}),
    ],
    ids=["OpenInference", "OpenLLMetry", "Vercel", "LangSmith", "Langfuse", "ADK", "Mastra", "Spring"],
)
def test_a_model_call(record: Record, attributes: Span, fields: dict[str, Any], kept: dict[str, Any]) -> None:
    """Who asked which model, with what result; what was said is digested, and nothing else of it is kept."""
    made = record(span(attributes, name="ChatOpenAI"))
    assert {name: made[name] for name in fields} == fields
    assert made["request_hash"]
    assert made["response_hash"]
    assert made["outcome"] == "success"
    assert made["attributes"] == {"kind": "client", "span_name": "ChatOpenAI", **kept}
    assert SECRET_TEXT not in json.dumps(made)


@pytest.mark.parametrize(
    ("attributes", "tool"),
    [
        (
            {"openinference.span.kind": "TOOL", "tool.name": "look_up", "tool_call.id": "c_1", "input.value": ASKED},
            "look_up",
        ),
        (
            {"traceloop.span.kind": "tool", "traceloop.entity.name": "look_up", "traceloop.entity.input": ASKED},
            "look_up",
        ),
        ({"langfuse.observation.type": "tool", "langfuse.observation.input": ASKED}, "look_up.tool"),
        ({"langsmith.span.kind": "tool", "gen_ai.prompt": ASKED}, "look_up.tool"),
        ({"ai.toolCall.name": "look_up", "ai.toolCall.id": "c_1", "ai.toolCall.args": ASKED}, "look_up"),
        ({"gen_ai.tool.name": "look_up", "tool_arguments": ASKED}, "look_up"),
        ({"gen_ai.tool.name": "look_up", "gcp.vertex.agent.tool_call_args": ASKED}, "look_up"),
        ({"spring.ai.tool.definition.name": "look_up", "spring.ai.tool.call.arguments": ASKED}, "look_up"),
        ({"haystack.tool.name": "look_up", "haystack.agent.step.tool.input": ASKED}, "look_up"),
    ],
)
def test_a_tool_call(record: Record, attributes: Span, tool: str) -> None:
    """Which tool, and a digest of its arguments; where only the span's own name says which, that."""
    texts = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in attributes.items()}
    made = record(span(texts, name="look_up.tool"))
    assert made["attributes"]["tool_name"] == tool
    assert made["attributes"].get("tool_call_id") == ("c_1" if "c_1" in texts.values() else None)
    assert made["request_hash"] == digest_json(ASKED, key=None).digest  # pyrefly: ignore[bad-argument-type]
    assert SECRET_TEXT not in json.dumps(made)


@pytest.mark.parametrize(
    ("attributes", "kept"),
    [
        ({"crewai.task.description": SECRET_TEXT}, False),
        ({"gen_ai.prompt.0.content": SECRET_TEXT}, False),
        ({"gen_ai.prompt": SECRET_TEXT, "langsmith.trace.name": f"{SECRET_TEXT}.task"}, False),
        ({"gen_ai.prompt.0.role": "task"}, True),
        ({"crewai.task.description": SECRET_TEXT * 20}, True),
    ],
)
def test_a_name_that_quotes_what_was_asked_is_not_kept(record: Record, attributes: Span, *, kept: bool) -> None:
    """Some instrumentation names the span of a task by all of its text: that is content, wherever it stands."""
    name = "a harmless.task" if kept else f"{SECRET_TEXT}.task"
    made = record(span({**attributes, "traceloop.span.kind": "tool"}, name=name))
    shown = made["attributes"]
    assert shown.get("span_name") == (name if kept else None)
    assert ("name" in shown) is not kept
    assert SECRET_TEXT not in json.dumps(made)


@pytest.mark.parametrize(
    ("attributes", "fields"),
    [
        (
            {"server.address": "https://u:p@api.example.com/v1/?key=1", "server.port": 443},
            {"endpoint": "https://api.example.com/v1/"},
        ),
        (
            {"url.full": "https://new.example/a", "server.address": "https://old.example"},
            {"endpoint": "https://new.example/a"},
        ),
        (
            {"url.full": "https://new.example/a", "gen_ai.openai.api_base": "https://old.example"},
            {"endpoint": "https://new.example/a"},
        ),
        (
            {"langfuse.observation.usage_details": '{"input": 1}', "gen_ai.usage.input_tokens": 2},
            {"tokens": {"input": 2}},
        ),
        (
            {"gen_ai.usage.input_tokens": 2, "gen_ai.usage.raw": {"prompt_tokens": 2, "total_tokens": 3}},
            {"tokens": {"input": 2, "total": 3}},
        ),
        (
            {"ai.usage.tokens": 3, "ai.usage.inputTokenDetails.cacheReadTokens": 1},
            {"tokens": {"input": 3, "cache_read": 1}},
        ),
        (
            {"gen_ai.usage.cache_write_input_tokens": 4, "llm.usage.reasoning_tokens": 5},
            {"tokens": {"cache_creation": 4, "reasoning": 5}},
        ),
        ({"anthropic.request.id": "req_1", "gen_ai.response.id": "msg_1"}, {"provider_request_id": "req_1"}),
        ({"langsmith.metadata.stream": True}, {"stream": True}),
    ],
)
def test_fields(record: Record, attributes: Span, fields: dict[str, Any]) -> None:
    """An address that is a whole URL, counts that come together, names of which the better wins."""
    made = record(span(attributes))
    assert {name: made[name] for name in fields} == fields


@pytest.mark.parametrize("odd", ["{", "[]", "{}", "text", 5, '{"input": "many"}', '{"input": -1}', '{"no count": 1}'])
def test_usage_that_is_none_is_kept_as_an_attribute(record: Record, odd: object) -> None:
    """Nothing of it is taken for a count."""
    made = record(span({"langfuse.observation.usage_details": odd}))
    assert "tokens" not in made
    assert "langfuse.observation.usage_details" in made["attributes"]


@pytest.mark.parametrize(
    ("item", "outcome"),
    [
        (span({"gen_ai.response.finish_reasons": '["content_filter"]'}), "policy-blocked"),
        (span({"gen_ai.response.finish_reasons": "SAFETY"}), "policy-blocked"),
        (span({"gen_ai.response.finish_reason": "FinishReason.CONTENT_FILTER"}), "policy-blocked"),
        (span({"gen_ai.completion.0.finish_reason": "content_filter"}), "policy-blocked"),
        (span({"gen_ai.response.finish_reasons": '["stop"'}), "success"),
        (span({"error.type": "429"}, status={"code": 2}), "throttled"),
        (span({"error.type": "rate_limit_exceeded"}), "throttled"),
        (span(events=[("exception", {"exception.type": "openai.RateLimitError"})], status={"code": 2}), "throttled"),
        (span(events=[("exception", {"exception.type": "ThrottlingException"})], status={"code": 2}), "throttled"),
        (span({"error.type": "NotARateLimitErrorAtAll"}), "error"),
        (span({"error.type": 429}), "error"),
    ],
)
def test_outcomes(record: Record, item: Sent, outcome: str) -> None:
    """Finish reasons as a text of JSON or with their enumeration's name, errors called after what they are."""
    assert record(item)["outcome"] == outcome


def test_content_in_the_events_of_an_operation(record: Record) -> None:
    """Each brings a part of the content; a part that comes again, and what is none, is described with the rest."""
    details = "gen_ai.client.inference.operation.details"
    events = [
        (details, {"gen_ai.system_instructions": json.dumps(ANSWERED)}),
        (details, {"gen_ai.input.messages": json.dumps(ASKED), "note": PLANTED}),
        (details, {"gen_ai.output.messages": SECRET_TEXT}),
        (details, {"gen_ai.output.messages": f"{SECRET_TEXT}?"}),
    ]
    made = record(span(events=events))
    parts = {"gen_ai.system_instructions": ANSWERED, "gen_ai.input.messages": ASKED}
    assert made["request_hash"] == digest_json(parts, key=None).digest  # pyrefly: ignore[bad-argument-type]
    assert made["response_hash"] == digest_payload(SECRET_TEXT.encode(), key=None, text=True).digest
    assert made["attributes"]["span_event_data"]["type"] == "array"
    assert SECRET_TEXT not in json.dumps(made)


def test_documents_and_vectors_are_content(record: Record) -> None:
    """However many there are: none of them is an attribute."""
    documents = {f"retrieval.documents.{number}.document.content": SECRET_TEXT for number in range(200)}
    vectors = {f"embedding.embeddings.{number}.embedding.vector": [0.5, number] for number in range(200)}
    made = record(span({**documents, **vectors, "reranker.input_documents.0.document.content": SECRET_TEXT}))
    assert made["request_hash"] == digest_payload(SECRET_TEXT.encode(), key=None, text=True).digest
    assert made["response_hash"] == digest_json({**documents, **vectors}, key=None).digest  # pyrefly: ignore[bad-argument-type]
    assert made["attributes"].keys() == {"kind", "span_name"}
