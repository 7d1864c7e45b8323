"""What an intake format hands on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

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


class RunningDigest(Protocol):
    """A digest of what has been read so far."""

    def update(self, data: bytes, /) -> None:
        """Read on."""
        ...

    def digest(self) -> bytes:
        """The digest."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What one request holds: each element, in order, as an event or as a refusal.

    `items` can be read once: what was decoded is let go as it is read. `content`: SHA-256 over the canonical content of
    the whole request, known by then or once all items are read; the same for a retry that was encoded anew.
    """

    items: Iterator[Event | Refusal]
    content: bytes | RunningDigest

    @property
    def content_digest(self) -> bytes:
        """The digest of the content, after all items are read."""
        return self.content if isinstance(self.content, bytes) else self.content.digest()
