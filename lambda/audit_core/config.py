"""The configuration of a function: one JSON file in its package.

Promise: an error names the field and the rule, never the value.
"""

from __future__ import annotations

import json
import os
from collections.abc import Set as AbstractSet
from pathlib import Path

from audit_core.errors import AuditError
from audit_core.layout import CONFIG_FILE, CONFIG_SCHEMA


def config_path() -> Path:
    """Return where the file is: at the root of the package."""
    return Path(os.environ.get("LAMBDA_TASK_ROOT") or Path(__file__).parent.parent) / CONFIG_FILE


def read_json(path: Path) -> object:
    """Decode the file. Raise `AuditError`."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise AuditError("is not there or is not JSON", field=path.name) from None


def whole(raw: object, known: AbstractSet[str]) -> dict[str, object]:
    """Return the configuration as an object of `schema` and `known` keys. Raise `AuditError`."""
    top = object_of(raw, "", {"schema", *known})
    if top.get("schema") != CONFIG_SCHEMA:
        raise AuditError(f"must be {CONFIG_SCHEMA}", field="schema")
    return top


def object_of(raw: object, field: str, known: AbstractSet[str]) -> dict[str, object]:
    """Return `raw` as an object of `known` keys. Raise `AuditError`."""
    if not isinstance(raw, dict):
        raise AuditError("must be an object", field=field)
    if not raw.keys() <= known:
        raise AuditError("has unknown keys", field=field)
    return raw


def text_of(raw: dict[str, object], name: str, default: str | None = None) -> str:
    """Return a member that is text; `default` where it is absent. Raise `AuditError`."""
    value = raw.get(name, default)
    if not isinstance(value, str):
        raise AuditError("must be a string", field=name)
    return value
