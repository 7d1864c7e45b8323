"""`make bench`: run every benchmark, print one table. `--quick` takes seconds; its figures mean nothing. `--json`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Mapping
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import client, client_node, cloud, core, hostile, intake, masked, memory, packaging, sealing, verifying
from benchmarks.measure import BenchmarkError, Row
from cli.console import emit_json, stdout_console

BENCHMARKS: Final[Mapping[str, Callable[..., list[Row]]]] = {
    "core": core.rows,
    "hostile": hostile.rows,
    "intake": intake.rows,
    "masking": masked.rows,
    "memory": memory.rows,
    "packaging": packaging.rows,
    "sealing": sealing.rows,
    "verifying": verifying.rows,
    "client": client.rows,
    "node": client_node.rows,
    "cloud": cloud.rows,
}
"""By name. Each takes `quick`, and raises BenchmarkError when it cannot be run."""


def main() -> int:
    """Run what is asked for, print the table; return 1 if something could not be measured."""
    parser = argparse.ArgumentParser(prog="make bench", description="How fast it is, as a table.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="small inputs, one round: shows only that it runs")
    parser.add_argument("--json", action="store_true", help="the same for programs")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    rows, failures = run(options.names or list(BENCHMARKS), quick=options.quick)
    if options.json:
        emit_json({"machine": machine(), "quick": options.quick, "rows": [row.as_json() for row in rows]})
    else:
        _print(rows, quick=options.quick)
    for name, reason in failures.items():
        sys.stderr.write(f"agent-audit-log: benchmark {name}: {reason}\n")
    return 1 if failures else 0


def run(names: list[str], *, quick: bool) -> tuple[list[Row], dict[str, str]]:
    """Run benchmarks by name, one after the other; return their rows, and why some could not run."""
    rows: list[Row] = []
    failures: dict[str, str] = {}
    columns = (TextColumn("{task.description:<10}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), transient=True, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(names))
        for name in names:
            progress.update(task, description=name)
            try:
                rows += BENCHMARKS[name](quick=quick)
            except BenchmarkError as error:
                failures[name] = str(error)
            progress.advance(task)
    return rows, failures


def machine() -> str:
    """Describe the machine."""
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def _print(rows: list[Row], *, quick: bool) -> None:
    table = Table(caption=machine() + ("; --quick: too small to measure anything" if quick else ""))
    table.add_column("measured")
    table.add_column("figure", justify="right")
    table.add_column("goal", justify="right")
    table.add_column("")
    for row in rows:
        table.add_row(row.name, row.figure, row.target, row.verdict)
    stdout_console().print(table)


if __name__ == "__main__":
    sys.exit(main())
