"""The stack that this folder's tests share."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.deploy import Deployed
from tests.local.check.cloud import Cloud


@pytest.fixture(scope="session")
def cloud(deployed: Deployed) -> Iterator[Cloud]:
    """Yield the whole stack, deployed once a test process."""
    with contextlib.closing(Cloud(outputs=deployed.outputs)) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def outputs(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with the stack's outputs, as `make up` writes it."""
    path = tmp_path_factory.mktemp("outputs") / "outputs.json"
    path.write_text(json.dumps(dict(deployed.outputs)), encoding="utf-8")
    return path
