"""Model APIs as their providers document them: OpenAI's Responses and Chat Completions, Anthropic's Messages.

Each answer quotes recognisable text and planted secrets, so that a test can look for them where they must not be.
"""

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

from tests.sdks.stubs import Answer, Behaviour, Seen

# Recognisable, and nowhere else: none of these may ever be in stored bytes.
PROMPT = "Quokkas nibble marzipan quietly"
SYSTEM = "You are the vermilion orchard concierge"
REPLY = "The heliotrope ferry departs at dusk"
TOOL_ARGUMENT = "order-of-the-obsidian-teapot"
TOOL_RESULT = "shipped by the brass zeppelin"
ERROR_TEXT = "the cobalt turnstile jammed"
SECRET = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"  # invented, in the form of a real vendor's
MODEL_KEY = "sk-proj-" + "Zq7Xw2Lm9Rt4Vb6Nc1Kd8Pf3Hj5Gs0Ya" * 2  # invented
ANTHROPIC_KEY = "sk-ant-api03-" + "Rk4Tq9Wm2Xz7Lp5Vn8Bc3Fd6Hg1Js0Y" * 3  # invented
PLANTED = (PROMPT, SYSTEM, REPLY, TOOL_ARGUMENT, TOOL_RESULT, ERROR_TEXT, SECRET, MODEL_KEY, ANTHROPIC_KEY)

OPENAI_MODEL = "gpt-stub-1"
ANTHROPIC_MODEL = "claude-stub-1"

Turn = dict[str, Any]
_NUMBERS = itertools.count(1)  # no two answers of a test run have the same ids


def say(text: str) -> Turn:
    """A turn of the model: a message."""
    return {"text": text}


def call(name: str, arguments: dict[str, Any], call_id: str = "call_stub_1") -> Turn:
    """A turn of the model: one tool call."""
    return {"tool": name, "arguments": arguments, "call_id": call_id}


def throttled(retry_after: str = "0") -> Answer:
    """429 with Retry-After."""
    return _error(429, "rate_limit_error", {"Retry-After": retry_after}, code="rate_limit_exceeded")


def broken() -> Answer:
    """500."""
    return _error(500, "api_error", {}, code=None)


def silent() -> Answer:
    """Nothing, ever."""
    return Answer(silent=True)


def script(*answers: Answer | Behaviour) -> Behaviour:
    """Give the answers one after the other, and the last one for ever."""
    waiting = list(answers)

    def behaviour(seen: Seen) -> Answer:
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return answer if isinstance(answer, Answer) else answer(seen)

    return behaviour


