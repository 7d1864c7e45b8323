"""A workflow is shown whole, in order, with what is missing; and nothing else is."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from cli.find import Printer, Shown
from cli.main import main
from cli.query import Query
from cli.reader import Finding, StoredRecord
from cli.timeline import Tied, Timeline

TRACE = "trace_1"
USED = {"input": 5, "output": 2}


def _record(number: int, second: float, **others: object) -> dict[str, Any]:
    return {
        "timestamp": f"2026-06-30T12:00:{second:06.3f}Z",
        "agent_id": "sales",
        "user_id": None,
        "outcome": "success",
        "source": "openai-traces",
        "record_id": f"r-{number}",
        "inferred": [],
        **others,
    }


def _span(number: int, second: float, parent: str | None, **others: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    labels = {"parent_span_id": parent, "span_type": "function", **others.pop("attributes", {})}
    fields = {"trace_id": TRACE, "correlation_id": TRACE, "span_id": f"s{number}", "duration_ms": 500}
    return _record(number, second, **fields | others, attributes=labels)


WORKFLOW = [
    _span(
        1, 0, None, outcome=None, attributes={"span_type": "task"}, duration_ms=4000, tokens={"input": 5, "output": 2}
    ),
    _span(2, 1, "s1", attributes={"tool_name": "look_up"}, user_id="u_77"),
    _span(3, 2, "s1", attributes={"span_type": "response"}, model="m-1", tokens=USED),
    _span(4, 3, "s3", attributes={"span_type": "guardrail", "guardrail": "pii"}, outcome="policy-blocked"),
]


def _text(*records: dict[str, Any], query: str = TRACE) -> list[str]:
    return [line.plain for line in Timeline(query, records).lines()]


def test_a_tree_in_the_order_of_time() -> None:
    """Each call under its parent, with when, how long, how it ended and for whom, whatever the order of the records."""
    heading, *lines = _text(*reversed(WORKFLOW))
    assert (
        heading
        == f"{TRACE}  4 calls in 4 records, 4.00 s, tokens 5 in, 2 out  1 policy-blocked  2 success  u_77  sales"
    )
    assert [line.split()[0] for line in lines] == ["+0.000", "+1.000", "+2.000", "+3.000"]
    labels = [line[30:].rstrip() for line in lines]
    indents = [len(label) - len(label.lstrip()) for label in labels]
    assert indents == [0, 2, 2, 4]
    assert "function look_up" in labels[1]
    assert labels[1].endswith("success  500 ms")
    assert "response m-1" in labels[2]
    assert labels[2].endswith("500 ms  tokens 5 in, 2 out")
    assert "guardrail pii" in labels[3]
    assert "policy-blocked" in labels[3]


def test_who_is_told_once_where_it_is_one() -> None:
    """And at each call where there are several."""
    other = _span(5, 3, "s1", user_id="u_78", agent_id="support")
    heading, *lines = _text(*WORKFLOW, other)
    assert "u_7" not in heading
    assert lines[1].endswith("u_77  sales")
    assert lines[-1].endswith("u_78  support")


def test_bars_lie_where_the_calls_do() -> None:
    """In proportion to the whole."""
    bars = [line[12:28] for line in _text(*WORKFLOW)[1:]]
    assert [(len(bar) - len(bar.lstrip()), len(bar.strip())) for bar in bars] == [(0, 16), (4, 2), (8, 2), (12, 2)]


def test_a_trace_lasts_as_long_as_what_is_in_it() -> None:
    """Its own record has the time of its receipt, which says nothing."""
    said = {"event_name": "trace", "id": TRACE, "workflow_name": "support"}
    trace = _record(9, 59, trace_id=TRACE, inferred=["timestamp"], attributes=said, outcome=None)
    lines = _text(trace, *WORKFLOW)
    assert lines[1].startswith("    +0.000  ")
    assert "trace support" in lines[1]
    assert len(lines[1][12:28].strip()) == 16
    assert "4.00 s" in lines[0]


def test_what_is_missing_stands_beneath() -> None:
    """Parents, numbers, contradictions, and what was told again."""
    lost = _span(5, 3.5, "gone")
    again = {**WORKFLOW[1], "record_id": "r-again", "status": 500}
    conflicting = {**WORKFLOW[2], "record_id": "r-other", "model": "m-2"}
    events = [
        _record(number, number, source="otlp-logs", session_id="s", attributes={"event_sequence": number})
        for number in (11, 15)
    ]
    found = _text(*WORKFLOW, lost, again, conflicting, *events)
    beneath = found[1 + 7 :]
    assert "reported in two ways: model of r-3: m-1 or m-2" in beneath
    assert "reported again: 2 records: r-again, r-other" in beneath
    assert "not seen: events 0 to 10 of session s" in beneath
    assert "not seen: events 12 to 14 of session s" in beneath
    assert "not seen: span gone, parent of 1 calls" in beneath


def test_nothing_a_record_holds_steers_the_terminal() -> None:
    """Escapes and turned text are written out; a record stays one line; hostile shapes are shown as something."""
    evil = "\x1b[2J\u202e\n"
    hostile = [
        _span(1, 0, evil, attributes={"span_type": evil, "tool_name": evil}, user_id=evil, outcome=evil, agent_id=evil),
        _span(2, 1, None, attributes={"from_agent": 1, "to_agent": []}, timestamp=[], duration_ms="x", tokens=[evil]),
        {"correlation_id": TRACE, "timestamp": evil, "stream": {"phase": "start"}, "attributes": 5, "inferred": 7},
        {"correlation_id": TRACE, "timestamp": "9999-12-31T23:59:60Z", "duration_ms": 10**400, "status": [1]},
        {
            "correlation_id": TRACE,
            "timestamp": "2026-06-30T12:00:00Z",
            "duration_ms": float("inf"),
            "tokens": {"input": [1]},
        },
    ]
    lines = _text(*hostile)
    assert len(lines) == 1 + len(hostile) + 1
    assert not any(char in line for line in lines for char in "\x1b\u202e\n")
    assert any("no end seen" in line for line in lines)


def test_a_deep_tree_is_walked() -> None:
    """However deep: a thousand agents within each other."""
    lines = _text(*(_span(n, n % 60, f"s{n - 1}" if n else None) for n in range(3000)))
    assert len(lines) == 3001


def test_a_session_holds_traces_and_a_trace_no_session() -> None:
    """What is tied is found from the wider to the narrower, and by what parts of a call have in common."""
    first = _span(1, 0, None, session_id="s", provider_request_id="req-1")
    body = _record(2, 0, provider_request_id="req-1")
    other = {**_span(3, 5, None, session_id="s"), "trace_id": "trace_2", "correlation_id": "trace_2"}
    unnamed = {**_span(4, 6, None), "trace_id": "trace_2", "correlation_id": None}
    strange = _record(5, 0, provider_request_id="req-2")
    records: list[dict[str, Any]] = [first, body, other, unnamed, strange]

    def tied(query: str) -> list[str]:
        found = Tied(query)
        for record in records:
            found.look(record)
        return [record["record_id"] for record in records if found.holds(record)]

    assert tied("s") == ["r-1", "r-2", "r-3", "r-4"]
    assert tied(TRACE) == ["r-1", "r-2"]
    assert tied("nobody's") == []


def _stored(record: dict[str, Any]) -> StoredRecord:
    return StoredRecord(record=record, line=b"", key="k", version_id="v", index=0)


FINDING = Finding(kind="delete-marker", key="k", version_id="v", detail="d")


def _shown(
    capsys: pytest.CaptureFixture[str], query: str, records: Iterable[dict[str, Any]], *, always: bool = False,
    as_json: bool = False,
) -> tuple[str, str, Shown]:  # fmt: skip
    shown = Shown(limit=None)

    def read() -> Iterator[StoredRecord | Finding]:
        yield FINDING
        yield from map(_stored, records)

    Printer(as_json=as_json, shown=shown).workflow(read, Query(text=query), always=always)
    out, err = capsys.readouterr()
    return out, err, shown


def test_the_id_of_a_workflow_shows_its_timeline(capsys: pytest.CaptureFixture[str]) -> None:
    """With what is tied to it, also what was stored before; findings are told once."""
    part = _record(7, 3, source="native", provider_request_id="req-1", correlation_id=None)
    last = _span(8, 3, "s1", provider_request_id="req-1")
    out, err, shown = _shown(capsys, TRACE, [part, *WORKFLOW, last])
    assert out.startswith(f"{TRACE}  5 calls in 6 records")
    assert err.count("tampering") == 1
    assert (shown.records, shown.findings) == (6, 1)


@pytest.mark.parametrize("query", ["look_up", "u_77", "trace"])
def test_any_other_text_shows_records(capsys: pytest.CaptureFixture[str], query: str) -> None:
    """As it is read, a line each."""
    out, _, shown = _shown(capsys, query, WORKFLOW)
    assert len(out.splitlines()) == shown.records > 0
    assert "calls in" not in out


def test_one_record_is_no_workflow(capsys: pytest.CaptureFixture[str]) -> None:
    """It is shown as ever, unless a timeline is asked for."""
    assert "calls in" not in _shown(capsys, TRACE, WORKFLOW[:1])[0]
    assert "1 calls in 1 records" in _shown(capsys, TRACE, WORKFLOW[:1], always=True)[0]


def test_a_timeline_is_of_an_id_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """A record that merely holds it is none of its."""
    noise = _record(9, 0, correlation_id=f"{TRACE}0")
    out, _, shown = _shown(capsys, TRACE, [noise, *WORKFLOW], always=True)
    assert "4 calls in 4 records" in out
    assert shown.records == 4
    assert _shown(capsys, "look_up", WORKFLOW, always=True)[2].records == 0


def test_json_gives_the_calls(capsys: pytest.CaptureFixture[str]) -> None:
    """Joined, each with its records, and what is wrong with them."""
    again = {**WORKFLOW[1], "record_id": "r-again"}
    told = json.loads(_shown(capsys, TRACE, [*WORKFLOW, again], always=True, as_json=True)[0])
    assert [call["record_ids"] for call in told["calls"]] == [[f"r-{n}"] for n in (1, 2, 3, 4)]
    assert [call["parent"] for call in told["calls"]] == [None, 0, 0, 2]
    assert told["duplicates"] == ["r-again"]
    assert (told["records"], told["gaps"], told["missing_parents"], told["circles"]) == (5, [], [], [])


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["x", "--lines"],
        ["x", "--tail"],
        ["x", "--limit", "1"],
        ["x", "--outcome", "error"],
        ["x", "--status", "4xx"],
    ],
)
def test_a_timeline_is_whole(options: list[str]) -> None:
    """What would leave out some of a workflow is wrong usage."""
    done = CliRunner().invoke(main, ["find", "--timeline", *options])
    assert done.exit_code == 2
    assert "--timeline" in done.output
