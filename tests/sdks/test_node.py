"""`fetchWithLog` in a real Node process, against the stub model APIs."""

import shutil
import subprocess
from pathlib import Path

import pytest

from audit_core.digest import digest_payload
from tests.sdks import models, scenarios
from tests.sdks.backend import Backend
from tests.sdks.scenarios import Call, Place

NODE = shutil.which("node")
OLDEST = 20


@pytest.fixture
def place(backend: Backend, tmp_path: Path) -> Place:
    """Return where the Node agent runs."""
    if NODE is None:
        pytest.skip("not run: there is no Node here")
    version = subprocess.run([NODE, "--version"], check=True, capture_output=True, text=True, timeout=30).stdout
    if int(version.lstrip("v").partition(".")[0]) < OLDEST:
        pytest.skip(f"not run: Node {OLDEST} is needed, this is {version.strip()}")
    return scenarios.place(Path(NODE), backend, tmp_path / "home")


def test_calls_are_logged_with_their_digests(backend: Backend, place: Place) -> None:
    """A whole answer and a streamed one fill the guide's fields; no payload leaves the agent's process."""
    turns = [models.say(models.REPLY)]
    calls = [
        Call(api="chat", behaviour=models.openai(turns)),
        Call(api="chat", behaviour=models.openai(turns), stream=True),
    ]
    ran = scenarios.node(place, calls)
    assert (ran.endings, ran.sent) == (["200 true", "200 true"], True)
    records = scenarios.ends(backend.records)
    assert len(records) == len(backend.calls) == 2
    backend.assert_clean()
    for seen, _, _ in backend.replies:
        assert not [planted for planted in models.PLANTED if planted.encode() in seen.content]
    for record, asked in zip(records, ran.asked, strict=True):
        assert record["source"] == "native"
        assert (record["status"], record["method"], record["outcome"]) == (200, "POST", "success")
        assert record["endpoint"].endswith(asked.route)
        assert (record["user_id"], record["session_id"]) == (scenarios.USER, "s_1")
        assert record["agent_name"] == "replit-agent"
        assert record["correlation_id"] == scenarios.GROUP == asked.headers["x-trace-id"]
        assert record["request_hash"] == digest_payload(asked.body).digest
        assert record["response_hash"]
        assert record["provider_request_id"].startswith("req_openai_")
    assert records[1]["stream"]["complete"] is True
    assert records[1]["stream"]["chunks"] > 0


def test_what_goes_wrong_is_logged_as_what_it_is(backend: Backend, place: Place) -> None:
    """429, 500, a stream that is cut, silence, nobody there: five calls and outcomes; the agent sees each error."""
    turns = [models.say(models.REPLY)]
    calls = [
        Call(api="chat", behaviour=models.script(models.throttled())),
        Call(api="chat", behaviour=models.script(models.broken())),
        Call(api="chat", behaviour=models.openai(turns, cut=True), stream=True),
        Call(api="chat", behaviour=models.script(models.silent())),
        Call(api="chat", behaviour=None),
    ]
    ran = scenarios.node(place, calls)
    assert ran.endings == ["429 true", "500 true", "TypeError", "TimeoutError", "TypeError"]
    records = scenarios.ends(backend.records)
    assert [record["outcome"] for record in records] == ["throttled", "error", "error", "error", "error"]
    assert [record["status"] for record in records] == [429, 500, 200, None, None]
    assert [bool(record["response_hash"]) for record in records] == [True, True, False, False, False]
    assert records[2]["stream"]["complete"] is False
    backend.assert_clean()
