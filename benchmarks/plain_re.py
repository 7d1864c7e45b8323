"""What masking would be without its engine: the same rules as patterns of Python's `re`, one after the other."""

from __future__ import annotations

import re
from typing import Final

import orjson

from audit_core.masking import PLACEHOLDER, JsonValue
from audit_core.masking.rules import RULES, Rule

_UNMISTAKABLE: Final = 6


class PlainMasker:
    """Replaces what a rule matches, in every string of a decoded JSON value."""

    def __init__(self) -> None:
        self._patterns = [re.compile(_pattern(rule)) for rule in RULES]

    def mask(self, data: bytes) -> bytes:
        """Mask the strings of a JSON text and write it again."""
        return orjson.dumps(self._masked(orjson.loads(data)))

    def _masked(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            for pattern in self._patterns:
                value = pattern.sub(PLACEHOLDER, value)
            return value
        if isinstance(value, dict):
            return {key: self._masked(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._masked(item) for item in value]
        return value


def _pattern(rule: Rule) -> str:
    before = f"(?:{rule.before})" if rule.before else ""
    # Short letters may stand inside any word, so a rule that begins with such asks for a boundary, here as in masking.
    boundary = "" if rule.before or rule.hidden or min(map(len, rule.marks)) >= _UNMISTAKABLE else r"(?<![A-Za-z0-9])"
    return f"{boundary}{before}(?:{'|'.join(map(re.escape, rule.marks))}){rule.tail}"
