"""`make bench`: every benchmark runs, the corpus is what it says, and the pages quote only what the table prints."""

import json
import re
import subprocess
import sys

import orjson
import pytest

from benchmarks.__main__ import BENCHMARKS, run
from benchmarks.calls import LONGEST, PLANTED_EVERY, make_calls
from benchmarks.measure import Goal, Row, at_least, at_most, in_turns, ratio
from benchmarks.plain_re import PlainMasker
from benchmarks.writing import Bench
from localcloud.place import ROOT

PAGES = ("README.md", "docs/benchmarks.md")
QUOTED = re.compile(r"^\| measured \| figure \| goal \|.*\n\|[-| :]+\n((?:\|.*\n)+)", re.MULTILINE)
DIGITS = re.compile(r"[0-9][0-9,.]*")


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    """Every row of the table, by name, from one quick run."""
    found, failures = run(list(BENCHMARKS), quick=True)
    assert not failures
    assert len({row.name for row in found}) == len(found)
    return {row.name: row for row in found}


@pytest.mark.long
@pytest.mark.timeout(300)
def test_every_benchmark_runs(rows: dict[str, Row]) -> None:
    """Each line has a figure that is no less than nothing, and a unit; a verdict where it has a goal."""
    assert len(rows) > len(BENCHMARKS)
    for row in rows.values():
        assert row.value >= 0
        assert row.figure.endswith(f" {row.unit}")
        assert bool(row.verdict) == bool(row.goal)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES)
def test_pages_quote_only_what_the_table_prints(page: str, rows: dict[str, Row]) -> None:
    """A quoted line is named as in the table, has its unit and its goal; the figure itself is of another day."""
    quoted = [line for table in QUOTED.findall((ROOT / page).read_text("utf-8")) for line in table.splitlines()]
    for line in quoted:
        name, figure, goal, *_ = (cell.strip() for cell in line.strip("|").split("|"))
        assert name in rows
        assert DIGITS.sub("N", figure) == DIGITS.sub("N", rows[name].figure)
        assert goal == rows[name].target


def test_the_page_on_benchmarks_quotes_a_table() -> None:
    """The page holds one, so that the test above has something to hold it to."""
    assert QUOTED.search((ROOT / "docs" / "benchmarks.md").read_text("utf-8"))


def test_for_programs() -> None:
    """`--json` prints one document with the machine and the rows."""
    command = [sys.executable, "-m", "benchmarks", "core", "--quick", "--json"]
    printed = json.loads(subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout)
    assert printed.keys() == {"machine", "quick", "rows"}
    assert {"name", "value", "unit"} <= printed["rows"][0].keys()


def test_an_unknown_name_is_refused() -> None:
    """With the names that there are."""
    command = [sys.executable, "-m", "benchmarks", "speed"]
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT, text=True)
    assert done.returncode == 2
    assert "there is no speed; there are core" in done.stderr


def test_calls_are_the_same_for_a_seed() -> None:
    """And others for another one."""
    assert make_calls(20, seed=7) == make_calls(20, seed=7)
    assert make_calls(20, seed=7) != make_calls(20, seed=8)


def test_calls_are_of_the_sizes_that_are_said() -> None:
    """200 bytes to 100 KB, one in fifty with a secret that is in it."""
    calls = make_calls(400)
    assert min(map(len, calls.events)) >= 200
    assert max(map(len, calls.events)) <= LONGEST
    assert len(calls.secrets) == 400 // PLANTED_EVERY
    for turn, secret in enumerate(calls.secrets):
        assert secret in calls.events[(turn + 1) * PLANTED_EVERY - 1]


def test_every_call_is_stored() -> None:
    """The writer that is measured takes them all, whole or in batches."""
    calls = make_calls(40)
    bench = Bench()
    bench.write(calls.bodies(1))
    assert [len(orjson.loads(body)) for body in calls.bodies(15)] == [15, 15, 10]
    bench.write(calls.bodies(15))


def test_plain_re_masks_too() -> None:
    """What the writer is compared with does do the work: it finds a token in a nested text, and leaves the rest."""
    token = "ghp_" + "1B2c3D4e5F6g7H8i9J0kLmNoPqRsTuVwXyZ0"
    event = orjson.dumps({"a": [{"b": f"use {token} now"}], "n": 1})
    masked = PlainMasker().mask(event)
    assert token[4:].encode() not in masked
    assert b"use " in masked
    assert masked.endswith(b' now"}],"n":1}')


def test_ratios_are_taken_within_rounds() -> None:
    """The median of each round's ratio, and not the ratio of two medians."""
    assert ratio({"a": [1.0, 10.0, 6.0], "b": [1.0, 2.0, 3.0]}, "a", "b") == 2
    turns: list[str] = []
    taken = in_turns(2, a=lambda: turns.append("a"), b=lambda: turns.append("b"))
    assert turns == ["a", "b"] * 3
    assert {name: len(times) for name, times in taken.items()} == {"a": 2, "b": 2}


@pytest.mark.parametrize(
    ("goal", "value", "verdict"),
    [(at_least(0.3), 0.3, "reached"), (at_least(0.3), 0.29, "missed"), (at_most(3), 3.1, "missed"), (None, 1, "")],
)
def test_a_missed_goal_is_said(goal: Goal | None, value: float, verdict: str) -> None:
    """By the value itself, not by how it is rounded."""
    assert Row(name="n", value=value, unit="x", goal=goal).verdict == verdict


def test_figures_have_three_digits() -> None:
    """Larger ones are whole, smaller ones have what tells them apart."""
    shown = [Row(name="n", value=value, unit="s").figure for value in (1234.5, 12.34, 1.234, 0.0123)]
    assert shown == ["1,234 s", "12.3 s", "1.23 s", "0.012 s"]
