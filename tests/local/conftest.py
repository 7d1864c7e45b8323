"""Fixtures for tests on a deployed stack, and for those that need a checkout of their own."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.package import ANCHORING_SEALER, WRITER, Target, ensure_wheels
from localcloud.deploy import Deployed
from tests.local.check.cloud import Cloud

ROOT = Path(__file__).resolve().parents[2]
TARGETS: tuple[Target, ...] = ("aws", "local")
PARTS = (
    "Makefile", "Pulumi.yaml", "README.md", "pyproject.toml", "requirements.lock", "tests/requirements.lock",
    "benchmarks", "cli", "clients", "components", "docs", "lambda", "localcloud", "policies", "stacks",
)  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def _warm(warm: None) -> None:
    """Let every engine here start its programs quickly."""


@pytest.fixture(scope="session")
def cloud(deployed: Deployed) -> Iterator[Cloud]:
    """Yield the whole stack, deployed once a test process."""
    with contextlib.closing(Cloud(outputs=deployed.outputs)) as cloud:
        yield cloud


@pytest.fixture(scope="session", autouse=True)
def _wheels() -> None:
    """Fetch what goes into the functions' packages: the checkouts here share it, and some reach no index."""
    for target in TARGETS:
        ensure_wheels(target, WRITER, ANCHORING_SEALER)


@pytest.fixture(scope="session")
def fresh_checkout() -> Callable[[Path], Path]:
    """Return a function that copies this checkout into a folder as a fresh clone: no environment, no local cloud."""
    return _copy


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of this checkout."""
    return _copy(tmp_path)


def _copy(folder: Path) -> Path:
    copy = folder / "checkout"
    for part in PARTS:
        source, target = ROOT / part, copy / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        elif source.exists():
            shutil.copy2(source, target)
    # The wheels that go into the function's package are pinned by hash; fetching them again would prove nothing.
    (copy / ".cache").symlink_to(ROOT / ".cache")
    return copy
