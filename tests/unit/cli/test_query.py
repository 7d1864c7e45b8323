"""Which records are shown for what a person asks."""

from datetime import UTC, datetime, timedelta

import pytest

from cli.query import Query, fold, parse_span, parse_status, parse_time

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
RECORD = {
    "timestamp": "2026-06-30T12:34:56Z",
    "agent_id": "sales\u2011assistant-v1",
    "agent_name": None,
    "user_id": "u_12345",
    "endpoint": "api.stripe.com/v1/charges",
    "status": 200,
    "outcome": "success",
    "correlation_id": "c9f8e7",
    "attributes": {"tags": ["Nightly-Run"]},
}


@pytest.mark.parametrize("typed", ["sales-assistant-v1", "sales\u2010assistant\u2011v1", "Sales-Assistant-V1"])
def test_an_agent_is_found_with_whatever_hyphen_was_typed(typed: str) -> None:
    """The guide spells its agent with a hyphen that no keyboard has."""
    assert Query(agent=typed).matches(RECORD)
    assert not Query(agent=f"{typed}x").matches(RECORD)


@pytest.mark.parametrize(
    ("query", "is_match"),
    [
        (Query(), True),
        (Query(text="STRIPE"), True),
        (Query(text="nightly\u2011run"), True),
        (Query(text="200"), True),
        (Query(text="status"), False),
        (Query(outcomes=("error", "success")), True),
        (Query(outcomes=("error",)), False),
        (Query(statuses=(parse_status("!200"),)), False),
        (Query(statuses=(parse_status("404"), parse_status("2xx"))), True),
        (Query(since=datetime(2026, 6, 30, 12, 34, 56, tzinfo=UTC)), True),
        (Query(until=datetime(2026, 6, 30, 12, 34, 56, tzinfo=UTC)), False),
        (Query(since=datetime(2026, 6, 30, 13, tzinfo=UTC)), False),
    ],
)
def test_each_condition_narrows(query: Query, *, is_match: bool) -> None:
    """All conditions must hold; alternatives of one kind are alternatives; since is included, until is not."""
    assert query.matches(RECORD) is is_match


@pytest.mark.parametrize("stamp", [None, "yesterday", 5, "2026-06-30T12:34:56"])
def test_a_record_without_a_readable_time_is_outside_every_period(stamp: object) -> None:
    """What has no time is shown when no time is asked for, and only then."""
    record = {**RECORD, "timestamp": stamp}
    assert Query().matches(record)
    assert not Query(since=datetime(2000, 1, 1, tzinfo=UTC)).matches(record)


RECEIVED = datetime(2026, 6, 30, 12, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stamp", "is_found"),
    [
        ("1970-01-01T12:21:51.913730532Z", True),
        ("2014-12-31T23:59:59Z", True),
        ("2026-07-02T12:40:01Z", True),
        ("9999-12-31T23:59:59Z", True),
        ("yesterday", True),
        (None, True),
        ("2026-06-30T12:34:56", True),
        ("2026-06-29T12:34:56Z", False),
        ("2026-07-01T12:34:56Z", False),
    ],
)
def test_a_time_that_cannot_be_right_hides_no_record(stamp: object, *, is_found: bool) -> None:
    """Such a record is only in the period in which it was received, whatever its timestamp."""
    query = Query(since=RECEIVED - timedelta(hours=1), until=RECEIVED + timedelta(hours=1))
    assert query.matches({**RECORD, "timestamp": stamp}, RECEIVED) is is_found
    later = Query(since=RECEIVED + timedelta(days=2))
    assert not later.matches({**RECORD, "timestamp": stamp}, RECEIVED)


def test_a_leap_second_is_in_its_period() -> None:
    """It counts as the second before."""
    record = {**RECORD, "timestamp": "2026-06-30T23:59:60Z"}
    assert Query(since=datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC)).matches(record, RECEIVED)


def test_a_record_nested_without_end_is_searched() -> None:
    """Depth is somebody else's choice."""
    value: object = "needle"
    for _ in range(50_000):
        value = [value]
    assert Query(text="needle").matches({"attributes": value})


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-06-30", datetime(2026, 6, 30, tzinfo=UTC)),
        ("2026-06-30T12:34:56Z", datetime(2026, 6, 30, 12, 34, 56, tzinfo=UTC)),
        ("2026-06-30T14:34:56+02:00", datetime(2026, 6, 30, 12, 34, 56, tzinfo=UTC)),
        ("24h", NOW - timedelta(hours=24)),
        ("7d", NOW - timedelta(days=7)),
    ],
)
def test_times_are_read(text: str, when: datetime) -> None:
    """A date is its start in UTC, a span is that long ago."""
    assert parse_time(text, now=NOW) == when


@pytest.mark.parametrize("text", ["", "tomorrow", "24", "1y", "-3h", "2026-13-01", "99999999d"])
def test_other_times_are_refused(text: str) -> None:
    """The message says what is accepted."""
    with pytest.raises(ValueError, match="2026-06-30"):
        parse_time(text, now=NOW)


@pytest.mark.parametrize("text", ["", "24", "h", "1.5h", "24h "])
def test_other_spans_are_refused(text: str) -> None:
    """The message says what is accepted."""
    with pytest.raises(ValueError, match="24h"):
        parse_span(text)


@pytest.mark.parametrize(
    ("text", "fitting"),
    [
        ("404", {404}),
        ("4xx", {404, 429}),
        ("!200", {404, 429, 500}),
        ("!=2xx", {404, 429, 500}),
        (">= 429", {429, 500}),
    ],
)
def test_statuses_are_read(text: str, fitting: set[int]) -> None:
    """A number, a class, or a relation to either."""
    fits = parse_status(text)
    assert {status for status in (200, 404, 429, 500) if fits(status)} == fitting


@pytest.mark.parametrize("text", ["", "ok", "20", "2000", "0xx", "=>200"])
def test_other_statuses_are_refused(text: str) -> None:
    """The message says what is accepted."""
    with pytest.raises(ValueError, match=">=400"):
        parse_status(text)


def test_folding_keeps_different_names_apart() -> None:
    """Only hyphens and letter case are one."""
    assert fold("a_b") != fold("a-b")
