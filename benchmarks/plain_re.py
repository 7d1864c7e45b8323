"""What masking would be without its engine: the same rules as patterns of Python's `re`, one after the other.

From the same data: token formats, names of secrets (as a key, and before a value in a text), personal data.
What the engine does beyond patterns has no counterpart here: it reads what is encoded, and judges what it finds.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from audit_core.masking import PLACEHOLDER, JsonValue
from audit_core.masking.personal import DOMAIN, FORMS
from audit_core.masking.rules import RULES, Rule
from audit_core.masking.rules.names import HEADS

_UNMISTAKABLE: Final = 6
_SEPARATORS: Final = re.compile(r"[\W_]")


class PlainMasker:
    """Replaces what a rule matches, in every string of a decoded JSON value, and what stands under a telling key."""

    def __init__(self) -> None:
        names = [re.escape(name) for name in HEADS]
        self._keys = [re.compile(f"(?i){name}$") for name in names]
        self._patterns = [
            *(re.compile(_pattern(rule)) for rule in RULES),
            *(re.compile(rf"(?i)(?<![a-z]){name}[\"'\]]{{0,2}}\s*[:=]>?\s*[\"']?[^\s\"'`<>]{{4,}}") for name in names),
            re.compile(r"[\w.+~-]{1,64}" + DOMAIN.decode("latin-1")),
            *(re.compile(form.decode("latin-1")) for _, form in FORMS),
        ]

    def mask(self, data: bytes) -> bytes:
        """Mask the strings of a JSON text and write it again."""
        return orjson.dumps(self._masked(orjson.loads(data)))

    def _masked(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            for pattern in self._patterns:
                value = pattern.sub(PLACEHOLDER, value)
            return value
        if isinstance(value, dict):
            return {key: PLACEHOLDER if self._tells(key) else self._masked(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._masked(item) for item in value]
        return value

    def _tells(self, key: str) -> bool:
        squeezed = _SEPARATORS.sub("", key)
        return any(name.search(squeezed) for name in self._keys)


def _pattern(rule: Rule) -> str:
    before = f"(?:{rule.before})" if rule.before else ""
    # Short letters may stand inside any word, so a rule that begins with such asks for a boundary, here as in masking.
    boundary = "" if rule.before or rule.hidden or min(map(len, rule.marks)) >= _UNMISTAKABLE else r"(?<![A-Za-z0-9])"
    return f"{boundary}{before}(?:{'|'.join(map(re.escape, rule.marks))}){rule.tail}"
