"""The spool: what is recorded outlives the process that recorded it, however that ended, and is sent once."""

import errno
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from audit_log_client import AuditLog, _files, _spool
from audit_log_client._batch import EVENTS, TRACES, Batch
from audit_log_client._folders import Folder
from audit_log_client._spool import Spool
from localcloud.dependencies import ROOT
from tests.clients.python.endpoint import TOKEN, Answer, Seen, Server, free_port, serving, stored

AGENT = Path(__file__).with_name("agent.py")
NOWHERE = "http://127.0.0.1:9"
GENEROUS = 10**9


def _start(url: str, spool: Path, end: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(AGENT), url, str(spool), end, str(count)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT / "clients" / "python" / "src"), "PATH": os.defpath},
    )


def _run(url: str, spool: Path, end: str, count: int) -> int:
    with _start(url, spool, end, count) as process:
        return process.wait(30)


def _sent_after_restart(spool: Path, seconds: float = 10.0) -> list[int]:
    """Return what a new process sends that only starts, by number."""
    with serving(stored) as endpoint, AuditLog(endpoint.url, TOKEN, spool=spool, send_every=0.02) as log:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not (endpoint.seen and log.flush(0.1)):
            time.sleep(0.02)
        return _numbers(endpoint)


def _numbers(endpoint: Server) -> list[int]:
    return sorted(event["attributes"]["sequence"] for seen in endpoint.seen for event in seen.events)


def _spool_in(folder: Path) -> Spool:
    return Spool(Folder(folder), max_bytes=GENEROUS)


def _batches(spool: Path) -> list[Path]:
    return sorted(path for path in spool.rglob("*") if path.is_file() and Batch.of(path) is not None)


@pytest.mark.parametrize("end", ["return", "raise"])
def test_an_end_with_the_endpoint_away(tmp_path: Path, end: str) -> None:
    """A program that ends waits for the endpoint no longer than it was told; the next one sends what is left."""
    started = time.monotonic()
    assert _run(NOWHERE, tmp_path, end, 50) == (3 if end == "raise" else 0)
    assert time.monotonic() - started < 10
    assert _sent_after_restart(tmp_path) == [*range(50)]


def test_an_end_with_the_endpoint_there(tmp_path: Path) -> None:
    """A program that ends at once has sent its last call."""
    with serving(stored) as endpoint:
        assert _run(endpoint.url, tmp_path, "return", 3) == 0
        assert _numbers(endpoint) == [0, 1, 2]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_log_that_nobody_holds(tmp_path: Path) -> None:
    """`AuditLog().record(...)`: what was logged is sent before the program ends, though nothing refers to the log."""
    with serving(stored) as endpoint:
        assert _run(endpoint.url, tmp_path, "unnamed", 3) == 0
        assert _numbers(endpoint) == [0, 1, 2]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_kill(tmp_path: Path) -> None:
    """`kill -9` loses nothing that was recorded a few milliseconds before."""
    with _start(NOWHERE, tmp_path, "hang", 200) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.kill()
        process.wait(10)
    assert _sent_after_restart(tmp_path) == [*range(200)]


def test_a_kill_while_the_endpoint_is_silent(tmp_path: Path) -> None:
    """A batch that was on its way is sent again under the same key: whoever stored it will know it."""
    with serving(lambda _: Answer(silent=True)) as silent, _start(silent.url, tmp_path, "hang", 5) as process:
        assert process.stdout is not None
        process.stdout.readline()
        deadline = time.monotonic() + 10
        while not silent.seen and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        process.wait(10)
        first = silent.seen[0].headers["idempotency-key"]
    with serving(stored) as endpoint, AuditLog(endpoint.url, TOKEN, spool=tmp_path, send_every=0.02):
        while not endpoint.seen and time.monotonic() < deadline:
            time.sleep(0.01)
        assert endpoint.seen[0].headers["idempotency-key"] == first
        assert endpoint.seen[0].body == silent.seen[0].body


