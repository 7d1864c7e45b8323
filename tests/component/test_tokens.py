"""What becomes of an agent's token between its making and its one output."""
# ruff: noqa: N802 - the methods have the names of the protocol

import json
import stat
import traceback
from pathlib import Path

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from localcloud.engine import EngineError

from .conftest import DRAWN, MemoryProvider, Run, Up, without_secrets


def test_a_token_is_256_bits_and_a_secret(standard: Run) -> None:
    """43 of 62 characters, behind a prefix that scanners can know, and said nowhere but in one secret output."""
    given = standard.entries["token-my-agent-1"].inputs
    given = {key: value for key, value in given.items() if not key.startswith("__")}
    assert given == {"length": 43, "special": False}
    assert 62**43 > 2**256
    assert standard.plan.outputs["tokens"] == {"my-agent": f"aal_{DRAWN}"}
    assert standard.plan.secret_outputs == {"tokens"}  # type: ignore[attr-defined]


def test_a_token_lies_nowhere_unmarked(run_program: Up, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In a state that only its owner reads it is always under the mark of a secret; in no id, message or print."""
    run = run_program(state=tmp_path)
    state = tmp_path / "state.json"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert DRAWN in state.read_text("utf-8")
    assert DRAWN not in json.dumps(without_secrets(json.loads(state.read_text("utf-8"))))
    assert DRAWN not in "".join([*map(repr, run.messages), *capfd.readouterr()])


def test_an_error_tells_no_token(run_program: Up, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A run that fails with the tokens drawn, half-way, says why without them."""

    class Full(MemoryProvider):
        """An account that takes no function."""

        def Create(
            self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
        ) -> provider_pb2.CreateResponse:
            """Refuse the writer's."""
            if request.urn.endswith("::writer-function"):
                context.abort(grpc.StatusCode.UNKNOWN, "no more functions")
            return super().Create(request, context)

    with pytest.raises(EngineError) as error:
        run_program(provider=Full(), state=tmp_path)
    state = tmp_path / "state.json"
    assert "no more functions" in str(error.value)
    assert DRAWN in state.read_text("utf-8")
    assert DRAWN not in json.dumps(without_secrets(json.loads(state.read_text("utf-8"))))
    assert DRAWN not in "".join([str(error.value), *traceback.format_exception(error.value), *capfd.readouterr()])
