"""A sealer that dies anywhere, and a bucket that somebody has been at."""

import base64
import gzip
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from audit_core.layout import MAX_STORED_BYTES
from audit_core.merkle import leaf_hash
from audit_core.notes import Checkpoint, VerifierKey, note, open_checkpoint, parse_key
from audit_core.tiles import Edge, unbundle
from aws_client.signed import Service, SignedClient
from log_sealer.ledger import TamperedError
from tests.local.sealer.conftest import DAYS, ORIGIN, VISIBILITY_SECONDS, Place, soon, verify

if TYPE_CHECKING:
    import urllib3

_MORE_THAN_A_RUN = 500
_KMS_BYTES = 4096


class _KilledError(BaseException):
    """The process is gone: nothing catches this."""


class _Dying(SignedClient):
    """A client whose process dies at its `last`-th request, before it is sent or when its reply is lost."""

    def __init__(self, client: SignedClient, last: int, *, sent: bool) -> None:
        self.__dict__ = client.__dict__
        self._left = last
        self._sent = sent

    def send(
        self,
        service: Service,
        method: str,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        seconds: float,
        whole: bool = True,
    ) -> "urllib3.BaseHTTPResponse":
        self._left -= 1
        if self._left < 0:
            raise _KilledError
        if self._left == 0 and not self._sent:
            raise _KilledError
        reply = super().send(service, method, url, body=body, headers=headers, seconds=seconds, whole=whole)
        if self._left == 0:
            raise _KilledError
        return reply


@pytest.mark.parametrize("sent", [False, True])
def test_killed_at_every_step(place: Place, *, sent: bool) -> None:
    """Wherever a sealer dies, the next one finishes what it had begun, and everything is sealed once."""
    keys = {place.store(1)}
    place.sealer().seal(deadline=soon())
    for last in range(1, _MORE_THAN_A_RUN):
        keys |= {place.store(2), place.store(1)}
        try:
            place.sealer(lambda client, last=last: _Dying(client, last, sent=sent)).seal(deadline=soon())
        except _KilledError:
            continue
        break
    else:
        pytest.fail("no run ever ended")
    assert last > 20, "the sealer was hardly ever killed"
    time.sleep(VISIBILITY_SECONDS + 0.5)  # what the dead ones had received is there again
    place.sealer().seal(deadline=soon())
    assert {entry.key for entry in place.checked()} == keys
    assert not place.alarms


def test_what_nobody_told_of_is_found(place: Place) -> None:
    """An object whose message was lost is sealed by the daily look at the bucket, of whatever day it is."""
    keys = {place.store(1, day=f"2026-{month:02}-{day:02}") for month in range(1, 7) for day in (1, 9, 17, 25)}
    place.sqs.purge_queue(QueueUrl=place.queue_url)
    sealer = place.sealer()
    assert sealer.seal(deadline=soon()).size == 0
    for days in range(31):
        place.sealer(days=days).reconcile(deadline=soon())
    assert {entry.key for entry in place.checked()} == keys


def test_second_version_and_marker(place: Place) -> None:
    """A version laid over a record, and a marker that hides one, are told of; what is sealed is the first."""
    first, second = place.store(2), place.store(2)
    place.sealer().seal(deadline=soon())
    before = place.checked()
    place.s3.put_object(Bucket=place.bucket, Key=first, Body=gzip.compress(b'{"record_id":"forged-0"}\n'))
    place.s3.delete_object(Bucket=place.bucket, Key=second)
    place.sealer().seal(deadline=soon())
    assert ("second-version", first) in place.alarms
    for days in range(31):
        place.sealer(days=days).reconcile(deadline=soon())
    assert ("delete-marker", second) in place.alarms
    assert place.checked() == before


