"""Who called, what was used and when, in every intake format."""

import json
from datetime import timedelta
from typing import Any

import pytest

from audit_core.masking import Masker
from audit_core.people import split_user
from log_writer.config import Config
from log_writer.intake.routes import LITELLM_PATH, OPENAI_TRACES_PATH
from log_writer.intake.usage import read_usage
from log_writer.service import Request, Writer
from tests.unit.log_writer.harness import EVENT, NOW, TOKEN, MemoryStore, Post, Record
from tests.unit.log_writer.otlp import LOGS, START, log, span

ACCOUNT = "0b6c2a4e-1111-4222-8333-444455556666"
SESSION = "9f8e7d6c-aaaa-4bbb-8ccc-ddddeeeeffff"
DEVICE = "d4" * 32
BIG = 2**62 + 12345
COMPOSITE = json.dumps({"device_id": DEVICE, "account_uuid": ACCOUNT, "session_id": SESSION})
JOINED = f"user_{DEVICE}_account_{ACCOUNT}_session_{SESSION}"
LITELLM = {"id": "1", "status": "success", "startTime": 1782822896.25, "endTime": 1782822896.5, "model": "m"}
USAGE_CALL = LITELLM | {"prompt_tokens": 3602, "completion_tokens": 5, "total_tokens": 3607}


@pytest.mark.parametrize("user", [COMPOSITE, JOINED])
def test_account_and_session_in_one_text(post: Post, store: MemoryStore, record: Record, user: str) -> None:
    """Claude Code's, behind a gateway, in each format: the account is the user."""
    post(EVENT | {"user_id": user})
    post(LITELLM | {"end_user": user}, path=LITELLM_PATH)
    trace = {"object": "trace", "id": "trace_1", "metadata": {"user_id": user}}
    post({"data": [trace]}, path=OPENAI_TRACES_PATH)
    made = [*store.records, record(span({"user.id": user}))]
    assert {(found["user_id"], found["session_id"]) for found in made} == {(ACCOUNT, SESSION)}
    assert {found["attributes"]["device_id"]["type"] for found in made} == {"string"}


@pytest.mark.parametrize(
    ("given", "user", "session"),
    [
        (f"user_{DEVICE}_account__session_{SESSION}", DEVICE, SESSION),
        (json.dumps({"device_id": DEVICE, "account_uuid": "", "session_id": SESSION}), DEVICE, SESSION),
        (json.dumps({"account_uuid": ACCOUNT}), ACCOUNT, None),
        (json.dumps({"user_id": 40217, "session_id": 7}), "40217", "7"),
        (json.dumps({"session_id": SESSION}), None, SESSION),
        ({"account_uuid": ACCOUNT, "session_id": SESSION}, ACCOUNT, SESSION),
        ("user_7", "user_7", None),
        ("user_a_account_b", "user_a_account_b", None),
        ('{"name": "x"}', '{"name": "x"}', None),
        ('{"account_uuid"', '{"account_uuid"', None),
        ("[1]", "[1]", None),
    ],
)
def test_what_such_a_text_holds(given: Any, user: str | None, session: str | None) -> None:  # noqa: ANN401 - JSON
    """In the forms that there are; a text of any other form stays."""
    fields, _ = split_user({"user_id": given})
    assert (fields["user_id"], fields.get("session_id")) == (user, session)


def test_a_session_of_its_own_stays() -> None:
    """What the event itself calls its session comes first."""
    fields, _ = split_user({"user_id": COMPOSITE, "session_id": "s"})
    assert (fields["user_id"], fields["session_id"]) == (ACCOUNT, "s")


IDS = ("user_id", "session_id", "correlation_id", "deployment_id", "trace_id", "span_id", "provider_request_id")


def test_numbers_are_ids_in_native_events(post: Post, store: MemoryStore) -> None:
    """As their decimal text, exactly; true and false are none."""
    for name in IDS:
        for number in (40217, BIG, 0, -5, 40217.0):
            assert post(EVENT | {name: number}).status == 200
        assert post(EVENT | {name: True}).status == 422
    found = {(name, record[name]) for record in store.records for name in IDS if record.get(name) is not None}
    assert found == {(name, text) for name in IDS for text in ("40217", str(BIG), "0", "-5")}


