"""The vendors' token formats, as data: one module a family, every rule with the document it was written from."""

from __future__ import annotations

from audit_core.masking.rules.first import RULES
from audit_core.masking.rules.rule import Rule

__all__ = ["RULES", "Rule"]