def test_version_laid_over_an_unsealed_record(place: Place) -> None:
    """When both versions wait to be sealed, it is the first that is, and the second is told of."""
    key = place.store(3)
    place.s3.put_object(Bucket=place.bucket, Key=key, Body=gzip.compress(b'{"record_id":"forged-0"}\n'))
    place.sealer().seal(deadline=soon())
    assert [entry.record_id for entry in place.checked()] == [f"{key.rpartition('/')[2][:40]}-{n}" for n in range(3)]
    assert ("second-version", key) in place.alarms


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not gzip",
        gzip.compress(b""),
        gzip.compress(b"{}\n"),
        gzip.compress(b'{"record_id":"x-0"}'),
        gzip.compress(b'{"record_id":"x-0"}\n') + b"more",
        gzip.compress(b'{"record_id":"x-0"}\n')[:-4],
        gzip.compress(b'{"record_id":"' + b"x" * 70_000 + b'"}\n'),
        gzip.compress(b"\n" * 200_000),
        gzip.compress(bytes(50_000_000)),
        gzip.compress(b'{"record_id":"x-0"}\n') + bytes(MAX_STORED_BYTES),
    ],
    ids=[
        "empty",
        "no gzip",
        "no line",
        "no id",
        "no end",
        "two members",
        "cut",
        "long line",
        "many lines",
        "bomb",
        "huge",
    ],
)
def test_objects_that_the_writer_never_made(place: Place, body: bytes) -> None:
    """What lies under `records/` is sealed, whatever it is: as a whole, and it is told of."""
    key = f"records/dt=2026-06-30/{'ab' * 20}.jsonl.gz"
    place.s3.put_object(Bucket=place.bucket, Key=key, Body=body)
    good = place.store(1)
    place.sealer().seal(deadline=soon())
    entries = {entry.key: entry for entry in place.checked()}
    assert set(entries) == {key, good}
    assert entries[key].record_id is None
    assert ("unreadable", key) in place.alarms


_FOLDER = "records/dt=2026-06-30/"


@pytest.mark.parametrize(
    "key",
    [
        f"{_FOLDER}./y",
        f"{_FOLDER}../y",
        f"{_FOLDER}a/./../y",
        f"{_FOLDER}/y",
        f"{_FOLDER}y/",
        "records/y",
        "records/./y",
        f"{_FOLDER}a b+c%2Fd%",
        f"{_FOLDER}?versionId=1#x",
        f"{_FOLDER}\u00fc\u2011\U0001f600",
        f"{_FOLDER}a:b@c,d;e=f&g$h!*'()~",
        f"{_FOLDER}" + "k" * (1019 - len(_FOLDER)),
    ],
)
def test_an_object_under_an_odd_key(place: Place, key: str) -> None:
    """It raises an alarm and is sealed as it is; what came with it is sealed, and sealing goes on."""
    place.s3.put_object(Bucket=place.bucket, Key=key, Body=gzip.compress(b'{"record_id":"x-0"}\n'))
    good = [place.store(1)]
    place.sealer().seal(deadline=soon())
    good.append(place.store(1))
    place.sealer().seal(deadline=soon())
    place.sealer().reconcile(deadline=soon())
    assert {entry.key for entry in place.checked()} == {key, *good}
    assert set(place.alarms) == {("unexpected-key", key)}


@pytest.mark.parametrize("length", [1020, 1024])
def test_a_key_too_long_to_have_a_marker(place: Place, length: int) -> None:
    """It raises an alarm and is skipped: the key of its marker would be longer than S3 takes."""
    key = _FOLDER + "k" * (length - len(_FOLDER))
    place.s3.put_object(Bucket=place.bucket, Key=key, Body=gzip.compress(b'{"record_id":"x-0"}\n'))
    good = place.store(1)
    place.sealer().seal(deadline=soon())
    place.sealer().reconcile(deadline=soon())
    assert {entry.key for entry in place.checked()} == {good}
    assert set(place.alarms) == {("unexpected-key", key)}
    assert not place.sqs.receive_message(QueueUrl=place.queue_url, WaitTimeSeconds=0).get("Messages")


def test_a_marker_that_s3_does_not_hand_out(place: Place) -> None:
    """Its object waits, and the others are sealed."""
    bad, *good = (place.store(1) for _ in range(3))
    marker = bad.replace("records/", "seal/objects/")
    place.sealer(lambda client: _Refusing(client, marker)).seal(deadline=soon())
    assert {entry.key for entry in place.checked()} == {*good}
    assert set(place.alarms) == {("unreadable", marker)}


def test_short_lock(place: Place) -> None:
    """An object that is locked for less than the retention is told of."""
    place.s3.put_object_lock_configuration(
        Bucket=place.bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
        },
    )
    key = place.store(1)
    place.sealer().seal(deadline=soon())
    assert place.alarms == [("short-lock", key)]


