"""Digests that were made in the agent's process, in the traces of the OpenAI Agents SDK."""

import hashlib
import json
from typing import Any

import pytest

from log_writer.intake.routes import OPENAI_TRACES_PATH
from tests.unit.log_writer.harness import PLANTED, SECRET_TEXT, MemoryStore, Post

DIGEST = "hmac-sha256:agent-1:" + "ab" * 32
SPAN = {
    "object": "trace.span",
    "trace_id": "trace_" + "a" * 32,
    "started_at": "2026-06-30T12:34:56.100000+00:00",
    "ended_at": "2026-06-30T12:34:56.350000+00:00",
}


def _span(data: object, **others: object) -> dict[str, object]:
    return {**SPAN, "id": "span_1", "span_data": data, **others}


def _record(post: Post, store: MemoryStore, item: object) -> dict[str, Any]:
    reply = post({"data": [item]}, path=OPENAI_TRACES_PATH)
    assert reply.status == 200, reply.body
    assert SECRET_TEXT not in json.dumps(store.records)
    (stored,) = reply.body["stored"]
    (record,) = (record for record in store.records if record["record_id"] == stored["record_id"])
    return record


def _sha256(data: str) -> str:
    return "sha256:" + hashlib.sha256(data.encode()).hexdigest()


def test_digests_made_in_the_agent(post: Post, store: MemoryStore) -> None:
    """A marker in a content's place is that content's digest."""
    marker = {"$digest": {"digest": DIGEST, "bytes": 12, "mime": "application/json"}}
    record = _record(post, store, _span({"type": "response", "input": marker, "response": marker}))
    for side in ("request", "response"):
        assert record[f"{side}_hash"] == DIGEST
        assert (record[f"{side}_bytes"], record[f"{side}_mime"]) == (12, "application/json")


def test_digests_in_metadata_and_errors(post: Post, store: MemoryStore) -> None:
    """They are shown themselves, as what the sender made, not a digest of what they came in."""
    marker = {"$digest": {"digest": DIGEST, "bytes": 12, "mime": SECRET_TEXT}}
    none: dict[str, object] = {"digest": None}
    error = {"message": marker, "data": {"error": {"$digest": none}, "status": 503}}
    span = _span(
        {"type": "custom", "name": "x", "data": {"$digest": {"digest": DIGEST}}},
        error=error,
        metadata={"note": marker, "tool": marker},
    )
    record = _record(post, store, span)
    made = {"type": "digest", "bytes": 12, "digest": DIGEST}
    attributes = record["attributes"]
    assert attributes["note"] == attributes["tool"] == attributes["error.message"] == made
    assert attributes["error.error"] == {"type": "digest", "digest": None}
    assert attributes["error"]["digest"] == _sha256('{"data":{"status":503}}')
    assert (record["status"], record["outcome"], record["request_hash"]) == (503, "error", DIGEST)


def test_an_error_that_is_all_digests(post: Post, store: MemoryStore) -> None:
    """Then there is nothing else to show of it; and one that has too many of them is described as it is."""
    marker = {"$digest": {"digest": DIGEST, "bytes": 12}}
    one = _record(post, store, _span({"type": "function", "name": "f"}, error={"message": marker}))["attributes"]
    assert one["error.message"]["digest"] == DIGEST
    assert "error" not in one
    data = {f"n{number}": marker for number in range(500)}
    many = _record(
        post, store, _span({"type": "function", "name": "f"}, id="span_2", error={"message": "x", "data": data})
    )
    assert many["attributes"]["error"]["type"] == "object"
    assert "error.n0" not in many["attributes"]
    alone = _record(post, store, _span({"type": "function", "name": "f"}, id="span_3", error=marker))
    assert alone["attributes"]["error"]["digest"] == DIGEST


def test_a_key_id_that_is_a_secret_is_not_shown(post: Post, store: MemoryStore) -> None:
    """It is the only text in a digest; nor is what stands under a secret name."""
    marker = {"$digest": {"digest": f"hmac-sha256:{PLANTED}:{'ab' * 32}", "bytes": 12}}
    metadata = {"note": marker, "password": {"$digest": {"digest": DIGEST}}}
    record = _record(post, store, _span({"type": "agent", "name": "x"}, metadata=metadata))
    assert record["attributes"]["note"] == {"type": "digest", "bytes": 12, "digest": None}
    assert record["attributes"]["password"] == "***REDACTED***"
    assert PLANTED not in json.dumps(store.records)
    assert {item["path"] for item in record["redactions"]} == {"/attributes/note", "/attributes/password"}


@pytest.mark.parametrize(
    "marker",
    [
        {"$digest": {"digest": DIGEST, "bytes": SECRET_TEXT}},
        {"$digest": {"digest": DIGEST, "bytes": -1}},
        {"$digest": {"digest": DIGEST, "bytes": True}},
        {"$digest": {"digest": DIGEST, "mime": [SECRET_TEXT]}},
        {"$digest": {"bytes": 1}},
        {"$digest": {"digest": SECRET_TEXT, "bytes": 1}},
        {"$digest": {"digest": DIGEST, "text": SECRET_TEXT}},
        {"$digest": DIGEST, "text": SECRET_TEXT},
        {"$digest": DIGEST},
    ],
)
def test_what_only_looks_like_a_marker_is_content(post: Post, store: MemoryStore, marker: object) -> None:
    """And is digested as such."""
    record = _record(post, store, _span({"type": "generation", "input": marker}, metadata={"note": marker}))
    assert record["request_hash"].startswith("sha256:")
    assert record["request_hash"] != DIGEST
    assert record["attributes"]["note"]["type"] == "object"
    assert record["attributes"]["note"]["digest"] == record["request_hash"]
