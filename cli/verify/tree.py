"""Whether the sealed log is one tree under good signatures, each checkpoint of which continues the one before.

Promise: what is accepted as the log's entries is what a checkpoint of the trusted key has signed, and nothing else;
every file of the log is compared with what follows from those. What a run holds does not grow with the log, but for
one number a checkpoint.
"""

import hmac
import re
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from audit_core.errors import AuditError, DecodeError
from audit_core.notes import Checkpoint, VerifierKey, open_checkpoint
from audit_core.sealing import (
    CHECKPOINT,
    CHECKPOINTS,
    EMPTY,
    KEY,
    SEAL,
    Growth,
    begins_object,
    checkpoint_key,
    sequence_key,
)
from audit_core.tiles import MAX_ENTRY_BYTES, WIDTH, bundle, bundle_path, unbundle
from cli.verify.findings import Report
from cli.verify.objects import Checked
from cli.verify.source import Body, Source
from cli.verify.trust import verify_signature

_JOB = 2_000
_SIZE = re.compile("0|[1-9][0-9]{0,17}")
_MAX_COMMIT = 64 * 1024 * 1024
"""Entries of the largest object that can be sealed fit."""
MAX_BUNDLE = WIDTH * (MAX_ENTRY_BYTES + 2)
_AHEAD = 16
_AHEAD_ENTRIES = 60_000
_MAX_CHECKPOINTS = 10_000_000
_PUBLISHING = timedelta(minutes=15)

