"""`make imports`: a stack whose state was lost is adopted by the ids that the account knows its resources by."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud import imports, place, plan, stack_config
from localcloud.deploy import Deployed
from localcloud.engine.state import StateFile
from policies.guardrails import KNOWN_TYPES
from stacks.names import Names
from stacks.settings import LOCAL_ACCOUNT

NAMES = Names(stack="local", region="us-east-1", account=LOCAL_ACCOUNT, partition="aws")
WHOLE = {"aws:region": "us-east-1", "agent-audit-log:envelope": "masked", "agent-audit-log:alarmEmail": "a@b.example"}


def test_every_resource_has_its_id(deployed: Deployed) -> None:
    """As the account has it; where the provider's own id leaves something out, the import's has it before."""
    entries = {e.urn.rpartition("::")[2]: e for e in StateFile(deployed.folder / place.STATE.name).load().entries}
    planned = plan.preview(stack="local", config=stack_config.read(place.STACK_FILE), account=LOCAL_ACCOUNT)
    listed = {item["name"]: item for item in imports.resources(planned, NAMES)}
    assert {name for name, entry in entries.items() if entry.type.startswith("aws:")} == {
        name for name, item in listed.items() if not item.get("component")
    }
    for name, item in listed.items():
        entry = entries[name]
        assert entry.type == item["type"]
        if item.get("component"):
            continue
        assert entries[item["parent"]].urn == entry.parent
        if entry.type not in imports.LOOK_UPS:
            known = entry.id.rpartition("/")[2] if ":sqs/" in entry.type else entry.id
            last = item["id"].replace("/", "-") if "eventTarget" in entry.type else item["id"]
            assert last.endswith(known), name


def test_every_type_of_the_program_can_be_imported() -> None:
    """One that is added later must have a row."""
    assert {*imports.IDS, *imports.LOOK_UPS} >= {kind for kind in KNOWN_TYPES if kind.startswith("aws:")} - {
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        "aws:scheduler/schedule:Schedule",
    }
    names = Names(stack="prod", region="us-east-1", account="210987654321", partition="aws")
    found = [*imports.resources(plan.preview(stack="prod", config=WHOLE, account=names.account), names)]
    assert {item["name"] for item in found if item.get("id", "").startswith("<")} == {
        "alarms-email", "seal-key", "vault-key"
    }  # fmt: skip
    assert {item["id"] for item in found if item["name"] in {"vault-bucket", "vault-policy"}} == {names.vault}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "STACK=...: name the stack whose state was lost"),
        ({"STACK": "local"}, "account: must match [0-9]{12}, got ''"),
        ({"STACK": "gone", "ACCOUNT": "123456789012"}, "cannot read "),
    ],
)
def test_what_is_missing_is_named(given: dict[str, str], says: str) -> None:
    """In a line, without a file."""
    answer = subprocess.run(
        [sys.executable, "-m", "localcloud.imports"], cwd=place.ROOT, env={**os.environ, **given},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"agent-audit-log: {says}")


def test_the_file_is_what_pulumi_import_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://www.pulumi.com/docs/iac/adopting-pulumi/import/#bulk-import-operations."""
    monkeypatch.setattr(imports, "FILE", tmp_path / "imports.json")
    monkeypatch.setenv("STACK", "local")
    monkeypatch.setenv("ACCOUNT", LOCAL_ACCOUNT)
    assert imports.main() == 0
    document = json.loads((tmp_path / "imports.json").read_text("utf-8"))
    components = {item["name"] for item in document["resources"] if item.get("component")}
    for item in document["resources"]:
        assert set(item) == (
            {"type", "name", "component"} if item["name"] in components else {"type", "name", "id", "parent"}
        )
        assert item.get("parent", "log") in components
