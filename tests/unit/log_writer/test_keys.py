"""Keyed digests and pseudonyms: where the keys come from, and that there is nothing without them."""

import base64
import hashlib
import hmac
import json
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from audit_core.digest import HmacKey, digest_json, digest_payload
from audit_core.errors import AuditError
from audit_core.keys import KeyRing, Keys, parse_keys
from audit_core.masking import Masker
from aws_client.signed import Credentials, SignedClient
from log_writer.config import Config
from log_writer.key_source import FRESH_SECONDS, KeysUnavailableError, ParameterKeys
from log_writer.reply import Response
from log_writer.rules import RuleBook
from log_writer.service import Request, Writer
from tests.unit.log_writer.harness import EVENT, NOW, TOKEN, MemoryStore
from tests.unit.log_writer.scripted import Server, answer, serving

OLD, NEW = b"o" * 32, b"n" * 32


def text_of(key: bytes) -> str:
    """A key as the parameter has it."""
    return base64.b64encode(key).decode()


def value(current: str = "k2") -> dict[str, Any]:
    """What the parameter holds."""
    ring = {"current": current, "keys": {"k1": text_of(OLD), "k2": text_of(NEW)}}
    return {"digest": ring, "pseudonym": ring}


def reply_with(held: object) -> bytes:
    """The reply that carries it."""
    text = held if isinstance(held, str) else json.dumps(held)
    return answer(200, json.dumps({"Parameter": {"Name": "/log/keys", "Value": text}}).encode())


@pytest.fixture
def ssm() -> Iterator[Server]:
    """A server that answers as it is told."""
    with serving() as server:
        yield server


def keys_at(server: Server, clock: Callable[[], float] = time.monotonic) -> ParameterKeys:
    """Keys from `server`."""
    client = SignedClient(
        region="eu-central-1", credentials=lambda: Credentials(access_key="id", secret_key="key", token="session")
    )
    return ParameterKeys(parameter="/log/keys", client=client, endpoint_url=server.url, clock=clock)


def soon(seconds: float = 5) -> float:
    """A deadline."""
    return time.monotonic() + seconds


def test_what_is_asked(ssm: Server) -> None:
    """One signed GetParameter, decrypted; both rings come back, with their current keys."""
    ssm.script = [reply_with(value())]
    keys = keys_at(ssm).get(deadline=soon())
    assert keys.digest.key == HmacKey(key_id="k2", key=NEW)
    assert keys.pseudonym.keys["k1"].key == OLD
    ((path, headers, body),) = ssm.requests
    assert (path, headers["x-amz-target"]) == ("/", "AmazonSSM.GetParameter")
    assert json.loads(body) == {"Name": "/log/keys", "WithDecryption": True}
    assert "/eu-central-1/ssm/aws4_request" in headers["authorization"]
    assert headers["x-amz-security-token"] == "session"


def test_it_is_asked_once_and_again_after_minutes(ssm: Server) -> None:
    """What was read is used for `FRESH_SECONDS`; then a rotated key is found."""
    now = [0.0]
    keys = keys_at(ssm, lambda: now[0])
    ssm.script = [reply_with(value("k1")), reply_with(value("k2"))]
    for _ in range(3):
        assert keys.get(deadline=soon()).digest.current == "k1"
    now[0] = FRESH_SECONDS + 1
    assert keys.get(deadline=soon()).digest.current == "k2"
    assert len(ssm.requests) == 2


def test_known_keys_are_used_on(ssm: Server) -> None:
    """A refresh that fails changes nothing, and is tried again before long."""
    now = [0.0]
    keys = keys_at(ssm, lambda: now[0])
    ssm.script = [reply_with(value("k1")), answer(500), reply_with(value("k2"))]
    keys.get(deadline=soon())
    now[0] = FRESH_SECONDS + 1
    assert keys.get(deadline=soon()).digest.current == "k1"
    assert keys.get(deadline=soon()).digest.current == "k1"
    assert len(ssm.requests) == 2
    now[0] += 60
    assert keys.get(deadline=soon()).digest.current == "k2"


@pytest.mark.parametrize(
    "script",
    [[answer(400, b'{"__type":"ParameterNotFound"}')] * 9, [answer(500)] * 9, [b""] * 9, [None] * 9,
     [answer(200, b"<html>")] * 9, [answer(200, b"{}")] * 9, [reply_with("secret words")] * 9,
     [reply_with({"digest": {"current": "k1", "keys": {"k1": text_of(OLD)[:-4]}}})] * 9,
     [reply_with(value("k3"))] * 9],
    ids=["not found", "500", "hangs up", "silent", "a page", "empty", "no JSON", "a short key", "no current key"],
)  # fmt: skip
def test_no_keys(ssm: Server, script: list[bytes | None]) -> None:
    """Whatever is wrong, it says so in time, and the error holds nothing that was read."""
    ssm.script = script
    started = time.monotonic()
    with pytest.raises(KeysUnavailableError) as caught:
        keys_at(ssm).get(deadline=soon(1))
    assert time.monotonic() - started < 1.5
    told = "".join(traceback.format_exception(caught.value, chain=True))
    assert "secret words" not in told
    assert text_of(OLD)[:-4] not in told


