"""How a call ended, by its answer: an answer with status 200 can report an error."""

import gzip
import json

import pytest

from audit_log_client import AuditLog
from audit_log_client._events import Events
from tests.clients.answers import CASES, JSON, SSE, Case, data, named
from tests.clients.python.calls import json_answer, logged, only
from tests.clients.python.endpoint import Answer, Server


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_answer(log: AuditLog, endpoint: Server, service: Server, case: Case) -> None:
    """A record holds outcome, code, tokens and end, whatever the provider's form."""
    service.behaviour = lambda _: Answer(headers={"Content-Type": case.mime}, chunks=case.chunks)
    with log.http_client() as client:
        assert client.get(service.url).content == b"".join(case.chunks)
    event = logged(log, endpoint)[-1]
    assert event.get("outcome") == case.outcome
    attributes = event["attributes"]
    assert attributes.get("error_code", attributes.get("finish_reason")) == case.code
    assert event.get("tokens", {}) == case.tokens
    assert event.get("stream", {"complete": True})["complete"] is case.complete
    assert ("response_hash" in event) is case.complete
    assert "words" not in json.dumps(event)


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.mime != JSON], ids=str)
def test_any_cut_says_the_same(case: Case) -> None:
    """The result does not depend on where the network splits an answer."""
    body = b"".join(case.chunks)
    if len(body) > 100_000:
        return
    for size in (1, 7, len(body)):
        events = Events(case.mime)
        for at in range(0, len(body), size):
            events.feed(body[at : at + size])
        events.finish()
        assert (events.summary.outcome, events.summary.tokens, events.is_cut) == (
            case.outcome,
            case.tokens,
            not case.complete,
        )


def test_an_sdk_that_reads_no_further(log: AuditLog, endpoint: Server, service: Server) -> None:
    """A stream that the caller leaves after its last event is complete, whatever the length of that event."""
    case = CASES["responses with a last event of 66 KB"]
    service.behaviour = lambda _: Answer(headers={"Content-Type": SSE}, chunks=[*case.chunks, b": more\n\n"])
    with log.http_client() as client, client.stream("GET", service.url) as answer:
        seen = b""
        for chunk in answer.iter_raw():
            seen += chunk
            if seen.endswith(b"}\n\n") and b"response.completed" in seen:
                break
    event = logged(log, endpoint)[-1]
    assert event["stream"]["complete"] is True
    assert event["tokens"] == case.tokens
    assert event["response_hash"]


@pytest.mark.parametrize("end", ["error", "left"])
def test_an_agent_that_leaves(log: AuditLog, endpoint: Server, service: Server, end: str) -> None:
    """An SDK raises at the error and closes. A caller that leaves in the middle has no result, so no success."""
    last = data({"error": {"message": "words"}}) if end == "error" else []
    chunks = [*CASES["chat cut off"].chunks, *last]
    service.behaviour = lambda _: Answer(headers={"Content-Type": SSE}, chunks=[*chunks, b"data: {}\n\n" * 2000])
    with log.http_client() as client, client.stream("GET", service.url) as answer:
        for _ in zip(chunks, answer.iter_raw(), strict=False):
            pass
    event = logged(log, endpoint)[-1]
    assert event.get("outcome") == ("error" if end == "error" else None)
    assert event["stream"]["complete"] is (end == "error")


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [(400, "content_filter", "policy-blocked"), (400, "invalid_request", None), (429, "rate_limit_exceeded", None)],
)
def test_an_error_status(
    log: AuditLog, endpoint: Server, service: Server, status: int, code: str, outcome: str | None
) -> None:
    """The status decides, unless the answer names a policy."""
    service.behaviour = lambda _: json_answer({"error": {"code": code}}, status=status)
    with log.http_client() as client:
        assert client.get(service.url).status_code == status
    event = only(log, endpoint)
    assert (event.get("outcome"), event["attributes"]["error_code"]) == (outcome, code)


def test_a_compressed_stream_that_fails(log: AuditLog, endpoint: Server, service: Server) -> None:
    """The client also reads the events of a compressed stream."""
    encoded = gzip.compress(b"".join(named({"type": "error", "error": {"type": "rate_limit_error"}})))
    service.behaviour = lambda _: Answer(
        headers={"Content-Type": SSE, "Content-Encoding": "gzip"}, chunks=[encoded[:30], encoded[30:]]
    )
    with log.http_client() as client:
        client.get(service.url)
    assert logged(log, endpoint)[-1]["outcome"] == "throttled"
