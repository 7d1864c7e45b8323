"""The sealed log in the bucket: its commit point, and the files that follow from it.

Promise: `sequence/<start>` is put once, where nothing is, and says which entries come next; whoever is second finds it
and goes on after it. All else (tiles, bundles, markers, checkpoints) is a function of it, put where nothing is or found
to be the same, so that a run that died anywhere is finished by the next one. A file that differs raises an alarm and
stays. Sealing goes on, because the signed tree follows from the commits alone. It stops with a `TamperedError` where a
commit is wrong, where our key has signed another history, or where no checkpoint of ours is left. What a run reads and
writes does not grow with the log.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from audit_core.contents import StoredObject
from audit_core.entries import Entry, parse_entry
from audit_core.errors import DecodeError
from audit_core.layout import (
    CHECKPOINT,
    CHECKPOINTS,
    KEY,
    MAX_COMMIT_BYTES,
    MAX_STORED_BYTES,
    SEAL,
    SEQUENCE,
    SEQUENCE_KEY,
    checkpoint_key,
    marker_key,
    sequence_key,
)
from audit_core.merkle import leaf_hash
from audit_core.notes import Checkpoint
from audit_core.sealing import EMPTY, LogState, Marker, marker_of, parse_marker
from audit_core.tiles import WIDTH, bundle, bundle_path, read_edge, unbundle
from log_sealer.bucket import Bucket, RefusedError, Version
from log_sealer.services import Signer

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


class Ledger:
    """The log under `seal/`. `alarm` reports what does not stop the sealing. `threads` files are put at once."""

    def __init__(self, bucket: Bucket, signer: Signer, *, alarm: Callable[[str, str], None], threads: int = 16) -> None:
        self._bucket = bucket
        self._signer = signer
        self._alarm = alarm
        self._threads = threads

    def open(self) -> LogState:
        """Publish what is committed and not yet published, and return the log's state. Raise `TamperedError`."""
        head, is_shown = self._head()
        log = EMPTY
        if head is None:
            self._put(KEY, f"{self._signer.key.text}\n".encode(), _TEXT)
        else:
            log = self._start(head)
        if not is_shown:
            self._publish_checkpoint(log)
        # The entries from size - 1 on are in the last sequence that is published; what comes after it is not.
        after = sequence_key(log.size - 1) if log.size else ""
        for key in [*self._bucket.keys(SEQUENCE, after=after)]:
            if not SEQUENCE_KEY.fullmatch(key):  # no commit has such a key
                self._alarm("conflict", key)
                continue
            if key != sequence_key(log.size):
                raise TamperedError("sequence-gap", key)
            log = self.publish(log, self._sequence(key))
        if head is not None and log.size < head.size:
            raise TamperedError("missing", sequence_key(log.size))
        return log

    def commit(self, log: LogState, entries: Sequence[Entry]) -> bool:
        """Decide that `entries` come next. False: somebody else has decided what does; `open` again."""
        body = bundle([entry.data for entry in entries])
        return self._bucket.create(sequence_key(log.size), body, mime=_BINARY)

    def publish(self, log: LogState, entries: Sequence[Entry]) -> LogState:
        """Put what follows from committed `entries`: the log's edge after them."""
        larger, added = log.add([entry.data for entry in entries])
        files = [(key, body, _BINARY) for key, body in added.items()]
        files += [
            (marker_key(entry.key), marker_of(entry, log.size + number).data, _JSON)
            for number, entry in enumerate(entries)
            if entry.line == 0
        ]
        with ThreadPoolExecutor(self._threads) as pool:
            for _ in pool.map(self._put, *zip(*files, strict=True)):
                pass
        self._publish_checkpoint(larger)
        return larger

    def marker(self, key: str) -> Marker | None:
        """Return where an object is sealed, or null. Raises `TamperedError`."""
        stored = self._bucket.read(marker_key(key))
        if stored is None:
            return None
        try:
            return parse_marker(stored.body)
        except DecodeError:
            pass
        try:  # a later version may lie over the right one
            return parse_marker(self._oldest(marker_key(key)).body)
        except DecodeError:
            raise TamperedError("conflict", marker_key(key)) from None

    def _head(self) -> tuple[Checkpoint | None, bool]:
        """Return the newest checkpoint that our key has signed, and whether `CHECKPOINT` shows it.

        The checkpoint is null where nothing is sealed yet. One that is replaced or hidden does not stop the sealing.
        """
        shown, is_new = self._shown()
        if shown is not None:
            return shown, True
        if not is_new:
            self._alarm("conflict", CHECKPOINT)
        elif next(self._bucket.versions(SEQUENCE), None) is not None:  # each commit comes after a checkpoint
            self._alarm("missing", CHECKPOINT)
        kept = next(self._kept(), None)
        if kept is None and next(self._bucket.versions(CHECKPOINTS), None) is not None:
            raise TamperedError("conflict", CHECKPOINT)
        return kept, False

    def _shown(self) -> tuple[Checkpoint | None, bool]:
        """Return the shown checkpoint, or null where our key has not signed it, and whether there is none to read."""
        try:
            newest = self._bucket.read(CHECKPOINT)
        except RefusedError:
            return None, False
        return None if newest is None else self._signer.opened(newest.body), newest is None

    def _kept(self) -> Iterator[Checkpoint]:
        """Yield the valid checkpoints that were stored before each commit, the newest first."""
        keys = [rows[0].key for rows in self._bucket.versions(SEQUENCE)]
        sizes = [int(key.removeprefix(SEQUENCE)) for key in keys if SEQUENCE_KEY.fullmatch(key)]
        for size in [*sizes[: -_MAX_OLDER - 1 : -1], 0]:
            try:
                opened = self._signer.opened(self._oldest(checkpoint_key(size)).body)
            except TamperedError:
                continue
            if opened is not None:
                yield opened

    def _start(self, head: Checkpoint) -> LogState:
        """Return the log at `head`, or at an earlier checkpoint where a file of its edge is wrong.

        The commits after that checkpoint are then published again.
        """
        try:
            return self._state_at(head)
        except TamperedError as error:
            self._alarm(error.kind, error.key)
            for kept in self._kept():
                try:
                    return self._state_at(kept)
                except TamperedError:
                    continue
            raise

    def _state_at(self, head: Checkpoint) -> LogState:
        if not head.size:
            return EMPTY
        index, width = divmod(head.size, WIDTH)
        try:
            edge = read_edge(head.size, self._read_tile)
            tail = unbundle(self._read_tile(bundle_path(index, width))) if width else []
            log = LogState(edge=edge, tail=tuple(tail))
        except (DecodeError, ValueError):
            raise TamperedError("edge-mismatch", CHECKPOINT) from None
        leaves = edge.levels[0] if edge.levels else ()
        if not hmac.compare_digest(edge.root(), head.root) or [leaf_hash(entry) for entry in tail] != [*leaves]:
            raise TamperedError("edge-mismatch", CHECKPOINT)
        return log

    def _sequence(self, key: str) -> list[Entry]:
        try:
            entries = [parse_entry(data) for data in unbundle(self._oldest(key, most=MAX_COMMIT_BYTES).body)]
        except DecodeError:
            raise TamperedError("conflict", key) from None
        if not entries:
            raise TamperedError("conflict", key)
        return entries

    def _publish_checkpoint(self, log: LogState) -> None:
        """Sign the log. Raise `TamperedError` where our key has signed another log of this size."""
        checkpoint = Checkpoint(origin=self._signer.key.name, size=log.size, root=log.edge.root())
        key, (shown, _) = checkpoint_key(log.size), self._shown()
        if shown is not None and shown.size == log.size and shown != checkpoint:
            raise TamperedError("conflict", key)
        signed = self._signer.sign(checkpoint)
        other = self._put(key, signed, _TEXT)
        if other is not None and self._signer.opened(other) not in {None, checkpoint}:
            raise TamperedError("conflict", key)
        if shown is None or shown.size < log.size:
            self._bucket.replace(CHECKPOINT, signed, mime=_TEXT)

    def _put(self, key: str, body: bytes, mime: str) -> bytes | None:
        """Put a file that follows from the commits. Raise an alarm for other content in its place, and return that."""
        if self._bucket.create(key, body, mime=mime):
            return None
        try:
            found = self._oldest(key).body
        except TamperedError as error:
            self._alarm(error.kind, error.key)
            return None
        if hmac.compare_digest(found, body):
            return None
        self._alarm("conflict", key)
        return found

    def _read_tile(self, path: str) -> bytes:
        return self._oldest(SEAL + path).body

    def _oldest(self, key: str, *, most: int = MAX_STORED_BYTES) -> StoredObject:
        """Return the first version of a file that must be there. Raise an alarm for a later one, or for a marker."""
        rows = self._versions(key)
        if len(rows) > 1:
            self._alarm("delete-marker" if any(row.marker for row in rows) else "second-version", key)
        first = next((row.version for row in rows if not row.marker), None)
        try:
            stored = None if first is None else self._bucket.read(key, version=first, most=most)
        except RefusedError:
            raise TamperedError("unreadable", key) from None
        if stored is None:
            raise TamperedError("missing", key)
        return stored

    def _versions(self, key: str) -> list[Version]:
        """All versions of one key, the oldest first. Of what begins with it, it comes first in a listing."""
        for rows in self._bucket.versions(key):
            return rows if rows[0].key == key else []
        return []
