"""Whoever changes the past is found out: from the copy alone, or with what was kept of an earlier day."""

import copy
import gzip
import random
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_core.contents import StoredObject, entries_of
from audit_core.entries import parse_entry
from audit_core.layout import CHECKPOINT, RECORDS, checkpoint_key, marker_key
from audit_core.notes import Checkpoint, open_checkpoint
from audit_core.sealing import EMPTY
from cli.verify.findings import Report
from cli.verify.folder import LISTING
from cli.verify.source import BrokenCopyError
from cli.verify.trust import verify_signature
from tests.adversarial.sealed_log import BEGAN, DAYS, SealedLog, made, verified
from tests.local.sealer.authority import Authority, make_authority

_FLIPS = 4
"""Of each kind of file."""


@pytest.fixture(scope="module")
def whole() -> SealedLog:
    """Return a log of more than 20,000 records in 310 objects, which no test changes."""
    log = made(310, 140)
    assert log.growth.size >= 20_000
    return log


@pytest.fixture(scope="module")
def folder(whole: SealedLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return its copy, which every test leaves as it was."""
    return whole.write(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def log() -> SealedLog:
    """Return a small log to do anything with."""
    return made(30, 40, per_seal=4)


def kinds(report: Report) -> set[str]:
    """Return the kinds of what was found."""
    return {finding.kind for finding in report.findings}


def places(report: Report, kind: str) -> set[str]:
    """Return where something of a kind was found."""
    return {finding.where for finding in report.findings if finding.kind == kind}


def records(log: SealedLog) -> list[str]:
    """Return the keys of the objects with records."""
    return sorted(key for key in log.files if key.startswith(RECORDS))


def test_untouched(whole: SealedLog, folder: Path) -> None:
    """The log as it is passes, whole, and says that it cannot tell how fresh it is."""
    report = verified(folder, whole.key)
    assert report.findings == []
    assert report.vouched == report.size == report.records == whole.growth.size
    assert report.objects == len(records(whole))
    assert report.as_json()["freshness"] == ["not established"]


def test_processes_find_the_same(whole: SealedLog, folder: Path) -> None:
    """More processes come to the same report."""
    assert verified(folder, whole.key, jobs=2, share=1000) == verified(folder, whole.key)


def _kinds_of_files(log: SealedLog) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in sorted(log.files):
        parts = key.split("/")
        depth = 3 if parts[:2] == ["seal", "tile"] else 2
        found.setdefault("/".join(parts[:depth]) + (" partial" if ".p/" in key else ""), []).append(key)
    return found


def test_any_flipped_byte(whole: SealedLog, folder: Path) -> None:
    """A flipped byte of any file is found, and the file is named."""
    rng = random.Random(20260630)  # noqa: S311 - the same places in every run
    assert len(_kinds_of_files(whole)) >= 10
    for kind, keys in _kinds_of_files(whole).items():
        for _ in range(_FLIPS if kind.startswith("seal/tile") or kind == "records" else _FLIPS // 2):
            key = rng.choice(keys)
            data = bytearray(whole.files[key])
            place = rng.randrange(len(data))
            data[place] ^= 1 << rng.randrange(8)
            (folder / key).write_bytes(data)
            try:
                report = verified(folder, whole.key)
            finally:
                (folder / key).write_bytes(whole.files[key])
            assert key in {finding.where for finding in report.findings}, f"{key}, byte {place}"
            assert {finding.where for finding in report.findings} == {key}, "and nothing else is blamed"
            assert report.vouched or key.startswith("seal/checkpoints/")


def test_flipped_byte_of_the_listing(whole: SealedLog, folder: Path) -> None:
    """The copy's own listing is checked before it is believed."""
    rng = random.Random(7)  # noqa: S311 - the same places in every run
    good = (folder / LISTING).read_bytes()
    for _ in range(30):
        data = bytearray(good)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        (folder / LISTING).write_bytes(data)
        try:
            with pytest.raises(BrokenCopyError):
                verified(folder, whole.key)
        finally:
            (folder / LISTING).write_bytes(good)


def _edit(log: SealedLog, key: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of an object, and its digest in the listing; the seal stays."""
    lines = gzip.decompress(log.files[key]).splitlines(keepends=True)
    before = log.versions[key]
    log.put(key, gzip.compress(b"".join(change(lines)), 2, mtime=0))
    log.versions[key] = [replace(before[0], sha256=log.versions[key][0].sha256, size=len(log.files[key]))]


def _many(log: SealedLog) -> str:
    return next(key for key in records(log) if gzip.decompress(log.files[key]).count(b"\n") > 5)


_CHANGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "removed": lambda lines: lines[:2] + lines[3:],
    "added": lambda lines: [*lines, lines[0]],
    "reversed": lambda lines: lines[::-1],
    "swapped": lambda lines: [lines[1], lines[0], *lines[2:]],
    "changed": lambda lines: [lines[0], lines[1].replace(b"api.example.com", b"api.example.org"), *lines[2:]],
    "last removed": lambda lines: lines[:-1],
    "renamed": lambda lines: [lines[0].replace(b'"record_id":"', b'"record_id":"0'), *lines[1:]],
}


@pytest.mark.parametrize("change", _CHANGES)
def test_records_changed_in_their_object(log: SealedLog, tmp_path: Path, change: str) -> None:
    """A record that was removed, added, moved or changed is found in its object."""
    key = _many(log)
    _edit(log, key, _CHANGES[change])
    assert places(verified(log.write(tmp_path), log.key), "altered") == {key}


def test_changed_record_is_named(log: SealedLog, tmp_path: Path) -> None:
    """The report names the record that is not as it was."""
    key = _many(log)
    wanted = f"record {key.rpartition('/')[2][:40]}-3"
    _edit(log, key, lambda lines: [*lines[:3], lines[3].replace(b"POST", b"GET").replace(b"an-", b"no-"), *lines[4:]])
    report = verified(log.write(tmp_path), log.key)
    assert [finding.detail for finding in report.findings if wanted in finding.detail]


def test_flipped_byte_names_the_record(whole: SealedLog, folder: Path) -> None:
    """A flipped byte in what is packed is told with the first record that cannot be read as it was sealed."""
    key = max(records(whole), key=lambda name: len(whole.files[name]))
    for place in range(200, len(whole.files[key]) - 200, 997):
        data = bytearray(whole.files[key])
        data[place] ^= 4
        (folder / key).write_bytes(data)
        try:
            (finding,) = verified(folder, whole.key).findings
        finally:
            (folder / key).write_bytes(whole.files[key])
        line = int(finding.detail.partition("line ")[2].partition(",")[0])
        before = zlib.decompressobj(31).decompress(bytes(whole.files[key][:place]))
        assert abs(line - before.count(b"\n")) <= 2
        assert f"record {key.rpartition('/')[2][:40]}-{line}" in finding.detail


def test_only_how_it_is_stored_changed(log: SealedLog, tmp_path: Path) -> None:
    """The same lines in other bytes are not what was stored."""
    key = _many(log)
    log.files[key] = gzip.compress(gzip.decompress(log.files[key]), 9, mtime=1)
    assert "altered" in kinds(verified(log.write(tmp_path), log.key))


def test_object_dropped(log: SealedLog, tmp_path: Path) -> None:
    """An object that is gone before its time is missed."""
    key = records(log)[7]
    del log.files[key], log.versions[key]
    assert places(verified(log.write(tmp_path), log.key), "missing") == {key}


def test_object_dropped_with_its_marker(log: SealedLog, tmp_path: Path) -> None:
    """So is one whose marker went with it."""
    key = records(log)[7]
    for name in (key, marker_key(key)):
        del log.files[name], log.versions[name]
    assert places(verified(log.write(tmp_path), log.key), "missing") == {key, marker_key(key)}


def test_object_expired(log: SealedLog, tmp_path: Path) -> None:
    """An object that is gone after its time has expired as planned; with the clock before that, it is missed."""
    key = records(log)[7]
    del log.files[key], log.versions[key]
    log.write(tmp_path)
    until = BEGAN + timedelta(days=DAYS + 1)
    report = verified(tmp_path, log.key, now=until)
    assert report.findings == []
    assert report.expired == 1
    assert places(verified(tmp_path, log.key, now=until - timedelta(days=2)), "missing") == {key}


def test_object_added(log: SealedLog, tmp_path: Path) -> None:
    """An object that was never sealed is found once it should have been."""
    key = log.store(3)
    log.waiting = []
    report = verified(log.write(tmp_path), log.key)
    assert places(report, "unsealed") == {key}
    assert verified(tmp_path, log.key, grace=timedelta(days=1)).pending == 1


def test_object_duplicated(log: SealedLog, tmp_path: Path) -> None:
    """A copy of an object under another name is not sealed."""
    key = records(log)[3]
    twin = key[:-20] + "0" * 10 + key[-10:]
    log.put(twin, log.files[key])
    assert places(verified(log.write(tmp_path), log.key), "unsealed") == {twin}


def test_objects_swapped(log: SealedLog, tmp_path: Path) -> None:
    """Two objects in each other's place are both found."""
    one, other = records(log)[2:4]
    log.files[one], log.files[other] = log.files[other], log.files[one]
    assert places(verified(log.write(tmp_path), log.key), "altered") == {one, other}


def test_hidden_by_a_marker_and_a_new_version(log: SealedLog, tmp_path: Path) -> None:
    """What hides a record in the bucket is in the listing, and is told of; the record itself is still verified."""
    key = records(log)[5]
    first = log.versions[key][0]
    marker = replace(first, version="m", marker=True, stored_at=log.now, sha256=None, mode=None, retain_until=None)
    later = replace(first, version="later", stored_at=log.now + timedelta(seconds=1))
    log.versions[key] = [first, marker, later]
    log.others[key, "later"] = b"forged"
    report = verified(log.write(tmp_path), log.key)
    assert kinds(report) == {"delete-marker", "second-version"}
    assert places(report, "delete-marker") == places(report, "second-version") == {key}


def test_new_version_in_the_copy_of_the_first(log: SealedLog, tmp_path: Path) -> None:
    """A listing that shows the later version as the first is found by what was sealed."""
    key = records(log)[5]
    _edit(log, key, lambda lines: [b'{"forged":1}\n', *lines[1:]])
    log.versions[key] = [replace(log.versions[key][0], version="later")]
    assert kinds(verified(log.write(tmp_path), log.key)) >= {"altered", "wrong-version"}


def _rebuilt(log: SealedLog, change: Callable[[int, list[bytes]], list[bytes]]) -> SealedLog:
    """Write all that needs no signature anew, over changed entries; the checkpoints stay as they were signed."""
    signed = {key: data for key, data in log.files.items() if key.startswith(CHECKPOINT)}
    commits = [log.files[key] for key in sorted(log.files) if key.startswith("seal/sequence/")]
    forged = copy.deepcopy(log)
    for key in [key for key in forged.files if key.startswith("seal/") and key != "seal/key"]:
        del forged.files[key], forged.versions[key]
    forged.growth = EMPTY
    from audit_core.tiles import unbundle  # noqa: PLC0415

    for number, commit in enumerate(commits):
        forged.commit(change(number, unbundle(commit)))
    for key in [key for key in forged.files if key.startswith(CHECKPOINT)]:
        del forged.files[key], forged.versions[key]
    for key, data in signed.items():
        forged.put(key, data)
    return forged


def _resealed(log: SealedLog, key: str) -> list[bytes]:
    version = log.versions[key][0]
    stored = StoredObject(
        key=key,
        version=version.version,
        stored_at=version.stored_at,
        retain_until=version.retain_until,
        body=log.files[key],
    )
    return [entry.data for entry in entries_of(stored)]


def test_middle_rewritten_and_rehashed(log: SealedLog, tmp_path: Path) -> None:
    """With every unsigned hash computed anew, the signatures still say that it is another log."""
    key = records(log)[10]
    _edit(log, key, lambda lines: [lines[0].replace(b"an-agent", b"no-agent"), *lines[1:]])
    fresh = _resealed(log, key)

    def change(_: int, entries: list[bytes]) -> list[bytes]:
        own = [number for number, entry in enumerate(entries) if parse_entry(entry).key == key]
        return [*entries[: own[0]], *fresh, *entries[own[-1] + 1 :]] if own else entries

    report = verified(_rebuilt(log, change).write(tmp_path), log.key)
    assert "rewritten" in kinds(report)
    assert 0 < report.vouched < log.growth.size


def test_rewritten_as_it_was_passes(log: SealedLog, tmp_path: Path) -> None:
    """The same rebuilding without a change is the same log: what the tests above find is the change."""
    assert verified(_rebuilt(log, lambda _, entries: entries).write(tmp_path), log.key).findings == []


@pytest.mark.parametrize("whose", ["seal/tile/0/000", "seal/tile/entries/001"])
def test_tile_replaced(whole: SealedLog, folder: Path, whose: str) -> None:
    """A tile in another's place is found."""
    other = "seal/tile/0/002" if "/0/" in whose else "seal/tile/entries/002"
    (folder / whose).write_bytes(whole.files[other])
    try:
        assert whose in places(verified(folder, whole.key), "altered")
    finally:
        (folder / whose).write_bytes(whole.files[whose])


@pytest.mark.parametrize("prefix", ["seal/tile/", "seal/sequence/", "seal/checkpoints/", "seal/objects/", "seal/key"])
def test_file_of_the_seal_removed(log: SealedLog, tmp_path: Path, prefix: str) -> None:
    """A file of the seal that is gone is missed, and named, and what it says is still verified where that can be."""
    for key in [key for key in sorted(log.files) if key.startswith(prefix)][:: 7 if prefix == "seal/tile/" else 3]:
        changed = copy.copy(log)
        changed.files = {name: data for name, data in log.files.items() if name != key}
        changed.versions = {name: rows for name, rows in log.versions.items() if name != key}
        folder = changed.write(tmp_path / key.replace("/", "_"))
        report = verified(folder, log.key)
        assert key in {finding.where for finding in report.findings}
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    "key",
    [
        "seal/tile/0/900",
        "seal/tile/0/000.p/3",
        "seal/tile/0/0",
        "seal/tile/9/000",
        "seal/tile/entries/x000/000",
        "seal/sequence/0000000000000003",
        "seal/sequence/3",
        "seal/checkpoints/3",
        "seal/checkpoints/007",
        "seal/anchors/3.tsr",
        "seal/rules/more",
        "seal/more",
        "seal/objects/dt=2026-06-01/ffff.jsonl.gz",
    ],
)
def test_file_that_the_log_does_not_have(log: SealedLog, tmp_path: Path, key: str) -> None:
    """A file that does not follow from the log is found."""
    log.versions.pop(key, None)
    if key in log.files:
        pytest.fail("the log has this file")
    data = b"x" if "objects" not in key else b'{"retain_until":null,"start":0,"version":"v"}'
    log.put(key, data)
    log.now += timedelta(days=1)
    assert key in {finding.where for finding in verified(log.write(tmp_path), log.key).findings}


def test_signed_by_another_key(log: SealedLog, tmp_path: Path) -> None:
    """A checkpoint by another key is none."""
    log.store(2)
    log.now += timedelta(minutes=3)
    entries = [entry for stored in log.waiting for entry in entries_of(stored)]
    real = log.private
    log.private = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
    trusted = log.key
    log.private = real
    log.commit([entry.data for entry in entries])
    log.sign(Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
    assert places(verified(log.write(tmp_path), log.key), "signature") == {CHECKPOINT, checkpoint_key(log.growth.size)}
    assert "signature" in kinds(verified(tmp_path, trusted))


def test_two_histories_of_one_size(log: SealedLog, tmp_path: Path) -> None:
    """A second history of the same size, well signed, is not the one whose files are there."""
    text = Checkpoint(origin=log.key.name, size=log.growth.size, root=bytes(32)).text
    from audit_core.notes import note  # noqa: PLC0415

    log.put(checkpoint_key(log.growth.size), note(text, log.key, log.private.sign(text.encode())))
    assert "rewritten" in kinds(verified(log.write(tmp_path), log.key))


def test_retention_shortened(log: SealedLog, tmp_path: Path) -> None:
    """A lock that ends earlier than when the object was sealed is found, and so is one that is gone."""
    short, gone = records(log)[4], records(log)[9]
    first = log.versions[short][0]
    assert first.retain_until is not None
    log.versions[short] = [replace(first, retain_until=first.retain_until - timedelta(days=1))]
    log.versions[gone] = [replace(log.versions[gone][0], mode=None, retain_until=None)]
    longer = records(log)[12]
    log.versions[longer] = [replace(log.versions[longer][0], retain_until=first.retain_until + timedelta(days=900))]
    report = verified(log.write(tmp_path), log.key)
    assert places(report, "lock-shortened") == {short}
    assert places(report, "not-locked") == {gone}


def test_object_sealed_twice(log: SealedLog, tmp_path: Path) -> None:
    """An object that is sealed in a second place has a marker that says another."""
    log.now += timedelta(minutes=5)
    log.commit(_resealed(log, records(log)[6]))
    assert places(verified(log.write(tmp_path), log.key), "wrong-marker") == {marker_key(records(log)[6])}


def _kept(log: SealedLog, size: int) -> Checkpoint:
    return open_checkpoint(log.files[checkpoint_key(size)], log.key, verify_signature)


def _sizes(log: SealedLog) -> list[int]:
    return sorted(int(key.rpartition("/")[2]) for key in log.files if key.startswith("seal/checkpoints/"))


def test_kept_checkpoint_makes_it_fresh(log: SealedLog, tmp_path: Path) -> None:
    """With checkpoints that were kept the log says that it continues them."""
    kept = [_kept(log, size) for size in _sizes(log)]
    report = verified(log.write(tmp_path), log.key, kept=kept)
    assert report.findings == []
    assert len(report.freshness) == len(kept)


def _forks() -> Iterator[tuple[SealedLog, SealedLog]]:
    """Yield two logs that share a beginning, and go on differently under the same key."""
    one = made(12, 20, per_seal=4)
    other = copy.deepcopy(one)
    for log, lines in ((one, 5), (other, 6)):
        log.store(lines)
        log.seal()
        log.store(lines)
        log.seal()
    yield one, other


def test_rolled_back_and_cut_off(tmp_path: Path) -> None:
    """A log that ends before a checkpoint that was kept is found by that; from the copy alone it cannot be."""
    for one, _ in _forks():
        short = made(12, 20, per_seal=4)
        folder = short.write(tmp_path)
        assert verified(folder, short.key).findings == []
        report = verified(folder, one.key, kept=[_kept(one, one.growth.size)])
        assert kinds(report) == {"rolled-back"}


def test_history_rewritten_with_the_key(tmp_path: Path) -> None:
    """Whoever may use the key can sign another history; a checkpoint that was kept tells, whatever its size."""
    for one, other in _forks():
        folder = other.write(tmp_path)
        assert verified(folder, other.key).findings == []
        for size in [size for size in _sizes(one) if size not in _sizes(other)]:
            report = verified(folder, other.key, kept=[_kept(one, size)])
            assert kinds(report) & {"rewritten", "rolled-back"}, size


def test_commit_that_is_not_signed_yet(log: SealedLog, tmp_path: Path) -> None:
    """A commit whose sealer has not come to the end is no finding."""
    before = set(log.files)
    head = log.files[CHECKPOINT]
    log.store(4)
    log.seal()
    for key in set(log.files) - before:
        if not key.startswith(("seal/sequence/", RECORDS)):
            del log.files[key], log.versions[key]
    log.put(CHECKPOINT, head)
    report = verified(log.write(tmp_path), log.key, grace=timedelta(days=1))
    assert report.findings == []
    assert report.pending == 1
    assert report.notices


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Return an authority for time stamps."""
    return make_authority()


def _stamped(log: SealedLog, authority: Authority) -> int:
    size = _sizes(log)[-2]
    log.put(f"seal/anchors/{size}.tsr", authority.stamp(log.files[checkpoint_key(size)], when=BEGAN))
    return size


def test_time_stamp_makes_it_fresh(log: SealedLog, tmp_path: Path, authority: Authority) -> None:
    """A time stamp by an authority that the caller trusts counts; without its root, that it was not checked is said."""
    size = _stamped(log, authority)
    report = verified(log.write(tmp_path), log.key, roots=[make_authority("Another").root, authority.root])
    assert (report.findings, report.anchors) == ([], 1)
    assert report.freshness == [f"time-stamped at {BEGAN:%Y-%m-%dT%H:%M:%SZ} (size {size})"]
    report = verified(tmp_path, log.key)
    assert (report.findings, report.anchors, report.freshness) == ([], 0, [])
    assert any("was not checked" in notice for notice in report.notices)


@pytest.mark.parametrize("status", [0, 1])
def test_time_stamp_is_sound_under_both_statuses_that_carry_one(
    log: SealedLog, tmp_path: Path, authority: Authority, status: int
) -> None:
    """RFC 3161: a response with status 0 (granted) or 1 (grantedWithMods) holds a time stamp."""
    size = _sizes(log)[-2]
    log.put(f"seal/anchors/{size}.tsr", authority.stamp(log.files[checkpoint_key(size)], when=BEGAN, status=status))
    report = verified(log.write(tmp_path), log.key, roots=[authority.root])
    assert (report.findings, report.anchors) == ([], 1)


@pytest.mark.parametrize("status", [2, 3, 4, 5, 6, 255])
@pytest.mark.parametrize("trusted", [True, False])
def test_time_stamp_that_was_not_granted_is_found(
    log: SealedLog, tmp_path: Path, authority: Authority, status: int, *, trusted: bool
) -> None:
    """Any other status says that there is no time stamp, whatever follows it."""
    size = _sizes(log)[-2]
    log.put(f"seal/anchors/{size}.tsr", authority.stamp(log.files[checkpoint_key(size)], when=BEGAN, status=status))
    report = verified(log.write(tmp_path), log.key, roots=[authority.root] if trusted else [])
    assert [finding.kind for finding in report.findings] == ["anchor"]


@pytest.mark.parametrize("forged", ["another root", "another checkpoint", "flipped", "nothing", "cut off"])
def test_time_stamp_that_is_none(log: SealedLog, tmp_path: Path, authority: Authority, forged: str) -> None:
    """A time stamp that is of something else, by somebody else, or not one at all is found."""
    size = _stamped(log, authority)
    key = f"seal/anchors/{size}.tsr"
    good = log.files[key]
    log.put(
        key,
        {
            "another root": make_authority().stamp(log.files[checkpoint_key(size)]),
            "another checkpoint": authority.stamp(log.files[checkpoint_key(_sizes(log)[1])]),
            "flipped": good[:-1] + bytes((good[-1] ^ 1,)),
            "nothing": b"",
            "cut off": good[:-9],
        }[forged],
    )
    report = verified(log.write(tmp_path), log.key, roots=[authority.root])
    assert places(report, "anchor") == {key}
    assert (report.anchors, report.freshness, len(report.findings)) == (0, [], 1)


def test_range(whole: SealedLog, folder: Path) -> None:
    """Outside the days asked for, objects are not read; the tree is verified all the same."""
    report = verified(folder, whole.key, since="2027-01-01")
    assert (report.skipped, report.records, report.findings) == (report.objects, 0, [])
    assert report.vouched == whole.growth.size


def test_gap_in_a_session(log: SealedLog, tmp_path: Path) -> None:
    """Events that were never sent, between others of their session, are noted; they are no tampering."""
    from audit_core.contents import lines_of  # noqa: PLC0415

    body = b"".join(
        b'{"session_id":"s","attributes":{"event_sequence":%d},"record_id":"gap-%d"}\n' % (number, number)
        for number in (1, 2, 5, 6, 9)
    )
    key = f"records/dt=2026-06-01/{'9' * 40}.jsonl.gz"
    log.add(key, gzip.compress(body))
    log.seal()
    assert list(lines_of(log.files[key]))
    report = verified(log.write(tmp_path), log.key)
    assert report.findings == []
    assert any("4 of its events" in notice for notice in report.notices)
