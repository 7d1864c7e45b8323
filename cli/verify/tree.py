"""Whether the sealed log is one tree under good signatures, each checkpoint of which continues the one before.

Promise: what is accepted as the log's entries is what a checkpoint of the trusted key has signed, and nothing else;
every file of the log is compared with what follows from those. A stretch of commits is checked from the log as it is
before it, and from nothing else. What a run holds does not grow with the log, but for one number a checkpoint.
"""

import sys
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from audit_core.errors import DecodeError
from audit_core.layout import MAX_COMMIT_BYTES, MAX_LINE_BYTES, SEAL, checkpoint_key, sequence_key
from audit_core.notes import Checkpoint, VerifierKey
from audit_core.sealing import LogState
from audit_core.tiles import WIDTH, bundle, bundle_path, unbundle
from cli.verify.findings import Report
from cli.verify.heads import Verdict, compare_kept, signed_in, verdict_of
from cli.verify.objects import Checked, Scope, begins_object, check_objects
from cli.verify.sessions import Sessions
from cli.verify.source import Body, Source

_JOB = 2_000
MAX_BUNDLE = WIDTH * (MAX_LINE_BYTES + 2)
_AHEAD_ENTRIES = 60_000

Submit = Callable[[Sequence[bytes], int], "Future[Checked]"]
"""Checks the objects of some entries, from a number on; somewhere, some time."""
Progress = Callable[[int, int], None]
"""Gets the numbers of records and bytes that were checked."""


def at_once(source: Source, scope: Scope) -> Submit:
    """Check objects here, as they are submitted."""

    def submit(entries: Sequence[bytes], start: int) -> "Future[Checked]":
        done: Future[Checked] = Future()
        done.set_result(check_objects(source, entries, start, scope))
        return done

    return submit


def quiet(records: int, size: int) -> None:
    """Report no progress."""
    del records, size


