"""The whole program: what it registers, exports, and refuses before anything is registered."""

import json
from pathlib import Path
from typing import Any

import pytest

from localcloud.engine import ProgramError
from localcloud.offline import ACCOUNT, DEPLOYER
from policies import bucket_policy, iam
from policies.guardrails import KNOWN_TYPES
from stacks.names import Names

from .conftest import CALLER, CONTEXT, KEY, LOCK, POLICY, QUOTA, MemoryProvider, Run, Up

REGULATED = {"profile": "regulated", "anchorUrl": "https://tsa.example/tsr"}
LOCAL_CALLER = {"id": "0", "accountId": "000000000000", "arn": DEPLOYER, "userId": "x"}


def _rule(mode: str, days: int) -> dict[str, Any]:
    return {
        "bucket": "b",
        "objectLockEnabled": "Enabled",
        "rules": [{"defaultRetentions": [{"mode": mode, "days": days, "years": 0}]}],
    }


def test_the_outputs_are_what_the_tools_read(standard: Run) -> None:
    """Under these names, and with nothing of a token in the open."""
    outputs = dict(standard.plan.outputs)
    assert set(outputs.pop("tokens")) == {"my-agent"}
    digest, hexadecimal = outputs.pop("package_sha256"), outputs.pop("package_sha256_hex")
    assert len(digest) == 44
    assert len(hexadecimal) == 64
    assert len(outputs.pop("sealer_package_sha256")) == 44
    role = f"arn:aws:iam:eu-central-1:{ACCOUNT}:agent-audit-log-test-eu-central-1-"
    assert outputs == {
        "agents": ["my-agent"],
        "token_generations": {"my-agent": 1},
        "endpoint": "https://example.lambda-url.eu-central-1.on.aws",
        "bucket": f"agent-audit-log-test-{ACCOUNT}-eu-central-1",
        "region": "eu-central-1",
        "account": ACCOUNT,
        "writer_role_arn": f"{role}writer",
        "auditor_role_arn": f"{role}auditor",
        "retention_admin_role_arn": f"{role}retention-admin",
        "hold_releaser_role_arn": f"{role}hold-releaser",
        "sealer_role_arn": f"{role}sealer",
        "administrators": [DEPLOYER],
        "function_name": "agent-audit-log-test-writer",
        "function_log_group": "/aws/lambda/agent-audit-log-test-writer",
        "alarm_topic_arn": f"arn:aws:sns:eu-central-1:{ACCOUNT}:agent-audit-log-test-alarms",
        "keys_parameter": "/agent-audit-log/test/keys",
        "sealer_function_name": "agent-audit-log-test-sealer",
        "sealer_function_log_group": "/aws/lambda/agent-audit-log-test-sealer",
        "seal_key_id": f"arn:aws:kms:eu-central-1:{ACCOUNT}:seal-key",
        "seal_minutes": 5,
        "seal_origin": f"agent-audit-log-test-{ACCOUNT}-eu-central-1.s3.eu-central-1.amazonaws.com/seal",
        "seal_queue_url": f"https://sqs.eu-central-1.amazonaws.com/{ACCOUNT}/agent-audit-log-test-sealer-events",
        "retention": {"mode": "GOVERNANCE", "days": 184},
        "profile": "standard",
    }


def test_every_type_is_one_that_the_guardrails_know(standard: Run) -> None:
    """And none of those that it registers is there for nothing."""
    registered = {entry.type for entry in standard.entries.values() if entry.type.startswith(("aws:", "random:"))}
    assert registered <= KNOWN_TYPES


def test_a_second_run_changes_nothing(run_program: Up, tmp_path: Path) -> None:
    """The same command twice makes no mutating call."""
    provider = MemoryProvider()
    run_program(provider=provider, state=tmp_path)
    made = list(provider.made)
    again = run_program(provider=provider, state=tmp_path)
    assert provider.made == made
    assert not again.plan.changed


