"""`audit-log verify` over a copy: what it prints, and the three ways in which it ends."""

import gzip
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_core.layout import CHECKPOINT, RECORDS
from audit_core.merkle import leaf_digest
from audit_core.notes import VerifierKey
from audit_core.tiles import bundle_path, tile_path
from cli.main import main
from cli.verify.folder import LISTING
from cli.verify.tree import tiles_of
from tests.adversarial.sealed_log import ORIGIN, SealedLog, made
from tests.local.sealer.authority import make_authority


@pytest.fixture
def log() -> SealedLog:
    """Return a small log."""
    return made(6, 20, per_seal=2)


@pytest.fixture
def copy(log: SealedLog, tmp_path: Path) -> Path:
    """Return its copy; the key lies beside it."""
    (tmp_path / "key").write_text(f"{log.key.text}\n")
    return log.write(tmp_path / "copy")


def _run(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["verify", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def _log(copy: Path, *more: str | Path) -> tuple[int, str, str]:
    return _run("log", "--dir", copy, "--public-key", copy.parent / "key", "--jobs", "1", *more)


def _record(log: SealedLog) -> tuple[str, str, bytes]:
    key = next(key for key in log.files if key.startswith(RECORDS) and gzip.decompress(log.files[key]).count(b"\n") > 2)
    line = gzip.decompress(log.files[key]).splitlines()[1]
    return key, json.loads(line)["record_id"], line


def test_good_copy(copy: Path, log: SealedLog) -> None:
    """A good copy is verified; how fresh it is cannot be known."""
    code, out, err = _log(copy)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == ORIGIN
    assert out.splitlines()[-1] == "verified"
    assert f"{log.growth.size} of {log.growth.size} entries" in out
    assert "freshness: not established" in out


def test_for_programs(copy: Path, log: SealedLog) -> None:
    """`--json` prints one document."""
    code, out, _ = _log(copy, "--json")
    said = json.loads(out)
    assert code == 0
    assert said["ok"] is True
    assert said["records"] == said["size"] == said["vouched_entries"] == log.growth.size
    assert said["freshness"] == ["not established"]


def test_tampering(copy: Path, log: SealedLog) -> None:
    """A changed record is evidence: it is named, and the exit code says so."""
    key, record_id, _ = _record(log)
    lines = gzip.decompress(log.files[key]).splitlines(keepends=True)
    lines[1] = lines[1].replace(b"an-agent", b"no-agent")
    (copy / key).write_bytes(gzip.compress(b"".join(lines)))
    code, out, _ = _log(copy)
    assert code == 1
    assert f"tampering: altered: {key}: line 1, record {record_id}" in out
    assert out.splitlines()[-1] == "NOT verified: 1 finding"
    assert json.loads(_log(copy, "--json")[1])["findings"][0]["kind"] == "altered"


def test_kept_checkpoint_and_proof(copy: Path, log: SealedLog, tmp_path: Path) -> None:
    """What was kept of an earlier day, a checkpoint or a proof, says how fresh the copy is."""
    proof = tmp_path / "kept.tlog-proof"
    code, out, _ = _run("prove", _record(log)[1], "--dir", copy, "--public-key", tmp_path / "key", "--out", proof)
    assert code == 0
    assert str(proof) in out
    code, out, _ = _log(copy, "--against", copy / CHECKPOINT, "--against", proof)
    assert code == 0
    assert f"continues the checkpoint of size {log.growth.size} that you kept" in out


def test_rolled_back(copy: Path, log: SealedLog, tmp_path: Path) -> None:
    """A copy that ends before the checkpoint that was kept is found."""
    log.store(3)
    log.seal()
    (tmp_path / "kept").write_bytes(log.files[CHECKPOINT])
    code, out, _ = _log(copy, "--against", tmp_path / "kept")
    assert code == 1
    assert "rolled-back" in out


def test_time_stamps(copy: Path, log: SealedLog, tmp_path: Path) -> None:
    """Time stamps count under the given roots."""
    authority = make_authority()
    key = f"seal/anchors/{log.growth.size}.tsr"
    log.put(key, authority.stamp(log.files[CHECKPOINT]))
    log.write(copy)
    (tmp_path / "root.pem").write_bytes(authority.pem)
    code, out, _ = _log(copy, "--anchors", tmp_path / "root.pem")
    assert code == 0
    assert "freshness: time-stamped at" in out
    assert "1 time stamps by an authority" in out


def test_clock_and_range(copy: Path) -> None:
    """The clock can be moved, and days left out."""
    assert _log(copy, "--now", "2027-01-01")[0] == 0
    code, out, _ = _log(copy, "--since", "2026-06-02", "--until", "2026-06-03")
    assert code == 0
    assert "they are of other days" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--against", "gone"), "gone"),
        (("--anchors", "gone"), "gone"),
        (("--anchors", "key"), "PEM"),
        (("--against", "key"), "--against"),
        (("--now", "some day"), "--now"),
        (("--stack", "dev"), "--dir"),
    ],
)
def test_could_not_check(copy: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, str], said: str) -> None:
    """What cannot be used is named, and nothing is said of the log."""
    monkeypatch.chdir(copy.parent)
    code, out, err = _log(copy, *arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_no_key(copy: Path) -> None:
    """A key out of the copy would vouch for itself: one must be given."""
    code, _, err = _run("log", "--dir", copy)
    assert code == 2
    assert "--public-key" in err
    assert _run("log", "--dir", copy, "--public-key", copy / LISTING)[0] == 2


def test_another_key(copy: Path, tmp_path: Path) -> None:
    """Under another key nothing is vouched for."""
    other = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32).public_key().public_bytes_raw()
    (tmp_path / "key").write_text(VerifierKey(name=ORIGIN, public_key=other).text)
    code, out, _ = _log(copy)
    assert code == 1
    assert "under 0 good checkpoints" in out
    assert "signature" in out