@dataclass(frozen=True, slots=True, kw_only=True)
class _Commit:
    """What a commit says comes next, and the jobs that check it. `bundled`: the entries, as one bundle."""

    start: int
    entries: list[bytes]
    bundled: bytes
    jobs: "list[Future[Checked]]"

    @property
    def end(self) -> int:
        return self.start + len(self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the bundles say comes from one size up to a checkpoint's; null when that is not what it signs."""

    start: int = 0
    size: int = -1
    entries: list[bytes] | None = None


@dataclass(slots=True, kw_only=True)
class CommitRange:
    """The result of consecutive commits: the log before and after them, and what was found.

    `signed`: sizes with a good checkpoint; `ended`: whether the log does not go on.
    """

    start: LogState
    log: LogState
    report: Report = field(default_factory=Report)
    sessions: Sessions = field(default_factory=Sessions)
    signed: list[int] = field(default_factory=list)
    ended: bool = False


class TreeCheck:
    """Checks the commits of one log from a place on. `log`: as it is at that place, which is taken for given.

    `sizes`: of the checkpoints that are listed; `kept`: checkpoints of an earlier day that the log must continue;
    `ahead`: how many commits are begun before their turn comes; `progress` gets the records and bytes of each.
    """

    def __init__(
        self,
        source: Source,
        key: VerifierKey,
        log: LogState,
        *,
        sizes: list[int],
        submit: Submit,
        kept: Sequence[Checkpoint] = (),
        ahead: int = 1,
        progress: Progress = quiet,
    ) -> None:
        self._source = source
        self._key = key
        self._sizes = sizes
        self._submit = submit
        self._kept = deque(sorted((each for each in kept if each.size > log.size), key=lambda each: each.size))
        self._ahead = ahead
        self._progress = progress
        self._done = CommitRange(start=log, log=log)
        self._known = _Known()

    def run(self, until: int) -> CommitRange:
        """Check commits until the log has `until` entries, or ends."""
        waiting: deque[_Commit] = deque()
        while self._done.log.size < until and not self._done.ended:
            self._look_ahead(waiting, until)
            if waiting and self._accept(waiting[0]):
                waiting.popleft()
                continue
            # What was looked at ahead follows from what is not so.
            for job in [job for commit in waiting for job in commit.jobs]:
                job.cancel()
            waiting.clear()
            self._done.ended = not self._bridge()
        return self._done

    # What was committed

    def _commit(self, start: int) -> _Commit | None:
        stored = self._source.read(sequence_key(start))
        if stored is None:
            return None
        try:
            entries = unbundled(stored, MAX_COMMIT_BYTES)
        except DecodeError:
            return None
        return self._begun(start, entries, stored.data) if entries and begins_object(entries[0]) else None

    def _look_ahead(self, waiting: deque[_Commit], until: int) -> None:
        """Begin to check the next commits before their turn comes."""
        while len(waiting) < self._ahead and sum(len(commit.entries) for commit in waiting) < _AHEAD_ENTRIES:
            start = waiting[-1].end if waiting else self._done.log.size
            commit = self._commit(start) if start < until else None
            if commit is None:
                return
            waiting.append(commit)

    def _begun(self, start: int, entries: list[bytes], bundled: bytes) -> _Commit:
        jobs: list[Future[Checked]] = []
        first = 0
        while first < len(entries):
            end = min(first + _JOB, len(entries))
            while end < len(entries) and not begins_object(entries[end]):
                end += 1
            jobs.append(self._submit(entries[first:end], start + first))
            first = end
        return _Commit(start=start, entries=entries, bundled=bundled, jobs=jobs)

    def _accept(self, commit: _Commit) -> bool:
        """Take a commit into the log, unless a checkpoint says that it is not what came next."""
        results = [job.result() for job in commit.jobs]
        leaves = [leaf for result in results for leaf in result.leaves]
        log, files = self._done.log.add(commit.entries, leaves, commit.bundled)
        verdict = self._verdict(log) if self._is_listed(log.size) else None
        signed = None if verdict is None else verdict.good
        if signed is False:
            return False
        if signed is None:  # is it the checkpoint that is missing, or the commit that is wrong?
            known = self._from_bundles(len(commit.entries))
            if known is not None and known != commit.entries:
                return False
        if signed is None and (not self._sizes or log.size > self._sizes[-1]):
            self._done.report.notices.append(f"entries from {commit.start} on are committed and not signed yet")
            return False
        self._take(log, files, leaves, results, verdict or self._verdict(log))
        return True

    def _take(
        self,
        log: LogState,
        files: dict[str, bytes],
        leaves: Sequence[bytes],
        results: Sequence[Checked],
        verdict: Verdict,
    ) -> None:
        done = self._done
        self._check_kept(leaves)
        self._check_between(done.log.size, log.size)
        for key, expected in files.items():
            stored = self._source.read(key)
            if stored is None:
                done.report.found("missing", key)
            elif stored.data != expected:
                done.report.found("altered", key)
        done.log = log
        if verdict.finding is not None:
            done.report.findings.append(verdict.finding)
        if verdict.good:
            done.report.checkpoints += 1
            done.report.vouched = log.size
            done.signed.append(log.size)
        numbered = Sessions()
        for result in results:
            done.report.join(result.report)
            for session, number in result.sequence:
                numbered.add(session, number)
            self._progress(result.report.records, result.report.checked_bytes)
        done.sessions.join(numbered)

    def _bridge(self) -> bool:
        """Go on where the commit is gone or is not what was signed: by the bundles, up to the next checkpoint."""
        entries = self._from_bundles(sys.maxsize)
        if entries is None:
            return False
        commit = self._begun(self._done.log.size, entries, bundle(entries))
        results = [job.result() for job in commit.jobs]
        leaves = [leaf for result in results for leaf in result.leaves]
        log, files = self._done.log.add(entries, leaves, commit.bundled)
        files[sequence_key(commit.start)] = commit.bundled
        self._take(log, files, leaves, results, self._verdict(log))
        return True

    def _from_bundles(self, most: int) -> list[bytes] | None:
        """Return the next entries, up to the next checkpoint, from the bundles, where it signs them.

        They are read once for a checkpoint; when they are not, once more for each half of the way there, so that a log
        whose checkpoints are gone takes no more than twice as long.
        """
        here = self._done.log.size
        place = bisect_left(self._sizes, here + 1)
        for size in self._sizes[place : place + 1]:
            known = self._known
            if known.size != size or (known.entries is None and here - known.start >= size - here):
                known = self._known = _Known(start=here, size=size, entries=self._read_bundles(size))
            return None if known.entries is None else known.entries[here - known.start : here - known.start + most]
        return None

    def _read_bundles(self, size: int) -> list[bytes] | None:
        log = self._done.log
        entries: list[bytes] = []
        for index in range(log.size // WIDTH, -(-size // WIDTH)):
            stored = self._source.read(SEAL + bundle_path(index, min(WIDTH, size - index * WIDTH)))
            try:
                some = None if stored is None else unbundled(stored, MAX_BUNDLE)
            except DecodeError:
                return None
            if not some:
                return None
            entries += some[max(0, log.size - index * WIDTH) :]
        is_whole = len(entries) == size - log.size
        return entries if is_whole and self._verdict(log.add(entries)[0]).good else None

    # What was signed

    def _is_listed(self, size: int) -> bool:
        place = bisect_left(self._sizes, size)
        return self._sizes[place : place + 1] == [size]

    def _verdict(self, log: LogState) -> Verdict:
        return verdict_of(self._source, self._key, log)

    def _check_between(self, start: int, end: int) -> None:
        """No checkpoint is of a size at which nothing was committed."""
        for size in self._sizes[bisect_left(self._sizes, start + 1) : bisect_left(self._sizes, end)]:
            key = checkpoint_key(size)
            if signed_in(self._source, self._key, key, self._done.report) is not None:
                self._done.report.found("unexpected", key, "is signed, of a size that no commit ends at")

    def _check_kept(self, leaves: Sequence[bytes]) -> None:
        """Compare with the kept checkpoints those sizes that `leaves` bring the log to."""
        log = self._done.log
        while self._kept and self._kept[0].size <= log.size + len(leaves):
            kept = self._kept.popleft()
            compare_kept(kept, log.edge.grow(leaves[: kept.size - log.size])[0], self._done.report)


def unbundled(stored: Body, most: int) -> list[bytes]:
    """Return the entries in a file. Raise `DecodeError`, also when it is larger than any of its kind."""
    if len(stored.data) > most:
        raise DecodeError("is too large")
    return unbundle(stored.data)


def tiles_of(path: str) -> Iterator[tuple[int, int, int]]:
    """Yield the level, number and width of a tile or bundle, from its path below `tile/`, where it is valid."""
    head, _, rest = path.partition("/")
    part, _, width = rest.partition(".p/")
    digits = part.replace("/", "").replace("x", "")
    level = "0" if head == "entries" else head
    texts = (level, digits, width or "0")
    if all(text.isascii() and text.isdigit() and len(text) < 19 for text in texts):  # noqa: PLR2004 - no log is larger
        yield int(level), int(digits), int(width) if width else WIDTH
