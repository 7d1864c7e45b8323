"""Time stamps of checkpoints, by an authority on this machine; and the weekly mail."""

import json
from collections.abc import Callable

import pytest
from rfc3161_client import TimestampRequestBuilder, VerifierBuilder, decode_timestamp_response
from rfc3161_client.base import HashAlgorithm

from audit_core.errors import AuditError
from audit_core.timestamps import MAX_TIMESTAMP_BYTES
from aws_client.services import JsonService
from aws_client.signed import Credentials, SignedClient
from log_sealer import handler
from log_sealer.anchor import Authority, StampError, anchor, check
from log_sealer.bucket import Bucket
from log_sealer.config import Config, parse_config
from log_sealer.ledger import TamperedError
from log_sealer.services import KmsSigner

from . import authority as authorities
from .conftest import DAYS, ORIGIN, REGION, Place, soon

DATA = b"a checkpoint\n"


def _parts(place: Place) -> tuple[Bucket, KmsSigner]:
    client = SignedClient(region=REGION, credentials=lambda: Credentials(access_key="test", secret_key="test"))
    bucket = Bucket(name=place.bucket, client=client, endpoint_url=place.url)
    kms = JsonService("kms", client=client, endpoint_url=place.url)
    return bucket, KmsSigner(key_id=place.key_id, origin=ORIGIN, kms=kms)


def _anchor(place: Place, url: str) -> tuple[int, bool]:
    bucket, signer = _parts(place)
    return anchor(
        bucket,
        Authority(url, pause=0.01),
        opened=signer.opened,
        alarm=lambda kind, key: place.alarms.append((kind, key)),
    )


def test_newest_checkpoint_is_stamped_once(place: Place) -> None:
    """The time stamp is of the kept checkpoint's bytes and good by the authority's root; no second one is asked for."""
    place.store()
    place.sealer().seal(deadline=soon())
    authority = authorities.make_authority()
    with authorities.served(authority) as url:
        assert _anchor(place, url) == (3, True)
        assert _anchor(place, url) == (3, False)
    files = place.objects()
    assert [key for key in files if key.startswith("seal/anchors/")] == ["seal/anchors/3.tsr"]
    verifier = VerifierBuilder().add_root_certificate(authority.root).build()
    assert verifier.verify_message(decode_timestamp_response(files["seal/anchors/3.tsr"]), files["seal/checkpoints/3"])
    assert place.alarms == []


def test_empty_log_is_not_stamped(place: Place) -> None:
    """There is nothing to vouch for yet, so that nobody is asked."""
    place.sealer().seal(deadline=soon())
    assert _anchor(place, "http://127.0.0.1:9/") == (0, False)


def test_authority_that_does_not_answer_alarms(place: Place) -> None:
    """Nothing is stored, and the next day's run tries again."""
    place.store()
    place.sealer().seal(deadline=soon())
    assert _anchor(place, "http://127.0.0.1:9/") == (3, False)
    assert place.alarms == [("anchor-failed", "seal/checkpoints/3")]
    assert not place.objects("seal/anchors/")


def test_checkpoint_that_was_laid_over_is_not_stamped(place: Place) -> None:
    """What somebody without the key put there is told of, and never vouched for."""
    place.store()
    place.sealer().seal(deadline=soon())
    place.s3.put_object(Bucket=place.bucket, Key="seal/checkpoint", Body=b"another\n")
    with pytest.raises(TamperedError, match="edge-mismatch"):
        _anchor(place, "http://127.0.0.1:9/")


def _asked() -> int:
    nonce = TimestampRequestBuilder().data(DATA).hash_algorithm(HashAlgorithm.SHA256).build().nonce
    assert nonce is not None
    return nonce


Stamp = Callable[[bytes, int | None], bytes]
ANSWERS: tuple[tuple[Callable[[Stamp, int], bytes], str], ...] = (
    (lambda stamp, nonce: stamp(b"else", nonce), "is of something else"),
    (lambda stamp, nonce: stamp(DATA, nonce + 1), "is of another request"),
    (lambda stamp, _: stamp(DATA, None), "is of another request"),
    (lambda _, __: b"", "is not a time stamp"),
    (lambda _, __: b"\x30\x03\x30\x01\x00", "is not a time stamp"),
    (lambda _, __: bytes.fromhex("30053003020102"), "was not granted"),
    (lambda stamp, nonce: stamp(DATA, nonce)[:-9], "is not a time stamp"),
)


