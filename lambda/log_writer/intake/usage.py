"""Counts of model tokens, as the kinds of reports name them.

Promise: never raises; what is no count is left out.
"""

from __future__ import annotations

import re

from audit_core.canonical import JsonValue
from audit_core.values import SAFE_INTEGER

_NAMES = {
    "input": "input",
    "prompt": "input",
    "output": "output",
    "completion": "output",
    "total": "total",
    "cached_input": "cache_read",
    "input_cached": "cache_read",
    "input_cache_read": "cache_read",
    "cache_read_input": "cache_read",
    "input_cache_write": "cache_creation",
    "cache_write_input": "cache_creation",
    "input_cache_creation": "cache_creation",
    "cache_creation_input": "cache_creation",
    "output_reasoning": "reasoning",
}
_SIDES = {"prompt": "input", "completion": "output"}
_ENDING = "_tokens"
_DETAILS = ("_tokens_details", "_token_details")
_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}")
_MAX_KINDS = 16


def read_usage(usage: JsonValue, *, bare: bool = False) -> dict[str, JsonValue] | None:
    """The counts in `usage` by kind (`input`, `output`, `total`, `cache_read`, …); null when there are none.

    Reads `<kind>_tokens`, the same within `<kind>_tokens_details`, and `details` of either; where they are `bare`, also
    counts that are called after their kind alone.
    """
    if not isinstance(usage, dict):
        return None
    counts: dict[str, JsonValue] = {}
    nested: list[tuple[str, dict[str, JsonValue]]] = [("", usage)]
    for side, members in nested:
        for name, value in members.items():
            if isinstance(value, dict):
                if not side and name == "details":
                    nested.append(("", value))
                elif not side and name.endswith(_DETAILS):
                    part = name.rpartition("_token")[0]
                    nested.append((f"{_SIDES.get(part, part)}_", value))
            elif (bare or name.endswith(_ENDING)) and is_count(value):
                kind = side + name.removesuffix(_ENDING)
                kind = _NAMES.get(kind, kind)
                if len(counts) < _MAX_KINDS and _KIND.fullmatch(kind):
                    counts.setdefault(kind, value)
    return counts or None


def is_count(value: JsonValue) -> bool:
    """Whether `value` is one that a record can hold."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= SAFE_INTEGER
