"""The published JSON Schema of a record."""

import json
from pathlib import Path

import jsonschema
import pytest

from audit_core import schema
from audit_core.record import FIELDS
from audit_core.record_type import Record


def test_the_published_schema_is_the_types() -> None:
    """The file says what the type says; write it anew with `python -m audit_core.schema`."""
    published = json.loads((Path(schema.__file__).parent / "record.schema.json").read_text())
    assert published == schema.record_schema()
    jsonschema.Draft202012Validator.check_schema(published)


def test_every_field_that_is_read_is_in_the_schema() -> None:
    """What an event may bring, a record may hold."""
    assert set(Record.__annotations__) >= FIELDS
    assert set(schema.record_schema()["properties"]) == set(Record.__annotations__)


RECORD: dict[str, object] = {
    "timestamp": "2026-06-30T12:34:56Z",
    "agent_id": "a",
    **dict.fromkeys(["user_id", "endpoint", "method", "status", "request_hash", "response_hash", "outcome"]),
    "correlation_id": None,
    "schema": 1,
    "source": "native",
    "masking": "1",
    "redactions": [],
    "inferred": [],
    "record_id": "0" * 40 + "-0",
}


def test_a_bare_record_fits() -> None:
    """The fields that are always there are enough."""
    jsonschema.validate(RECORD, schema.record_schema())


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": None},
        {"timestamp": "2026-06-30T12:34:56+00:00"},
        {"status": "200"},
        {"status": 5},
        {"outcome": "fine"},
        {"request_hash": "a1b2c3..."},
        {"schema": 2},
        {"redactions": [{"path": "/a", "rule": "r", "value": "v"}]},
        {"stream": {"phase": "middle"}},
        {"tokens": {"input": "5"}},
        {"more": 1},
        {"record_id": "../x"},
    ],
)
def test_other_things_do_not_fit(change: dict[str, object]) -> None:
    """The schema is narrow enough to find what is wrong."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(RECORD | change, schema.record_schema())
