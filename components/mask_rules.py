"""A stack's own masking rules: read from its settings, and tried on the engine that will run them.

Guarantee: the function accepts every rule that is returned here, because the function's own code checks it. A rule that
the engine refuses, or that matches ordinary text, is refused before anything is made.

This is the one module outside `lambda/` for which the program imports the function's code. A second implementation of
the check would sooner or later accept what the function refuses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

RULE: Final = re.compile("[a-z0-9][a-z0-9._/-]{0,63}")
"""A rule's id, as records name it."""
FORM: Final = "must be 'key <name>', 'pattern <rule id> <pattern>' or 'allow <pattern>'"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskRules:
    """Rules that the engine takes: names of keys, patterns with the id of their rule, and what stays."""

    key_names: tuple[str, ...] = ()
    patterns: tuple[tuple[str, str], ...] = ()
    allow: tuple[str, ...] = ()


class MaskRuleError(ValueError):
    """A rule that is refused: the reason, and the rule as it was given."""

    def __init__(self, reason: str, given: str) -> None:
        """Keep both."""
        super().__init__(f"{reason}, got {given!r}")
        self.reason = reason
        self.given = given


def read_mask_rules(texts: Sequence[str]) -> MaskRules:
    """Parse one rule from each text. Raises MaskRuleError.

    `key NAME` masks the value of every key of that name. `pattern ID PATTERN` masks what the pattern (RE2) matches, and
    records say it was ID. `allow PATTERN` leaves a value that it matches whole to key names alone.
    """
    keys: list[str] = []
    patterns: dict[str, str] = {}
    allow: list[str] = []
    for text in texts:
        kind, _, rest = text.partition(" ")
        if kind == "key" and rest:
            _check(text, MaskRules(key_names=(rest,)))
            keys.append(rest)
        elif kind == "allow" and rest:
            _check(text, MaskRules(allow=(rest,)))
            allow.append(rest)
        elif kind == "pattern" and all(parts := rest.partition(" ")):
            rule, _, pattern = parts
            if not RULE.fullmatch(rule):
                raise MaskRuleError(f"a rule id must match {RULE.pattern}", text)
            if rule in patterns:
                raise MaskRuleError(f"names the rule {rule!r} twice", text)
            _check(text, MaskRules(patterns=((rule, pattern),)))
            patterns[rule] = pattern
        else:
            raise MaskRuleError(FORM, text)
    rules = MaskRules(key_names=tuple(keys), patterns=tuple(sorted(patterns.items())), allow=tuple(allow))
    if texts:
        _check(f"{len(texts)} rules", rules)
    return rules


def rules_config(rules: MaskRules) -> dict[str, object]:
    """Return the rules as the function's configuration file has them; empty if there are none."""
    config: dict[str, object] = {
        "key_names": list(rules.key_names),
        "patterns": dict(rules.patterns),
        "allow": list(rules.allow),
    }
    return {name: value for name, value in config.items() if value}


def _check(text: str, rules: MaskRules) -> None:
    """Refuse rules that the function would."""
    from audit_core.masking import CustomRuleError, CustomRules  # noqa: PLC0415 - most stacks need no engine

    try:
        CustomRules(key_names=rules.key_names, patterns=rules.patterns, allow=rules.allow)
    except CustomRuleError as error:
        raise MaskRuleError(str(error), text) from error
