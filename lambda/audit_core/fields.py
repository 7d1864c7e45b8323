"""The fields that an event may bring, and the function that checks each.

Promise: the record's schema allows every value that a reader returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from audit_core import values

LONGEST_ENDPOINT: Final = 8192
READERS: Final[Mapping[str, values.Reader]] = {
    "user_id": values.identifier(256),
    "endpoint": values.text(LONGEST_ENDPOINT),
    "method": values.method,
    "status": values.status,
    "request_hash": values.digest,
    "response_hash": values.digest,
    "outcome": values.outcome,
    "correlation_id": values.identifier(256),
    "session_id": values.identifier(256),
    "agent_name": values.text(256),
    "agent_version": values.identifier(128),
    "deployment_id": values.identifier(256),
    "trace_id": values.identifier(128),
    "span_id": values.identifier(128),
    "provider_request_id": values.identifier(256),
    "request_bytes": values.count,
    "response_bytes": values.count,
    "request_mime": values.text(255),
    "response_mime": values.text(255),
    "envelope": values.envelope,
    "stream": values.stream,
    "duration_ms": values.duration,
    "model": values.text(256),
    "tokens": values.tokens,
}
"""By field: the function that checks an event's value."""
FIELDS: Final[frozenset[str]] = frozenset({"timestamp", "agent_id", *READERS})
"""The fields that an event may bring."""
