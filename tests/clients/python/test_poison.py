"""A spool that somebody else has changed: only the agent's own events are sent, nothing is lost, and nothing stops."""

import json
import logging
import os
import stat
import uuid
from pathlib import Path
from typing import Any

import pytest

from audit_log_client import AuditLog, _files
from tests.clients.poison import GARBAGE, IS_ROOT, KINDS, PLANT, SECRET
from tests.clients.python.endpoint import TOKEN, Answer, Seen, Server, stored


def _name(route: str = "events") -> str:
    return f"{1:020}-{uuid.uuid4().hex}.{route}"


def _names() -> list[str]:
    return [_name(), "events.open", "traces.open"]


ODD_NAMES = ("1-not-a-key.events", "-.events", "1-.events", f"x-{uuid.uuid4().hex}.events", "1-a\nb: c.events")


def _only_json(seen: Seen) -> Answer:
    """Reject a body that is not all JSON objects, as the writer does."""
    try:
        events = seen.events
    except (ValueError, RecursionError):
        return Answer(status=400)
    return stored(seen) if all(isinstance(event, dict) for event in events) else Answer(status=400)


def _sequence(endpoint: Server) -> list[Any]:
    found = []
    for seen in endpoint.seen:
        for line in seen.body.splitlines():
            try:
                found.append(json.loads(line)["attributes"]["sequence"])
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
    return found


def _record(log: AuditLog, *numbers: int) -> None:
    for number in numbers:
        log.record(endpoint="https://api.example.com/x", attributes={"sequence": number})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("whose", ["dead", "own"])
def test_what_is_no_batch(endpoint: Server, tmp_path: Path, kind: str, whose: str) -> None:
    """Links, pipes, other users' files, huge files and odd names, in a dead process's folder or in the agent's own."""
    secret = tmp_path / "secret.json"
    secret.write_bytes(SECRET)
    spool = tmp_path / "spool"
    with AuditLog(endpoint.url, TOKEN, spool=spool, send_every=0.05) as log:
        if whose == "own":
            _record(log, 0)
            assert log.flush(10)
            (place,) = [path for path in (spool / "python").iterdir() if path.is_dir()]
        else:
            place = spool / "python" / "1-dead"
            place.mkdir(parents=True)
        for name in ODD_NAMES if kind == "odd names" else _names():
            PLANT[kind](place / name, secret)
        _record(log, 1, 2)
        log.flush(1 if whose == "own" else 10)
        assert {1, 2} <= {*_sequence(endpoint)}
    assert not [seen for seen in endpoint.seen if SECRET.strip() in seen.body]
    assert secret.read_bytes() == SECRET


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_costs_no_neighbour(endpoint: Server, tmp_path: Path, kind: str) -> None:
    """Damaged files are set aside. The good lines in them and all later events are sent."""
    endpoint.behaviour = _only_json
    place = tmp_path / "python" / "1-dead"
    place.mkdir(parents=True)
    good = b'{"attributes": {"sequence": 7}}\n'
    (place / _name()).write_bytes(good + GARBAGE[kind] + b"\n" + good)
    (place / "events.open").write_bytes(good + GARBAGE[kind])
    with AuditLog(endpoint.url, TOKEN, spool=tmp_path, send_every=0.05) as log:
        _record(log, 1)
        assert log.flush(20)
    taken = _sequence(endpoint)
    assert 1 in taken
    assert 7 in taken
    assert not [*tmp_path.rglob("*.events"), *tmp_path.rglob("*.open")]


@pytest.mark.parametrize("kind", ["link", "file", "foreign"])
def test_a_place_that_is_somebody_elses(
    endpoint: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """The client does not use it: events wait elsewhere, and it logs an error."""
    if kind == "foreign" and not IS_ROOT:
        pytest.skip("not run: only root can give a folder away")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o777)
    if kind == "link":
        (spool / "python").symlink_to(elsewhere)
    elif kind == "file":
        (spool / "python").touch()
    else:
        (spool / "python").mkdir()
        os.chown(spool / "python", 65534, 65534)
    with AuditLog(endpoint.url, TOKEN, spool=spool) as log:
        _record(log, 1)
        assert log.flush(10)
    assert _sequence(endpoint) == [1]
    assert not [*elsewhere.iterdir()]
    assert "cannot be written" in caplog.text


def test_a_spool_that_all_may_write(endpoint: Server, tmp_path: Path) -> None:
    """The client makes its folder in it readable for the owner alone."""
    place = tmp_path / "python"
    place.mkdir()
    place.chmod(0o777)
    with AuditLog(endpoint.url, TOKEN, spool=tmp_path) as log:
        _record(log, 1)
        assert log.flush(10)
        assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_links_in_the_place_of_its_own_files(
    endpoint: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The client writes nothing through a link: neither refused events nor the owner of a folder."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    spool = tmp_path / "spool"
    (spool / "python").mkdir(parents=True)
    (spool / "python" / "refused.jsonl").symlink_to(victim)
    endpoint.behaviour = lambda seen: stored(seen, {0: "because"})
    with caplog.at_level(logging.CRITICAL), AuditLog(endpoint.url, TOKEN, spool=spool, send_every=0.05) as log:
        _record(log, 1)
        log.flush(1)
    with pytest.raises(OSError, match="symbolic"):
        _files.open_append(spool / "python" / "refused.jsonl")
    (tmp_path / "new.partial").symlink_to(victim)
    _files.write_new(tmp_path / "new", b"ours")
    assert victim.read_bytes() == b"mine"


def test_a_batch_that_vanishes(endpoint: Server, tmp_path: Path) -> None:
    """Somebody removes it while the client sends it: later events are sent."""

    def clear(seen: Seen) -> Answer:
        for path in tmp_path.rglob("*.events"):
            path.unlink()
        return Answer(status=503) if len(endpoint.seen) == 1 else stored(seen)

    endpoint.behaviour = clear
    with AuditLog(endpoint.url, TOKEN, spool=tmp_path, send_every=0.05) as log:
        _record(log, 1)
        log.flush(2)
        _record(log, 2)
        assert log.flush(10)
    assert _sequence(endpoint)[-1] == 2


def test_an_owner_that_is_a_pipe(endpoint: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent starts without waiting for a pipe in the folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with AuditLog(endpoint.url, TOKEN) as log:
        _record(log, 1)
        assert log.flush(10)
    (folder,) = (tmp_path / "agent-audit-log").iterdir()
    os.mkfifo(folder / "agent")
    other = folder.with_name(f"{folder.name.partition('-')[0]}-other")
    other.mkdir()
    os.mkfifo(other / "agent")
    with AuditLog(endpoint.url, TOKEN) as log:
        _record(log, 2)
        assert log.flush(10)
    assert _sequence(endpoint) == [1, 2]
