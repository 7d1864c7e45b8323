"""Files of the seal that somebody with the account's root or the sealer's role has replaced, added or hidden.

Sealing goes on wherever what is signed does not depend on the file, and an alarm names it.
"""

import contextlib
import gzip
import json
import time

import pytest

from audit_core.layout import marker_key
from audit_core.notes import Checkpoint, note, parse_key
from log_sealer import bucket as bucket_module
from log_sealer import ledger as ledger_module
from log_sealer.ledger import TamperedError
from tests.local.sealer.conftest import DAYS, ORIGIN, Place, soon
from tests.local.sealer.test_attacks import _Refusing

MARKERS = {
    "garbage": b"garbage",
    "empty": b"",
    "not in its one form": b'{"version": "v", "start": 0, "retain_until": null}',
    "large": bytes(2_000_000),
}


def _put(place: Place, key: str, body: bytes) -> None:
    place.s3.put_object(Bucket=place.bucket, Key=key, Body=body)


def _sealed_keys(place: Place) -> set[str]:
    """Return the keys in the commits, whatever else is wrong with the seal."""
    files = place.objects("seal/sequence/")
    return {
        key for key in place.objects("records/") if any(f'"object":"{key}"'.encode() in body for body in files.values())
    }


@pytest.mark.parametrize("body", MARKERS.values(), ids=MARKERS)
def test_a_marker_put_before_its_object_is_sealed(place: Place, body: bytes) -> None:
    """The alarm names the marker; its object waits, and everything else is sealed, now and later."""
    place.sealer().seal(deadline=soon())
    bad, good = place.store(2), place.store(2)
    _put(place, marker_key(bad), body)
    place.sealer().seal(deadline=soon())
    later = place.store(1)
    place.sealer().seal(deadline=soon())
    place.sealer().reconcile(deadline=soon())
    assert _sealed_keys(place) == {good, later}
    assert set(place.alarms) == {("conflict", marker_key(bad))}


