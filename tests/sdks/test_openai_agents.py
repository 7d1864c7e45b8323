"""The OpenAI Agents SDK, exporting by its own exporter and through the audit client."""

from typing import Any

import pytest

from audit_core.digest import digest_json
from tests.sdks import models, scenarios
from tests.sdks.backend import Backend
from tests.sdks.conftest import PlaceOf
from tests.sdks.environments import OPENAI
from tests.sdks.scenarios import Exporter, Place

EXPORTERS: list[Exporter] = ["sdk", "client"]


@pytest.fixture
def place(place_of: PlaceOf) -> Place:
    """Return where the agents run."""
    return place_of(OPENAI)


def of_type(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The records of spans of one type."""
    return [record for record in records if record["attributes"].get("span_type") == kind]


def assert_one_workflow(records: list[dict[str, Any]]) -> None:
    """Every span is there once, in one trace, under the group of the run."""
    spans = [record for record in records if record["span_id"]]
    assert len({record["span_id"] for record in spans}) == len(spans)
    assert len({record["trace_id"] for record in records}) == 1
    assert len({record["correlation_id"] for record in records}) == 1
    parents = {record["attributes"].get("parent_span_id") for record in spans} - {None}
    assert parents <= {record["span_id"] for record in spans}


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_a_tool_and_a_handoff(backend: Backend, place: Place, exporter: Exporter) -> None:
    """Three model calls, a handoff and a tool call are one workflow; what was said is nowhere."""
    endings = scenarios.openai_agents(place, models.openai(scenarios.agent_turns()), exporter=exporter)
    assert endings == [models.REPLY]
    assert {status for _, status, _ in backend.replies} == {200}, backend.told
    records = backend.records
    backend.assert_clean()
    assert {record["source"] for record in records} == {"openai-traces"}
    assert_one_workflow(records)
    # The group stands on the trace's own item, which is sent first; spans of a later request have none.
    assert scenarios.GROUP in {record["session_id"] for record in records} <= {scenarios.GROUP, None}

    calls = of_type(records, "response")
    assert len(calls) == 3
    for call in calls:
        assert call["outcome"] == "success"
        assert call["tokens"]["input"] == 21
        assert call["tokens"]["output"] == 7
        assert call["duration_ms"] >= 0
        assert (call["attributes"].get("response_id") or call["provider_request_id"]).startswith("resp_stub_")

    (tool,) = of_type(records, "function")
    assert tool["attributes"]["tool_name"] == "look_up_order"
    assert tool["request_hash"]
    assert tool["response_hash"]
    (handoff,) = of_type(records, "handoff")
    assert (handoff["attributes"]["from_agent"], handoff["attributes"]["to_agent"]) == ("Triage", "Billing")


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_generations_have_digests(backend: Backend, place: Place, exporter: Exporter) -> None:
    """Over Chat Completions the spans hold what was said: it is digested, streamed or not, and dropped."""
    turns = [*scenarios.agent_turns(), *scenarios.agent_turns()]
    endings = scenarios.openai_agents(
        place, models.openai(turns), exporter=exporter, api="chat_completions", runs=("workflow", "streamed")
    )
    assert endings == [models.REPLY, models.REPLY]
    calls = of_type(backend.records, "generation")
    assert len(calls) == 6
    assert all(call["request_hash"] and call["response_hash"] for call in calls)
    assert {call["model"] for call in calls} == {models.OPENAI_MODEL}
    # The same question, streamed or not, has the same digest.
    assert calls[0]["request_hash"] == calls[3]["request_hash"]
    backend.assert_clean()


def test_content_stays_with_the_agent(backend: Backend, place: Place) -> None:
    """Through the audit client, content is digested in the agent's process: not even the backend sees it."""
    scenarios.openai_agents(place, models.openai(scenarios.agent_turns()), exporter="client", api="chat_completions")
    assert backend.replies
    for seen, _, _ in backend.replies:
        for planted in models.PLANTED:
            assert planted.encode() not in seen.content


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_both_ways_have_the_same_digests(backend: Backend, place: Place, exporter: Exporter) -> None:
    """A tool's arguments have the digest of those arguments, whoever computed it."""
    scenarios.openai_agents(place, models.openai(scenarios.agent_turns()), exporter=exporter)
    (tool,) = of_type(backend.records, "function")
    arguments = {"order": models.TOOL_ARGUMENT, "api_key": models.SECRET}
    assert tool["request_hash"] == digest_json(arguments, key=None).digest


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_a_tripped_guardrail_is_policy_blocked(backend: Backend, place: Place, exporter: Exporter) -> None:
    """What a guardrail stops is logged as blocked by policy, with the guardrail's name."""
    endings = scenarios.openai_agents(
        place, models.openai([models.say(models.REPLY)]), exporter=exporter, runs=("guarded",)
    )
    assert endings == ["InputGuardrailTripwireTriggered"]
    records = backend.records
    (guardrail,) = of_type(records, "guardrail")
    assert guardrail["outcome"] == "policy-blocked"
    assert guardrail["attributes"]["guardrail"] == "no_prompts"
    assert_one_workflow(records)
    backend.assert_clean()


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("kind", ["429", "500", "cut", "silent"])
def test_a_failing_model_is_logged_as_failing(backend: Backend, place: Place, kind: str, exporter: Exporter) -> None:
    """Throttled is throttled; broken, cut off and silent are errors; the text of the error is nowhere."""
    behaviours = {
        "429": models.script(models.throttled()),
        "500": models.script(models.broken()),
        "cut": models.openai([models.say(models.REPLY)], cut=True),
        "silent": models.script(models.silent()),
    }
    runs = ("streamed",) if kind == "cut" else ("workflow",)
    endings = scenarios.openai_agents(place, behaviours[kind], exporter=exporter, runs=runs)
    assert endings[0] not in {models.REPLY, "None"}
    (call,) = of_type(backend.records, "response")
    assert call["outcome"] == ("throttled" if kind == "429" else "error")
    assert call["status"] == {"429": 429, "500": 500}.get(kind)
    backend.assert_clean()
