"""Retries, receipts and what is durable."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from audit_core.masking import CustomRules, Masker
from audit_core.merkle import leaf_digest
from log_writer.batch import EncodedRecord, make_batch
from log_writer.config import Config, Token
from log_writer.reply import Response
from log_writer.service import Request, Writer
from tests.unit.log_writer.harness import EVENT, GUIDE, NOW, TOKEN, MemoryStore, Post


def test_the_reply_names_what_is_stored(post: Post, store: MemoryStore) -> None:
    """Record id, leaf digest and object key in the reply are those of the stored line."""
    reply = post([GUIDE, EVENT])
    (key,) = store.objects
    for index, line in enumerate(store.lines):
        stored = reply.body["stored"][index]
        assert stored == {
            "index": index,
            "record_id": json.loads(line)["record_id"],
            "leaf": "sha256:" + hashlib.sha256(b"\x00" + line).hexdigest(),
            "object": key,
            "duplicate": False,
        }
        assert stored["leaf"] == leaf_digest(line)
    assert key.startswith("records/dt=2026-06-30/")
    assert store.headers[key]["x-amz-meta-received-at"] == "2026-07-01T00:00:05.250Z"


@pytest.mark.parametrize(
    "traversal", ["../../etc/passwd", "..%2f..%2f", "records/dt=2026-01-01/x", "a/../../b", "\\..\\"]
)
def test_ids_are_never_in_a_key(post: Post, store: MemoryStore, traversal: str) -> None:
    """Path traversal in an id is text in a record; keys are made of hex and a date."""
    reply = post(EVENT | {"id": traversal, "user_id": traversal, "session_id": traversal}, idempotency_key=traversal)
    assert reply.status == 200
    (key,) = store.objects
    assert set(key) <= set("0123456789abcdefrecords/dt=-.jsonlgz")
    assert ".." not in key
    assert key.count("/") == 2


def test_a_retry_finds_itself(post: Post, store: MemoryStore) -> None:
    """The same events again: the same ids and leaves, nothing stored, and it says so."""
    first, again = post([GUIDE, EVENT]).body, post([GUIDE, EVENT]).body
    assert again == {"stored": [item | {"duplicate": True} for item in first["stored"]], "refused": []}
    assert len(store.objects) == 1


@pytest.mark.parametrize("number", [0, 1, "0"])
def test_any_id_is_an_identity(post: Post, store: MemoryStore, number: object) -> None:
    """Counting may begin at zero."""
    event = {"endpoint": "x.example", "status": 200, "id": number}
    assert [post(event).body["stored"][0]["duplicate"] for _ in range(2)] == [False, True]
    assert len(store.objects) == 1


def test_events_without_identity_are_never_merged(post: Post, store: MemoryStore) -> None:
    """Two calls that look alike are two calls when nothing tells them apart."""
    event = {"endpoint": "x.example", "status": 200}
    first, second = post(event).body["stored"][0], post(event).body["stored"][0]
    assert first["record_id"] != second["record_id"]
    assert not second["duplicate"]
    assert first["leaf"]
    assert len(store.records) == 2


def test_one_without_identity_is_enough(post: Post, store: MemoryStore) -> None:
    """A batch finds itself only when every stored event in it can be told apart."""
    for _ in range(2):
        post([EVENT, {"status": 200}])
    assert len(store.records) == 4
    for _ in range(2):
        assert post([EVENT, {"status": "refused"}]).status == 207
    assert len(store.records) == 5


@pytest.mark.parametrize("event", [{"status": 200, "id": "e1"}, {"status": 200, "attributes": {"id": "e1"}}])
def test_an_id_is_identity_enough(post: Post, store: MemoryStore, event: dict[str, object]) -> None:
    """An event with an id finds itself; its leaf is not ours to state once its time was inferred before."""
    first, again = post(event).body["stored"][0], post(event).body["stored"][0]
    assert again == first | {"duplicate": True, "leaf": None}
    assert len(store.records) == 1


def test_an_idempotency_key(post: Post, store: MemoryStore) -> None:
    """A key makes any batch find itself; with other content it is another batch, and nothing is lost."""
    event = {"status": 200}
    first = post(event, idempotency_key="k").body["stored"][0]
    again = post(event, idempotency_key=" k ").body["stored"][0]
    assert again == first | {"duplicate": True, "leaf": None}
    for other in (
        post({"status": 201}, idempotency_key="k"),
        post(event, idempotency_key="l"),
        post([event, event], idempotency_key="k"),
    ):
        assert not other.body["stored"][0]["duplicate"]
    assert len(store.objects) == 4


def test_the_whole_content_is_the_identity(post: Post, store: MemoryStore) -> None:
    """Events that would be stored alike, but were not sent alike, are all stored."""
    secrets = ["sk_live_4eC39HqLyjWDarjtT1zdp7dc", "sk_live_9zQ81KpWmXnVbCrYtU5hJe3a"]
    for secret in secrets:
        post(EVENT | {"user_id": secret})
    for password in ("a", "b"):
        post(EVENT | {"request": {"password": password}})
    assert len(store.records) == 4
    assert len({record["record_id"] for record in store.records}) == 4


def test_headers_are_part_of_the_identity(post: Post, store: MemoryStore) -> None:
    """The same body under another correlation is another batch: its stored bytes differ."""
    post(EVENT, x_correlation_id="a")
    post(EVENT, x_correlation_id="b")
    assert {record["correlation_id"] for record in store.records} == {"a", "b"}


def test_agents_never_share_a_key() -> None:
    """The agent is part of the identity."""
    record = EncodedRecord(
        index=0, line=b'{"timestamp":"2026-06-30T12:34:56Z"', timestamp="2026-06-30T12:34:56Z", inferred_time=False
    )
    keys = {
        make_batch(
            [record],
            agent_id=name,
            secret=b"",
            content=b"",
            idempotency_key=key,
            identified=True,
            random_bytes=bytes,
        ).key
        for name, key in [("a", None), ("b", None), ("a", "b"), ("ab", None), ("", "ab")]
    }
    assert len(keys) == 5


def test_the_bytes_are_a_pure_function(
    post: Post, store: MemoryStore, writer: Writer, config: Config, masker: Masker
) -> None:
    """Another process at another time makes the same object of the same batch."""
    post([GUIDE, EVENT | {"request": {"a": [1.5, "x"]}}])
    other = type(store)()
    later = Writer(config, masker=type(masker)(), store=other, now=lambda: writer._now() + timedelta(days=9))
    body = json.dumps([GUIDE, EVENT | {"request": {"a": [1.5, "x"]}}]).encode()
    headers = {"authorization": f"Bearer {TOKEN}"}
    later.handle(Request(method="POST", path="/", headers=headers, body=body, deadline=float("inf")))
    assert other.objects == store.objects


def test_not_durable_is_503(post: Post, store: MemoryStore) -> None:
    """Nothing is acknowledged that is not stored; the sender is told to come back, and finds itself."""
    store.failing = True
    reply = post(GUIDE)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    store.failing, store.losing_replies = False, True
    assert post(GUIDE).status == 503
    store.losing_replies = False
    assert post(GUIDE).body["stored"][0]["duplicate"]
    assert len(store.records) == 1


def test_a_failing_store_hides_no_refusal(post: Post, store: MemoryStore) -> None:
    """What is refused is refused whether or not the store works: nothing was to be stored."""
    store.failing = True
    assert post({"status": "x"}).status == 422
    assert store.puts == 0


def test_an_undated_retry_after_midnight(config: Config, masker: Masker, store: MemoryStore, post: Post) -> None:
    """It goes under another date, as the writer cannot look; its record id still says that it is the same."""
    first = post({"status": 200, "id": "e1"}).body["stored"][0]
    tomorrow = Writer(config, masker=masker, store=store, now=lambda: NOW + timedelta(days=1))
    headers = {"authorization": f"Bearer {TOKEN}"}
    body = json.dumps({"status": 200, "id": "e1"}).encode()
    tomorrow.handle(Request(method="POST", path="/", headers=headers, body=body, deadline=float("inf")))
    assert len(store.objects) == 2
    assert {record["record_id"] for record in store.records} == {first["record_id"]}


def _post_to(writer: Writer, body: object, *, token: str = TOKEN, **headers: str) -> Response:
    sent = {"authorization": f"Bearer {token}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    data = json.dumps(body).encode()
    return writer.handle(Request(method="POST", path="/", headers=sent, body=data, deadline=float("inf")))


def _stored(response: Response) -> dict[str, Any]:
    assert response.status == 200
    (stored,) = json.loads(response.body)["stored"]
    return stored


@pytest.mark.parametrize("event", [{"status": 200}, EVENT, {"status": 200, "id": "e1"}], ids=["bare", "dated", "named"])
@pytest.mark.parametrize("change", ["rules", "token", "personal"])
def test_a_key_across_rules_and_tokens(
    config: Config, masker: Masker, store: MemoryStore, change: str, event: dict[str, object]
) -> None:
    """Rules or token may change between a request and its retry: it is stored again, and not called a duplicate.

    What is called one is stored, whichever of the two wrote it; so nothing is lost.
    """
    other = "aal_of-the-same-agent"
    tokens = tuple(Token(sha256=hashlib.sha256(text.encode()).hexdigest()) for text in (TOKEN, other))
    config = replace(config, agents=(replace(config.agents[0], tokens=tokens), *config.agents[1:]))
    changed = {
        "rules": Masker(custom=CustomRules(key_names=("order",))),
        "personal": Masker(personal="off"),
        "token": masker,
    }[change]
    first, second = (Writer(config, masker=by, store=store, now=lambda: NOW) for by in (masker, changed))
    token = other if change == "token" else TOKEN
    store.failing = True
    assert _post_to(first, event, idempotency_key="k").status == 503
    store.failing = False
    ways = [(second, token), (first, TOKEN), (second, token), (first, TOKEN)]
    answers = [_stored(_post_to(by, event, token=with_token, idempotency_key="k")) for by, with_token in ways]
    assert [answer["duplicate"] for answer in answers] == [False, False, True, True]
    assert len({answer["record_id"] for answer in answers}) == 2
    assert {record["record_id"] for record in store.records} == {answer["record_id"] for answer in answers}


KEYS = ("k", "k" * 100_000, "schlüssel", "\u2028", "a\x00b", "\ud800", "../../x", "k\nk")


def test_any_idempotency_key_is_one(writer: Writer, store: MemoryStore) -> None:
    """Whatever a key holds, and however long it is: each is another request, and a retry of each finds itself."""
    for duplicate in (False, True):
        for key in KEYS:
            assert _stored(_post_to(writer, {"status": 200}, idempotency_key=key))["duplicate"] is duplicate
    assert len(store.records) == len(KEYS)


@pytest.mark.parametrize("name", ["x_correlation_id", "x_trace_id", "traceparent", "content_type", "x_unknown"])
@pytest.mark.parametrize(
    "value", ["é", "\ud800", "a\x00b", "x" * 257, "x" * 1_000_000, " ", "\u202ex", "a\r\nb", "\U0001f600", "\x85"]
)
def test_any_header_is_survived(writer: Writer, store: MemoryStore, name: str, value: str) -> None:
    """A header that no record can hold is as good as none; one in another script than Latin is kept."""
    response = _post_to(writer, EVENT, **{name: value})
    assert response.status == 200
    assert "faults" not in response.summary
    (record,) = store.records
    kept = value in {"é", "\U0001f600"} and name in {"x_correlation_id", "x_trace_id"}
    assert record["correlation_id"] == (value if kept else None)
