"""What the policies are put to: a public evaluator of IAM, and two linters, each as its own lock says."""

import fcntl
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

from localcloud.dependencies import ROOT, SetUpError
from localcloud.kits import Kit
from tests.component.conftest import Run, Up

HERE: Final = Path(__file__).parent
EVALUATOR: Final = HERE / "evaluator"
INSTALLED: Final = ROOT / ".venv-sdks" / "policies-evaluator"
LINTERS: Final = Kit(name="policies", purpose="parliament and cloudsplaining", megabytes=20, locks=HERE / "locks")

Answers: TypeAlias = "dict[str, list[Any]]"
Evaluate: TypeAlias = "Callable[..., Answers]"


@pytest.fixture(scope="session")
def evaluate() -> Evaluate:
    """Return a function that puts requests and documents to `@cloud-copilot/iam-simulate`."""
    node = shutil.which("node") or pytest.fail("needs Node 20 or later, and npm", pytrace=False)
    _install()

    def ask(*, requests: Sequence[Any] = (), documents: Sequence[Any] = ()) -> Answers:
        asked = json.dumps({"requests": requests, "documents": documents})
        done = subprocess.run(
            [node, "evaluate.mjs"], input=asked, capture_output=True, text=True, cwd=INSTALLED, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        answers: Answers = json.loads(done.stdout)
        return answers

    return ask


def _install() -> None:
    """Bring what package-lock.json lists, once; the lock pins each package by its digest."""
    npm = shutil.which("npm") or pytest.fail("needs npm, which comes with Node", pytrace=False)
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with (INSTALLED / "set-up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        listed = (EVALUATOR / "package-lock.json").read_bytes()
        done = INSTALLED / "installed.json"
        if not done.exists() or done.read_bytes() != listed:
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(EVALUATOR / name, INSTALLED / name)
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            ran = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, timeout=300, check=False)
            assert ran.returncode == 0, ran.stderr
            done.write_bytes(listed)
        shutil.copyfile(EVALUATOR / "evaluate.mjs", INSTALLED / "evaluate.mjs")


@pytest.fixture(scope="session")
def linters() -> Path:
    """Return the interpreter that has both linters."""
    try:
        return LINTERS.bring()
    except SetUpError as error:
        pytest.fail(f"{LINTERS.purpose} cannot be had here: {error}", pytrace=False)


@pytest.fixture(scope="session")
def everything(run_program: Up) -> Run:
    """Return the program with all that it can register, for the most types, inputs and policies."""
    return run_program({"envelope": "masked", "alarmEmail": "alarms@example.com", "reservedConcurrency": "5"})
