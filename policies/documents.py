"""Reading policy documents: what they allow, and what no document of this kit may say.

Guarantee: a document that cannot be read has no statements. Callers treat that as a fault, never as harmless.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from policies.wildcards import WILDCARDS


def faults(statement: Mapping[str, object], *, of_key: bool = False) -> Iterator[str]:
    """Yield what is wrong with one statement. In the policy `of_key`, the resource `*` is the key itself."""
    excluding = ["NotPrincipal"] if statement.get("Effect") == "Deny" else ["NotAction", "NotPrincipal", "NotResource"]
    for key in excluding:
        if key in statement:
            yield f"{key} must not be used: what is not excluded would be allowed, or spared"
    conditions = statement.get("Condition")
    operands = list(conditions.values()) if isinstance(conditions, Mapping) else []
    values = [value for operand in operands if isinstance(operand, Mapping) for value in operand.values()]
    patterns = [text for value in values for text in listed(value)]
    if statement.get("Effect") != "Deny":
        patterns += [text for text in listed(statement.get("Resource")) if not (of_key and text == "*")]
        for action in listed(statement.get("Action")):
            if "*" in action or "?" in action:
                yield f"an allowed action must be named in full, got {action!r}"
        principal = statement.get("Principal")
        named = list(principal.values()) if isinstance(principal, Mapping) else [principal]
        for text in (text for value in named for text in listed(value)):
            if "*" in text:
                yield f"an allowed principal must be named in full, got {text!r}"
    for text in patterns:
        if ("*" in text or "?" in text) and not any(item.arn.fullmatch(text) for item in WILDCARDS):
            yield f"a wildcard must have a listed reason, got {text!r}"


def allowed_actions(statement: Mapping[str, object]) -> Sequence[str]:
    """Return the actions that a statement allows."""
    return listed(statement.get("Action")) if statement.get("Effect") == "Allow" else ()


def parse(text: object) -> list[Mapping[str, object]]:
    """Return a policy document's statements; none if it cannot be read."""
    try:
        parsed = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return []
    statements = parsed.get("Statement") if isinstance(parsed, Mapping) else None
    return mappings([statements] if isinstance(statements, Mapping) else statements)


def mappings(value: object) -> list[Mapping[str, object]]:
    """Return the objects of a list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, (list, tuple)) else []


def listed(value: object) -> list[str]:
    """Return a list of texts. IAM lets one string stand for a list of one."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, (list, tuple)) else []
