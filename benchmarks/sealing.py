"""What sealing computes: entries of stored objects, and the files that a log grows by, however large it is already."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from statistics import median

from audit_core.contents import StoredObject, entries_of
from audit_core.sealing import EMPTY, LogState
from benchmarks import memory
from benchmarks.measure import MEGABYTE, TIMES, Row, at_most, in_fresh_process, in_turns
from benchmarks.sealed import RECORDS_EACH, objects

_SMALL = 10_000
_LARGE = 1_000_000
_OBJECTS = 100
_FLAT = 1.15
_MEMORY_GOAL = 10
_ROUNDS = 7
_CHILD = "import sys; from benchmarks import sealing; print(sealing.peak(*sys.argv[1:]))"


def rows(*, quick: bool) -> list[Row]:
    """Measure."""
    large = _LARGE // 50 if quick else _LARGE
    stored = list(objects(10 if quick else _OBJECTS))
    small_log, large_log = log_of(_SMALL), log_of(large)
    taken = in_turns(
        1 if quick else _ROUNDS,
        small=lambda: seal(small_log, stored),
        large=lambda: seal(large_log, stored),
    )
    peaks = [float(in_fresh_process(_CHILD, str(size))) for size in (_SMALL, large)]
    return [
        Row(name="sealing, leaves a second", unit="/s",
            value=median(len(stored) * RECORDS_EACH / seconds for seconds in taken["small"])),
        Row(name="sealing with 1,000,000 leaves in the log, to 10,000", unit=TIMES, goal=at_most(_FLAT),
            value=median(after / before for before, after in zip(taken["small"], taken["large"], strict=True))),
        Row(name="memory of sealing, that 100 times as many leaves in the log add", unit="MB",
            goal=at_most(_MEMORY_GOAL), value=max(0.0, peaks[1] - peaks[0])),
    ]  # fmt: skip


def seal(log: LogState, stored: Sequence[StoredObject]) -> LogState:
    """Return the log after these objects, as the sealer works it out."""
    return log.add([entry.data for each in stored for entry in entries_of(each)])[0]


def log_of(size: int) -> LogState:
    """Return a log of the given number of leaves."""
    log = EMPTY
    numbers = itertools.count()
    while log.size < size:
        entries = [b"%d" % next(numbers) for _ in range(min(2048, size - log.size))]
        log, _ = log.add(entries, [hashlib.sha256(entry).digest() for entry in entries])
    return log


def peak(size: str) -> float:
    """Return by how many megabytes sealing raises a fresh process's peak, in a log of the given size."""
    log = log_of(int(size))
    stored = list(objects(10))
    before = memory.forget_peak()
    for _ in range(10):
        log = seal(log, stored)
    return (memory.peak_now() - before) / MEGABYTE
