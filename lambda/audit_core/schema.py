"""The record's JSON Schema, made from the type `Record`.

Promise: `record.schema.json` beside this file is what `record_schema` returns; a test compares them. To write it anew:
`python -m audit_core.schema > lambda/audit_core/record.schema.json`.
"""

from __future__ import annotations

import builtins
import json
import sys
import types
import typing
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

from audit_core.layout import MAX_LINE_BYTES
from audit_core.record_type import Record

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DIGEST = r"^(sha256|hmac-sha256:[A-Za-z0-9._-]{1,64}):([0-9a-f]{64}|[0-9a-f]{4,63}\.\.\.)$"
_SIMPLE: dict[object, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    object: {},
    types.NoneType: {"type": "null"},
}
# What the type does not say: the grammar of strings and the range of numbers.
_GRAMMAR: dict[str, dict[str, Any]] = {
    "timestamp": {"pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,12})?Z$"},
    "status": {"minimum": 100, "maximum": 999},
    "request_hash": {"pattern": _DIGEST},
    "response_hash": {"pattern": _DIGEST},
    "request_bytes": {"minimum": 0},
    "response_bytes": {"minimum": 0},
    "duration_ms": {"minimum": 0},
    "record_id": {"pattern": r"^[0-9a-f]{40}-[0-9]+$"},
}


def record_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one stored line."""
    schema = _typed_dict(Record)
    for name, grammar in _GRAMMAR.items():
        schema["properties"][name].update(grammar)
    return {
        "$schema": _DIALECT,
        "title": "Record",
        "description": f"One external call of an agent: one line of at most {MAX_LINE_BYTES} bytes.",
        **schema,
    }


def _typed_dict(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {
        "type": "object",
        "properties": {name: _schema(hint) for name, hint in hints.items()},
        "required": [name for name, hint in hints.items() if _is_required(kind, hint)],
        "additionalProperties": False,
    }


def _is_required(kind: type, hint: object) -> bool:
    # Not `__required_keys__`: it does not see NotRequired in annotations that are still text.
    return bool(getattr(kind, "__total__", True)) and get_origin(hint) is not typing.NotRequired


def _schema(hint: Any) -> dict[str, Any]:  # noqa: ANN401 - a type of any form
    if hint in _SIMPLE:
        return dict(_SIMPLE[hint])
    if is_typeddict(hint):
        return _typed_dict(hint)
    arguments = get_args(hint)
    match get_origin(hint):
        case typing.NotRequired:
            schema = _schema(arguments[0])
        case typing.Annotated:
            schema = {"description": arguments[1], **_schema(arguments[0])}
        case typing.Literal:
            schema = {"enum": list(arguments)}
        case builtins.list:
            schema = {"type": "array", "items": _schema(arguments[0])}
        case builtins.dict:
            schema = {"type": "object", "additionalProperties": _schema(arguments[1])}
        case typing.Union | types.UnionType:
            schema = _union([_schema(argument) for argument in arguments])
        case _:
            raise TypeError(f"no JSON Schema for {hint}")
    return schema


def _union(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    if all(schema.keys() == {"type"} for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    if len(schemas) == 2 and "enum" in schemas[0] and schemas[1] == {"type": "null"}:  # noqa: PLR2004 - X | None
        return {"enum": [*schemas[0]["enum"], None]}
    return {"anyOf": schemas}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(record_schema(), indent=2) + "\n")