class _Refusing(SignedClient):
    """A client to whom S3 does not hand out one object, as when it was put under a key of the sender's."""

    def __init__(self, client: SignedClient, key: str) -> None:
        self.__dict__ = client.__dict__
        self._refused = f"/{key}"

    def send(
        self,
        service: Service,
        method: str,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        seconds: float,
        whole: bool = True,
    ) -> "urllib3.BaseHTTPResponse":
        reply = super().send(service, method, url, body=body, headers=headers, seconds=seconds, whole=whole)
        if method == "GET" and url.replace("%3D", "=").partition("?")[0].endswith(self._refused):
            reply.status = 400
        return reply


def test_an_object_that_nobody_can_read(place: Place) -> None:
    """It is told of and waits; what came with it is sealed, and so is it once it can be read."""
    bad, *good = (place.store(1) for _ in range(3))
    place.sealer(lambda client: _Refusing(client, bad)).seal(deadline=soon())
    assert {entry.key for entry in place.checked()} == {*good}
    assert set(place.alarms) == {("unreadable", bad)}
    time.sleep(VISIBILITY_SECONDS + 0.5)  # its message was not forgotten
    place.sealer().seal(deadline=soon())
    assert {entry.key for entry in place.checked()} == {bad, *good}


def test_a_longer_retention(place: Place) -> None:
    """What was stored before a change is judged by the rule of its time: told of only if it is too short for that."""
    place.sealer().seal(deadline=soon())
    good = place.store(1)
    short = place.store(1)
    version = place.s3.head_object(Bucket=place.bucket, Key=short)["VersionId"]
    place.s3.put_object_retention(
        Bucket=place.bucket,
        Key=short,
        VersionId=version,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(days=DAYS - 1)},
        BypassGovernanceRetention=True,
    )
    place.sealer(retention_days=2 * DAYS).seal(deadline=soon())
    assert {entry.key for entry in place.checked()} == {good, short}
    assert place.alarms == [("short-lock", short)]
    assert place.objects("seal/rules/") == {
        "seal/rules/0000": b'{"retention_days":%d}' % DAYS,
        "seal/rules/0001": b'{"retention_days":%d}' % (2 * DAYS),
    }


def test_a_rule_that_is_none(place: Place) -> None:
    """A file among the rules that says nothing is told of, and the rule is kept beside it."""
    place.s3.put_object(Bucket=place.bucket, Key="seal/rules/0000", Body=b'{"retention_days":0}')
    place.store(1)
    place.sealer().seal(deadline=soon())
    assert len(place.checked()) == 1
    assert place.alarms == [("conflict", "seal/rules/0000")]
    assert place.objects("seal/rules/")["seal/rules/0001"] == b'{"retention_days":%d}' % DAYS


def test_checkpoint_rolled_back(place: Place) -> None:
    """An older checkpoint laid over the newest is replaced by the newest, and nothing is sealed twice."""
    place.store(2)
    place.sealer().seal(deadline=soon())
    old = place.objects()["seal/checkpoint"]
    place.store(2)
    place.sealer().seal(deadline=soon())
    place.s3.put_object(Bucket=place.bucket, Key="seal/checkpoint", Body=old)
    place.store(2)
    place.sealer().seal(deadline=soon())
    assert len(place.checked()) == 6


@pytest.mark.parametrize("forged", [b"", b"nonsense", b"strange"])
def test_checkpoint_forged(place: Place, forged: bytes) -> None:
    """A checkpoint that our key has not signed is told of, and does not stop the sealing."""
    place.store(2)
    place.sealer().seal(deadline=soon())
    if forged == b"strange":
        text = Checkpoint(origin=ORIGIN, size=0, root=bytes(32)).text
        forged = note(text, VerifierKey(name=ORIGIN, public_key=bytes(32)), bytes(64))
    place.s3.put_object(Bucket=place.bucket, Key="seal/checkpoint", Body=forged)
    place.store(2)
    place.sealer().seal(deadline=soon())
    assert ("conflict", "seal/checkpoint") in place.alarms
    assert len(place.checked()) == 4


