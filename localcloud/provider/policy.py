"""When two JSON documents say the same.

Guarantees: key order, spacing, and (in a policy) the order of a list and `"x"` for `["x"]` make no difference; nothing
else is glossed over. What is not JSON equals only itself.
"""

import json
from typing import Any


def same_json(left: str, right: str) -> bool:
    """Say whether two JSON texts hold the same value."""
    return left == right or _compare(left, right, canonical=_as_it_is)


def same_policy(left: str, right: str) -> bool:
    """Say whether two IAM policy documents mean the same."""
    return left == right or _compare(left, right, canonical=_policy)


def _compare(left: str, right: str, *, canonical: Any) -> bool:  # noqa: ANN401 - a callable over any JSON value
    try:
        # Dumped, so that 1 and true, or 1 and 1.0, stay apart.
        first, second = (json.dumps(canonical(json.loads(text)), sort_keys=True) for text in (left, right))
    except ValueError:
        return False
    return first == second


def _as_it_is(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return value


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