def test_a_passing_failure_is_tried_again(ssm: Server) -> None:
    """At start the first request does not suffer for one lost reply."""
    ssm.script = [b"", answer(500), reply_with(value())]
    assert keys_at(ssm).get(deadline=soon()).digest.current == "k2"


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ("", "keys"),
        ("[]", "keys"),
        ("{}", "keys.digest"),
        ({"digest": value()["digest"]}, "keys.pseudonym"),
        (value() | {"digest": {"current": "k1", "keys": []}}, "keys.digest"),
        (value() | {"digest": {"current": 1, "keys": {"1": text_of(OLD)}}}, "keys.digest.current"),
        (value() | {"digest": {"current": "k1", "keys": {"k1": 5}}}, "keys.digest.keys"),
        (value() | {"digest": {"current": "k1", "keys": {"k1": "!!!"}}}, "keys.digest.keys"),
        (value() | {"digest": {"current": "k1", "keys": {"k1": text_of(OLD + b"x")}}}, "keys.digest.keys"),
        (value() | {"digest": {"current": "a b", "keys": {"a b": text_of(OLD)}}}, "keys.digest.keys"),
    ],
)
def test_what_the_parameter_may_hold(raw: object, field: str) -> None:
    """Anything else is refused by name."""
    with pytest.raises(AuditError) as caught:
        parse_keys(raw if isinstance(raw, str) else json.dumps(raw))
    assert caught.value.field == field


def test_keys_hide() -> None:
    """No key is in a `repr`, at any depth."""
    keys = parse_keys(json.dumps(value()))
    shown = repr(keys) + repr(keys.digest) + repr(keys.digest.key)
    assert text_of(NEW) not in shown
    assert repr(NEW)[2:-1] not in shown


@dataclass
class FixedKeys:
    """Keys that are there, or not."""

    keys: Keys | None

    def get(self, *, deadline: float) -> Keys:
        """Them."""
        assert deadline > time.monotonic()
        if self.keys is None:
            raise KeysUnavailableError("AccessDenied")
        return self.keys


def ring(current: str) -> Keys:
    """Both keys, one of them current."""
    keys = {"k1": HmacKey(key_id="k1", key=OLD), "k2": HmacKey(key_id="k2", key=NEW)}
    return Keys(digest=KeyRing(current=current, keys=keys), pseudonym=KeyRing(current=current, keys=keys))


def keyed(config: Config, **changes: Any) -> Config:  # noqa: ANN401 - fields of any type
    """`config`, with keys."""
    return replace(config, keys_parameter="/log/keys", keyed_digests=True, **changes)


def post(writer: Writer, *events: dict[str, Any], **headers: str) -> Response:
    """Post `events`."""
    sent = {"authorization": f"Bearer {TOKEN}"} | headers
    body = json.dumps(events).encode()
    return writer.handle(Request(method="POST", path="/", headers=sent, body=body, deadline=soon()))


def test_every_digest_is_keyed(config: Config, store: MemoryStore) -> None:
    """Payloads and attributes alike; the record names the key, and who has it can recompute them."""
    writer = Writer(keyed(config), store=store, keys=FixedKeys(ring("k2")), now=lambda: NOW)
    event = EVENT | {"request": {"pin": 1, "a": 2}, "response": "yes", "attributes": {"note": "x" * 2000, "än": 1}}
    assert post(writer, event).status == 200
    (record,) = store.records
    key = HmacKey(key_id="k2", key=NEW)
    assert record["request_hash"] == digest_json({"pin": 0, "a": 2}, key=key).digest
    assert record["response_hash"] == digest_payload(b"yes", key=key).digest
    assert record["attributes"]["note"]["digest"] == digest_payload(b"x" * 2000, key=key).digest
    assert "name:" + hmac.digest(NEW, "än".encode(), "sha256").hex()[:16] in record["attributes"]
    assert b"sha256:" not in store.lines[0].replace(b"hmac-sha256:k2:", b"")


def test_no_keys_no_record(config: Config, store: MemoryStore) -> None:
    """503 and nothing stored: not the same record without its key."""
    source = FixedKeys(None)
    writer = Writer(keyed(config), store=store, keys=source, now=lambda: NOW)
    response = post(writer, EVENT | {"request": "yes"})
    assert (response.status, response.headers["Retry-After"]) == (503, "5")
    assert response.summary["cause"] == "keys: AccessDenied"
    assert store.puts == 0
    source.keys = ring("k1")
    assert post(writer, EVENT | {"request": "yes"}).status == 200


