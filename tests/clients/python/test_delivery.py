"""Sending: what each answer of the log, and its silence, does to what waits. Nothing is lost but what is refused."""

import json
import logging
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest

from audit_log_client import AuditLog, EndpointError, _reply, _sender, _spool
from audit_log_client._reply import read_reply
from audit_log_client._sender import read_endpoint
from tests.clients.endpoints import BAD, GOOD
from tests.clients.python.endpoint import TOKEN, Answer, Seen, Server, free_port, serving, stored


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less before trying again."""
    monkeypatch.setattr(_sender, "FIRST_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(_sender, "DENIED_WAIT_SECONDS", 0.05)


def _record(log: AuditLog, count: int = 1, start: int = 0) -> None:
    for number in range(start, start + count):
        log.record(endpoint="https://api.example.com/x", status=200, attributes={"sequence": number})


def _taken(endpoint: Server) -> list[int]:
    """Return the numbers of the events that were answered with success, each as often as it was."""
    return [event["attributes"]["sequence"] for seen in endpoint.seen for event in seen.events]


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def _until(ready: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "it never came to it"
        time.sleep(0.01)


class Script:
    """Answers with what is scripted first, then as a log that stores all."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = [*answers]
        self.taken: list[dict[str, Any]] = []
        self.keys: list[str] = []

    def __call__(self, seen: Seen) -> Answer:
        """Answer one request."""
        self.keys.append(seen.headers["idempotency-key"])
        if self.answers:
            return self.answers.pop(0)
        self.taken += seen.events
        return stored(seen)


def test_what_is_sent(log: AuditLog, endpoint: Server, tmp_path: Path) -> None:
    """Lines of JSON, zipped, with the token and a key; what is stored leaves the spool."""
    _record(log, 3)
    assert log.flush(10)
    (seen,) = endpoint.seen
    assert seen.path == "/v1/events"
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"
    assert seen.headers["content-encoding"] == "gzip"
    assert len(seen.headers["idempotency-key"]) == 32
    assert _taken(endpoint) == [0, 1, 2]
    log.close()
    assert not _files(tmp_path / "spool")


def test_it_is_sent_without_being_asked(log: AuditLog, endpoint: Server) -> None:
    """What is logged goes out within `send_every` seconds, more or less."""
    _record(log)
    _until(lambda: _taken(endpoint) == [0])


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=503, headers={"Retry-After": "0"}),
        Answer(status=500),
        Answer(status=429, headers={"Retry-After": "0"}),
        Answer(status=401),
        Answer(status=403),
        Answer(status=404),
        Answer(status=302, headers={"Location": "/elsewhere"}),
        Answer(status=200, body=b"<html>please log in to this network</html>"),
        Answer(status=200, body=b'{"stored":[],"refused":[]}'),
        Answer(status=200, body=b"{}"),
        Answer(status=200, body=b"[]"),
        Answer(status=422, body=b'{"title":"no"}'),
        Answer(status=200, chunks=[b'{"stored":'], cut=True),
    ],
    ids=lambda answer: f"{answer.status}-{answer.body[:12].decode()}",
)
def test_any_answer_but_the_logs_own_keeps_the_batch(log: AuditLog, endpoint: Server, answer: Answer) -> None:
    """It is sent again, under the same key where it is the same batch, until the log says what became of it."""
    script = endpoint.behaviour = Script(answer, answer)
    _record(log, 2)
    assert log.flush(10)
    assert [event["attributes"]["sequence"] for event in script.taken] == [0, 1]
    assert len(set(script.keys)) == 1


def test_refused_events_are_kept_apart(log: AuditLog, endpoint: Server, tmp_path: Path) -> None:
    """207: what is stored is done, what is refused can be looked at, with the log's reason."""
    endpoint.behaviour = lambda seen: stored(seen, {1: "must be an integer"})
    _record(log, 3)
    assert log.flush(10)
    (line,) = (tmp_path / "spool" / "python" / "refused.jsonl").read_text().splitlines()
    kept = json.loads(line)
    assert (kept["field"], kept["reason"]) == ("status", "must be an integer")
    assert json.loads(kept["event"])["attributes"]["sequence"] == 1


