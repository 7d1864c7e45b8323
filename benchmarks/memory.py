"""Memory: the peak of the largest request as a multiple of its decoded size, and what a thousand requests leave behind.

Each in a process of its own, by what the system says that the process had at most.
"""

from __future__ import annotations

import gzip
import resource
import sys
from functools import partial
from pathlib import Path
from typing import Final

import orjson

from benchmarks import hostile
from benchmarks.calls import make_calls
from benchmarks.measure import MEGABYTE, TIMES, Row, at_most, in_fresh_process
from benchmarks.writing import Bench

_DECODED: Final = 8 * 1024 * 1024
"""What the writer takes, unzipped."""
_PEAK_GOAL: Final = 8
_GROWTH_GOAL: Final = 5
"""Megabytes: what allocators keep in pieces; a leak of 10 KB a request would be twice that."""
_SHAPES: Final = ("one call", "many calls", "one text")
_HOSTILE: Final[dict[str, hostile.Make]] = {
    "numbers": partial(hostile.dense, b"9.1e-6,", 1),
    "texts": partial(hostile.dense, b'"ab",', 2),
    "objects": partial(hostile.dense, b'{"a":1.5},', 6),
    "arrays": partial(hostile.dense, b"[1.5],", 4),
    "names": partial(hostile.names, "k"),
    "chunks": hostile.chunks,
    "texts of arrays": hostile.texts_of_arrays,
    "attributes": hostile.tiny_attributes,
}
_HOSTILE_SIZE: Final = 6_000_000
"""What is sent unzipped, at most, in whole megabytes."""
_CHILD: Final = "import sys; from benchmarks import memory; print(getattr(memory, sys.argv[1])(*sys.argv[2:]))"
_SMALL: Final = b'[{"timestamp":"2026-11-23T00:00:00Z","endpoint":"api.example.com/v1","request":{"a":1}}]'


def rows(*, quick: bool) -> list[Row]:
    """Measure."""
    size = _DECODED // 20 if quick else _DECODED
    shapes, small = ([*each][: 1 if quick else None] for each in (_SHAPES, _HOSTILE))
    peaks = [float(in_fresh_process(_CHILD, "peak", shape, str(size))) for shape in shapes]
    growth = float(in_fresh_process(_CHILD, "growth", "20" if quick else "1000"))
    dense = [float(in_fresh_process(_CHILD, "peak", shape, str(_HOSTILE_SIZE * size // _DECODED))) for shape in small]
    return [
        Row(name="peak memory of the largest request, to its decoded size", value=max(peaks), unit=TIMES,
            goal=at_most(_PEAK_GOAL)),
        Row(name="peak memory of a request of many small values, to its size", value=max(dense), unit=TIMES,
            goal=at_most(_PEAK_GOAL)),
        Row(name="growth of memory over 1,000 requests", value=growth, unit="MB", goal=at_most(_GROWTH_GOAL)),
    ]  # fmt: skip


def peak(shape: str, size: str) -> float:
    """Return what the largest request of a shape adds to a fresh process's peak, as a multiple of its decoded size."""
    body = _largest(shape, int(size))
    sent = gzip.compress(body, 1)
    decoded = len(body)
    del body
    bench = Bench()
    bench.write([_SMALL])
    before = forget_peak()
    bench.write([sent])
    return (peak_now() - before) / decoded


def growth(requests: str) -> float:
    """Return by how many megabytes a fresh process's peak rises after the first fifth of the requests."""
    bodies = make_calls(500).bodies(10)
    bench = Bench()
    count = int(requests)
    for turn in range(count // 5):
        bench.write([_another(bodies, turn)])
    before = forget_peak()
    for turn in range(count // 5, count):
        bench.write([_another(bodies, turn)])
    return (peak_now() - before) / MEGABYTE


def _another(bodies: list[bytes], turn: int) -> bytes:
    """Return a request that never came before: the writer could remember nothing new of one that did."""
    new = b'"attributes":{"k%d":"v%d",' % (turn, turn)
    return bodies[turn % len(bodies)].replace(b'"attributes":{', new).replace(b'"u_', b'"u_%d_' % turn)


def _largest(shape: str, size: int) -> bytes:
    """Return a request of about `size` bytes, made with no more memory than it has: more would hide a peak."""
    if shape in _HOSTILE:
        return _HOSTILE[shape](size)
    start = b'{"timestamp":"2026-11-23T00:00:00Z","endpoint":"https://api.example.com/v1/x",'
    if shape == "one text":
        return start + b'"request":"' + b"all is well " * ((size - 200) // 12) + b'"}'
    if shape == "one call":
        unit = orjson.dumps({"role": "user", "content": "Where is my order? " * 8, "id": 12}) + b","
        return start + b'"request":{"messages":[' + unit * ((size - 200) // len(unit)) + b"{}]}}"
    unit = start + b'"request":{"model":"m","messages":[{"role":"user","content":"' + b"Where is it? " * 60 + b'"}]}},'
    return b"[" + unit * ((size - 200) // len(unit)) + start + b'"status":200}]'


def forget_peak() -> int:
    """Return the bytes that this process has now, and reset its peak if the system can."""
    if sys.platform != "linux":
        return peak_now()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def peak_now() -> int:
    """Return the most bytes that this process had."""
    if sys.platform == "linux":  # getrusage would count what the parent had when it started this process
        return _status("VmHWM")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
