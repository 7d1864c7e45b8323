"""One call from several records of it.

Promise: a known value is never replaced by null; what was observed comes before what was inferred; values that
contradict each other are all named. Never raises, whatever the records hold, in time linear in their size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cli.joining_keys import Item, is_the_span, phase_of

MAX_CONFLICTING = 8
"""Different values of a field that are named, at most."""

# Of a record, not of the call; or a measurement, of which the first is as good as any.
_OF_A_RECORD: Final = frozenset({
    "schema", "source", "masking", "redactions", "inferred", "record_id", "timestamp", "attributes", "stream", "tokens",
    "duration_ms",
})  # fmt: skip
_PAYLOAD: Final = frozenset({
    "request_hash", "request_bytes", "request_mime", "response_hash", "response_bytes", "response_mime",
})  # fmt: skip
_LABELS_OF_A_RECORD: Final = frozenset({
    "id", "event_id", "event_name", "event_sequence", "event_timestamp", "sequence", "span_type", "kind", "operation",
    "parent_span_id", "parent_id", "message_id", "message_uuid", "query_source", "body_length", "request_id",
    "response_id", "first_byte_ms", "workflow_name", "error", "success", "scope", "scope_version",
})  # fmt: skip
_BODY: Final = "_body"
_WORST: Final = ("policy-blocked", "throttled", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A call's fields, and those that its records contradict each other in: path → each value, the one kept first."""

    fields: dict[str, object]
    conflicts: dict[str, tuple[object, ...]]


def merge(items: list[Item]) -> Merged:
    """One call from `items`, one or more, in order."""
    fields: dict[str, object] = {"timestamp": _timestamp(items)}
    conflicts: dict[str, tuple[object, ...]] = {}
    inferred: list[str] = []
    for name in _names(item.record for item in items):
        if name not in _OF_A_RECORD:
            found = [(item.record.get(name), name in item.inferred) for item in _telling(items, name)]
            _settle(name, found, fields, conflicts, inferred)
    durations = [(item.record.get("duration_ms"), "duration_ms" in item.inferred) for item in items]
    _settle("duration_ms", durations, fields, {}, inferred)
    if (stream := _stream(items)) is not None:
        fields["stream"] = stream
    _merge_members("tokens", [item.record.get("tokens") for item in items], fields, conflicts)
    # What an event that only carries a body calls itself comes after what the call is called.
    named = sorted(items, key=lambda item: (item.label("event_name") or "").endswith(_BODY))
    _merge_members("attributes", [item.attributes for item in named if not item.is_message], fields, conflicts)
    # Messages of one call may differ without contradicting each other.
    messages = [item.attributes for item in named if item.is_message]
    _merge_members("attributes", [fields.get("attributes"), *messages], fields, {})
    if all("timestamp" in item.inferred for item in items):
        inferred.append("timestamp")
    fields["sources"] = sorted({item.source for item in items if item.source})
    fields["inferred"] = sorted(inferred)
    fields["redactions"] = list(_redactions(items))
    return Merged(fields=fields, conflicts=conflicts)


def _telling(items: list[Item], name: str) -> list[Item]:
    """Return the records whose value of a field counts.

    An excerpt's payload does not count where the call's is known; a message of several never counts. An event's
    span is the one around it, where the call has one of its own.
    """
    if name == "span_id":
        return [item for item in items if is_the_span(item) and item.text(name)] or items
    if name not in _PAYLOAD:
        return items
    side = f"{name.partition('_')[0]}_hash"
    whole = [item for item in items if not item.is_excerpt]
    if any(item.record.get(side) is not None for item in whole):
        return whole
    rest = [item for item in items if not item.is_message]
    if any(item.record.get(side) is not None for item in rest):
        return rest
    return items if len(_different([item.record[side] for item in items if item.record.get(side)])) <= 1 else rest


def _names(parts: Iterable[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for part in parts for name in part if isinstance(name, str)))


def _timestamp(items: list[Item]) -> object:
    """Return the earliest observed time, or else the earliest."""
    stamped = [item for item in items if "timestamp" not in item.inferred] or items
    return min(stamped, key=lambda item: item.stamp).record.get("timestamp")


def _settle(
    name: str,
    found: list[tuple[object, bool]],
    fields: dict[str, object],
    conflicts: dict[str, tuple[object, ...]],
    inferred: list[str],
) -> None:
    """Decide on one field. `found`: each record's value, and whether it was inferred."""
    known = [(value, derived) for value, derived in found if value is not None]
    if not known:
        fields.setdefault(name, None)
        return
    observed = [value for value, derived in known if not derived]
    values = _different(observed or [value for value, _ in known])
    if name == "outcome":  # a call that failed anywhere has failed
        values.sort(key=lambda value: _WORST.index(value) if value in _WORST else len(_WORST))
    fields[name] = values[0]
    # Each exporter has another id to take it from, where nobody gave one.
    if len(values) > 1 and (observed or name != "correlation_id"):
        conflicts[name] = tuple(values)
    if not observed:
        inferred.append(name)


def _different(values: list[object]) -> list[object]:
    """Each of `values` once, in order, up to the limit."""
    different: list[object] = []
    for value in values:
        if len(different) < MAX_CONFLICTING and not any(_same(value, other) for other in different):
            different.append(value)
    return different


def _same(one: object, other: object) -> bool:
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    try:
        return one == other or (one != one and other != other)  # noqa: PLR0124 - NaN, which no honest record holds
    except RecursionError:
        return False


def _stream(items: list[Item]) -> object:
    """Merge what is known of a stream. Its end comes first, then its start, then the mere fact that it was one."""
    given = [item for item in items if item.record.get("stream") is not None]
    parts = sorted(
        (item for item in given if isinstance(item.record["stream"], Mapping)), key=lambda item: phase_of(item) != "end"
    )
    merged: dict[str, object] = {}
    for item in parts:
        part = item.record["stream"]
        if isinstance(part, Mapping):
            merged |= {name: value for name, value in part.items() if merged.get(name) is None}
    return merged or (given[0].record["stream"] if given else None)


def _merge_members(
    name: str, parts: list[object], fields: dict[str, object], conflicts: dict[str, tuple[object, ...]]
) -> None:
    objects = [part for part in parts if isinstance(part, Mapping)]
    merged: dict[str, object] = {}
    for member in _names(objects):
        values = _different([part[member] for part in objects if part.get(member) is not None])
        if not values:
            continue
        if name == "tokens":  # many senders write zero for an unknown count
            values.sort(key=lambda value: _same(value, 0))
        merged[member] = values[0]
        if len(values) > 1 and member not in _LABELS_OF_A_RECORD:
            conflicts[f"{name}.{member}"] = tuple(values)
    if merged:
        fields[name] = merged


def _redactions(items: list[Item]) -> Iterator[object]:
    seen: set[tuple[object, object]] = set()
    for item in items:
        listed = item.record.get("redactions")
        for entry in listed if isinstance(listed, list) else ():
            if not isinstance(entry, Mapping):
                continue
            path, rule = entry.get("path"), entry.get("rule")
            if isinstance(path, str) and isinstance(rule, str) and (path, rule) not in seen:
                seen.add((path, rule))
                yield {"path": path, "rule": rule}
