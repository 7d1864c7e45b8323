"""What a newcomer does: a fresh clone, a new home, `make up`. The packages are really downloaded and installed."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcloud import emulator as emulators

INDEX_SETTINGS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT", "PIP_FIND_LINKS", "PIP_TRUSTED_HOST", "PIP_PROXY")


@pytest.fixture
def clone(tmp_path: Path, fresh_checkout: Callable[[Path], Path]) -> Iterator[Path]:
    """Yield a checkout with no caches at all; its emulator is stopped at the end."""
    copy = fresh_checkout(tmp_path)
    (copy / ".cache").unlink()
    yield copy
    if (copy / ".local/emulator").exists():
        emulators.stop(state_dir=copy / ".local/emulator")


def make(clone: Path, target: str) -> subprocess.CompletedProcess[str]:
    """Run a make target with a new home, and of this machine's settings only where packages come from."""
    home = clone.parent / "home"
    home.mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", *INDEX_SETTINGS) if name in os.environ}
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        kept |= {name: os.environ[name]} if name in os.environ else {}
    return subprocess.run(
        ["make", target], cwd=clone, env={**kept, "HOME": str(home)}, capture_output=True, text=True, check=False,
        timeout=500,
    )  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(600)
def test_fresh_clone(clone: Path) -> None:
    """`make up` sets itself up and ticks every line; `make down`, and nothing is left."""
    up = make(clone, "up")
    if "the package index does not answer" in up.stderr:
        pytest.skip("not run: there is no package index; run `make up` in a fresh clone")
    assert up.returncode == 0, up.stdout + up.stderr
    assert "MB to download" in up.stdout
    assert re.search(r"^\d+ controls: \d+ passed, \d+ not enforced here$", up.stdout, re.MULTILINE)
    outputs = json.loads((clone / ".local/outputs.json").read_text())
    assert outputs["token"] in up.stdout
    check = subprocess.run(
        [clone / ".venv/bin/audit-log", "find", "--limit", "1"], cwd=clone, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert "audit-log-check" in check.stdout
    down = make(clone, "down")
    assert down.returncode == 0
    assert not (clone / ".local").exists()