def test_numbers_are_ids_in_other_formats(post: Post, store: MemoryStore, record: Record) -> None:
    """In traces' metadata and groups, in LiteLLM's payloads and in OpenTelemetry's attributes."""
    trace = {"object": "trace", "id": "t", "group_id": BIG, "metadata": {"user_id": 40217, "correlation_id": 7}}
    post({"data": [trace]}, path=OPENAI_TRACES_PATH)
    requester = {"requester_metadata": {"user_id": 40217, "correlation_id": 7}}
    post(LITELLM | {"session_id": BIG, "metadata": requester}, path=LITELLM_PATH)
    post(LITELLM | {"session_id": BIG, "end_user": 40217, "trace_id": 7}, path=LITELLM_PATH)
    made = [*store.records, record(span({"user.id": 40217, "session.id": BIG, "correlation_id": 7}))]
    found = {(one["user_id"], one["session_id"], one["correlation_id"]) for one in made}
    assert found == {("40217", str(BIG), "7")}
    assert record(span({"user.id": 40217.0}, span_id="0" * 15 + "1"))["user_id"] == "40217"


@pytest.mark.parametrize("nan", ["", ', "response_cost": NaN'])
def test_long_numbers_keep_their_digits(post: Post, store: MemoryStore, nan: str) -> None:
    """Also where the lenient reader had to read the payload; what is beyond 64 bits is no id."""
    post(f'{{"id": "1", "status": "success", "startTime": 1782822896, "end_user": {BIG}{nan}}}', path=LITELLM_PATH)
    post(f'{{"id": "2", "status": "success", "startTime": 1782822896, "end_user": {10**30}{nan}}}', path=LITELLM_PATH)
    assert {record["user_id"] for record in store.records} == {str(BIG), None}


def test_an_attribute_that_is_a_long_id(post: Post, store: MemoryStore) -> None:
    """Every digit of it is kept."""
    post(EVENT | {"attributes": {"tool_call_id": BIG, "message_count": BIG}})
    kept = store.records[0]["attributes"]
    assert kept["tool_call_id"] == str(BIG)
    assert kept["message_count"]["type"] == "number"


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (
            {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 20, "thoughtsTokenCount": 7,
             "cachedContentTokenCount": 5, "toolUsePromptTokenCount": 2, "promptTokensDetails": [{"tokenCount": 9}]},
            {"input": 9, "output": 4, "total": 20, "reasoning": 7, "cache_read": 5, "input_tool_use": 2},
        ),
        ({"prompt_token_count": 9, "thoughts_token_count": 7, "cached_content_token_count": 5},
         {"input": 9, "reasoning": 7, "cache_read": 5}),
        ({"inputTokens": 9, "outputTokens": 4, "cacheReadInputTokens": 5, "cacheWriteInputTokens": 1},
         {"input": 9, "output": 4, "cache_read": 5, "cache_creation": 1}),
        ({"input_tokens": 9, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 1},
         {"input": 9, "cache_read": 5, "cache_creation": 1}),
        ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 7}},
         {"input": 9, "cache_read": 5, "reasoning": 7}),
        ({"inputTokens": 9, "inputTokenDetails": {"cacheReadTokens": 5}}, {"input": 9, "cache_read": 5}),
        ({"prompt_eval_count": 9, "eval_count": 4, "eval_duration": 5, "image_count": 1}, {"input": 9, "output": 4}),
        ({"prompt_tokens": 3602, "input_tokens": 0}, {"input": 3602}),
        ({"input_tokens": 0, "prompt_tokens": 3602}, {"input": 3602}),
        ({"input_tokens": 0, "output_tokens": 0}, {"input": 0, "output": 0}),
    ],
)  # fmt: skip
def test_usage_in_every_spelling(post: Post, store: MemoryStore, usage: dict[str, Any], tokens: dict[str, int]) -> None:
    """Gemini's, Bedrock's, Anthropic's, DeepSeek's, Vercel's, Ollama's; a zero hides no count."""
    assert read_usage(usage) == tokens
    flat = {name: value for name, value in usage.items() if isinstance(value, int)}
    post(LITELLM | {"metadata": {"usage_object": usage}}, path=LITELLM_PATH)
    assert store.records[0]["tokens"] == tokens
    if len(flat) == len(usage) and all(name.endswith(("Count", "Tokens", "tokens", "_token_count")) for name in flat):
        assert post(EVENT | {"tokens": flat}).status == 200
        assert tokens in [record.get("tokens") for record in store.records[1:] or store.records]


