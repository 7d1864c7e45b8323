"""The order of things: what must exist before what, and so what must be deleted before what."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from localcloud.engine.state import Entry


def creation_order(entries: Collection[Entry]) -> list[Entry]:
    """Sort entries so that each comes after all it needs; ties, and cycles, go oldest first.

    An entry that was replaced shares its URN with its successor; who needs the URN needs both, because which of the
    two it was made with is not recorded. Such doubles can form a cycle, hence the tie-break.
    """
    by_urn: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_urn[entry.urn].append(entry)
    needed_by: defaultdict[int, list[Entry]] = defaultdict(list)
    waiting: dict[int, int] = {}
    for entry in entries:
        needs = [other for urn in entry.needs for other in by_urn[urn]]
        waiting[entry.serial] = len(needs)
        for other in needs:
            needed_by[other.serial].append(entry)
    remaining = {entry.serial: entry for entry in entries}
    ready = [serial for serial, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    ordered: list[Entry] = []
    while remaining:
        serial = heapq.heappop(ready) if ready else min(remaining)
        if serial not in remaining:
            continue
        ordered.append(remaining.pop(serial))
        for entry in needed_by[serial]:
            waiting[entry.serial] -= 1
            if waiting[entry.serial] == 0:
                heapq.heappush(ready, entry.serial)
    return ordered


def deletion_order(entries: Collection[Entry]) -> list[Entry]:
    """Sort entries so that each comes before all it needs; ties go newest first."""
    return creation_order(entries)[::-1]


def dependents(urns: Iterable[str], entries: Collection[Entry]) -> Iterator[Entry]:
    """Yield the entries that need any of `urns`, directly, oldest first; the set may grow while iterating."""
    for entry in creation_order(entries):
        if entry.needs & frozenset(urns):
            yield entry
