"""`audit-log verify log`, as a function: everything about a sealed log, into one report."""

import itertools
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.x509 import Certificate

from audit_core.notes import Checkpoint, VerifierKey
from audit_core.tiles import bundle, unbundle
from cli.verify.anchors import check_anchors
from cli.verify.findings import Report
from cli.verify.listing import check_listing
from cli.verify.objects import Checked, Scope, check_objects
from cli.verify.sessions import Sessions
from cli.verify.source import FolderSource, Source
from cli.verify.tree import Submit, TreeCheck

_THREADS = 16
_TWO = 2
_OWN_TURN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a log is verified. `kept`: checkpoints of earlier; `roots`: of authorities whose time stamps count.

    `grace`: how long an object may wait to be sealed.
    `now`: null for when the log was read. `folder`: of a copy, for more `jobs` than one.
    """

    key: VerifierKey
    kept: Sequence[Checkpoint] = ()
    roots: Sequence[Certificate] = ()
    since: str = ""
    until: str = ""
    grace: timedelta = timedelta(minutes=15)
    now: datetime | None = None
    folder: Path | None = None
    jobs: int = 1
    progress: Callable[[Checked], None] = field(default=lambda _: None)


def verify_log(source: Source, wanted: Wanted) -> Report:
    """Verify a whole log. Raises `BrokenCopyError` when a copy cannot be read at all."""
    report = Report(origin=wanted.key.name)
    scope = Scope(
        now=wanted.now or source.taken_at,
        since=wanted.since,
        until=wanted.until,
        locks=wanted.folder is None,
    )
    sessions = Sessions()

    def done(checked: Checked) -> None:
        report.objects += checked.objects
        report.records += checked.records
        report.checked_bytes += checked.size
        report.expired += checked.expired
        report.skipped += checked.skipped
        report.findings += checked.findings
        for session, number in checked.sequence:
            sessions.add(session, number)
        wanted.progress(checked)

    with _submitting(source, wanted, scope) as submit:
        tree = TreeCheck(source, wanted.key, report, submit=submit, kept=wanted.kept)
        tree.run(done)
    check_anchors(source, report, sizes=tree.signed, roots=wanted.roots)
    check_listing(source, report, sizes=tree.sizes, sealed=tree.objects, grace=wanted.grace)
    report.notices += sessions.notices()
    return report


@contextmanager
def _submitting(source: Source, wanted: Wanted, scope: Scope) -> Iterator[Submit]:
    """Where objects are checked: in processes over a copy, in threads that wait for the bucket, or here."""
    pool: Executor
    if wanted.folder is not None and wanted.jobs > 1:
        # This process is one of them: the tree is its work, and it takes objects too when there is but one other.
        pool = ProcessPoolExecutor(
            wanted.jobs - 1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(wanted.folder, source.taken_at, scope),
        )
        turn = itertools.count(1)
        try:
            yield (
                lambda entries, start: (
                    _Later(lambda: check_objects(source, entries, start, scope))
                    if wanted.jobs == _TWO and next(turn) % _OWN_TURN == 0
                    else pool.submit(_check_here, bundle(entries), start)
                )
            )
        finally:
            pool.shutdown(cancel_futures=True)
    elif wanted.folder is None:
        with ThreadPoolExecutor(_THREADS) as pool:
            yield lambda entries, start: pool.submit(check_objects, source, entries, start, scope)
    else:
        yield lambda entries, start: _at_once(source, entries, start, scope)


class _Later(Future[Checked]):
    """What is worked out here, when it is asked for."""

    def __init__(self, check: Callable[[], Checked]) -> None:
        super().__init__()
        self._check = check

    def result(self, timeout: float | None = None) -> Checked:
        """Work it out, the first time."""
        if not self.done():
            self.set_result(self._check())
        return super().result(timeout)


def _at_once(source: Source, entries: Sequence[bytes], start: int, scope: Scope) -> "Future[Checked]":
    done: Future[Checked] = Future()
    done.set_result(check_objects(source, entries, start, scope))
    return done


_here: tuple[Source, Scope] | None = None


def _begin(folder: Path, taken_at: datetime, scope: Scope) -> None:
    global _here  # noqa: PLW0603 - what a worker process works on
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts is heard by the process that asked
    _here = FolderSource(folder, taken_at=taken_at), scope


def _check_here(bundled: bytes, start: int) -> Checked:
    if _here is None:
        raise RuntimeError("this process was not begun")
    source, scope = _here
    return check_objects(source, unbundle(bundled), start, scope)
