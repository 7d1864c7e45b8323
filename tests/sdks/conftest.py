"""Environments with the real SDKs, a backend, and what runs programs in them."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from _pytest.capture import CaptureManager

from localcloud.dependencies import ROOT, SetUpError
from tests.sdks import environments
from tests.sdks.backend import Backend
from tests.sdks.environments import Kit
from tests.sdks.scenarios import Place

DOWNLOADS_SECONDS = 900  # the first test in an environment waits for what it needs to be downloaded

Python: TypeAlias = "Callable[[Kit], Path]"
PlaceOf: TypeAlias = "Callable[[Kit], Place]"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests here the time that downloads may take."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(DOWNLOADS_SECONDS))


@pytest.fixture(scope="session")
def python_of(request: pytest.FixtureRequest) -> Python:
    """Return a function from a kit to the interpreter that has it; it fails where the kit cannot be had."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert isinstance(capture, CaptureManager | None)

    def bring(kit: Kit) -> Path:
        # Said aloud: this may take a while, and a person should know why.
        aloud = capture.global_and_fixture_disabled() if capture else contextlib.nullcontext()
        with aloud, contextlib.redirect_stdout(sys.stderr):
            try:
                return environments.environment(kit).bring()
            except SetUpError as error:
                pytest.fail(f"not run: {kit.purpose} cannot be had here: {error}", pytrace=False)

    return bring


@pytest.fixture
def backend() -> Iterator[Backend]:
    """Yield the real writer on loopback, with an empty log."""
    with Backend() as started:
        yield started


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return an empty home folder."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def clean_environment(home: Path) -> dict[str, str]:
    """Return what a program needs, and nothing that a person or a CI has set: least of all a key or a proxy."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "LANG": "C.UTF-8",
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONPATH": str(ROOT / "clients" / "python" / "src"),
    }


@pytest.fixture
def place_of(python_of: Python, clean_environment: dict[str, str], backend: Backend) -> PlaceOf:
    """Return a function from a kit to where its agents run: its interpreter, an empty home, and the backend."""
    return lambda kit: Place(python=python_of(kit), env=clean_environment, endpoint=backend.url, token=backend.token)
