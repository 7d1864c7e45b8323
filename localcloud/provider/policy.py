"""Compare JSON documents by what they mean, and adapt policies to the emulator.

Guarantees: key order, spacing, and (in a policy) the order of a list and `"x"` for `["x"]` make no difference; nothing
else is glossed over. What is not JSON equals only itself.
"""

import json
from collections.abc import Callable
from typing import Any

from cli.checks.emulator import BATCHES


def same_json(left: str, right: str) -> bool:
    """Tell whether two JSON texts hold the same value."""
    return left == right or _canonical(left, lambda value: value) == _canonical(right, lambda value: value) != ""


def same_policy(left: str, right: str) -> bool:
    """Tell whether two IAM policy documents mean the same."""
    return left == right or _canonical(left, _policy) == _canonical(right, _policy) != ""


def _canonical(text: str, change: Callable[[Any], Any]) -> str:
    """Return a JSON text in one form, in which 1 and true stay apart; empty if it is not JSON."""
    try:
        return json.dumps(change(json.loads(text)), sort_keys=True)
    except ValueError:
        return ""


def _policy(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return `value` with every list sorted, and single-item lists of scalars as that item (IAM treats them alike)."""
    if isinstance(value, dict):
        return {key: _policy(item) for key, item in value.items()}
    if isinstance(value, list):
        items = sorted((_policy(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
        return items[0] if len(items) == 1 else items
    # A condition's operand may be written as a boolean or number; IAM compares its text.
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def for_emulator(text: str) -> str:
    """Return a policy document with the batch actions that the emulator asks for and AWS does not have."""
    return _with_actions(text, lambda actions: [name for action in actions for name in _names(action)])


def from_emulator(text: str) -> str:
    """Return a policy document of the emulator without those batch actions."""
    return _with_actions(text, lambda actions: [action for action in actions if action not in BATCHES])


def _names(action: str) -> tuple[str, ...]:
    batch = f"{action}Batch"
    return (action, batch) if batch in BATCHES else (action,)


def _with_actions(text: str, change: Callable[[list[str]], list[str]]) -> str:
    """Return `text` with each statement's actions changed; the same text if it is no policy or nothing changes."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    statements = document.get("Statement") if isinstance(document, dict) else None
    changed = False
    for statement in statements if isinstance(statements, list) else []:
        actions = statement.get("Action") if isinstance(statement, dict) else None
        listed = [actions] if isinstance(actions, str) else actions
        if isinstance(listed, list) and (wanted := change(listed)) != listed:
            statement["Action"] = wanted
            changed = True
    return json.dumps(document) if changed else text
