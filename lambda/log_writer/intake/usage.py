"""Counts of model tokens, as the kinds of reports name them.

Promise: never raises; what is no count is left out.
"""

from __future__ import annotations

import re
from functools import lru_cache

from audit_core.canonical import JsonValue
from audit_core.values import SAFE_INTEGER

_NAMES = {
    "input": "input",
    "prompt": "input",
    "prompt_eval": "input",
    "output": "output",
    "completion": "output",
    "candidates": "output",
    "generated": "output",
    "eval": "output",
    "total": "total",
    "thoughts": "reasoning",
    "thinking": "reasoning",
    "output_reasoning": "reasoning",
    "output_thinking": "reasoning",
    "cached": "cache_read",
    "cached_content": "cache_read",
    "cached_input": "cache_read",
    "cached_prompt": "cache_read",
    "input_cached": "cache_read",
    "input_cache_read": "cache_read",
    "cache_read_input": "cache_read",
    "prompt_cache_hit": "cache_read",
    "input_cache_write": "cache_creation",
    "cache_write_input": "cache_creation",
    "input_cache_creation": "cache_creation",
    "cache_creation_input": "cache_creation",
    "tool_use_prompt": "input_tool_use",
}
_SIDES = {"prompt": "input", "completion": "output", "candidates": "output"}
# `prompt_tokens`, Gemini's `promptTokenCount`, Ollama's `prompt_eval_count`.
_ENDINGS = ("_tokens", "_token_count", "_count")
_DETAILS = ("_tokens_details", "_token_details")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}")
MAX_KINDS = 16
_LONGEST_NAME = 64


def read_usage(usage: JsonValue, *, bare: bool = False) -> dict[str, JsonValue] | None:
    """Return the counts in `usage` by kind (`input`, `output`, `total`, `cache_read`, …); null when there are none.

    Reads `<kind>_tokens`, the same within `<kind>_tokens_details`, and `details` of either, in any provider's spelling;
    where they are `bare`, also counts that are named after their kind alone. Of two counts of one kind a zero loses:
    many senders write it for an unknown count.
    """
    if not isinstance(usage, dict):
        return None
    counts: dict[str, JsonValue] = {}
    nested: list[tuple[str, dict[str, JsonValue]]] = [("", usage)]
    for side, members in nested:
        for name, value in members.items():
            if isinstance(value, dict):
                name = _plain(name)  # noqa: PLW2901
                if not side and name == "details":
                    nested.append(("", value))
                elif not side and name.endswith(_DETAILS):
                    part = name.rpartition("_token")[0]
                    nested.append((f"{_SIDES.get(part, part)}_", value))
            elif is_count(value) and len(name) <= _LONGEST_NAME and (kind := _kind(side, name, bare=bare)) is not None:
                if kind in counts:
                    counts[kind] = counts[kind] or value
                elif len(counts) < MAX_KINDS:
                    counts[kind] = value
    return counts or None


def named(tokens: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return `tokens` with the record's names in place of providers' own names; the rest is unchanged."""
    read: dict[str, JsonValue] = {}
    for given, value in tokens.items():
        kind = given if _KIND.fullmatch(given) and not given.endswith(_ENDINGS) else kind_of(given)
        name = given if kind is None else kind
        read[name] = read.get(name) or value
    return read


def kind_of(name: str) -> str | None:
    """Return the kind of a count by its name on the wire; null when the name is unknown."""
    return _kind("", name) if len(name) <= _LONGEST_NAME else None


def is_id(value: JsonValue) -> bool:
    """Return whether `value` may be an id: a text or a number. The record accepts whole numbers only."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _plain(name: str) -> str:
    """Return `promptTokenCount` as `prompt_token_count`."""
    return name if name.islower() else _HUMP.sub("_", name).lower()


@lru_cache(maxsize=512)
def _kind(side: str, given: str, *, bare: bool = False) -> str | None:
    """Return the kind that a count's name says; null when the name is unknown."""
    name = _plain(given)
    ending = next((ending for ending in _ENDINGS if name.endswith(ending)), None)
    if ending is None and not bare:
        return None
    plain = name.removesuffix(ending or "")
    kind = side + plain
    if ending == "_count" and kind not in _NAMES:
        return None  # it counts something else
    kind = _NAMES.get(kind, kind)
    return kind if _KIND.fullmatch(kind) else None


def is_count(value: JsonValue) -> bool:
    """Whether `value` is one that a record can hold."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= SAFE_INTEGER
