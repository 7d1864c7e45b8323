"""A run can be killed at any point; the next one leads to what the program says, and nothing is lost or made twice."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.local.engine.harness import Stack, actions, apply, deployment, wanted
from tests.local.engine.kv_cloud import Cloud
from tests.local.engine.scenarios import SCENARIOS

ROOT = Path(__file__).resolve().parents[3]
POINTS = [6, pytest.param(60, marks=pytest.mark.long)]
"""How many points of each scenario are tried, always the same ones."""


@contextmanager
def runner(folder: Path, scenario: str) -> Iterator[Callable[[str, int, int], str]]:
    """Start the process that forks engines."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.local.engine.kill_runner", str(folder), scenario],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def run(name: str, at: int, version: int) -> str:
            stdin.write(f"{name} {at} {version}\n")
            stdin.flush()
            return stdout.readline().strip()

        yield run
        stdin.close()


@pytest.mark.parametrize("points", POINTS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_kill_at_any_point_is_made_up_for(tmp_path: Path, scenario: str, points: int) -> None:
    """Killed before, within and after every write of state and every effect in the cloud, a rerun converges."""
    dice = random.Random(scenario)  # noqa: S311 - the same points in every run
    before = tmp_path / "before"
    before.mkdir()
    with runner(tmp_path, scenario) as run:
        assert run("before", 0, 0).startswith("done")
        shutil.copytree(before, tmp_path / "count")
        done, _, chances = run("count", 0, 1).partition(" ")
        assert done == "done"
        every = range(1, int(chances) + 1)
        for at in sorted(dice.sample(every, min(points, len(every)))):
            name = f"at{at}"
            shutil.copytree(before, tmp_path / name)
            assert run(name, at, 1) == "killed"
            _converges(tmp_path / name, scenario)
        # And once killed is not killed once: the run that mends is killed as well, again and again.
        name = "often"
        shutil.copytree(before, tmp_path / name)
        kills = 0
        while run(name, dice.randint(6, int(chances)), 1) == "killed":
            kills += 1
            assert kills < 2 * int(chances)
        _converges(tmp_path / name, scenario)


def _converges(folder: Path, scenario: str) -> None:
    goal = SCENARIOS[scenario][1]
    cloud = Cloud(folder / "cloud")
    with deployment(state_path=folder / "state.json", cloud=cloud) as mending:
        apply(mending, goal)
    wanted(cloud, goal)
    cloud.forget_calls()
    with deployment(state_path=folder / "state.json", cloud=cloud) as again:
        apply(again, goal)
    assert cloud.mutations() == []
    assert not again.journal.snapshot.pending
    assert [entry.urn for entry in again.journal.snapshot.entries if entry.pending_delete] == []


def test_a_killed_program_run_is_made_up_for(stack: Stack) -> None:
    """The same holds for the whole engine and a program: what was made unrecorded is adopted and not made twice."""
    stack.write("""
        a = Item("a", name="a", value=1)
        Item("b", value=a.address)
    """)
    code = (
        "import sys; from pathlib import Path\n"
        "from localcloud.engine import Engine\n"
        "from tests.local.engine.kv_cloud import Cloud, Killer, KvProvider\n"
        "at, folder = int(sys.argv[1]), Path(sys.argv[2])\n"
        "provider = KvProvider(Cloud(folder / 'cloud'), killer=Killer(at))\n"
        "Engine(project='proj', stack='test', program=folder / 'program', state_file=folder / 'state.json',"
        " providers={'kv': lambda: provider}).up()\n"
    )
    for at in (3, 3, 3):
        ended = subprocess.run(
            [sys.executable, "-c", code, str(at), str(stack.folder)], cwd=ROOT, check=False, timeout=60
        )
        assert ended.returncode in (-9, 0)
    result = stack.up()
    assert sorted(name.partition("-")[0] for name in stack.cloud.by_name()) == ["a", "b"]
    assert actions(result) == {"a": "update", "b": "create"}