def test_no_copy(tmp_path: Path, log: SealedLog) -> None:
    """A folder that is no copy, or half of one, could not be checked."""
    (tmp_path / "key").write_text(log.key.text)
    (tmp_path / "copy").mkdir()
    assert _log(tmp_path / "copy")[0] == 2
    listing = log.write(tmp_path / "copy") / LISTING
    listing.write_bytes(listing.read_bytes()[:-10])
    code, _, err = _log(tmp_path / "copy")
    assert code == 2
    assert "does not end with its own digest" in err


def test_proof(copy: Path, log: SealedLog, tmp_path: Path) -> None:
    """A proof is checked with the key and nothing else; against the record's line too."""
    _, record_id, line = _record(log)
    proof, key = tmp_path / "p.tlog-proof", tmp_path / "key"
    assert _run("prove", record_id, "--dir", copy, "--public-key", key, "--out", proof)[0] == 0
    (tmp_path / "line").write_bytes(line + b"\n")
    code, out, _ = _run("proof", proof, "--public-key", key, "--record", tmp_path / "line", "--json")
    said = json.loads(out)
    assert code == 0
    assert (said["ok"], said["record_id"], said["digest"]) == (True, record_id, leaf_digest(line))
    assert re.match(f"good: record {record_id} is entry", _run("proof", proof, "--public-key", key)[1])


def test_proof_of_something_else(copy: Path, log: SealedLog, tmp_path: Path) -> None:
    """A proof of another record, by another key, or with a byte changed is not good."""
    proof, key = tmp_path / "p.tlog-proof", tmp_path / "key"
    _run("prove", _record(log)[1], "--dir", copy, "--public-key", key, "--out", proof)
    (tmp_path / "line").write_bytes(b'{"another":1}')
    code, out, _ = _run("proof", proof, "--public-key", key, "--record", tmp_path / "line")
    assert (code, out) == (1, "not good: the proof is good, but of another record\n")
    good = proof.read_bytes()
    for place in range(0, len(good), 41):
        proof.write_bytes(good[:place] + bytes((good[place] ^ 1,)) + good[place + 1 :])
        assert _run("proof", proof, "--public-key", key)[0] == 1, place
    proof.write_bytes(good)
    other = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32).public_key().public_bytes_raw()
    key.write_text(VerifierKey(name=ORIGIN, public_key=other).text)
    assert _run("proof", proof, "--public-key", key)[0] == 1


@pytest.mark.parametrize("record_id", ["nothing", "0" * 40 + "-1", "-", "../../etc-1", "x" * 3000 + "-1"])
def test_no_such_record(copy: Path, record_id: str) -> None:
    """A record that is not there cannot be proved."""
    code, _, err = _run("prove", "--dir", copy, "--public-key", copy.parent / "key", "--", record_id)
    assert code == 2
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("index", [0, 255, 999, 1000, 1_234_067])
def test_tiles_are_known_by_their_names(index: int) -> None:
    """The name of a tile or bundle says which one it is, however many there are."""
    for level in (0, 2):
        for width in (1, 255, 256):
            assert [*tiles_of(tile_path(level, index, width).removeprefix("tile/"))] == [(level, index, width)]
            assert [*tiles_of(bundle_path(index, width).removeprefix("tile/"))] == [(0, index, width)]