class _AsKms(SignedClient):
    """A client whose KMS answers as AWS's does to a message that is longer than it takes."""

    def __init__(self, client: SignedClient) -> None:
        self.__dict__ = client.__dict__

    def send(
        self,
        service: Service,
        method: str,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        seconds: float,
        whole: bool = True,
    ) -> "urllib3.BaseHTTPResponse":
        if service == "kms" and len(base64.b64decode(json.loads(body).get("Message", ""))) > _KMS_BYTES:
            raise AssertionError("ValidationException")
        return super().send(service, method, url, body=body, headers=headers, seconds=seconds, whole=whole)


def test_checkpoint_forged_and_too_long_for_kms(place: Place) -> None:
    """A note under the log's own name and key id, longer than KMS takes, is told of and does not stop the sealing."""
    place.store(2)
    place.sealer().seal(deadline=soon())
    key = parse_key(place.objects()["seal/key"].decode())
    forged = note("long\n" * _KMS_BYTES, key, bytes(64))
    place.s3.put_object(Bucket=place.bucket, Key="seal/checkpoint", Body=forged)
    place.store(2)
    place.sealer(_AsKms).seal(deadline=soon())
    assert ("conflict", "seal/checkpoint") in place.alarms
    assert len(place.checked()) == 4


def test_tile_replaced(place: Place) -> None:
    """A tile that somebody laid over the right one is told of and not used."""
    place.store(2)
    place.sealer().seal(deadline=soon())
    place.s3.put_object(Bucket=place.bucket, Key="seal/tile/0/000.p/2", Body=bytes(64))
    place.store(2)
    place.sealer().seal(deadline=soon())
    assert ("second-version", "seal/tile/0/000.p/2") in place.alarms
    assert len(place.checked()) == 4


@pytest.mark.parametrize("name", ["tile/0/000.p/4", "tile/entries/000.p/4", "checkpoints/4"])
@pytest.mark.parametrize("body", [b"", b"garbage", bytes(128)])
def test_file_put_before_its_time(place: Place, name: str, body: bytes) -> None:
    """A file that was put where one of ours comes raises an alarm; nothing is put over it, and sealing goes on."""
    place.store(2)
    place.sealer().seal(deadline=soon())
    place.s3.put_object(Bucket=place.bucket, Key=f"seal/{name}", Body=body)
    for _ in range(3):
        place.store(2)
        place.sealer().seal(deadline=soon())
    assert place.objects()[f"seal/{name}"] == body
    assert ("conflict", f"seal/{name}") in place.alarms
    assert {key for _, key in place.alarms} <= {f"seal/{name}", "seal/checkpoint"}
    head = open_checkpoint(place.objects()["seal/checkpoint"], parse_key(place.objects()["seal/key"].decode()), verify)
    data = [entry for key, file in sorted(place.objects("seal/sequence/").items()) for entry in unbundle(file)]
    assert head == Checkpoint(origin=ORIGIN, size=8, root=Edge().grow([leaf_hash(entry) for entry in data])[0].root())


@pytest.mark.parametrize("name", ["tile/0/000.p/4", "tile/entries/000.p/4"])
def test_file_of_the_edge_removed(place: Place, name: str) -> None:
    """It is put again, and the alarm names it."""
    for _ in range(2):
        place.store(2)
        place.sealer().seal(deadline=soon())
    before = place.objects()
    version = place.s3.head_object(Bucket=place.bucket, Key=f"seal/{name}")["VersionId"]
    place.s3.delete_object(Bucket=place.bucket, Key=f"seal/{name}", VersionId=version, BypassGovernanceRetention=True)
    place.sealer().seal(deadline=soon())
    assert place.objects() == before
    assert set(place.alarms) == {("missing", f"seal/{name}")}


def test_sequence_with_a_gap(place: Place) -> None:
    """A commit that does not begin where the log ends is refused."""
    place.store(2)
    place.sealer().seal(deadline=soon())
    body = place.objects()[f"seal/sequence/{0:016}"]
    place.s3.put_object(Bucket=place.bucket, Key=f"seal/sequence/{7:016}", Body=body)
    with pytest.raises(TamperedError, match="sequence-gap"):
        place.sealer().seal(deadline=soon())
