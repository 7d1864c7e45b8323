"""Points in time as exporters write them, and the time between two.

Promise: never raises; what is no point in time gives null.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from audit_core.canonical import JsonValue
from audit_core.times import LONGEST_MS, utc_timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = 1_000_000
_MILLISECOND = timedelta(milliseconds=1)
_LEAP = ":60"
_DIGITS = len("2026-06-30T12:34:56.123456")


def from_seconds(seconds: JsonValue) -> str | None:
    """Seconds since 1970 as RFC 3339, with microseconds: a double of today has no more than those."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return None
    try:
        moment = _EPOCH + timedelta(microseconds=round(seconds * _MICROSECONDS))
    except OverflowError:
        return None
    return f"{moment.isoformat(timespec='microseconds')[:26]}Z"


def milliseconds_between(start: JsonValue, end: JsonValue) -> float | None:
    """From one RFC 3339 time to another; null when a time is invalid, or the two cannot be from one clock."""
    first, last = _moment(start), _moment(end)
    if first is None or last is None or last < first:
        return None
    elapsed = (last - first) / _MILLISECOND
    return round(elapsed, 3) if elapsed <= LONGEST_MS else None


def milliseconds_of(start: JsonValue, end: JsonValue) -> float | None:
    """From one time in seconds to another, as `milliseconds_between`."""
    numbers = [x for x in (start, end) if isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x)]
    if len(numbers) < 2 or not 0 <= (elapsed := (numbers[1] - numbers[0]) * 1000) <= LONGEST_MS:  # noqa: PLR2004
        return None
    return round(elapsed, 3)


def _moment(text: JsonValue) -> datetime | None:
    stamp = utc_timestamp(text) if isinstance(text, str) else None
    if stamp is None or _LEAP in stamp:
        return None
    return datetime.fromisoformat(stamp.rstrip("Z")[:_DIGITS]).replace(tzinfo=UTC)
