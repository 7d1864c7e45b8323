"""A sealed log in a folder, as a copy has it, of records that the writer made: for what verifies and what seals."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from isal import isal_zlib

from audit_core.contents import StoredObject, entries_of
from audit_core.entries import Entry
from audit_core.layout import CHECKPOINT, KEY, checkpoint_key, marker_key, record_key, sequence_key
from audit_core.notes import Checkpoint, VerifierKey, note
from audit_core.sealing import EMPTY, marker_of
from audit_core.tiles import bundle
from benchmarks.calls import make_calls
from benchmarks.writing import Bench
from cli.verify.folder import LISTING
from cli.verify.source import Version

RECORDS_EACH: Final = 100
"""In an object."""
_OBJECTS_EACH: Final = 20
"""In a commit."""
_PATTERNS: Final = 5
_BATCH: Final = 40
_BEGAN: Final = datetime(2026, 11, 1, tzinfo=UTC)
_UNTIL: Final = _BEGAN + timedelta(days=365)
_ORIGIN: Final = "log.example/seal"


def objects(count: int) -> Iterator[StoredObject]:
    """Yield objects of `RECORDS_EACH` records each, as the writer stores them, from the same few calls."""
    bench = Bench()
    patterns: list[tuple[bytes, bytes]] = []
    for body in make_calls(min(_PATTERNS, count) * RECORDS_EACH).bodies(RECORDS_EACH):
        bench.write([body])
        lines = gzip.decompress(bench.store.last)
        patterns.append((lines, orjson.loads(lines[: lines.index(b"\n")])["record_id"][:_BATCH].encode()))
    for number in range(count):
        lines, batch = patterns[number % len(patterns)]
        own = hashlib.sha256(b"%d" % number).hexdigest()[:_BATCH]
        stored_at = _BEGAN + timedelta(seconds=number)
        yield StoredObject(
            key=record_key(f"{stored_at:%Y-%m-%d}", own),
            version=own[::-1][:32],
            stored_at=stored_at,
            retain_until=_UNTIL,
            body=isal_zlib.compress(lines.replace(batch, own.encode()), 2, 31),
        )


class SealedFolder:
    """Write a log of `count` objects; keep what its listing says."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self._private = Ed25519PrivateKey.from_private_bytes(bytes(32))
        self.key = VerifierKey(name=_ORIGIN, public_key=self._private.public_key().public_bytes_raw())
        self.paths: list[Path] = []
        self._rows: list[tuple[bytes, bytes]] = []
        self._log = EMPTY
        self._write(KEY, f"{self.key.text}\n".encode(), "1")
        self._sign()
        entries: list[Entry] = []
        for number, stored in enumerate(objects(count)):
            self.paths.append(self._write(stored.key, stored.body, stored.version))
            entries += entries_of(stored)
            if number % _OBJECTS_EACH == _OBJECTS_EACH - 1 or number == count - 1:
                self._commit(entries)
                entries = []
        self._list()

    @property
    def size(self) -> int:
        """Return how many records it has."""
        return self._log.size

    def _commit(self, entries: list[Entry]) -> None:
        start = self._log.size
        data = [entry.data for entry in entries]
        self._write(sequence_key(start), bundle(data), "1")
        self._log, files = self._log.add(data)
        for key, body in files.items():
            self._write(key, body, "1")
        for number, entry in enumerate(entries):
            if entry.line == 0:
                self._write(marker_key(entry.key), marker_of(entry, start + number).data, "1")
        self._sign()

    def _sign(self) -> None:
        text = Checkpoint(origin=_ORIGIN, size=self._log.size, root=self._log.edge.root()).text
        signed = note(text, self.key, self._private.sign(text.encode()))
        self._write(checkpoint_key(self._log.size), signed, "1")
        self._write(CHECKPOINT, signed, "1")

    def _write(self, key: str, data: bytes, version: str) -> Path:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        row = Version(
            key=key, version=version, stored_at=_BEGAN, size=len(data), mode="GOVERNANCE", retain_until=_UNTIL,
            sha256=hashlib.sha256(data).hexdigest(),
        )  # fmt: skip
        if key != CHECKPOINT or self._log.size:
            self._rows.append((key.encode(), orjson.dumps(row.as_json())))
        return path

    def _list(self) -> None:
        listing = io.BytesIO()
        listing.write(orjson.dumps({"copied_at": (_BEGAN + timedelta(hours=1)).isoformat()}) + b"\n")
        for _, row in sorted({key: (key, row) for key, row in self._rows}.values()):
            listing.write(row + b"\n")
        text = listing.getvalue()
        digest = {"listing_sha256": hashlib.sha256(text).hexdigest()}
        (self.folder / LISTING).write_bytes(text + orjson.dumps(digest) + b"\n")
