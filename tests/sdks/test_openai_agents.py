"""The OpenAI Agents SDK, exporting by its own exporter and through the audit client."""

from collections.abc import Iterator
from typing import Any

import pytest

from audit_core.digest import digest_json
from tests.sdks import models, scenarios
from tests.sdks.backend import Backend
from tests.sdks.conftest import Python
from tests.sdks.kits import OPENAI
from tests.sdks.scenarios import Exporter, Run

EXPORTERS: list[Exporter] = ["sdk", "client"]
TURNS = [models.say(models.REPLY)]


class Logged:
    """All runs of one process: how each ended, and its records by group."""

    def __init__(self, exporter: Exporter, backend: Backend, runs: list[Run], endings: list[str]) -> None:
        self.exporter = exporter
        self.backend = backend
        self.endings = {run.group: ending for run, ending in zip(runs, endings, strict=True)}
        # The group stands on the trace's own item, which is sent first; spans of a later request have none.
        trace_of = {record["session_id"]: record["trace_id"] for record in backend.records if record["session_id"]}
        self.of = {
            group: [record for record in backend.records if record["trace_id"] == trace_id]
            for group, trace_id in trace_of.items()
        }

    def spans(self, group: str, kind: str) -> list[dict[str, Any]]:
        """The records of a run's spans of one type."""
        return [record for record in self.of[group] if record["attributes"].get("span_type") == kind]


@pytest.fixture(scope="module", params=EXPORTERS)
def logged(
    request: pytest.FixtureRequest, python_of: Python, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Logged]:
    """Yield what one process with all kinds of runs has logged, by each exporter."""
    runs = [
        Run(group="responses", behaviour=models.openai(scenarios.agent_turns())),
        Run(group="chat", behaviour=models.openai(scenarios.agent_turns()), api="chat_completions"),
        Run(group="stream", behaviour=models.openai(scenarios.agent_turns()), api="chat_completions", kind="streamed"),
        Run(group="guarded", behaviour=models.openai(TURNS), kind="guarded"),
        Run(group="429", behaviour=models.script(models.throttled())),
        Run(group="500", behaviour=models.script(models.broken())),
        Run(group="cut", behaviour=models.openai(TURNS, cut=True), kind="streamed"),
        Run(group="silent", behaviour=models.script(models.silent())),
    ]
    with Backend() as backend:
        place = scenarios.place(python_of(OPENAI), backend, tmp_path_factory.mktemp("agents") / "home")
        endings = scenarios.openai_agents(place, runs, exporter=request.param)
        yield Logged(request.param, backend, runs, endings)


def test_every_request_is_taken_and_clean(logged: Logged) -> None:
    """The writer takes all that either exporter sends, and nothing of what was said is stored, told or logged."""
    assert {status for _, status, _ in logged.backend.replies} == {200}, logged.backend.told
    assert {record["source"] for record in logged.backend.records} == {"openai-traces"}
    logged.backend.assert_clean()


def test_each_call_is_once_in_the_joined_view(logged: Logged) -> None:
    """Nothing is missing, nothing is there twice."""
    called = [
        call for call in logged.backend.calls if call["attributes"].get("span_type") in {"response", "generation"}
    ]
    assert len(called) == 3 + 3 + 3 + 4


@pytest.mark.parametrize("group", ["responses", "chat", "stream", "guarded", "429", "500", "cut", "silent"])
def test_a_run_is_one_workflow(logged: Logged, group: str) -> None:
    """Every span is there once, its parent too, and one correlation id ties them."""
    records = logged.of[group]
    spans = [record for record in records if record["span_id"]]
    assert len({record["span_id"] for record in spans}) == len(spans) > 1
    assert len({record["correlation_id"] for record in records}) == 1
    parents = {record["attributes"].get("parent_span_id") for record in spans} - {None}
    assert parents <= {record["span_id"] for record in spans}


def test_a_tool_and_a_handoff(logged: Logged) -> None:
    """Three model calls, a handoff and a tool call, each with what its span says."""
    assert logged.endings["responses"] == models.REPLY
    calls = logged.spans("responses", "response")
    assert len(calls) == 3
    for call in calls:
        assert call["outcome"] == "success"
        assert call["tokens"]["input"] == 21
        assert call["tokens"]["output"] == 7
        assert call["duration_ms"] >= 0
        assert (call["attributes"].get("response_id") or call["provider_request_id"]).startswith("resp_stub_")
    (handoff,) = logged.spans("responses", "handoff")
    assert (handoff["attributes"]["from_agent"], handoff["attributes"]["to_agent"]) == ("Triage", "Billing")


def test_a_tool_has_the_digests_of_its_arguments_and_result(logged: Logged) -> None:
    """Whoever computes them: the writer from what the SDK sends, or the audit client in the agent's process."""
    (tool,) = logged.spans("responses", "function")
    assert tool["attributes"]["tool_name"] == "look_up_order"
    arguments: dict[str, Any] = {"order": models.TOOL_ARGUMENT, "api_key": models.SECRET}
    assert tool["request_hash"] == digest_json(arguments, key=None).digest
    assert tool["response_hash"]


def test_generations_have_digests(logged: Logged) -> None:
    """Over Chat Completions the spans hold what was said: it is digested, streamed or not, and dropped."""
    assert (logged.endings["chat"], logged.endings["stream"]) == (models.REPLY, models.REPLY)
    whole, streamed = logged.spans("chat", "generation"), logged.spans("stream", "generation")
    assert (len(whole), len(streamed)) == (3, 3)
    assert all(call["request_hash"] and call["response_hash"] for call in (*whole, *streamed))
    assert {call["model"] for call in (*whole, *streamed)} == {models.OPENAI_MODEL}
    # The same question, streamed or not, has the same digest.
    assert whole[0]["request_hash"] == streamed[0]["request_hash"]


def test_through_the_client_content_stays_with_the_agent(logged: Logged) -> None:
    """The audit client digests content in the agent's process, so that not even the writer sees it."""
    seen = b"".join(seen.content for seen, _, _ in logged.backend.replies)
    assert any(planted.encode() in seen for planted in models.PLANTED) is (logged.exporter == "sdk")


def test_a_tripped_guardrail_is_policy_blocked(logged: Logged) -> None:
    """What a guardrail stops is logged as blocked by policy, with the guardrail's name."""
    assert logged.endings["guarded"] == "InputGuardrailTripwireTriggered"
    (guardrail,) = logged.spans("guarded", "guardrail")
    assert guardrail["outcome"] == "policy-blocked"
    assert guardrail["attributes"]["guardrail"] == "no_prompts"


@pytest.mark.parametrize(
    ("group", "status", "outcome"),
    [("429", 429, "throttled"), ("500", 500, "error"), ("cut", None, "error"), ("silent", None, "error")],
)
def test_a_failing_model_is_logged_as_failing(logged: Logged, group: str, status: int | None, outcome: str) -> None:
    """Throttled is throttled; broken, cut off and silent are errors."""
    assert logged.endings[group] not in {models.REPLY, "None"}
    (call,) = logged.spans(group, "response")
    assert (call["status"], call["outcome"]) == (status, outcome)
