"""`audit-log find`: shows records, oldest first, or follows them as they arrive. Reads as the auditor.

Every version of every key is listed and the oldest is read, so that a record which somebody tried to hide is shown all
the same, and the attempt is reported.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.text import Text

from audit_core.layout import OUTCOMES, day_of, day_prefix
from cli.connection import Connection, load_deployment
from cli.console import STATUS_STYLES, emit_json, printable, stdout_console, styled, write_record
from cli.exits import DONE, FOUND, CouldNot
from cli.options import deployment_options, json_option
from cli.query import Query, fold, option_time, parse_status
from cli.reader import Finding, LogReader, StoredObject, StoredRecord

if TYPE_CHECKING:
    from cli.timeline import Tied

_CLOCKS: Final = timedelta(days=1)
"""How far an agent's clock may run ahead before `--since` misses what it sent."""
_FULL_LISTING_SECONDS: Final = 60.0
_MOST_READINGS: Final = 3
"""How often the log is read for what is tied to a workflow, to what is tied to it, and so on."""


@dataclass(slots=True, kw_only=True)
class Shown:
    """What has been shown so far; `of_agent` counts the records of --agent that were read, shown or not."""

    limit: int | None
    records: int = 0
    findings: int = 0
    of_agent: int = 0

    @property
    def is_full(self) -> bool:
        """Whether no more is to be shown."""
        return self.limit is not None and self.records >= self.limit


@click.command()
@click.argument("query", required=False, default="")
@deployment_options
@json_option
@click.option("--agent", default="", help="The agent's name; any kind of hyphen matches any other.")
@click.option("--since", help="From this time on: 2026-06-30T12:00:00Z, 2026-06-30, or an age: 24h, 7d.")
@click.option("--until", help="Before this time.")
@click.option("--outcome", "outcomes", multiple=True, type=click.Choice(OUTCOMES), help="May be given more than once.")
@click.option("--status", "statuses", multiple=True, help="404, 4xx, !200, >=400. May be given more than once.")
@click.option(
    "--timeline", is_flag=True, help="QUERY is a workflow's, trace's or session's id: show its calls, joined."
)
@click.option("--lines", is_flag=True, help="Show records, a line each, also where QUERY is such an id.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after this many records.")
@click.option("--tail", is_flag=True, help="Show records as they arrive, until Ctrl-C.")
@click.option("--for", "seconds", type=click.FloatRange(min=0), help="With --tail: stop after this many seconds.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.5, max=3600),
    default=2.0,
    show_default=True,
    help="Seconds between looks.",
)
@click.pass_context
def find(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    query: str,
    outputs: Path | None,
    stack: str | None,
    agent: str,
    since: str | None,
    until: str | None,
    outcomes: tuple[str, ...],
    statuses: tuple[str, ...],
    limit: int | None,
    seconds: float | None,
    interval: float,
    as_json: bool,
    tail: bool,
    timeline: bool,
    lines: bool,
) -> None:
    """Show the records that hold QUERY anywhere (all of them without QUERY), oldest day first.

    Where QUERY is the correlation id of a workflow, or the id of a trace or a session, its calls are shown as a
    timeline, with everything that is tied to them; with --json only when --timeline is given.

    With --json, each line is the stored line, byte for byte. Exits with 0, with 1 when something in the log was
    tampered with (a delete marker, a second version, or an object that is not what the writer stores; each is reported
    on standard error), or with 2 when neither the stack nor any record that was read names the agent.
    """
    if seconds is not None and not tail:
        raise click.UsageError("--for: only with --tail")
    narrowed = bool(outcomes or statuses or limit or tail)
    if timeline and (lines or narrowed or not query):
        raise click.UsageError("--timeline: needs QUERY, and no --lines, --outcome, --status, --limit or --tail")
    start, end = _period(since, until)
    wanted = Query(
        text=query,
        agent=agent,
        since=start,
        until=end,
        outcomes=outcomes,
        statuses=tuple(_status(text) for text in statuses),
    )
    deployment = load_deployment(outputs=outputs, stack=stack)
    shown = Shown(limit=limit)
    show = Printer(as_json=as_json, shown=shown)
    with Connection(deployment) as connection:

        def reader() -> LogReader:
            return LogReader(connection.client("s3", role_arn=deployment.auditor_role_arn), deployment.bucket)

        try:
            if tail:
                show.all(_followed(reader, wanted, interval=interval, seconds=seconds), wanted)
            elif timeline or (query and not (lines or narrowed or as_json)):
                show.workflow(lambda: _stored(reader(), wanted), wanted, always=timeline)
            else:
                show.all(_stored(reader(), wanted), wanted)
        except KeyboardInterrupt:
            if not tail:
                raise
    if not shown.records and not tail:
        if agent and not shown.of_agent and fold(agent) not in map(fold, deployment.tokens):
            there = ", ".join(deployment.tokens)
            raise CouldNot(printable(f"--agent {agent}: no record read is of it; the stack's agents are {there}"))
        click.echo("no record matches", err=True)
    ctx.exit(FOUND if shown.findings else DONE)


