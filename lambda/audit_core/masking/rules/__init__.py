"""The documented token formats, as data: one module a family, every rule with the document that shows its shape."""

from __future__ import annotations

from audit_core.masking.rules import ai, chat, clouds, generic, links, monitoring, payments, source, structures
from audit_core.masking.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    *structures.RULES,
    *clouds.RULES,
    *ai.RULES,
    *source.RULES,
    *payments.RULES,
    *chat.RULES,
    *monitoring.RULES,
    *links.RULES,
    *generic.RULES,
)

__all__ = ["RULES", "Rule"]
