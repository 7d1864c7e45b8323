"""Fixtures that every test may use: a fresh emulator, and the whole stack deployed into one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud import emulator as emulators
from localcloud.emulator import Emulator


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Yield a fresh emulator with IAM enforced (`.url`; `test`/`test` is its account root); one a test process."""
    state_dir: Path = tmp_path_factory.mktemp("emulator")
    yield emulators.start(state_dir=state_dir)
    emulators.stop(state_dir=state_dir)
