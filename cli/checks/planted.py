"""Calls with secrets planted in every place where agents leave them, and finding those again in whatever dress."""

import base64
import binascii
import secrets
import string
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

PROBE_NAME: Final = "audit-log-check"
PROBE_HOST: Final = "check.agent-audit-log.invalid"
_FRAGMENT_LENGTH: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedCall:
    """A call that the checklist posted: what was sent, the planted values, and the endpoint's answer."""

    event: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    planted: Mapping[str, str] = field(repr=False)
    content: str = ""
    status: int = 0
    reply: Mapping[str, Any] = field(default_factory=dict)
    reply_bytes: bytes = b""

    @property
    def everything(self) -> Mapping[str, str]:
        """The planted secrets and the content: what must be nowhere, by the place it was planted in."""
        return {**self.planted, "content": self.content} if self.content else self.planted

    @property
    def key(self) -> str:
        """The object that the endpoint says it stored the record in."""
        return str(self.reply["stored"][0]["object"])


def planted_call(*, run_id: str, part: str, at: datetime) -> PlantedCall:
    """Return a call to post, with a new secret in each place where agents leave them; no answer in it yet.

    The secrets are random and belong to nobody; their shapes are real, so that what masks them is what would mask a
    real one. The payloads hold `content`, a text that must be nowhere afterwards.
    """
    alphabet = string.ascii_letters + string.digits
    planted = {
        "payload field": _random(alphabet, 32),
        "payload text": "ghp_" + _random(alphabet, 36),
        "URL userinfo": _random(alphabet, 24),
        "URL query": "sk_live_" + _random(alphabet, 32),
        "URL fragment": _random(alphabet, 40),
        "header": "xoxb-" + _random(string.digits, 12) + "-" + _random(string.digits, 13) + "-" + _random(alphabet, 24),
        "request header": _random(alphabet, 40),
        "attribute": "AKIA" + _random(string.ascii_uppercase + "234567", 16),
        "attribute under a secret's name": _random(alphabet, 32),
    }
    content = f"words of the probe {_random(alphabet, 24)}"
    event = {
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "user_id": PROBE_NAME,
        "session_id": f"{PROBE_NAME}-{run_id}",
        "agent_name": PROBE_NAME,
        "endpoint": (
            f"https://user:{planted['URL userinfo']}@{PROBE_HOST}/v1/{part}"
            f"?api_key={planted['URL query']}#access_token={planted['URL fragment']}"
        ),
        "method": "POST",
        "status": 200,
        "outcome": "success",
        "correlation_id": f"{PROBE_NAME}-{part}-{run_id}",
        "request": {
            "amount": 1250,
            "api_key": planted["payload field"],
            "headers": {"authorization": f"Bearer {planted['request header']}"},
            "prompt": content,
        },
        "response": f"{content} {planted['payload text']}",
        "attributes": {
            "workflow_name": PROBE_NAME,
            "decision": f"taken with {planted['attribute']} at hand",
            "password": planted["attribute under a secret's name"],
        },
    }
    return PlantedCall(event=event, headers={"x-api-key": planted["header"]}, planted=planted, content=content)


def refused_calls(*, at: datetime) -> tuple[PlantedCall, ...]:
    """Return calls that must be refused for a field that holds a secret: an unknown outcome, an impossible time."""
    calls = []
    for field_name in ("outcome", "timestamp"):
        secret = "ghp_" + _random(string.ascii_letters + string.digits, 36)
        event = {"timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "agent_name": PROBE_NAME, field_name: secret}
        calls.append(PlantedCall(event=event, planted={f"refused {field_name}": secret}))
    return tuple(calls)


def found_in(secret: str, data: bytes) -> str | None:
    """Return in which form `secret`, or any stretch of 12 of its characters, stands in `data`; None when in none."""
    for form, patterns in _forms(secret):
        if any(pattern in data for pattern in patterns):
            return form
    return None


def _forms(secret: str) -> Iterable[tuple[str, frozenset[bytes]]]:
    raw = secret.encode()
    starts = range(max(1, len(raw) - _FRAGMENT_LENGTH + 1))
    yield "as it is", frozenset(raw[start : start + _FRAGMENT_LENGTH] for start in starts)
    yield "reversed", frozenset({raw[::-1]})
    yield (
        "URL-encoded",
        frozenset(
            {
                urllib.parse.quote(secret, safe="").encode(),
                urllib.parse.quote(urllib.parse.quote(secret, safe="")).encode(),
            }
        ),
    )
    yield "hex", frozenset({binascii.hexlify(raw), binascii.hexlify(raw).upper()})
    yield "base64", frozenset(_base64_forms(raw, base64.b64encode))
    yield "base64url", frozenset(_base64_forms(raw, base64.urlsafe_b64encode))


def _base64_forms(raw: bytes, encode: Callable[[bytes], bytes]) -> Iterable[bytes]:
    """Yield what base64 makes of `raw` wherever it stands: the three alignments, less the letters neighbours change."""
    for offset in range(3):
        encoded = encode(b"\0" * offset + raw)
        first = (offset * 8 + 5) // 6
        last = (offset + len(raw)) * 8 // 6
        yield encoded[first:last]


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
