"""`audit-log find` on a deployed stack: agents that nobody knows, and a cloud that stops answering."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError
from click.testing import CliRunner, Result

from cli.main import main
from cli.reader import LogReader
from tests.local.check.cloud import Cloud


@pytest.fixture
def outputs(cloud: Cloud, tmp_path: Path) -> Path:
    """Return the stack's outputs in a file."""
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps(dict(cloud.outputs)), encoding="utf-8")
    return path


def _find(outputs: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["find", *arguments, "--outputs", str(outputs)])


def test_an_agent_that_nobody_knows(cloud: Cloud, outputs: Path) -> None:
    """Neither the stack nor a record read has it: exit code 2, with the names there are."""
    assert cloud.post({"agent_name": "helper", "endpoint": "https://api.example.com/v1/find"}).status_code == 200
    for more in ((), ("find", "--json"), ("--since", "24h"), ("--outcome", "error")):
        unknown = _find(outputs, "--agent", "nobody", *more)
        assert (unknown.exit_code, unknown.stdout) == (2, "")
        assert "--agent nobody: no record read is of it" in unknown.stderr
        assert cloud.deployment.first_agent in unknown.stderr
    for known in (cloud.deployment.first_agent, "sales-assistant-v1", "helper"):
        found = _find(outputs, "--agent", known, "v1/find")
        assert (found.exit_code, found.stdout.count("\n")) == (0, 1), found.output
        nothing = _find(outputs, "--agent", known, "--status", "599")
        assert (nothing.exit_code, nothing.stderr) == (0, "no record matches\n")


def test_a_cloud_that_stops_answering_is_one_line(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of the work too: no traceback, exit code 2."""

    def gone(*_: object, **__: object) -> object:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")

    monkeypatch.setattr(LogReader, "raw", gone)
    done = _find(outputs)
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: AWS: Could not connect to the endpoint URL")
    assert len(done.stderr.splitlines()) == 1
