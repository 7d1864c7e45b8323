"""The short texts of one request: looked at all at once, and none of them twice.

Promise: each comes out as `Masker.mask_value` would give it, at a fraction of the cost, or, when the request has used
up its budget, as `***REDACTED***` under the rule `unscannable`. What comes out depends on the request alone.
"""

from __future__ import annotations

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
    """Masks what a request's records hold. `expect` what will be asked for, `look` at it, then ask with `mask`.

    What was not expected is masked when it is asked for.
    """

    def __init__(self, masker: Masker, budget: Budget) -> None:
        self._masker = masker
        self._budget = budget
        self._known: dict[_Key, _Result] = {}
        self._expected: dict[_Key, tuple[str, JsonValue]] = {}

    def expect(self, path: str, value: JsonValue) -> None:
        """Announce a value that is to be masked under a path (see `Masker.mask_value`)."""
        key = _key(path, value)
        if key is not None and key not in self._known and not self._budget.is_used_up:
            self._expected[key] = path, value

    def look(self) -> None:
        """Mask all that is expected."""
        if len(self._known) > _MEMORY:  # an entry outlives the events that are much alike, which come together
            self._known.clear()
        if not self._expected:
            return
        items = list(self._expected.values())
        try:
            results = self._masker.mask_each(items, self._budget)
        except Unscannable:  # one of them cannot be scanned, which is no reason to give up the others
            results = [self._alone(path, value) for path, value in items]
        self._known.update(zip(self._expected, results, strict=True))
        self._expected.clear()

    def mask(self, path: str, value: JsonValue) -> _Result:
        """`value` as it may be stored, and what was masked in it."""
        if value is None or isinstance(value, bool):
            return value, ()
        key = _key(path, value)
        if key is None:
            return self._alone(path, value)
        known = self._known.get(key)
        if known is None and not self._budget.is_used_up:
            self.expect(path, value)
            self.look()
            known = self._known[key]
        return known or _unscannable(path)

    def names_secret(self, name: str) -> str | None:
        """The rule by which any value goes under a key of this name; None where there is none."""
        try:
            self._budget.take(NAME)
        except Unscannable:
            return UNSCANNABLE
        return self._masker.names_secret(name)

    def _alone(self, path: str, value: JsonValue) -> _Result:
        try:
            self._budget.take(SUSPECT)
            return self._masker.mask_each([(path, value)], self._budget)[0]
        except Unscannable:
            return _unscannable(path)


def _unscannable(path: str) -> _Result:
    return PLACEHOLDER, (Redaction(path=path, rule=UNSCANNABLE),)


def _key(path: str, value: JsonValue) -> _Key | None:
    """Say by what a result is remembered; None where JSON cannot hold it: a lone surrogate, a huge number."""
    if isinstance(value, str):
        return path, value
    try:
        return path, orjson.dumps(value)
    except TypeError:
        return None
