"""Fixtures that every test may use: a fresh emulator, and the whole stack deployed into another."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from components.package import ANCHORING_SEALER, WRITER, PackageError, ensure_wheels
from localcloud import emulator as emulators
from localcloud import kits, place
from localcloud.dependencies import SetUpError
from localcloud.deploy import Deployed
from localcloud.emulator import Emulator
from tests.local.stack import deployed_alone
from tests.sdks.kits import ALL as SDK_KITS
from tests.warm.programs import warm_programs

# `make test` tries 40 random examples of each property, other ones each time; `make test-long` tries ten times as many.
NO_CLOCK = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
settings.register_profile("suite", max_examples=40, deadline=None, suppress_health_check=NO_CLOCK)
settings.register_profile("long", max_examples=400, deadline=None, suppress_health_check=NO_CLOCK)
settings.load_profile("suite")
DOWNLOADING_FIXTURES = {"python_of", "linters", "evaluate"}
"""A test that uses one of these downloads packages that nothing else needs."""
DOWNLOADS_SECONDS = 900


LONGEST = (
    "tests/local/shell/test_up.py", "tests/local/shell/test_bootstrap.py", "tests/component/test_program.py",
    "tests/local/check/test_checklist.py", "tests/local/shell/test_teardown.py", "tests/local/check/test_tokens.py",
    "tests/unit/log_writer/test_wrong_items.py", "tests/local/check/test_posts.py", "tests/local/roles/test_vault.py",
    "tests/adversarial/test_writer_durability.py", "tests/local/provider/test_contract.py",
    "tests/local/shell/test_plan.py", "tests/local/sealer/test_attacks.py", "tests/sdks/test_snippets.py",
    "tests/sdks/test_away.py", "tests/local/shell/test_fresh_clone.py", "tests/unit/test_benchmarks.py",
)  # fmt: skip
"""Files that take longest. A file is one worker's: begun late, it would be waited for by all others."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that download packages of their own as long, and begin with the longest files."""
    for item in items:
        if DOWNLOADING_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.long)
            item.add_marker(pytest.mark.timeout(DOWNLOADS_SECONDS))
    order = {place.ROOT / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


def pytest_configure(config: pytest.Config) -> None:
    """Leave out the person's cloud settings, and any proxy on the way to this machine itself; then set up once."""
    for name in [*os.environ]:
        if name.startswith(("AWS_", "AZURE_", "PULUMI_")):
            del os.environ[name]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    starts_workers = config.getoption("numprocesses", default=None) and not hasattr(config, "workerinput")
    if starts_workers and not config.option.collectonly:
        asked = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
        _set_up(asked, with_long=config.option.markexpr != "not long")


def _set_up(asked: list[Path], *, with_long: bool) -> None:
    """Download before the workers start what several of them would ask for at once."""
    folder = Path(__file__).parent / "sdks"
    wants_sdks = with_long and any(path.is_relative_to(folder) or folder.is_relative_to(path) for path in asked)
    try:
        ensure_wheels("aws", WRITER, ANCHORING_SEALER)
        ensure_wheels("local", WRITER, ANCHORING_SEALER)
        for kit in (kits.DEMO, *SDK_KITS) if wants_sdks else ():
            kit.bring()
    except (PackageError, SetUpError) as error:
        pytest.exit(f"not run: {error}", returncode=1)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Yield a fresh emulator with IAM enforced (`.url`; `test`/`test` is its account root); one a test process."""
    state_dir = tmp_path_factory.mktemp("emulator")
    yield emulators.start(state_dir=state_dir)
    emulators.stop(state_dir=state_dir)


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Start the Pulumi programs of this process quickly."""
    with warm_programs(tmp_path_factory.mktemp("warm")):
        yield


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Yield the `local` stack in an emulator of its own (`.outputs`, `.emulator`, `.result`); one a test process."""
    with deployed_alone(tmp_path_factory.mktemp("deployed")) as stack:
        yield stack
