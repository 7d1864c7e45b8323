"""The hook: what is logged of a call, and that the agent gets what it would have got without it."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from audit_core.digest import digest_payload
from audit_core.values import CONTROL
from audit_log_client import AuditLog, HmacKey, _call
from audit_log_client._event import plain
from tests.clients.python.calls import EVENTS, REPLY, json_answer, logged, only, streamed
from tests.clients.python.endpoint import TOKEN, Answer, Seen, Server, free_port

SECRET_PROMPT = "the merger is on Friday"
QUESTION = {"model": "m-asked", "messages": [{"role": "user", "content": SECRET_PROMPT}], "api_key": "hunter2"}


def test_a_call(log: AuditLog, endpoint: Server, service: Server) -> None:
    """Every field that the wire carries is filled, the digests are the writer's, and no content leaves the process."""
    service.behaviour = lambda _: json_answer(X_Request_ID="req-9")
    with log.user("u_1"), log.correlation("order-17"), log.session("s_2"), log.http_client() as client:
        answer = client.post(
            service.url.replace("//", "//me:secret@") + "/v1/chat?key=hunter2#top", json=QUESTION,
            headers={"traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"},
        )  # fmt: skip
    assert answer.json() == REPLY
    event = only(log, endpoint)
    assert event.pop("id")
    assert event.pop("timestamp").endswith("Z")
    assert event.pop("duration_ms") > 0
    assert event.pop("attributes")["sdk_name"] == "agent-audit-log-client"
    assert event == {
        "user_id": "u_1",
        "session_id": "s_2",
        "correlation_id": "order-17",
        "trace_id": "0123456789abcdef0123456789abcdef",
        "span_id": "0123456789abcdef",
        "endpoint": f"{service.url}/v1/chat",
        "method": "POST",
        "status": 200,
        "request_hash": digest_payload(service.seen[0].body).digest,
        "request_bytes": len(service.seen[0].body),
        "request_mime": "application/json",
        "response_hash": digest_payload(answer.content).digest,
        "response_bytes": len(answer.content),
        "response_mime": "application/json",
        "provider_request_id": "req-9",
        "model": "m-1",
        "tokens": {"input": 3, "output": 4, "total": 7},
    }
    sent = b"".join(seen.body for seen in endpoint.seen)
    assert SECRET_PROMPT.encode() not in sent
    assert b"hunter2" not in sent
    assert b"secret" not in sent


def test_the_services_are_told_the_correlation(log: AuditLog, endpoint: Server, service: Server) -> None:
    """`X-Trace-ID` is the record's correlation id: the workflow's, the caller's own, or one of this call alone."""
    with log.http_client() as client:
        client.get(service.url)
        client.get(service.url, headers={"X-Trace-ID": "mine"})
        with log.correlation("outer"), log.correlation("inner"):
            client.get(service.url)
    sent = [seen.headers["x-trace-id"] for seen in service.seen]
    assert [event["correlation_id"] for event in logged(log, endpoint)] == sent
    assert sent[1:] == ["mine", "inner"]
    assert len(sent[0]) == 32


@pytest.mark.parametrize("name", ["bestellung-\u00fc", "a\r\nX-Evil: 1", "x" * 5000])
def test_a_correlation_that_is_no_header(log: AuditLog, endpoint: Server, service: Server, name: str) -> None:
    """What cannot be sent as a header is not; the call is made, and logged."""
    with log.correlation(name), log.http_client() as client:
        client.get(service.url)
    assert "x-evil" not in service.seen[0].headers
    assert only(log, endpoint)["correlation_id"] == name.replace("\r\n", "")[:256]


def test_no_header_where_none_is_wanted(endpoint: Server, service: Server, tmp_path: Path) -> None:
    """`trace_header=False` leaves requests as they are."""
    with (
        AuditLog(endpoint.url, TOKEN, spool=tmp_path / "other", trace_header=False) as log,
        log.http_client() as client,
    ):
        client.get(service.url)
    assert "x-trace-id" not in service.seen[0].headers


@pytest.mark.parametrize(("status", "outcome"), [(429, None), (500, None), (404, None)])
def test_errors_of_the_service(log: AuditLog, endpoint: Server, service: Server, status: int, outcome: None) -> None:
    """The status says what became of the call: the writer makes `throttled` and `error` of it."""
    service.behaviour = lambda _: json_answer({"error": "no"}, status=status)
    with log.http_client() as client:
        assert client.get(service.url).status_code == status
    event = only(log, endpoint)
    assert (event["status"], event.get("outcome")) == (status, outcome)
    assert event["response_hash"]


def test_nobody_there(log: AuditLog, endpoint: Server) -> None:
    """A call that was never answered has no status; it is an error, and says which."""
    with log.http_client() as client, pytest.raises(httpx.ConnectError):
        client.post(f"http://127.0.0.1:{free_port()}/", content=b"x")
    event = only(log, endpoint)
    assert "status" not in event
    assert "response_hash" not in event
    assert event["outcome"] == "error"
    assert event["attributes"]["error_type"] == "ConnectError"
    assert event["request_hash"]


