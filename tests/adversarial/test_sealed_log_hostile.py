"""A copy by somebody who wants verification to fail: a finding or an error of its own, never anything else."""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from audit_core.layout import CHECKPOINT, RECORDS, SEAL, sequence_key
from cli.main import main
from cli.verify.folder import LISTING, FolderSource
from cli.verify.log import VerifyOptions, verify_log
from cli.verify.source import Body, BrokenCopyError
from tests.adversarial.sealed_log import SealedLog, made, verified, write_listing

_LOG = made(5, 12, per_seal=2)
_KEYS = sorted(_LOG.files)
_texts = st.one_of(
    st.sampled_from(
        [*_KEYS, "", "/", "..", "seal/../x", f"seal/checkpoints/{'9' * 5000}", f"seal/tile/{'1' * 5000}/0"]
    ),
    st.sampled_from([f"seal/tile/0/000.p/{'7' * 5000}", f"seal/anchors/{'7' * 5000}.tsr", "seal/sequence/" + "٣" * 16]),
    st.text(max_size=30),
)
_times = st.one_of(
    st.sampled_from(
        ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "2026-06-01T00:00:00", "2026-06-01", ""]
    ),
    st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    st.none(),
)
_numbers = st.one_of(st.integers(), st.sampled_from([2**63, -1, 10**400, 1e300]), st.booleans())
_rows = st.fixed_dictionaries(
    {"key": _texts, "version": _texts, "stored_at": _times, "size": _numbers},
    optional={"marker": st.booleans(), "mode": _texts, "retain_until": _times, "sha256": _texts, "copied_at": _times},
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), _numbers, _texts),
    lambda inner: st.lists(inner) | st.dictionaries(_texts, inner),
)


def _write(log: SealedLog = _LOG) -> Path:
    return log.write(Path(tempfile.mkdtemp(dir=os.environ["HOSTILE"])))


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTILE", str(tmp_path))


def _looked_at(folder: Path) -> bool:
    """Whether something was found; what raises anything but the one error fails the test."""
    try:
        return bool(verified(folder, _LOG.key).findings)
    except BrokenCopyError:
        return True


@given(key=st.sampled_from(_KEYS), data=st.binary(max_size=300))
def test_random_file(key: str, data: bytes) -> None:
    """Any bytes, in any file."""
    folder = _write()
    (folder / key).write_bytes(data)
    assert _looked_at(folder) or data == _LOG.files[key]


@given(key=st.sampled_from(_KEYS), value=_json)
def test_random_json(key: str, value: Any) -> None:  # noqa: ANN401 - any JSON
    """Any JSON, in any file: markers, and entries in a commit."""
    folder = _write()
    data = json.dumps(value).encode("utf-8", "replace")[:65_000]
    (folder / key).write_bytes(data if "sequence" not in key else len(data).to_bytes(2, "big") + data)
    assert _looked_at(folder)


@given(
    start=st.one_of(st.integers(0, 100), st.sampled_from([2**62, 10**30, -5])),
    until=st.one_of(_times, _texts),
    version=_texts,
)
def test_random_marker(start: int, until: str | None, version: str) -> None:
    """A marker in its right form, that says anything."""
    folder = _write()
    key = next(key for key in _KEYS if key.startswith("seal/objects/"))
    said = {"retain_until": until, "start": start, "version": version}
    (folder / key).write_bytes(json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode())
    assert _looked_at(folder)


@given(rows=st.lists(st.one_of(_rows, _json), max_size=6), keep=st.booleans(), ordered=st.booleans())
def test_random_listing(rows: list[Any], keep: bool, ordered: bool) -> None:  # noqa: FBT001 - drawn
    """A listing with a good digest, of any rows."""
    folder = _write()
    lines = (folder / LISTING).read_bytes().splitlines()
    text = [lines[0], *(lines[1:-1] if keep else []), *(json.dumps(row).encode() for row in rows)]
    if ordered:
        text[1:] = sorted(text[1:])
    body = b"\n".join(text) + b"\n"
    digest = json.dumps({"listing_sha256": hashlib.sha256(body).hexdigest()}).encode()
    (folder / LISTING).write_bytes(body + digest + b"\n")
    assert _looked_at(folder) or (keep and not rows)


def test_row_that_claims_to_be_the_last(tmp_path: Path) -> None:
    """What stands after a row that looks like the end is read all the same."""
    folder = _LOG.write(tmp_path / "copy")
    lines = (folder / LISTING).read_bytes().splitlines()
    body = b"\n".join([*lines[:3], lines[-1], *lines[3:-1]]) + b"\n"
    digest = json.dumps({"listing_sha256": hashlib.sha256(body).hexdigest()}).encode()
    (folder / LISTING).write_bytes(body + digest + b"\n")
    with pytest.raises(BrokenCopyError):
        verified(folder, _LOG.key)


