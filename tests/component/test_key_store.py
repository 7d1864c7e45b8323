"""The keys of digests and pseudonyms: what is registered, what rotating does, and where no key is."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from localcloud.engine import ProgramError
from localcloud.place import ROOT
from localcloud.values import Secret
from policies.keys import render_keys

from .conftest import DRAWN, GET_PARAMETER, MemoryProvider, Run, Up, without_secrets

PARAMETER = "/agent-audit-log/test/keys"


def _value(run: Run) -> str:
    held = run.entries["keys-parameter"].inputs["value"]
    assert isinstance(held, Secret)
    assert isinstance(held.value, str)
    return held.value


def _package(run: Run) -> tuple[dict[str, Any], bytes]:
    """The configuration in the function's package, and all of its bytes."""
    (path,) = (ROOT / ".cache" / "packages" / "test").glob(f"*-{run.plan.outputs['package_sha256_hex'][:16]}.zip")
    with zipfile.ZipFile(path) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
        return json.loads(archive.read("config.json")), everything


def test_the_keys_are_in_one_encrypted_parameter(standard: Run) -> None:
    """Under the AWS managed key and in the tier that costs nothing; the writer is there once the keys are."""
    given = standard.entries["keys-parameter"].inputs
    assert {key: given[key] for key in given if key not in ("value", "__defaults")} == {
        "name": PARAMETER,
        "type": "SecureString",
        "tier": "Standard",
        "description": "The keys of the audit log's digests and pseudonyms.",
    }
    assert _value(standard) == render_keys({"digest": [DRAWN], "pseudonym": [DRAWN]})
    assert standard.children("keys") == {"keys-digest-1", "keys-pseudonym-1", "keys-parameter"}
    for name in ("keys-digest-1", "keys-pseudonym-1"):
        inputs = standard.entries[name].inputs
        assert {key: inputs[key] for key in inputs if key != "__defaults"} == {"length": 43, "special": False}
        assert standard.entries[name].id == "none"
    needed = {urn.rpartition("::")[2] for urn in standard.entries["writer-function"].needs}
    assert "keys-parameter" in needed


def test_rotating_adds_a_key_and_keeps_the_others(run_program: Up, tmp_path: Path) -> None:
    """The parameter changes in place; the older key is drawn no second time; the function stays as it is."""
    first = run_program(state=tmp_path)
    again = run_program({"digestKeyGeneration": "2"}, state=tmp_path)
    steps = {step.name: step.action for step in again.plan.steps if step.action not in ("same", "read")}
    assert steps == {"keys-digest-2": "create", "keys-parameter": "update"}
    before, after = (json.loads(_value(run)) for run in (first, again))
    assert before["digest"]["keys"].items() < after["digest"]["keys"].items()
    assert after["digest"]["current"].startswith("2-")
    assert after["pseudonym"] == before["pseudonym"]


def test_keys_survive_the_loss_of_the_state(run_program: Up) -> None:
    """The parameter keeps what it holds, and the newly drawn keys come beside it."""
    provider = MemoryProvider()
    deployed = render_keys({"digest": ["a", "b"], "pseudonym": ["c"]})
    provider.answers[GET_PARAMETER] = {"id": PARAMETER, "name": PARAMETER, "value": deployed}
    run = run_program(provider=provider)
    before, after = json.loads(deployed), json.loads(_value(run))
    for purpose in before:
        assert before[purpose]["keys"].items() < after[purpose]["keys"].items()
    assert "c2" not in repr(run.messages)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("AccessDenied: not authorized to perform ssm:GetParameter", "keys: cannot read /agent-audit-log/test/keys"),
        ({"id": PARAMETER, "value": "somebody's own value"}, "does not hold keys of this kit; nothing is put over it"),
    ],
)
def test_keys_that_cannot_be_kept_are_an_error(run_program: Up, answer: dict[str, str] | str, says: str) -> None:
    """Nothing is put over a parameter that holds something else, or that may not be read."""
    provider = MemoryProvider()
    provider.answers[GET_PARAMETER] = answer
    with pytest.raises(ProgramError, match=says) as error:
        run_program(provider=provider)
    assert "somebody's own value" not in str(error.value)
    assert not any(urn.endswith("keys-parameter") for urn in provider.made)


def test_no_key_is_where_it_could_be_read(run_program: Up, tmp_path: Path) -> None:
    """Not in the package, the function's environment or an output, and in the state under a secret's mark alone."""
    run = run_program(state=tmp_path)
    held = json.loads(_value(run))
    config, everything = _package(run)
    assert config["keys"] == {"parameter": PARAMETER}
    assert "environment" not in run.entries["writer-function"].inputs
    state = (tmp_path / "state.json").read_text("utf-8")
    bare = json.dumps(without_secrets(json.loads(state)))
    for purpose in ("digest", "pseudonym"):
        for key in held[purpose]["keys"].values():
            assert key.encode() not in everything
            assert key in state
            assert key not in bare
            assert key not in json.dumps(run.plan.outputs)
            assert key not in repr(run.messages)


def test_the_function_is_told_what_the_settings_say(run_program: Up) -> None:
    """Algorithm, personal data, and the stack's own rules in the form that the masker takes."""
    run = run_program(
        {
            "digest": "hmac-sha256",
            "personalData": "hmac",
            "maskRules": json.dumps(["key customer", "pattern shop/order ORD-([0-9]{8})", "allow ORD-00000000"]),
        }
    )
    config, _ = _package(run)
    assert config["digest"] == {"algorithm": "hmac-sha256"}
    assert config["masking"] == {
        "personal": "hmac",
        "custom": {
            "key_names": ["customer"],
            "patterns": {"shop/order": "ORD-([0-9]{8})"},
            "allow": ["ORD-00000000"],
        },
    }
