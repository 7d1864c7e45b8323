"""The sealed log in the bucket: its commit point, and the files that follow from it.

Promise: `sequence/<start>` is put once, where nothing is, and says which entries come next; whoever is second finds it
and goes on after it. All else (tiles, bundles, markers, checkpoints) is a function of it, put where nothing is or found
to be the same, so that a run that died anywhere is finished by the next one. What is found to be different is a
`TamperedError`, and nothing is put over it. What a run reads and writes does not grow with the log.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import orjson

from audit_core.entries import Entry, parse_entry
from audit_core.errors import DecodeError
from audit_core.merkle import leaf_hash
from audit_core.notes import Checkpoint
from audit_core.tiles import WIDTH, Edge, bundle, bundle_path, read_edge, unbundle
from log_sealer.bucket import Bucket, Version
from log_sealer.contents import StoredObject
from log_sealer.services import Signer

RECORDS = "records/"
SEAL = "seal/"
SEQUENCE = f"{SEAL}sequence/"
MARKERS = f"{SEAL}objects/"
CHECKPOINT = f"{SEAL}checkpoint"
CHECKPOINTS = f"{SEAL}checkpoints/"
KEY = f"{SEAL}key"
_DIGITS = 16
_BINARY = "application/octet-stream"
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_MAX_OLDER = 1000


class TamperedError(Exception):
    """What the sealed log holds is not what it must hold: which kind of thing, and where."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"{kind}: {key}")
        self.kind = kind
        self.key = key


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Where an object is sealed: the number of its first entry, and which version of it that is about."""

    start: int
    version: str

    @property
    def data(self) -> bytes:
        """The marker's bytes."""
        return orjson.dumps({"start": self.start, "version": self.version}, option=orjson.OPT_SORT_KEYS)


def sequence_key(start: int) -> str:
    """Where the entries from `start` on are put, so that listings are in order."""
    return f"{SEQUENCE}{start:0{_DIGITS}}"


def marker_key(key: str) -> str:
    """Where it stands that an object is sealed."""
    return MARKERS + key.removeprefix(RECORDS)