def test_a_longer_retention_changes_the_rule_in_place_and_nothing_else_of_the_bucket(
    run_program: Up, tmp_path: Path
) -> None:
    """The bucket is never replaced; what is locked keeps its own date. The sealer learns what a lock must be."""
    provider = MemoryProvider()
    run_program(provider=provider, state=tmp_path)
    provider.made.clear()
    plan = run_program({"retentionDays": "365"}, provider=provider, state=tmp_path).plan
    changed = {step.name: step.action for step in plan.steps if step.action not in ("same", "read")}
    assert changed == {"log-lock": "update", "sealer-function": "update"}
    assert [urn.rpartition("::")[2] for urn in provider.made] == ["log-lock", "sealer-function"]


def _refused(run_program: Up, config: dict[str, str], provider: MemoryProvider) -> str:
    with pytest.raises(ProgramError) as error:
        run_program(config, provider=provider)
    assert provider.made == []
    return str(error.value)


def test_a_lock_that_cannot_be_seen_is_an_error(run_program: Up) -> None:
    """Nothing is weakened because nobody could look."""
    provider = MemoryProvider()
    provider.answers[LOCK] = "AccessDenied: not authorized to perform s3:GetBucketObjectLockConfiguration"
    said = _refused(run_program, {}, provider)
    assert "cannot see how agent-audit-log-test-" in said
    assert "AccessDenied" in said


@pytest.mark.parametrize(
    ("config", "deployed"),
    [
        ({**REGULATED, "acknowledgeCompliance": "compliance-184"}, _rule("COMPLIANCE", 365)),
        ({"profile": "standard", "retentionDays": "3650"}, _rule("COMPLIANCE", 184)),
        ({"profile": "trial"}, _rule("COMPLIANCE", 184)),
    ],
)
def test_compliance_is_not_weakened_against_what_is_deployed(
    run_program: Up, config: dict[str, str], deployed: dict[str, Any]
) -> None:
    """Neither shortened nor turned into governance mode, and nothing is registered."""
    provider = MemoryProvider()
    provider.answers[LOCK] = deployed
    assert "may be extended but never weakened" in _refused(run_program, config, provider)


def test_compliance_is_extended_against_what_is_deployed(run_program: Up) -> None:
    """A longer one is let through, in the same mode."""
    provider = MemoryProvider()
    provider.answers[LOCK] = _rule("COMPLIANCE", 184)
    config = {**REGULATED, "retentionDays": "365", "acknowledgeCompliance": "compliance-365"}
    run = run_program(config, provider=provider)
    assert run.plan.outputs["retention"] == {"mode": "COMPLIANCE", "days": 365}


def test_a_caller_without_an_issuer_is_the_deployer(run_program: Up) -> None:
    """As with a user, or a provider that answers null."""
    provider = MemoryProvider()
    user = f"arn:aws:iam::{ACCOUNT}:user/me"
    provider.answers[CALLER] = {"id": "0", "accountId": ACCOUNT, "arn": user, "userId": "x"}
    provider.answers[CONTEXT] = {"id": user, "arn": user}
    assert run_program(provider=provider).plan.outputs["administrators"] == [user]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"id": "k", "keyId": "alias", "arn": "arn:aws:kms:eu-central-1:1:key/k", "keyState": "PendingDeletion"},
         "run `aws kms cancel-key-deletion --key-id arn:aws:kms:eu-central-1:1:key/k` first"),
        ("AccessDeniedException: not authorized to perform: kms:DescribeKey", "grant kms:DescribeKey on it"),
    ],
)  # fmt: skip
def test_a_signing_key_that_is_about_to_go_is_never_replaced(
    run_program: Up, answer: dict[str, Any] | str, says: str
) -> None:
    """The provider takes it for gone; another key could not continue the log."""
    provider = MemoryProvider()
    provider.answers[KEY] = answer
    assert says in _refused(run_program, {}, provider)


