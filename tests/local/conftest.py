"""Fixtures for tests that need a checkout of their own."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "Makefile", "Pulumi.yaml", "README.md", "pyproject.toml", "requirements.lock", "tests/requirements.lock",
    "benchmarks", "cli", "components", "docs", "lambda", "localcloud", "policies", "stacks",
)  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of this checkout as a fresh clone has it: no environment and no local cloud."""
    copy = tmp_path / "checkout"
    for part in PARTS:
        source, target = ROOT / part, copy / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        elif source.exists():
            shutil.copy2(source, target)
    # The wheels that go into the function's package are pinned by hash; fetching them again would prove nothing.
    (ROOT / ".cache").mkdir(exist_ok=True)
    (copy / ".cache").symlink_to(ROOT / ".cache")
    return copy
