"""Answers with status 200 as model providers and tools send them, and what a record of each must hold."""

import json
import struct
from dataclasses import dataclass, field
from typing import Any

SSE = "text/event-stream"
NDJSON = "application/x-ndjson"
AWS = "application/vnd.amazon.eventstream"
JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One answer. `outcome`: what the client sends; null where the status decides, or where it is unknown.

    `code`: of the error, or the reason why the answer ended. `complete`: whether the protocol's last event came.
    """

    chunks: list[bytes]
    mime: str = SSE
    outcome: str | None = None
    code: str | None = None
    complete: bool = True
    tokens: dict[str, int] = field(default_factory=dict)


def data(*values: object) -> list[bytes]:
    """Server-sent events without names."""
    return [b"data: " + (value if isinstance(value, bytes) else _dump(value)) + b"\n\n" for value in values]


def named(*values: dict[str, Any]) -> list[bytes]:
    """Server-sent events, each with its type as its name."""
    return [b"event: " + value["type"].encode() + b"\ndata: " + _dump(value) + b"\n\n" for value in values]


def lines(*values: object) -> list[bytes]:
    """Lines of JSON."""
    return [_dump(value) + b"\n" for value in values]


def frame(value: object, **names: str) -> bytes:
    """One frame of AWS's event stream. Nothing reads its checksums."""
    headers = b""
    for name, text in names.items():
        key = ":" + name.replace("_", "-")
        headers += bytes([len(key)]) + key.encode() + b"\7" + struct.pack(">H", len(text)) + text.encode()
    payload = _dump(value)
    return struct.pack(">III", 16 + len(headers) + len(payload), len(headers), 0) + headers + payload + b"\0\0\0\0"


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _choice(text: str | None, finish: str | None = None) -> dict[str, Any]:
    delta: dict[str, str] = {} if text is None else {"content": text}
    return {
        "object": "chat.completion.chunk",
        "model": "gpt-5-mini",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        "usage": None,
    }


def _response(status: str, **more: object) -> dict[str, Any]:
    return {
        "type": f"response.{status}",
        "response": {"object": "response", "id": "resp_1", "status": status, "model": "gpt-5-mini", **more},
    }


DONE = b"[DONE]"
CHAT = [_choice("Hel"), _choice("lo")]
BEGUN = {
    "type": "message_start",
    "message": {"model": "claude-x", "usage": {"input_tokens": 3602, "output_tokens": 1}},
}
SAID = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}}
STOP = {"type": "message_stop"}
CREATED = {"type": "response.created", "response": {"object": "response", "status": "in_progress", "error": None}}
DELTA = {"type": "response.output_text.delta", "delta": '{"error": {"code": "rate_limit_exceeded"}}'}
USED = {
    "input_tokens": 11,
    "output_tokens": 7,
    "total_tokens": 18,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens_details": {"reasoning_tokens": 2},
}
TOKENS = {"input": 11, "output": 7, "total": 18, "cache_read": 4, "reasoning": 2}
GEMINI = {"candidates": [{"content": {"parts": [{"text": "Hello"}]}}], "modelVersion": "gemini-3"}
GEMINI_USED = {"promptTokenCount": 9, "candidatesTokenCount": 5, "totalTokenCount": 40, "thoughtsTokenCount": 26,
               "cachedContentTokenCount": 3}  # fmt: skip


