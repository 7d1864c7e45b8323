"""Which records a person asks for: times, agents, outcomes, statuses and free text. Pure; nothing is read here."""

import contextlib
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from cli.console import printable

_HYPHENS: Final = str.maketrans("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-------")
_SPAN: Final = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>[smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_STATUS: Final = re.compile(r"(?P<relation>!=|!|>=|<=|>|<|=)?(?P<number>[1-9][0-9]{2}|[1-9]xx)", re.IGNORECASE)
_RELATIONS: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "=": operator.eq,
    "!": operator.ne,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_CLASS: Final = 100
_LEAP: Final = ":60"


def fold(text: str) -> str:
    """Return `text` for comparing names: every Unicode hyphen as `-`, and letter case folded."""
    return text.translate(_HYPHENS).casefold()


def parse_span(text: str) -> timedelta:
    """Return the length of time that `30s`, `90m`, `24h`, `7d` or `2w` names; raises ValueError."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError("must be a number and s, m, h, d or w, like 24h")
    return timedelta(**{_UNITS[match["unit"]]: int(match["count"])})


def parse_time(text: str, *, now: datetime) -> datetime:
    """Return the time that `text` names: RFC 3339, a date (its start in UTC), or how long ago (`90m`, `7d`).

    Raises ValueError, saying what is accepted.
    """
    with contextlib.suppress(ValueError):
        return now - parse_span(text)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        rule = "must be a time like 2026-06-30T12:34:56Z, a date like 2026-06-30, or an age like 90m, 24h, 7d"
        raise ValueError(rule) from None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def option_time(option: str, text: str, *, now: datetime) -> datetime:
    """Return the time that an option of a command names; raise click.UsageError."""
    try:
        return parse_time(text, now=now)
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"{option}: {error}, got {printable(text)!r}") from None


def parse_status(text: str) -> Callable[[int], bool]:
    """Return whether a status fits `404`, `4xx`, `!200` (`!=200`), `>=400` and the like; raises ValueError."""
    match = _STATUS.fullmatch(text.replace(" ", ""))
    if match is None:
        raise ValueError("must be a status like 404, 4xx, !200 or >=400")
    number, relation = match["number"].lower(), _RELATIONS[match["relation"] or "="]
    if number.endswith("xx"):
        wanted = int(number[0])
        return lambda status: relation(status // _CLASS, wanted)
    exact = int(number)
    return lambda status: relation(status, exact)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a record must be to be shown; an empty query shows every one.

    `text` must stand in some value of the record, `agent` be its agent_id or agent_name (both without regard to case
    and to which hyphen was typed); `since` is included, `until` is not; `outcomes` and `statuses` each give
    alternatives. A record whose time cannot be right counts by its time of receipt.
    """

    text: str = ""
    agent: str = ""
    since: datetime | None = None
    until: datetime | None = None
    outcomes: tuple[str, ...] = ()
    statuses: tuple[Callable[[int], bool], ...] = ()

    def matches(self, record: Mapping[str, object], received: datetime | None = None) -> bool:
        """Return whether `record` matches; `received` is when it was received."""
        return (
            self._is_in_time(record, received)
            and self.is_of_agent(record)
            and (not self.outcomes or record.get("outcome") in self.outcomes)
            and (not self.statuses or self._has_status(record.get("status")))
            and (not self.text or any(fold(self.text) in fold(text) for text in _texts(record)))
        )

    def is_of_agent(self, record: Mapping[str, object]) -> bool:
        """Return whether `record` is of the query's agent; every record is, where the query names none."""
        return not self.agent or fold(self.agent) in {
            fold(str(record.get(name))) for name in ("agent_id", "agent_name")
        }

    def _is_in_time(self, record: Mapping[str, object], received: datetime | None) -> bool:
        if self.since is None and self.until is None:
            return True
        when = time_of(record, received)
        if when is None:
            return False
        return (self.since is None or when >= self.since) and (self.until is None or when < self.until)

    def _has_status(self, status: object) -> bool:
        return isinstance(status, int) and any(fits(status) for fits in self.statuses)


def time_of(record: Mapping[str, object], received: datetime | None) -> datetime | None:
    """Return when a record's call was made, or when it was received, if its own time is unreadable or cannot be right.

    Does not read `inferred`: older records lack it, and a wrong clock must not hide its records.
    """
    from audit_core.times import cannot_be_right, latest_of, now_timestamp  # noqa: PLC0415 - starting does not pay for it

    stamp = str(record.get("timestamp"))
    latest = "" if received is None else latest_of(now_timestamp(received))
    if received is not None and cannot_be_right(stamp, latest):
        return received
    return moment_of(stamp) or received


def moment_of(stamp: str) -> datetime | None:
    """Return the moment of a timestamp, of a leap second the second before it; None of a text without a zone."""
    try:
        when = datetime.fromisoformat(stamp.replace(_LEAP, ":59"))
    except ValueError:
        return None
    return when if when.tzinfo is not None else None


def _texts(value: object) -> Iterator[str]:
    """Yield every text and number in a record, as text; iterative, because a record is somebody else's data."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, str):
            yield item
        elif isinstance(item, (int, float)) and not isinstance(item, bool):
            yield str(item)
