"""The sealer's configuration: one file in its package, read once.

Promise: what does not fit is refused at the start, with the field and the rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from audit_core.config import read_json, text_of, whole
from audit_core.errors import AuditError
from audit_core.layout import MAX_SEAL_MINUTES

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
    """Read the configuration file. Raise `AuditError`."""
    return parse_config(read_json(path))


def parse_config(raw: object) -> Config:
    """Read a `Config` from decoded JSON. Reject unknown keys. Raise `AuditError`."""
    top = whole(raw, {"retention_days", "seal_minutes", *_TEXTS})
    return Config(
        **{name: text_of(top, name, "" if name in _OPTIONAL else None) for name in _TEXTS},
        retention_days=_number(top, "retention_days"),
        seal_minutes=_number(top, "seal_minutes"),
    )


def _number(raw: dict[str, object], name: str) -> int:
    value = raw.get(name)
    if type(value) is not int:
        raise AuditError("must be an integer", field=name)
    return value