class Printer:
    """Prints what is found, for people or as JSON, and counts it in `shown`."""

    def __init__(self, *, as_json: bool, shown: Shown) -> None:
        self._as_json = as_json
        self._shown = shown
        self._console: Console = stdout_console()

    def all(self, items: Iterable[StoredRecord | Finding], wanted: Query) -> None:
        """Print what is wanted of `items`, until the limit."""
        for item in items:
            if isinstance(item, Finding):
                self._tell(item)
            elif self._matches(wanted, item):
                self._print(item)
                if self._shown.is_full:
                    return

    def workflow(self, read: Callable[[], Iterable[StoredRecord | Finding]], wanted: Query, *, always: bool) -> None:
        """Print the timeline of the workflow with the id `wanted.text`; where there is none, print what matches.

        The first match decides, so other matches are shown as they are read. `always`: it is an id, whatever matches.
        """
        # Starting `find` does not pay for it.
        from cli.timeline import Tied, Timeline  # noqa: PLC0415

        tied = Tied(wanted.text)
        for item in read():
            if isinstance(item, Finding):
                self._tell(item)
            elif tied.is_known:
                tied.look(item.record)
            elif self._matches(wanted, item):
                if (always or not self._shown.records) and tied.names(item.record):
                    tied.learn(item.record)
                elif not always:
                    self._print(item)
        if not tied.is_known:
            return
        found = self._tied(read, replace(wanted, text=""), tied)
        if len(found) == 1 and not always:
            self._print(found[0])
            return
        self._shown.records += len(found)
        made = Timeline(wanted.text, (stored.record for stored in found))
        if self._as_json:
            emit_json(made.as_json())
        else:
            self._print_lines(made.lines())

    def _tied(
        self, read: Callable[[], Iterable[StoredRecord | Finding]], wanted: Query, tied: "Tied"
    ) -> list[StoredRecord]:
        """Return what is tied to a workflow. Read the log again until nothing new comes up."""
        found: list[StoredRecord] = []
        for _ in range(_MOST_READINGS):
            known = tied.size
            found = [
                item
                for item in read()
                if isinstance(item, StoredRecord)
                and wanted.matches(item.record, item.stored_at)
                and tied.holds(item.record)
            ]
            for stored in found:
                tied.learn(stored.record)
            if tied.size == known:
                break
        return found

    def _matches(self, wanted: Query, item: StoredRecord) -> bool:
        self._shown.of_agent += wanted.is_of_agent(item.record)
        return wanted.matches(item.record, item.stored_at)

    def _tell(self, finding: Finding) -> None:
        self._shown.findings += 1
        place = f"{finding.key} version {finding.version_id}"
        click.echo(printable(f"tampering: {finding.kind}: {place}: {finding.detail}"), err=True)

    def _print_lines(self, lines: Iterable[Text]) -> None:
        for line in lines:
            self._console.print(line)

    def _print(self, item: StoredRecord) -> None:
        self._shown.records += 1
        if self._as_json:
            write_record(item.line)
        else:
            self._console.print(one_line(item))


def one_line(stored: StoredRecord) -> Text:
    """Return a record as one line for people, with nothing in it that a terminal obeys."""
    record = stored.record

    def value(name: str) -> str:
        found = record.get(name)
        return "-" if found is None else str(found)

    outcome = value("outcome")
    line = styled(value("timestamp"), "dim") + styled("  ") + styled(value("agent_id"), "bold") + styled("  ")
    line += styled(f"{value('method')} {value('endpoint')}") + styled("  ")
    line += styled(f"{value('status')} {outcome}", STATUS_STYLES.get(outcome, ""))
    for name in ("user_id", "correlation_id"):
        if record.get(name) is not None:
            line += styled(f"  {value(name)}", "dim")
    return line


