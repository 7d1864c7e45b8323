"""The writer's configuration: one file in its package, read once.

Promise: an invalid configuration is rejected at the start, with the field and the rule.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from audit_core.config import object_of, read_json, text_of, whole
from audit_core.errors import AuditError
from audit_core.layout import (
    DIGESTS,
    ENDPOINT_DETAILS,
    ENVELOPES,
    PERSONAL,
    EndpointDetail,
    EnvelopeMode,
    Personal,
)
from audit_core.times import utc_timestamp

_Choice = TypeVar("_Choice", bound=str)

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
    endpoint_detail: EndpointDetail = "path"

    def __post_init__(self) -> None:
        if not self.name:
            raise AuditError("must not be empty", field="agents.name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may hold.

    Bytes as sent and after decompression, events, values (each counts as the numbers that take as much memory: see
    `log_writer.body`), and payloads, where those are kept.
    """

    body_bytes: int = 6 * 1024 * 1024
    decoded_bytes: int = 8 * 1024 * 1024
    events: int = 10_000
    values: int = 500_000
    kept_payloads: int = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The writer's configuration.

    `keys_parameter` names where the keys of digests and pseudonyms are, if there are any; `vault_bucket` where payloads
    go for a short time, when `envelope` is not off.
    """

    bucket: str
    region: str
    agents: tuple[Agent, ...]
    personal: Personal = "mask"
    custom_rules: dict[str, object] = field(default_factory=dict)
    keyed_digests: bool = False
    keys_parameter: str = ""
    envelope: EnvelopeMode = "off"
    vault_bucket: str = ""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for name in ("bucket", "region"):
            if not getattr(self, name):
                raise AuditError("must not be empty", field=name)
        if not self.agents:
            raise AuditError("must name at least one", field="agents")
        if (self.keyed_digests or self.personal == "hmac") and not self.keys_parameter:
            raise AuditError("must not be empty where digests or pseudonyms are keyed", field="keys.parameter")
        if self.envelope != "off" and not self.vault_bucket:
            raise AuditError("must not be empty where payloads are kept", field="envelope.bucket")

    @property
    def needs_keys(self) -> bool:
        """Whether records need keys: for their digests, or for the pseudonym of an e-mail address as user id."""
        return bool(self.keys_parameter) and (self.keyed_digests or self.personal != "off")


def load_config(path: Path) -> Config:
    """Read the configuration file. Raise `AuditError`."""
    return parse_config(read_json(path))


def parse_config(raw: object) -> Config:
    """Read a `Config` from decoded JSON. Reject unknown keys. Raise `AuditError`."""
    top = whole(raw, {"bucket", "region", "agents", "masking", "digest", "keys", "envelope"})
    masking = object_of(top.get("masking", {}), "masking", {"personal", "custom"})
    digest = object_of(top.get("digest", {}), "digest", {"algorithm"})
    keys = object_of(top.get("keys", {}), "keys", {"parameter"})
    envelope = object_of(top.get("envelope", {}), "envelope", {"mode", "bucket"})
    custom = masking.get("custom")
    if custom is not None and not isinstance(custom, dict):
        raise AuditError("must be an object", field="masking.custom")
    agents = top.get("agents")
    if not isinstance(agents, list):
        raise AuditError("must be an array", field="agents")
    return Config(
        bucket=text_of(top, "bucket"),
        region=text_of(top, "region"),
        agents=tuple(_agent(agent) for agent in agents),
        personal=_choice(masking, "masking", "personal", PERSONAL),
        custom_rules=custom or {},
        keyed_digests=_choice(digest, "digest", "algorithm", DIGESTS) == "hmac-sha256",
        keys_parameter=text_of(keys, "parameter", ""),
        envelope=_choice(envelope, "envelope", "mode", ENVELOPES),
        vault_bucket=text_of(envelope, "bucket", ""),
    )


def _agent(raw: object) -> Agent:
    agent = object_of(raw, "agents", {"name", "endpoint_detail", "tokens"})
    tokens = agent.get("tokens")
    if not isinstance(tokens, list):
        raise AuditError("must be an array", field="agents.tokens")
    return Agent(
        name=text_of(agent, "name"),
        endpoint_detail=_choice(agent, "agents", "endpoint_detail", ENDPOINT_DETAILS),
        tokens=tuple(_token(token) for token in tokens),
    )


def _token(raw: object) -> Token:
    token = object_of(raw, "agents.tokens", {"sha256", "not_after"})
    end = token.get("not_after")
    if end is None:
        return Token(sha256=text_of(token, "sha256"))
    stamp = utc_timestamp(end) if isinstance(end, str) else None
    if stamp is None:
        raise AuditError("must be an RFC 3339 time", field="agents.tokens.not_after")
    return Token(sha256=text_of(token, "sha256"), not_after=datetime.fromisoformat(stamp))


def _choice(raw: dict[str, object], parent: str, name: str, known: tuple[_Choice, ...]) -> _Choice:
    """Return one of `known`; the first when the key is absent."""
    value = raw.get(name, known[0])
    for choice in known:
        if value == choice:
            return choice
    raise AuditError(f"must be one of {', '.join(known)}", field=f"{parent}.{name}")
