"""A fresh stack for every test."""

from pathlib import Path

import pytest

from tests.local.engine.harness import Stack


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """Give an empty stack over an empty cloud."""
    return Stack(folder=tmp_path)
