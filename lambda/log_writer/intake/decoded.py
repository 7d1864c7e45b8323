"""What an intake format hands on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from audit_core.errors import AuditError, DecodeError, FieldError
from audit_core.event import Event
from audit_core.faults import UNPROCESSABLE, describe


class TooManyError(DecodeError):
    """More of something in one request than the writer takes."""

    def __init__(self, limit: int, what: str = "events") -> None:
        super().__init__(f"holds more than {limit} {what}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One event that is not stored, and why: our own names, never a value.

    `fault` describes the exception when a fault of the log writer caused the refusal (see `audit_core.faults`).
    """

    index: int
    field: str
    reason: str
    forbidden: bool = False
    fault: str = ""


def refusal_of(index: int, error: Exception) -> Refusal:
    """Return the refusal of the event that raised `error`, any exception."""
    if isinstance(error, FieldError):
        return Refusal(index=index, field=error.field, reason=error.reason, forbidden=error.forbidden)
    if isinstance(error, AuditError):
        return Refusal(index=index, field=error.field, reason=error.reason)
    return Refusal(index=index, field="", reason=UNPROCESSABLE, fault=describe(error))


class RunningDigest(Protocol):
    """A digest of what has been read so far."""

    def update(self, data: bytes, /) -> None:
        """Read on."""
        ...

    def digest(self) -> bytes:
        """Return the digest."""
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


class Decode(Protocol):
    """From a request's body to its events.

    Raises `DecodeError` when none of the body can be decoded, `TooManyError` when it holds too many events.
    """

    def __call__(self, body: bytes, *, max_events: int) -> Decoded:
        """Decode `body`."""
        ...