def test_all_refused(log: AuditLog, endpoint: Server, tmp_path: Path) -> None:
    """422 is final: nothing of the batch is sent again."""
    endpoint.behaviour = lambda seen: stored(seen, dict.fromkeys(range(len(seen.events)), "no"))
    _record(log, 2)
    assert log.flush(10)
    assert len((tmp_path / "spool" / "python" / "refused.jsonl").read_text().splitlines()) == 2
    assert len(endpoint.seen) == 1


def test_too_large_is_split(log: AuditLog, endpoint: Server, tmp_path: Path) -> None:
    """413: halves, until they are taken; an event that is too large by itself is refused."""

    def behaviour(seen: Seen) -> Answer:
        too_large = len(seen.events) > 3 or any(event["attributes"]["sequence"] == 5 for event in seen.events)
        return Answer(status=413) if too_large else stored(seen)

    endpoint.behaviour = behaviour
    _record(log, 10)
    assert log.flush(10)
    good = [
        event["attributes"]["sequence"]
        for seen in endpoint.seen
        if behaviour(seen).status == 200
        for event in seen.events
    ]
    assert sorted(good) == [number for number in range(10) if number != 5]
    assert "too large" in (tmp_path / "spool" / "python" / "refused.jsonl").read_text()


def test_nobody_there_for_a_while(tmp_path: Path) -> None:
    """Refused connections lose nothing."""
    port = free_port()
    with AuditLog(f"http://127.0.0.1:{port}", TOKEN, spool=tmp_path, send_every=0.02) as log:
        _record(log, 5)
        assert not log.flush(0.3)
        with serving(stored, port) as endpoint:
            _until(lambda: len(_taken(endpoint)) == 5)
            assert _taken(endpoint) == [0, 1, 2, 3, 4]


def test_silence(endpoint: Server, tmp_path: Path) -> None:
    """An endpoint that takes connections and says nothing holds nobody up, and loses nothing."""
    endpoint.behaviour = Script(Answer(silent=True))
    with AuditLog(endpoint.url, TOKEN, spool=tmp_path, send_every=0.02, timeout=0.3) as log:
        started = time.monotonic()
        _record(log, 100)
        assert time.monotonic() - started < 0.2
        assert log.flush(10)
    assert len({event["id"] for event in endpoint.behaviour.taken}) == 100


def test_what_the_log_asks_for_is_heeded(log: AuditLog, endpoint: Server) -> None:
    """After `Retry-After: 1` nothing is sent for a second, unless somebody waits for it."""
    endpoint.behaviour = Script(Answer(status=503, headers={"Retry-After": "1"}))
    _record(log)
    _until(lambda: len(endpoint.seen) == 1)
    first = time.monotonic()
    _until(lambda: len(endpoint.seen) == 2)
    assert time.monotonic() - first > 0.8


def test_one_bad_batch_holds_none_back(log: AuditLog, endpoint: Server) -> None:
    """A batch that the log cannot take now waits; those after it are sent."""

    def behaviour(seen: Seen) -> Answer:
        return Answer(status=500) if any(e["attributes"]["sequence"] == 0 for e in seen.events) else stored(seen)

    endpoint.behaviour = behaviour
    _record(log)
    _until(lambda: len(endpoint.seen) >= 1)
    _record(log, 2, start=1)
    _until(lambda: any(behaviour(seen).status == 200 for seen in endpoint.seen))


