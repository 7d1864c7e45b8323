"""Records become calls: whatever their order, however often each is there, whatever they hold."""

import json
import random
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.joining import Call, Gap, Joined, MissingParent, join

_numbers = count()


def _record(second: float = 0, *, inferred: tuple[str, ...] = (), **others: object) -> dict[str, Any]:
    """A record `second` seconds after noon. Names that are no fields of it are its attributes."""
    fields = {
        "agent_id", "timestamp", "status", "outcome", "correlation_id", "session_id", "trace_id", "span_id",
        "provider_request_id", "stream", "tokens", "model", "source", "record_id", "request_hash", "response_hash",
        "duration_ms", "redactions",
    }  # fmt: skip
    record = {
        "timestamp": f"2026-06-30T12:00:{second:09.6f}Z",
        "agent_id": "a",
        "status": None,
        "source": "native",
        "inferred": list(inferred),
        "record_id": f"r-{next(_numbers):06}",
    }
    record |= {name: value for name, value in others.items() if name in fields}
    attributes = {name: value for name, value in others.items() if name not in fields}
    return record | ({"attributes": attributes} if attributes else {})


def _log(second: float, name: str, **others: Any) -> dict[str, Any]:  # noqa: ANN401 - of any field
    return _record(second, source="otlp-logs", event_name=name, session_id="s", **others)


def _span(second: float, span: str, parent: str | None = None, **others: Any) -> dict[str, Any]:  # noqa: ANN401 - of any field
    return _record(second, source="otlp-traces", trace_id="t", span_id=span, parent_span_id=parent, **others)


def _ids(joined: Joined) -> list[tuple[str, ...]]:
    return [call.record_ids for call in joined.calls]


def _only(joined: Joined) -> Call:
    (call,) = joined.calls
    return call


def test_a_call_is_its_request_its_bodies_and_its_span() -> None:
    """Tied by the request's id, the body's id and the span; each part says what the others do not know."""
    body = _log(1, "api_request_body", request_body_id="b", provider_request_id="req-1", request_hash="sha256:00")
    answer = _log(3, "api_response_body", request_body_id="b", response_hash="sha256:11")
    call = _log(2, "api_request", provider_request_id="req-1", model="m", tokens={"input": 3})
    span = _span(1, "x", provider_request_id="req-1", outcome="success", duration_ms=5)
    made = _only(join([answer, call, body, span]))
    assert made.record_ids == tuple(record["record_id"] for record in (body, span, call, answer))
    assert made.fields["request_hash"] == "sha256:00"
    assert made.fields["response_hash"] == "sha256:11"
    assert (made.fields["model"], made.fields["outcome"], made.fields["duration_ms"]) == ("m", "success", 5)
    assert made.fields["timestamp"] == body["timestamp"]
    assert made.fields["sources"] == ["otlp-logs", "otlp-traces"]
    assert made.fields["attributes"]["event_name"] == "api_request"  # pyrefly: ignore[bad-index] - an object
    assert not made.conflicts


@pytest.mark.parametrize("counts", [(0, 3602), (3602, 0), (None, 3602), (3602, None)])
def test_a_zero_erases_no_count(counts: tuple[int | None, int | None]) -> None:
    """The order of a call's records does not matter. Where both counts were sent, the conflict lists both."""
    records = [
        _log(second, name, provider_request_id="req-1", tokens={"input": number})
        for second, (name, number) in enumerate(zip(("api_request", "api_error"), counts, strict=True))
    ]
    made = _only(join(records))
    assert made.fields["tokens"] == {"input": 3602}
    assert made.conflicts == ({} if None in counts else {"tokens.input": (3602, 0)})


def test_both_ends_of_a_stream_are_one_call() -> None:
    """The end says what became of it."""
    start = _record(1, stream={"id": "x", "phase": "start"}, status=200)
    end = _record(2, stream={"id": "x", "phase": "end", "chunks": 4, "complete": False})
    for records in ([start, end], [end, start]):
        made = _only(join(records))
        assert made.fields["stream"] == {"id": "x", "phase": "end", "chunks": 4, "complete": False}
        assert made.fields["status"] == 200


def test_a_tool_call_is_not_the_model_call_that_asked_for_it() -> None:
    """It is its child, also where both name the same request."""
    request = _log(1, "api_request", provider_request_id="req-1")
    decision = _log(2, "tool_decision", provider_request_id="req-1", tool_call_id="toolu_1", decision="accept")
    result = _log(3, "tool_result", tool_call_id="toolu_1", outcome="success")
    joined = join([request, decision, result])
    assert _ids(joined) == [(request["record_id"],), (decision["record_id"], result["record_id"])]
    assert joined.calls[1].parent == 0


