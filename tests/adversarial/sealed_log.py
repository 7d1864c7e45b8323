"""A sealed log in a folder, as a copy has it: made by the same functions as the real one, with a key of the test's."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_core.contents import StoredObject, entries_of
from audit_core.entries import parse_entry
from audit_core.layout import CHECKPOINT, KEY, RULES, checkpoint_key, marker_key, sequence_key
from audit_core.notes import Checkpoint, VerifierKey, note
from audit_core.sealing import EMPTY, LogState, marker_of
from audit_core.tiles import bundle
from cli.verify.findings import Report
from cli.verify.folder import LISTING, FolderSource
from cli.verify.log import VerifyOptions, verify_log
from cli.verify.objects import begins_object
from cli.verify.source import Version

ORIGIN = "log.example/seal"
BEGAN = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 90


@dataclass(slots=True, kw_only=True)
class SealedLog:
    """A log in memory: `files` by key, and what the listing says of each. Every step of it can be done falsely."""

    private: Ed25519PrivateKey = field(default_factory=lambda: Ed25519PrivateKey.from_private_bytes(bytes(32)))
    files: dict[str, bytes] = field(default_factory=dict)
    versions: dict[str, list[Version]] = field(default_factory=dict)
    others: dict[tuple[str, str], bytes] = field(default_factory=dict)
    now: datetime = BEGAN
    growth: LogState = EMPTY
    waiting: list[StoredObject] = field(default_factory=list)
    numbers: int = 0

    @property
    def key(self) -> VerifierKey:
        """The log's public key."""
        return VerifierKey(name=ORIGIN, public_key=self.private.public_key().public_bytes_raw())

    def begin(self) -> None:
        """Publish the empty log."""
        self.put(KEY, f"{self.key.text}\n".encode())
        self.sign()
        self.put(f"{RULES}0000", b'{"retention_days":%d}' % DAYS)

    def put(self, key: str, data: bytes) -> Version:
        """Put a file, as its first version."""
        self.numbers += 1
        version = Version(
            key=key,
            version=f"v{self.numbers}",
            stored_at=self.now,
            size=len(data),
            mode="GOVERNANCE",
            retain_until=self.now + timedelta(days=DAYS),
            sha256=hashlib.sha256(data).hexdigest(),
        )
        self.files[key] = data
        self.versions[key] = [version]
        return version

    def store(self, lines: int, *, session: str | None = None) -> str:
        """Store an object of so many records; return its key."""
        batch = hashlib.sha256(f"{self.numbers} {len(self.files)}".encode()).hexdigest()[:40]
        body = b"".join(
            orjson.dumps(
                {
                    "timestamp": self.now.isoformat(),
                    "agent_id": "an-agent",
                    "endpoint": "https://api.example.com/v1/things",
                    "request_hash": "sha256:" + hashlib.sha256(f"{batch} {number}".encode()).hexdigest(),
                    "session_id": session,
                    "attributes": {} if session is None else {"event_sequence": number},
                    "record_id": f"{batch}-{number}",
                }
            )
            + b"\n"
            for number in range(lines)
        )
        key = f"records/dt={self.now:%Y-%m-%d}/{batch}.jsonl.gz"
        self.add(key, gzip.compress(body, 2, mtime=0))
        return key

    def add(self, key: str, data: bytes) -> None:
        """Store an object that is to be sealed."""
        version = self.put(key, data)
        self.waiting.append(
            StoredObject(
                key=key,
                version=version.version,
                stored_at=self.now,
                retain_until=version.retain_until,
                body=data,
            )
        )

    def seal(self) -> None:
        """Seal what waits, a few minutes later."""
        self.now += timedelta(minutes=3)
        entries = [entry for stored in self.waiting for entry in entries_of(stored)]
        self.waiting = []
        self.commit([entry.data for entry in entries])

    def commit(self, entries: list[bytes]) -> None:
        """Add entries to the log, and sign it."""
        start = self.growth.size
        self.put(sequence_key(start), bundle(entries))
        self.growth, added = self.growth.add(entries)
        for key, data in added.items():
            self.put(key, data)
        for number, data in enumerate(entries):
            if begins_object(data):
                first = parse_entry(data)
                self.put(marker_key(first.key), marker_of(first, start + number).data)
        self.sign()

    def sign(self, private: Ed25519PrivateKey | None = None) -> None:
        """Publish a checkpoint of the log as it is."""
        text = Checkpoint(origin=ORIGIN, size=self.growth.size, root=self.growth.edge.root()).text
        signed = note(text, self.key, (private or self.private).sign(text.encode()))
        self.put(checkpoint_key(self.growth.size), signed)
        self.put(CHECKPOINT, signed)

    def write(self, folder: Path) -> Path:
        """Write the copy, with its listing."""
        for key, data in self.files.items():
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for (key, version), data in self.others.items():
            path = folder / "versions" / key / version
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        write_listing(folder, self.versions, self.now + timedelta(hours=1))
        return folder


def write_listing(folder: Path, versions: Mapping[str, list[Version]], when: datetime) -> None:
    """Write a copy's listing, good digest and all."""
    rows: list[dict[str, object]] = [{"copied_at": when.isoformat()}]
    rows += [row.as_json() for key in sorted(versions, key=str.encode) for row in versions[key]]
    text = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    digest = {"listing_sha256": hashlib.sha256(text).hexdigest()}
    (folder / LISTING).write_bytes(text + json.dumps(digest).encode() + b"\n")


def made(objects: int, lines: int, *, per_seal: int = 10) -> SealedLog:
    """Return a log of so many objects, with `lines` records each at most, sealed a few at a time."""
    log = SealedLog()
    log.begin()
    for number in range(objects):
        log.store(1 + (number * 7) % lines, session=f"s{number % 5}-{number}")
        if number % per_seal == per_seal - 1:
            log.seal()
    if log.waiting:
        log.seal()
    return log


def verified(folder: Path, key: VerifierKey, **changes: Any) -> Report:  # noqa: ANN401 - any of VerifyOptions's fields
    """Verify a copy."""
    return verify_log(FolderSource(folder), VerifyOptions(key=key, **changes))
