"""The writer's configuration file, and who its tokens speak for."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit_core.errors import AuditError
from log_writer.auth import authenticate
from log_writer.config import Agent, Token, load_config, parse_config


def sha256(text: str) -> str:
    """The digest that a token is known by."""
    return hashlib.sha256(text.encode()).hexdigest()


def raw() -> dict[str, Any]:
    """A whole configuration, as the stack writes it."""
    return {
        "schema": 1,
        "bucket": "log",
        "region": "eu-central-1",
        "agents": [
            {
                "name": "my-agent",
                "endpoint_detail": "domain",
                "tokens": [
                    {"sha256": sha256("new"), "not_after": None},
                    {"sha256": sha256("old"), "not_after": "2026-07-01T02:00:00+02:00"},
                ],
            }
        ],
        "masking": {"personal": "mask", "custom": {}},
        "digest": {"algorithm": "sha256"},
        "keys": {"parameter": "/log/keys"},
        "envelope": {"mode": "off"},
    }


def test_reads_what_the_stack_writes(tmp_path: Path) -> None:
    """Every key arrives where it belongs."""
    (tmp_path / "config.json").write_text(json.dumps(raw()))
    config = load_config(tmp_path / "config.json")
    (agent,) = config.agents
    assert (config.bucket, config.region, config.personal) == ("log", "eu-central-1", "mask")
    assert config.keys_parameter == "/log/keys"
    assert (agent.name, agent.endpoint_detail) == ("my-agent", "domain")
    assert agent.tokens[1].not_after == datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ([], [], ""),
        (["more"], 1, ""),
        (["schema"], 2, "schema"),
        (["bucket"], "", "bucket"),
        (["bucket"], 5, "bucket"),
        (["region"], None, "region"),
        (["agents"], [], "agents"),
        (["agents"], {}, "agents"),
        (["agents", 0, "name"], "", "agents.name"),
        (["agents", 0, "endpoint_detail"], "none", "agents.endpoint_detail"),
        (["agents", 0, "tokens"], "t", "agents.tokens"),
        (["agents", 0, "tokens", 0, "sha256"], "AB" * 32, "agents.tokens.sha256"),
        (["agents", 0, "tokens", 0, "sha256"], "ab", "agents.tokens.sha256"),
        (["agents", 0, "tokens", 0, "not_after"], "soon", "agents.tokens.not_after"),
        (["agents", 0, "tokens", 0, "token"], "plain", "agents.tokens"),
        (["masking", "personal"], "maybe", "masking.personal"),
        (["masking", "custom"], [], "masking.custom"),
        (["digest", "algorithm"], "md5", "digest.algorithm"),
        (["keys", "parameter"], 1, "parameter"),
        (["keys", "digest"], "plain", "keys"),
        (["envelope", "mode"], "everything", "envelope.mode"),
        (["envelope", "days"], 2, "envelope"),
    ],
)
def test_refuses(path: list[Any], value: object, field: str) -> None:
    """What does not fit is refused at the start, by name."""
    config: Any = raw()
    if path:
        inner = config
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value
    else:
        config = value
    with pytest.raises(AuditError) as caught:
        parse_config(config)
    assert caught.value.field == field


@pytest.mark.parametrize("content", [None, "", "{", "[]"])
def test_a_file_that_is_none(tmp_path: Path, content: str | None) -> None:
    """A missing or a broken file is one clear error."""
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(AuditError):
        load_config(tmp_path / "config.json")


def test_rotation() -> None:
    """Old and new token overlap until the old one's time has come."""
    agents = parse_config(raw()).agents
    end = datetime(2026, 7, 1, tzinfo=UTC)
    before = end - timedelta(seconds=1)
    assert authenticate("Bearer new", agents, now=before) is agents[0]
    assert authenticate("Bearer old", agents, now=before) is agents[0]
    assert authenticate("Bearer new", agents, now=end) is agents[0]
    assert authenticate("Bearer old", agents, now=end) is None


def test_each_token_speaks_for_its_agent() -> None:
    """Whichever place it has in the list."""
    agents = [Agent(name=name, tokens=(Token(sha256=sha256(name)),)) for name in ("a", "b", "c")]
    for agent in agents:
        assert authenticate(f"Bearer {agent.name}", agents, now=datetime.now(UTC)) is agent
    assert authenticate("Bearer d", agents, now=datetime.now(UTC)) is None
    assert authenticate(None, agents, now=datetime.now(UTC)) is None


def test_every_candidate_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A match does not end the search: time says nothing about which agent it was."""
    compared: list[str] = []

    def compare(given: str, candidate: str) -> bool:
        compared.append(candidate)
        return given == candidate

    monkeypatch.setattr("hmac.compare_digest", compare)
    agents = [Agent(name=name, tokens=(Token(sha256=sha256(name)),)) for name in ("a", "b", "c")]
    for name in ("a", "c", "nobody"):
        compared.clear()
        authenticate(f"Bearer {name}", agents, now=datetime.now(UTC))
        assert len(compared) == 3