def test_an_id_that_is_used_again_is_another_call() -> None:
    """A call has one record of each kind: servers that count, and agents that retry, give an id twice."""
    pairs = [
        (_record(second, provider_request_id="1"), _span(second + 0.5, f"x{second}", provider_request_id="1"))
        for second in (1, 3)
    ]
    assert _ids(join([record for pair in reversed(pairs) for record in pair])) == [
        tuple(record["record_id"] for record in pair) for pair in pairs
    ]


def test_calls_in_one_span_stay_apart() -> None:
    """A log record names the span that it was written in, which is not what it tells of."""
    around = _span(1, "x")
    calls = [_log(second, "api_request", trace_id="t", span_id="x", event_sequence=second) for second in (2, 3)]
    joined = join([*calls, around])
    assert [call.parent for call in joined.calls] == [None, 0, 0]
    event = _record(4, source="otlp-logs", event_name="gen_ai.choice", trace_id="t", span_id="x", response_hash="d")
    assert join([around, event]).calls[0].fields["response_hash"] == "d"


def test_a_span_within_one_of_the_same_id_is_its_child() -> None:
    """An HTTP client's span has the request id of the model's span around it."""
    outer = _span(1, "x", tool_call_id="toolu_1", span_type="tool")
    inner = _span(2, "y", "x", tool_call_id="toolu_1", span_type="tool.execution")
    joined = join([inner, outer])
    assert _ids(joined) == [(outer["record_id"],), (inner["record_id"],)]
    assert joined.calls[1].parent == 0


def test_no_agent_gets_into_anothers_calls() -> None:
    """Whatever ids it uses."""
    mine = _record(1, provider_request_id="req-1", id="e", stream={"id": "x"}, session_id="s", event_sequence=1)
    for source in ("native", "litellm"):
        theirs = {**mine, "agent_id": "b", "record_id": "r-theirs", "source": source}
        joined = join([mine, theirs])
        assert len(joined.calls) == 2
        assert not joined.duplicate_ids


def test_a_second_export_of_a_span_or_an_event_is_told() -> None:
    """And what only it knows is kept."""
    span = _span(1, "x", model="m")
    again = {**span, "record_id": "r-again", "status": 200, "model": None}
    event = _log(2, "api_request", event_sequence=4)
    same = {**event, "record_id": "r-same"}
    joined = join([again, same, span, event])
    assert sorted(joined.duplicate_ids) == ["r-again", "r-same"]
    assert _ids(joined) == [(span["record_id"],), (event["record_id"],)]
    assert (joined.calls[0].fields["status"], joined.calls[0].fields["model"]) == (200, "m")
    sent = _record(5, id="e-1")
    assert join([sent, {**sent, "record_id": "r-sent"}]).duplicate_ids == ("r-sent",)


def test_attempts_with_one_id_are_not_the_same_event() -> None:
    """Nor are the first events of a session and of its resumption."""
    assert not join([_record(1, id="e"), _record(2, id="e")]).duplicate_ids
    assert not join([_log(1, "start", event_sequence=0), _log(2, "start", event_sequence=0)]).duplicate_ids


def test_what_contradicts_is_named() -> None:
    """Both values; the one that was observed comes before one that was inferred, and a failure before a success."""
    one = _record(1, provider_request_id="req-1", status=200, outcome="success", model="m", temperature=1)
    other = _span(1, "x", provider_request_id="req-1", status=500, outcome="error", model="m", temperature=0.5)
    made = _only(join([one, other]))
    assert made.conflicts == {
        "status": (200, 500),
        "outcome": ("error", "success"),
        "attributes.temperature": (1, 0.5),
    }
    assert made.fields["outcome"] == "error"
    guess = _span(0, "x", provider_request_id="req-1", status=429, inferred=("status",))
    made = _only(join([one, guess]))
    assert (made.fields["status"], made.conflicts) == (200, {})
    assert "status" not in made.fields["inferred"]  # pyrefly: ignore[not-iterable] - a list


def test_a_known_value_is_never_replaced_by_null() -> None:
    """Whichever record comes first."""
    one = _record(1, provider_request_id="req-1", status=200, tokens={"input": 3, "output": None})
    other = _span(2, "x", provider_request_id="req-1", tokens={"output": 4, "input": None})
    made = _only(join([one, other]))
    assert (made.fields["status"], made.fields["tokens"]) == (200, {"input": 3, "output": 4})


def test_parents_and_missing_parents() -> None:
    """A parent that nobody saw is named once, with its children."""
    root, child, lost, other = _span(1, "x"), _span(2, "y", "x"), _span(3, "z", "gone"), _span(4, "w", "gone")
    joined = join([other, lost, child, root])
    assert [call.parent for call in joined.calls] == [None, 0, None, None]
    assert joined.missing_parents == (MissingParent(trace_id="t", span_id="gone", calls=(2, 3)),)