def _anthropic_error(kind: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": "words"}}


def _large(size: int) -> list[bytes]:
    """Make a Responses stream whose last event has at least that many bytes, in pieces as from a network."""
    last = named(_response("completed", output=["x" * size], error=None, incomplete_details=None, usage=USED))[0]
    pieces = [last[at : at + 16_000] for at in range(0, len(last), 16_000)]
    return [*named(CREATED, DELTA), *pieces]


CASES: dict[str, Case] = {
    # Anthropic
    "anthropic": Case(
        chunks=named(
            BEGUN,
            SAID,
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn"},
                "usage": {"input_tokens": 0, "output_tokens": 12},
            },
            STOP,
        ),
        tokens={"input": 3602, "output": 12},
    ),
    "anthropic overloaded": Case(
        chunks=named(BEGUN, SAID, _anthropic_error("overloaded_error")), outcome="error", code="overloaded_error",
        tokens={"input": 3602, "output": 1},
    ),
    "anthropic rate limit": Case(
        chunks=named(BEGUN, _anthropic_error("rate_limit_error")), outcome="throttled", code="rate_limit_error",
        tokens={"input": 3602, "output": 1},
    ),
    "anthropic refusal": Case(
        chunks=named(BEGUN, {"type": "message_delta", "delta": {"stop_reason": "refusal"}}, STOP),
        outcome="policy-blocked", code="refusal", tokens={"input": 3602, "output": 1},
    ),
    "anthropic cut off": Case(chunks=named(BEGUN, SAID), complete=False, tokens={"input": 3602, "output": 1}),
    "an event that is named error and holds no JSON": Case(
        chunks=[*named(BEGUN), b"event: error\r\ndata: upstream gone\r\n\r\n"], outcome="error",
        tokens={"input": 3602, "output": 1},
    ),
    # OpenAI, chat
    "chat": Case(chunks=data(*CHAT, _choice(None, "stop"), {"choices": [], "usage": USED}, DONE), tokens=TOKENS),
    "chat error": Case(
        chunks=data(*CHAT, {"error": {"type": "server_error", "code": None, "message": "words"}}), outcome="error",
        code="server_error",
    ),
    "chat rate limit": Case(
        chunks=data(*CHAT, {"error": {"type": "tokens", "code": "rate_limit_exceeded"}}, DONE), outcome="throttled",
        code="rate_limit_exceeded",
    ),
    "chat error by status": Case(
        chunks=data(*CHAT, {"error": {"code": 429, "message": "words"}}), outcome="throttled", code="429",
    ),
    "chat content filter": Case(
        chunks=data(*CHAT, _choice(None, "content_filter"), DONE), outcome="policy-blocked", code="content_filter",
    ),
    "chat cut off": Case(chunks=data(*CHAT), complete=False),
    "chat without its last event": Case(chunks=data(*CHAT, _choice(None, "stop")), complete=False),
    "chat whose text speaks of errors": Case(
        chunks=data(_choice('{"error": {"code": 429}}'), _choice('"finish_reason": "content_filter"'), DONE)
    ),
    "chat of a proxy": Case(
        chunks=data(*CHAT, {"choices": [{"finish_reason": "error", "error": {"code": 502}}]}, DONE), outcome="error",
        code="error",
    ),
    # OpenAI, Responses
    "responses": Case(chunks=named(CREATED, DELTA, _response("completed", error=None, usage=USED)), tokens=TOKENS),
    "responses failed": Case(
        chunks=named(CREATED, _response("failed", error={"code": "server_error", "message": "words"})), outcome="error",
        code="server_error",
    ),
    "responses rate limit": Case(
        chunks=named(CREATED, _response("failed", error={"code": "rate_limit_exceeded"})), outcome="throttled",
        code="rate_limit_exceeded",
    ),
    "responses error event": Case(
        chunks=named(CREATED, {"type": "error", "code": "server_error", "message": "words"}), outcome="error",
        code="server_error",
    ),
    "responses blocked": Case(
        chunks=named(CREATED, _response("incomplete", incomplete_details={"reason": "content_filter"}, usage=USED)),
        outcome="policy-blocked", code="content_filter", tokens=TOKENS,
    ),
    "responses too long": Case(
        chunks=named(CREATED, _response("incomplete", incomplete_details={"reason": "max_output_tokens"}))
    ),
    "responses cancelled": Case(chunks=named(CREATED, _response("cancelled")), outcome="error", code="cancelled"),
    "responses cut off": Case(chunks=named(CREATED, DELTA), complete=False),
    "responses with a last event of 66 KB": Case(chunks=_large(66_000), tokens=TOKENS),
    "responses with a last event of 3 MB": Case(chunks=_large(3_000_000), tokens=TOKENS),
    # Gemini
    "gemini": Case(
        chunks=data(GEMINI, {"candidates": [{"finishReason": "STOP"}], "usageMetadata": GEMINI_USED}),
        tokens={"input": 9, "output": 5, "total": 40, "reasoning": 26, "cache_read": 3},
    ),
    "gemini error": Case(
        chunks=data(GEMINI, {"error": {"code": 503, "message": "words", "status": "UNAVAILABLE"}}), outcome="error",
        code="UNAVAILABLE",
    ),
    "gemini rate limit": Case(
        chunks=data(GEMINI, {"error": {"code": 429, "message": "words", "status": "RESOURCE_EXHAUSTED"}}),
        outcome="throttled", code="429",
    ),
    "gemini safety": Case(
        chunks=data(GEMINI, {"candidates": [{"finishReason": "SAFETY"}]}), outcome="policy-blocked", code="SAFETY",
    ),
    "gemini blocked prompt": Case(
        chunks=data({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}), outcome="policy-blocked",
        code="PROHIBITED_CONTENT",
    ),
    "gemini cut off": Case(chunks=data(GEMINI), complete=False),
    "gemini as one document": Case(
        mime=JSON, chunks=[_dump([GEMINI, {"usageMetadata": GEMINI_USED}, {"error": {"code": 500}}])], outcome="error",
        code="500", tokens={"input": 9, "output": 5, "total": 40, "reasoning": 26, "cache_read": 3},
    ),
    # Cohere
    "cohere": Case(
        chunks=named(
            {"type": "message-start"},
            {
                "type": "message-end",
                "delta": {"finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 3, "output_tokens": 4}}},
            },
        ),
        tokens={"input": 3, "output": 4},
    ),
    "cohere error": Case(
        chunks=named({"type": "message-start"}, {"type": "message-end", "delta": {"finish_reason": "ERROR"}}),
        outcome="error", code="ERROR",
    ),
    "cohere toxic": Case(
        mime=NDJSON,
        chunks=lines({"is_finished": False}, {"is_finished": True, "finish_reason": "ERROR_TOXIC"}),
        outcome="policy-blocked", code="ERROR_TOXIC",
    ),
    # Ollama
    "ollama": Case(
        mime=NDJSON,
        chunks=lines({"model": "llama", "done": False}, {"done": True, "prompt_eval_count": 6, "eval_count": 8}),
        tokens={"input": 6, "output": 8},
    ),
    "ollama error": Case(
        mime=NDJSON, chunks=lines({"model": "llama", "done": False}, {"error": "model runner has stopped"}),
        outcome="error",
    ),
    "ollama cut off": Case(mime=NDJSON, chunks=lines({"model": "llama", "done": False}), complete=False),
    # Bedrock
    "bedrock": Case(
        mime=AWS,
        chunks=[
            frame({"role": "assistant"}, message_type="event", event_type="messageStart")
            + frame({"stopReason": "end_turn"}, message_type="event", event_type="messageStop")[:20],
            frame({"stopReason": "end_turn"}, message_type="event", event_type="messageStop")[20:],
            frame({"usage": {"inputTokens": 2, "outputTokens": 3}}, message_type="event", event_type="metadata"),
        ],
        tokens={"input": 2, "output": 3},
    ),
    "bedrock throttled": Case(
        mime=AWS,
        chunks=[
            frame({"role": "assistant"}, message_type="event", event_type="messageStart"),
            frame({"message": "words"}, message_type="exception", exception_type="throttlingException"),
        ],
        outcome="throttled", code="throttlingException",
    ),
    "bedrock guardrail": Case(
        mime=AWS,
        chunks=[frame({"stopReason": "guardrail_intervened"}, message_type="event", event_type="messageStop")],
        outcome="policy-blocked", code="guardrail_intervened",
    ),
    "bedrock as server-sent events": Case(
        chunks=data(*CHAT, {"modelStreamErrorException": {"message": "words"}}), outcome="error",
        code="modelStreamErrorException",
    ),
    # whole documents
    "json": Case(mime=JSON, chunks=[_dump({"error": None, "errors": [], "usage": USED})], tokens=TOKENS),
    "json error": Case(
        mime=JSON, chunks=[_dump({"error": {"code": "invalid_auth", "message": "words"}})], outcome="error",
        code="invalid_auth",
    ),
    "json error of a word": Case(
        mime=JSON, chunks=[_dump({"ok": False, "error": "ratelimited"})], outcome="throttled", code="ratelimited",
    ),
    "json error without content": Case(
        mime=JSON, chunks=[_dump({"error": {"code": None, "message": None, "param": ""}})]
    ),
    "json refusal": Case(
        mime=JSON, chunks=[_dump({"type": "message", "stop_reason": "refusal"})], outcome="policy-blocked",
        code="refusal",
    ),
    "mcp tool error": Case(
        mime=JSON, chunks=[_dump({"jsonrpc": "2.0", "id": 1, "result": {"content": [], "isError": True}})],
        outcome="error",
    ),
    "mcp tool error in a stream": Case(
        chunks=[b"event: message\ndata: " + _dump({"jsonrpc": "2.0", "result": {"isError": True}}) + b"\n\n"],
        outcome="error",
    ),
    "mcp tool": Case(
        chunks=[b"event: message\ndata: " + _dump({"jsonrpc": "2.0", "result": {"isError": False}}) + b"\n\n"]
    ),
    "json-rpc error": Case(
        mime=JSON, chunks=[_dump({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "words"}})],
        outcome="error",
    ),
    "graphql": Case(
        mime=JSON, chunks=[_dump({"data": None, "errors": [{"message": "words"}]})], outcome="error",
    ),
    "any other stream": Case(chunks=[*data({"n": 1}, b"text"), b"id: 7\n\n"]),
}  # fmt: skip
