"""`pulumi preview` before any make target: Pulumi itself makes `.venv`, and the program runs in it."""

import subprocess
import sys
from pathlib import Path

from localcloud.place import ROOT

ALONE = """
import runpy, sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
sys.path[:] = [folder for folder in sys.path if not folder.startswith(sys.argv[1]) or "site-packages" in folder]
runpy.run_path(sys.argv[1] + "/stacks", run_name="__main__")
"""


def test_pulumi_installs_what_the_lock_pins() -> None:
    """It looks for this very file beside the program, and without one it leaves an environment with nothing in it."""
    lines = (ROOT / "stacks" / "requirements.txt").read_text("utf-8").splitlines()
    (line,) = [line for line in lines if not line.startswith("#")]
    assert (ROOT / "stacks" / line.removeprefix("-r ")).resolve() == ROOT / "requirements.lock"


def test_the_program_runs_where_this_project_is_not_installed(tmp_path: Path) -> None:
    """It finds its own packages, and gets as far as it can without Pulumi's engine."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(ROOT)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.stderr.splitlines()[-1].startswith("Exception: The root stack resource was referenced"), done.stderr