def test_events_within_a_span_contradict_it_in_nothing() -> None:
    """Logs and spans of one call name the span that each was in, and take the workflow's id from different places."""
    shared = {"trace_id": "t", "provider_request_id": "req-1", "inferred": ("correlation_id",)}
    span = _span(1, "x", "w", correlation_id="t", provider_request_id="req-1", inferred=("correlation_id",), scope="a")
    event = _log(1, "claude_code.api_request", span_id="w", correlation_id="p", scope="b", **shared)
    made = _only(join([span, event]))
    assert (made.fields["span_id"], made.conflicts) == ("x", {})


def test_an_excerpt_contradicts_no_body() -> None:
    """The text of an answer has a digest of its own, which is the call's only where its body is not known."""
    shared = {"provider_request_id": "req-1"}
    text = _log(1, "claude_code.assistant_response", response_hash="sha256:11", **shared)
    body = _log(2, "claude_code.api_response_body", response_hash="sha256:22", **shared)
    made = _only(join([text, body]))
    assert (made.fields["response_hash"], made.conflicts) == ("sha256:22", {})
    assert _only(join([text])).fields["response_hash"] == "sha256:11"
    span = _span(1, "x", request_hash="sha256:33")
    message = _log(1, "gen_ai.user.message", trace_id="t", span_id="x", request_hash="sha256:44")
    made = _only(join([message, span]))
    assert (made.fields["request_hash"], made.conflicts) == ("sha256:33", {})


def test_the_messages_of_a_conversation_do_not_contradict_each_other() -> None:
    """Of several messages none is the request; where the details of the call are told as well, those are."""
    shared = {"trace_id": "t", "span_id": "x"}
    asked = [_log(at, "gen_ai.user.message", request_hash=f"sha256:4{at}", place=at, **shared) for at in (1, 2)]
    said = _log(3, "gen_ai.choice", response_hash="sha256:55", **shared)
    made = _only(join([*asked, said, _span(1, "x")]))
    assert (made.fields["request_hash"], made.fields["response_hash"]) == (None, "sha256:55")
    assert (made.conflicts, len(made.record_ids)) == ({}, 4)
    assert made.fields["attributes"]["place"] == 1  # pyrefly: ignore[bad-index] - an object
    details = _log(4, "gen_ai.client.inference.operation.details", request_hash="sha256:66", **shared)
    made = _only(join([*asked, details, _span(1, "x")]))
    assert (made.fields["request_hash"], made.conflicts) == ("sha256:66", {})


def test_an_event_of_a_span_that_was_exported_again() -> None:
    """Without an id or a number: the same, said of the same moment. At another moment it is another event."""
    event = _log(1, "gen_ai.user.message", trace_id="t", span_id="x", request_hash="sha256:44")
    again = event | {"record_id": "z-again", "masking": "newer"}
    later = event | {"record_id": "later", "timestamp": "2026-01-01T00:00:09Z"}
    joined = join([event, again, later, event | {"record_id": "received", "inferred": ["timestamp"]}])
    assert joined.duplicate_ids == ("z-again",)
    assert len(_only(joined).record_ids) == 3


def test_what_names_no_parent_belongs_to_its_prompt_or_its_trace() -> None:
    """As far as those have a record."""
    prompt = _log(1, "user_prompt", prompt_id="p")
    assert join([prompt, _log(2, "api_request", prompt_id="p")]).calls[1].parent == 0
    prompt = _log(1, "claude_code.user_prompt", prompt_id="p")
    assert join([prompt, _log(2, "claude_code.api_request", prompt_id="p")]).calls[1].parent == 0
    trace = _record(9, source="openai-traces", trace_id="t", event_name="trace", id="t")
    span = _record(1, source="openai-traces", trace_id="t", span_id="x", event_name="trace.span")
    joined = join([trace, span])
    assert [call.parent for call in joined.calls] == [1, None]
    assert [call.is_trace for call in joined.calls] == [False, True]


def test_circles_are_cut_and_named() -> None:
    """Records may say that they are within each other, or within themselves."""
    records = [_span(1, "a", "c"), _span(2, "b", "a"), _span(3, "c", "b"), _span(4, "d", "d"), _span(5, "e", "b")]
    joined = join(records)
    assert [call.parent for call in joined.calls] == [None, 0, 1, None, 1]
    assert joined.circles == (0,)


