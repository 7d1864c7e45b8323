"""A log that stores all, and a client of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_log_client import AuditLog
from tests.clients.python.calls import json_answer
from tests.clients.python.endpoint import TOKEN, Server, serving, stored


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the person's own environment is read or written."""
    for name in ("ENDPOINT", "TOKEN", "SPOOL", "USER", "CORRELATION", "DIGEST_KEY_FILE"):
        monkeypatch.delenv(f"AUDIT_LOG_{name}", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def endpoint() -> Iterator[Server]:
    """Yield an endpoint that stores all, until its `behaviour` is set to something else."""
    with serving(stored) as server:
        yield server


@pytest.fixture
def log(endpoint: Server, tmp_path: Path) -> Iterator[AuditLog]:
    """Yield a client of that endpoint; its spool is `tmp_path / "spool"`."""
    with AuditLog(endpoint.url, TOKEN, spool=tmp_path / "spool", send_every=0.05, exit_timeout=2.0) as made:
        yield made


@pytest.fixture
def service() -> Iterator[Server]:
    """Yield a service that answers with JSON, until its `behaviour` is set to something else."""
    with serving(lambda _: json_answer()) as server:
        yield server
