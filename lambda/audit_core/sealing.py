"""The sealed log's files: which of them follow from the entries that were committed.

Promise: `LogState` needs the tree's right edge and nothing else of the log; who seals and who verifies call the same
function, so that every file but the commits and the signatures can be compared byte for byte with what it must be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from audit_core.entries import Entry
from audit_core.errors import DecodeError
from audit_core.layout import MARKERS, RECORDS, SEAL
from audit_core.merkle import leaf_hashes
from audit_core.tiles import WIDTH, Edge, bundle, bundle_path, bundle_size

RULE_BODY = re.compile(rb'\{"retention_days":([1-9][0-9]{0,5})\}')
MAX_KEY_BYTES = 1024 - len(MARKERS) + len(RECORDS)
"""Of an object's key. The key of its marker must fit into the 1,024 bytes that S3 allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Where an object is sealed: the number of its first entry, its version, and until when it was locked then."""

    start: int
    version: str
    retain_until: str | None

    @property
    def data(self) -> bytes:
        """The marker's bytes."""
        said = {"retain_until": self.retain_until, "start": self.start, "version": self.version}
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def marker_of(entry: Entry, start: int) -> Marker:
    """Return the marker of the object whose first entry is `entry`, which is number `start` of the log."""
    until = None if entry.whole is None else entry.whole.retain_until
    return Marker(start=start, version=entry.version, retain_until=until)


def parse_marker(data: bytes) -> Marker:
    """Parse a marker. Raise `DecodeError` for bytes that the marker would not be written as."""
    try:
        said = orjson.loads(data)
        marker = Marker(start=said["start"], version=said["version"], retain_until=said["retain_until"])
        texts = isinstance(marker.version, str) and isinstance(marker.retain_until, str | None)
        if type(marker.start) is int and texts and marker.data == data:
            return marker
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, KeyError, TypeError):
        pass
    raise DecodeError("is not a marker in its one form")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """A log's state: the right edge of its tree, and the entries of its last partial bundle."""

    edge: Edge
    tail: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.tail) != self.edge.size % WIDTH:
            raise ValueError("LogState: tail must be the last partial bundle")

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self.edge.size

    def add(
        self, entries: Sequence[bytes], leaves: Sequence[bytes] | None = None, bundled: bytes | None = None
    ) -> tuple[LogState, dict[str, bytes]]:
        """Return the state after `entries`, and the tiles and bundles that the larger log adds, by key in the bucket.

        `leaves`: their leaf hashes, `bundled`: all of them as one bundle; when somebody has worked those out already.
        """
        edge, tiles = self.edge.grow(leaf_hashes(entries) if leaves is None else leaves)
        files = {SEAL + path: body for path, body in tiles.items()}
        whole = [*self.tail, *entries]
        data = bundle(self.tail) + (bundle(entries) if bundled is None else bundled)
        index = self.size // WIDTH
        place = 0
        for start in range(0, len(whole), WIDTH):
            part = whole[start : start + WIDTH]
            end = place + bundle_size(part)
            files[SEAL + bundle_path(index + start // WIDTH, len(part))] = data[place:end]
            place = end
        rest = len(whole) % WIDTH
        return LogState(edge=edge, tail=tuple(whole[len(whole) - rest :])), files


EMPTY = LogState(edge=Edge())
"""The log without entries."""