def test_who_is_nobody_asks_for_no_keys(config: Config, store: MemoryStore) -> None:
    """Without a token the answer is 401, whatever the keys."""
    writer = Writer(keyed(config), store=store, keys=FixedKeys(None))
    assert post(writer, EVENT, authorization="Bearer nobody").status == 401


def test_a_ready_keyed_digest_is_kept(config: Config, store: MemoryStore) -> None:
    """An agent that keeps its own key sends digests under its own key id."""
    writer = Writer(keyed(config), store=store, keys=FixedKeys(ring("k2")), now=lambda: NOW)
    mine = "hmac-sha256:agent-key-1:" + "ab" * 32
    post(writer, EVENT | {"request_hash": mine, "response_hash": "ab" * 32})
    (record,) = store.records
    assert (record["request_hash"], record["response_hash"]) == (mine, "sha256:" + "ab" * 32)


def test_the_bytes_follow_from_the_key_too(config: Config, store: MemoryStore) -> None:
    """The same batch under the same key is the same record, however often keys were read; rotated, it is another."""
    for current in ("k1", "k1", "k2"):
        writer = Writer(keyed(config), store=store, keys=FixedKeys(ring(current)), now=lambda: NOW)
        post(writer, EVENT | {"request": "yes"})
    assert len(store.objects) == 2


def test_an_address_becomes_a_pseudonym(config: Config, store: MemoryStore) -> None:
    """Under a key that the record names: one person is one pseudonym, and nobody's without the key."""
    source = FixedKeys(ring("k2"))
    writer = Writer(replace(config, keys_parameter="/log/keys"), store=store, keys=source, now=lambda: NOW)
    post(writer, *[EVENT | {"id": str(n), "user_id": "ada@example.com", "request": "yes"} for n in range(2)])
    first, second = store.records
    assert first["user_id"] == second["user_id"]
    assert first["user_id"].startswith("pseudonym-")
    assert first["masking"].endswith("+k2")
    assert first["request_hash"] == digest_payload(b"yes").digest  # unkeyed, as configured
    assert b"ada@" not in b"".join(store.lines)


@pytest.mark.parametrize(("personal", "expected"), [("hmac", "pseudonym-"), ("off", "ada@example.com")])
def test_personal_data(config: Config, store: MemoryStore, personal: Any, expected: str) -> None:  # noqa: ANN401
    """`hmac` makes pseudonyms everywhere, `off` none; without a need for keys nobody asks for them."""
    settings = replace(config, keys_parameter="/log/keys", personal=personal)
    writer = Writer(settings, store=store, keys=FixedKeys(ring("k1") if personal == "hmac" else None), now=lambda: NOW)
    assert post(writer, EVENT | {"session_id": "ada@example.com", "user_id": "ada@example.com"}).status == 200
    (record,) = store.records
    assert record["session_id"].startswith(expected)
    assert record["user_id"].startswith(expected)


def test_a_rotated_key_makes_new_rules(config: Config) -> None:
    """And only a rotated one: a masker is not made for every request."""
    source = FixedKeys(ring("k1"))
    book = RuleBook(keyed(config), keys=source)
    first = book.get(deadline=soon())
    assert book.get(deadline=soon()) is first
    source.keys = ring("k2")
    assert book.get(deadline=soon()).key == HmacKey(key_id="k2", key=NEW)


@pytest.mark.parametrize("changes", [{"keyed_digests": True}, {"personal": "hmac"}, {"envelope": "raw"}])
def test_a_configuration_that_lacks_what_it_needs(config: Config, changes: dict[str, Any]) -> None:
    """Keys and vault are asked for at the start."""
    with pytest.raises(AuditError):
        replace(config, **changes)


def test_ids_cannot_be_tried_out(config: Config, masker: Masker) -> None:
    """The same content under another token has another id: who lacks the token cannot test what a payload said."""
    ids: list[str] = []
    for token in ("aal_one", "aal_two"):
        digest = hashlib.sha256(token.encode()).hexdigest()
        agent = replace(config.agents[0], tokens=(replace(config.agents[0].tokens[0], sha256=digest),))
        writer = Writer(replace(config, agents=(agent,)), masker=masker, store=MemoryStore(), now=lambda: NOW)
        response = post(writer, EVENT | {"request": {"pin": 1234}}, authorization=f"Bearer {token}")
        ids.append(json.loads(response.body)["stored"][0]["record_id"])
    assert ids[0] != ids[1]
