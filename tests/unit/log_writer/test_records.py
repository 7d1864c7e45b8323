"""What becomes of an event: the record, field by field."""

import base64
import hashlib
import json

import orjson
import pytest

from audit_core.canonical import JsonValue
from audit_core.digest import digest_json, digest_payload
from audit_core.event import Event
from audit_core.masking import Masker
from audit_core.record import TOO_HEAVY, RecordMaker, Rules, Sender
from tests.unit.log_writer.harness import AGENT, EVENT, GUIDE, PLANTED, SECRET_TEXT, MemoryStore, Post


def test_the_guides_entry_comes_back_unchanged(post: Post, store: MemoryStore) -> None:
    """Every field of the guide's example is stored as it was sent, but for the digests' prefix."""
    reply = post(GUIDE)
    assert reply.status == 200
    (record,) = store.records
    expected = GUIDE | {"request_hash": "sha256:a1b2c3...", "response_hash": "sha256:d4e5f6..."}
    assert {name: record[name] for name in GUIDE} == expected
    assert list(record)[:10] == list(GUIDE)
    assert record["redactions"] == []
    assert record["inferred"] == []
    assert set(record) - set(GUIDE) == {"schema", "record_id", "source", "masking", "redactions", "inferred"}


def test_any_other_name_is_kept(post: Post, store: MemoryStore) -> None:
    """A name that is no agent's becomes `agent_name`; the agent is who the token says."""
    post(
        [EVENT | {"agent_id": "my-bot"}, EVENT | {"agent_id": "my-bot", "agent_name": "Bot"}, EVENT | {"agent_id": ""}]
    )
    first, second, third = store.records
    assert (first["agent_id"], first["agent_name"]) == (AGENT, "my-bot")
    assert (second["agent_name"], second["attributes"]) == ("Bot", {"agent_id": "my-bot"})
    assert "agent_name" not in third


def test_a_secret_as_the_name_of_a_count_is_masked(post: Post, store: MemoryStore) -> None:
    """Names of token counts are the sender's own words, too."""
    secret = PLANTED.lower()
    post(EVENT | {"tokens": {"input": 3, secret: 4}})
    (record,) = store.records
    assert record["tokens"] == {"input": 3, "***REDACTED***": 4}
    assert [redaction["path"] for redaction in record["redactions"]] == ["/tokens"]
    assert secret not in store.lines[0].decode()


@pytest.mark.parametrize("endpoint", ["AKIAHDU6GDPMRCG4BE4U", "https://AKIAHDU6GDPMRCG4BE4U.example/a"])
def test_a_secret_in_a_hosts_place_is_masked_before_it_is_folded(post: Post, store: MemoryStore, endpoint: str) -> None:
    """In lower case nobody would know it any more, and yet it could be told."""
    post(EVENT | {"endpoint": endpoint})
    assert "akia" not in store.lines[0].decode().lower()
    assert "***REDACTED***" in store.records[0]["endpoint"]


def test_hyphens_are_hyphens(post: Post, store: MemoryStore) -> None:
    """The guide spells its agent with a non-breaking hyphen; typing an ordinary one is the same name."""
    post(EVENT | {"agent_id": "sales-assistant-v1"})
    assert "agent_name" not in store.records[0]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(101, "success"), (200, "success"), (204, "success"), (304, "success"), (400, "error"), (404, "error"),
     (429, "throttled"), (500, "error"), (503, "error"), (999, "error")],
)  # fmt: skip
def test_outcome_follows_from_the_status(post: Post, store: MemoryStore, status: int, outcome: str) -> None:
    """Where it is absent, and it says so."""
    post({"timestamp": GUIDE["timestamp"], "status": status})
    (record,) = store.records
    assert record["outcome"] == outcome
    assert record["inferred"] == ["outcome"]


def test_a_given_outcome_stays(post: Post, store: MemoryStore) -> None:
    """An agent knows better: a call that policy blocked has no status, or one that says nothing."""
    post([EVENT | {"outcome": "policy-blocked", "status": 200}, {"timestamp": GUIDE["timestamp"]}])
    first, second = store.records
    assert first["outcome"] == "policy-blocked"
    assert second["outcome"] is None
    assert second["inferred"] == []


def test_what_is_missing_is_null(post: Post, store: MemoryStore) -> None:
    """One field is a record: received now, everything else null."""
    post({"method": "GET"})
    (record,) = store.records
    assert record["timestamp"] == "2026-07-01T00:00:05.250Z"
    assert record["inferred"] == ["timestamp"]
    assert [record[name] for name in GUIDE if name not in {"timestamp", "agent_id", "method"}] == [None] * 7


