"""Environments with the real SDKs, a backend, and what runs programs in them."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from _pytest.capture import CaptureManager

from localcloud.dependencies import SetUpError
from tests.sdks import scenarios
from tests.sdks.backend import Backend
from tests.sdks.kits import Kit
from tests.sdks.scenarios import Place

Python: TypeAlias = "Callable[[Kit], Path]"
PlaceOf: TypeAlias = "Callable[[Kit], Place]"


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
                return kit.bring()
            except SetUpError as error:
                pytest.fail(f"not run: {kit.purpose} cannot be had here: {error}", pytrace=False)

    return bring


@pytest.fixture
def backend() -> Iterator[Backend]:
    """Yield the real writer on loopback, with an empty log."""
    with Backend() as started:
        yield started


@pytest.fixture
def place_of(python_of: Python, backend: Backend, tmp_path: Path) -> PlaceOf:
    """Return a function from a kit to where its agents run: its interpreter, an empty home, and the backend."""
    return lambda kit: scenarios.place(python_of(kit), backend, tmp_path / "home")
