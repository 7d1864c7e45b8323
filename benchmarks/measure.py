"""How the benchmarks measure, and what a line of the table is.

Promise: what is compared was run in turns within one run, so that another program on the machine slows down both sides;
a ratio is the median of the ratios of the rounds.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final, Literal

ROOT: Final = Path(__file__).resolve().parent.parent
MEGABYTE: Final = 1_000_000
TIMES: Final = "x"
"""The unit of a ratio."""
_CHILD_SECONDS: Final = 300


class BenchmarkError(Exception):
    """A benchmark cannot be run here, or found the program wrong; the message is one line for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a figure should be."""

    kind: Literal["at least", "at most"]
    value: float

    def reached(self, figure: float) -> bool:
        """Return whether `figure` reaches the goal."""
        return figure >= self.value if self.kind == "at least" else figure <= self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured figure: what it is of, its value in `unit` (`x` for a ratio), and the goal where there is one."""

    name: str
    value: float
    unit: str
    goal: Goal | None = None

    @property
    def figure(self) -> str:
        """Return the value with three digits, and the unit."""
        return _rounded(self.value, self.unit)

    @property
    def target(self) -> str:
        """Return the goal as text, or an empty text."""
        return f"{'≥' if self.goal.kind == 'at least' else '≤'} {_plain(self.goal.value)}" if self.goal else ""

    @property
    def verdict(self) -> str:
        """Return `reached` or `missed`, or an empty text without a goal."""
        return ("reached" if self.goal.reached(self.value) else "missed") if self.goal else ""

    def as_json(self) -> dict[str, object]:
        """Return the row for programs."""
        described: dict[str, object] = {"name": self.name, "value": self.value, "unit": self.unit}
        if self.goal is not None:
            described |= {"goal": f"{self.goal.kind} {_plain(self.goal.value)}", "reached": self.verdict == "reached"}
        return described


def at_least(value: float) -> Goal:
    """Return a goal that a figure reaches from above."""
    return Goal(kind="at least", value=value)


def at_most(value: float) -> Goal:
    """Return a goal that a figure reaches from below."""
    return Goal(kind="at most", value=value)


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turns(rounds: int, *, warm_up: bool = True, **work: Callable[[], object]) -> dict[str, list[float]]:
    """Run each piece of `work` once a round, after one round that does not count; return its seconds by name."""
    for piece in work.values() if warm_up else ():
        piece()
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, piece in work.items():
            taken[name].append(seconds(piece))
    return taken


def ratio(taken: Mapping[str, list[float]], over: str, under: str) -> float:
    """Return the median over the rounds of the time of `over`, divided by that of `under`."""
    return median(a / b for a, b in zip(taken[over], taken[under], strict=True))


def in_fresh_process(code: str, *arguments: str, options: tuple[str, ...] = ()) -> str:
    """Run `code` in another Python that can import the project; return what it prints. Raises `BenchmarkError`."""
    done = subprocess.run(
        [sys.executable, *options, "-c", code, *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=_CHILD_SECONDS,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it gave no reason"]
        raise BenchmarkError(f"a process that was to be measured failed: {lines[-1]}")
    return done.stdout


def _plain(value: float) -> str:
    return f"{value:g}"


def _rounded(value: float, unit: str) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 3  # noqa: PLR2004 - significant digits
    return f"{value:,.{digits}f} {unit}"
