"""Mask the short texts of one request: many at once, and none of them twice.

Promise: each comes out as `Masker.mask_value` would give it, at a fraction of the cost. When the budget of the request
is used up or the masker fails, it comes out as `***REDACTED***` under the rule `unscannable`. What comes out depends on
the request alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import orjson

from audit_core.masking.budget import NAME, SUSPECT, Budget
from audit_core.masking.masker import Masker
from audit_core.masking.result import PLACEHOLDER, JsonValue, Redaction, Unscannable

UNSCANNABLE = "unscannable"
_MEMORY = 4096
_Key: TypeAlias = "tuple[str, str | bytes]"
_Result: TypeAlias = "tuple[JsonValue, tuple[Redaction, ...]]"


class Texts:
    """Masks the texts of a request's records. `prefetch` those to come, `fetch` them at once, then `mask` each.

    `mask` also masks a text that was not prefetched. `note` gets each unexpected exception of the masker.
    """

    def __init__(self, masker: Masker, budget: Budget, *, note: Callable[[Exception], None] = lambda _: None) -> None:
        self._masker = masker
        self._budget = budget
        self._note = note
        self._known: dict[_Key, _Result] = {}
        self._queued: dict[_Key, tuple[str, JsonValue]] = {}

    def prefetch(self, path: str, value: JsonValue) -> None:
        """Queue a value that `fetch` masks under a path (see `Masker.mask_value`)."""
        key = (path, value) if type(value) is str else _key(path, value)
        if key not in self._known and key not in self._queued and key is not None and not self._budget.is_used_up:
            self._queued[key] = path, value

    def fetch(self) -> None:
        """Mask what is queued."""
        if len(self._known) > _MEMORY:  # an entry outlives the events that are much alike, which come together
            self._known.clear()
        if not self._queued:
            return
        results = self._masked(list(self._queued.values()))
        self._known.update(zip(self._queued, results, strict=True))
        self._queued.clear()

    def mask(self, path: str, value: JsonValue) -> _Result:
        """Return `value` as it may be stored, and what was masked in it."""
        if value is None or value is True or value is False:
            return value, ()
        key = (path, value) if type(value) is str else _key(path, value)
        if key is None:
            return self._masked([(path, value)], SUSPECT)[0]
        known = self._known.get(key)
        if known is None and not self._budget.is_used_up:
            self.prefetch(path, value)
            self.fetch()
            known = self._known[key]
        return known or _unscannable(path)

    def names_secret(self, name: str) -> str | None:
        """Return the rule that masks any value under a key of this name, or None."""
        try:
            self._budget.take(NAME)
            return self._masker.names_secret(name)
        except Unscannable:
            return UNSCANNABLE
        except Exception as error:  # noqa: BLE001 - as in `_masked`
            self._note(error)
            return UNSCANNABLE

    def _masked(self, items: list[tuple[str, JsonValue]], cost: int = 0) -> list[_Result]:
        """Mask all items at once. Where that fails, mask each half, so that only the bad item is hidden."""
        try:
            self._budget.take(cost)
            return self._masker.mask_each(items, self._budget)
        except Exception as error:  # noqa: BLE001 - an error of the masker hides one value and stops nothing
            if len(items) == 1 or self._budget.is_used_up:
                if not isinstance(error, Unscannable):
                    self._note(error)
                return [_unscannable(path) for path, _ in items]
        middle = len(items) // 2
        return self._masked(items[:middle], SUSPECT) + self._masked(items[middle:], SUSPECT)


def _unscannable(path: str) -> _Result:
    return PLACEHOLDER, (Redaction(path=path, rule=UNSCANNABLE),)


def _key(path: str, value: JsonValue) -> _Key | None:
    """Return the memory key of a value that is not text; None when JSON cannot hold it."""
    try:
        return path, orjson.dumps(value)
    except TypeError:
        return None
