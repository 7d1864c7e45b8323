"""A token is replaced while something waits: it is sent under the new one, and never in another agent's name."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from audit_log_client import AuditLog
from audit_log_client._reply import read_reply
from tests.clients.python.endpoint import Answer, Seen, Server, serving, stored

OLD, NEW, OTHER = "aal_old", "aal_new", "aal_other"
OWNERS = {OLD: "one", NEW: "one", OTHER: "two"}


def _token(seen: Seen) -> str:
    return seen.headers["authorization"].removeprefix("Bearer ")


def _away(_: Seen) -> Answer:
    return Answer(status=503)


def _away_for_old(seen: Seen) -> Answer:
    return Answer(status=503) if _token(seen) == OLD else _told(seen)


def _told(seen: Seen) -> Answer:
    """Return the log's answer, with the name of the token's owner."""
    return replace(stored(seen), headers={"Audit-Log-Agent": OWNERS[_token(seen)]})


@pytest.fixture
def log_of(endpoint: Server) -> Server:
    """Return an endpoint that tells whose a token is."""
    endpoint.behaviour = _told
    return endpoint


def _record(log: AuditLog, name: str) -> None:
    log.record(endpoint=f"https://api.example.com/{name}")


def _sent(endpoint: Server, token: str) -> list[str]:
    events = [event for seen in endpoint.seen if _token(seen) == token for event in seen.events]
    return sorted(event["endpoint"].rpartition("/")[2] for event in events)


def _run(endpoint: Server, token: str, *names: str, patience: float = 20) -> bool:
    """Log calls of those names as a program would. Return whether all was sent."""
    with AuditLog(endpoint.url, token, send_every=0.05, exit_timeout=patience) as log:
        for name in names:
            _record(log, name)
        return log.flush(patience)


def _outage(endpoint: Server, token: str, name: str) -> None:
    """End a program while the endpoint is away."""
    behaviour, endpoint.behaviour = endpoint.behaviour, _away
    assert not _run(endpoint, token, name, patience=0.5)
    endpoint.behaviour = behaviour
    endpoint.seen.clear()


def _folder(home: Path, owner: str | None = None) -> Path:
    (found,) = [path for path in _folders(home) if owner is None or (path / "agent").read_text() == owner]
    return found


def _folders(home: Path) -> list[Path]:
    return sorted((home / "state" / "agent-audit-log").iterdir())


def test_what_the_old_token_left_is_sent_with_the_new_one(log_of: Server, tmp_path: Path) -> None:
    """An outage, a restart with the new token: its first call takes what was left along, before a flush is done."""
    assert _run(log_of, OLD, "before")
    _outage(log_of, OLD, "left")
    assert _run(log_of, NEW, "after")
    assert _sent(log_of, NEW) == ["after", "left"]
    assert _sent(log_of, OLD) == []
    assert len(_folders(tmp_path)) == 2
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "agent"]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("agent")} == {0o600}


def test_the_next_start_needs_no_call(log_of: Server) -> None:
    """Once the new token's owner is known, a program that only starts sends what the old one left meanwhile."""
    assert _run(log_of, NEW, "first")
    assert _run(log_of, OLD, "second")
    _outage(log_of, OLD, "left")
    with AuditLog(log_of.url, NEW, send_every=0.05):
        deadline = time.monotonic() + 10
        while not log_of.seen and time.monotonic() < deadline:
            time.sleep(0.02)
    assert _sent(log_of, NEW) == ["left"]


def test_another_agents_events_are_left_to_it(log_of: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Two agents of one user on one machine: each one's events go out with its own token, without a warning."""
    assert _run(log_of, OTHER, "before")
    _outage(log_of, OTHER, "theirs")
    caplog.clear()
    assert _run(log_of, NEW, "ours")
    assert _sent(log_of, NEW) == ["ours"]
    assert not caplog.records
    assert _run(log_of, OTHER)
    assert _sent(log_of, OTHER) == ["theirs"]


def test_a_process_that_lives_keeps_what_is_its_own(log_of: Server) -> None:
    """While the old token still works, a process that has it sends its own; nothing is sent twice."""
    with AuditLog(log_of.url, OLD, send_every=0.05) as old:
        _record(old, "old-1")
        assert old.flush(20)
        log_of.behaviour = _away_for_old
        _record(old, "old-2")
        assert not old.flush(0.3)
        assert _run(log_of, NEW, "new")
        assert _sent(log_of, NEW) == ["new"]
        log_of.behaviour = _told
        assert old.flush(20)
    assert _sent(log_of, NEW) == ["new"]


def test_what_nobody_knows_the_owner_of(log_of: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A token that the log never took: a warning says once where its events are, and how they are sent."""
    _outage(log_of, OLD, "left")
    left = _folder(tmp_path)
    caplog.clear()
    assert _run(log_of, NEW, "one", "two")
    assert _sent(log_of, NEW) == ["one", "two"]
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert str(left) in warning
    assert "AUDIT_LOG_SPOOL" in warning
    with AuditLog(log_of.url, NEW, spool=left, send_every=0.05) as log:
        assert log.flush(20)
    assert _sent(log_of, NEW) == ["left", "one", "two"]


def test_an_endpoint_that_does_not_tell(endpoint: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Then nothing is taken for this agent's, and the warning says so."""
    assert _run(endpoint, OLD, "before")
    _outage(endpoint, OLD, "left")
    caplog.clear()
    assert _run(endpoint, NEW, "new")
    assert _sent(endpoint, NEW) == ["new"]
    assert "AUDIT_LOG_SPOOL" in caplog.text


def test_an_owner_that_cannot_be_read(log_of: Server, tmp_path: Path) -> None:
    """A file that a power cut or a person has spoilt makes nobody the owner; two spoilt ones are not the same."""
    for token, name in ((OTHER, "theirs"), (OLD, "left")):
        assert _run(log_of, token, "before")
        _outage(log_of, token, name)
    for folder, spoilt in zip(_folders(tmp_path), (b"", b"\xff"), strict=True):
        (folder / "agent").write_bytes(spoilt)
    assert _run(log_of, NEW, "new")
    assert _sent(log_of, NEW) == ["new"]
    for folder in _folders(tmp_path):
        (folder / "agent").write_bytes(b"")
    with AuditLog(log_of.url, NEW, send_every=0.05):
        time.sleep(0.5)
    assert _sent(log_of, NEW) == ["new"]


def test_a_folder_that_is_named_has_no_owner(log_of: Server, tmp_path: Path) -> None:
    """Who names a folder says whose it is; what lies beside it is nobody's business."""
    _outage(log_of, OLD, "left")
    with AuditLog(log_of.url, NEW, spool=_folder(tmp_path).with_name("mine"), send_every=0.05) as log:
        _record(log, "new")
        assert log.flush(20)
    assert _sent(log_of, NEW) == ["new"]
    assert not [path for path in tmp_path.rglob("agent") if path.is_file()]


def test_another_log_is_another_matter(log_of: Server) -> None:
    """What one endpoint was to get, no other gets, whoever its agent is."""
    assert _run(log_of, OLD, "before")
    _outage(log_of, OLD, "left")
    with serving(_told) as elsewhere:
        assert _run(elsewhere, NEW, "new")
        assert _sent(elsewhere, NEW) == ["new"]


@pytest.mark.parametrize("name", ["", "../x", "a b", "x" * 2000, "sales\u2011assistant"])
def test_only_a_plain_name_is_one(name: str) -> None:
    """What a proxy may put in its place says nothing."""
    body = json.dumps({"stored": [], "refused": []}).encode()
    assert read_reply(200, {"audit-log-agent": name}, body, events=0).agent == ""