def test_gaps() -> None:
    """Within what was seen of a session, and before it; a session that is resumed counts from the beginning."""
    numbers = [2, 3, 7, 0, 1, 3]
    joined = join(_log(second, "e", event_sequence=number) for second, number in enumerate(numbers))
    assert joined.gaps == (
        Gap(agent_id="a", session_id="s", after=3, before=7),
        Gap(agent_id="a", session_id="s", after=None, before=3),
    )
    assert [gap.count for gap in joined.gaps] == [3, 3]


def test_a_gap_of_a_trillion_is_a_pair_of_numbers() -> None:
    """And what is no number of an event is none."""
    numbers = [0, 10**12, True, -1, 10**40, "5", 2.5, None, [1]]
    records = [_log(second, "e", event_sequence=number) for second, number in enumerate(numbers)]
    started = time.monotonic()
    (gap,) = join(records).gaps
    assert time.monotonic() - started < 1
    assert gap.count == 10**12 - 1


def test_many_records_of_one_id_take_no_square_of_time() -> None:
    """Twice as many records take about twice as long, whatever they have in common."""

    def seconds(size: int) -> float:
        records = [
            _record(number % 60, provider_request_id="1", stream={"id": "1"}, status=number, id="1", trace_id="t",
                    span_id=str(number), parent_span_id=str(number + 1),
                    redactions=[{"path": str(number), "rule": "x"}])
            for number in range(size)
        ]  # fmt: skip
        started = time.process_time()
        join(records)
        return time.process_time() - started

    seconds(500)
    assert min(seconds(8000), seconds(8000)) < 8 * max(seconds(2000), 0.05)  # the square would be 16


def _deep(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return value


def test_deep_values_are_compared_or_left_alone() -> None:
    """No recursion gets out."""
    records = [_record(1, provider_request_id="req-1", status=_deep(5000)), _span(1, "x", status=_deep(5000))]
    records[1]["provider_request_id"] = "req-1"
    assert len(_only(join(records)).record_ids) == 2
    same = {"timestamp": "x", "deep": _deep(5000)}
    assert len(join([same, {**same}, {"timestamp": "x"}]).calls) == 3


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.just(10**30) | st.floats(allow_nan=False)
    | st.sampled_from(["", "a", "t", "x", "y", "success", "error", "2026-06-30T12:00:00Z", "2026-06-30T12:00:00.5Z"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["id", "phase", "input", "path", "rule", "x"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
LABELS = st.sampled_from([
    "id", "event_name", "event_sequence", "parent_span_id", "request_id", "request_body_id", "tool_call_id",
    "prompt_id", "span_type", "temperature",
])  # fmt: skip
FIELDS = st.sampled_from([
    "timestamp", "agent_id", "status", "outcome", "session_id", "trace_id", "span_id", "provider_request_id", "stream",
    "tokens", "inferred", "redactions", "record_id", "correlation_id", "duration_ms",
])  # fmt: skip
SOURCES = st.sampled_from(["native", "otlp-logs", "otlp-traces", "openai-traces", "litellm"])
RECORDS = st.lists(
    st.dictionaries(FIELDS, VALUES, max_size=8).flatmap(
        lambda fields: st.tuples(SOURCES | VALUES, st.dictionaries(LABELS, VALUES, max_size=5) | VALUES).map(
            lambda both: {**fields, "source": both[0], "attributes": both[1]}
        )
    )
    | VALUES,
    max_size=8,
)


def _shown(joined: Joined) -> str:
    return json.dumps([[call.as_json() for call in joined.calls], repr(joined)], sort_keys=True)


@given(records=RECORDS, seed=st.integers(0, 99))
def test_neither_order_nor_repetition_matters(records: list[object], seed: int) -> None:
    """Whatever the records are: the same calls, and each record id in them."""
    joined = join(records)
    mixed = records * 2
    random.Random(seed).shuffle(mixed)  # noqa: S311 - no secret
    assert _shown(join(mixed)) == _shown(joined)
    ids = {record["record_id"] for record in records if isinstance(record, dict) and _is_text(record.get("record_id"))}
    told = [identity for call in joined.calls for identity in (*call.record_ids, *call.duplicate_ids)]
    assert set(told) == ids


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


@given(links=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_every_call_is_reached_from_one_without_a_parent(links: list[tuple[int, int]]) -> None:
    """Whatever the parents say, what is left of them is a forest."""
    joined = join(_span(second, f"s{span}", f"s{parent}") for second, (span, parent) in enumerate(links))
    assert all(len(set(_ancestors(joined, place))) < len(joined.calls) for place in range(len(joined.calls)))


def _ancestors(joined: Joined, place: int) -> Iterator[int]:
    parent = joined.calls[place].parent
    seen = 0
    while parent is not None:
        seen += 1
        assert seen <= len(joined.calls)
        yield parent
        parent = joined.calls[parent].parent