@pytest.mark.parametrize(
    ("attributes", "tokens"),
    [
        ({"gen_ai.usage.thoughts_token_count": 7, "gen_ai.usage.cached_content_token_count": 5},
         {"reasoning": 7, "cache_read": 5}),
        ({"input_token_count": 9, "cached_content_token_count": 5, "thoughts_token_count": 7, "total_token_count": 16},
         {"input": 9, "cache_read": 5, "reasoning": 7, "total": 16}),
        ({"gen_ai.usage.thinking_tokens": 7, "llm.usage.cached_tokens": 5}, {"reasoning": 7, "cache_read": 5}),
        ({"usageMetadata": json.dumps({"promptTokenCount": 9, "thoughtsTokenCount": 7})}, {"input": 9, "reasoning": 7}),
        ({"gen_ai.usage.input_tokens": 0, "gen_ai.usage.prompt_tokens": 3602}, {"input": 3602}),
        ({"gen_ai.usage.prompt_tokens": 3602, "gen_ai.usage.input_tokens": 0}, {"input": 3602}),
        ({"gen_ai.usage.input_tokens": 3602, "langfuse.observation.usage_details": '{"input": 0}'}, {"input": 3602}),
    ],
)  # fmt: skip
def test_usage_in_attributes(record: Record, attributes: dict[str, Any], tokens: dict[str, int]) -> None:
    """Also under names that no table has; a zero under a better name hides no count."""
    made = record(span(attributes))
    assert made["tokens"] == tokens


def test_names_that_are_no_counts_stay_attributes(record: Record) -> None:
    """However many of them there are: no count costs the record."""
    odd = {f"gen_ai.usage.{'x' * number}_tokens": number for number in range(1, 60)}
    made = record(span({"gen_ai.usage.cost_details.input": 0.5, **odd}))
    assert len(made["tokens"]) <= 16
    assert "gen_ai.usage.cost_details.input" in made["attributes"]


def test_zeros_beside_litellms_own_counts(post: Post, store: MemoryStore) -> None:
    """A usage object of zeros hides no count beside it."""
    post(USAGE_CALL | {"metadata": {"usage_object": {"prompt_tokens": 0, "completion_tokens": 5}}}, path=LITELLM_PATH)
    assert store.records[0]["tokens"] == {"input": 3602, "output": 5, "total": 3607}


UPTIME = 44_511_913_730_532


def test_a_time_that_cannot_be_right_is_kept_and_marked(record: Record, store: MemoryStore) -> None:
    """A clock that counts from its start: its record is filed under the day of receipt, and its duration is none."""
    made = record(span(start_time_unix_nano=UPTIME, end_time_unix_nano=START))
    assert made["timestamp"] == "1970-01-01T12:21:51.913730532Z"
    assert "timestamp" in made["inferred"]
    assert "duration_ms" not in made
    assert next(iter(store.objects)).startswith("records/dt=2026-07-01/")


def test_a_duration_by_one_clock_is_one(record: Record) -> None:
    """However wrong that clock is; what the sender measured stays where the two times do not fit."""
    made = record(span(start_time_unix_nano=UPTIME, end_time_unix_nano=UPTIME + 250_000_000))
    assert made["duration_ms"] == 250
    claude = span({"duration_ms": 40, "model": "m"}, start_time_unix_nano=UPTIME, name="claude_code.llm_request")
    assert record(claude)["duration_ms"] == 40


