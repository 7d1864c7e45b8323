"""The `claude` program inside Claude's Agent SDK, pointed at the endpoint by environment alone."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from audit_core.digest import digest_payload
from tests.sdks import models, scenarios
from tests.sdks.backend import Backend
from tests.sdks.conftest import PlaceOf
from tests.sdks.kits import CLAUDE
from tests.sdks.scenarios import Place, Protocol
from tests.sdks.stubs import Answer, Seen


@pytest.fixture
def place(place_of: PlaceOf) -> Place:
    """Return where Claude Code runs."""
    return place_of(CLAUDE)


def named(records: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The records of one kind of event, in order."""
    found = [record for record in records if record["attributes"].get("event_name") == f"claude_code.{name}"]
    return sorted(found, key=lambda record: record["attributes"]["event_sequence"])


def sent_events(backend: Backend) -> list[dict[str, Any]]:
    """Every event that came as JSON: its attributes, plain."""
    return [
        {attribute["key"]: next(iter(attribute["value"].values())) for attribute in record["attributes"]}
        for seen, _, _ in backend.replies
        for resource in json.loads(seen.content)["resourceLogs"]
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ]


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
@pytest.mark.parametrize("content", [False, True], ids=["content-off", "content-on"])
def test_every_call_is_logged_and_no_content(
    backend: Backend, place: Place, *, protocol: Protocol, content: bool
) -> None:
    """A prompt with one tool call is two model calls, one tool result, one workflow; nothing of what was said stays."""
    ended = scenarios.claude(place, protocol=protocol, content=content)
    assert ended.out.strip() == models.REPLY, ended.err
    records = backend.records
    backend.assert_clean()
    assert {status for _, status, _ in backend.replies} == {200}, backend.told

    requests = named(records, "api_request")
    assert len(requests) == 2
    for request in requests:
        assert request["source"] == "otlp-logs"
        assert request["outcome"] == "success"
        assert request["model"].startswith("claude")
        assert request["tokens"] == {"input": 21, "output": 7} | {
            key: value for key, value in request["tokens"].items() if key not in {"input", "output"}
        }
        assert request["duration_ms"] >= 0
        assert request["provider_request_id"].startswith("req_anthropic_")
        assert request["user_id"]
        assert request["agent_name"] == "claude-code"
        assert request["agent_version"]

    tied = [*requests, *named(records, "tool_result"), *named(records, "user_prompt")]
    assert len(tied) == 4
    assert len({record["correlation_id"] for record in tied}) == 1
    assert all("correlation_id" in record["inferred"] for record in tied)
    assert len({record["session_id"] for record in tied}) == 1
    sequence = sorted(record["attributes"]["event_sequence"] for record in records)
    assert sequence == list(range(len(sequence)))

    called = [call for call in backend.calls if call["model"]]
    assert len(called) == 2
    assert [bool(call["request_hash"] and call["response_hash"]) for call in called] == [content, content]
    assert {call["outcome"] for call in called} == {"success"}

    bodies = [*named(records, "api_request_body"), *named(records, "api_response_body")]
    assert len(bodies) == (4 if content else 0)
    if not content:
        # What Claude Code has replaced by a placeholder is no content, and no digest of one.
        assert all(record["request_hash"] is None and record["response_hash"] is None for record in records)


def test_digests_are_those_of_the_bodies(backend: Backend, place: Place) -> None:
    """With bodies on, a digest can be recomputed from the body that was sent."""
    scenarios.claude(place, content=True)
    sent = [event for event in sent_events(backend) if event["event.name"] == "api_request_body"]
    stored = named(backend.records, "api_request_body")
    assert [record["request_hash"] for record in stored] == [
        digest_payload(event["body"].encode(), text=True).digest for event in sent
    ]
    assert all("request_hash" not in record["inferred"] for record in stored)


