"""A workflow as a timeline: what belongs together, in a tree, with when, how long, how it ended and for whom.

Beneath it stands what is missing (numbers in a session, a parent), and what was reported twice or in two ways. A record
holds, it is printed as one line with nothing in it that a terminal obeys.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

from rich.text import Text

from audit_core.times import LONGEST_MS, cannot_be_right
from cli.console import STATUS_STYLES, encodable, styled
from cli.joining import Call, Joined, join
from cli.joining_keys import Item, Key, keys
from cli.query import fold, moment_of

_NAMES: Final = ("session_id", "correlation_id", "trace_id")
"""Ids of a workflow, from the widest to the narrowest."""
_AGENTS: Final = ("agent", "turn", "invoke_agent", "create_agent")
_BAR: Final = 16
_DEEPEST: Final = 24
_NAMED: Final = 5
_LABEL: Final = 44
_MINUTE: Final = 60


def _is(value: object, query: str) -> bool:
    return isinstance(value, str) and fold(value) == fold(query)


@dataclass(slots=True)
class Tied:
    """What is tied to a workflow: its records, those of its traces, and those of the same calls.

    A session holds workflows, and a workflow traces; not the other way round, so that a trace does not bring in all
    else that was done in its session.
    """

    query: str
    _ids: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in _NAMES})
    _keys: set[Key] = field(default_factory=set)
    _learned: bool = False

    @property
    def is_known(self) -> bool:
        """Whether a record of the workflow was seen."""
        return self._learned

    @property
    def size(self) -> int:
        """How much is known to look for."""
        return len(self._keys) + sum(map(len, self._ids.values()))

    def names(self, record: Mapping[str, object]) -> bool:
        """Return whether the query is the id of the workflow, trace or session that `record` is of."""
        return any(_is(record.get(name), self.query) for name in _NAMES)

    def look(self, record: Mapping[str, object]) -> None:
        """Learn from `record` if it belongs here."""
        if self.holds(record):
            self.learn(record)

    def learn(self, record: Mapping[str, object]) -> None:
        """Look for what is tied to `record`, which is known to belong here."""
        self._learned = True
        widest = next(
            (place for place, name in enumerate(_NAMES) if _is(record.get(name), self.query)), len(_NAMES) - 1
        )
        for name in _NAMES[widest + 1 :]:
            value = record.get(name)
            if isinstance(value, str) and value:
                self._ids[name].add(value)
        self._keys.update(keys(Item.of(record)))

    def holds(self, record: Mapping[str, object]) -> bool:
        """Return whether `record` belongs here, by what is known."""
        return (
            self.names(record)
            or any(isinstance(value := record.get(name), str) and value in self._ids[name] for name in _NAMES)
            or not self._keys.isdisjoint(keys(Item.of(record)))
        )


@dataclass(slots=True)
class _Times:
    """When a call began and ended, in seconds since 1970; null where that is not known."""

    start: float | None
    end: float | None


class Timeline:
    """The calls of a workflow, joined from its records."""

    def __init__(self, query: str, records: Iterable[Mapping[str, object]]) -> None:
        listed = list(records)
        self._query = query
        self._count = len(listed)
        self.joined: Joined = join(listed)
        self._children: dict[int | None, list[int]] = defaultdict(list)
        for place, call in enumerate(self.joined.calls):
            self._children[call.parent].append(place)
        self._order = list(self._walk())
        self._times = self._timed()
        starts = [times.start for times in self._times if times.start is not None]
        ends = [times.end for times in self._times if times.end is not None]
        self._begin = min(starts, default=0.0)
        self._length = max(ends, default=self._begin) - self._begin
        self._shared = {name: self._one(name) for name in ("user_id", "agent_id")}

    def _one(self, name: str) -> str | None:
        """Return a field's value where all calls that have one have the same."""
        values = {str(value) for call in self.joined.calls if (value := call.fields.get(name)) is not None}
        return values.pop() if len(values) == 1 else None

    def as_json(self) -> dict[str, object]:
        """Return the calls, and what is wrong with them, for a program."""
        joined = self.joined
        return {
            "query": self._query,
            "records": self._count,
            "calls": [call.as_json() for call in joined.calls],
            "duplicates": list(joined.duplicate_ids),
            "gaps": [{**asdict(gap), "count": gap.count} for gap in joined.gaps],
            "missing_parents": [asdict(missing) for missing in joined.missing_parents],
            "circles": list(joined.circles),
        }

    def lines(self) -> Iterator[Text]:
        """Yield the timeline, a line each."""
        yield self._heading()
        for place, depth in self._order:
            yield self._line(place, depth)
        yield from self._findings()

    def _walk(self) -> Iterator[tuple[int, int]]:
        """Yield each call's place and depth, parents before their children; a tree of any depth."""
        waiting = [(place, 0) for place in reversed(self._children[None])]
        while waiting:
            place, depth = waiting.pop()
            yield place, depth
            waiting.extend((child, depth + 1) for child in reversed(self._children.get(place, [])))

    def _timed(self) -> list[_Times]:
        """Return when each call began and ended. A trace has no time of its own: it lasts as long as its calls."""
        times = [_times(call) for call in self.joined.calls]
        for place, _ in reversed(self._order):
            parent = self.joined.calls[place].parent
            if parent is not None and self.joined.calls[parent].is_trace:
                outer, inner = times[parent], times[place]
                outer.start = _least(outer.start, inner.start)
                outer.end = -least if (least := _least(_minus(outer.end), _minus(inner.end))) is not None else None
        return times

    def _heading(self) -> Text:
        calls = self.joined.calls
        outcomes = Counter(str(call.fields["outcome"]) for call in calls if call.fields.get("outcome") is not None)
        text = styled(self._query, "bold") + styled(f"  {len(calls)} calls in {self._count} records")
        if self._length:
            text += styled(f", {_duration(self._length)}")
        if tokens := self._tokens():
            text += styled(f", tokens {tokens}")
        for outcome, count in sorted(outcomes.items()):
            text += styled("  ") + styled(f"{count} {outcome}", STATUS_STYLES.get(outcome, ""))
        return text + styled("".join(f"  {_short(name)}" for name in self._shared.values() if name is not None), "dim")

    def _tokens(self) -> str:
        """Return what the models used. A turn or a task has the sum of its parts, and does not count again."""
        counted: set[int] = set()
        total: Counter[str] = Counter()
        for place, _ in reversed(self._order):
            call = self.joined.calls[place]
            used = call.fields.get("tokens")
            if place not in counted and isinstance(used, Mapping):
                total.update({side: n for side in ("input", "output") if isinstance(n := used.get(side), int)})
                counted.add(place)
            if place in counted and call.parent is not None:
                counted.add(call.parent)
        return _tokens(total)

    def _line(self, place: int, depth: int) -> Text:
        call, times = self.joined.calls[place], self._times[place]
        fields = call.fields
        outcome = fields.get("outcome")
        begun = "?" if times.start is None else f"+{times.start - self._begin:.3f}"
        label = "  " * min(depth, _DEEPEST) + _label(call)
        text = styled(f"{begun:>10}  ", "dim") + styled(self._bar(times), "cyan") + styled(f"  {label:<{_LABEL}}")
        status = "" if fields.get("status") is None else f"{fields['status']} "
        ended = _how_it_ended(fields) if outcome is None else str(outcome)
        text += styled(f"  {status}{ended}", STATUS_STYLES.get(str(outcome), ""))
        if (duration := _milliseconds(fields)) is not None:
            text += styled(f"  {_duration(duration / 1000)}")
        if isinstance(used := fields.get("tokens"), Mapping) and (counted := _tokens(used)):
            text += styled(f"  tokens {counted}")
        who = [fields.get(name) for name, shared in self._shared.items() if shared is None]
        text += styled("".join(f"  {_short(name)}" for name in who if name is not None), "dim")
        if call.conflicts:
            text += styled("  reported in two ways", "yellow")
        return text

    def _bar(self, times: _Times) -> str:
        if times.start is None or self._length <= 0:
            return " " * _BAR
        first = min(int((times.start - self._begin) / self._length * _BAR), _BAR - 1)
        last = first if times.end is None else int((times.end - self._begin) / self._length * _BAR)
        width = max(1, min(last, _BAR) - first)
        return (" " * first + encodable("\u2588", "#") * width).ljust(_BAR)

    def _findings(self) -> Iterator[Text]:
        joined = self.joined
        for call in joined.calls:
            for path, values in call.conflicts.items():
                reported = " or ".join(_short(value) for value in values)
                yield styled(f"reported in two ways: {path} of {_some(call.record_ids)}: {reported}", "yellow")
        if joined.duplicate_ids:
            yield styled(f"reported again: {len(joined.duplicate_ids)} records: {_some(joined.duplicate_ids)}", "dim")
        for gap in joined.gaps:
            yield styled(f"not seen: {_numbers(gap.after, gap.before)} of session {gap.session_id}", "yellow")
        for missing in joined.missing_parents:
            yield styled(f"not seen: span {missing.span_id}, parent of {len(missing.calls)} calls", "yellow")
        if joined.circles:
            yield styled(f"{len(joined.circles)} calls are within themselves, by what their records say", "yellow")


