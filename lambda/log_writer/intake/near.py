"""Find names that are almost the name of a field: they are probably misspelt.

Promise: returns the name of the field, never the given name. The work for one request is bounded, whatever names it
holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from audit_core.attributes import ALLOWED

MISSPELT: Final = "an unknown name in the event is almost this one; its value was kept as an attribute"
_MOST_NAMES: Final = 200
_LONGEST: Final = 32
_LIKENESS: Final = 0.8


class NearNames:
    """Find the fields that unknown names of one request resemble."""

    def __init__(self, fields: Iterable[str]) -> None:
        self._fields = fields
        self._known: dict[str, str | None] = {}

    def field(self, name: str) -> str | None:
        """Return the field whose name resembles `name`; null when there is none."""
        if len(name) > _LONGEST or name in ALLOWED:
            return None
        if name not in self._known:
            if len(self._known) >= _MOST_NAMES:
                return None
            self._known[name] = self._nearest(_plain(name))
        return self._known[name]

    def _nearest(self, plain: str) -> str | None:
        from difflib import get_close_matches  # noqa: PLC0415 - few requests need it

        fields = {_plain(name): name for name in sorted(self._fields)}
        found = get_close_matches(plain, fields, n=1, cutoff=_LIKENESS)
        return fields[found[0]] if found else None


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
