"""Timestamps: RFC 3339 and HTTP dates."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.times import now_timestamp, utc_timestamp


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-30T12:34:56Z", "2026-06-30T12:34:56Z"),
        ("2026-06-30T12:34:56.1Z", "2026-06-30T12:34:56.1Z"),
        ("2026-06-30T12:34:56.123456789Z", "2026-06-30T12:34:56.123456789Z"),
        ("2026-06-30t12:34:56z", "2026-06-30T12:34:56Z"),
        ("2026-06-30 12:34:56Z", "2026-06-30T12:34:56Z"),
        ("2026-06-30T12:34:56+02:00", "2026-06-30T10:34:56Z"),
        ("2026-06-30T23:34:56.500-05:30", "2026-07-01T05:04:56.500Z"),
        ("2026-06-30T12:34:56-00:00", "2026-06-30T12:34:56Z"),
        ("2024-02-29T00:00:00+14:00", "2024-02-28T10:00:00Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60Z"),
        ("2017-01-01T00:59:60+01:00", "2016-12-31T23:59:60Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"),
        ("Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37Z"),
        ("Friday, 01-Jan-69 00:00:00 GMT", "2069-01-01T00:00:00Z"),
        ("Sun Nov  6 08:49:37 1994", "1994-11-06T08:49:37Z"),
        ("Wed Nov 16 08:49:37 1994", "1994-11-16T08:49:37Z"),
    ],
)
def test_reads(text: str, expected: str) -> None:
    """Both standards, any offset, at the precision that was given."""
    assert utc_timestamp(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-06-30",
        "2026-06-30T12:34Z",
        "2026-06-30T12:34:56",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-06-30T24:00:00Z",
        "2026-06-30T12:60:00Z",
        "2026-06-30T12:34:61Z",
        "2026-06-30T12:34:60Z",
        "2026-06-30T12:34:56+24:00",
        "2026-06-30T12:34:56+02:60",
        "2026-06-30T12:34:56+0200",
        "2026-06-30T12:34:56,5Z",
        "2026-06-30T12:34:56.Z",
        "2026-06-30T12:34:56." + "1" * 13 + "Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-06-30T12:34:56Z\n",
        " 2026-06-30T12:34:56Z",
        "\u0662026-06-30T12:34:56Z",
        "1751286896",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "tomorrow",
    ],
)
def test_refuses(text: str) -> None:
    """What is neither, or no point in time, is not guessed."""
    assert utc_timestamp(text) is None


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_offsets_are_taken_off(moment: datetime, minutes: int) -> None:
    """The same moment comes out the same, whatever offset it was written with."""
    text = moment.astimezone(timezone(timedelta(minutes=minutes))).isoformat()
    assert utc_timestamp(text) == moment.isoformat().replace("+00:00", "Z")
    assert utc_timestamp(str(utc_timestamp(text))) == utc_timestamp(text)


@given(st.text(max_size=40))
def test_never_raises(text: str) -> None:
    """Any text is read or is null."""
    read = utc_timestamp(text)
    assert read is None or utc_timestamp(read) == read


def test_now() -> None:
    """The time of receipt has milliseconds and is UTC."""
    moment = datetime(2026, 6, 30, 14, 34, 56, 7999, tzinfo=timezone(timedelta(hours=2)))
    assert now_timestamp(moment) == "2026-06-30T12:34:56.007Z"
