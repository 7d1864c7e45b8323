"""The suite in a fresh clone: what it downloads, it downloads once, before its workers start."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from components.package import WHEELS
from localcloud.place import ROOT


@pytest.fixture
def clone(tmp_path: Path, fresh_checkout: Callable[[Path], Path]) -> Path:
    """Return a checkout without wheels, with this suite's `conftest.py` and two files of tests that need them."""
    copy = fresh_checkout(tmp_path)
    (copy / ".cache").unlink()
    for name in ("conftest.py", "local/stack.py", "sdks/kits.py", "warm/programs.py"):
        (copy / "tests" / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "tests" / name, copy / "tests" / name)
    for name in ("test_one.py", "test_two.py"):
        text = (
            "from components.package import ensure_wheels\n\ndef test_wheels() -> None:\n    ensure_wheels('local')\n"
        )
        (copy / "tests" / name).write_text(text)
    return copy


def _pytest(clone: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-n", "2", "-q", "tests/test_one.py", "tests/test_two.py"]
    path = f"{clone}:{clone / 'lambda'}"
    return subprocess.run(
        command, cwd=clone, env={**kept, "PYTHONPATH": path, "PIP_CONFIG_FILE": os.devnull, **settings}, text=True,
        capture_output=True, check=False, timeout=110,
    )  # fmt: skip


def test_an_index_that_does_not_answer_is_said_once(clone: Path) -> None:
    """Not one error for each test, but one line and no worker."""
    done = _pytest(clone, PIP_INDEX_URL="http://127.0.0.1:9/", PIP_RETRIES="1")
    assert done.returncode == 1
    assert (done.stdout + done.stderr).count("cannot fetch") == 1
    assert "not run: package: cannot fetch" in done.stdout + done.stderr
    assert "the package index does not answer" in done.stdout + done.stderr
    assert "error" not in done.stdout.lower().replace("errors", "")


def test_the_workers_find_everything(clone: Path) -> None:
    """The wheels are there before the first test; their download log holds one download of each."""
    source = clone.parent / "wheels"
    source.mkdir()
    for wheel in WHEELS.glob("*/*.whl"):
        if not (source / wheel.name).exists():
            (source / wheel.name).symlink_to(wheel)
    log = clone.parent / "pip.log"
    done = _pytest(clone, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(source), PIP_LOG=str(log))
    assert done.returncode == 0, done.stdout + done.stderr
    saved = [line for line in log.read_text().splitlines() if " Saved " in line]
    assert len(saved) == len(set(saved)) == len(list((clone / ".cache/wheels").glob("*/*.whl")))
