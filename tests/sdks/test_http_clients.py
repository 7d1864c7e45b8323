"""The `openai` and `anthropic` clients with the audit client's hook; over httpx2, and over httpx where it is that."""

import itertools

import pytest

from audit_core.digest import digest_payload
from tests.sdks import models, scenarios
from tests.sdks.backend import Backend
from tests.sdks.conftest import PlaceOf
from tests.sdks.kits import LITELLM, OPENAI, Kit
from tests.sdks.scenarios import Api, Call
from tests.sdks.stubs import Behaviour

KITS = [pytest.param(OPENAI, id="httpx2"), pytest.param(LITELLM, id="httpx")]


def answering(api: str) -> Behaviour:
    """A model that answers."""
    turns = [models.say(models.REPLY)]
    return models.anthropic(turns) if api == "messages" else models.openai(turns)


@pytest.mark.parametrize("kit", KITS)
def test_calls_are_logged_with_their_digests(backend: Backend, place_of: PlaceOf, kit: Kit) -> None:
    """Sync and async, whole and streamed, each field of the guide is filled; no payload leaves the agent's process."""
    apis: list[Api] = ["responses", "chat"] if kit is LITELLM else ["responses", "chat", "messages"]
    calls = [
        Call(api=api, behaviour=answering(api), asynchronous=asynchronous, stream=stream)
        for api, asynchronous, stream in itertools.product(apis, [False, True], [False, True])
    ]
    ran = scenarios.http_clients(place_of(kit), calls)
    assert ran.sent
    assert not [ending for ending in ran.endings if ending.endswith("Error")], ran.endings
    records = scenarios.ends(backend.records)
    assert len(records) == len(calls) == len(backend.calls)
    backend.assert_clean()
    for seen, _, _ in backend.replies:
        for planted in (models.PROMPT, models.SYSTEM, models.REPLY):
            assert planted.encode() not in seen.content
    for record, asked, call in zip(records, ran.asked, calls, strict=True):
        assert record["source"] == "native"
        assert (record["status"], record["method"], record["outcome"]) == (200, "POST", "success")
        assert record["endpoint"] == f"http://127.0.0.1:{asked.headers['host'].rpartition(':')[2]}{asked.route}"
        assert record["user_id"] == scenarios.USER
        assert record["correlation_id"] == scenarios.GROUP
        assert asked.headers["x-trace-id"] == scenarios.GROUP
        assert record["request_hash"] == digest_payload(asked.body).digest
        assert record["response_hash"]
        assert record["provider_request_id"].startswith("req_")
        assert record["duration_ms"] > 0
        assert bool(record["stream"]) is call.stream
        if call.stream:
            assert record["stream"]["complete"] is True
            assert record["stream"]["chunks"] > 1


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_what_goes_wrong_is_logged_as_what_it_is(backend: Backend, place_of: PlaceOf, *, asynchronous: bool) -> None:
    """429, 500, a stream that is cut, silence, nobody there: five calls and outcomes; the agent sees each error."""
    turns = [models.say(models.REPLY)]
    calls = [
        Call(api="responses", behaviour=models.script(models.throttled("7")), asynchronous=asynchronous),
        Call(api="responses", behaviour=models.script(models.broken()), asynchronous=asynchronous),
        Call(api="responses", behaviour=models.openai(turns, cut=True), asynchronous=asynchronous, stream=True),
        Call(api="responses", behaviour=models.script(models.silent()), asynchronous=asynchronous),
        Call(api="responses", behaviour=None, asynchronous=asynchronous),
    ]
    ran = scenarios.http_clients(place_of(OPENAI), calls)
    assert ran.endings[0] == "RateLimitError"
    assert ran.endings[1] == "InternalServerError"
    assert ran.endings[3:] == ["APITimeoutError", "APIConnectionError"]
    records = scenarios.ends(backend.records)
    assert len(records) == len(backend.calls) == 5
    backend.assert_clean()
    assert [record["outcome"] for record in records] == ["throttled", "error", "error", "error", "error"]
    assert [record["status"] for record in records] == [429, 500, 200, None, None]
    assert all(record["request_hash"] for record in records)
    assert [bool(record["response_hash"]) for record in records] == [True, True, False, False, False]
    assert records[2]["stream"]["complete"] is False


def test_a_cancelled_call_is_logged(backend: Backend, place_of: PlaceOf) -> None:
    """A task that is cancelled in the middle of a stream leaves an error that says that the stream is not complete."""
    stalled = models.openai([models.say(models.REPLY)], stall=True)
    call = Call(api="responses", behaviour=stalled, asynchronous=True, stream=True, cancelled=True)
    ran = scenarios.http_clients(place_of(OPENAI), [call])
    assert ran.endings == ["cancelled"]
    (record,) = scenarios.ends(backend.records)
    assert record["outcome"] == "error"
    assert record["response_hash"] is None
    assert record["stream"]["complete"] is False
    backend.assert_clean()
