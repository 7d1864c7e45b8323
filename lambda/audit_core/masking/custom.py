"""A stack's own rules: checked when they are made, so that a bad one fails at preview and never in the function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import re2

_PROBES = ("", "a", "0", " ", "lorem ipsum", "{}", "https://example.com/")
_MAX_RULES = 100
_MAX_PATTERN_CHARACTERS = 1_000


class CustomRuleError(ValueError):
    """A custom rule that cannot be used; the message says which one and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRules:
    """Rules that a stack adds to the built-in ones.

    `key_names`: names whose values are masked whole, compared without case, dashes and underscores. `patterns`: rule id
    to RE2 pattern; what matches is masked (group 1 of it, where there is one). `allow`: patterns; a value that one of
    them matches whole is not masked by a pattern or by entropy (a key name still masks it).

    Raises `CustomRuleError` for a pattern that the engine refuses, or that matches empty or ordinary text.
    """

    key_names: tuple[str, ...] = ()
    patterns: tuple[tuple[str, str], ...] = ()
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.key_names) + len(self.patterns) + len(self.allow) > _MAX_RULES:
            raise CustomRuleError(f"custom rules: at most {_MAX_RULES} in all")
        for name in self.key_names:
            if not any(character.isalnum() for character in name):
                raise CustomRuleError(f"custom key name {name!r}: needs at least one letter or digit")
        for rule, pattern in (*self.patterns, *((f"allow[{i}]", p) for i, p in enumerate(self.allow))):
            _check(rule, pattern)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> CustomRules:
        """Build from `{"key_names": [..], "patterns": {"id": "pattern"}, "allow": [..]}`; other members are refused."""
        unknown = sorted(set(config) - {"key_names", "patterns", "allow"})
        if unknown:
            raise CustomRuleError(f"custom rules: unknown member {unknown[0]!r}; known: key_names, patterns, allow")
        patterns = config.get("patterns", {})
        if not isinstance(patterns, Mapping) or not all(isinstance(p, str) for p in patterns.values()):
            raise CustomRuleError("custom rules: patterns must be an object of rule id to pattern")
        return cls(
            key_names=_strings(config, "key_names"),
            patterns=tuple(sorted((str(rule), str(pattern)) for rule, pattern in patterns.items())),
            allow=_strings(config, "allow"),
        )


def _strings(config: Mapping[str, object], name: str) -> tuple[str, ...]:
    values = config.get(name, [])
    if not isinstance(values, (list, tuple)) or not all(isinstance(value, str) for value in values):
        raise CustomRuleError(f"custom rules: {name} must be a list of strings")
    return tuple(str(value) for value in values)


def _check(rule: str, pattern: str) -> None:
    if len(pattern) > _MAX_PATTERN_CHARACTERS:
        raise CustomRuleError(f"custom rule {rule!r}: longer than {_MAX_PATTERN_CHARACTERS} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise CustomRuleError(f"custom rule {rule!r}: the engine refuses the pattern: {text}") from None
    if compiled.fullmatch("") is not None:
        raise CustomRuleError(f"custom rule {rule!r}: matches the empty text, so it would match everywhere")
    for probe in _PROBES:
        if compiled.search(probe) is not None:
            raise CustomRuleError(
                f"custom rule {rule!r}: matches ordinary text ({probe!r}), so it would mask everything"
            )
