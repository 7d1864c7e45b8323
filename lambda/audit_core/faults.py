"""Faults: unexpected exceptions, contained where they happen.

Promise: a fault is described by the exception's type and by places in our own code. Its message is never kept, because
it may hold a value of the input.
"""

from __future__ import annotations

import traceback
from collections import Counter
from pathlib import PurePath
from types import CodeType
from typing import Final

UNPROCESSABLE: Final = "could not be processed, because of a fault in the log writer; its log says where"
"""Why an event was refused where the writer itself failed."""

_OWN_PACKAGES: Final = ("log_writer", "audit_core", "aws_client")
_MOST_PLACES: Final = 4
_MOST_KINDS: Final = 10


def places_of(error: BaseException) -> list[str]:
    """Return the places in our own code that `error` came through: at most the innermost four, outermost first."""
    frames = traceback.walk_tb(error.__traceback__)
    return [place for frame, line in frames if (place := _place(frame.f_code, line))][-_MOST_PLACES:]


def describe(error: BaseException) -> str:
    """Describe `error` by its type and its places."""
    return " at ".join(filter(None, (type(error).__name__, " > ".join(places_of(error)))))


class Faults:
    """Counts the faults of one request."""

    def __init__(self) -> None:
        self._found: Counter[str] = Counter()

    def note(self, error: BaseException) -> None:
        """Count an exception that was caught."""
        self.add(describe(error))

    def add(self, description: str) -> None:
        """Count a fault by its description."""
        self._found[description] += 1

    def summary(self) -> dict[str, object]:
        """Return what to log: how many faults there were, and the places of most; nothing without a fault."""
        if not self._found:
            return {}
        return {"faults": self._found.total(), "fault_at": dict(self._found.most_common(_MOST_KINDS))}


def _place(code: CodeType, line: int) -> str:
    parts = PurePath(code.co_filename).parts
    for index, part in enumerate(parts):
        if part in _OWN_PACKAGES:
            return f"{'/'.join(parts[index:])}:{line}"
    return ""