def _stored(reader: LogReader, wanted: Query) -> Iterator[StoredRecord | Finding]:
    """Yield what is stored, day by day, and within a day in the order in which it was stored."""
    day = ""
    waiting: list[StoredObject] = []
    for stored in reader.objects():
        if _is_later(stored, wanted):
            yield from stored.findings()
            continue
        if day_of(stored.key) != day:
            yield from _read_all(reader, waiting)
            waiting.clear()
            day = day_of(stored.key)
        if _may_match(stored, wanted):
            waiting.append(stored)
        else:
            yield from stored.findings()
    yield from _read_all(reader, waiting)


def _read_all(reader: LogReader, objects: list[StoredObject]) -> Iterator[StoredRecord | Finding]:
    for stored in sorted(objects, key=_stored_at):
        yield from reader.read(stored)


def _followed(
    reader: Callable[[], LogReader], wanted: Query, *, interval: float, seconds: float | None
) -> Iterator[StoredRecord | Finding]:
    """Yield what arrives from now on (from `since` on, where it is given), until the time is up.

    A look lists the days from yesterday on, where nearly everything arrives; once a minute it lists the whole log,
    because an event of any age may come. What is read is only what was not seen. `reader` is asked anew for each look,
    because the auditor's credentials end.
    """
    started = time.monotonic()
    begin = datetime.now(UTC) if wanted.since is None else min(wanted.since, datetime.now(UTC))
    seen: dict[str, tuple[int, int]] = {}
    last_full: float | None = None
    while True:
        now = time.monotonic()
        is_full = last_full is None or now - last_full >= _FULL_LISTING_SECONDS
        if is_full:
            last_full = now
        yield from _new(reader(), seen, begin, after="" if is_full else _yesterday())
        if seconds is not None and time.monotonic() - started + interval > seconds:
            time.sleep(max(0.0, seconds - (time.monotonic() - started)))
            yield from _new(reader(), seen, begin, after=_yesterday())
            return
        time.sleep(interval)


def _new(
    reader: LogReader, seen: dict[str, tuple[int, int]], begin: datetime, *, after: str
) -> Iterator[StoredRecord | Finding]:
    fresh: list[StoredObject] = []
    for stored in reader.objects(after=after):
        known = seen.get(stored.key)
        count = (len(stored.version_ids), len(stored.marker_ids))
        if known is None and stored.stored_at is not None and stored.stored_at >= begin.replace(microsecond=0):
            fresh.append(stored)
            seen[stored.key] = count
        elif known is not None and known != count:
            yield from stored.findings()
            seen[stored.key] = count
    yield from _read_all(reader, fresh)


def _may_match(stored: StoredObject, wanted: Query) -> bool:
    """Return whether an object may hold a record of the period, by its key and by when it was stored.

    A batch is filed under the day of its earliest event and may hold later ones, but none from after it was stored.
    """
    if wanted.since is None or stored.stored_at is None:
        return True
    return stored.stored_at >= wanted.since - _CLOCKS or day_of(stored.key) >= _utc_day(wanted.since)


def _is_later(stored: StoredObject, wanted: Query) -> bool:
    """Return whether an object lies after the period. One that was stored in the period may have a wrong date."""
    if wanted.until is None or day_of(stored.key) <= _utc_day(wanted.until):
        return False
    return stored.stored_at is None or stored.stored_at >= wanted.until


def _stored_at(stored: StoredObject) -> datetime:
    return stored.stored_at or datetime.min.replace(tzinfo=UTC)


def _utc_day(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d")


def _yesterday() -> str:
    return day_prefix(_utc_day(datetime.now(UTC) - timedelta(days=1)))


def _period(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    now = datetime.now(UTC)
    start = None if since is None else option_time("--since", since, now=now)
    end = None if until is None else option_time("--until", until, now=now)
    if start is not None and end is not None and start >= end:
        raise click.UsageError("--until: must be later than --since")
    return start, end


def _status(text: str) -> Callable[[int], bool]:
    try:
        return parse_status(text)
    except ValueError as error:
        raise click.UsageError(f"--status: {error}, got {printable(text)!r}") from None
