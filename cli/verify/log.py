"""`audit-log verify log`, as a function: everything about a sealed log, into one report."""

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
from cli.verify.sharing import SHARE, Work, bounds_of, check_from, crew_of
from cli.verify.source import Source
from cli.verify.tree import Progress, Stretch, TreeCheck, untold

_THREADS = 16
_AHEAD = 16
_LEAST = 4
"""So many stretches, for each process, are worth beginning one for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
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
    progress: Progress = untold


def verify_log(source: Source, wanted: Wanted) -> Report:
    """Verify a whole log. Raises `BrokenCopyError` when a copy cannot be read at all."""
    report = Report(origin=wanted.key.name)
    # What is shown is read before what is kept: a log that grows meanwhile is then not shorter than it says.
    shown = source.read(CHECKPOINT)
    heads = read_heads(source, report)
    whole = _Whole(report, check_beginning(source, wanted.key, wanted.kept, report))
    scope = Scope(
        now=wanted.now or source.taken_at,
        since=wanted.since,
        until=wanted.until,
        locks=not source.is_copy,
    )
    if not source.is_copy:
        whole.take(_of_bucket(source, wanted, scope, heads.sizes))
        listed = check_listing(source, sizes=heads.sizes, grace=wanted.grace)
    else:
        work = Work(
            source=source, key=wanted.key, sizes=heads.sizes, kept=wanted.kept,
            scope=scope, grace=wanted.grace,
        )  # fmt: skip
        listed = _of_folder(work, wanted, whole)
    report.size = whole.log.size
    check_end(source, wanted.key, wanted.kept, heads.sizes, report)
    check_shown(source, wanted.key, shown, heads, report)
    check_anchors(source, report, sizes=whole.signed, roots=wanted.roots)
    report.join(listed.report)
    if listed.markers > report.objects:
        find_false_markers(source, report, wanted.grace)
    report.notices += whole.sessions.notices()
    return report


class _Whole:
    """What the stretches of a log come to, one after the other."""

    def __init__(self, report: Report, signed: list[int]) -> None:
        self.report = report
        self.signed = signed
        self.log = EMPTY
        self.sessions = Sessions()

    def take(self, stretch: Stretch) -> None:
        """Go on with a stretch that begins where the log is."""
        self.log = stretch.log
        self.report.join(stretch.report)
        self.sessions.join(stretch.sessions)
        self.signed += stretch.signed


def _of_bucket(source: Source, wanted: Wanted, scope: Scope, sizes: list[int]) -> Stretch:
    """Check the tree and its objects, in threads that wait for the bucket."""
    with ThreadPoolExecutor(_THREADS) as pool:
        check = TreeCheck(
            source, wanted.key, EMPTY, sizes=sizes, kept=wanted.kept, ahead=_AHEAD, progress=wanted.progress,
            submit=lambda entries, start: pool.submit(check_objects, source, entries, start, scope),
        )  # fmt: skip
        return check.run(sys.maxsize)


def _of_folder(work: Work, wanted: Wanted, whole: _Whole) -> Listed:
    """Check the tree and its objects, and the listing, in so many processes as are wanted and as it pays to have."""
    bounds = bounds_of(work.sizes, wanted.share)
    with crew_of(work, min(wanted.jobs, len(bounds) // _LEAST)) as crew:
        crew.begin_listing()
        for until, begun in crew.stretches(bounds):
            if whole.log.size >= until:
                continue
            stretch = begun if begun and begun.start == whole.log else check_from(work, whole.log, until)
            whole.take(stretch)
            wanted.progress(stretch.report.records, stretch.report.checked_bytes)
            if stretch.ended:
                break
        return crew.listing()