def test_null_is_absent(post: Post, store: MemoryStore) -> None:
    """Null in any field is as good as not there."""
    names = ["timestamp", *GUIDE, "session_id", "tokens", "stream", "request", "response_base64", "attributes", "other"]
    post(dict.fromkeys(names) | {"method": "GET"})
    (record,) = store.records
    assert record["inferred"] == ["timestamp"]
    assert "attributes" not in record


def test_times_are_utc(post: Post, store: MemoryStore) -> None:
    """Offsets are taken off, HTTP dates are read, and the object goes to the earliest event's date."""
    post(
        [{"timestamp": "2026-06-30T01:00:00.5+02:00"}, {"timestamp": "Tue, 30 Jun 2026 12:00:00 GMT"}, {"status": 200}]
    )
    assert [record["timestamp"] for record in store.records] == [
        "2026-06-29T23:00:00.5Z",
        "2026-06-30T12:00:00Z",
        "2026-07-01T00:00:05.250Z",
    ]
    assert next(iter(store.objects)).startswith("records/dt=2026-06-29/")


@pytest.mark.parametrize("timestamp", ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_age_never_refuses(post: Post, store: MemoryStore, timestamp: str) -> None:
    """A late or a strange clock is the auditor's business."""
    assert post({"timestamp": timestamp}).status == 200
    assert store.records[0]["timestamp"] == timestamp


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("headers", "correlation", "trace"),
    [
        ({}, None, None),
        ({"x_correlation_id": "c1"}, "c1", None),
        ({"x_trace_id": "t1"}, "t1", "t1"),
        ({"traceparent": TRACEPARENT}, TRACE, TRACE),
        ({"x_correlation_id": "c1", "x_trace_id": "t1", "traceparent": TRACEPARENT}, "c1", TRACE),
        ({"traceparent": TRACEPARENT.upper()}, None, None),
        ({"x_correlation_id": "a\x1bb", "x_trace_id": "x" * 257}, None, None),
    ],
)
def test_correlation_from_headers(
    post: Post, store: MemoryStore, headers: dict[str, str], correlation: str | None, trace: str | None
) -> None:
    """Headers fill what the event lacks, and never replace what it has; malformed ones are as good as absent."""
    post([EVENT, EVENT | {"correlation_id": "own", "trace_id": "own-trace"}], **headers)
    first, second = store.records
    assert (first["correlation_id"], first.get("trace_id")) == (correlation, trace)
    expected = [*(["outcome"]), *(["correlation_id"] if correlation else []), *(["trace_id"] if trace else [])]
    assert first["inferred"] == expected
    assert (second["correlation_id"], second["trace_id"]) == ("own", "own-trace")


def test_domain_mode(masker: Masker) -> None:
    """An agent whose endpoints are private leaves the host alone."""
    sender = Sender(agent_id="support", domain_only=True)
    maker = RecordMaker(sender=sender, rules=Rules(masker=masker), received="")
    event = Event(index=0, source="native", fields={**EVENT, "endpoint": "https://u:p@x.example:8443/a?b"})
    assert maker.make(event)[0]["endpoint"] == "x.example"


def test_numbers_are_stored_in_one_way(post: Post, store: MemoryStore) -> None:
    """JSON has no integers: where one belongs, a double without a fraction is one. There is one zero."""
    given = {"status": 200.0, "request_bytes": 12.0, "duration_ms": -0.0, "tokens": {"input": 3.0, "output": None}}
    assert post([EVENT | given]).status == 200
    (record,) = store.records
    assert {name: repr(record[name]) for name in given} == {
        "status": "200",
        "request_bytes": "12",
        "duration_ms": "0.0",
        "tokens": "{'input': 3, 'output': None}",
    }


def test_text_of_too_many_values_is_not_decoded(post: Post, store: MemoryStore) -> None:
    """A payload that came as text, and would take far more memory than it has bytes, has no digest and says so."""
    heavy = "[" + "[]," * 300_000 + "1]"
    assert post([EVENT | {"request": heavy, "response_chunks": [heavy]}, EVENT | {"request": "[1]"}]).status == 200
    first, second = store.records
    assert (first["request_hash"], first["response_hash"]) == (None, None)
    assert [item["path"] for item in first["redactions"]] == ["/request_hash", "/response_hash"]
    assert first["request_bytes"] == len(heavy)
    assert second["request_hash"]


