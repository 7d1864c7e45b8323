"""From records, as they are stored, to calls, as they were made.

Promise: the answer does not depend on the order of the records, nor on how often one is given. Nothing is lost: every
record id is in a call, as one of its records or as a further export of one. Where records of a call contradict each
other, each value is named. What should be there and is not, is named: numbers missing in a session, parents missing in
a trace. Never raises, whatever the records hold; time grows with the number of records as sorting does.

The writer stores each request as it comes, and joins nothing across requests. What it stores as linked records (a call,
its bodies, its error, the two ends of a stream, the span around them, the same from another exporter) is joined here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cli.joining_keys import Item, Key, identities, is_the_span, keys, kind, ordered, request_ids
from cli.joining_merge import Merged, merge

_PROMPT = "user_prompt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, or another thing that an agent did.

    `record_ids`: of its records, in order; `duplicate_ids`: of further exports of those. `fields`: as a record has
    them, with all `sources`. `conflicts`: path → the values that contradict each other, the one kept first. `parent`:
    the place of the call that this one belongs to, in the list of all.
    """

    record_ids: tuple[str, ...]
    duplicate_ids: tuple[str, ...]
    fields: dict[str, object]
    conflicts: dict[str, tuple[object, ...]]
    parent: int | None = None
    is_trace: bool = False

    def as_json(self) -> dict[str, object]:
        """Return the call for a program."""
        return {
            **self.fields,
            "record_ids": list(self.record_ids),
            "duplicate_ids": list(self.duplicate_ids),
            "conflicts": {path: list(values) for path, values in self.conflicts.items()},
            "parent": self.parent,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Events of a session that were not seen: those numbered after `after`, and before `before`.

    `after` is null at a session's beginning, which counts from 0.
    """

    agent_id: str
    session_id: str
    after: int | None
    before: int

    @property
    def count(self) -> int:
        """How many were not seen."""
        return self.before - (-1 if self.after is None else self.after) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingParent:
    """A span that others name as their parent, and that was not seen. `calls`: their places in the list."""

    trace_id: str
    span_id: str
    calls: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The calls, by the time of their first record, and what is wrong with them.

    `circles`: places of calls that are, by what their records say, within themselves; they stand without a parent.
    """

    calls: tuple[Call, ...]
    gaps: tuple[Gap, ...]
    missing_parents: tuple[MissingParent, ...]
    circles: tuple[int, ...]

    @property
    def duplicate_ids(self) -> tuple[str, ...]:
        """The records that repeat another."""
        return tuple(identity for call in self.calls for identity in call.duplicate_ids)


def join(records: Iterable[object]) -> Joined:
    """Join `records`: decoded lines of any objects of the log, in any order."""
    events = _without_further_exports(ordered(records))
    members = _grouped(events)
    merged = [merge([part for item in group for part in item.all]) for group in members]
    family = _Family(members)
    parents, circles = _without_circles(family.parents)
    return Joined(
        calls=tuple(_call(group, made, parent) for group, made, parent in zip(members, merged, parents, strict=True)),
        gaps=tuple(_gaps(events)),
        missing_parents=family.missing(),
        circles=circles,
    )


def _call(group: list[Item], made: Merged, parent: int | None) -> Call:
    return Call(
        record_ids=tuple(_ids(group)),
        duplicate_ids=tuple(_ids([other for item in group for other in item.others])),
        fields=made.fields,
        conflicts=made.conflicts,
        parent=parent,
        is_trace=any(item.is_trace for item in group),
    )


def _ids(items: list[Item]) -> list[str]:
    return [identity for item in items if (identity := item.text("record_id"))]


def _without_further_exports(items: list[Item]) -> list[Item]:
    """Return the first export of each event, with the further ones in its `others`."""
    firsts: dict[Key, Item] = {}
    events: list[Item] = []
    for item in items:
        named = list(identities(item))
        first = next((firsts[identity] for identity in named if identity in firsts), None)
        if first is None:
            first = item
            events.append(item)
        else:
            first.others.append(item)
        for identity in named:
            firsts.setdefault(identity, first)
    return events


def _grouped(events: list[Item]) -> list[list[Item]]:
    """Return the events of each call, in order, and the calls in the order of their first event."""
    spans = {
        (item.agent, item.text("trace_id"), item.text("span_id")): index
        for index, item in reversed(list(enumerate(events)))
        if item.is_span
    }
    named = [list(dict.fromkeys(key for part in item.all for key in keys(part))) for item in events]
    sharing: dict[Key, list[int]] = defaultdict(list)
    for index, item in enumerate(events):
        around = spans.get((item.agent, item.text("trace_id"), item.label("parent_span_id")))
        # A span within another that has the same id is a part of that one: a child, and not the same.
        outer = set(named[around]) if around is not None and around != index and item.is_span else set()
        for key in named[index]:
            if key not in outer:
                sharing[key].append(index)
    leaders = list(range(len(events)))
    for group in sharing.values():
        _unite(group, events, leaders)
    calls: dict[int, list[Item]] = defaultdict(list)
    for index, item in enumerate(events):
        calls[_leader(leaders, index)].append(item)
    return list(calls.values())


def _unite(group: list[int], events: list[Item], leaders: list[int]) -> None:
    """Make one call of the events that share an id; of several, where a kind of record is there again."""
    kinds: set[Key] = set()
    first: int | None = None
    for index in group:
        own = kind(events[index])
        if first is None or own in kinds:
            first = index
            kinds.clear()
        if own is not None:
            kinds.add(own)
        one, other = _leader(leaders, first), _leader(leaders, index)
        leaders[max(one, other)] = min(one, other)


def _leader(leaders: list[int], index: int) -> int:
    while leaders[index] != index:
        leaders[index] = leaders[leaders[index]]
        index = leaders[index]
    return index


@dataclass(slots=True)
class _Family:
    """Which call belongs to which.

    A span names its parent, a tool's record the request that asked for it, an event its prompt; what names nothing that
    was seen belongs to its trace, where that has a record.
    """

    members: list[list[Item]]
    parents: list[int | None] = field(default_factory=list)
    _spans: dict[tuple[str, str], int] = field(default_factory=dict)
    _requests: dict[tuple[str, str], int] = field(default_factory=dict)
    _prompts: dict[tuple[str, str], int] = field(default_factory=dict)
    _traces: dict[tuple[str, str], int] = field(default_factory=dict)
    _unseen: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for place, group in enumerate(self.members):
            for item in group:
                self._learn(place, item)
        self.parents = [self._parent(place, group) for place, group in enumerate(self.members)]

    def missing(self) -> tuple[MissingParent, ...]:
        """Return the parents that no record holds."""
        return tuple(
            MissingParent(trace_id=trace, span_id=span, calls=tuple(calls))
            for (trace, span), calls in sorted(self._unseen.items())
        )

    def _learn(self, place: int, item: Item) -> None:
        trace, span, prompt = item.text("trace_id"), item.text("span_id"), item.label("prompt_id")
        if trace and span and is_the_span(item):
            self._spans.setdefault((trace, span), place)
        if trace and item.is_trace:
            self._traces.setdefault((item.agent, trace), place)
        if not item.label("tool_call_id"):
            for request in request_ids(item):
                self._requests.setdefault((item.agent, request), place)
        if prompt and item.event == _PROMPT:
            self._prompts.setdefault((item.agent, prompt), place)

    def _parent(self, place: int, group: list[Item]) -> int | None:
        unseen: tuple[str, str] | None = None
        for trace, span in (pair for item in group for pair in _around(item)):
            found = self._spans.get((trace, span))
            if found is None:
                unseen = unseen or (trace, span)
            elif found != place:
                return found
        if unseen is not None:
            self._unseen[unseen].append(place)
        others = (found for item in group for found in self._otherwise(item))
        return next((found for found in others if found is not None and found != place), None)

    def _otherwise(self, item: Item) -> Iterator[int | None]:
        """To what a record belongs that names no span around it: the nearest first."""
        if item.label("tool_call_id"):
            for request in request_ids(item):
                yield self._requests.get((item.agent, request))
        if prompt := item.label("prompt_id"):
            yield self._prompts.get((item.agent, prompt))
        if trace := item.text("trace_id"):
            yield self._traces.get((item.agent, trace))


def _around(item: Item) -> Iterator[tuple[str, str]]:
    """Yield the spans around a record, by its own words."""
    trace = item.text("trace_id")
    for span in (item.label("parent_span_id"), None if is_the_span(item) else item.text("span_id")):
        if trace and span:
            yield trace, span


def _without_circles(parents: list[int | None]) -> tuple[list[int | None], tuple[int, ...]]:
    """`parents` without the first call's of each circle, and those calls."""
    cut = list(parents)
    circles: list[int] = []
    walk = [0] * len(cut)  # in which walk a call was met
    for start in range(len(cut)):
        place: int | None = start
        path: list[int] = []
        while place is not None and not walk[place]:
            walk[place] = start + 1
            path.append(place)
            place = cut[place]
        if place is not None and walk[place] == start + 1:
            first = min(path[path.index(place) :])
            cut[first] = None
            circles.append(first)
    return cut, tuple(sorted(circles))


def _gaps(events: list[Item]) -> Iterator[Gap]:
    """Yield the numbers that are missing in each session. An agent that repeats a number has begun to count anew."""
    runs: dict[tuple[str, str], list[set[int]]] = defaultdict(lambda: [set()])
    for item in events:
        session, number = item.text("session_id"), item.sequence
        if session is None or number is None:
            continue
        counted = runs[item.agent, session]
        if number in counted[-1]:
            counted.append(set())
        counted[-1].add(number)
    for (agent, session), counted in sorted(runs.items()):
        for numbers in counted:
            after: int | None = None
            for number in sorted(numbers):
                gap = Gap(agent_id=agent, session_id=session, after=after, before=number)
                if gap.count:
                    yield gap
                after = number