@pytest.mark.parametrize("body", [b"garbage", b'{"retain_until":null,"start":7,"version":"v"}'])
def test_a_marker_put_while_its_object_is_sealed(place: Place, monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    """A sealer that has committed an object finds another marker: the log is signed, and an alarm names the marker."""
    place.sealer().seal(deadline=soon())
    bad, good = place.store(2), place.store(2)
    real = ledger_module.Ledger.commit

    def commit(self: ledger_module.Ledger, *args: object) -> bool:
        _put(place, marker_key(bad), body)
        return real(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger_module.Ledger, "commit", commit)
    place.sealer().seal(deadline=soon())
    monkeypatch.undo()
    later = place.store(1)
    place.sealer().seal(deadline=soon())
    assert _sealed_keys(place) == {bad, good, later}
    assert set(place.alarms) == {("conflict", marker_key(bad))}


def test_a_marker_laid_over_the_right_one(place: Place) -> None:
    """The first version counts: its object is not sealed again when it is told of again."""
    key = place.store(2)
    place.sealer().seal(deadline=soon())
    _put(place, marker_key(key), b"garbage")
    _put(place, key, gzip.compress(b'{"record_id":"forged-0"}\n'))  # tells of the key again
    good = place.store(1)
    place.sealer().seal(deadline=soon())
    assert sum(b'"line":0' in body for body in place.objects("seal/sequence/").values()) == 2
    assert _sealed_keys(place) == {key, good}
    assert set(place.alarms) == {("second-version", marker_key(key)), ("second-version", key)}


def test_a_file_of_the_seal_that_s3_does_not_hand_out(place: Place) -> None:
    """A tile that was put under a key of the sender's raises an alarm, which names it, and sealing goes on."""
    place.store(2)
    place.sealer().seal(deadline=soon())
    place.store(2)
    tile = "seal/tile/0/000.p/2"
    place.sealer(lambda client: _Refusing(client, tile)).seal(deadline=soon())
    assert set(place.alarms) == {("unreadable", tile)}
    assert len(place.checked()) == 4


@pytest.mark.parametrize("name", ["x", "00", f"{4:016}.p", f"{4:017}", "zzz/y"])
def test_a_file_among_the_commits_that_is_not_one(place: Place, name: str) -> None:
    """It raises an alarm and does not stop the sealing."""
    place.store(2)
    place.sealer().seal(deadline=soon())
    _put(place, f"seal/sequence/{name}", b"garbage")
    place.store(2)
    place.sealer().seal(deadline=soon())
    assert f"seal/sequence/{name}" in place.objects("seal/sequence/")
    place.s3.delete_object(Bucket=place.bucket, Key=f"seal/sequence/{name}")
    assert len(place.checked()) == 4
    assert set(place.alarms) <= {("conflict", f"seal/sequence/{name}")}


def _forged(place: Place) -> bytes:
    key = parse_key(place.objects("seal/key")["seal/key"].decode())
    return note(Checkpoint(origin=ORIGIN, size=10**15, root=bytes(32)).text, key, bytes(64))


def test_more_forged_checkpoints_than_anybody_reads(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many versions lie over the right one, sealing goes on from the one that is kept, and shows the newest."""
    monkeypatch.setattr(ledger_module, "_MAX_OLDER", 3)
    place.store(2)
    place.sealer().seal(deadline=soon())
    forged = _forged(place)
    for number in range(6):
        _put(place, "seal/checkpoint", forged if number % 2 else b"%d" % number)
    place.sealer().seal(deadline=soon())
    assert len(place.checked()) == 2, "nothing new is stored, and the right checkpoint is shown again"
    place.store(2)
    place.sealer().seal(deadline=soon())
    assert len(place.checked()) == 4
    assert set(place.alarms) == {("conflict", "seal/checkpoint")}


@pytest.mark.parametrize("hidden", [True, False])
def test_the_checkpoint_is_gone(place: Place, *, hidden: bool) -> None:
    """Hidden by a marker or removed, it is shown again; an alarm names it, and nothing is signed anew."""
    place.store(2)
    place.sealer().seal(deadline=soon())
    before = place.objects()
    place.s3.delete_object(Bucket=place.bucket, Key="seal/checkpoint")
    if not hidden:
        listed = place.s3.list_object_versions(Bucket=place.bucket, Prefix="seal/checkpoint")
        for row in [*listed["Versions"], *listed["DeleteMarkers"]]:
            if row["Key"] == "seal/checkpoint":
                place.s3.delete_object(
                    Bucket=place.bucket,
                    Key=row["Key"],
                    VersionId=row["VersionId"],
                    BypassGovernanceRetention=True,
                )
    place.sealer().seal(deadline=soon())
    assert place.objects() == before
    assert set(place.alarms) == {("missing", "seal/checkpoint")}


@pytest.mark.parametrize("body", [b"", b"garbage"])
def test_a_checkpoint_put_before_the_log_begins(place: Place, body: bytes) -> None:
    """The log begins all the same."""
    _put(place, "seal/checkpoint", body)
    place.store(1)
    place.sealer().seal(deadline=soon())
    assert len(place.checked()) == 1
    assert set(place.alarms) == {("conflict", "seal/checkpoint")}


def test_another_key_begins_no_log_over_an_old_one(place: Place) -> None:
    """With a key that signed none of the checkpoints, nothing is put."""
    place.store(2)
    place.sealer().seal(deadline=soon())
    before = place.objects()
    for key in ("seal/checkpoint", "seal/checkpoints/0", "seal/checkpoints/2"):
        _put(place, key, b"garbage")
    place.key_id = _another_key(place)
    with pytest.raises(TamperedError):
        place.sealer().seal(deadline=soon())
    assert place.objects("seal/tile/") == {key: body for key, body in before.items() if key.startswith("seal/tile/")}


def _removed(place: Place, key: str) -> None:
    """Remove every version of a file, as an administrator can in governance mode."""
    listed = place.s3.list_object_versions(Bucket=place.bucket, Prefix=key)
    for row in [*listed["Versions"], *listed.get("DeleteMarkers", [])]:
        if row["Key"] == key:
            place.s3.delete_object(
                Bucket=place.bucket, Key=key, VersionId=row["VersionId"], BypassGovernanceRetention=True
            )


@pytest.mark.parametrize("gone", ["seal/checkpoint", "seal/checkpoints/4", "seal/tile/entries/000.p/4"])
@pytest.mark.parametrize("hide", [True, False])
def test_another_history_is_never_signed(place: Place, gone: str, *, hide: bool) -> None:
    """A commit that is replaced or hidden once its log was signed stops the sealing, whatever else is missing."""
    for _ in range(2):
        place.store(2)
        place.sealer().seal(deadline=soon())
    commit = f"seal/sequence/{2:016}"
    head = place.objects()["seal/checkpoint"]
    other = place.objects("seal/sequence/")[f"seal/sequence/{0:016}"]
    _removed(place, gone)
    if gone == "seal/checkpoints/4":
        _removed(place, "seal/tile/entries/000.p/4")
    if hide:
        place.s3.delete_object(Bucket=place.bucket, Key=commit)
    else:
        _removed(place, commit)
        _put(place, commit, other)
    place.store(2)
    with pytest.raises(TamperedError):
        place.sealer().seal(deadline=soon())
    with contextlib.suppress(TamperedError):  # a commit that was merely hidden is found again
        place.sealer().seal(deadline=soon())
    assert place.objects().get("seal/checkpoint", head) in {head, place.objects().get("seal/checkpoints/2")}


def _another_key(place: Place) -> str:
    import boto3  # noqa: PLC0415

    kms = boto3.client(
        "kms",
        endpoint_url=place.url,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    return str(kms.create_key(KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"])


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("zzzz", b'{"retention_days":9}'),
        ("0001.x", b'{"retention_days":9}'),
        ("0000/0000", b'{"retention_days":9}'),
        ("0003", b"garbage"),
        ("0003", b'{"retention_days":1234567}'),
        ("0003", b"9" * 2_000_000),
    ],
)
def test_a_file_among_the_rules_that_is_not_one(place: Place, name: str, body: bytes) -> None:
    """It raises an alarm in each run; no run adds a rule, and none stops."""
    place.sealer().seal(deadline=soon())
    _put(place, f"seal/rules/{name}", body)
    for count in range(1, 4):
        place.store(1)
        place.sealer().seal(deadline=soon())
        assert len(place.checked()) == count
    assert set(place.objects("seal/rules/")) == {"seal/rules/0000", f"seal/rules/{name}"}
    assert place.alarms == [("conflict", f"seal/rules/{name}")] * 3


@pytest.mark.parametrize("days", [1, DAYS - 1, DAYS + 1, 999_999])
@pytest.mark.parametrize("name", ["0001", "9999"])
def test_a_rule_that_somebody_else_put(place: Place, name: str, days: int) -> None:
    """The rule of the sealer's own configuration follows it at once, and only once."""
    place.sealer().seal(deadline=soon())
    _put(place, f"seal/rules/{name}", b'{"retention_days":%d}' % days)
    time.sleep(1.1)  # S3's times are whole seconds
    for count in range(1, 4):
        place.store(1)
        place.sealer().seal(deadline=soon())
        assert len(place.checked()) == count
    rules = place.objects("seal/rules/")
    assert sorted(json.loads(body)["retention_days"] for body in rules.values()) == sorted([DAYS, DAYS, days])
    assert place.alarms == []


def test_an_object_too_large_to_hash(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It raises an alarm and waits, and nobody reads it: an object of 5 TB would take longer than a run may."""
    monkeypatch.setattr(bucket_module, "_MAX_READ", 1_000_000)
    monkeypatch.setattr(bucket_module, "_PIECE", 1)  # to read it would take minutes
    big = f"records/dt=2026-06-30/{'ab' * 20}.jsonl.gz"
    _put(place, big, bytes(30_000_000))
    good = place.store(1)
    began = time.monotonic()
    place.sealer().seal(deadline=soon())
    assert time.monotonic() - began < 20
    assert {entry.key for entry in place.checked()} == {good}
    assert set(place.alarms) == {("unreadable", big)}


@pytest.mark.parametrize(
    "body",
    [
        "[" * 200_000,
        '{"Records":[{"s3":{"object":{"key":"records/dt=2026-06-30/\\ud800"}}}]}',
        '{"Records":[{"s3":{"object":{"key":7}}}]}',
        '{"Records":7}',
        '{"Records":[7]}',
        "garbage",
    ],
)
def test_a_message_that_s3_never_sent(place: Place, body: str) -> None:
    """It is forgotten, and what came with it is sealed."""
    place.sqs.send_message(QueueUrl=place.queue_url, MessageBody=body)
    key = place.store(1)
    place.sealer().seal(deadline=soon())
    assert {entry.key for entry in place.checked()} == {key}
