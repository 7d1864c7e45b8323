"""`audit-log verify log` as a function: check everything about a sealed log, into one report."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.x509 import Certificate

from audit_core.layout import CHECKPOINT
from audit_core.notes import Checkpoint, VerifierKey
from audit_core.sealing import EMPTY
from cli.verify.anchors import check_anchors
from cli.verify.findings import Report
from cli.verify.heads import check_beginning, check_end, check_shown, read_heads
from cli.verify.listing import Listed, check_listing, find_false_markers
from cli.verify.objects import Scope, check_objects
from cli.verify.sessions import Sessions
from cli.verify.sharing import SHARE, Work, bounds_of, check_from, worker_pool
from cli.verify.source import Source
from cli.verify.tree import CommitRange, Progress, TreeCheck, quiet

_THREADS = 16
_AHEAD = 16
_LEAST = 4
"""Ranges for each process that are worth beginning one for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """How a log is verified. `kept`: checkpoints of earlier; `roots`: of authorities whose time stamps count.

    `grace`: how long an object may wait to be sealed.
    `now`: null for when the log was read. `jobs`: processes, over a copy; each takes about `share` entries at a time.
    """

    key: VerifierKey
    kept: Sequence[Checkpoint] = ()
    roots: Sequence[Certificate] = ()
    since: str = ""
    until: str = ""
    grace: timedelta = timedelta(minutes=15)
    now: datetime | None = None
    jobs: int = 1
    share: int = SHARE
    progress: Progress = quiet


def verify_log(source: Source, options: VerifyOptions) -> Report:
    """Verify a whole log. Raises `BrokenCopyError` when a copy cannot be read at all."""
    report = Report(origin=options.key.name)
    # What is shown is read before what is kept: a log that grows meanwhile is then not shorter than it says.
    shown = source.read(CHECKPOINT)
    heads = read_heads(source, report)
    whole = _Whole(report, check_beginning(source, options.key, options.kept, report))
    scope = Scope(
        now=options.now or source.taken_at,
        since=options.since,
        until=options.until,
        locks=not source.is_copy,
    )
    if not source.is_copy:
        whole.take(_of_bucket(source, options, scope, heads.sizes))
        listed = check_listing(source, sizes=heads.sizes, grace=options.grace)
    else:
        work = Work(
            source=source, key=options.key, sizes=heads.sizes, kept=options.kept,
            scope=scope, grace=options.grace,
        )  # fmt: skip
        listed = _of_folder(work, options, whole)
    report.size = whole.log.size
    check_end(source, options.key, options.kept, heads.sizes, report)
    check_shown(source, options.key, shown, heads, report)
    check_anchors(source, report, sizes=whole.signed, roots=options.roots)
    report.join(listed.report)
    if listed.markers > report.objects:
        find_false_markers(source, report, options.grace)
    report.notices += whole.sessions.notices()
    return report


class _Whole:
    """The results of a log's ranges, one after the other."""

    def __init__(self, report: Report, signed: list[int]) -> None:
        self.report = report
        self.signed = signed
        self.log = EMPTY
        self.sessions = Sessions()

    def take(self, part: CommitRange) -> None:
        """Add a range that begins where the log is."""
        self.log = part.log
        self.report.join(part.report)
        self.sessions.join(part.sessions)
        self.signed += part.signed


def _of_bucket(source: Source, options: VerifyOptions, scope: Scope, sizes: list[int]) -> CommitRange:
    """Check the tree and its objects, in threads that wait for the bucket."""
    with ThreadPoolExecutor(_THREADS) as pool:
        check = TreeCheck(
            source, options.key, EMPTY, sizes=sizes, kept=options.kept, ahead=_AHEAD, progress=options.progress,
            submit=lambda entries, start: pool.submit(check_objects, source, entries, start, scope),
        )  # fmt: skip
        return check.run(sys.maxsize)


def _of_folder(work: Work, options: VerifyOptions, whole: _Whole) -> Listed:
    """Check the tree, its objects and the listing, in as many processes as are worth it."""
    bounds = bounds_of(work.sizes, options.share)
    with worker_pool(work, min(options.jobs, len(bounds) // _LEAST)) as workers:
        workers.begin_listing()
        for until, begun in workers.ranges(bounds):
            if whole.log.size >= until:
                continue
            part = begun if begun and begun.start == whole.log else check_from(work, whole.log, until)
            whole.take(part)
            options.progress(part.report.records, part.report.checked_bytes)
            if part.ended:
                break
        return workers.listing()