def test_texts_of_a_request_are_weighed_together(post: Post, store: MemoryStore) -> None:
    """Payloads that are text, and below the bound each, are not decoded when they are above it together."""
    heavy = "[" + "[]," * 49_000 + "1]"
    assert post([EVENT | {"request": heavy}] * 6 + [EVENT | {"request": '{"a":1}'}]).status == 200
    assert [record["request_hash"] is None for record in store.records] == [False] * 2 + [True] * 4 + [False]
    assert store.records[2]["redactions"] == [{"path": "/request_hash", "rule": f"undigestible: {TOO_HEAVY}"}]


def test_payloads_are_digested_and_dropped(post: Post, store: MemoryStore) -> None:
    """JSON, text and bytes leave a digest, a size and a type; none of their content."""
    request: dict[str, JsonValue] = {"prompt": f"the words {SECRET_TEXT}", "api_key": PLANTED}
    post(
        [
            EVENT | {"request": request, "response": f"plain {SECRET_TEXT}"},
            EVENT
            | {"request": json.dumps(request, indent=1), "response_base64": base64.b64encode(b"\xff\x00").decode()},
            EVENT | {"request": 0, "response": ""},
        ]
    )
    first, second, third = store.records
    assert first["request_hash"] == second["request_hash"] == digest_json(request).digest
    assert first["request_hash"] == digest_json(request | {"api_key": "another"}).digest
    assert (first["request_mime"], first["request_bytes"]) == ("application/json", len(orjson.dumps(request)))
    assert (first["response_mime"], first["response_bytes"]) == ("text/plain", len(f"plain {SECRET_TEXT}"))
    assert second["request_bytes"] == len(json.dumps(request, indent=1))
    assert (second["response_mime"], second["response_bytes"]) == ("application/octet-stream", 2)
    assert second["response_hash"] == "sha256:" + hashlib.sha256(b"\xff\x00").hexdigest()
    assert third["request_hash"] == "sha256:" + hashlib.sha256(b"0").hexdigest()
    assert third["response_hash"] == digest_payload(b"").digest
    assert SECRET_TEXT.encode() not in b"".join(store.lines)


def test_what_the_agent_says_of_a_payload_stays(post: Post, store: MemoryStore) -> None:
    """A size and type from the wire are kept; a digest that is not ours is kept beside ours."""
    mine = "sha256:" + "ab" * 32
    post(
        [
            EVENT | {"request": {"a": 1}, "request_bytes": 999, "request_mime": "application/foo+json"},
            EVENT | {"request": {"a": 1}, "request_hash": mine},
            EVENT | {"request": {"a": 1}, "request_hash": digest_json({"a": 1}).digest},
        ]
    )
    first, second, third = store.records
    assert (first["request_bytes"], first["request_mime"]) == (999, "application/foo+json")
    assert "request_mime" not in first["inferred"]
    assert second["request_hash"] == digest_json({"a": 1}).digest
    assert second["attributes"] == {"sent_request_hash": mine}
    assert "attributes" not in third


def test_ambiguous_payloads_have_no_digest(post: Post, store: MemoryStore) -> None:
    """Text that two decoders read differently is noted, not digested: its secret fields would be in the digest."""
    post(EVENT | {"request": '{"password":"a","password":"b"}', "response": "[" * 500 + "]" * 500})
    (record,) = store.records
    assert record["request_hash"] is None
    assert record["response_hash"] is None
    assert [item["path"] for item in record["redactions"]] == ["/request_hash", "/response_hash"]
    assert record["request_bytes"] == 31


