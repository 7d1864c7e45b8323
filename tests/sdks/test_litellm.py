"""LiteLLM's generic logger, in each of its three forms."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from audit_core.digest import digest_json
from tests.sdks import models, scenarios
from tests.sdks.backend import Backend
from tests.sdks.conftest import Python
from tests.sdks.kits import LITELLM
from tests.sdks.scenarios import LiteCall


class Logged(NamedTuple):
    """How each call of one process ended, and what it has logged."""

    backend: Backend
    endings: list[str]


FORMS = ["json_array", "ndjson", "single"]


@pytest.fixture(scope="module")
def all_logged(python_of: Python, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Logged]]:
    """Yield, for each form, what calls have logged that succeed, are throttled, fail, break off and find nobody."""
    turns = [models.say(models.REPLY)]
    tool = models.call("look_up_order", {"order": models.TOOL_ARGUMENT, "api_key": models.SECRET})
    calls = [
        LiteCall(provider="openai", behaviour=models.openai(turns)),
        LiteCall(provider="anthropic", behaviour=models.anthropic([tool])),
        LiteCall(provider="openai", behaviour=models.openai(turns), stream=True),
        LiteCall(provider="openai", behaviour=models.script(models.throttled())),
        LiteCall(provider="openai", behaviour=models.script(models.broken())),
        LiteCall(provider="openai", behaviour=models.openai(turns, cut=True), stream=True),
        LiteCall(provider="openai", behaviour=models.script(models.silent())),
    ]
    with ExitStack() as stack:
        backends = {form: stack.enter_context(Backend()) for form in FORMS}
        place = scenarios.place(python_of(LITELLM), backends["json_array"], tmp_path_factory.mktemp("litellm") / "home")
        endings = scenarios.litellm(place, calls, endpoints={form: made.url for form, made in backends.items()})
        yield {form: Logged(made, endings) for form, made in backends.items()}


@pytest.fixture(params=FORMS)
def logged(request: pytest.FixtureRequest, all_logged: dict[str, Logged]) -> Logged:
    """Return what came in one form."""
    return all_logged[request.param]


def test_every_call_is_one_record(logged: Logged) -> None:
    """The agent saw each call end as it did, the log has each once, and nothing of what was said."""
    assert logged.endings[0] == logged.endings[2] == models.REPLY
    assert logged.endings[3:5] == ["RateLimitError", "InternalServerError"]
    assert {status for _, status, _ in logged.backend.replies} == {200}, logged.backend.told
    records = logged.backend.records
    assert len(records) == len(logged.backend.calls) == 7
    logged.backend.assert_clean()


def test_outcomes(logged: Logged) -> None:
    """Success, throttled and error are told apart; a status is there where LiteLLM tells it."""
    found = [(record["status"], record["outcome"]) for record in logged.backend.records]
    assert [outcome for _, outcome in found] == [
        "success",
        "success",
        "success",
        "throttled",
        "error",
        "error",
        "error",
    ]
    assert [status for status, _ in found][3:5] == [429, 500]


def test_fields(logged: Logged) -> None:
    """Each call has what LiteLLM's payload carries."""
    for record in logged.backend.records:
        assert record["source"] == "litellm"
        assert record["request_hash"]
        assert record["endpoint"].startswith("http://127.0.0.1:")
        assert record["model"] in {models.OPENAI_MODEL, models.ANTHROPIC_MODEL}
        assert record["duration_ms"] > 0
        assert record["user_id"] == scenarios.USER
    assert {record["correlation_id"] for record in logged.backend.records} == {scenarios.GROUP}
    for record in logged.backend.records[:3]:
        assert record["tokens"]["output"] == 7
        assert record["response_hash"]
    assert logged.backend.records[0]["provider_request_id"].startswith("req_openai_")


def test_the_digest_is_that_of_the_messages(logged: Logged) -> None:
    """What was asked can be found again by its digest."""
    messages: list[Any] = [
        {"role": "system", "content": models.SYSTEM},
        {"role": "user", "content": f"{models.PROMPT} {models.SECRET}"},
    ]
    assert logged.backend.records[0]["request_hash"] == digest_json(messages, key=None).digest
