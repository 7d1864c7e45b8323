"""What an intake format hands on."""

from __future__ import annotations

from dataclasses import dataclass

from audit_core.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One event that is not stored, and why: names of ours, never a value."""

    index: int
    field: str
    reason: str
    forbidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """The events of one request and those that were no events.

    `content`: SHA-256 over the canonical content of the whole request; the same for a retry that was encoded anew.
    """

    events: list[Event]
    refused: list[Refusal]
    content: bytes
