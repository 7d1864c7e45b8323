"""LiteLLM's generic logger: what a logged call becomes, and what of it is kept."""

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
from log_writer.intake.litellm import decode_litellm
from log_writer.intake.routes import LITELLM_PATH
from tests.unit.log_writer.harness import PLANTED, SECRET_TEXT, MemoryStore, Post

WIRE = Path(__file__).parents[2] / "sdks" / "wire"
MESSAGES = [{"role": "user", "content": SECRET_TEXT}]
CALL_ID = "6827feea-f157-4340-90c1-d496bedef619"
CALL: dict[str, Any] = {
    "id": "chatcmpl-1",
    "litellm_call_id": CALL_ID,
    "trace_id": "t-1",
    "session_id": "",
    "call_type": "acompletion",
    "cache_hit": None,
    "stream": None,
    "status": "success",
    "custom_llm_provider": "openai",
    "startTime": 1782822896.25,
    "endTime": 1782822896.75,
    "completionStartTime": 1782822896.5,
    "model": "m-1",
    "metadata": {"user_api_key_hash": "ab" * 32, "user_api_key_alias": None, "usage_object": None},
    "response_cost": 0.0125,
    "total_tokens": 5,
    "prompt_tokens": 3,
    "completion_tokens": 2,
    "request_tags": ["x"],
    "end_user": "u_77",
    "api_base": "https://api.example.com/v1?key=1",
    "messages": MESSAGES,
    "response": {"id": "chatcmpl-1", "choices": [{"finish_reason": "stop", "message": {"content": SECRET_TEXT}}]},
    "model_parameters": {"temperature": 0.5, "tools": [{}, {}], "instructions": SECRET_TEXT},
    "hidden_params": {"additional_headers": {"llm_provider-x-request-id": "req_1"}},
    "error_str": None,
    "error_information": {"error_code": "", "error_class": ""},
}
FAILURE: dict[str, Any] = {
    "status": "failure",
    "response": {},
    "response_cost": 0.0,
    "total_tokens": 0,
    "prompt_tokens": 0,
    "completion_tokens": 0,
}


def _record(post: Post, store: MemoryStore, call: object) -> dict[str, Any]:
    reply = post(call, path=LITELLM_PATH)
    assert reply.status == 200, reply.body
    assert SECRET_TEXT not in json.dumps(store.records)
    made = {record["record_id"]: record for record in store.records}
    return made[reply.body["stored"][-1]["record_id"]]


def _sha256(value: object) -> str:
    text = json.dumps(value, separators=(",", ":"), sort_keys=True)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_a_call(post: Post, store: MemoryStore) -> None:
    """Every field that the payload carries is filled, and what is derived is said to be."""
    record = _record(post, store, CALL)
    assert record["timestamp"] == "2026-06-30T12:34:56.250000Z"
    assert (record["user_id"], record["endpoint"]) == ("u_77", "https://api.example.com/v1")
    assert (record["request_hash"], record["response_hash"]) == (_sha256(MESSAGES), _sha256(CALL["response"]))
    assert (record["outcome"], record["status"], record["method"]) == ("success", None, None)
    assert (record["trace_id"], record["correlation_id"]) == ("t-1", "t-1")
    assert record["provider_request_id"] == "req_1"
    assert (record["duration_ms"], record["model"]) == (500, "m-1")
    assert record["tokens"] == {"input": 3, "output": 2, "total": 5}
    assert "session_id" not in record
    kept = record["attributes"]
    assert kept.items() >= {
        "id": "chatcmpl-1", "event_id": CALL_ID, "provider": "openai", "operation": "acompletion", "tags": ["x"],
        "temperature": 0.5, "tool_count": 2, "message_count": 1, "finish_reasons": ["stop"], "cost_usd": 0.0125,
    }.items()  # fmt: skip
    assert set(record["inferred"]) == {"duration_ms", "correlation_id", "request_mime", "response_mime"}


def test_every_form_of_a_batch_is_the_same(post: Post, store: MemoryStore) -> None:
    """Array, lines and single objects; a retry in another form finds itself."""
    calls = [CALL, CALL | {"id": "chatcmpl-2"}]
    first = post(calls, path=LITELLM_PATH)
    again = post("\n".join(map(json.dumps, calls)), path=LITELLM_PATH)
    assert [item["duplicate"] for item in again.body["stored"]] == [True, True]
    assert len(first.body["stored"]) == len(store.records) == 2
    assert post(CALL, path=LITELLM_PATH).status == 200


