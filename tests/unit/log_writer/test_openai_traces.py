"""The OpenAI Agents SDK's traces: what each kind of span becomes, and what of it is kept."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.errors import DecodeError
from audit_core.event import Event
from log_writer.intake.decoded import Refusal, TooManyError
from log_writer.intake.openai_traces import decode_openai_traces
from log_writer.intake.routes import OPENAI_TRACES_PATH
from tests.unit.log_writer.harness import PLANTED, SECRET_TEXT, MemoryStore, Post

WIRE = Path(__file__).parents[2] / "sdks" / "wire"
TRACE_ID = "trace_" + "a" * 32
SPAN = {
    "object": "trace.span",
    "id": "span_1",
    "trace_id": TRACE_ID,
    "parent_id": "span_0",
    "started_at": "2026-06-30T12:34:56.100000+00:00",
    "ended_at": "2026-06-30T12:34:56.350000+00:00",
    "error": None,
}
TRACE = {"object": "trace", "id": TRACE_ID, "workflow_name": "support", "group_id": "conv_42", "metadata": None}
MESSAGES = [{"role": "user", "content": SECRET_TEXT}]


def _span(data: object, **others: object) -> dict[str, object]:
    return {**SPAN, "span_data": data, **others}


def _record(post: Post, store: MemoryStore, *items: object) -> dict[str, Any]:
    """The record of the last of `items`."""
    reply = post({"data": list(items)}, path=OPENAI_TRACES_PATH)
    assert reply.status == 200, reply.body
    assert SECRET_TEXT not in json.dumps(store.records)
    made = {record["record_id"]: record for record in store.records}
    return made[reply.body["stored"][-1]["record_id"]]


def _sha256(data: str) -> str:
    return "sha256:" + hashlib.sha256(data.encode()).hexdigest()


def test_ids_times_and_parents(post: Post, store: MemoryStore) -> None:
    """Trace, span and parent come as they are; duration and correlation are derived, and said to be."""
    record = _record(post, store, _span({"type": "agent", "name": "Triage"}))
    assert record["timestamp"] == "2026-06-30T12:34:56.100000Z"
    assert (record["trace_id"], record["span_id"], record["correlation_id"]) == (TRACE_ID, "span_1", TRACE_ID)
    assert record["duration_ms"] == 250
    assert record["agent_name"] == "Triage"
    assert record["attributes"]["parent_span_id"] == "span_0"
    assert record["source"] == "openai-traces"
    assert {"duration_ms", "correlation_id"} <= set(record["inferred"])
    assert record["outcome"] is None


def test_a_trace_says_what_holds_for_its_spans(post: Post, store: MemoryStore) -> None:
    """Group and user are a span's too, when its trace came with it, wherever in the batch."""
    trace = TRACE | {"metadata": {"user_id": "u_77", "environment": "prod", "note": SECRET_TEXT}}
    _record(post, store, _span({"type": "handoff", "from_agent": "a", "to_agent": "b"}), trace)
    span, said = store.records
    assert (span["session_id"], span["user_id"]) == ("conv_42", "u_77")
    assert {"session_id", "user_id"} <= set(span["inferred"])
    assert said["attributes"]["workflow_name"] == span["attributes"]["workflow_name"] == "support"
    assert said["attributes"]["environment"] == "prod"
    assert said["attributes"]["note"]["type"] == "string"
    assert "session_id" not in said["inferred"]


def test_a_correlation_of_the_users_own_is_no_inference(post: Post, store: MemoryStore) -> None:
    """What the metadata calls so comes before the trace's id."""
    record = _record(post, store, TRACE | {"metadata": {"correlation_id": "order-9"}})
    assert record["correlation_id"] == "order-9"
    assert "correlation_id" not in record["inferred"]


