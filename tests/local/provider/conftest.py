"""A provider behind real gRPC, spoken to as the engine speaks."""

from collections.abc import Iterator

import pytest

from localcloud.emulator import Emulator
from localcloud.provider import AwsProvider, RandomProvider
from tests.local.provider.driver import Driver, driven

REGION = "eu-central-1"


@pytest.fixture(scope="session")
def aws(emulator: Emulator) -> Iterator[Driver]:
    """Yield the configured `aws` provider over a fresh emulator."""
    provider = AwsProvider(endpoint_url=emulator.url)
    with driven(provider, {"region": REGION}, endpoint=emulator.url) as driver:
        yield driver


@pytest.fixture(scope="session")
def randomness() -> Iterator[Driver]:
    """Yield the configured `random` provider."""
    with driven(RandomProvider(), {}) as driver:
        yield driver