@pytest.mark.parametrize(
    ("stamp", "is_marked"),
    [
        ("1970-01-01T00:00:00Z", True),
        ("2014-12-31T23:59:59Z", True),
        ("2015-01-01T00:00:00Z", False),
        ("2026-07-02T00:00:04Z", False),
        ("2026-07-02T00:00:07Z", True),
        ("9999-12-31T23:59:59Z", True),
    ],
)
def test_times_of_native_events(post: Post, store: MemoryStore, stamp: str, *, is_marked: bool) -> None:
    """Before 2015, or more than a day after receipt."""
    post(EVENT | {"timestamp": stamp})
    (record,) = store.records
    assert (record["timestamp"], "timestamp" in record["inferred"]) == (stamp, is_marked)
    assert next(iter(store.objects))[11:21] == ("2026-07-01" if is_marked else stamp[:10])


def test_times_of_the_other_formats(post: Post, store: MemoryStore, record: Record) -> None:
    """Each keeps and marks them."""
    post(LITELLM | {"startTime": 5.5, "endTime": 1782822896.5}, path=LITELLM_PATH)
    item = {"object": "trace.span", "id": "s", "trace_id": "t", "started_at": "2014-01-01T00:00:00Z",
            "ended_at": "2026-06-30T12:34:57Z", "span_data": {"type": "agent"}}  # fmt: skip
    post({"data": [item]}, path=OPENAI_TRACES_PATH)
    made = [*store.records, record(log(time_unix_nano=UPTIME), path=LOGS)]
    assert all("timestamp" in found["inferred"] and found["timestamp"] < "2015" for found in made)
    assert not [found for found in made if "duration_ms" in found]


def test_a_duration_that_no_call_lasts(post: Post, store: MemoryStore) -> None:
    """It is kept as what was reported."""
    post([EVENT | {"duration_ms": 20_787 * 86_400_000}, EVENT | {"duration_ms": 86_400_000}])
    odd, long = store.records
    assert "duration_ms" not in odd
    assert odd["attributes"]["reported_duration_ms"] == 20_787 * 86_400_000
    assert long["duration_ms"] == 86_400_000


def test_one_wrong_clock_files_no_other_event(post: Post, store: MemoryStore) -> None:
    """The batch goes to the earliest date that can be right."""
    post([EVENT | {"timestamp": "1970-01-01T00:00:09Z"}, EVENT, EVENT | {"timestamp": "2999-01-01T00:00:00Z"}])
    assert next(iter(store.objects)).startswith("records/dt=2026-06-30/")


def _at(config: Config, masker: Masker, store: MemoryStore, days: int, body: object) -> list[dict[str, Any]]:
    writer = Writer(config, masker=masker, store=store, now=lambda: NOW + timedelta(days=days))
    headers = {"authorization": f"Bearer {TOKEN}"}
    data = json.dumps(body).encode()
    response = writer.handle(Request(method="POST", path="/", headers=headers, body=data, deadline=float("inf")))
    return json.loads(response.body)["stored"]


@pytest.mark.parametrize("stamp", ["1970-01-01T00:00:09Z", "2026-07-03T00:00:00Z"])
def test_a_marked_event_sent_again(config: Config, masker: Masker, store: MemoryStore, stamp: str) -> None:
    """It finds itself; on a later day, by when its time may be right, its record id is still the same."""
    body = [EVENT | {"timestamp": stamp}]
    (first,), (again,) = _at(config, masker, store, 0, body), _at(config, masker, store, 0, body)
    assert again["duplicate"]
    assert (again["record_id"], len(store.objects)) == (first["record_id"], 1)
    assert again["leaf"] == (first["leaf"] if stamp < "2015" else None)
    (late,) = _at(config, masker, store, 3, body)
    assert late["record_id"] == first["record_id"]
    assert {record["record_id"] for record in store.records} == {first["record_id"]}