class Ledger:
    """The log under `seal/`. `alarm` is told of what does not stop the sealing; `threads` put files at once."""

    def __init__(self, bucket: Bucket, signer: Signer, *, alarm: Callable[[str, str], None], threads: int = 16) -> None:
        self._bucket = bucket
        self._signer = signer
        self._alarm = alarm
        self._threads = threads

    def open(self) -> Edge:
        """The log as it stands, after what was committed and not yet published has been. Raises `TamperedError`."""
        head = self._head()
        edge = self._edge(head) if head.size else Edge()
        if not head.size and self._bucket.read(CHECKPOINT) is None:
            self._put(KEY, f"{self._signer.key.text}\n".encode(), _TEXT)
            self._publish_checkpoint(edge)
        # The entries from size - 1 on are in the last sequence that is published; what comes after it is not.
        after = sequence_key(edge.size - 1) if edge.size else ""
        for key in [*self._bucket.keys(SEQUENCE, after=after)]:
            if key != sequence_key(edge.size):
                raise TamperedError("sequence-gap", key)
            edge = self.publish(edge, self._sequence(key))
        return edge

    def commit(self, edge: Edge, entries: Sequence[Entry]) -> bool:
        """Decide that `entries` come next. False: somebody else has decided what does; `open` again."""
        body = bundle([entry.data for entry in entries])
        return self._bucket.create(sequence_key(edge.size), body, mime=_BINARY)

    def publish(self, edge: Edge, entries: Sequence[Entry]) -> Edge:
        """Put what follows from committed `entries`: the edge after them."""
        data = [entry.data for entry in entries]
        larger, tiles = edge.grow([leaf_hash(entry) for entry in data])
        files = [(SEAL + path, body, _BINARY) for path, body in self._bundles(edge, data)]
        files += [(SEAL + path, body, _BINARY) for path, body in tiles.items()]
        files += [
            (marker_key(entry.key), Marker(start=edge.size + number, version=entry.version).data, _JSON)
            for number, entry in enumerate(entries)
            if entry.line == 0
        ]
        with ThreadPoolExecutor(self._threads) as pool:
            for _ in pool.map(self._put, *zip(*files, strict=True)):
                pass
        self._publish_checkpoint(larger)
        return larger

    def marker(self, key: str) -> Marker | None:
        """Where an object is sealed, or null. Raises `TamperedError`."""
        stored = self._bucket.read(marker_key(key))
        if stored is None:
            return None
        try:
            said = orjson.loads(stored.body)
            marker = Marker(start=int(said["start"]), version=str(said["version"]))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            raise TamperedError("conflict", marker_key(key)) from None
        if marker.data != stored.body:
            raise TamperedError("conflict", marker_key(key))
        return marker

    def _head(self) -> Checkpoint:
        """The newest checkpoint that our key has signed; what lies over it does not keep us from going on."""
        newest = self._bucket.read(CHECKPOINT)
        if newest is None:
            return Checkpoint(origin=self._signer.key.name, size=0, root=Edge().root())
        opened = self._signer.opened(newest.body)
        if opened is not None:
            return opened
        self._alarm("conflict", CHECKPOINT)
        for row in self._versions(CHECKPOINT)[-2 : -_MAX_OLDER - 1 : -1]:
            older = None if row.marker else self._bucket.read(CHECKPOINT, version=row.version)
            opened = None if older is None else self._signer.opened(older.body)
            if opened is not None:
                return opened
        raise TamperedError("conflict", CHECKPOINT)

    def _edge(self, head: Checkpoint) -> Edge:
        try:
            edge = read_edge(head.size, self._read_tile)
        except DecodeError:
            raise TamperedError("edge-mismatch", CHECKPOINT) from None
        if not hmac.compare_digest(edge.root(), head.root):
            raise TamperedError("edge-mismatch", CHECKPOINT)
        return edge

    def _sequence(self, key: str) -> list[Entry]:
        try:
            entries = [parse_entry(data) for data in unbundle(self._oldest(key).body)]
        except DecodeError:
            raise TamperedError("conflict", key) from None
        if not entries:
            raise TamperedError("conflict", key)
        return entries

    def _bundles(self, edge: Edge, data: Sequence[bytes]) -> Iterable[tuple[str, bytes]]:
        """The bundles that entries make, the last partial one among them."""
        index, width = divmod(edge.size, WIDTH)
        try:
            before = unbundle(self._read_tile(bundle_path(index, width))) if width else []
        except DecodeError:
            raise TamperedError("conflict", SEAL + bundle_path(index, width)) from None
        whole = [*before, *data]
        for start in range(0, len(whole), WIDTH):
            part = whole[start : start + WIDTH]
            yield bundle_path(index + start // WIDTH, len(part)), bundle(part)

    def _publish_checkpoint(self, edge: Edge) -> None:
        checkpoint = Checkpoint(origin=self._signer.key.name, size=edge.size, root=edge.root())
        signed = self._signer.sign(checkpoint)
        self._put(f"{CHECKPOINTS}{edge.size}", signed, _TEXT)
        newest = self._bucket.read(CHECKPOINT)
        shown = None if newest is None else self._signer.opened(newest.body)
        if shown is None or shown.size < edge.size:
            self._bucket.replace(CHECKPOINT, signed, mime=_TEXT)

    def _put(self, key: str, body: bytes, mime: str) -> None:
        """Put a file that follows from what is committed; one that is there must be the same."""
        if not self._bucket.create(key, body, mime=mime) and not hmac.compare_digest(self._oldest(key).body, body):
            raise TamperedError("conflict", key)

    def _read_tile(self, path: str) -> bytes:
        return self._oldest(SEAL + path).body

    def _oldest(self, key: str) -> StoredObject:
        """The first version of a file that must be there: a later one, or a marker, was laid over it."""
        rows = self._versions(key)
        if len(rows) > 1:
            self._alarm("delete-marker" if any(row.marker for row in rows) else "second-version", key)
        first = next((row.version for row in rows if not row.marker), None)
        stored = None if first is None else self._bucket.read(key, version=first)
        if stored is None:
            raise TamperedError("missing", key)
        return stored

    def _versions(self, key: str) -> list[Version]:
        """All versions of one key, the oldest first. Of what begins with it, it comes first in a listing."""
        for rows in self._bucket.versions(key):
            return rows if rows[0].key == key else []
        return []
