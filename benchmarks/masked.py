"""The masker's own figures (`benchmarks/masking.py`), as rows of the table."""

from __future__ import annotations

import re

from audit_core.masking import Masker
from benchmarks import masking
from benchmarks.measure import TIMES, BenchmarkError, Goal, Row

_PAYLOADS = 1_000
_FIGURE = re.compile(r"([\d,.]+)\s*(%|x|MB)?")
_GOAL = re.compile(r"(>=|<=) ([\d.]+)")


def rows(*, quick: bool) -> list[Row]:
    """Measure. Raises `BenchmarkError` when a figure is not a number."""
    masker = Masker()
    # Addresses of people are in Git's logs, and masked rightly: what is masked wrongly shows without personal data.
    figures = list(masking.traffic_rows(Masker(personal="off"), 20 if quick else _PAYLOADS))
    if not quick:
        figures += masking.hostile_rows(masker)
    return [_row(*figure) for figure in figures]


def _row(name: str, figure: str, goal: str) -> Row:
    read, wanted = _FIGURE.fullmatch(figure), _GOAL.match(goal)
    if read is None:
        raise BenchmarkError(f"masking, {name}: {figure} is not a figure")
    kind = "at least" if wanted and wanted[1] == ">=" else "at most"
    return Row(
        name=f"masking: {name}",
        value=float(read[1].replace(",", "")),
        unit=read[2] or ("MB/s" if "MB/s" in name else TIMES),
        goal=Goal(kind=kind, value=float(wanted[2])) if wanted else None,
    )