def _times(call: Call) -> _Times:
    start = None if "timestamp" in _listed(call.fields.get("inferred")) else _seconds(call.fields.get("timestamp"))
    lasted = _milliseconds(call.fields) or 0
    return _Times(start, None if start is None else start + lasted / 1000)


def _milliseconds(fields: Mapping[str, object]) -> float | None:
    """Return how long a call took, where that is a number of this world."""
    duration = fields.get("duration_ms")
    return float(duration) if isinstance(duration, int | float) and 0 <= duration <= LONGEST_MS else None


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _seconds(stamp: object) -> float | None:
    if not isinstance(stamp, str) or cannot_be_right(stamp, ""):
        return None
    when = moment_of(stamp)
    return None if when is None else when.timestamp()


def _least(one: float | None, other: float | None) -> float | None:
    return min((x for x in (one, other) if x is not None), default=None)


def _minus(number: float | None) -> float | None:
    return None if number is None else -number


def _label(call: Call) -> str:
    """Return what a call did, in a few words."""
    fields = call.fields
    attributes = fields.get("attributes")
    labels: Mapping[str, object] = attributes if isinstance(attributes, Mapping) else {}
    kind = labels.get("span_type") or labels.get("event_name") or labels.get("operation")
    if isinstance(labels.get("from_agent"), str) and isinstance(labels.get("to_agent"), str):
        what: object = f"{labels['from_agent']} to {labels['to_agent']}"
    else:
        names = ("tool_name", "guardrail", "mcp_server")
        what = next((labels[name] for name in names if isinstance(labels.get(name), str)), None)
        agent = fields.get("agent_name") if kind in _AGENTS else None
        what = what or fields.get("model") or agent or labels.get("operation")
        what = labels.get("workflow_name") if call.is_trace else what
    where = " ".join(str(fields[name]) for name in ("method", "endpoint") if fields.get(name) is not None)
    words = dict.fromkeys(str(word) for word in (kind, what, where) if isinstance(word, str) and word)
    return " ".join(words) or "call"


def _how_it_ended(fields: Mapping[str, object]) -> str:
    stream = fields.get("stream")
    return "no end seen" if isinstance(stream, Mapping) and stream.get("phase") == "start" else "-"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < _MINUTE else f"{seconds / _MINUTE:.1f} min"


def _tokens(used: Mapping[str, object]) -> str:
    named = ((used.get("input"), "in"), (used.get("output"), "out"))
    return ", ".join(f"{count} {side}" for count, side in named if count is not None)


def _numbers(after: int | None, before: int) -> str:
    first, last = 0 if after is None else after + 1, before - 1
    return f"event {first}" if first == last else f"events {first} to {last}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LABEL else text[:_LABEL] + "..."


def _some(ids: tuple[str, ...]) -> str:
    more = len(ids) - _NAMED
    return ", ".join(ids[:_NAMED]) + (f" and {more} more" if more > 0 else "")
