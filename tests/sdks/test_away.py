"""The endpoint is away for a while: what a client keeps is not lost, across a restart of the agent's process."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from localcloud.dependencies import ROOT
from tests.sdks import models, scenarios
from tests.sdks.backend import Backend
from tests.sdks.conftest import Python
from tests.sdks.kits import CLAUDE, OPENAI
from tests.sdks.running import run_program
from tests.sdks.scenarios import Place
from tests.sdks.stubs import Answer, Seen

FIRST = ["a", "b", "c"]
AWAY: dict[str, Answer] = {
    "hanging": Answer(silent=True),
    "503": Answer(status=503, headers={"Retry-After": "1"}),
    "429": Answer(status=429, headers={"Retry-After": "1"}),
    "401": Answer(status=401),
    "not-ours": Answer(status=502, body=b"<html>Bad Gateway</html>", mime="text/html"),
}

Agent: TypeAlias = "Callable[[list[str], float], bool]"


@pytest.fixture(params=["python", "node"])
def agent(request: pytest.FixtureRequest, python_of: Python, backend: Backend, tmp_path: Path) -> Agent:
    """Return a function that runs an agent's process: it logs calls of those names; whether all was sent by its end."""
    node = shutil.which("node")
    if request.param == "node" and node is None:
        pytest.skip("not run: there is no Node here")
    interpreter = Path(str(node)) if request.param == "node" else python_of(OPENAI)
    place = scenarios.place(interpreter, backend, tmp_path / "home")
    program = "away_run.mjs" if request.param == "node" else "away_run.py"

    def run(names: list[str], seconds: float) -> bool:
        what = {
            "client": (ROOT / "clients" / "node" / "audit-log.mjs").as_uri(),
            "endpoint": place.endpoint,
            "token": backend.token,
            "names": names,
            "flush_seconds": seconds,
        }
        return bool(run_program(interpreter, program, what, env=place.env).told["sent"])

    return run


def logged(backend: Backend) -> list[str]:
    """The names of the calls in the log."""
    return sorted(str(record["endpoint"]).rpartition("/")[2] for record in backend.records)


@pytest.mark.parametrize("kind", ["refused", *AWAY])
def test_nothing_is_lost_across_a_restart(backend: Backend, agent: Agent, kind: str) -> None:
    """A process ends while the endpoint is away; the next one sends what it had left, each call once."""
    started = time.monotonic()
    if kind == "refused":
        with backend.refusing():
            assert agent(FIRST, 0.5) is False
    else:
        backend.away = lambda _: AWAY[kind]
        assert agent(FIRST, 0.5) is False
        backend.away = None
    assert time.monotonic() - started < 30
    assert backend.records == []
    assert agent(["d"], 20.0) is True
    assert logged(backend) == [*FIRST, "d"]


def test_nothing_is_lost_when_the_token_is_replaced_meanwhile(backend: Backend, agent: Agent) -> None:
    """Its old token has ended when the next process comes with a new one: that sends what was left."""
    assert agent(["a"], 20.0) is True
    with backend.refusing():
        assert agent(["b", "c"], 0.5) is False
    backend.rotate("aal_" + "y" * 43)
    assert agent(["d"], 20.0) is True
    assert logged(backend) == ["a", "b", "c", "d"]


def test_a_batch_that_is_too_large_is_split(backend: Backend, agent: Agent) -> None:
    """413 for more than one event at once: they arrive one by one."""

    def small_only(seen: Seen) -> Answer:
        body = seen.content.strip()
        events = len(json.loads(body)) if body.startswith(b"[") else body.count(b"\n") + 1
        return Answer(status=413) if events > 1 else backend.answer(seen)

    backend.away = small_only
    assert agent(FIRST, 20.0) is True
    assert logged(backend) == FIRST


def test_claude_code_sends_again(backend: Backend, python_of: Python, tmp_path: Path) -> None:
    """Claude Code's own exporter repeats what was answered 503: the log has every event of the session."""
    place: Place = scenarios.place(python_of(CLAUDE), backend, tmp_path / "home")
    refused: list[Seen] = []

    def once(seen: Seen) -> Answer:
        if not refused:
            refused.append(seen)
            return Answer(status=503, headers={"Retry-After": "1"})
        return backend.answer(seen)

    backend.away = once
    assert scenarios.claude(place).out.strip() == models.REPLY
    assert refused
    assert len([call for call in backend.calls if call["model"]]) == 2