def _reply(
    whole: dict[str, Any], events: list[bytes], headers: dict[str, str], *, stream: bool, cut: bool, stall: bool
) -> Answer:
    """The answer as a whole or as a stream; only a part of it where it is `cut`, or where it is to `stall`."""
    body = _json(whole)
    if not (stream or cut or stall):
        return Answer(body=body, headers=headers)
    chunks = events if stream else [body]
    if cut or stall:
        chunks = events[: len(events) // 2] if stream else [body[: len(body) // 2]]
    mime = "text/event-stream" if stream else "application/json"
    return Answer(chunks=chunks, mime=mime, headers=headers, cut=cut, silent=stall)


def _error(status: int, kind: str, headers: dict[str, str], *, code: str | None) -> Answer:
    # What OpenAI says and what Anthropic says, in one.
    error = {"type": kind, "message": f"{ERROR_TEXT}: key {SECRET}", "code": code, "param": None}
    body = {"type": "error", "error": error}
    headers = {"x-request-id": f"req_error_{status}", "request-id": f"req_error_{status}", **headers}
    return Answer(status=status, body=_json(body), headers=headers)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _event(data: dict[str, Any], *, named: bool) -> bytes:
    name = f"event: {data['type']}\n" if named else ""
    return f"{name}data: {json.dumps(data)}\n\n".encode()


# -- OpenAI ---------------------------------------------------------------------------------------------------------


def openai(turns: Iterable[Turn], *, cut: bool = False, stall: bool = False) -> Behaviour:
    """Answer `/v1/responses` and `/v1/chat/completions`, streamed when asked; the last turn for ever."""
    waiting = list(turns)

    def behaviour(seen: Seen) -> Answer:
        asked = json.loads(seen.body or b"{}")
        turn = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        count = next(_NUMBERS)
        make = _responses if seen.route.endswith("/responses") else _chat
        whole, events = make(turn, count)
        headers = {"x-request-id": f"req_openai_{count}"}
        return _reply(whole, events, headers, stream=bool(asked.get("stream")), cut=cut, stall=stall)

    return behaviour


def _responses(turn: Turn, count: int) -> tuple[dict[str, Any], list[bytes]]:
    item: dict[str, Any] = (
        {
            "type": "function_call",
            "id": f"fc_{count}",
            "call_id": turn["call_id"],
            "name": turn["tool"],
            "arguments": json.dumps(turn["arguments"]),
            "status": "completed",
        }
        if "tool" in turn
        else {
            "type": "message",
            "id": f"msg_{count}",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": turn["text"], "annotations": list[Any]()}],
        }
    )
    whole: dict[str, Any] = {
        "id": f"resp_stub_{count}",
        "object": "response",
        "created_at": 1_790_000_000,
        "status": "completed",
        "model": OPENAI_MODEL,
        "output": [item],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "instructions": SYSTEM,
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": {
            "input_tokens": 21,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 28,
        },
    }
    started: dict[str, Any] = {**whole, "status": "in_progress", "output": [], "usage": None}
    steps: list[dict[str, Any]] = [
        {"type": "response.created", "response": started},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "status": "in_progress"}},
    ]
    if "text" in turn:
        place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        part: dict[str, Any] = {"type": "output_text", "text": "", "annotations": []}
        steps.append({"type": "response.content_part.added", **place, "part": part})
        steps += [
            {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
            for piece in _pieces(turn["text"])
        ]
        steps.append({"type": "response.output_text.done", **place, "text": turn["text"], "logprobs": []})
    steps.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    steps.append({"type": "response.completed", "response": whole})
    numbered = [_event({**step, "sequence_number": number}, named=True) for number, step in enumerate(steps)]
    return whole, numbered


def _chat(turn: Turn, count: int) -> tuple[dict[str, Any], list[bytes]]:
    message: dict[str, Any] = {"role": "assistant", "content": turn.get("text"), "refusal": None}
    finish = "stop"
    if "tool" in turn:
        finish = "tool_calls"
        function = {"name": turn["tool"], "arguments": json.dumps(turn["arguments"])}
        message["tool_calls"] = [{"id": turn["call_id"], "type": "function", "function": function}]
    head: dict[str, Any] = {"id": f"chatcmpl-stub-{count}", "created": 1_790_000_000, "model": OPENAI_MODEL}
    usage = {"prompt_tokens": 21, "completion_tokens": 7, "total_tokens": 28}
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    whole = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if "tool" in turn:
        deltas.append({"tool_calls": [{"index": 0, **message["tool_calls"][0]}]})
    else:
        deltas += [{"content": piece} for piece in _pieces(turn["text"])]
    chunk = {**head, "object": "chat.completion.chunk"}
    steps = [{**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    steps.append({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    steps.append({**chunk, "choices": [], "usage": usage})
    return whole, [b"data: " + _json(step) + b"\n\n" for step in steps] + [b"data: [DONE]\n\n"]


def _pieces(text: str) -> Iterator[str]:
    words = text.split(" ")
    yield words[0]
    for word in words[1:]:
        yield f" {word}"


# -- Anthropic ------------------------------------------------------------------------------------------------------


def anthropic(turns: Iterable[Turn], *, cut: bool = False, stall: bool = False) -> Behaviour:
    """Answer `/v1/messages`, streamed when asked, and `/v1/messages/count_tokens`; the last turn for ever."""
    waiting = list(turns)

    def behaviour(seen: Seen) -> Answer:
        if seen.route.endswith("/count_tokens"):
            return Answer(body=_json({"input_tokens": 21}))
        if not seen.route.endswith("/messages"):
            return Answer(status=404, body=_json({"type": "error", "error": {"type": "not_found_error"}}))
        asked = json.loads(seen.body or b"{}")
        # Claude Code asks small side questions (a title, a topic) without tools; they are no turn of the agent.
        side = "tools" not in asked and len(waiting) > 1
        turn = say("{}") if side else (waiting.pop(0) if len(waiting) > 1 else waiting[0])
        count = next(_NUMBERS)
        whole, events = _messages(turn, count, asked.get("model", ANTHROPIC_MODEL))
        headers = {"request-id": f"req_anthropic_{count}"}
        return _reply(whole, events, headers, stream=bool(asked.get("stream")), cut=cut, stall=stall)

    return behaviour


def _messages(turn: Turn, count: int, model: str) -> tuple[dict[str, Any], list[bytes]]:
    usage = {
        "input_tokens": 21, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3, "output_tokens": 7,
    }  # fmt: skip
    stop = "tool_use" if "tool" in turn else "end_turn"
    block: dict[str, Any] = (
        {"type": "tool_use", "id": f"toolu_{count}", "name": turn["tool"], "input": turn["arguments"]}
        if "tool" in turn
        else {"type": "text", "text": turn["text"]}
    )
    head: dict[str, Any] = {
        "id": f"msg_stub_{count}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "stop_sequence": None,
    }
    whole = {**head, "content": [block], "stop_reason": stop, "usage": usage}
    empty: dict[str, Any] = {**block, "input": {}} if "tool" in turn else {"type": "text", "text": ""}
    deltas = (
        [{"type": "input_json_delta", "partial_json": json.dumps(turn["arguments"])}]
        if "tool" in turn
        else [{"type": "text_delta", "text": piece} for piece in _pieces(turn["text"])]
    )
    started: dict[str, Any] = {**head, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    steps: list[dict[str, Any]] = [
        {"type": "message_start", "message": started},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]
    return whole, [_event(step, named=True) for step in steps]
