"""Who is sending: a bearer token, looked up by its digest.

Promise: the time taken does not show how close a guess was, nor to which agent's token. A token is invalid after its
`not_after`. Nothing else reads the header.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

from log_writer.config import Agent

_SCHEME = "bearer"
_MAX_TOKEN = 512
_DERIVED = b"agent-audit-log identity 1\0"


def secret_of(header: str | None) -> bytes:
    """Return a secret derived from the token. The sender and the writer know it; a reader of the log does not."""
    return hashlib.sha256(_DERIVED + _token(header).encode("utf-8", "surrogatepass")).digest()


def _token(header: str | None) -> str:
    """Return the token in an `Authorization` header; empty when there is none.

    A space may be `%20`: OpenTelemetry's variables have it so, and not every exporter decodes them.
    """
    scheme, _, token = (header or "").strip().replace("%20", " ", 1).partition(" ")
    token = token.strip()
    return token if scheme.lower() == _SCHEME and len(token) <= _MAX_TOKEN else ""


def authenticate(header: str | None, agents: Iterable[Agent], *, now: datetime) -> Agent | None:
    """Return the agent whose token is in the `Authorization` header, or null."""
    token = _token(header)
    if not token:
        return None
    given = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
    found: Agent | None = None
    for agent in agents:
        for candidate in agent.tokens:
            same = hmac.compare_digest(given, candidate.sha256)
            if same and (candidate.not_after is None or now < candidate.not_after):
                found = agent
    return found