def test_a_generation_of_the_sdk_in_javascript(post: Post, store: MemoryStore) -> None:
    """Its tokens are where it leaves them: in the answer that it gives as its output."""
    answer = {"object": "chat.completion", "choices": MESSAGES, "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    record = _record(post, store, _span({"type": "generation", "input": MESSAGES, "output": [answer]}))
    assert record["tokens"] == {"input": 3, "output": 2}
    assert record["response_hash"] is not None


def test_a_generation(post: Post, store: MemoryStore) -> None:
    """Messages are digested; model, tokens and base URL are kept."""
    usage = {
        "requests": 1, "input_tokens": 21, "output_tokens": 7, "total_tokens": 28,
        "input_tokens_details": {"cached_tokens": 3}, "output_tokens_details": {"reasoning_tokens": 2},
    }  # fmt: skip
    config = {"temperature": 0.5, "top_p": None, "base_url": "https://user:pw@api.example.com/v1/?key=1"}
    data = {"type": "generation", "input": MESSAGES, "output": MESSAGES, "model": "m-1", "usage": usage}
    record = _record(post, store, _span(data | {"model_config": config}))
    assert record["request_hash"] == record["response_hash"] is not None
    assert (record["model"], record["endpoint"]) == ("m-1", "https://api.example.com/v1/")
    assert record["tokens"] == {"input": 21, "output": 7, "total": 28, "cache_read": 3, "reasoning": 2}
    assert record["attributes"]["temperature"] == 0.5
    assert record["outcome"] == "success"
    assert "outcome" in record["inferred"]


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        ({"type": "response", "response_id": "resp_1", "usage": None}, "success"),
        ({"type": "response", "response_id": None, "usage": None}, None),
        ({"type": "generation", "input": MESSAGES, "output": None, "usage": None}, None),
        ({"type": "function", "name": "f", "output": None}, "success"),
        ({"type": "guardrail", "name": "g", "triggered": False}, "success"),
        ({"type": "guardrail", "name": "g", "triggered": True}, "policy-blocked"),
        ({"type": "agent", "name": "a"}, None),
        ({"type": "custom", "name": "task", "data": {"sdk_span_type": "task", "name": "w"}}, None),
    ],
)
def test_success_is_inferred_only_where_it_shows(
    post: Post, store: MemoryStore, data: dict[str, object], outcome: str | None
) -> None:
    """A model call that has no result may have been cut off; a frame around calls has no outcome of its own."""
    assert _record(post, store, _span(data))["outcome"] == outcome


def test_a_span_that_has_not_ended_has_no_outcome(post: Post, store: MemoryStore) -> None:
    """Nor a duration."""
    record = _record(post, store, _span({"type": "function", "name": "f"}, ended_at=None))
    assert record["outcome"] is None
    assert "duration_ms" not in record


def test_a_function(post: Post, store: MemoryStore) -> None:
    """Arguments are digested as the JSON that they are, the result as text."""
    data = {"type": "function", "name": "look_up", "input": '{"b": 1, "a": 2}', "output": "done"}
    record = _record(post, store, _span(data | {"mcp_data": {"server": "orders"}}))
    assert record["request_hash"] == _sha256('{"a":2,"b":1}')
    assert record["response_hash"] == _sha256("done")
    assert record["attributes"]["tool_name"] == "look_up"
    assert record["attributes"]["mcp_server"] == "orders"


def test_the_sdks_own_frames(post: Post, store: MemoryStore) -> None:
    """Turns and tasks come wrapped into custom spans."""
    inner = {"sdk_span_type": "turn", "turn": 2, "agent_name": "Billing", "usage": {"input_tokens": 1}}
    record = _record(post, store, _span({"type": "custom", "name": "turn", "data": inner}))
    assert record["attributes"]["span_type"] == "turn"
    assert record["attributes"]["step"] == 2
    assert (record["agent_name"], record["tokens"]) == ("Billing", {"input": 1})
    assert record["request_hash"] is None


def test_a_custom_span(post: Post, store: MemoryStore) -> None:
    """Its data are the caller's own: content."""
    record = _record(post, store, _span({"type": "custom", "name": "search", "data": {"query": SECRET_TEXT}}))
    assert record["request_hash"] == _sha256(json.dumps({"query": SECRET_TEXT}, separators=(",", ":")))
    assert record["attributes"]["operation"] == "search"


def test_sound(post: Post, store: MemoryStore) -> None:
    """Speech and transcriptions carry sound in base64, of a named format."""
    speech = {"type": "speech", "input": "hello", "output": {"data": "AAEC", "format": "pcm"}, "model": "tts"}
    speech["first_content_at"] = "2026-06-30T12:34:56.150000+00:00"
    record = _record(post, store, _span(speech))
    assert (record["request_hash"], record["response_hash"]) == (_sha256("hello"), _sha256("AAEC"))
    assert (record["response_mime"], record["model"]) == ("audio/pcm", "tts")
    assert record["attributes"]["first_byte_ms"] == 50
    empty = {"type": "transcription", "input": {"data": "", "format": "pcm"}, "output": "said"}
    record = _record(post, store, _span(empty, id="span_2"))
    assert (record["request_hash"], record["response_hash"]) == (None, _sha256("said"))


def test_an_unknown_type_is_kept_all_the_same(post: Post, store: MemoryStore) -> None:
    """What came in and went out is digested, the rest is described."""
    data = {"type": "teleport", "name": "beam", "input": MESSAGES, "result": "gone", "where": SECRET_TEXT}
    record = _record(post, store, _span(data))
    assert record["response_hash"] == _sha256("gone")
    assert record["request_hash"] is not None
    assert record["attributes"]["span_type"] == "teleport"
    assert record["attributes"]["where"]["digest"] == _sha256(SECRET_TEXT)