@pytest.mark.parametrize(("reply", "says"), ANSWERS)
def test_answer_that_is_none_is_refused(reply: Callable[[Stamp, int], bytes], says: str) -> None:
    """A refusal, a time stamp of other bytes or of another request, half of one."""
    authority, nonce = authorities.make_authority(), _asked()
    with pytest.raises(StampError, match=says):
        check(reply(lambda data, number: authority.stamp(data, nonce=number), nonce), data=DATA, nonce=nonce)


class _Endless(authorities.Authority):
    """Answers with more than a time stamp has."""

    def answer(self, request: bytes) -> bytes:
        """Answer so."""
        return request[:1] * (MAX_TIMESTAMP_BYTES + 1)


def test_answer_without_end_is_not_read() -> None:
    """What is more than any time stamp is told of, and not kept."""
    sound = authorities.make_authority()
    endless = _Endless(root=sound.root, certificate=sound.certificate, private=sound.private)
    with authorities.served(endless) as url, pytest.raises(StampError, match="too large"):
        Authority(url).stamp(DATA)


def _config(place: Place, **changed: object) -> Config:
    given: dict[str, object] = {
        "schema": 1, "bucket": place.bucket, "region": REGION, "queue_url": place.queue_url, "key_id": place.key_id,
        "origin": ORIGIN, "retention_days": DAYS, "seal_minutes": 5, "topic_arn": "", "anchor_url": "",
    }  # fmt: skip
    return parse_config({**given, **changed})


class _Soon:
    def get_remaining_time_in_millis(self) -> int:
        """Return two minutes."""
        return 120_000


@pytest.fixture
def run(place: Place, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, object]]:
    """Return a function that runs the handler's task as the function does, against the emulator."""
    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("ENDPOINT_URL", place.url)):
        monkeypatch.setenv(f"AWS_{name}", value)

    def call(task: str, **changed: object) -> dict[str, object]:
        parts = handler.make_parts(_config(place, **changed))
        monkeypatch.setattr(handler, "_parts", lambda: parts)
        return handler.handler({"task": task}, _Soon())

    return call


def test_tasks_of_the_clock(place: Place, run: Callable[..., dict[str, object]]) -> None:
    """Each says in a line what it did: sealed, stamped, mailed."""
    place.store()
    assert (run("seal")["event"], run("reconcile")["size"]) == ("sealed", 3)
    with authorities.served(authorities.make_authority()) as url:
        assert {key: value for key, value in run("anchor", anchor_url=url).items() if key != "duration_ms"} == {
            "event": "anchored", "size": 3, "new": True,
        }  # fmt: skip


def test_mail_carries_the_checkpoint_and_the_key(place: Place, run: Callable[..., dict[str, object]]) -> None:
    """Whoever gets the alarms has, outside the account, what the log is compared with."""
    import boto3  # noqa: PLC0415 - this test's alone

    sns = boto3.client(
        "sns", endpoint_url=place.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )
    topic = sns.create_topic(Name=f"{place.bucket}-alarms")["TopicArn"]
    inbox = place.sqs.create_queue(QueueName=f"{place.bucket}-inbox")["QueueUrl"]
    arn = place.sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sent = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**sent, "Resource": arn}]})
    place.sqs.set_queue_attributes(QueueUrl=inbox, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    place.store()
    run("seal")
    assert run("mail", topic_arn=topic)["size"] == 3
    (message,) = place.sqs.receive_message(QueueUrl=inbox, WaitTimeSeconds=5)["Messages"]
    files = place.objects()
    text = json.loads(message["Body"])["Message"]
    assert files["seal/checkpoint"].decode().splitlines()[2] in text
    assert files["seal/key"].decode().strip() in text


def test_unknown_task_is_refused(run: Callable[..., dict[str, object]]) -> None:
    """A rule with a slip of the pen must not pass for sealing."""
    with pytest.raises(AuditError, match="must be one of seal, reconcile, mail, anchor"):
        run("sael")


@pytest.mark.parametrize("url", ["http://tsa.example/", "ftp://tsa.example/", "tsa.example"])
def test_authority_is_asked_over_tls(place: Place, url: str) -> None:
    """But on this machine, for tests."""
    with pytest.raises(AuditError, match="must be an https URL"):
        _config(place, anchor_url=url)
