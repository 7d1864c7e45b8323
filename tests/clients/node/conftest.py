"""A project with the client in it, and the endpoints it may send to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.node.harness import Endpoint, Project, WriterEndpoint
from tests.clients.node.target import Target


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a folder with a copy of the client."""
    return Project(tmp_path)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """Yield an endpoint that takes everything, until told otherwise."""
    server = Endpoint()
    yield server
    server.stop()


@pytest.fixture
def writer() -> Iterator[WriterEndpoint]:
    """Yield the real writer over a store in memory."""
    server = WriterEndpoint()
    yield server
    server.stop()


@pytest.fixture
def target() -> Iterator[Target]:
    """Yield a service that an agent calls."""
    server = Target()
    yield server
    server.stop()
