"""A store that keeps objects in memory, samples, and the check of every response against the OpenAPI document."""

import functools
import gzip
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema

from audit_core.schema import record_schema
from aws_client.s3 import NotDurableError, Put
from log_writer import service
from log_writer.reply import Response

TOKEN = "aal_of-the-first-agent"
AGENT = "sales\u2011assistant-v1"
NOW = datetime(2026, 7, 1, 0, 0, 5, 250_000, tzinfo=UTC)
GUIDE = {
    "timestamp": "2026-06-30T12:34:56Z",
    "agent_id": AGENT,
    "user_id": "u_12345",
    "endpoint": "api.stripe.com/v1/charges",
    "method": "POST",
    "status": 200,
    "request_hash": "a1b2c3...",
    "response_hash": "d4e5f6...",
    "outcome": "success",
    "correlation_id": "c9f8e7",
}
EVENT = {
    "timestamp": "2026-06-30T12:34:56Z",
    "endpoint": "https://api.example.com/v1/x",
    "method": "GET",
    "status": 200,
}
PLANTED = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"  # invented, in the form of a real vendor's
SECRET_TEXT = "hunter2-in-the-input"  # must never come back

RECORD = jsonschema.Draft202012Validator(record_schema())
OPENAPI: dict[str, Any] = json.loads((Path(service.__file__).parent / "openapi.json").read_bytes())


@dataclass
class MemoryStore:
    """A create-only store. `failing`: nothing is durable; `losing_replies`: stored, but nobody hears of it."""

    objects: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, Mapping[str, str]] = field(default_factory=dict)
    puts: int = 0
    failing: bool = False
    losing_replies: bool = False

    def put(self, key: str, body: bytes, *, headers: Mapping[str, str], deadline: float) -> Put:
        """Store under a new key."""
        assert deadline > time.monotonic()
        self.puts += 1
        if self.failing:
            raise NotDurableError("503", 3)
        existed = key in self.objects
        self.objects.setdefault(key, body)
        self.headers.setdefault(key, headers)
        if self.losing_replies:
            raise NotDurableError("ReadTimeoutError", 1)
        return Put(existed=existed, attempts=1)

    @property
    def lines(self) -> list[bytes]:
        """Every stored line, by key."""
        return [line for key in sorted(self.objects) for line in gzip.decompress(self.objects[key]).splitlines()]

    @property
    def records(self) -> list[dict[str, Any]]:
        """Every stored record, each checked against the published schema."""
        lines = self.lines
        for line in lines:
            _validate(line)
        return [json.loads(line) for line in lines]


@functools.lru_cache(maxsize=10_000)
def _validate(line: bytes) -> None:
    """Check a record against the published schema, once for all tests that store the same line."""
    RECORD.validate(json.loads(line))


@dataclass(frozen=True)
class Reply:
    """A checked response."""

    status: int
    headers: Mapping[str, str]
    body: Any
    response: Response


Post = Callable[..., Reply]
Record = Callable[..., Any]


def check_against_openapi(method: str, path: str, response: Response, body: object) -> None:
    """The status is documented, and headers and body are as documented."""
    documented = OPENAPI["paths"].get(path)
    if documented is None:
        assert response.status == 404
        described = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    else:
        operation = documented.get(method.lower()) or next(iter(documented.values()))
        described = operation["responses"][str(int(response.status))]
        if "$ref" in described:
            described = OPENAPI["components"]["responses"][described["$ref"].rpartition("/")[2]]
    media = response.headers["Content-Type"]
    schema = {**described["content"][media]["schema"], "components": OPENAPI["components"]}
    jsonschema.Draft202012Validator(schema).validate(body)
    for name in described.get("headers", {}):
        assert response.headers[name]
