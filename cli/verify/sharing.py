"""Check a copy with one process or several. Each takes ranges of commits, this one too.

Promise: what comes of it is what one process would find. A stretch is checked from the log as the copy's own files say
it is before it, which proves nothing: what came of it counts only where the log turned out to be just that. Elsewhere
it is checked again, from the log as it is. A process that is ended is an error; none outlives the one that began it.
"""

import itertools
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from multiprocessing.connection import wait
from typing import TypeVar

from audit_core.errors import AuditError
from audit_core.layout import SEAL
from audit_core.notes import Checkpoint, VerifierKey
from audit_core.sealing import EMPTY, LogState
from audit_core.tiles import WIDTH, bundle_path, read_edge
from cli.verify.listing import Listed, check_listing
from cli.verify.objects import Scope
from cli.verify.source import BrokenCopyError, Source
from cli.verify.tree import MAX_BUNDLE, CommitRange, TreeCheck, at_once, unbundled

METHOD = "fork" if sys.platform == "linux" else "spawn"
"""How processes begin. A forked one need not import everything anew, where forking is safe."""
SHARE = 4096
"""Entries: a thirtieth of a second's work or so."""
_BEGUN = 2
"""Tasks that each of the other processes has at once: the one that it does, and its next one."""
_HELD = 4
"""Results held for each process, at most, while an earlier one is still to come."""
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What every process knows of what there is to do."""

    source: Source
    key: VerifierKey
    sizes: list[int]
    kept: Sequence[Checkpoint]
    scope: Scope
    grace: timedelta


Do = Callable[[Work], Answer]


def usable_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def bounds_of(sizes: Sequence[int], share: int) -> list[int]:
    """Return where ranges of at least `share` entries begin and end, among the signed sizes."""
    bounds = [0]
    for size in sizes:
        if size - bounds[-1] >= share:
            bounds.append(size)
    return [*(bounds[:-1] or bounds), sys.maxsize]


class WorkerPool:
    """This process, and the others of a pool where there is one."""

    def __init__(self, work: Work, pool: ProcessPoolExecutor | None, processes: int) -> None:
        self._work = work
        self._pool = pool
        self._begun = (processes - 1) * _BEGUN
        self._held = processes * _HELD
        self._listing: Future[Listed] | None = None

    def begin_listing(self) -> None:
        """Have another process check the listing, where there is one."""
        if self._pool is not None:
            self._listing = self._submit(self._pool, _check_listing)

    def listing(self) -> Listed:
        """Return the result of checking the listing."""
        return _check_listing(self._work) if self._listing is None else self._listing.result()

    def ranges(self, bounds: Sequence[int]) -> Iterator[tuple[int, CommitRange | None]]:
        """Yield the end of each range between bounds, with its result, or None where it is still to be checked."""
        if self._pool is None:
            yield from zip(bounds[1:], itertools.repeat(None))
            return
        asked = (partial(_check_range, start=start, until=until) for start, until in itertools.pairwise(bounds))
        yield from zip(bounds[1:], self._in_order(self._pool, asked), strict=True)

    def _in_order(self, pool: ProcessPoolExecutor, asked: Iterator[Do[Answer]]) -> Iterator[Answer]:
        """Let free processes begin the tasks, and yield the answers in order."""
        tasks: deque[Future[Answer]] = deque()
        while True:
            tasks += [self._submit(pool, do) for do in itertools.islice(asked, self._free(tasks))]
            is_next = tasks and (tasks[0].done() or len(tasks) >= self._held)
            if not is_next and (do := next(asked, None)):
                tasks.append(Future())
                tasks[-1].set_result(do(self._work))
            elif tasks:
                yield tasks.popleft().result()
            else:
                return

    def _free(self, tasks: Collection["Future[Answer]"]) -> int:
        """Return how many more can begin. No task waits behind the listing, which takes longest."""
        listing = 0 if self._listing is None or self._listing.done() else _BEGUN
        return max(0, min(self._begun - listing - sum(not task.done() for task in tasks), self._held - len(tasks)))

    @staticmethod
    def _submit(pool: ProcessPoolExecutor, do: Do[Answer]) -> "Future[Answer]":
        # A process that begins is not interrupted: whoever interrupts is heard by this one.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return pool.submit(_in_another, do)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def worker_pool(work: Work, processes: int) -> Iterator[WorkerPool]:
    """Run `processes` processes, this one among them."""
    if processes <= 1:
        yield WorkerPool(work, None, 1)
        return
    pool = ProcessPoolExecutor(
        processes - 1, mp_context=multiprocessing.get_context(METHOD), initializer=_begin_here, initargs=(work,)
    )
    others = multiprocessing.active_children()
    try:
        yield WorkerPool(work, pool, processes)
    except BaseException:
        for process in multiprocessing.active_children():
            if process not in others:
                process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


_here: Work | None = None


def _begin_here(work: Work) -> None:
    global _here  # noqa: PLW0603 - what a process works on
    _here = work
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _in_another(do: Do[Answer]) -> Answer:
    if _here is None:
        raise RuntimeError("this process was not begun")
    return do(_here)


def _check_listing(work: Work) -> Listed:
    return check_listing(work.source, sizes=work.sizes, grace=work.grace)


def _check_range(work: Work, *, start: int, until: int) -> CommitRange | None:
    """Check a range from the log in the copy's files. Return None where they cannot be read or make no log."""
    try:
        return check_from(work, _stored(work.source, start), until)
    except (BrokenCopyError, AuditError, ValueError):
        return None


def check_from(work: Work, log: LogState, until: int) -> CommitRange:
    """Check commits from a log's state on, until it has `until` entries."""
    submit = at_once(work.source, work.scope)
    return TreeCheck(work.source, work.key, log, sizes=work.sizes, kept=work.kept, submit=submit).run(until)


def _stored(source: Source, size: int) -> LogState:
    """Return the log's state at a size, from its partial tiles and bundle. Raise an error where they make none."""
    if not size:
        return EMPTY
    edge = read_edge(size, lambda path: _read(source, path))
    width = size % WIDTH
    stored = source.read(SEAL + bundle_path(size // WIDTH, width)) if width else None
    return LogState(edge=edge, tail=() if stored is None else tuple(unbundled(stored, MAX_BUNDLE)))


def _read(source: Source, path: str) -> bytes:
    stored = source.read(SEAL + path)
    return b"" if stored is None else stored.data
