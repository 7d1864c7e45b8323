"""The stack that this folder's tests share."""

import contextlib
from collections.abc import Iterator

import pytest

from localcloud.deploy import Deployed
from tests.local.check.cloud import Cloud


@pytest.fixture(scope="session")
def cloud(deployed: Deployed) -> Iterator[Cloud]:
    """Yield the whole stack, deployed once a test process."""
    with contextlib.closing(Cloud(outputs=deployed.outputs)) as cloud:
        yield cloud
