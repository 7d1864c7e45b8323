"""The writer's configuration: one file in its package, read once.

Promise: what does not fit is refused at the start, with the field and the rule.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from audit_core.errors import AuditError
from audit_core.times import utc_timestamp

SCHEMA = 1
_HEX = frozenset("0123456789abcdef")
_SHA256_DIGITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token by the SHA-256 of its text; `not_after`: when it stops being one (null: not by itself)."""

    sha256: str
    not_after: datetime | None = None

    def __post_init__(self) -> None:
        if len(self.sha256) != _SHA256_DIGITS or not _HEX.issuperset(self.sha256):
            raise AuditError("must be 64 digits of lower-case hex", field="agents.tokens.sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One agent: its name, its tokens, and how much of an endpoint its records keep."""

    name: str
    tokens: tuple[Token, ...]
    endpoint_detail: Literal["path", "domain"] = "path"

    def __post_init__(self) -> None:
        if not self.name:
            raise AuditError("must not be empty", field="agents.name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may hold: bytes as sent, bytes after decompression, events."""

    body_bytes: int = 6 * 1024 * 1024
    decoded_bytes: int = 8 * 1024 * 1024
    events: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All that the writer knows of its stack. `masking` holds the settings of the masker."""

    bucket: str
    region: str
    agents: tuple[Agent, ...]
    personal: Literal["mask", "off"] = "mask"
    custom_rules: dict[str, object] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for name in ("bucket", "region"):
            if not getattr(self, name):
                raise AuditError("must not be empty", field=name)
        if not self.agents:
            raise AuditError("must name at least one", field="agents")


def load_config(path: Path) -> Config:
    """Read the configuration file. Raises `AuditError`."""
    try:
        raw = json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise AuditError("is not there or is not JSON", field=path.name) from None
    return parse_config(raw)


def parse_config(raw: object) -> Config:
    """A `Config` from decoded JSON. Unknown keys are refused. Raises `AuditError`."""
    top = _object(raw, "", {"schema", "bucket", "region", "agents", "masking", "digest"})
    if top.get("schema") != SCHEMA:
        raise AuditError(f"must be {SCHEMA}", field="schema")
    masking = _object(top.get("masking", {}), "masking", {"personal", "custom"})
    digest = _object(top.get("digest", {}), "digest", {"algorithm"})
    if digest.get("algorithm", "sha256") != "sha256":
        raise AuditError("must be sha256", field="digest.algorithm")
    personal = masking.get("personal", "mask")
    if personal != "mask" and personal != "off":  # noqa: PLR1714 - a type checker narrows this, not a membership
        raise AuditError("must be mask or off", field="masking.personal")
    custom = masking.get("custom")
    if custom is not None and not isinstance(custom, dict):
        raise AuditError("must be an object", field="masking.custom")
    agents = top.get("agents")
    if not isinstance(agents, list):
        raise AuditError("must be an array", field="agents")
    return Config(
        bucket=_text(top, "bucket"),
        region=_text(top, "region"),
        agents=tuple(_agent(agent) for agent in agents),
        personal=personal,
        custom_rules=custom or {},
    )


def _agent(raw: object) -> Agent:
    agent = _object(raw, "agents", {"name", "endpoint_detail", "tokens"})
    tokens = agent.get("tokens")
    if not isinstance(tokens, list):
        raise AuditError("must be an array", field="agents.tokens")
    detail = agent.get("endpoint_detail", "path")
    if detail != "path" and detail != "domain":  # noqa: PLR1714 - a type checker narrows this, not a membership
        raise AuditError("must be path or domain", field="agents.endpoint_detail")
    return Agent(
        name=_text(agent, "name"),
        endpoint_detail=detail,
        tokens=tuple(_token(token) for token in tokens),
    )


def _token(raw: object) -> Token:
    token = _object(raw, "agents.tokens", {"sha256", "not_after"})
    end = token.get("not_after")
    if end is None:
        return Token(sha256=_text(token, "sha256"))
    stamp = utc_timestamp(end) if isinstance(end, str) else None
    if stamp is None:
        raise AuditError("must be an RFC 3339 time", field="agents.tokens.not_after")
    return Token(sha256=_text(token, "sha256"), not_after=datetime.fromisoformat(stamp))


def _object(raw: object, name: str, known: set[str]) -> dict[str, object]:
    if not isinstance(raw, dict):
        raise AuditError("must be an object", field=name)
    if not raw.keys() <= known:
        raise AuditError("has unknown keys", field=name)
    return raw


def _text(raw: dict[str, object], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str):
        raise AuditError("must be a string", field=name)
    return value
