"""What the OpenAI Agents SDK and LiteLLM send of the same kind of calls, for the benchmark of the intakes."""

from __future__ import annotations

import random
from typing import Final

import orjson

from benchmarks.masking_traffic import Traffic

_MODEL: Final = "a-model-5"
_START: Final = 1_780_000_000


def agents_traces(first: int, count: int) -> bytes:
    """Return an export of a trace and its spans, half of them with content: `count` items."""
    payloads = Traffic(first).payloads(2 * count)
    trace = f"trace_{first:032x}"
    items: list[object] = [
        {"object": "trace", "id": trace, "workflow_name": "support", "group_id": f"conv_{first}", "metadata": None}
    ]
    for index in range(first, first + count - 1):
        data: dict[str, object] = {"type": "response", "response_id": f"resp_{index:024x}", "usage": _usage(index)}
        if index % 2:
            asked, answered = [{"role": "user", "content": next(payloads)}], [{"content": next(payloads)}]
            data = {"type": "generation", "input": asked, "output": answered, "model": _MODEL, "usage": _usage(index)}
        second = index % 60
        items.append(
            {
                "object": "trace.span",
                "id": f"span_{index:024x}",
                "trace_id": trace,
                "parent_id": f"span_{index - 1:024x}",
                "started_at": f"2026-06-30T12:00:{second:02}.123456+00:00",
                "ended_at": f"2026-06-30T12:00:{second:02}.654321+00:00",
                "span_data": data,
                "error": None,
            }
        )
    return orjson.dumps({"data": items})


def litellm_calls(first: int, count: int) -> bytes:
    """Return a batch of `count` logged calls, half of them with content."""
    chance = random.Random(first)  # noqa: S311 - a generator of test data
    payloads = Traffic(first).payloads(2 * count)
    calls: list[object] = []
    for index in range(first, first + count):
        asked, answered = ([{"content": next(payloads)}], {"x": next(payloads)}) if index % 2 else (None, None)
        calls.append(
            {
                "id": f"chatcmpl-{index:024x}",
                "litellm_call_id": f"{chance.getrandbits(128):032x}",
                "trace_id": f"t_{index // 20}",
                "session_id": f"conv_{index // 20}",
                "call_type": "acompletion",
                "stream": None,
                "status": "success",
                "custom_llm_provider": "openai",
                "startTime": _START + index + 0.125,
                "endTime": _START + index + 0.625,
                "model": _MODEL,
                "metadata": {"user_api_key_hash": None, "user_api_key_alias": "support", "usage_object": _usage(index)},
                "response_cost": 0.0125,
                "request_tags": ["nightly"],
                "end_user": f"u_{index % 50}",
                "api_base": "https://api.example.com/v1",
                "messages": asked,
                "response": answered,
                "model_parameters": {"temperature": 0.2, "max_tokens": 4096},
                "hidden_params": {"additional_headers": {"llm_provider-x-request-id": f"req_{index:024x}"}},
                "error_information": {"error_code": "", "error_class": ""},
            }
        )
    return orjson.dumps(calls)


def _usage(index: int) -> dict[str, object]:
    return {
        "input_tokens": index % 10_000,
        "output_tokens": index % 1_000,
        "total_tokens": index % 10_000 + index % 1_000,
        "input_tokens_details": {"cached_tokens": 0},
    }