ERRORS: list[tuple[object, str, str, int | None]] = [
    ({"message": "Error getting response", "data": {"error": "Error code: 429 - slow"}}, "response", "throttled", 429),
    (
        {"message": "Error getting response", "data": {"error": "RateLimitError: 429 slow"}},
        "response",
        "throttled",
        429,
    ),
    ({"message": "Error getting response", "data": {"error": "Error code: 500 - oh"}}, "generation", "error", 500),
    ({"message": "x", "data": {"error": "429 bottles of beer"}}, "function", "error", None),
    ({"message": "x", "data": {"error": "4290 bottles"}}, "response", "error", None),
    ({"message": "x", "data": {"status_code": 503}}, "function", "error", 503),
    ({"message": "x", "data": {"error": {"code": "rate_limit_exceeded"}}}, "function", "throttled", None),
    ({"message": "x", "data": {"code": "content_filter", "status": 400}}, "generation", "policy-blocked", 400),
    ({"message": "Guardrail tripwire triggered", "data": {"guardrail": "g"}}, "turn", "policy-blocked", None),
    ({"message": "x", "data": None}, "agent", "error", None),
    ({"message": "Error in agent run", "data": {"status": 429}}, "agent", "error", None),
    ("text", "agent", "error", None),
    ([], "agent", "error", None),
]


@pytest.mark.parametrize(("error", "kind", "outcome", "status"), ERRORS)
def test_errors(post: Post, store: MemoryStore, error: object, kind: str, outcome: str, status: int | None) -> None:
    """Throttled where the error says so: in a member, or in the words that the openai package begins with."""
    record = _record(post, store, _span({"type": kind}, error=error))
    assert (record["outcome"], record["status"]) == (outcome, status)
    assert "outcome" in record["inferred"]


def test_an_errors_text_is_not_kept(post: Post, store: MemoryStore) -> None:
    """It may quote content; the SDK's own sentences say what happened."""
    error = {"message": "Error running tool", "data": {"tool_name": "f", "error": SECRET_TEXT}}
    record = _record(post, store, _span({"type": "function", "name": "f"}, error=error))
    assert record["attributes"]["error_type"] == "Error running tool"
    assert record["attributes"]["error"]["type"] == "object"
    record = _record(post, store, _span({"type": "function"}, id="2", error={"message": SECRET_TEXT, "data": {}}))
    assert "error_type" not in record["attributes"]


def test_a_tracing_key_leaves_no_trace(post: Post, store: MemoryStore) -> None:
    """Not in a record, a reply or an id: the batch is the same with any key."""
    batches = set()
    for name, key in (("tracing_api_key", PLANTED), ("tracing_api_key", "another"), ("tracingApiKey", PLANTED)):
        keyed = _span({"type": "agent", "name": "a", name: key}, **{name: key})
        batches.add(post({"data": [keyed]}, path=OPENAI_TRACES_PATH).body["stored"][0]["record_id"])
    assert len(batches) == 1
    trace = TRACE | {"tracing_api_key": PLANTED, "metadata": {"tracing_api_key": PLANTED}}
    reply = post({"data": [trace]}, path=OPENAI_TRACES_PATH)
    assert PLANTED not in json.dumps([reply.body, store.records])
    assert hashlib.sha256(PLANTED.encode()).hexdigest() not in json.dumps(store.records)


@pytest.mark.parametrize(
    "cut",
    [
        [{"role": "user", "content": "x" * 40 + "... [truncated]"}],
        {"truncated": True, "original_type": "dict", "preview": "<dict len=9 truncated>"},
    ],
)
def test_what_the_sdk_cut_has_no_digest(post: Post, store: MemoryStore, cut: object) -> None:
    """Its digest would be that of something nobody sent."""
    record = _record(post, store, _span({"type": "generation", "input": cut, "output": MESSAGES}))
    assert record["request_hash"] is None
    assert record["response_hash"] is not None
    assert record["attributes"]["truncated"] is True


def test_one_bad_item_hurts_no_other(post: Post, store: MemoryStore) -> None:
    """It is named by index and field, without its value."""
    bad = [SECRET_TEXT, None, _span({"type": "agent"}, started_at=SECRET_TEXT)]
    reply = post({"data": [*bad, TRACE]}, path=OPENAI_TRACES_PATH)
    assert reply.status == 207
    assert [(item["index"], item["field"]) for item in reply.body["refused"]] == [
        (0, ""), (1, ""), (2, "timestamp"),
    ]  # fmt: skip
    assert SECRET_TEXT not in json.dumps(reply.body)
    assert len(store.records) == 1