@pytest.mark.parametrize("named", ["/dev/null", "/dev/null/below", "~nobody-of-that-name/spool"])
def test_a_folder_that_cannot_be_written(
    endpoint: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """Events wait in a temporary folder instead, as on machines whose disks are read-only."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with AuditLog(endpoint.url, TOKEN, spool=named) as log:
        log.record(endpoint="api.example.com", status=200)
        assert log.flush(5)
    assert sum(len(seen.events) for seen in endpoint.seen) == 1
    assert [path.name.rpartition("-")[0] for path in tmp_path.iterdir()] == ["agent-audit-log"]


def test_what_could_not_be_written_is_not_said_to_be_sent(endpoint: Server, tmp_path: Path) -> None:
    """It is kept in memory, and sent when the disk is back."""
    spool = tmp_path / "spool"
    with AuditLog(endpoint.url, TOKEN, spool=spool) as log:
        spool.rmdir()
        spool.touch()
        log.record(endpoint="api.example.com", status=200)
        assert not log.flush(0.3)
        spool.unlink()
        assert log.flush(5)
    assert sum(len(seen.events) for seen in endpoint.seen) == 1


@pytest.mark.parametrize("end", ["fork and close", "multiprocessing", "fork", "spawn", "forkserver", "pool"])
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork(tmp_path: Path, end: str) -> None:
    """Parent and child each send their own events once, however a library starts and ends the child."""
    with serving(stored) as endpoint:
        assert _run(endpoint.url, tmp_path, end, 20) == 0
        sent = _numbers(endpoint)
    assert sorted(sent + ([] if len(sent) == 40 else _sent_after_restart(tmp_path))) == [*range(40)]


@pytest.mark.parametrize("end", ["os._exit", "os._exit while it works"])
def test_an_end_without_atexit(tmp_path: Path, end: str) -> None:
    """`os._exit` waits until the events are on disk, but not for an endpoint. The next start sends them."""
    with serving(lambda _: Answer(silent=True)) as silent:
        started = time.monotonic()
        assert _run(silent.url, tmp_path, end, 500) == 5
        assert time.monotonic() - started < 10
    assert _sent_after_restart(tmp_path) == [*range(500)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_children_that_end_without_atexit(tmp_path: Path) -> None:
    """Forked children send their events before they end: nobody may start another child."""
    with serving(stored) as endpoint:
        assert _run(endpoint.url, tmp_path, "fork and os._exit", 20) == 0
        assert _numbers(endpoint) == [*range(100)]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_many_processes_share_a_folder(tmp_path: Path) -> None:
    """Each has a place of its own; nothing is lost, and nothing sent twice."""
    with serving(stored) as endpoint:
        processes = [_start(endpoint.url, tmp_path, "return", 30) for _ in range(4)]
        for process in processes:
            with process:
                assert process.wait(30) == 0
        sent = _numbers(endpoint)
    left = _sent_after_restart(tmp_path, seconds=1) if len(sent) < 120 else []
    assert sorted(sent + left) == sorted([*range(30)] * 4)


def test_the_living_are_left_alone(tmp_path: Path) -> None:
    """A process's files are taken over only when it is dead."""
    alive, other = _spool_in(tmp_path), _spool_in(tmp_path)
    alive.append(EVENTS, [b"{}"])
    assert other.next_batch(seal_after=0, passed=set()) is None
    alive.abandon()  # as when it dies: its lock is given back, its files stay
    other = _spool_in(tmp_path)
    taken = other.next_batch(seal_after=0, passed=set())
    assert taken is not None
    assert taken.lines() == [b"{}"]
    other.remove(taken)
    other.close()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    """Files 0600, folders 0700, whatever the umask."""
    before = os.umask(0)
    try:
        spool = _spool_in(tmp_path / "spool")
        spool.append(EVENTS, [b"{}"])
        spool.refuse(b"{}")
        spool.set_aside(b"x", "x")
        spool.next_batch(seal_after=0, passed=set())
    finally:
        os.umask(before)
    for path in (tmp_path / "spool").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    spool.close()


def _left_behind(folder: Path, files: dict[str, bytes]) -> None:
    place = folder / "python" / "1-abc"
    place.mkdir(parents=True)
    for name, data in files.items():
        (place / name).write_bytes(data)


def test_half_a_line(tmp_path: Path) -> None:
    """A power cut may leave half a line: it is set aside, all before it is sent."""
    _left_behind(tmp_path, {"events.open": b'{"attributes":{"sequence":0}}\n{"attrib'})
    assert _sent_after_restart(tmp_path) == [0]
    assert (tmp_path / "python" / "damaged" / "torn.jsonl").read_bytes() == b'{"attrib\n'


def test_a_damaged_batch(tmp_path: Path) -> None:
    """What is no JSON is set aside when the log says that it cannot read it; the rest is sent."""
    good = b'{"attributes":{"sequence":1}}'
    key = uuid.uuid4().hex
    _left_behind(
        tmp_path,
        {f"{1:020}-{key}.events": b"[\0\0\xff\n" + good + b"\n", f"{2:020}-{uuid.uuid4().hex}.events": b"\0\0\0\n"},
    )

    def behaviour(seen: Seen) -> Answer:
        try:
            return stored(seen)
        except ValueError:
            return Answer(status=400)

    with serving(behaviour) as endpoint, AuditLog(endpoint.url, TOKEN, spool=tmp_path, send_every=0.02) as log:
        log.record(endpoint="x", attributes={"sequence": 2})
        assert log.flush(10)
        taken = [seen.body for seen in endpoint.seen if behaviour(seen).status == 200]
    assert good in taken
    assert any(b'"sequence":2' in body for body in taken)
    damaged = b"".join(path.read_bytes() for path in (tmp_path / "python" / "damaged").iterdir())
    assert damaged.count(b"\0") == 5


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """What is no spool file is neither sent nor an obstacle."""
    _left_behind(tmp_path, {"notes.txt": b"mine", "events.open": b'{"attributes":{"sequence":0}}\n'})
    (tmp_path / "python" / "readme").write_text("x")
    assert _sent_after_restart(tmp_path) == [0]


def test_a_full_spool(tmp_path: Path) -> None:
    """What was kept stays, what comes is dropped and counted; when there is room again a record tells how many."""
    port = free_port()
    log = AuditLog(f"http://127.0.0.1:{port}", TOKEN, spool=tmp_path, max_spool_bytes=4000, send_every=0.02)
    with log:
        for number in range(40):
            log.record(endpoint="https://api.example.com/x", attributes={"sequence": number})
        assert not log.flush(0.5)
        assert 0 < log.dropped < 40
        assert sum(path.stat().st_size for path in _batches(tmp_path)) <= 4000
        with serving(stored, port) as endpoint:
            assert log.flush(10)
            log.record(endpoint="https://api.example.com/x", attributes={"sequence": 99})
            assert log.flush(10)
            log.record(endpoint="https://api.example.com/x", attributes={"sequence": 100})
            assert log.flush(10)
            events = [event["attributes"] for seen in endpoint.seen for event in seen.events]
    kept = [event["sequence"] for event in events if "sequence" in event]
    assert kept == [*range(40 - log.dropped), 99, 100]
    assert [event["dropped_events"] for event in events if "dropped_events" in event] == [log.dropped]


def test_a_full_disk(
    endpoint: Server, log: AuditLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be written waits in memory, and is written when that is possible again."""

    def full(_: int, __: bytes) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(_files, "write_all", full)
        for number in range(5):
            log.record(endpoint="https://api.example.com/x", attributes={"sequence": number})
        log.flush(0.3)
        assert "cannot be written" in caplog.text
    assert log.flush(10)
    log.record(endpoint="https://api.example.com/x", attributes={"sequence": 5})
    assert log.flush(10)
    assert _numbers(endpoint) == [*range(6)]


def test_half_a_write_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in the middle of a line leaves the lines before it as they were."""
    descriptor = _files.open_append(tmp_path / "file")
    _files.write_all(descriptor, b"first\n")
    write = os.write
    calls: list[int] = []

    def some(to: int, data: Any) -> int:  # noqa: ANN401 - as os.write takes it
        calls.append(1)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "no space")
        return write(to, bytes(data)[:3])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", some)
        with pytest.raises(OSError, match="no space"):
            _files.write_all(descriptor, b"second\n")
    _files.write_all(descriptor, b"third\n")
    os.close(descriptor)
    assert (tmp_path / "file").read_bytes() == b"first\nthird\n"


def test_a_folder_that_somebody_clears_away(endpoint: Server, log: AuditLog, tmp_path: Path) -> None:
    """What was in it is lost; what comes later is not."""
    log.record(endpoint="https://api.example.com/x", attributes={"sequence": 0})
    assert log.flush(10)
    for path in sorted((tmp_path / "spool").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    for number in range(1, 4):
        log.record(endpoint="https://api.example.com/x", attributes={"sequence": number})
        log.flush(2)
    assert 3 in _numbers(endpoint)


def test_batches_that_were_split_have_their_keys_from_the_whole(tmp_path: Path) -> None:
    """A process that is killed while it splits a batch makes the same two of it again."""
    spool = _spool_in(tmp_path)
    spool.append(EVENTS, [b'{"a":1}', b'{"a":2}', b'{"a":3}'])
    whole = spool.next_batch(seal_after=0, passed=set())
    assert whole is not None
    data = whole.path.read_bytes()
    spool.split(whole)
    halves = {path.name: path.read_bytes() for path in _batches(tmp_path)}
    whole.path.write_bytes(data)
    spool.split(whole)
    assert {path.name: path.read_bytes() for path in _batches(tmp_path)} == halves
    assert sorted(halves.values()) == [b'{"a":1}\n', b'{"a":2}\n{"a":3}\n']
    spool.close()


def test_routes_have_batches_of_their_own(tmp_path: Path) -> None:
    """Events and traces are never mixed; in an outage they are collected in few files."""
    spool = _spool_in(tmp_path)
    for number in range(30):
        spool.append(EVENTS, [b'{"event":%d}' % number])
        spool.append(TRACES, [b'{"trace":%d}' % number])
        spool.next_batch(seal_after=0, passed={Batch.of(path).key for path in _batches(tmp_path)})  # type: ignore[union-attr]
    assert len(_batches(tmp_path)) <= 10
    spool.close()
    for path in _batches(tmp_path):
        wanted = b"event" if path.suffix == ".events" else b"trace"
        assert all(wanted in line for line in path.read_bytes().splitlines())
    assert sum(len(path.read_bytes().splitlines()) for path in _batches(tmp_path)) == 60


def test_no_thread_before_there_is_work(endpoint: Server, tmp_path: Path) -> None:
    """A program that only makes a log, as one does before forking workers, has no more threads than before."""
    before = threading.active_count()
    log = AuditLog(endpoint.url, TOKEN, spool=tmp_path)
    assert threading.active_count() == before
    log.close()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_after_a_first_call_it_was_closed(endpoint: Server, log: AuditLog, tmp_path: Path) -> None:
    """The same when its threads have run; and nobody waits for what will not be sent."""
    log.record(endpoint="https://api.example.com/x", attributes={"sequence": 0})
    log.close()
    log.record(endpoint="https://api.example.com/x", attributes={"sequence": 1})
    started = time.monotonic()
    assert not log.flush(5)
    assert time.monotonic() - started < 1
    assert _numbers(endpoint) == [0]
    deadline = time.monotonic() + 10
    while not any(b'"sequence":1' in path.read_bytes() for path in tmp_path.rglob("*.open")):
        assert time.monotonic() < deadline, "it is not in the spool"
        time.sleep(0.02)


def test_a_home_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The spool is then in a folder for temporary files, if it can be the owner's alone."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    with serving(stored) as endpoint, AuditLog(endpoint.url, TOKEN) as log:
        log.record(endpoint="x", attributes={"sequence": 0})
        assert log.flush(10)
        assert _numbers(endpoint) == [0]
        (place,) = (tmp_path / "tmp").iterdir()
    assert place.stat().st_mode & 0o777 == 0o700


def test_after_it_was_closed(endpoint: Server, log: AuditLog, tmp_path: Path) -> None:
    """What is logged after the end is on disk for the next start."""
    log.close()
    log.record(endpoint="https://api.example.com/x", attributes={"sequence": 7})
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.suffix in {".open", ".events"})
    assert json.loads(kept)["attributes"]["sequence"] == 7
    assert not endpoint.seen
    assert _spool.ROUTES == (EVENTS, TRACES)