def test_a_truncated_body_has_no_digest(backend: Backend, place: Place) -> None:
    """A body beyond what Claude Code sends whole yields no digest, and says that it was cut."""
    scenarios.claude(place, content=True, prompt=models.PROMPT + " marzipan" * 4000)
    cut = named(backend.records, "api_request_body")
    assert len(cut) == 2
    assert all(record["request_hash"] is None for record in cut)
    assert all(record["attributes"]["truncated"] is True for record in cut)
    assert all(record["response_hash"] for record in named(backend.records, "api_response_body"))
    backend.assert_clean()


@pytest.mark.parametrize(
    ("answer", "status", "outcome"),
    [(models.throttled, 429, "throttled"), (models.broken, 500, "error")],
    ids=["429", "500"],
)
def test_a_failing_model_is_logged_as_failing(
    backend: Backend, place: Place, answer: Callable[[], Any], status: int, outcome: str
) -> None:
    """A model API that throttles or breaks is one error record with its status; the text of the error is nowhere."""
    ended = scenarios.claude(place, models.script(answer()))
    assert ended.code == 1
    errors = named(backend.records, "api_error")
    assert len(errors) == 1
    assert (errors[0]["status"], errors[0]["outcome"]) == (status, outcome)
    assert errors[0]["provider_request_id"] == f"req_error_{status}"
    assert not named(backend.records, "api_request")
    backend.assert_clean()


def test_a_cut_stream_is_asked_again(backend: Backend, place: Place) -> None:
    """Claude Code repeats a stream that was cut as a whole call, and reports that one alone."""
    cut = models.anthropic([models.say(models.REPLY)], cut=True)
    whole = models.anthropic([models.say(models.REPLY)])
    asked: list[bool] = []

    def behaviour(seen: Seen) -> Answer:
        asked.append(bool(json.loads(seen.content).get("stream")))
        return cut(seen) if asked[-1] else whole(seen)

    assert scenarios.claude(place, behaviour).out.strip() == models.REPLY
    assert (asked[0], asked[-1]) == (True, False)
    (request,) = named(backend.records, "api_request")
    assert request["outcome"] == "success"
    backend.assert_clean()


@pytest.mark.parametrize("kind", ["cut", "silent"])
def test_a_model_that_breaks_off_is_an_error(backend: Backend, place: Place, kind: str) -> None:
    """Answers that are cut, and a model that says nothing, are errors without a status."""
    turns = [models.say(models.REPLY)]
    behaviour = models.script(models.silent()) if kind == "silent" else models.anthropic(turns, cut=True)
    scenarios.claude(place, behaviour, more={"API_TIMEOUT_MS": "1500", "CLAUDE_CODE_MAX_RETRIES": "0"})
    records = backend.records
    assert not [record for record in named(records, "api_request") if record["outcome"] == "success"]
    errors = named(records, "api_error")
    assert errors
    assert {record["outcome"] for record in errors} == {"error"}
    assert {record["status"] for record in errors} == {None}
    backend.assert_clean()


def test_spans_are_logged_too(backend: Backend, place: Place) -> None:
    """With the beta of its traces on, each model call and each tool is a span of one trace."""
    more = {
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_TRACES_EXPORTER": "otlp",
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
        "OTEL_TRACES_EXPORT_INTERVAL": "300",
    }
    scenarios.claude(place, content=True, more=more)
    records = backend.records
    assert {record["source"] for record in records} == {"otlp-traces"}
    assert len({record["trace_id"] for record in records}) == 1
    assert len({record["correlation_id"] for record in records}) == 1
    models_called = [record for record in records if record["provider_request_id"]]
    assert len(models_called) == 2
    assert all(record["model"].startswith("claude") and record["session_id"] for record in models_called)
    backend.assert_clean()


def test_logs_and_spans_together_are_each_call_once(backend: Backend, place: Place) -> None:
    """With both exporters on, a call's events and its span are one call, which nothing contradicts."""
    more = {
        "OTEL_TRACES_EXPORTER": "otlp",
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
        "OTEL_TRACES_EXPORT_INTERVAL": "300",
    }
    scenarios.claude(place, content=True, more=more)
    called = [call for call in backend.calls if call["model"]]
    assert len(called) == 2
    assert {tuple(call["sources"]) for call in called} == {("otlp-logs", "otlp-traces")}
    backend.assert_clean()