def test_what_javascript_writes_and_json_does_not_know(post: Post, store: MemoryStore) -> None:
    """Half a surrogate pair costs its content the digest, and its label a character; nothing beside it."""
    body = (
        '{"data":['
        + json.dumps(_span({"type": "custom", "name": "a\ud800b", "data": {"x": "\udfff"}}))
        + ","
        + json.dumps(_span({"type": "generation", "output": [1, float("nan")], "input": MESSAGES}, id="span_2"))
        + "]}"
    )
    assert post(body, path=OPENAI_TRACES_PATH).status == 200
    custom, generation = store.records
    assert (custom["request_hash"], custom["attributes"]["operation"]) == (None, "a?b")
    assert generation["response_hash"] is None
    assert generation["request_hash"] is not None
    assert {item["rule"].split(":")[0] for item in custom["redactions"] + generation["redactions"]} == {"undigestible"}
    assert post(body, path=OPENAI_TRACES_PATH).body["stored"][0]["duplicate"]


def test_an_item_with_a_key_twice_is_refused_alone(post: Post, store: MemoryStore) -> None:
    """Two readers would not read the same in it."""
    twice = '{"object":"trace","id":"a","metadata":{"x":1,"x":2}}'
    reply = post('{"data":[' + twice + "," + json.dumps(TRACE) + "]}", path=OPENAI_TRACES_PATH)
    assert reply.body["refused"] == [{"index": 0, "field": "", "reason": "has an object with the same key twice"}]
    assert len(store.records) == 1


@pytest.mark.parametrize(
    "body", [b"", b"x", b'{"data": 1}', b'{"data":[', b"[\n" * 2, b'{"data":[{"object":"trace"}\n']
)
def test_what_cannot_be_decoded(body: bytes) -> None:
    """As a whole: nothing of it is stored."""
    with pytest.raises(DecodeError):
        decode_openai_traces(body, max_events=10)


def test_too_many() -> None:
    """Counted before anything is made of them."""
    with pytest.raises(TooManyError):
        decode_openai_traces(json.dumps({"data": [TRACE] * 3}).encode(), max_events=2)


@pytest.mark.parametrize("name", ["429", "chat", "guardrail", "responses"])
def test_what_the_sdk_really_sends(post: Post, store: MemoryStore, name: str) -> None:
    """Every item becomes a record; nothing that was planted is in one."""
    sent = json.loads((WIRE / f"openai_agents_{name}.json").read_bytes())["requests"]
    items = [item for request in sent for item in request["json"]["data"]]
    for request in sent:
        assert post(request["json"], path=OPENAI_TRACES_PATH).status == 200
    records = store.records
    assert len(records) == len(items)
    for planted in (PLANTED, "Quokkas nibble", "obsidian teapot", "obsidian-teapot", "brass zeppelin", "turnstile"):
        assert planted not in json.dumps(records)
    spans = {item["id"] for item in items if item["object"] == "trace.span"}
    assert {record["span_id"] for record in records if "span_id" in record} == spans
    outcomes = {record["outcome"] for record in records}
    assert {"429": "throttled", "guardrail": "policy-blocked"}.get(name, "success") in outcomes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from([
    "object", "id", "trace_id", "parent_id", "started_at", "ended_at", "span_data", "error", "metadata", "group_id",
    "type", "input", "output", "data", "usage", "model_config", "name", "triggered", "mcp_data", "tracing_api_key",
])  # fmt: skip
DATA = st.dictionaries(NAMES, JSON, max_size=8)
KINDS = st.fixed_dictionaries(
    {"object": st.sampled_from(["trace", "trace.span"]) | JSON},
    optional={"span_data": DATA, "error": DATA | JSON, "metadata": DATA | JSON, "trace_id": JSON, "id": JSON},
)


@given(items=st.lists(KINDS | JSON, max_size=4), ascii_only=st.booleans())
def test_nothing_makes_it_fail(items: list[object], ascii_only: bool) -> None:  # noqa: FBT001 - hypothesis fills it
    """Whatever the items are, each becomes an event or a refusal, in order, and the same twice."""
    body = json.dumps({"data": items}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        read = [decode_openai_traces(body, max_events=10) for _ in range(2)]
    except DecodeError:
        return  # raw halves of surrogate pairs are not UTF-8
    assert read[0].content_digest == read[1].content_digest
    made = list(read[0].items)
    assert [item.index for item in made] == list(range(len(items)))
    assert all(isinstance(item, Event | Refusal) for item in made)


@given(items=st.lists(KINDS | JSON, min_size=1, max_size=3))
def test_the_writer_answers_whatever_comes(post: Post, items: list[object]) -> None:
    """Stored or refused, never a failure."""
    assert post(json.dumps({"data": items}), path=OPENAI_TRACES_PATH).status in {200, 207, 422}
