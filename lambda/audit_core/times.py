"""Points in time, as agents write them and as records hold them: RFC 3339, UTC, `Z`.

Promise: what is already in that form comes back unchanged; nothing is rounded; a time without an offset is refused, not
guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Final

EARLIEST: Final = "2015"
"""No call is from before this year. An earlier time comes from a clock that was never set, or counts from its start."""
CLOCKS: Final = timedelta(days=1)
"""How far an agent's clock may run ahead."""
LONGEST_MS: Final = 366 * 24 * 3600 * 1000
"""No call takes longer. A longer duration compares the times of two different clocks."""
_TO_SECONDS: Final = len("2026-06-30T12:34:56")
_RFC_3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]{1,12})?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = r"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
# RFC 9110, section 5.6.7: the one that is sent today, and the two that every recipient must still read.
_HTTP_DATES = (
    re.compile(rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_CLOCK} GMT"),
    re.compile(
        rf"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_CLOCK} GMT"
    ),
    re.compile(rf"{_DAY} {_MONTH} (?P<day>[ 0-9][0-9]) {_CLOCK} (?P<year>[0-9]{{4}})"),
)
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_PIVOT = 70  # a two-digit year from here on is in the 20th century: fixed, as a record may not depend on today


def utc_timestamp(text: str) -> str | None:
    """`text` (RFC 3339 with any offset, or one of the three HTTP dates) as RFC 3339 in UTC; null when it is neither.

    Keeps the given precision and a leap second.
    """
    if match := _RFC_3339.fullmatch(text):
        return _from_rfc_3339(match)
    for form in _HTTP_DATES:
        if match := form.fullmatch(text):
            return _from_http_date(match)
    return None


def _from_rfc_3339(match: re.Match[str]) -> str | None:
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=UTC)
        if sign:
            offset = time(int(offset_hours), int(offset_minutes))
            shift = timedelta(hours=offset.hour, minutes=offset.minute)
            moment = moment + shift if sign == "-" else moment - shift
    except (ValueError, OverflowError):
        return None
    # A minute has 60 seconds, but for the leap seconds, which come at midnight UTC.
    if second > "60" or (second == "60" and (moment.hour, moment.minute) != (23, 59)):
        return None
    return f"{moment.isoformat()[:17]}{second}{fraction or ''}Z"


def _from_http_date(match: re.Match[str]) -> str | None:
    year = int(match["year"])
    if len(match["year"]) == 2:  # noqa: PLR2004 - a year of two digits
        year += 1900 if year >= _PIVOT else 2000
    month = _MONTHS.index(match["month"]) // 3 + 1
    return utc_timestamp(f"{year:04}-{month:02}-{int(match['day']):02}T{match['time']}Z")


def latest_of(received: str) -> str:
    """Return the latest possible time, in seconds, of an event that arrived at `received`."""
    return _a_day_after(received[:_TO_SECONDS]) if received else ""


@lru_cache(maxsize=4)
def _a_day_after(second: str) -> str:
    return (datetime.fromisoformat(second) + CLOCKS).isoformat()


def cannot_be_right(stamp: str, latest: str) -> bool:
    """Return whether a time (RFC 3339, UTC) is before `EARLIEST` or after `latest` (`latest_of`; empty: unknown)."""
    return stamp < EARLIEST or (latest != "" and stamp[:_TO_SECONDS] > latest)


def now_timestamp(now: datetime) -> str:
    """`now` with milliseconds."""
    return now.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