@pytest.mark.parametrize("region", ["ap-south-2", "ca-west-1", "ap-southeast-7", "cn-north-1", "us-gov-west-1"])
def test_a_region_without_function_urls_is_refused_before_anything_is_made(run_program: Up, region: str) -> None:
    """Agents post to one, and AWS would say so only after half of the stack is there."""
    said = _refused(run_program, {"aws:region": region}, MemoryProvider())
    assert "aws:region: must be a region in which Lambda has function URLs" in said
    assert repr(region) in said


def test_what_an_organisation_asks_of_roles_is_on_every_role(run_program: Up) -> None:
    """Its boundary and its path, also wherever a policy names a role."""
    boundary = "arn:aws:iam::123456789012:policy/team/bound"
    run = run_program({"permissionsBoundary": boundary, "rolePath": "/audit/", "envelope": "masked"})
    roles = run.of("Role")
    assert len(roles) == 6
    assert {(entry.inputs["path"], entry.inputs["permissionsBoundary"]) for entry in roles} == {("/audit/", boundary)}
    policies = json.dumps([entry.inputs.get("policy") for entry in run.entries.values()])
    assert f"arn:aws:iam::{ACCOUNT}:role/audit/agent-audit-log-test-eu-central-1-writer" in policies
    assert ":role/agent-audit-log" not in policies
    assert "/audit/agent-audit-log-test-eu-central-1-hold-releaser" in str(
        run.entries["access-hold-releaser-used"].inputs["eventPattern"]
    )


def test_without_the_settings_roles_have_neither(standard: Run) -> None:
    """No boundary, and the path that IAM gives."""
    for entry in standard.of("Role"):
        assert entry.inputs["path"] == "/"
        assert "permissionsBoundary" not in entry.inputs


def test_governance_may_be_shortened(run_program: Up) -> None:
    """What is locked stays locked; only what comes next is locked for less, and the program says so."""
    provider = MemoryProvider()
    provider.answers[LOCK] = _rule("GOVERNANCE", 365)
    run = run_program(provider=provider)
    assert run.plan.outputs["retention"]["days"] == 184
    warnings = [message.text for message in run.messages if message.severity == "warning"]
    assert len(warnings) == 1
    assert "retentionDays: from 365 to 184, for what arrives from now on" in warnings[0]


def _policy(*administrators: str) -> dict[str, str]:
    names = Names(stack="test", region="eu-central-1", account=ACCOUNT, partition="aws")
    statements = bucket_policy.statements(names.place(vault=False), administrators=administrators, trail=names.trail)
    return {"id": names.bucket, "bucket": names.bucket, "policy": iam.document(statements)}


def test_a_second_deployer_is_told_who_can_run_it(run_program: Up) -> None:
    """At preview, with nothing registered: S3 would refuse them at the bucket policy, after all else was updated."""
    provider = MemoryProvider()
    first = f"arn:aws:iam::{ACCOUNT}:role/first"
    provider.answers[POLICY] = _policy(first)
    said = _refused(run_program, {}, provider)
    assert f"lets only {first} change it, and you deploy as {DEPLOYER}" in said
    assert "sets `administrators` to all who deploy" in said


def test_a_second_deployer_who_was_let_in_deploys(run_program: Up) -> None:
    """Whoever the deployed policy names may change it, also to other names."""
    provider = MemoryProvider()
    first = f"arn:aws:iam::{ACCOUNT}:role/first"
    provider.answers[POLICY] = _policy(first, DEPLOYER)
    run = run_program({"administrators": json.dumps([first, DEPLOYER])}, provider=provider)
    assert run.plan.outputs["administrators"] == [first, DEPLOYER]


