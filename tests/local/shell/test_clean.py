"""`make clean` removes what was made here, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

from audit_log_client._folders import _digest

LOCAL = "http://127.0.0.1:4566/_aws/lambda-url/abc"
TOKEN = "aal_" + 43 * "x"


def test_clean(checkout: Path, tmp_path: Path) -> None:
    """Environments, caches, the local cloud and what waits to be sent to it; not a person's files, nor other logs'."""
    shared = (checkout / ".cache").resolve()
    (checkout / ".cache").unlink()
    made = (".venv/bin", ".venv-sdks/demo", ".cache/wheels", ".ruff_cache", "cli/__pycache__", ".local/emulator")
    for name in made:
        (checkout / name).mkdir(parents=True)
        (checkout / name / "file").write_text("x" * 1000)
    (checkout / ".local/outputs.json").write_text(json.dumps({"endpoint": LOCAL}))
    (checkout / "stacks/Pulumi.prod.yaml").write_text("config: {}\n")
    (checkout / "notes.txt").touch()
    home = tmp_path / "home"
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    code = f"from audit_log_client._folders import choose_folder as c; [c(None, x, {TOKEN!r}) for x in "
    code += f"({LOCAL!r}, 'https://abc.lambda-url.eu-central-1.on.aws')]"
    subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        timeout=30,
    )
    state = home / ".local/state/agent-audit-log"
    assert len(list(state.iterdir())) == 2
    done = subprocess.run(
        ["make", "clean", f"PYTHON={sys.executable}"], cwd=checkout, env=environment, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not [name for name in made if (checkout / name).exists()]
    assert (checkout / "stacks/Pulumi.prod.yaml").exists()
    assert (checkout / "notes.txt").exists()
    assert shared.exists()
    (kept,) = state.iterdir()
    assert kept.name.startswith(_digest("https://abc.lambda-url.eu-central-1.on.aws"))
    assert "Removed .venv (" in done.stdout
    assert "Kept: your files, stacks/Pulumi.*.yaml" in done.stdout
    assert str(state) in done.stdout
    again = subprocess.run(
        ["make", "clean", f"PYTHON={sys.executable}"], cwd=checkout, env=environment, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert again.returncode == 0
    assert "There was no local cloud here." in again.stdout
