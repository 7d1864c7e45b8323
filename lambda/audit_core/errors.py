"""The one family of errors that input can cause.

Promise: what these carry may be returned to the sender and written to the operational log. They name a field of ours
and a reason of ours; they never hold a value, nor a key name, from the input.
"""

from __future__ import annotations


class AuditError(Exception):
    """Something about the input is not acceptable.

    `reason` is one of a fixed set of sentences, `field` a path of names that this package knows ("" is the whole).
    """

    def __init__(self, reason: str, *, field: str = "") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.reason = reason
        self.field = field


class DecodeError(AuditError):
    """Bytes that are not what they should be. `position` is an offset into them, where one is known."""

    def __init__(self, reason: str, *, position: int | None = None) -> None:
        super().__init__(reason)
        self.position = position


class FieldError(AuditError):
    """One field of one event is not acceptable. `forbidden` when it claims to be someone else."""

    def __init__(self, field: str, reason: str, *, forbidden: bool = False) -> None:
        super().__init__(reason, field=field)
        self.forbidden = forbidden
