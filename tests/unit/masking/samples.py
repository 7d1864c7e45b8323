"""Invented tokens for every rule, made from the rule's own pattern; none was ever issued."""

from __future__ import annotations

import base64
import importlib
import random
import re
from functools import cache
from typing import Any

from audit_core.masking.rules import Rule

ops = importlib.import_module("re._constants")
parser = importlib.import_module("re._parser")
_MORE = 6


def sample(rule: Rule, mark: str, seed: int) -> str:
    """Make one token of a rule's shape. Random enough to pass for machine-made."""
    source = random.Random(f"{rule.id} {mark} {seed}")  # noqa: S311 - test data
    if rule.id == "authorization/basic":  # more than a pattern can say
        return mark + base64.b64encode(f"user{seed}:{source.getrandbits(64):x}".encode()).decode()
    before = _generate(parser.parse(rule.before), source) if rule.before else ""
    return before + mark + _generate(parser.parse(rule.tail), source)


def _generate(parsed: Any, source: random.Random) -> str:  # noqa: ANN401 - the parser's own trees
    return "".join(_item(op, value, source) for op, value in parsed)


def _item(op: Any, value: Any, source: random.Random) -> str:  # noqa: ANN401, PLR0911 - one kind of node a line
    if op is ops.LITERAL:
        return chr(value)
    if op is ops.NOT_LITERAL:
        return "k" if value != ord("k") else "j"
    if op is ops.IN:
        return source.choice(_members(_class(value)))
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT):
        low, high, inner = value
        count = low if high == low else source.randint(low, min(int(high), low + _MORE))
        return "".join(_generate(inner, source) for _ in range(count))
    if op is ops.SUBPATTERN:
        return _generate(value[3], source)
    if op is ops.BRANCH:
        return _generate(source.choice(value[1]), source)
    return ""


@cache
def _members(characters: str) -> list[str]:
    wanted = [character for character in map(chr, range(32, 127)) if re.match(characters, character)]
    return [character for character in wanted if character.isalnum()] or wanted


def _class(parts: Any) -> str:  # noqa: ANN401
    spelled = ""
    for op, value in parts:
        if op is ops.NEGATE:
            spelled += "^"
        elif op is ops.LITERAL:
            spelled += re.escape(chr(value))
        elif op is ops.RANGE:
            spelled += f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        elif op is ops.CATEGORY:
            spelled += {ops.CATEGORY_DIGIT: r"\d", ops.CATEGORY_WORD: r"\w", ops.CATEGORY_SPACE: r"\s"}[value]
    return f"[{spelled}]"
