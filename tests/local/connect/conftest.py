"""The stack that this folder's tests share."""

import json
from pathlib import Path

import pytest

from localcloud.deploy import Deployed


@pytest.fixture(scope="session")
def outputs(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with the stack's outputs, as `make up` writes it."""
    path = tmp_path_factory.mktemp("outputs") / "outputs.json"
    path.write_text(json.dumps(dict(deployed.outputs)), encoding="utf-8")
    return path
