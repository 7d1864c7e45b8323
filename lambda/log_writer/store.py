"""The far end: where objects go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from aws_client.s3 import Put


class Store(Protocol):
    """Where objects go."""

    def put(self, key: str, body: bytes, *, headers: Mapping[str, str], deadline: float) -> Put:
        """Store `body` under `key` unless something is there. `deadline` is on the monotonic clock, in seconds."""
        ...
