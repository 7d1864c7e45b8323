"""Masking: what looks like a secret is replaced before anything is stored, logged or returned.

Promise: no secret survives in what a `Masker` returns, in its redactions or in an exception of its own; everything else
stays as it was. It runs in linear time, and what it cannot scan it refuses (`Unscannable`). It never governs a digest.
"""

from __future__ import annotations

from audit_core.masking.custom import CustomRuleError, CustomRules
from audit_core.masking.masker import RULES_VERSION, Masker
from audit_core.masking.result import PLACEHOLDER, JsonValue, Masked, Redaction, Unscannable

__all__ = [
    "PLACEHOLDER",
    "RULES_VERSION",
    "CustomRuleError",
    "CustomRules",
    "JsonValue",
    "Masked",
    "Masker",
    "Redaction",
    "Unscannable",
]