Submit = Callable[[Sequence[bytes], int], "Future[Checked]"]
"""Checks the objects of some entries, from a number on; somewhere, some time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Commit:
    """What a commit says comes next, and the jobs that check it."""

    start: int
    entries: list[bytes]
    jobs: "list[Future[Checked]]"

    @property
    def end(self) -> int:
        return self.start + len(self.entries)


class TreeCheck:
    """Checks the tree of one log. `kept`: checkpoints of an earlier day that the log must continue."""

    def __init__(
        self, source: Source, key: VerifierKey, report: Report, *, submit: Submit, kept: Sequence[Checkpoint] = ()
    ) -> None:
        self._source = source
        self._key = key
        self._report = report
        self._submit = submit
        self._kept = sorted(kept, key=lambda checkpoint: checkpoint.size)
        self.sizes: list[int] = []
        self._last_at = datetime.min.replace(tzinfo=UTC)
        self.log = EMPTY
        self.objects = 0
        self.signed: list[int] = []

    def run(self, done: Callable[[Checked], None]) -> None:
        """Check everything; `done` takes what came of the objects."""
        # What is shown is read before what is kept: a log that grows meanwhile is then not shorter than it says.
        shown = self._source.read(CHECKPOINT)
        self.sizes = self._sizes()
        self._check_key()
        self._check_kept(EMPTY, [])
        self._check_checkpoint(EMPTY)
        waiting: deque[_Commit] = deque()
        while True:
            self._look_ahead(waiting)
            if waiting and self._accept(waiting[0], done):
                waiting.popleft()
                continue
            # What was looked at ahead follows from what is not so.
            for job in [job for commit in waiting for job in commit.jobs]:
                job.cancel()
            waiting.clear()
            if not self._bridge(done):
                break
        self._report.size = self.log.size
        self._check_end()
        self._check_shown(shown)

    # What was signed

    def _sizes(self) -> list[int]:
        sizes: list[int] = []
        for rows in self._source.versions(CHECKPOINTS):
            name = rows[0].key.removeprefix(CHECKPOINTS)
            if not _SIZE.fullmatch(name) or len(sizes) >= _MAX_CHECKPOINTS:
                self._report.found("unexpected", rows[0].key)
                continue
            sizes.append(int(name))
            self._last_at = max(self._last_at, rows[0].stored_at)
        return sorted(sizes)

    def _check_key(self) -> None:
        stored = self._source.read(KEY)
        if stored is None:
            self._report.found("missing", KEY)
        elif stored.data != f"{self._key.text}\n".encode():
            self._report.found("altered", KEY, "is not the key that this log is checked with")

    def _signed(self, key: str) -> Checkpoint | None:
        """The checkpoint in a file, when the trusted key has signed it."""
        stored = self._source.read(key)
        if stored is None:
            return None
        try:
            return open_checkpoint(stored.data, self._key, verify_signature)
        except AuditError as error:
            self._report.found("signature", key, str(error))
            return None

    def _check_checkpoint(self, log: Growth) -> bool:
        """Whether the checkpoint of the log's size is there, signed, and of this log; tells what it is not."""
        key = checkpoint_key(log.size)
        before = len(self._report.findings)
        signed = self._signed(key)
        if signed is None:
            if len(self._report.findings) == before:
                self._report.found("checkpoint-missing", key)
            return False
        if signed.size != log.size or not hmac.compare_digest(signed.root, log.edge.root()):
            self._report.found("rewritten", key, f"what is there up to entry {log.size} is not what was signed")
            return False
        self._report.checkpoints += 1
        self._report.vouched = log.size
        self.signed.append(log.size)
        return True

    def _is_signed(self, log: Growth) -> bool | None:
        """Whether a good checkpoint says that this is the log; null where there is none of its size."""
        place = bisect_left(self.sizes, log.size)
        if self.sizes[place : place + 1] != [log.size]:
            return None
        stored = self._source.read(checkpoint_key(log.size))
        try:
            signed = None if stored is None else open_checkpoint(stored.data, self._key, verify_signature)
        except AuditError:
            return None
        return None if signed is None else signed.size == log.size and hmac.compare_digest(signed.root, log.edge.root())

    def _is_good(self, stored: Body) -> bool:
        try:
            open_checkpoint(stored.data, self._key, verify_signature)
        except AuditError:
            return False
        return True

    # What was committed

    def _commit(self, start: int) -> _Commit | None:
        stored = self._source.read(sequence_key(start))
        if stored is None:
            return None
        try:
            entries = unbundled(stored, _MAX_COMMIT)
        except DecodeError:
            return None
        return self._begun(start, entries) if entries and begins_object(entries[0]) else None

    def _look_ahead(self, waiting: deque[_Commit]) -> None:
        """Begin to check the next commits before their turn comes."""
        while len(waiting) < _AHEAD and sum(len(commit.entries) for commit in waiting) < _AHEAD_ENTRIES:
            commit = self._commit(waiting[-1].end if waiting else self.log.size)
            if commit is None:
                return
            waiting.append(commit)

    def _begun(self, start: int, entries: list[bytes]) -> _Commit:
        jobs: list[Future[Checked]] = []
        first = 0
        while first < len(entries):
            end = min(first + _JOB, len(entries))
            while end < len(entries) and not begins_object(entries[end]):
                end += 1
            jobs.append(self._submit(entries[first:end], start + first))
            first = end
        return _Commit(start=start, entries=entries, jobs=jobs)

    def _accept(self, commit: _Commit, done: Callable[[Checked], None]) -> bool:
        """Take a commit into the log, unless a checkpoint says that it is not what came next."""
        results = [job.result() for job in commit.jobs]
        leaves = [leaf for result in results for leaf in result.leaves]
        log, files = self.log.add(commit.entries, leaves)
        signed = self._is_signed(log)
        if signed is False:
            return False
        if signed is None:  # is it the checkpoint that is missing, or the commit that is wrong?
            known = self._from_bundles()
            if known is not None and known[: len(commit.entries)] != commit.entries:
                return False
        if signed is None and (not self.sizes or log.size > self.sizes[-1]):
            self._report.notices.append(f"entries from {commit.start} on are committed and not signed yet")
            return False
        self._take(log, files, leaves, results, done)
        return True

    def _take(
        self,
        log: Growth,
        files: dict[str, bytes],
        leaves: Sequence[bytes],
        results: Sequence[Checked],
        done: Callable[[Checked], None],
    ) -> None:
        self._check_kept(self.log, leaves)
        self._check_between(self.log.size, log.size)
        for key, expected in files.items():
            stored = self._source.read(key)
            if stored is None:
                self._report.found("missing", key)
            elif stored.data != expected:
                self._report.found("altered", key)
        self.log = log
        self._check_checkpoint(log)
        for result in results:
            self.objects += result.objects
            done(result)

    def _bridge(self, done: Callable[[Checked], None]) -> bool:
        """Go on where the commit is gone or is not what was signed: by the bundles, up to the next checkpoint."""
        entries = self._from_bundles()
        if entries is None:
            return False
        commit = self._begun(self.log.size, entries)
        results = [job.result() for job in commit.jobs]
        leaves = [leaf for result in results for leaf in result.leaves]
        log, files = self.log.add(entries, leaves)
        files[sequence_key(commit.start)] = bundle(entries)
        self._take(log, files, leaves, results, done)
        return True

    def _from_bundles(self) -> list[bytes] | None:
        """The entries up to the next checkpoint, from the bundles, when they are what it signs."""
        place = bisect_left(self.sizes, self.log.size + 1)
        for size in self.sizes[place : place + 1]:
            entries: list[bytes] = []
            for index in range(self.log.size // WIDTH, -(-size // WIDTH)):
                stored = self._source.read(SEAL + bundle_path(index, min(WIDTH, size - index * WIDTH)))
                try:
                    some = [] if stored is None else unbundled(stored, MAX_BUNDLE)
                except DecodeError:
                    return None
                entries += some[max(0, self.log.size - index * WIDTH) :]
            if len(entries) == size - self.log.size and self._is_signed(self.log.add(entries)[0]):
                return entries
        return None

    # What must hold of the whole

    def _check_between(self, start: int, end: int) -> None:
        """No checkpoint is of a size at which nothing was committed."""
        for size in self.sizes[bisect_left(self.sizes, start + 1) : bisect_left(self.sizes, end)]:
            if self._signed(checkpoint_key(size)) is not None:
                self._report.found("unexpected", checkpoint_key(size), "is signed, of a size that no commit ends at")

    def _check_kept(self, log: Growth, leaves: Sequence[bytes]) -> None:
        """Compare with the kept checkpoints those sizes that `leaves` bring the log to."""
        while self._kept and self._kept[0].size <= log.size + len(leaves):
            kept = self._kept.pop(0)
            if kept.size < log.size:
                continue
            edge = log.edge.grow(leaves[: kept.size - log.size])[0]
            if hmac.compare_digest(edge.root(), kept.root):
                self._report.freshness.append(f"continues the checkpoint of size {kept.size} that you kept")
            else:
                self._report.found(
                    "rewritten", f"checkpoint of size {kept.size} that you kept", "the log has another history"
                )

    def _check_end(self) -> None:
        for kept in self._kept:
            self._report.found("rolled-back", f"checkpoint of size {kept.size} that you kept", "the log ends before it")
        for size in self.sizes[bisect_left(self.sizes, self.log.size + 1) :][:1]:
            before = len(self._report.findings)
            if self._signed(checkpoint_key(size)) is not None or len(self._report.findings) == before:
                self._report.found(
                    "rewritten", checkpoint_key(size), f"what was signed after entry {self.log.size} is not there"
                )

    def _check_shown(self, shown: Body | None) -> None:
        """The checkpoint that is shown must be the newest that is kept."""
        if shown is None:
            self._report.found("missing", CHECKPOINT)
            return
        try:
            newest = open_checkpoint(shown.data, self._key, verify_signature)
        except AuditError as error:
            self._report.found("signature", CHECKPOINT, str(error))
            return
        kept = self._source.read(checkpoint_key(newest.size))
        if newest.size > self.log.size:
            self._report.found("rewritten", CHECKPOINT, f"what was signed after entry {self.log.size} is not there")
        elif kept is not None and kept.data != shown.data and self._is_good(kept):
            self._report.found("altered", CHECKPOINT, "is not the checkpoint that is kept for its size")
        elif self.sizes and newest.size < self.sizes[-1]:
            if self._source.taken_at - self._last_at > _PUBLISHING:
                self._report.found("rolled-back", CHECKPOINT, f"shows {newest.size} entries of {self.sizes[-1]}")
            else:
                self._report.notices.append("the newest checkpoint was just being published")


def unbundled(stored: Body, most: int) -> list[bytes]:
    """The entries that a file holds. Raises `DecodeError`, also when it is larger than any of its kind."""
    if len(stored.data) > most:
        raise DecodeError("is too large")
    return unbundle(stored.data)


def tiles_of(path: str) -> Iterator[tuple[int, int, int]]:
    """The level, number and width of a tile or bundle, from its path below `tile/`; nothing when it is none."""
    head, _, rest = path.partition("/")
    part, _, width = rest.partition(".p/")
    digits = part.replace("/", "").replace("x", "")
    level = "0" if head == "entries" else head
    texts = (level, digits, width or "0")
    if all(text.isascii() and text.isdigit() and len(text) < 19 for text in texts):  # noqa: PLR2004 - no log is larger
        yield int(level), int(digits), int(width) if width else WIDTH
