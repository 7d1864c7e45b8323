"""LiteLLM's generic logger, in each of its three forms."""

from typing import Any

import pytest

from audit_core.digest import digest_json
from tests.sdks import models, scenarios
from tests.sdks.backend import Backend
from tests.sdks.conftest import PlaceOf
from tests.sdks.environments import LITELLM
from tests.sdks.scenarios import Place


@pytest.fixture
def place(place_of: PlaceOf) -> Place:
    """Return where LiteLLM runs."""
    return place_of(LITELLM)


def tool_call() -> models.Turn:
    """A tool call with a secret in its arguments."""
    return models.call("look_up_order", {"order": models.TOOL_ARGUMENT, "api_key": models.SECRET})


def by_outcome(records: list[dict[str, Any]]) -> list[tuple[Any, Any]]:
    """Status and outcome of each record, in the order of the calls."""
    return [(record["status"], record["outcome"]) for record in records]


@pytest.mark.parametrize("log_format", ["json_array", "ndjson", "single"])
def test_successes_and_failures(backend: Backend, place: Place, log_format: str) -> None:
    """Calls that succeed, are throttled and fail are one record each, with what the payload carries."""
    endings = scenarios.litellm(
        place,
        [
            ("openai", models.openai([models.say(models.REPLY)])),
            ("anthropic", models.anthropic([tool_call()])),
            ("openai", models.script(models.throttled())),
            ("openai", models.script(models.broken())),
        ],
        log_format=log_format,
    )
    assert endings[0] == models.REPLY
    assert endings[2:] == ["RateLimitError", "InternalServerError"]
    records = backend.wait_for(4)
    assert {status for _, status, _ in backend.replies} == {200}, backend.told
    assert len(records) == 4
    backend.assert_clean()
    assert [outcome for _, outcome in by_outcome(records)] == ["success", "success", "throttled", "error"]
    assert [status for status, _ in by_outcome(records)][2:] == [429, 500]
    for record in records:
        assert record["source"] == "litellm"
        assert record["request_hash"]
        assert record["endpoint"].startswith("http://127.0.0.1:")
        assert record["model"] in {models.OPENAI_MODEL, models.ANTHROPIC_MODEL}
        assert record["duration_ms"] > 0
        assert record["user_id"] == scenarios.USER
    assert {record["correlation_id"] for record in records} == {scenarios.GROUP}
    assert len({record["attributes"]["id"] for record in records}) == 4
    first = records[0]
    assert first["tokens"]["input"] == 21
    assert first["tokens"]["output"] == 7
    assert first["response_hash"]
    assert first["provider_request_id"].startswith("req_openai_")
    messages: list[Any] = [
        {"role": "system", "content": models.SYSTEM},
        {"role": "user", "content": f"{models.PROMPT} {models.SECRET}"},
    ]
    assert first["request_hash"] == digest_json(messages, key=None).digest


def test_streams_and_what_breaks_off(backend: Backend, place: Place) -> None:
    """A stream that ends is a success; one that is cut and a model that says nothing are errors."""
    endings = scenarios.litellm(
        place,
        [
            ("openai", models.openai([models.say(models.REPLY)])),
            ("openai", models.openai([models.say(models.REPLY)], cut=True)),
            ("openai", models.script(models.silent())),
        ],
        stream=True,
    )
    records = backend.wait_for(3)
    assert endings[0] == models.REPLY
    assert [outcome for _, outcome in by_outcome(records)] == ["success", "error", "error"]
    backend.assert_clean()
