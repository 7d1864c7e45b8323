"""What the listing of versions says: nothing hidden, nothing unsealed, no file that the log does not have.

Promise: reads each listing once, in the order of keys, and holds one row at a time.
"""

import hashlib
import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

from audit_core.errors import DecodeError
from audit_core.layout import (
    ANCHOR_SUFFIX,
    ANCHORS,
    CHECKPOINT,
    CHECKPOINTS,
    KEY,
    MARKERS,
    RECORDS,
    RULE_KEY,
    RULES,
    SEAL,
    SEQUENCE,
    TILES,
    marker_key,
    sequence_key,
)
from audit_core.sealing import RULE_BODY, parse_marker
from audit_core.tiles import WIDTH, bundle_path, tile_path
from cli.verify.findings import Report
from cli.verify.objects import sealed_until
from cli.verify.paths import path_of
from cli.verify.source import Source, Version
from cli.verify.tree import MAX_BUNDLE, tiles_of, unbundled

_SECOND = timedelta(seconds=1)
_COMPARED = (RECORDS, MARKERS, SEQUENCE, TILES, CHECKPOINTS)
"""Whose files are compared with what they must be; what they were when they were copied says no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What the listing says: what is found, and how many markers there are."""

    report: Report
    markers: int


def check_listing(source: Source, *, sizes: Sequence[int], grace: timedelta) -> Listed:
    """Compare what lies in the bucket with what is sealed.

    `sizes`: of the checkpoints, in order; `grace`: how long an object may be unsealed.
    """
    report = Report()
    files = _Files(source, report) if source.is_copy else None
    sealed = _Ascending(rows[0].key for rows in source.versions(MARKERS))
    markers = fresh = 0
    for rows in source.versions("") if source.is_copy else chain(source.versions(RECORDS), source.versions(SEAL)):
        key = rows[0].key
        if files is not None:
            files.compare(rows)
        if key != CHECKPOINT and (len(rows) > 1 or rows[0].marker):
            _check_hidden(rows, report)
        if key.startswith(RECORDS):
            _check_record(source, report, rows, is_sealed=sealed.has(marker_key(key)), grace=grace)
        elif key.startswith(MARKERS):
            markers += 1
        elif key.startswith(SEAL) and not _belongs(source, key, sizes):
            if source.taken_at - rows[0].stored_at > grace:
                report.found("unexpected", key)
            else:
                fresh += 1
    if fresh:
        report.notices.append(f"{fresh} files of the seal were just being published")
    if files is not None:
        files.end()
    return Listed(report=report, markers=markers)


def _check_record(
    source: Source, report: Report, rows: Sequence[Version], *, is_sealed: bool, grace: timedelta
) -> None:
    """Check that an object has a marker, and a lock that is no shorter than when it was sealed."""
    first = next((row for row in rows if not row.marker), None)
    if first is None:
        return
    if is_sealed:
        if source.is_copy:
            _check_row(source, report, first)
    elif source.taken_at - first.stored_at > grace:
        report.found("unsealed", first.key, f"stored at {first.stored_at:%Y-%m-%dT%H:%M:%SZ}")
    else:
        report.pending += 1


def _check_row(source: Source, report: Report, row: Version) -> None:
    """Compare a copy's row of a sealed object with its marker, which is compared with the entry elsewhere."""
    stored = source.read(marker_key(row.key))
    try:
        marker = None if stored is None else parse_marker(stored.data)
    except DecodeError:
        return
    if marker is None:
        return
    if row.version != marker.version:
        report.found("wrong-version", row.key)
    sealed = sealed_until(marker.retain_until)
    if sealed is None or (row.retain_until is None and sealed <= source.taken_at):
        return
    if row.retain_until is None:
        report.found("not-locked", row.key)
    elif row.retain_until < sealed - _SECOND:
        report.found("lock-shortened", row.key)


def _check_hidden(rows: Sequence[Version], report: Report) -> None:
    first = next((number for number, row in enumerate(rows) if not row.marker), len(rows))
    for number, row in enumerate(rows):
        if row.marker:
            report.found("delete-marker", row.key, f"version {row.version}")
        elif number > first:
            report.found("second-version", row.key, f"version {row.version}")


def _belongs(source: Source, key: str, sizes: Sequence[int]) -> bool:
    """Return whether a log with checkpoints of these sizes has such a file."""
    if key in {CHECKPOINT, KEY} or key.startswith(CHECKPOINTS):  # those were looked at one by one
        return True
    if key.startswith(RULES):
        return RULE_KEY.fullmatch(key) is not None and _is_rule(source, key)
    if key.startswith(ANCHORS):
        name = key.removeprefix(ANCHORS)
        return any(name == f"{size}{ANCHOR_SUFFIX}" for size in _of(name.removesuffix(ANCHOR_SUFFIX), sizes))
    if key.startswith(SEQUENCE):
        # Where a log ends, the next commit may be there already.
        return any(key == sequence_key(size) for size in _of(key.removeprefix(SEQUENCE), [0, *sizes]))
    if key.startswith(TILES):
        path = key.removeprefix(SEAL)
        return any(_is_tile(path, *tile, sizes) for tile in tiles_of(key.removeprefix(TILES)))
    return False


