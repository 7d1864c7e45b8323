"""How much work one call may do: proportional to its input, so that no input costs more than its size."""

from __future__ import annotations

from audit_core.masking.result import Unscannable

ALLOWANCE = 16_000_000
"""Work every call may do, however small its input: enough to mask 64 KB of nothing but secrets one by one."""
REQUEST_ALLOWANCE = 6_000_000
"""Work that all records of a request may do together, however small it is."""
PER_BYTE = 3
"""Further work for each byte of input."""
CANDIDATE = 256
"""What one candidate costs, as bytes scanned: about the time that either takes."""
LIFT = 2
"""Candidates that one finding in an encoded text counts for, whose place must be worked out."""
TEXT = 32
"""What taking up one more text costs."""
NAME = 1024
"""What it costs to take a new name apart."""
SUSPECT = 1024
"""What it costs to walk through one text that may hold something, and to put it together again."""


class Budget:
    """Counts work in bytes scanned and refuses to go on when it is used up.

    Ordinary traffic needs a small part of it. An input made to be expensive (a mark in every other place, encodings
    nested in encodings) is refused rather than scanned in part. `within`: another budget, which pays as well.
    """

    __slots__ = ("_within", "left", "used")

    def __init__(self, size: int, allowance: int = ALLOWANCE, *, within: Budget | None = None) -> None:
        self.left = allowance + PER_BYTE * size
        self.used = 0
        self._within = within

    @property
    def is_used_up(self) -> bool:
        """Whether all further work is refused."""
        return self.left < 0

    def spend(self, candidates: int) -> None:
        """Count candidates. Raises `Unscannable` when the budget is used up."""
        self.take(CANDIDATE * candidates)

    def take(self, work: int) -> None:
        """Count work. Raises `Unscannable` when the budget is used up."""
        if self._within is not None:
            self._within.take(work)
        self.used += work
        self.left -= work
        if self.left < 0:
            raise Unscannable("too much to look at for its size")