def test_no_key_and_no_hash_of_one_is_kept(post: Post, store: MemoryStore) -> None:
    """Nor what it is a hash of, whose e-mail address that is, and where from."""
    metadata = {
        "user_api_key_hash": "ab" * 32, "user_api_key_alias": "sk-" + "a" * 20,
        "user_api_key_user_email": "a@b.example", "requester_ip_address": "192.0.2.7",
        "user_api_key_auth_metadata": {"x": PLANTED},
        "requester_custom_headers": {"x-key": PLANTED},
    }  # fmt: skip
    call = CALL | {"metadata": metadata, "requester_ip_address": "192.0.2.7", "cache_key": "cd" * 32}
    record = json.dumps(_record(post, store, call))
    for value in ("abab", "sk-a", "a@b.example", "192.0.2.7", PLANTED, "cdcd", "agent_name"):
        assert value not in record
    digests = [hashlib.sha256(value.encode()).hexdigest() for value in ("ab" * 32, PLANTED, "192.0.2.7")]
    assert not any(digest in record for digest in digests)


def test_who_called(post: Post, store: MemoryStore) -> None:
    """The end user; else the key's owner, which is a guess. The key's alias names the agent."""
    metadata = {
        "user_api_key_user_id": "owner", "user_api_key_alias": "billing-bot", "user_api_key_team_alias": "sales",
        "requester_metadata": {"correlation_id": "order-9", "session_id": "s-1"},
    }  # fmt: skip
    record = _record(post, store, CALL | {"metadata": metadata, "end_user": None})
    assert (record["user_id"], record["agent_name"]) == ("owner", "billing-bot")
    assert (record["correlation_id"], record["session_id"]) == ("order-9", "s-1")
    assert record["attributes"]["team"] == "sales"
    assert {"user_id", "agent_name"} <= set(record["inferred"])
    assert "correlation_id" not in record["inferred"]
    asked = CALL | {"end_user": None, "model_parameters": {"user": "u_78"}}
    assert _record(post, store, asked)["user_id"] == "u_78"


@pytest.mark.parametrize(
    ("error", "others", "outcome", "status"),
    [
        ({"error_code": "429", "error_class": "RateLimitError"}, {}, "throttled", 429),
        ({"error_code": "500", "error_class": "InternalServerError"}, {}, "error", 500),
        ({"error_code": "api_error", "error_class": "InternalServerError"}, {}, "error", None),
        ({"error_code": "", "error_class": "RateLimitError"}, {}, "throttled", None),
        ({"error_code": "", "error_rate_limit_category": "litellm_rate_limit"}, {}, "throttled", None),
        ({"error_code": "400", "error_class": "ContentPolicyViolationError"}, {}, "policy-blocked", 400),
        ({"error_code": "400"}, {"status_fields": {"guardrail_status": "guardrail_intervened"}}, "policy-blocked", 400),
        (None, {}, "error", None),
    ],
)
def test_failures(
    post: Post, store: MemoryStore, error: object, others: dict[str, Any], outcome: str, status: int | None
) -> None:
    """As what they are; zeros that stand for nothing are not counts, and an empty response is none."""
    record = _record(post, store, CALL | FAILURE | {"error_information": error, "error_str": SECRET_TEXT} | others)
    assert (record["outcome"], record["status"]) == (outcome, status)
    assert "tokens" not in record
    assert "cost_usd" not in record["attributes"]
    assert record["response_hash"] is None
    assert record["attributes"]["error"]["type"] == "string"


REDACTED = "redacted-by-litellm"


def test_what_litellm_redacted_is_not_content(post: Post, store: MemoryStore) -> None:
    """A digest of a placeholder would look like one of what was said."""
    response = {"choices": [{"finish_reason": "stop", "message": {"content": REDACTED}}]}
    record = _record(post, store, CALL | {"messages": [{"role": "user", "content": REDACTED}], "response": response})
    assert (record["request_hash"], record["response_hash"]) == (None, None)
    assert "request_bytes" not in record
    assert record["attributes"]["sender_redacted"] is True
    assert record["attributes"]["finish_reasons"] == ["stop"]


def test_what_litellm_cut_has_no_digest(post: Post, store: MemoryStore) -> None:
    """It replaces long images in messages by their size."""
    image = "data:image/png;base64,[base64_data truncated: 1.00MB]"
    messages = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": image}}]}]
    record = _record(post, store, CALL | {"messages": messages})
    assert record["request_hash"] is None
    assert record["response_hash"] is not None
    assert record["attributes"]["truncated"] is True


