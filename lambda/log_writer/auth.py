"""Who is sending: a bearer token, looked up by its digest.

Promise: the time taken says nothing about how close a guess was, nor which agent it was close to; a token past its
`not_after` is no token; the header goes nowhere else.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

from log_writer.config import Agent

_SCHEME = "bearer"
_MAX_TOKEN = 512


def authenticate(header: str | None, agents: Iterable[Agent], *, now: datetime) -> Agent | None:
    """The agent that the `Authorization` header speaks for, or null."""
    scheme, _, token = (header or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != _SCHEME or not 0 < len(token) <= _MAX_TOKEN:
        return None
    given = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
    found: Agent | None = None
    for agent in agents:
        for candidate in agent.tokens:
            same = hmac.compare_digest(given, candidate.sha256)
            if same and (candidate.not_after is None or now < candidate.not_after):
                found = agent
    return found
