"""Faults: exceptions that nobody expected, contained where they happen.

Promise: a fault is described by the exception's type and by places in our own code. Its message, which may hold a value
of the input, is never kept.
"""

from __future__ import annotations

import traceback
from collections import Counter
from pathlib import PurePath
from types import CodeType
from typing import Final

UNPROCESSABLE: Final = "could not be processed, because of a fault in the log writer; its log says where"
"""The reason for a refusal that is nobody's but the writer's own fault."""

_OWN_PACKAGES: Final = ("log_writer", "audit_core", "aws_client")
_MOST_PLACES: Final = 4
_MOST_KINDS: Final = 10


def places_of(error: BaseException) -> list[str]:
    """List where in our own code `error` came from, at most the innermost four places, outermost first."""
    frames = traceback.walk_tb(error.__traceback__)
    return [place for frame, line in frames if (place := _place(frame.f_code, line))][-_MOST_PLACES:]


def describe(error: BaseException) -> str:
    """Describe `error` by its type and its places."""
    return " at ".join(filter(None, (type(error).__name__, " > ".join(places_of(error)))))


class Faults:
    """Counts the faults of one request."""

    def __init__(self) -> None:
        self._found: dict[str, int] = {}

    def note(self, error: BaseException) -> None:
        """Count an exception that was caught."""
        self.add(describe(error))

    def add(self, description: str) -> None:
        """Count a fault that was described before."""
        self._found[description] = self._found.get(description, 0) + 1

    def summary(self) -> dict[str, object]:
        """Return what the operational log says: nothing without a fault, else how many, and where most of them."""
        if not self._found:
            return {}
        return {"faults": sum(self._found.values()), "fault_at": dict(Counter(self._found).most_common(_MOST_KINDS))}


def _place(code: CodeType, line: int) -> str:
    parts = PurePath(code.co_filename).parts
    for index, part in enumerate(parts):
        if part in _OWN_PACKAGES:
            return f"{'/'.join(parts[index:])}:{line}"
    return ""
