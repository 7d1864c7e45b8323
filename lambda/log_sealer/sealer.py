"""A run of the sealer: what is new in the bucket becomes part of the sealed log.

Promise: every object under `records/` is sealed once, whatever the order of objects and messages, however many runs
there are at once, and wherever one dies. A message is deleted only after its objects are sealed. A malformed object
raises an alarm, and is sealed all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice

from audit_core.contents import StoredObject, entries_of
from audit_core.entries import Entry
from audit_core.layout import MARKERS, RECORD_KEY, RECORDS, day_of, marker_key
from audit_core.sealing import MAX_KEY_BYTES, Marker
from log_sealer.bucket import Bucket, RefusedError, Version
from log_sealer.ledger import Ledger, TamperedError
from log_sealer.rules import Rule, required_days, rules_of
from log_sealer.services import Notice, Notices

MAX_OBJECTS = 2_000
"""In one commit."""
MAX_ENTRIES = 50_000
MAX_BYTES = 64 * 1024 * 1024
_MAX_ROUNDS = 10_000
_ROUND_SECONDS = 60.0
_LOST_RACES = 100
_CLOCKS = timedelta(hours=1)
_RECENT_DAYS = 3
_CYCLE_DAYS = 30

Alarm = Callable[[str, str], None]
"""Gets the kind of a finding, and the key that it is about."""


@dataclass(slots=True, kw_only=True)
class Sealed:
    """What a run did: the log's size after it, how many entries and objects it added."""

    size: int = 0
    entries: int = 0
    objects: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Objects that may have to be sealed: the reported version by key, and the messages that report them."""

    versions: Mapping[str, str]
    notices: list[Notice] = field(default_factory=list)


class Sealer:
    """Seals what is new."""

    def __init__(
        self,
        *,
        bucket: Bucket,
        ledger: Ledger,
        notices: Notices,
        retention_days: int,
        alarm: Alarm,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        threads: int = 16,
    ) -> None:
        self._bucket = bucket
        self._ledger = ledger
        self._notices = notices
        self._retention_days = retention_days
        self._rules: list[Rule] = []
        self._alarm = alarm
        self._now = now
        self._threads = threads

    def seal(self, *, deadline: float) -> Sealed:
        """Seal what the queue reports, until it is empty or `deadline` (on the monotonic clock) is near."""
        sealed = self._begin()
        for _ in range(_MAX_ROUNDS):
            found = self._received()
            if not found.notices:
                break
            unread = self._add(found.versions, sealed)
            self._notices.done([one for one in found.notices if unread.isdisjoint(key for key, _ in one.objects)])
            if time.monotonic() + _ROUND_SECONDS > deadline:
                break
        return sealed

    def reconcile(self, *, deadline: float) -> Sealed:
        """Check the bucket itself: the last days, and a part of the older ones, so that each has its turn.

        Seal what no message reported. Raise an alarm for delete markers and for versions over others.
        """
        sealed = self._begin()
        waiting: dict[str, str] = {}
        for folder in self._days():
            for key, version in self._unsealed(folder):
                waiting[key] = version
                if len(waiting) == MAX_OBJECTS:
                    self._add(waiting, sealed)
                    waiting = {}
            if time.monotonic() + _ROUND_SECONDS > deadline:
                break
        self._add(waiting, sealed)
        return sealed

    def _begin(self) -> Sealed:
        sealed = Sealed(size=self._ledger.open().size)
        if not self._rules:
            self._rules = rules_of(self._bucket, self._retention_days, alarm=self._alarm)
        return sealed

    def _received(self) -> Found:
        versions: dict[str, str] = {}
        notices: list[Notice] = []
        while len(versions) < MAX_OBJECTS and (some := self._notices.receive()):
            notices += some
            for notice in some:
                for key, version in notice.objects:
                    if not key.startswith(RECORDS):
                        continue
                    if versions.setdefault(key, version) != version:
                        self._alarm("second-version", key)
                        versions[key] = self._first_version(key) or version
            if len(notices) >= MAX_OBJECTS:
                break
        return Found(versions=versions, notices=notices)

    def _add(self, versions: Mapping[str, str], sealed: Sealed) -> set[str]:
        """Seal of `versions` what is not sealed yet. Returns the keys of what S3 does not hand out."""
        left = self._sealable(versions)
        unread: set[str] = set()
        for _ in range(_LOST_RACES):
            log = self._ledger.open()
            sealed.size = log.size
            left, refused = self._without_sealed(left)
            unread |= refused
            if not left:
                return unread
            entries, taken, refused = self._entries(left)
            unread |= refused
            left = {key: version for key, version in left.items() if key not in refused}
            if not entries:
                return unread
            if self._ledger.commit(log, entries):
                sealed.size = self._ledger.publish(log, entries).size
                sealed.entries += len(entries)
                sealed.objects += len(taken)
                left = {key: version for key, version in left.items() if key not in taken}
        if left:
            raise TimeoutError("others were always first")
        return unread

    def _sealable(self, versions: Mapping[str, str]) -> dict[str, str]:
        """Raise an alarm for each key that the writer does not make. Skip keys that are too long to have a marker."""
        left: dict[str, str] = {}
        for key, version in versions.items():
            if not RECORD_KEY.fullmatch(key):
                self._alarm("unexpected-key", key)
            if len(key.encode()) <= MAX_KEY_BYTES:
                left[key] = version
        return left

    def _without_sealed(self, versions: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
        """Return the versions without a marker, and the keys whose marker cannot be read or is not valid."""
        with ThreadPoolExecutor(self._threads) as pool:
            markers = pool.map(self._marker, versions)
            left: dict[str, str] = {}
            refused: set[str] = set()
            for (key, version), marker in zip(versions.items(), markers, strict=True):
                if isinstance(marker, TamperedError):
                    self._alarm(marker.kind, marker.key)
                    refused.add(key)
                elif marker is None:
                    left[key] = version
                elif version and version != marker.version:
                    self._alarm("second-version", key)
        return left, refused

    def _marker(self, key: str) -> Marker | TamperedError | None:
        try:
            return self._ledger.marker(key)
        except TamperedError as error:
            return error
        except RefusedError:
            return TamperedError("unreadable", marker_key(key))

    def _entries(self, versions: Mapping[str, str]) -> tuple[list[Entry], set[str], set[str]]:
        """Return the entries of some objects, by time of storing, the keys of those objects, and the rejected keys."""
        refused: set[str] = set()
        stored: list[StoredObject] = []
        size = 0
        keys = iter(versions)
        with ThreadPoolExecutor(self._threads) as pool:
            while size < MAX_BYTES and (some := list(islice(keys, self._threads))):
                read = pool.map(self._read, some, [versions[key] for key in some])
                for key, item in zip(some, read, strict=True):
                    if isinstance(item, RefusedError):
                        # Whoever may put an object could put one that nobody can read: it must not stop the others.
                        self._alarm("unreadable", key)
                        refused.add(key)
                    elif item is None:
                        self._alarm("missing", key)
                    else:
                        stored.append(item)
                        size += len(item.body) if item.digest is None else MAX_BYTES
        stored.sort(key=lambda item: (item.stored_at, item.key))
        entries: list[Entry] = []
        taken: set[str] = set()
        for item in stored:
            try:
                own = entries_of(item)
            except Exception:  # noqa: BLE001 - one bad object does not stop the others
                self._alarm("unreadable", item.key)
                refused.add(item.key)
                continue
            if entries and len(entries) + len(own) > MAX_ENTRIES:
                break
            entries += own
            taken.add(item.key)
            self._look(item, own[0])
        return entries, taken, refused

    def _read(self, key: str, version: str) -> StoredObject | RefusedError | None:
        first = version or self._first_version(key)
        try:
            return self._bucket.read(key, version=first)
        except RefusedError as error:
            return error

    def _look(self, stored: StoredObject, first: Entry) -> None:
        """Raise an alarm for an object that the writer does not make, or whose lock is too short."""
        if first.whole is not None and first.whole.unreadable is not None:
            self._alarm("unreadable", stored.key)
        least = timedelta(days=required_days(self._rules, stored.stored_at))
        if stored.retain_until is None or stored.retain_until < stored.stored_at + least - _CLOCKS:
            self._alarm("short-lock", stored.key)

    def _first_version(self, key: str) -> str | None:
        for rows in self._bucket.versions(key):
            if rows[0].key != key:
                break
            return next((row.version for row in rows if not row.marker), None)
        return None

    def _days(self) -> Iterator[str]:
        """Yield the folders of the last days, of the older days whose turn it is, and any other folder."""
        today = self._now().date().toordinal()
        for folder in self._bucket.folders(RECORDS):
            try:
                day = date.fromisoformat(day_of(folder)).toordinal()
            except ValueError:
                yield folder
                continue
            if today - day < _RECENT_DAYS or day % _CYCLE_DAYS == today % _CYCLE_DAYS:
                yield folder

    def _unsealed(self, folder: str) -> Iterator[tuple[str, str]]:
        """Keys and first versions of what has no marker; both listings are in the order of keys."""
        markers = self._bucket.keys(MARKERS + folder.removeprefix(RECORDS))
        marker = next(markers, None)
        for rows in self._bucket.versions(folder):
            key = rows[0].key
            first = self._only(rows)
            wanted = marker_key(key)
            while marker is not None and marker < wanted:
                marker = next(markers, None)
            if first is not None and marker != wanted:
                yield key, first.version

    def _only(self, rows: Iterable[Version]) -> Version | None:
        """Return the first version. Raise an alarm for everything that lies over it."""
        first, *others = rows
        for row in (first, *others) if first.marker else others:
            self._alarm("delete-marker" if row.marker else "second-version", row.key)
        return next((row for row in (first, *others) if not row.marker), None)
