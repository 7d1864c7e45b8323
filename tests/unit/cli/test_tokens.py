"""Rotation is an edit of a file that people write too."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from stacks.settings import Rotation

FILE = """\
# Ours.
config:
  aws:region: eu-central-1   # close to us
  agent-audit-log:profile: "trial"
  agent-audit-log:agents:
    - sales\u2011assistant-v1  # as in the guide
    - billing
"""
Run = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with one stack file."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: agent-audit-log\n", encoding="utf-8")
    (tmp_path / "stacks" / "Pulumi.prod.yaml").write_text(FILE, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs `audit-log token …` in the project."""
    monkeypatch.chdir(project)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["token", *arguments])

    return run


def _rotations(project: Path) -> list[Rotation]:
    lines = (project / "stacks" / "Pulumi.prod.yaml").read_text(encoding="utf-8").partition("tokens:\n")[2]
    return [Rotation.parse(line.strip().removeprefix("- ")) for line in lines.splitlines()]


def test_a_rotation_changes_its_line_and_no_other(project: Path, run: Run) -> None:
    """Comments, order, quotes and indentation stay as they were."""
    done = run("rotate", "billing", "--stack", "prod")
    assert done.exit_code == 0, done.output
    after = (project / "stacks" / "Pulumi.prod.yaml").read_text(encoding="utf-8")
    assert after.startswith(FILE)
    assert len(after.splitlines()) == len(FILE.splitlines()) + 2
    assert "pulumi up --stack prod" in done.output


def test_the_old_token_works_for_the_stated_time(project: Path, run: Run) -> None:
    """Both are accepted until the overlap is over."""
    run("rotate", "billing", "--stack", "prod", "--overlap", "90m")
    (rotation,) = _rotations(project)
    assert (rotation.agent, rotation.generation) == ("billing", 2)
    assert rotation.previous_until is not None
    assert abs(rotation.previous_until - datetime.now(UTC) - timedelta(minutes=90)) < timedelta(minutes=1)


def test_a_leaked_token_ends_at_once(project: Path, run: Run) -> None:
    """Without overlap, nothing of the old generation is left."""
    done = run("rotate", "billing", "--stack", "prod", "--overlap", "0")
    assert _rotations(project) == [Rotation(agent="billing", generation=2)]
    assert "ends when this is applied" in done.output


def test_rotating_again_replaces_the_line_and_says_what_ends(project: Path, run: Run) -> None:
    """Only two generations ever count, so the one before them ends early."""
    run("rotate", "billing", "--stack", "prod")
    done = run("rotate", "billing", "--stack", "prod", "--end-previous")
    assert [rotation.generation for rotation in _rotations(project)] == [3]
    assert "generation 1" in done.output


def test_a_second_rotation_does_not_end_what_agents_use(project: Path, run: Run) -> None:
    """While the previous token is valid, another rotation is refused; `--overlap 0` ends a leaked token at once."""
    run("rotate", "billing", "--stack", "prod")
    before = _rotations(project)
    done = run("rotate", "billing", "--stack", "prod")
    assert (done.exit_code, _rotations(project)) == (2, before)
    assert "`pulumi up --stack prod`" in done.output
    assert "--end-previous" in done.output
    assert run("rotate", "sales-assistant-v1", "--stack", "prod").exit_code == 0
    assert run("rotate", "billing", "--stack", "prod", "--overlap", "0").exit_code == 0


def test_a_rotation_that_was_not_deployed_is_not_rotated_again(project: Path, run: Run) -> None:
    """Agents use the deployed token, which a second rotation would end even after the overlap."""
    (project / "stacks" / "Pulumi.prod.yaml").rename(project / "stacks" / "Pulumi.local.yaml")
    (project / ".local").mkdir()
    outputs = project / ".local" / "outputs.json"
    outputs.write_text(json.dumps({"token_generations": {"billing": 1}}))
    assert run("rotate", "billing", "--overlap", "0").exit_code == 0
    refused = run("rotate", "billing")
    assert refused.exit_code == 2
    assert "`make up`" in refused.output
    outputs.write_text(json.dumps({"token_generations": {"billing": 2}}))
    assert run("rotate", "billing").exit_code == 0


def test_an_agent_is_named_with_any_hyphen(project: Path, run: Run) -> None:
    """The file's own spelling is what is written."""
    assert run("rotate", "sales-assistant-v1", "--stack", "prod").exit_code == 0
    assert _rotations(project)[0].agent == "sales\u2011assistant-v1"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["rotate", "nobody", "--stack", "prod"], "billing"),
        (["rotate", "billing", "--stack", "other"], "other"),
        (["rotate", "billing", "--stack", "../x"], "--stack"),
        (["rotate", "billing", "--stack", "prod", "--overlap", "soon"], "--overlap"),
        (["rotate", "billing", "--stack", "prod", "--overlap", "900d"], "30 days"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    project: Path, run: Run, arguments: list[str], word: str
) -> None:
    """The message names what was wrong, the exit code is 2."""
    done = run(*arguments)
    assert done.exit_code == 2
    assert word in done.output
    assert (project / "stacks" / "Pulumi.prod.yaml").read_text(encoding="utf-8") == FILE


@pytest.mark.parametrize("broken", ["", "config:", "a: [", "config: {agent-audit-log:tokens: 5}", "- x"])
def test_a_broken_file_is_one_line(project: Path, run: Run, broken: str) -> None:
    """No traceback, and the file stays as it is."""
    path = project / "stacks" / "Pulumi.prod.yaml"
    path.write_text(broken, encoding="utf-8")
    done = run("list", "--stack", "prod")
    assert done.exit_code == 2
    assert "Pulumi.prod.yaml" in done.output


def test_the_list_tells_generations_and_never_a_token(run: Run) -> None:
    """Each agent of the file, rotated or not."""
    run("rotate", "billing", "--stack", "prod")
    done = run("list", "--stack", "prod")
    assert "billing: generation 2" in done.output
    assert "sales\u2011assistant-v1: generation 1" in done.output
    assert "aal_" not in done.output
