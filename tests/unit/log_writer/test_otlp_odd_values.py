"""Any value under any name that means something: an exporter drops what is refused, and repeats what fails for ever."""

import pytest

from log_writer.intake.claude import SCOPE
from log_writer.intake.claude_names import CLAUDE_RULES
from log_writer.intake.genai_names import RULES
from log_writer.service import Writer
from tests.unit.log_writer.harness import MemoryStore
from tests.unit.log_writer.otlp import LOGS, SPANS, export, log, span

ODD: list[object] = [
    True, False, -1, 0, 2**60, 2**63 - 1, -(2**63), 1.5, -0.5, float("nan"), float("inf"), 1e300, "", "true", "429",
    "9" * 20, "-5", " x ", "a\u202eb", "\u00e9" * 300, "x" * 9000, "\x00", [], ["a", 1, None], [[1]], {}, {"a": 1},
    b"\xff", None, "https://", "http://[::1", "://", "\uff10",
]  # fmt: skip

_AT_ONCE = 8


@pytest.mark.parametrize("path", [LOGS, SPANS])
@pytest.mark.parametrize(("scope", "names"), [("", RULES), (f"{SCOPE}events", CLAUDE_RULES)], ids=["genai", "claude"])
def test_no_odd_value_refuses_a_record(
    writer: Writer, store: MemoryStore, path: str, scope: str, names: dict[str, object]
) -> None:
    """Each value under each name, those of a few names at once: all are taken, every record is as its schema says."""
    listed = [*names]
    for first in range(0, len(listed), _AT_ONCE):
        some = listed[first : first + _AT_ONCE]
        sent = [{name: ODD[(number + turn) % len(ODD)] for number, name in enumerate(some)} for turn in range(len(ODD))]
        if path == LOGS:
            items = [log({"event.name": "api_request", **values}) for values in sent]
        else:
            items = [span(values, span_id=f"{number:016x}") for number, values in enumerate(sent, 1)]
        response = export(writer, path, *items, scope=scope)
        assert (response.status, response.body) == (200, b"{}"), some
    assert len(store.records) == -(-len(listed) // _AT_ONCE) * len(ODD)
