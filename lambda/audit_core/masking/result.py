"""What masking returns, and the one way it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

PLACEHOLDER = "***REDACTED***"
"""What stands where a secret or personal value stood."""

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"


class Unscannable(Exception):  # noqa: N818 - a verdict on the input, not a fault of the program
    """The input is over a cap, so that masking cannot vouch for it.

    Whoever catches this keeps size, MIME type and digest only. The reason names the cap, never a byte of the input.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """One masked place: where it was and which rule found it; never the value, its length or its digest.

    `path` is a JSON pointer (RFC 6901) into the value that was handed in; a key that is itself a secret appears masked
    in it. `rule` is a stable rule id such as `key/password` or `github/token`.
    """

    path: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A payload after masking: its bytes and what was masked in them."""

    data: bytes
    redactions: tuple[Redaction, ...]