def test_no_planted_secret_is_stored(post: Post, store: MemoryStore) -> None:
    """In any string that gets stored, a secret is masked, and the record says where and by which rule."""
    fields = ["user_id", "correlation_id", "session_id", "agent_name", "agent_version", "deployment_id", "trace_id",
              "span_id", "provider_request_id", "request_mime", "response_mime", "model", "agent_id"]  # fmt: skip
    event = dict.fromkeys(fields, f"x {PLANTED}") | EVENT
    event |= {
        "endpoint": f"https://u:{PLANTED}@x.example/{PLANTED}/a?key={PLANTED}#{PLANTED}",
        "request_hash": f"hmac-sha256:{PLANTED}:{'ab' * 32}",
        "envelope": {"request": f"s3://vault/{PLANTED}"},
        "stream": {"id": PLANTED, "phase": "start"},
        "attributes": {"tool": PLANTED, "tags": [PLANTED], PLANTED: 1, "note": f"key {PLANTED}", "password": "hunter2"},
        PLANTED + "2": {"deep": [PLANTED]},
        "api_key": PLANTED,
        "request": {"text": PLANTED},
        "response": PLANTED,
    }
    reply = post(event, x_correlation_id=PLANTED, idempotency_key=PLANTED)
    assert reply.status == 200
    stored = b"".join(store.lines).decode()
    assert PLANTED not in stored + reply.response.body.decode() + repr(reply.response.summary)
    assert PLANTED[8:] not in stored
    (record,) = store.records
    paths = {item["path"] for item in record["redactions"]}
    assert {f"/{name}" for name in fields if name != "agent_id"} <= paths
    assert {"/endpoint", "/envelope/request/ref", "/stream/id", "/attributes/tool", "/attributes/tags/0"} <= paths
    assert "/attributes/password" in paths
    assert "hunter2" not in stored


def test_attributes_are_an_allow_list(post: Post, store: MemoryStore) -> None:
    """Metadata stays; anything else leaves its name, type, size and digest, also at the top level."""
    post(
        EVENT
        | {
            "attributes": {
                "environment": "production",
                "attempt": 2,
                "cost_usd": 0.25,
                "cache_hit": True,
                "tags": ["a", "b"],
                "tool": "x" * 257,
                "step": "two\nlines",
                "prompt": "Dear customer",
                "steps": [1, {"a": 2}],
                "gone": None,
                "an odd \x1b name": 1,
            },
            "tool_name": "search",
            "weird": {"a": 1},
            "prompt": "another",
            "schema": 7,
        }
    )
    kept = store.records[0]["attributes"]
    assert {name: kept[name] for name in ("environment", "attempt", "cost_usd", "cache_hit", "tags", "tool_name")} == {
        "environment": "production",
        "attempt": 2,
        "cost_usd": 0.25,
        "cache_hit": True,
        "tags": ["a", "b"],
        "tool_name": "search",
    }
    assert kept["tool"] == {"type": "string", "bytes": 257, "digest": digest_payload(b"x" * 257).digest}
    assert kept["step"]["digest"] == digest_payload(b"two\nlines").digest
    assert kept["prompt"] == {"type": "string", "bytes": 13, "digest": digest_payload(b"Dear customer").digest}
    assert kept["prompt_"]["digest"] == digest_payload(b"another").digest
    assert kept["steps"]["type"] == "array"
    assert kept["weird"] == {"type": "object", "bytes": 7, "digest": digest_json({"a": 1}).digest}
    assert kept["schema"]["type"] == "number"
    assert "gone" not in kept
    assert [name for name in kept if name.startswith("name:")]
    assert b"Dear" not in b"".join(store.lines)


def test_a_small_secret_attribute_has_no_digest(post: Post, store: MemoryStore) -> None:
    """What could be guessed from its digest, and is secret, has none."""
    post(EVENT | {"attributes": {"remark": f"use {PLANTED}", "client_secret": "1234"}})
    (record,) = store.records
    assert record["attributes"]["remark"] == {"type": "string", "digest": None}
    assert record["attributes"]["client_secret"] == "***REDACTED***"


def test_a_stored_record_posts_back(post: Post, store: MemoryStore) -> None:
    """A record that comes back as an event keeps every field; the backend's own fields are its own."""
    post(GUIDE)
    first = store.records[0]
    reply = post(first)
    assert reply.status == 200
    second = next(record for record in store.records if record["record_id"] == reply.body["stored"][0]["record_id"])
    assert {name: second[name] for name in GUIDE} == {name: first[name] for name in GUIDE}


def test_a_secret_found_in_one_field_vanishes_from_all_fields(post: Post, store: MemoryStore) -> None:
    """A value that a name introduces in one text stands without one in another; what this kit writes itself stays."""
    secret = "Hunter2xyz"
    post(
        EVENT
        | {
            "session_id": f"password={secret}",
            "correlation_id": secret,
            "attributes": {"service.name": f"app {secret}"},
        }
    )
    (record,) = store.records
    assert secret not in store.lines[0].decode()
    assert record["agent_id"] == AGENT
    assert {"path": "/correlation_id", "rule": "repeated"} in record["redactions"]