def test_an_answer_from_the_cache_was_not_asked_for(post: Post, store: MemoryStore) -> None:
    """It has no id of the provider's."""
    record = _record(post, store, CALL | {"cache_hit": True, "id": "chatcmpl-1_cache_hit1782822896.1"})
    assert record["attributes"]["cache_hit"] is True
    assert "provider_request_id" not in record


def test_a_stream(post: Post, store: MemoryStore) -> None:
    """With the time to its first byte."""
    record = _record(post, store, CALL | {"stream": True})
    assert record["stream"] is True
    assert record["attributes"]["first_byte_ms"] == 250


def test_a_tool_call(post: Post, store: MemoryStore) -> None:
    """Through the gateway's MCP: arguments and result are the content."""
    tool = {
        "name": "search", "mcp_server_name": "docs", "arguments": {"q": SECRET_TEXT}, "result": {"n": 1},
        "mcp_server_resource": "https://mcp.example.com",
    }  # fmt: skip
    call = CALL | {"call_type": "call_mcp_tool", "messages": None, "response": None, "api_base": ""}
    record = _record(post, store, call | {"metadata": {"mcp_tool_call_metadata": tool}})
    assert (record["request_hash"], record["response_hash"]) == (_sha256(tool["arguments"]), _sha256({"n": 1}))
    assert record["endpoint"] == "https://mcp.example.com"
    assert (record["attributes"]["tool_name"], record["attributes"]["mcp_server"]) == ("search", "docs")


def test_guardrails(post: Post, store: MemoryStore) -> None:
    """Which ran, and whether one stepped in; what they quote is not looked at."""
    ran = [{"guardrail_name": "pii", "guardrail_status": "guardrail_flagged", "guardrail_response": SECRET_TEXT}]
    record = _record(post, store, CALL | {"guardrail_information": ran})
    assert (record["attributes"]["guardrail"], record["attributes"]["guardrail_triggered"]) == ("pii", True)
    assert record["outcome"] == "success"


def test_the_oldest_versions(post: Post, store: MemoryStore) -> None:
    """Texts for everything, and times without an offset, which are no points in time."""
    old = {
        "id": "chatcmpl-1", "call_type": "completion", "cache_hit": "False", "startTime": "2024-05-01 12:00:00.1",
        "endTime": "2024-05-01 12:00:01", "model": "m-1", "user": "u_77", "modelParameters": "{}",
        "messages": str(MESSAGES), "response": "ModelResponse()", "usage": "Usage()", "metadata": "{}", "cost": "0.1",
    }  # fmt: skip
    record = _record(post, store, old)
    assert (record["model"], record["user_id"], record["outcome"]) == ("m-1", "u_77", None)
    assert "timestamp" in record["inferred"]
    assert record["request_mime"] == "text/plain"


def test_what_a_newer_version_adds_is_described(post: Post, store: MemoryStore) -> None:
    """Name, type, size and digest."""
    record = _record(post, store, CALL | {"brand_new": {"x": SECRET_TEXT}})
    assert record["attributes"]["brand_new"]["type"] == "object"


def test_numbers_that_are_none_cost_no_record(post: Post, store: MemoryStore) -> None:
    """Python writes NaN and Infinity; a batch of a hundred calls must not fall with them."""
    odd = CALL | {"response_cost": float("nan"), "response": {"logprobs": [float("-inf")]}, "id": "odd"}
    assert post(json.dumps([CALL, odd]), path=LITELLM_PATH).status == 200
    for form in (json.dumps(odd), json.dumps([odd])):
        record = _record(post, store, form)
        assert record["response_hash"] is None
        assert record["request_hash"] == _sha256(MESSAGES)
        assert "cost_usd" not in record["attributes"]
        assert record["redactions"][0]["path"] == "/response_hash"


