"""The writer's core (decode, digest, mask, record, gzip) against the floor, and against plain `re`.

The writer digests payloads and masks what it stores of a call; plain `re` masks the calls whole, as a writer without
digests would have to. Masking whole payloads with our own masker has figures of its own: `masking`.
"""

from __future__ import annotations

import gzip
from statistics import median

from benchmarks.calls import Calls, make_calls
from benchmarks.floor import floor
from benchmarks.measure import MEGABYTE, TIMES, BenchmarkError, Row, at_least, in_turns, ratio, seconds
from benchmarks.plain_re import PlainMasker
from benchmarks.writing import Bench

_BATCH = 100
# Prime, so that the sample has each kind of call: every fourth is one without payloads.
_STRIDE, _QUICK_STRIDE = 41, 23
_FLOOR_GOAL = 0.3
_PLAIN_GOAL = 300


def rows(*, quick: bool) -> list[Row]:
    """Measure. Raises `BenchmarkError` when a planted secret comes out."""
    calls = make_calls(100 if quick else 1_000)
    bench = Bench()
    _holds_no_secret(bench, calls)
    batches, singles = calls.bodies(_BATCH), calls.bodies(1)
    taken = in_turns(
        1 if quick else 7,
        floor=lambda: floor(batches),
        batches=lambda: bench.write(batches),
        floor_singles=lambda: floor(singles),
        singles=lambda: bench.write(singles),
    )
    size, count = calls.size / MEGABYTE, len(calls.events)
    plain_ratio = _to_plain(calls, bench, quick=quick)
    batch_s, single_s = median(taken["batches"]), median(taken["singles"])
    return [
        Row(name=f"writer core, {_BATCH} calls a request", value=size / batch_s, unit="MB/s"),
        Row(name=f"writer core, {_BATCH} calls a request: calls", value=count / batch_s, unit="calls/s"),
        Row(
            name=f"writer core, {_BATCH} calls a request, to the floor",
            value=ratio(taken, "floor", "batches"),
            unit=TIMES,
            goal=at_least(_FLOOR_GOAL),
        ),
        Row(name="writer core, 1 call a request: calls", value=count / single_s, unit="calls/s"),
        Row(
            name="writer core, 1 call a request, to the floor",
            value=ratio(taken, "floor_singles", "singles"),
            unit=TIMES,
        ),
        Row(
            name="writer core to plain re masking",
            value=plain_ratio,
            unit=TIMES,
            goal=at_least(_PLAIN_GOAL),
        ),
    ]


def _holds_no_secret(bench: Bench, calls: Calls) -> None:
    for body in calls.bodies(_BATCH):
        bench.write([body])
        stored = gzip.decompress(bench.store.last)
        if any(secret in stored for secret in calls.secrets):
            raise BenchmarkError("a secret that was planted in a call is in what the writer stored")


def _to_plain(calls: Calls, bench: Bench, *, quick: bool) -> float:
    """Return how many times as fast as plain `re` the writer is.

    Over a part of the corpus, before and after in turns: plain `re` takes seconds for what the writer does in a few ms.
    """
    plain = PlainMasker()
    part = Calls(events=calls.events[:: _QUICK_STRIDE if quick else _STRIDE], secrets=[])
    bodies = part.bodies(_BATCH)
    ways = {"writer": lambda: bench.write(bodies), "plain": lambda: [plain.mask(event) for event in part.events]}
    before = [seconds(ways["writer"]) for _ in range(20)]
    plain_s = seconds(ways["plain"])
    after = [seconds(ways["writer"]) for _ in range(20)]
    return plain_s / median(before + after)
