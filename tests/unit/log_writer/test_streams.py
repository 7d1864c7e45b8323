"""Streamed calls: their start, their end, their chunks, none of which is stored."""

import base64
import json
from typing import Any

import pytest

from audit_core.digest import digest_payload
from audit_core.stream import StreamDigest
from tests.unit.log_writer.harness import EVENT, PLANTED, SECRET_TEXT, MemoryStore, Post

CHUNKS = [f'data: {{"n":{number},"text":"{SECRET_TEXT} {"x" * 80}"}}\n\n' for number in range(20)]


def test_start_and_end_are_linked(post: Post, store: MemoryStore) -> None:
    """Two records of one stream, of which the second has what the chunks left behind."""
    post([EVENT | {"stream": {"id": "s1", "phase": "start"}}])
    post([EVENT | {"stream": {"id": "s1", "phase": "end"}, "response_chunks": CHUNKS, "response_mime": "x/y"}])
    start, end = sorted(store.records, key=lambda record: str(record["stream"]["phase"]), reverse=True)
    assert start["stream"] == {"id": "s1", "phase": "start"}
    digest = StreamDigest()
    each = [digest.update(chunk.encode()) for chunk in CHUNKS]
    assert end["stream"] == {
        "id": "s1",
        "phase": "end",
        "chunks": 20,
        "bytes": len("".join(CHUNKS)),
        "chunk_every": 1,
        "chunk_digests": each,
    }
    assert each[0] is None
    assert all(each[15:])
    assert end["response_hash"] == digest_payload("".join(CHUNKS).encode()).digest
    assert end["response_bytes"] == len("".join(CHUNKS))
    assert SECRET_TEXT.encode() not in b"".join(store.lines)


def test_the_same_body_sent_whole(post: Post, store: MemoryStore) -> None:
    """However it was cut, in text or in base64: one digest."""
    body = json.dumps({"password": "hunter2", "text": "x" * 3000})
    cut = [body[at : at + 999] for at in range(0, len(body), 999)]
    post(
        [
            EVENT | {"response": body},
            EVENT | {"response_chunks": cut},
            EVENT | {"response_chunks_base64": [base64.b64encode(chunk.encode()).decode() for chunk in cut]},
            EVENT | {"response_chunks": [*body]},
        ]
    )
    assert len({(record["response_hash"], record["response_mime"]) for record in store.records}) == 1
    assert ["chunk_digests" in record.get("stream", {}) for record in store.records] == [False] * 4


def test_a_stream_that_was_cut_off(post: Post, store: MemoryStore) -> None:
    """Of what came there are chunk digests; none passes for that of the whole."""
    stream: dict[str, Any] = {"id": "s1", "phase": "end", "complete": False}
    post([EVENT | {"stream": stream, "response_chunks": CHUNKS}, EVENT | {"stream": stream, "response": "cut"}])
    first, second = store.records
    assert first["response_hash"] is second["response_hash"] is None
    assert first["stream"]["chunk_digests"][-1] == digest_payload("".join(CHUNKS).encode()).digest
    assert first["stream"]["complete"] is False
    assert second["response_bytes"] == 3


def test_what_an_agent_digested_itself(post: Post, store: MemoryStore) -> None:
    """Chunk digests may come ready, as other digests do; a secret for a key id does not get in."""
    ready = ["ab" * 32, None, f"hmac-sha256:mine:{'cd' * 32}", f"hmac-sha256:{PLANTED}:{'cd' * 32}"]
    stream = {"id": "s1", "phase": "end", "chunks": 8, "bytes": 99, "chunk_every": 2, "chunk_digests": ready}
    assert post(EVENT | {"stream": stream}).status == 200
    (record,) = store.records
    assert record["stream"]["chunk_digests"] == ["sha256:" + "ab" * 32, None, ready[2], None]
    assert [item["path"] for item in record["redactions"]] == ["/stream/chunk_digests"]


def test_no_chunks_at_all(post: Post, store: MemoryStore) -> None:
    """An empty stream is an empty body."""
    post(EVENT | {"response_chunks": []})
    (record,) = store.records
    assert record["stream"] == {"phase": "end", "chunks": 0, "bytes": 0}
    assert record["response_hash"] == digest_payload(b"").digest


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"response_chunks": "x"}, "response_chunks"),
        ({"response_chunks": [1]}, "response_chunks"),
        ({"response_chunks_base64": ["!"]}, "response_chunks_base64"),
        ({"response_chunks": ["a"], "response": "a"}, "response_chunks"),
        ({"response_chunks": ["a"], "response_chunks_base64": ["YQ=="]}, "response_chunks"),
        ({"stream": {"phase": "middle"}}, "stream.phase"),
        ({"stream": {"complete": 1}}, "stream.complete"),
        ({"stream": {"chunk_digests": "ab"}}, "stream.chunk_digests"),
        ({"stream": {"chunk_digests": ["x"]}}, "stream.chunk_digests"),
        ({"stream": {"chunk_digests": [None] * 129}}, "stream.chunk_digests"),
        ({"stream": {"more": 1}}, "stream"),
    ],
)
def test_refused(post: Post, event: dict[str, Any], field: str) -> None:
    """What does not fit, by name."""
    reply = post(EVENT | event)
    assert (reply.status, reply.body["field"]) == (422, field)