def _link(path: Path) -> None:
    target = path.with_name("elsewhere")
    path.rename(target)
    path.symlink_to(target)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_bytes(b"x")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("become", [_link, _folder, _pipe, _loop])
@pytest.mark.parametrize("prefix", [RECORDS, "seal/sequence/", "seal/tile/0/", "seal/objects/", CHECKPOINT, LISTING])
def test_file_that_is_something_else(tmp_path: Path, become: Callable[[Path], None], prefix: str) -> None:
    """A link, a folder, a pipe where a file should be is not that file; nothing is waited for."""
    folder = _LOG.write(tmp_path / "copy")
    key = LISTING if prefix == LISTING else next(key for key in _KEYS if key.startswith(prefix))
    become(folder / key)
    if (become, prefix) == (_link, LISTING):
        return  # the listing may be a link: its digest is its own
    assert _looked_at(folder)


def test_names_that_no_key_has(tmp_path: Path) -> None:
    """Names that are no text, and folders too deep for any key, are found."""
    folder = os.fsencode(_LOG.write(tmp_path / "copy"))
    Path(os.fsdecode(folder + b"/seal/\xff\xfe")).write_bytes(b"x")
    report = verified(tmp_path / "copy", _LOG.key)
    assert [finding.kind for finding in report.findings] == ["copy-broken"]
    (tmp_path / "key").write_text(_LOG.key.text)
    for more in ((), ("--json",)):
        done = CliRunner().invoke(
            main,
            [
                "verify",
                "log",
                "--dir",
                str(tmp_path / "copy"),
                "--public-key",
                str(tmp_path / "key"),
                "--jobs",
                "1",
                *more,
            ],
        )
        assert done.exit_code == 1, done.exception
    deep = tmp_path / "copy"
    for _ in range(600):
        deep /= "d"
        deep.mkdir()
    with pytest.raises(BrokenCopyError):
        verified(tmp_path / "copy", _LOG.key)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for root")
@pytest.mark.parametrize("prefix", [RECORDS, SEAL, LISTING])
def test_file_that_may_not_be_read(tmp_path: Path, prefix: str) -> None:
    """What may not be read could not be checked."""
    folder = _LOG.write(tmp_path / "copy")
    key = LISTING if prefix == LISTING else next(key for key in _KEYS if key.startswith(prefix))
    (folder / key).chmod(0)
    assert _looked_at(folder)


def test_larger_than_any(tmp_path: Path) -> None:
    """Files of sizes that none has, holes or not, are found, and take no memory in proportion."""
    folder = _LOG.write(tmp_path / "copy")
    for key in (sequence_key(0), "seal/tile/0/000", "seal/tile/entries/000"):
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        with (folder / key).open("wb") as file:
            file.truncate(200 << 20)
    assert _looked_at(folder)
    with (folder / sequence_key(0)).open("wb") as file:
        file.truncate(5 << 40 if sys.platform == "linux" else 2 << 30)
    assert _looked_at(folder)


class _Counting(FolderSource):
    reads = 0

    def read(self, key: str) -> Body | None:
        self.reads += 1
        return super().read(key)


@pytest.mark.parametrize("size", [0, 10**17])
def test_checkpoints_that_are_gone_take_no_more_reading(tmp_path: Path, size: int) -> None:
    """Where no checkpoint but the last is there, or one of a size beyond all, each file is read a few times at most."""
    log = made(80, 40, per_seal=2)
    gone = sorted(key for key in log.files if key.startswith("seal/checkpoints/"))
    for key in gone:
        if not size and key != f"seal/checkpoints/{log.growth.size}":
            del log.files[key], log.versions[key]
    if size:
        log.put(f"seal/checkpoints/{size}", b"x")
    source = _Counting(log.write(tmp_path))
    assert verify_log(source, VerifyOptions(key=log.key)).findings
    assert 2 * source.reads < 3 * len(log.files)


def test_log_that_is_empty(tmp_path: Path) -> None:
    """A log in which nothing was ever stored passes."""
    log = SealedLog()
    log.begin()
    report = verified(log.write(tmp_path), log.key)
    assert (report.findings, report.size, report.checkpoints) == ([], 0, 1)
    write_listing(tmp_path, {}, log.now)
    assert verified(tmp_path, log.key).findings
