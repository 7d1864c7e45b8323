"""The sealer's configuration: one file in its package, read once.

Promise: what does not fit is refused at the start, with the field and the rule.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from audit_core.errors import AuditError
from audit_core.layout import CONFIG_SCHEMA, MAX_SEAL_MINUTES

_TEXTS = ("bucket", "region", "queue_url", "key_id", "origin", "topic_arn", "anchor_url")
_PLAIN = frozenset({("http", "127.0.0.1"), ("http", "localhost")})
_OPTIONAL = frozenset({"topic_arn", "anchor_url"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the sealer knows of its stack.

    `key_id`: the signing key's ARN. `origin`: the log's name in checkpoints. `topic_arn`: where the weekly checkpoint
    is mailed, and `anchor_url`: the RFC 3161 authority, both empty where there is none.
    """

    bucket: str
    region: str
    queue_url: str
    key_id: str
    origin: str
    retention_days: int
    seal_minutes: int
    topic_arn: str = ""
    anchor_url: str = ""

    def __post_init__(self) -> None:
        for name in _TEXTS:
            if not getattr(self, name) and name not in _OPTIONAL:
                raise AuditError("must not be empty", field=name)
        if self.retention_days < 1:
            raise AuditError("must be a number of days, 1 or more", field="retention_days")
        if not 1 <= self.seal_minutes <= MAX_SEAL_MINUTES:
            raise AuditError(f"must be from 1 to {MAX_SEAL_MINUTES}", field="seal_minutes")
        url = urlsplit(self.anchor_url)
        if self.anchor_url and url.scheme != "https" and (url.scheme, url.hostname) not in _PLAIN:
            raise AuditError("must be an https URL", field="anchor_url")


def load_config(path: Path) -> Config:
    """Read the configuration file. Raises `AuditError`."""
    try:
        raw = json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise AuditError("is not there or is not JSON", field=path.name) from None
    return parse_config(raw)


def parse_config(raw: object) -> Config:
    """Read a `Config` from decoded JSON. Reject unknown keys. Raise `AuditError`."""
    if not isinstance(raw, dict) or not raw.keys() <= {"schema", "retention_days", "seal_minutes", *_TEXTS}:
        raise AuditError("must be an object without unknown keys")
    if raw.get("schema") != CONFIG_SCHEMA:
        raise AuditError(f"must be {CONFIG_SCHEMA}", field="schema")
    return Config(
        bucket=_text(raw, "bucket"),
        region=_text(raw, "region"),
        queue_url=_text(raw, "queue_url"),
        key_id=_text(raw, "key_id"),
        origin=_text(raw, "origin"),
        retention_days=_number(raw, "retention_days"),
        seal_minutes=_number(raw, "seal_minutes"),
        topic_arn=_text(raw, "topic_arn"),
        anchor_url=_text(raw, "anchor_url"),
    )


def _text(raw: dict[str, object], name: str) -> str:
    value = raw.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise AuditError("must be a string", field=name)
    return value


def _number(raw: dict[str, object], name: str) -> int:
    value = raw.get(name)
    if type(value) is not int:
        raise AuditError("must be an integer", field=name)
    return value
