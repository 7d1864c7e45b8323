"""What an intake format hands on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audit_core.errors import DecodeError
from audit_core.event import Event


class TooManyError(DecodeError):
    """More of something in one request than the writer takes."""

    def __init__(self, limit: int, what: str = "events") -> None:
        super().__init__(f"holds more than {limit} {what}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One event that is not stored, and why: names of ours, never a value."""

    index: int
    field: str
    reason: str
    forbidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What one request holds: each element, in order, as an event or as a refusal.

    `items` can be read once: what was decoded is let go as it is read. `content`: SHA-256 over the canonical content of
    the whole request; the same for a retry that was encoded anew.
    """

    items: Iterator[Event | Refusal]
    content: bytes
