"""How much work one call may do: proportional to its input, so that no input costs more than its size."""

from __future__ import annotations

from audit_core.masking.result import Unscannable

ALLOWANCE = 262_144
"""Work every call may do, however small its input."""
REQUEST_ALLOWANCE = 4_000_000
"""Work that all records of a request may do together, however small it is."""
PER_BYTE = 2
"""Further work for each byte of input."""
CANDIDATE = 64
"""What one candidate costs, as bytes scanned: about the time that either takes."""

TEXT = 32
"""What taking up one more text costs."""
SUSPECT = 1024
"""What it costs to walk through one text that may hold something, and to put it together again."""


class Budget:
    """Counts work in bytes scanned and refuses to go on when it is used up.

    Ordinary traffic needs a small part of it. An input made to be expensive (a mark in every other place, encodings
    nested in encodings) is refused rather than scanned in part.
    """

    __slots__ = ("left", "used")

    def __init__(self, size: int, allowance: int = ALLOWANCE) -> None:
        self.left = allowance + PER_BYTE * size
        self.used = 0

    def spend(self, candidates: int) -> None:
        """Count candidates. Raises `Unscannable` when the budget is used up."""
        self.take(CANDIDATE * candidates)

    def take(self, work: int) -> None:
        """Count work. Raises `Unscannable` when the budget is used up."""
        self.used += work
        self.left -= work
        if self.left < 0:
            raise Unscannable("too much to look at for its size")