def test_silence(log: AuditLog, endpoint: Server, service: Server) -> None:
    """A time-out is an error of the call."""
    service.behaviour = lambda _: Answer(silent=True)
    with log.http_client(timeout=0.2) as client, pytest.raises(httpx.ReadTimeout):
        client.get(service.url)
    event = only(log, endpoint)
    assert (event["outcome"], event["attributes"]["error_type"]) == ("error", "ReadTimeout")


def test_a_streamed_request(log: AuditLog, endpoint: Server, service: Server) -> None:
    """A request that is read from a generator is digested as it is sent, and is still there to be sent again."""
    service.behaviour = lambda seen: (
        json_answer() if seen.path == "/b" else Answer(status=307, headers={"Location": "/b"})
    )
    with log.http_client() as client:
        client.post(service.url + "/a", files={"f": ("name", b"content")})
    first, second = logged(log, endpoint)
    assert first["request_hash"] == second["request_hash"] == digest_payload(service.seen[1].body).digest
    assert first["correlation_id"] == second["correlation_id"]


def test_a_request_that_breaks(log: AuditLog, endpoint: Server, service: Server) -> None:
    """The agent's own error comes back to it; a request that was not sent to its end has no digest."""

    def parts() -> Iterator[bytes]:
        yield b"x"
        raise LookupError("the agent's own")

    with log.http_client() as client, pytest.raises(LookupError):
        client.post(service.url, content=parts())
    event = only(log, endpoint)
    assert event["attributes"]["error_type"] == "LookupError"
    assert "request_hash" not in event


def test_keyed_digests(endpoint: Server, service: Server, tmp_path: Path) -> None:
    """With a key of the agent's own every digest is made with it."""
    key = HmacKey("agent-1", bytes(32))
    with AuditLog(endpoint.url, TOKEN, spool=tmp_path / "keyed", digest_key=key) as log, log.http_client() as client:
        client.get(service.url)
        event = only(log, endpoint)
    assert event["request_hash"].startswith("hmac-sha256:agent-1:")
    assert event["response_hash"].startswith("hmac-sha256:agent-1:")


def test_by_hand(log: AuditLog, endpoint: Server) -> None:
    """`record` takes payloads of any kind, digests them here, and keeps the fields that it is given."""
    log.record(
        endpoint="https://me:pw@api.example.com/x?token=t", method="POST", status=200, request={"b": 1, "a": 1.0},
        response="text", attributes={"tool": "search"}, session_id="s\n1", outcome="policy-blocked",
    )  # fmt: skip
    event = only(log, endpoint)
    assert event["endpoint"] == "https://api.example.com/x"
    assert event["request_hash"] == digest_payload(b'{"a":1,"b":1}').digest
    assert event["response_hash"] == digest_payload(b"text").digest
    assert event["session_id"] == "s1"
    assert event["attributes"]["tool"] == "search"
    assert (event["outcome"], event["status"]) == ("policy-blocked", 200)


def test_ids_that_are_numbers(endpoint: Server, service: Server, tmp_path: Path) -> None:
    """A record's ids become text: from a log, from a call, from a block, and from `record`."""
    own = uuid.uuid4()
    with AuditLog(endpoint.url, TOKEN, spool=tmp_path, user_id=40217, correlation_id=7) as log:
        with log.http_client() as client:
            client.get(service.url)
        log.record(endpoint="a", user_id=40217, correlation_id=7, session_id=9007199254740993, trace_id=own)  # type: ignore[arg-type]
        with log.user(40217), log.session(9007199254740993):
            log.record(endpoint="a", deployment_id=2.0, correlation_id=7.0, odd=own)  # type: ignore[arg-type]
        events = logged(log, endpoint)
    assert {(event["user_id"], event["correlation_id"]) for event in events} == {("40217", "7")}
    assert [event["session_id"] for event in events[1:]] == ["9007199254740993"] * 2
    assert (events[1]["trace_id"], events[2]["deployment_id"]) == (str(own), "2")
    assert "odd" not in events[2]


def test_attributes_that_json_cannot_say(log: AuditLog, endpoint: Server) -> None:
    """They are left out; the event is not."""
    circle: list[object] = []
    circle.append(circle)
    odd = {"set": {1}, "nan": float("nan"), "circle": circle, ("a", "b"): 1, "step": 3}
    log.record(endpoint="api.example.com", attributes=odd)  # pyrefly: ignore[bad-argument-type]
    attributes = only(log, endpoint)["attributes"]
    assert attributes["step"] == 3
    assert not {"set", "nan", "circle"} & attributes.keys()


