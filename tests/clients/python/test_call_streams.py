"""The hook on answers that come in pieces, are left unread, or are compressed."""

import gc
import gzip
import json
import zlib
from pathlib import Path

import httpx
import pytest

from audit_core.digest import digest_payload
from audit_log_client import AuditLog, _body
from tests.clients.python.calls import DONE, EVENTS, REPLY, USAGE, end_of, logged, only, streamed
from tests.clients.python.endpoint import TOKEN, Answer, Server


def test_a_stream(log: AuditLog, endpoint: Server, service: Server) -> None:
    """A stream's start and its end are events; digests of its beginnings, and of all, as of the body sent whole."""
    service.behaviour = lambda _: streamed(*EVENTS, USAGE, DONE)
    with log.http_client() as client, client.stream("GET", service.url) as answer:
        body = b"".join(answer.iter_bytes())
    event = end_of(log, endpoint)
    assert event["response_hash"] == digest_payload(body).digest
    assert event["model"] == "m-1"
    assert event["tokens"] == {"input": 5, "output": 6}
    stream = event["stream"]
    assert stream["complete"] is True
    assert stream["bytes"] == len(body) == event["response_bytes"]
    ends = [digest for digest in stream["chunk_digests"] if digest]
    assert ends[-1] == event["response_hash"]
    assert stream["chunks"] == len(stream["chunk_digests"])


def test_a_stream_that_is_cut(log: AuditLog, endpoint: Server, service: Server) -> None:
    """The agent gets the library's own error; the end event says that it is not complete, and has no digest of all."""
    service.behaviour = lambda _: streamed(*EVENTS, cut=True)
    with log.http_client() as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(service.url)
    event = end_of(log, endpoint)
    assert event["stream"]["complete"] is False
    assert event["outcome"] == "error"
    assert event["attributes"]["error_type"] == "RemoteProtocolError"
    assert "response_hash" not in event
    assert event["response_bytes"] == sum(map(len, EVENTS))


@pytest.mark.parametrize("last", [DONE, b'event: message_stop\ndata: {"type":"message_stop"}\n\n'])
def test_a_stream_left_after_its_last_event(log: AuditLog, endpoint: Server, service: Server, last: bytes) -> None:
    """An SDK that reads no further than its protocol's last event has read all."""
    service.behaviour = lambda _: streamed(*EVENTS, last)
    with log.http_client() as client, client.stream("GET", service.url) as answer:
        for line in answer.iter_lines():
            if line.startswith(("data: [DONE]", "event: message_stop")):
                break
    assert end_of(log, endpoint)["stream"]["complete"] is True


def test_a_stream_given_up(log: AuditLog, endpoint: Server, service: Server) -> None:
    """What was not read to its end is not complete; the service did nothing wrong."""
    service.behaviour = lambda _: streamed(*EVENTS, b"data: x\n\n" * 100_000, DONE)
    with log.http_client() as client, client.stream("GET", service.url) as answer:
        next(answer.iter_bytes())
    event = end_of(log, endpoint)
    assert event["stream"]["complete"] is False
    assert "outcome" not in event
    assert "response_hash" not in event


def test_a_body_never_asked_for(log: AuditLog, endpoint: Server, service: Server) -> None:
    """An answer that is only looked at is logged when it is closed, as not complete."""
    service.behaviour = lambda _: Answer(body=b"x" * 3_000_000)
    with log.http_client() as client, client.stream("GET", service.url) as answer:
        assert answer.status_code == 200
    event = only(log, endpoint)
    assert event["stream"]["complete"] is False
    assert "response_hash" not in event


def test_an_answer_that_is_dropped(log: AuditLog, endpoint: Server, service: Server) -> None:
    """An answer that nobody closes is logged when it is collected."""
    service.behaviour = lambda _: Answer(body=b"x" * 3_000_000)
    with log.http_client() as client:
        client.send(client.build_request("GET", service.url), stream=True)
        gc.collect()
        assert only(log, endpoint)["stream"]["complete"] is False


def test_an_answer_that_is_still_open_at_the_end(endpoint: Server, service: Server, tmp_path: Path) -> None:
    """What the agent is still reading when its log is closed is logged as not complete."""
    service.behaviour = lambda _: streamed(*EVENTS, DONE)
    log = AuditLog(endpoint.url, TOKEN, spool=tmp_path / "open")
    with log.http_client() as client, client.stream("GET", service.url) as answer:
        log.close()
        assert answer.read()
    assert [event["stream"].get("complete") for event in endpoint.seen[0].events] == [None, False]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_answer(log: AuditLog, endpoint: Server, service: Server, encoding: str) -> None:
    """What is digested is what the agent sees: the answer unpacked."""
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    packed = pack(json.dumps(REPLY).encode())
    service.behaviour = lambda _: Answer(
        body=packed, headers={"Content-Encoding": encoding, "Content-Type": "application/json"}
    )
    with log.http_client() as client:
        answer = client.get(service.url)
    event = only(log, endpoint)
    assert event["response_hash"] == digest_payload(answer.content).digest
    assert event["response_bytes"] == len(answer.content)
    assert event["model"] == "m-1"


def test_a_compressed_stream(log: AuditLog, endpoint: Server, service: Server) -> None:
    """Chunk by chunk, too."""
    packer = zlib.compressobj(wbits=31)
    chunks = [packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in EVENTS]
    service.behaviour = lambda _: Answer(
        headers={"Content-Encoding": "gzip", "Content-Type": "text/event-stream"}, chunks=[*chunks, packer.flush()]
    )
    with log.http_client() as client:
        client.get(service.url)
    event = end_of(log, endpoint)
    assert event["response_hash"] == digest_payload(b"".join(EVENTS)).digest


def test_an_encoding_that_only_the_library_reads() -> None:
    """A body that cannot be followed chunk by chunk is unpacked by the library at its end."""
    body = _body.Body(key=None, encoding="br", unpack=lambda data: data[::-1])
    body.add(b"}1:")
    body.add(b'"a"{')
    assert body.finish(streamed=False).total.digest == digest_payload(b'{"a":1}').digest


@pytest.mark.parametrize("mime", ["application/json", "text/event-stream"])
def test_a_large_body_is_not_held(log: AuditLog, endpoint: Server, service: Server, mime: str) -> None:
    """Beyond a megabyte a body is digested as it passes, with the same result."""
    body = json.dumps({"a": "x" * 3_000_000}).encode() if mime == "application/json" else b"data: x\n\n" * 300_000
    service.behaviour = lambda _: Answer(body=body, headers={"Content-Type": mime})
    with log.http_client() as client:
        client.get(service.url)
    event = logged(log, endpoint)[-1]
    assert event["response_hash"] == digest_payload(body).digest


def test_what_may_be_held_is_bounded() -> None:
    """Of a body that cannot be JSON no more than a megabyte ever waits."""
    body = _body.Body(key=None)
    for _ in range(64):
        body.add(b"data: x" * 20_000)
        assert body.waiting_bytes <= _body.EAGER_BYTES
    assert body.finish(streamed=True).total.digest
