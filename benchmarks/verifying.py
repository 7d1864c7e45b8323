"""Verifying a copy of the sealed log, against gunzip + SHA-256 over the same bytes; its memory; a million records.

The same bytes: every file that verifying reads. Over the objects alone the ratio is given too, as they are most of it.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks import memory
from benchmarks.measure import MEGABYTE, TIMES, BenchmarkError, Row, at_least, at_most, in_fresh_process, in_turns
from benchmarks.sealed import RECORDS_EACH, SealedFolder
from cli.verify.folder import FolderSource
from cli.verify.log import VerifyOptions, verify_log

_OBJECTS = 2000
"""Whose 200,000 records take longer than it takes to start two processes."""
_MILLION = 1_000_000
_SPEED_GOAL = 0.4
_TWO_GOAL = 1.6
_MEMORY_GOAL = 10
_ROUNDS = 5
_GZIP = b"\x1f\x8b"
"""Markers are named like the objects that they stand for."""
_COUNTS = "import sys\nfor _ in range(int(sys.argv[1])): pass"
_TURNS = 20_000_000
_CHILD = "import sys; from benchmarks import verifying; print(getattr(verifying, sys.argv[1])(*sys.argv[2:]))"


def rows(*, quick: bool) -> list[Row]:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        log = SealedFolder(Path(folder), 8 if quick else _OBJECTS)
        everything = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        taken = in_turns(
            1 if quick else _ROUNDS,
            floor=lambda: _floor(everything),
            objects=lambda: _floor(log.paths),
            one=lambda: _verify(log, jobs=1),
            two=lambda: _verify(log, jobs=2),
            loop=lambda: _loop(1, _TURNS // 100 if quick else _TURNS),
            loops=lambda: _loop(2, _TURNS // 100 if quick else _TURNS),
        )
    whole = 2_000 if quick else _MILLION
    seconds, records, peak = map(float, in_fresh_process(_CHILD, "whole", str(whole)).split())
    _, _, small = map(float, in_fresh_process(_CHILD, "whole", str(whole // 10)).split())
    return [
        Row(name="verify, to gunzip + SHA-256 of the same bytes", unit=TIMES, goal=at_least(_SPEED_GOAL),
            value=median(floor / one for floor, one in zip(taken["floor"], taken["one"], strict=True))),
        Row(name="verify, to gunzip + SHA-256 of the records' objects alone", unit=TIMES,
            value=median(floor / one for floor, one in zip(taken["objects"], taken["one"], strict=True))),
        Row(name="verify, two processes to one", unit=TIMES, goal=at_least(_TWO_GOAL),
            value=median(one / two for one, two in zip(taken["one"], taken["two"], strict=True))),
        Row(name="two processes to one, of a loop that shares nothing, on this machine now", unit=TIMES,
            value=median(2 * one / two for one, two in zip(taken["loop"], taken["loops"], strict=True))),
        Row(name="verify 1,000,000 records, two processes", value=seconds * _MILLION / records, unit="s"),
        Row(name="memory of verify, that a log ten times as large adds", value=max(0.0, peak - small), unit="MB",
            goal=at_most(_MEMORY_GOAL)),
    ]  # fmt: skip


def whole(records: str) -> str:
    """Make a log in a fresh process, and verify it with two processes; then with one, for memory.

    Returns the seconds that two took, how many records there are, and by how many megabytes one raised the peak.
    """
    import time  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        log = SealedFolder(Path(folder), max(1, int(records) // RECORDS_EACH))
        started = time.perf_counter()
        _verify(log, jobs=2)
        taken = time.perf_counter() - started
        said = in_fresh_process(_CHILD, "peak", folder, log.key.text)
        return f"{taken} {log.size} {said}"


def peak(folder: str, key: str) -> float:
    """Return by how many megabytes verifying a copy raises a fresh process's peak."""
    from audit_core.notes import parse_key  # noqa: PLC0415

    before = memory.forget_peak()
    report = verify_log(FolderSource(Path(folder)), VerifyOptions(key=parse_key(key)))
    if report.findings:
        raise BenchmarkError("a good log was not verified")
    return (memory.peak_now() - before) / MEGABYTE


def _verify(log: SealedFolder, *, jobs: int) -> None:
    report = verify_log(FolderSource(log.folder), VerifyOptions(key=log.key, jobs=jobs))
    if report.findings or report.records != log.size:
        raise BenchmarkError("a good log was not verified")


def _loop(processes: int, turns: int) -> None:
    """Run several processes at once, each of which counts."""
    begun = [subprocess.Popen([sys.executable, "-I", "-c", _COUNTS, str(turns)]) for _ in range(processes)]
    for process in begun:
        process.wait()


def _floor(paths: list[Path]) -> None:
    """Do the least that reading files takes: unpack what is packed, and hash each file."""
    for path in paths:
        with path.open("rb", buffering=0) as file:
            data = file.read(os.fstat(file.fileno()).st_size)
        hashlib.sha256(gzip.decompress(data) if path.suffix == ".gz" and data[:2] == _GZIP else data).digest()