def _is_rule(source: Source, key: str) -> bool:
    """Return whether a file holds a rule of retention. A file that the copy lacks is reported elsewhere."""
    stored = source.read(key)
    return stored is None or RULE_BODY.fullmatch(stored.data) is not None


def _of(text: str, sizes: Sequence[int]) -> Iterator[int]:
    """Yield the size in a text, where it is one of `sizes`."""
    if text.isascii() and text.isdigit() and len(text) < 19:  # noqa: PLR2004 - no log is larger
        place = bisect_left(sizes, int(text))
        yield from (size for size in sizes[place : place + 1] if size == int(text))


def _is_tile(path: str, level: int, index: int, width: int, sizes: Sequence[int]) -> bool:
    """Return whether a tile or bundle is a full one of the last size, or the partial one of a checkpoint's size."""
    if level > 7 or not sizes or not 1 <= width <= WIDTH:  # noqa: PLR2004 - 256 to the power of 8 is more than any log
        return False
    is_bundle = path.startswith("tile/entries/")
    if path != (bundle_path(index, width) if is_bundle else tile_path(level, index, width)):
        return False
    shift = 8 * level
    low = (index * WIDTH + width) << shift
    if width == WIDTH:
        return sizes[-1] >= low
    place = bisect_left(sizes, low)
    return place < len(sizes) and sizes[place] < low + (1 << shift)


def find_false_markers(source: Source, report: Report, grace: timedelta) -> None:
    """There are more markers than sealed objects: find those that no entry stands behind."""
    for rows in source.versions(MARKERS):
        key = rows[0].key
        if source.taken_at - rows[0].stored_at <= grace:  # of what was sealed since we have looked at the log
            continue
        stored = source.read(key)
        try:
            marker = None if stored is None else parse_marker(stored.data)
            place, within = divmod(-1 if marker is None else marker.start, WIDTH)
            entry = _entry_at(source, place, within, report.size) if marker is not None else b""
        except DecodeError:
            entry = b""
        if RECORDS.encode() + key.removeprefix(MARKERS).encode() not in entry:
            report.found("wrong-marker", key, "no entry stands behind it")


def _entry_at(source: Source, index: int, within: int, size: int) -> bytes:
    stored = source.read(SEAL + bundle_path(index, min(WIDTH, max(1, size - index * WIDTH)))) if index >= 0 else None
    entries = [] if stored is None else unbundled(stored, MAX_BUNDLE)
    return entries[within] if within < len(entries) else b""


class _Ascending:
    """Keys in order, which are asked for in order."""

    def __init__(self, keys: Iterator[str]) -> None:
        self._keys = keys
        self._next = next(keys, None)

    def has(self, key: str) -> bool:
        """Return whether a key is among them; it comes after those that were asked for before."""
        wanted = key.encode()
        while self._next is not None and self._next.encode() < wanted:
            self._next = next(self._keys, None)
        return self._next == key


class _Files:
    """The files of a copy, which are to be those that were listed as it was made, as they were then, and no others."""

    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._report = report
        self._names = source.files()
        self._name = next(self._names, None)

    def compare(self, rows: Sequence[Version]) -> None:
        """Compare what is listed of the next key."""
        first = next((row for row in rows if not row.marker), None)
        if first is None:
            return
        if first.key == CHECKPOINT:
            first = [row for row in rows if not row.marker][-1]
        if path_of(first.key) != first.key:
            if self._source.read(first.key) is None:
                self._report.found("copy-broken", first.key, "was copied, and is not in the copy")
            return
        if self._name != first.key:
            self._pass(first.key.encode())
        if self._name != first.key:
            if not first.key.startswith(RECORDS):  # of records, whoever checks them says what is missing
                self._report.found("copy-broken", first.key, "was copied, and is not in the copy")
            return
        self._name = next(self._names, None)
        if first.sha256 is not None and not first.key.startswith(_COMPARED):
            body = self._source.read(first.key)
            if body is not None and hashlib.sha256(body.data).hexdigest() != first.sha256:
                self._report.found("copy-broken", first.key, "is not as it was copied")

    def end(self) -> None:
        """Take what comes after all that is listed."""
        self._pass(None)

    def _pass(self, before: bytes | None) -> None:
        while self._name is not None and (before is None or os.fsencode(self._name) < before):
            self._report.found("copy-broken", self._name, "is in the copy, and was not when it was made")
            self._name = next(self._names, None)