def test_one_bad_call_hurts_no_other(post: Post, store: MemoryStore) -> None:
    """LiteLLM logs null where it could not make a payload."""
    bad = [None, SECRET_TEXT, CALL | {"startTime": 1e300}]
    reply = post([*bad, CALL], path=LITELLM_PATH)
    assert reply.status == 207
    fields = [(item["index"], item["field"]) for item in reply.body["refused"]]
    assert fields == [(0, ""), (1, ""), (2, "timestamp")]
    assert SECRET_TEXT not in json.dumps(reply.body)
    assert len(store.records) == 1


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("model", "model", [SECRET_TEXT]),
        ("model", "model", "m" * 1000),
        ("end_user", "user_id", "u\n1"),
        ("trace_id", "trace_id", "t" * 1000),
        ("api_base", "endpoint", "https://example.com/" + "p" * 10_000),
    ],
)
def test_what_a_field_cannot_hold_loses_no_call(
    post: Post, store: MemoryStore, name: str, field: str, value: object
) -> None:
    """LiteLLM does not look at refusals: the call is kept, and of the value its type, size and digest."""
    assert post(CALL | {name: value}, path=LITELLM_PATH).status == 200
    (record,) = store.records
    assert record.get(field) is None
    assert SECRET_TEXT not in json.dumps(record)
    assert record["status"] is None or record["outcome"] == "success"


@pytest.mark.parametrize("body", [b"", b"x", b'[{"id": 1}', b'[\n{"id": 1},\n{"id": 2}\n'])
def test_what_cannot_be_decoded(body: bytes) -> None:
    """As a whole: nothing of it is stored."""
    with pytest.raises(DecodeError):
        decode_litellm(body, max_events=10)


def test_one_line_that_cannot_be_decoded(post: Post, store: MemoryStore) -> None:
    """The others are stored."""
    reply = post("\n".join([json.dumps(CALL), '{"id":', "", json.dumps(CALL)]), path=LITELLM_PATH)
    assert reply.body["refused"] == [{"index": 1, "field": "", "reason": "is not JSON"}]
    assert len(store.records) == 2


def test_too_many() -> None:
    """In each form."""
    for body in (json.dumps([CALL] * 3), "\n".join([json.dumps(CALL)] * 3)):
        with pytest.raises(TooManyError):
            decode_litellm(body.encode(), max_events=2)


@pytest.mark.parametrize("name", ["array", "ndjson", "single"])
def test_what_litellm_really_sends(post: Post, store: MemoryStore, name: str) -> None:
    """Every call becomes a record; nothing that was planted is in one."""
    for request in json.loads((WIRE / f"litellm_{name}.json").read_bytes())["requests"]:
        body = request["text"] if "text" in request else json.dumps(request["json"])
        assert post(body, path=LITELLM_PATH).status == 200
    records = store.records
    assert records
    for planted in (PLANTED, "Quokkas nibble", "vermilion orchard", "heliotrope ferry", "turnstile"):
        assert planted not in json.dumps(records)
    for record in records:
        assert record["endpoint"].startswith("http://127.0.0.1:")
        assert record["user_id"] == "u_77"
        assert record["request_hash"]
        assert record["correlation_id"]
    outcomes = {record["outcome"] for record in records}
    assert outcomes >= ({"success"} if name == "single" else {"success", "throttled"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = st.sampled_from([
    "user_api_key_alias", "mcp_tool_call_metadata", "usage_object", "additional_headers", "error_code", "temperature",
    "tools", "choices", "name", "arguments", "requester_metadata", "user_id", "x",
])  # fmt: skip
INNER = st.dictionaries(MEMBERS, JSON | st.dictionaries(MEMBERS, JSON, max_size=3), max_size=5) | JSON
CALLS = st.dictionaries(st.sampled_from(sorted(CALL)), INNER, max_size=8)


@given(calls=st.lists(CALLS | JSON, max_size=4), in_lines=st.booleans())
def test_nothing_makes_it_fail(calls: list[object], in_lines: bool) -> None:  # noqa: FBT001 - hypothesis fills it
    """Whatever the payloads are, each becomes an event or a refusal, in order, and the same twice."""
    body = "\n".join(map(json.dumps, calls)) if in_lines and len(calls) > 1 else json.dumps(calls)
    read = [decode_litellm(body.encode(), max_events=10) for _ in range(2)]
    assert read[0].content_digest == read[1].content_digest
    made = list(read[0].items)
    assert [item.index for item in made] == list(range(len(calls)))
    assert all(isinstance(item, Event | Refusal) for item in made)


@given(calls=st.lists(CALLS | JSON, min_size=1, max_size=3))
def test_the_writer_answers_whatever_comes(post: Post, calls: list[object]) -> None:
    """Stored or refused, never a failure."""
    assert post(json.dumps(calls), path=LITELLM_PATH).status in {200, 207, 422}