def test_a_policy_that_cannot_be_read_is_an_error(run_program: Up) -> None:
    """It cannot tell whether this run ends half-way."""
    provider = MemoryProvider()
    provider.answers[POLICY] = "AccessDenied: not authorized to perform s3:GetBucketPolicy"
    said = _refused(run_program, {}, provider)
    assert "administrators: cannot read the policy of agent-audit-log-test-" in said


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"retentionsDays": "90"}, "retentionsDays: is not a setting"),
        ({"retentionDays": "90"}, "profile standard locks for at least 184 days, got 90"),
        ({"profile": "regulated"}, "must be 'compliance-184', got ''"),
        (
            {"profile": "regulated", "acknowledgeCompliance": "compliance-184"},
            "anchorUrl: profile regulated takes the https URL of an RFC 3161 time-stamping authority, got ''",
        ),
        ({"administrators": '["arn:aws:iam::123456789012:role/boss"]'}, f"must include who deploys ({DEPLOYER})"),
        ({"functionTarget": "local"}, "functionTarget: must be aws in account 123456789012, got 'local'"),
    ],
)
def test_a_setting_that_is_refused_is_refused_in_a_line_of_its_own(
    run_program: Up, config: dict[str, str], says: str
) -> None:
    """The program ends with that line, and nothing is registered."""
    assert says in _refused(run_program, config, MemoryProvider())


def test_the_local_account_takes_the_local_package_alone(run_program: Up) -> None:
    """The exceptions of the local cloud hold there and nowhere else."""
    provider = MemoryProvider()
    provider.answers[CALLER] = LOCAL_CALLER
    assert "functionTarget: must be local in account 000000000000, got 'aws'" in _refused(run_program, {}, provider)


def test_a_reservation_that_the_account_cannot_give_is_refused(run_program: Up) -> None:
    """Nothing is registered before the account's quota is known."""
    provider = MemoryProvider()
    provider.answers[QUOTA] = {"id": "", "value": 120}
    assert "must be at most 20, got 50" in _refused(run_program, {"reservedConcurrency": "50"}, provider)


def test_a_reservation_that_fits_is_made(run_program: Up) -> None:
    """The function gets it; without the setting it reserves nothing and the quota is not even read."""
    function = run_program({"reservedConcurrency": "50"}).entries["writer-function"]
    assert function.inputs["reservedConcurrentExecutions"] == 50
    provider = MemoryProvider()
    provider.answers[QUOTA] = "AccessDenied"
    assert "reservedConcurrentExecutions" not in run_program(provider=provider).entries["writer-function"].inputs


def test_a_quota_that_cannot_be_read_is_said(run_program: Up) -> None:
    """With the way out."""
    provider = MemoryProvider()
    provider.answers[QUOTA] = "AccessDenied"
    assert "0 reserves none" in _refused(run_program, {"reservedConcurrency": "50"}, provider)


def test_taking_an_agent_out_takes_its_token_away(run_program: Up, tmp_path: Path) -> None:
    """The next run removes the token and gives the function a configuration without it."""
    provider = MemoryProvider()
    run_program({"agents": '["a","b"]'}, provider=provider, state=tmp_path)
    plan = run_program({"agents": '["a"]'}, provider=provider, state=tmp_path).plan
    changed = {step.name: step.action for step in plan.steps if step.action not in ("same", "read")}
    assert changed == {"writer-function": "update", "token-b-1": "delete"}
    assert set(plan.outputs["tokens"]) == {"a"}


def test_settings_for_others_reach_the_policies(run_program: Up) -> None:
    """Each role is trusted to whom its setting names, and to the administrators otherwise."""
    auditor = "arn:aws:iam::123456789012:user/auditor"
    run = run_program({"auditors": json.dumps([auditor])})
    trusted = {
        name: json.loads(str(run.entries[f"roles-{name}"].inputs["assumeRolePolicy"]))["Statement"][0]["Principal"]
        for name in ("auditor", "retention-admin", "hold-releaser")
    }
    assert trusted == {
        "auditor": {"AWS": [auditor]},
        "retention-admin": {"AWS": [DEPLOYER]},
        "hold-releaser": {"AWS": [DEPLOYER]},
    }