def test_what_the_log_refuses_is_not_sent() -> None:
    """A text keeps no character for which the log would refuse the event."""
    refused = [chr(code) for code in range(0x110000) if CONTROL.search(chr(code))]
    assert [plain("user_id", f"u{character}1") for character in refused] == ["u1"] * len(refused)


def test_what_the_agent_has_in_its_hands_may_change(log: AuditLog, endpoint: Server) -> None:
    """A payload is what it was when it was recorded."""
    given: list[object] = [1]
    log.record(endpoint="x", request=given)
    given.append(2)
    assert only(log, endpoint)["request_hash"] == digest_payload(b"[1]").digest


def test_calls_to_the_log_are_not_logged(log: AuditLog, endpoint: Server) -> None:
    """A client with the hook may talk to the log itself; it gets no header and leaves no record."""
    with log.http_client() as client:
        client.post(endpoint.url + "/v1/events", content=b'{"id":"x"}')
    assert "x-trace-id" not in endpoint.seen[0].headers
    assert log.flush(5)
    assert len(endpoint.seen) == 1


def test_a_transport_of_the_agents_own(log: AuditLog, endpoint: Server) -> None:
    """The hook goes around any transport; an answer that is there as a whole is logged as such."""
    inner = httpx.MockTransport(lambda _: httpx.Response(200, json=REPLY))
    with httpx.Client(transport=log.transport(inner)) as client:
        assert client.get("https://api.example.com/x").json() == REPLY
    event = only(log, endpoint)
    assert event["response_hash"] == digest_payload(json.dumps(REPLY).encode()).digest
    assert event["tokens"]["total"] == 7


def test_a_client_that_is_already_there(log: AuditLog, service: Server, endpoint: Server) -> None:
    """`instrument` twice logs once; what is no client is refused."""
    with log.instrument(log.instrument(httpx.Client())) as client:
        client.get(service.url)
    only(log, endpoint)
    with pytest.raises(TypeError, match="httpx"):
        log.instrument(object())


def test_proxies_stay_in_use(log: AuditLog, endpoint: Server, service: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's proxy is on the way, as it would be without the hook."""
    monkeypatch.setenv("HTTP_PROXY", service.url)
    with log.http_client() as client:
        client.get("http://api.example.test/x")
    assert service.seen[0].path == "http://api.example.test/x"
    assert only(log, endpoint)["endpoint"] == "http://api.example.test/x"


def test_a_fault_in_the_hook_is_not_the_agents(
    log: AuditLog, service: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever breaks in here, the call goes on; the fault is logged."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    for name in ("__init__", "answered", "received", "end"):
        with monkeypatch.context() as patch:
            patch.setattr(_call.Call, name, broken)
            with log.http_client() as client:
                assert client.get(service.url).json() == REPLY
    assert "a fault" in caplog.text


def test_asynchronously(log: AuditLog, endpoint: Server, service: Server) -> None:
    """The same for an asynchronous client: calls, streamed requests, streams, streams given up, cancelled calls."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    async def run() -> None:
        async with log.async_http_client() as client:
            await client.post(service.url + "/plain", content=parts())
            async with client.stream("GET", service.url + "/stream") as answer:
                async for _ in answer.aiter_bytes():
                    pass
            async with client.stream("GET", service.url + "/stream") as answer:
                async for _ in answer.aiter_bytes():
                    break
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.get(service.url + "/silent"), 0.3)
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://127.0.0.1:{free_port()}/")

    def behaviour(seen: Seen) -> Answer:
        if seen.path == "/silent":
            return Answer(silent=True)
        return streamed(*EVENTS, b"data: x\n\n" * 100_000) if seen.path == "/stream" else json_answer()

    service.behaviour = behaviour
    asyncio.run(run())
    plain, _, whole, _, given_up, cancelled, refused = logged(log, endpoint)
    assert plain["request_hash"] == digest_payload(b"ab").digest
    assert whole["stream"]["complete"] is True
    assert whole["response_hash"]
    assert given_up["stream"]["complete"] is False
    assert cancelled["attributes"]["error_type"] == "CancelledError"
    assert "status" not in cancelled
    assert refused["attributes"]["error_type"] == "ConnectError"


def test_tasks_have_their_own_users(log: AuditLog, endpoint: Server, service: Server) -> None:
    """User and correlation are those of the task that calls."""

    async def call(client: httpx.AsyncClient, name: str) -> None:
        with log.user(name), log.correlation(f"for-{name}"):
            await asyncio.sleep(0)
            await client.get(service.url)

    async def run() -> None:
        async with log.async_http_client() as client:
            await asyncio.gather(*(call(client, f"u{number}") for number in range(10)))

    asyncio.run(run())
    events = logged(log, endpoint)
    assert {event["user_id"] for event in events} == {f"u{number}" for number in range(10)}
    assert all(event["correlation_id"] == f"for-{event['user_id']}" for event in events)