def test_batches_are_small_enough(log: AuditLog, endpoint: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has fewer events, and fewer bytes, than the log takes; together they are all."""
    assert _spool.BATCH_BYTES < 4_000_000
    assert _spool.BATCH_EVENTS < 10_000
    monkeypatch.setattr(_spool, "BATCH_EVENTS", 7)
    monkeypatch.setattr(_spool, "BATCH_BYTES", 2000)
    _record(log, 60)
    assert log.flush(10)
    assert all(len(seen.events) <= 7 and len(seen.body) <= 2000 for seen in endpoint.seen)
    assert _taken(endpoint) == [*range(60)]


def test_threads_share_one(log: AuditLog, endpoint: Server) -> None:
    """Many threads, no event lost or twice."""
    threads = [threading.Thread(target=_record, args=(log, 200, 200 * number)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.flush(20)
    assert sorted(_taken(endpoint)) == [*range(1600)]


def test_nothing_secret_is_said(log: AuditLog, endpoint: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the token, nor an event, nor what the endpoint said is in the program's own log."""
    caplog.set_level(logging.DEBUG)
    endpoint.behaviour = Script(
        Answer(status=401, body=b"hunter2"), Answer(status=200, body=b"hunter2"), Answer(status=500, body=b"hunter2")
    )
    log.record(endpoint="https://api.example.com/hunter2", request="hunter2", status=200)
    assert log.flush(10)
    assert "the audit log refuses the token (401)" in caplog.text
    assert TOKEN not in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("endpoint", BAD)
def test_what_is_no_endpoint_is_refused(endpoint: str, tmp_path: Path) -> None:
    """A token is never sent without TLS, nor to another host than the address shows. The program fails at its start."""
    with pytest.raises(EndpointError) as caught:
        AuditLog(endpoint, TOKEN, spool=tmp_path)
    assert "other.example" not in str(caught.value)


@pytest.mark.parametrize(("endpoint", "base"), GOOD.items())
def test_what_is_an_endpoint(endpoint: str, base: str) -> None:
    """The client and httpx find the same host."""
    assert read_endpoint(endpoint, TOKEN) == base
    assert httpx.URL(base).raw_host.decode() in base


def test_a_proxy_sees_nothing_that_goes_to_loopback(
    endpoint: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without TLS, a proxy would read the token."""
    with serving(stored) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        with AuditLog(endpoint.url, TOKEN, spool=tmp_path) as log:
            _record(log)
            assert log.flush(10)
        assert not proxy.seen
    assert endpoint.seen


@pytest.mark.parametrize("token", ["", "two words", "t\u00f6ken", "a\nb"])
def test_what_is_no_token_is_refused(token: str, tmp_path: Path) -> None:
    """Neither is it said again in the error."""
    with pytest.raises(EndpointError) as caught:
        AuditLog("https://log.example.com", token, spool=tmp_path)
    assert not token or token not in str(caught.value)


def test_the_endpoint_may_be_pasted_with_its_path(endpoint: Server, tmp_path: Path) -> None:
    """`…/v1/events`, with or without a slash at its end, is the same endpoint."""
    for number, end in enumerate(("/", "/v1/events", "/v1/events/")):
        with AuditLog(endpoint.url + end, TOKEN, spool=tmp_path / str(number)) as log:
            _record(log)
            assert log.flush(10)
    assert {seen.path for seen in endpoint.seen} == {"/v1/events"}


def test_settings_from_the_environment(endpoint: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Endpoint, token, folder, user and correlation; the default folder belongs to endpoint and token, as pasted."""
    monkeypatch.setenv("AUDIT_LOG_ENDPOINT", f"{endpoint.url}/v1/events/ ")
    monkeypatch.setenv("AUDIT_LOG_TOKEN", f" {TOKEN}\n")
    monkeypatch.setenv("AUDIT_LOG_USER", "u_env")
    monkeypatch.setenv("AUDIT_LOG_CORRELATION", "c_env")
    with AuditLog() as log:
        _record(log)
        _until(lambda: bool(endpoint.seen))
        (folder,) = (tmp_path / "state" / "agent-audit-log").iterdir()
        assert TOKEN not in str(folder)
        assert folder.stat().st_mode & 0o777 == 0o700
    (event,) = endpoint.seen[0].events
    assert (event["user_id"], event["correlation_id"]) == ("u_env", "c_env")
    assert endpoint.seen[0].headers["authorization"] == f"Bearer {TOKEN}"
    monkeypatch.setenv("AUDIT_LOG_SPOOL", str(tmp_path / "mine"))
    with AuditLog() as log:
        _record(log)
        assert log.flush(10)
        assert (tmp_path / "mine" / "python").is_dir()


def test_replies_are_read_strictly() -> None:
    """`Retry-After` as seconds or a date, within reason; what is neither is nothing."""
    assert read_reply(503, {"retry-after": "7"}, b"", events=1).wait == 7
    assert read_reply(503, {"retry-after": "999999"}, b"", events=1).wait == _reply.MAX_WAIT_SECONDS
    later = read_reply(503, {"retry-after": formatdate(time.time() + 30, usegmt=True)}, b"", events=1).wait
    assert later is not None
    assert 25 < later < 31
    for odd in ("soon", "-1", "", "1e3"):
        assert read_reply(503, {"retry-after": odd}, b"", events=1).wait in {None, 0.0}
