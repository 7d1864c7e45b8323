"""`make plan`: every resource, each role's actions, what cannot be undone and what it costs, without an account."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from localcloud import plan as planning
from policies import costs, iam
from policies.place import STANDING
from policies.retention import PROFILES
from stacks.settings import parse


def run(checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `make plan`'s command in a checkout, cut off from any network but this machine's own interface."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(checkout),
        "PYTHONPATH": f"{checkout}:{checkout / 'lambda'}",
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-m", "localcloud.plan"], cwd=checkout, env=environment, capture_output=True, text=True,
        check=False, timeout=100,
    )  # fmt: skip


def test_default_plan(checkout: Path) -> None:
    """The default plan shows all of it, with every role's every action and the figures of policies/costs.py."""
    answer = run(checkout)
    assert answer.returncode == 0, answer.stderr
    text = answer.stdout
    config = {"aws:region": planning.REGION}
    made = [
        step
        for step in planning.preview(stack=planning.STACK, config=config).steps
        if step.type.startswith(("aws:", "random:"))
    ]
    assert f"Resources ({len(made)})" in text
    assert len(
        re.findall(r"^  (?:s3|iam|lambda|cloudwatch|cloudtrail|sns|sqs|ssm|kms|random) ", text, re.MULTILINE)
    ) == len(made)
    listed = text.partition("Resources (")[2].partition("\n\n")[0].splitlines()
    assert len(set(listed)) == len(listed), "two resources look the same"
    for grant in iam.GRANTS:
        assert all(action in text for action in grant.actions)
    today = datetime.now(UTC).date()
    assert f"stays until {today + timedelta(days=184)}" in text
    for calls in planning.CALLS_A_DAY:
        assert f"{costs.monthly(calls, retention_days=184).usd:.2f}  " in text
    assert str(costs.PRICES_READ) in text


def test_what_nobody_has_chosen_yet_is_said(checkout: Path) -> None:
    """The plan says which profile it shows, how to choose another, and what a stack may be called."""
    said = run(checkout).stdout
    assert "No profile is chosen yet, so this shows the default, `standard`" in said
    assert "pulumi config set profile NAME --stack prod" in said
    assert f"NAME is one of {', '.join(PROFILES)}" in said
    assert "`prod` stands for your stack: you choose a name of up to 16 of a-z, 0-9 and -" in said
    (checkout / "stacks" / "Pulumi.acme.yaml").write_text("config:\n  aws:region: eu-central-1\n")
    assert "\n  make plan STACK=acme\n" in run(checkout, STACK="acme").stdout


def test_reader_who_leaves(checkout: Path) -> None:
    """A plan that nobody reads any more ends well, and without a traceback."""
    command = f"set -o pipefail; {sys.executable} -m localcloud.plan | true"
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(checkout), "PYTHONPATH": f"{checkout}:{checkout / 'lambda'}"}
    answer = subprocess.run(
        ["bash", "-c", command], cwd=checkout, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert (answer.returncode, answer.stderr) == (0, ""), answer


def test_plan_of_a_stack_of_ones_own(checkout: Path) -> None:
    """`make plan STACK=acme` reads that stack's file; compliance mode is told as what it is."""
    (checkout / "stacks" / "Pulumi.acme.yaml").write_text(
        "config:\n  aws:region: eu-central-1\n  agent-audit-log:profile: regulated\n"
        "  agent-audit-log:retentionDays: 400\n  agent-audit-log:acknowledgeCompliance: compliance-400\n"
        "  agent-audit-log:anchorUrl: https://tsa.example/tsr\n"
    )
    answer = run(checkout, STACK="acme")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("Stack acme on AWS in eu-central-1: profile regulated, compliance mode, 400 days")
    assert "No profile is chosen yet" not in answer.stdout
    assert "Nobody can end that earlier" in answer.stdout


def test_plan_of_a_stack_with_a_vault(checkout: Path) -> None:
    """Its role, what cannot be had back, and what its key costs."""
    (checkout / "stacks" / "Pulumi.acme.yaml").write_text(
        "config:\n  aws:region: eu-central-1\n  agent-audit-log:envelope: raw\n"
        "  agent-audit-log:acknowledgeRawVault: secrets will lie in the vault for up to 48 hours\n"
    )
    answer = run(checkout, STACK="acme")
    assert answer.returncode == 0, answer.stderr
    assert "agent-audit-log-acme-eu-central-1-vault-reader" in answer.stdout
    assert "gone from there 24 to 48 hours later" in answer.stdout
    assert "with every secret that is in them" in answer.stdout
    assert "1.00  the vault's key" in answer.stdout


@pytest.mark.parametrize(
    ("variables", "file", "says"),
    [
        ({"STACK": "Nope!"}, "", "STACK=Nope!"),
        ({"STACK": "local"}, "", "STACK=local"),
        ({"STACK": "a" * 17}, "", "must be a name of up to 16 of a-z, 0-9 and -"),
        ({"STACK": "bad"}, "retentionDays: 30\nconfig:\n  aws:region: eu-west-1\n", "as agent-audit-log:retentionDays"),
        (
            {"STACK": "bad"},
            "config:\n  aws:region: eu-west-1\n  audit-log:retentionDays: 30\n",
            "agent-audit-log:retentionDays",
        ),
        ({"STACK": "gone"}, "", "Pulumi.gone.yaml"),
        ({"STACK": "bad"}, "config: [", "is not YAML"),
        ({"STACK": "bad"}, "config:\n  aws:region: mars\n", "aws:region"),
        ({"STACK": "bad"}, "config:\n  aws:region: eu-west-1\n  agent-audit-log:retentionDay: 3\n", "retentionDay"),
    ],
)
def test_what_cannot_be_planned(checkout: Path, variables: dict[str, str], file: str, says: str) -> None:
    """A stack that cannot be planned gets one line that names what is wrong, and a non-zero exit."""
    if file:
        (checkout / "stacks" / f"Pulumi.{variables['STACK']}.yaml").write_text(file)
    answer = run(checkout, **variables)
    assert answer.returncode == 1
    assert len(answer.stderr.splitlines()) == 1
    assert says in answer.stderr


def test_every_role_and_its_trust_is_told() -> None:
    """Whoever may take a role is named; no role's policy is left out."""
    config = {"aws:region": "eu-west-1", "agent-audit-log:auditors": json.dumps(["arn:aws:iam::111122223333:role/eve"])}
    plan = planning.preview(stack="acme", config=config)
    lines = [*planning.describe(plan, stack="acme", settings=parse(config), today=datetime(2026, 1, 1, tzinfo=UTC))]
    assert "    taken by arn:aws:iam::111122223333:role/eve" in lines
    assert "  One that arrives today (2026-01-01) stays until 2026-07-04, and the bucket with it." in lines
    assert sum(line.startswith("    taken by ") for line in lines) == len(STANDING)
