"""Tokens from end to end: rotated by the command, applied by a deployment, revoked by leaving the list."""

import contextlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.check import run_controls
from cli.checks.probe import Outcome
from cli.main import main
from localcloud import emulator as emulators
from localcloud import place, stack_config
from localcloud.deploy import deploy
from localcloud.emulator import Emulator
from policies.controls import CONTROLS
from tests.local.check.cloud import Cloud

AGENT = "sales\u2011assistant-v1"


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project of its own: its stack file, and an emulator to deploy it into."""

    folder: Path
    emulator: Emulator

    @property
    def stack_file(self) -> Path:
        """The file that people and `audit-log token rotate` edit."""
        return self.folder / "stacks" / place.STACK_FILE.name

    def deploy(self) -> Cloud:
        """Deploy the stack as the file has it now."""
        done = deploy(self.emulator, config=stack_config.read(self.stack_file), folder=self.folder)
        return Cloud(outputs=done.outputs)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Yield a project with a copy of the local stack's file, whose emulator nobody else uses."""
    (tmp_path / "stacks").mkdir()
    shutil.copy(place.ROOT / "Pulumi.yaml", tmp_path)
    shutil.copy(place.STACK_FILE, tmp_path / "stacks")
    monkeypatch.chdir(tmp_path)
    started = emulators.start(state_dir=tmp_path / "emulator")
    try:
        yield Project(folder=tmp_path, emulator=started)
    finally:
        emulators.stop(state_dir=tmp_path / "emulator")


def _rotate(*options: str) -> None:
    done = CliRunner().invoke(main, ["token", "rotate", "sales-assistant-v1", *options])
    assert done.exit_code == 0, done.output


def _status(cloud: Cloud, token: str) -> int:
    return cloud.post({"agent_name": "token-test", "method": "GET"}, token=token).status_code


@pytest.mark.timeout(400)
def test_tokens_are_rotated_and_revoked(project: Project) -> None:
    """Old and new overlap as long as was said; a generation that is over, and an agent that is gone, write no more."""
    with contextlib.ExitStack() as opened:

        def deployed() -> Cloud:
            return opened.enter_context(contextlib.closing(project.deploy()))

        cloud = deployed()
        first = cloud.deployment.tokens[AGENT]
        assert re.fullmatch(r"aal_[A-Za-z0-9_-]{43}", first)
        assert _status(cloud, first) == 200

        _rotate("--overlap", "1h")
        cloud = deployed()
        second = cloud.deployment.tokens[AGENT]
        assert second != first
        assert [_status(cloud, token) for token in (first, second)] == [200, 200]

        _rotate("--overlap", "0")
        text = project.stack_file.read_text(encoding="utf-8")
        both, billing = f"    - {AGENT}\n    - billing\n", "    - billing\n"
        project.stack_file.write_text(text.replace(f"    - {AGENT}\n", both, 1), encoding="utf-8")
        cloud = deployed()
        third = cloud.deployment.tokens[AGENT]
        assert [_status(cloud, token) for token in (first, second, third)] == [401, 401, 200]
        (line,) = run_controls(cloud.deployment, [row for row in CONTROLS if row.id == "token-required"])
        assert line.verdict.outcome is Outcome.PASSED, line.verdict.detail
        assert "another agent's name" in line.verdict.detail

        project.stack_file.write_text(text.replace(f"    - {AGENT}\n", billing, 1), encoding="utf-8")
        cloud = deployed()
        assert list(cloud.deployment.tokens) == ["billing"]
        assert [_status(cloud, token) for token in (third, cloud.deployment.tokens["billing"])] == [401, 200]
