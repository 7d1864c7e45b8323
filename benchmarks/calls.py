"""Agents' calls, made up: what is posted to the writer, one in fifty with a secret in it.

Deterministic for a seed and a version of Python (source code in the payloads is that of its library). A call is 200
bytes to 100 KB: chat completions with prompts, tool calls, source code, UUIDs, streams, tables; one in four brings no
payload but ready digests, as an exporter of traces does.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from typing import Any, Final

import orjson

from benchmarks.masking_traffic import Traffic

LONGEST: Final = 100_000
PLANTED_EVERY: Final = 50
_BARE_EVERY: Final = 4
_ENDPOINTS: Final = (
    "https://api.openai.com/v1/chat/completions",
    "https://api.anthropic.com/v1/messages",
    "api.stripe.com/v1/charges",
    "https://api.github.com/repos/example/shop/issues",
    "https://www.googleapis.com/calendar/v3/calendars/primary/events",
)
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Encoded events, and the secrets that some of them hold."""

    events: list[bytes]
    secrets: list[bytes]

    @property
    def size(self) -> int:
        """Return the size of all events in bytes."""
        return sum(map(len, self.events))

    def bodies(self, events_each: int) -> list[bytes]:
        """Return request bodies: arrays of `events_each` events (the last may hold fewer), or for 1 the bare events."""
        if events_each == 1:
            return self.events
        starts = range(0, len(self.events), events_each)
        return [b"[%b]" % b",".join(self.events[start : start + events_each]) for start in starts]


def make_calls(count: int, *, seed: int = 1) -> Calls:
    """Make `count` calls."""
    chance = random.Random(seed)  # noqa: S311 - a generator of test data
    payloads = Traffic(seed).payloads(2 * count)
    sessions = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(max(1, count // 20))]
    events: list[bytes] = []
    secrets: list[bytes] = []
    for index in range(count):
        event = _call(index, chance, sessions)
        if index % _BARE_EVERY == 0:
            event |= {"request_hash": f"{chance.getrandbits(256):064x}", "response_hash": f"{index:064x}"}
        else:
            for side in ("request", "response"):
                payload = next(payloads)
                if len(orjson.dumps(event)) + len(orjson.dumps(payload)) < LONGEST:
                    event[side] = payload
        if index % PLANTED_EVERY == PLANTED_EVERY - 1:
            secrets.append(_plant(event, index // PLANTED_EVERY, chance))
        events.append(orjson.dumps(event))
    return Calls(events=events, secrets=secrets)


def _call(index: int, chance: random.Random, sessions: list[str]) -> dict[str, Any]:
    event: dict[str, Any] = {
        "timestamp": f"2026-11-{index % 28 + 1:02}T{index % 24:02}:{index % 60:02}:{index % 59:02}.{index % 1000:03}Z",
        "endpoint": chance.choice(_ENDPOINTS),
        "method": chance.choice(("POST", "POST", "GET")),
        "status": chance.choice((200, 200, 200, 200, 429, 500)),
    }
    if index % _BARE_EVERY or index % (2 * _BARE_EVERY):
        event |= {
            "user_id": f"u_{chance.randrange(200)}",
            "correlation_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "session_id": chance.choice(sessions),
            "model": chance.choice(("gpt-5.2-2025-12-11", "claude-sonnet-4-5-20250929")),
            "duration_ms": round(chance.expovariate(1 / 900), 1),
            "tokens": {"input": chance.randrange(9000), "output": chance.randrange(2000)},
            "attributes": {"gen_ai.operation.name": "chat", "service.name": "shop", "attempt": chance.randrange(3)},
        }
    return event


def _plant(event: dict[str, Any], turn: int, chance: random.Random) -> bytes:
    """Put a secret where people leave them, in turns: the URL, an attribute, the user, a payload."""
    secret = "".join(chance.choices(_ALPHABET, k=36))
    token = "ghp_" + secret
    match turn % 4:
        case 0:
            event["endpoint"] += f"?access_token={token}"
        case 1:
            event.setdefault("attributes", {})["note"] = f"retried with {token}"
        case 2:
            event["user_id"] = token
        case _:
            event["request"] = {"messages": [{"role": "user", "content": f"use {token} to push"}]}
    return secret.encode()
