"""What each component registers, seen after the whole program has run."""

import base64
import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.aws.tokens import TOKEN_PREFIX, slug
from localcloud.offline import ACCOUNT
from localcloud.place import ROOT
from policies import iam
from policies.iam import Bounds
from policies.place import STANDING, Principal, ResourceNames
from policies.retention import Mode

from .conftest import DRAWN, Run, Up

ANCHOR = "https://tsa.example/tsr"
BUCKET = f"agent-audit-log-test-{ACCOUNT}-eu-central-1"


def _inputs(run: Run, name: str) -> dict[str, Any]:
    """The inputs that our code gave, without what the engine's SDK adds."""
    return {key: value for key, value in run.entries[name].inputs.items() if not key.startswith("__")}


def _needs(run: Run, name: str) -> set[str]:
    """The logical names of everything that must be there before."""
    return {urn.rpartition("::")[2] for urn in run.entries[name].needs}


def test_the_locked_bucket_is_locked_versioned_private_and_owned(standard: Run) -> None:
    """Every protection, on the one bucket."""
    assert standard.children("log") == {
        "log-bucket", "log-versioning", "log-lock", "log-public-access", "log-ownership", "log-encryption",
        "log-lifecycle", "log-policy",
    }  # fmt: skip
    assert _inputs(standard, "log-bucket") == {
        "bucket": BUCKET,
        "objectLockEnabled": True,
        "tags": {"audit-log:kind": "log", "audit-log:profile": "standard"},
    }
    assert _inputs(standard, "log-versioning")["versioningConfiguration"] == {"status": "Enabled"}
    assert _inputs(standard, "log-lock")["rule"] == {"defaultRetention": {"mode": "GOVERNANCE", "days": 184}}
    assert set(_inputs(standard, "log-public-access").values()) == {BUCKET, True}
    assert _inputs(standard, "log-ownership")["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    assert _inputs(standard, "log-encryption")["rules"] == [
        {
            "applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"},
            "blockedEncryptionTypes": ["SSE-C"],
        }
    ]
    assert _inputs(standard, "log-lifecycle")["rules"] == [
        {
            "id": "abort-uploads",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
        }
    ]


def test_the_policy_comes_after_all_that_it_protects(standard: Run) -> None:
    """It refuses changes to the others, so it is the last to come and the first to go."""
    assert _needs(standard, "log-policy") >= standard.children("log") - {"log-policy", "log-bucket"}
    assert _needs(standard, "log-lock") >= {"log-bucket", "log-versioning"}


def test_a_trial_may_be_torn_down(run_program: Up) -> None:
    """Nothing of it is protected from `pulumi destroy`."""
    run = run_program({"profile": "trial"})
    assert not any(entry.protect for entry in run.entries.values())
    assert _inputs(run, "log-lock")["rule"] == {"defaultRetention": {"mode": "GOVERNANCE", "days": 1}}


def test_compliance_mode_reaches_the_bucket(run_program: Up) -> None:
    """With the profile that asks for it, acknowledged."""
    run = run_program({"profile": "regulated", "acknowledgeCompliance": "compliance-184", "anchorUrl": ANCHOR})
    assert _inputs(run, "log-lock")["rule"] == {"defaultRetention": {"mode": "COMPLIANCE", "days": 184}}
    policy = json.loads(_inputs(run, "roles-retention-admin-policy")["policy"])
    assert {"StringEquals": {"s3:object-lock-mode": "GOVERNANCE"}} in [
        statement.get("Condition") for statement in policy["Statement"]
    ]


@pytest.mark.parametrize("principal", STANDING)
def test_each_role_has_one_policy_which_is_its_rows(standard: Run, principal: Principal) -> None:
    """And no other: nothing attached, nothing inline."""
    name = f"agent-audit-log-test-eu-central-1-{principal.value}"
    policies = [entry for entry in standard.of("RolePolicy") if entry.inputs["role"] == name]
    place = ResourceNames(
        partition="aws",
        region="eu-central-1",
        account=ACCOUNT,
        bucket=BUCKET,
        function="agent-audit-log-test-writer",
        log_group="/aws/lambda/agent-audit-log-test-writer",
        keys="/agent-audit-log/test/keys",
        sealer="agent-audit-log-test-sealer",
        sealer_log_group="/aws/lambda/agent-audit-log-test-sealer",
        queue="agent-audit-log-test-sealer-events",
        topic="agent-audit-log-test-alarms",
        roles={each: f"agent-audit-log-test-eu-central-1-{each.value}" for each in STANDING},
    )
    bounds = Bounds(mode=Mode.GOVERNANCE, max_days=3653)
    assert [entry.inputs["policy"] for entry in policies] == [
        iam.document(iam.role_statements(principal, place, bounds))
    ]
    assert _inputs(standard, f"roles-{principal.value}")["name"] == name
    assert len(standard.children("roles")) == 2 * len(STANDING)


def test_the_function_waits_for_every_protection_of_the_log(standard: Run) -> None:
    """Nothing can be written before it would be locked."""
    assert _needs(standard, "writer-function") >= standard.children("log")
    assert _needs(standard, "writer-function") >= {"roles-writer", "roles-writer-policy", "writer-log"}


def test_the_function_is_small_arm_and_runs_as_the_writer(standard: Run) -> None:
    """The declared runtime is the one that the package is built for."""
    function = _inputs(standard, "writer-function")
    assert function["runtime"] == "python3.13"
    assert function["architectures"] == ["arm64"]
    assert function["handler"] == "log_writer.handler.handler"
    assert function["role"].endswith("-writer")
    assert function["sourceCodeHash"] == standard.plan.outputs["package_sha256"]
    assert "environment" not in function


def test_the_handler_exists() -> None:
    """The function names a function of the package."""
    text = (ROOT / "lambda" / "log_writer" / "handler.py").read_text("utf-8")
    assert re.search(r"^def handler\(", text, re.MULTILINE)


def test_the_address_is_open_and_has_both_permissions(standard: Run) -> None:
    """Since October 2025 one of them is not enough."""
    assert _inputs(standard, "writer-url")["authorizationType"] == "NONE"
    permissions = [
        {key: value for key, value in entry.inputs.items() if key not in ("statementId", "function", "__defaults")}
        for name, entry in standard.entries.items()
        if name.startswith("writer-") and entry.type.endswith(":Permission")
    ]
    assert sorted(permissions, key=lambda item: str(item["action"])) == [
        {"action": "lambda:InvokeFunction", "principal": "*", "invokedViaFunctionUrl": True},
        {"action": "lambda:InvokeFunctionUrl", "principal": "*", "functionUrlAuthType": "NONE"},
    ]


def test_the_operational_log_ends(run_program: Up, standard: Run) -> None:
    """After the stated days, 90 unless said otherwise; and Lambda cannot make one of its own before."""
    assert _inputs(standard, "writer-log") == {
        "name": "/aws/lambda/agent-audit-log-test-writer",
        "retentionInDays": 90,
    }
    assert _inputs(run_program({"functionLogDays": "30"}), "writer-log")["retentionInDays"] == 30


def _package(run: Run) -> Path:
    (path,) = (ROOT / ".cache" / "packages" / "test").glob(
        f"log_writer-aws-{run.plan.outputs['package_sha256_hex'][:16]}.zip"
    )
    return path


def test_the_packages_digest_is_an_output(standard: Run) -> None:
    """In the spelling that Lambda compares with, and in hex."""
    data = _package(standard).read_bytes()
    assert base64.b64encode(hashlib.sha256(data).digest()).decode() == standard.plan.outputs["package_sha256"]


def test_the_package_knows_tokens_by_their_digest_alone(run_program: Up) -> None:
    """Both generations while they overlap; each agent with its own detail."""
    run = run_program(
        {
            "agents": '["a","b"]',
            "domainOnlyAgents": '["b"]',
            "tokens": '["a 3 2026-12-01T00:00:00Z"]',
        }
    )
    assert {"token-a-3", "token-a-2", "token-b-1"} <= set(run.entries)
    assert "token-a-1" not in run.entries
    with zipfile.ZipFile(_package(run)) as archive:
        config = json.loads(archive.read("config.json"))
        everything = b"".join(archive.read(name) for name in archive.namelist())
    token = run.plan.outputs["tokens"]["a"]
    assert token == TOKEN_PREFIX + DRAWN
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert config == {
        "schema": 1,
        "bucket": BUCKET,
        "region": "eu-central-1",
        "agents": [
            {
                "name": "a",
                "endpoint_detail": "path",
                "tokens": [
                    {"sha256": digest, "not_after": None},
                    {"sha256": digest, "not_after": "2026-12-01T00:00:00Z"},
                ],
            },
            {"name": "b", "endpoint_detail": "domain", "tokens": [{"sha256": digest, "not_after": None}]},
        ],
        "masking": {"personal": "mask", "custom": {}},
        "digest": {"algorithm": "sha256"},
        "keys": {"parameter": "/agent-audit-log/test/keys"},
        "envelope": {"mode": "off"},
    }
    assert token.encode() not in everything


def test_every_alarm_publishes_to_the_topic(standard: Run) -> None:
    """Errors, throttles, 5xx, refused records and unknown tokens; a log that is not sealed, or must not be as it is."""
    alarms = {entry.inputs["name"]: entry for entry in standard.of("MetricAlarm")}
    assert set(alarms) == {
        f"agent-audit-log-test-{key}"
        for key in (
            "writer-errors",
            "writer-throttles",
            "writer-not-durable",
            "refusals",
            "writer-faults",
            "unknown-tokens",
            "sealing-stopped",
            "records-unsealed",
            "seal-findings",
            "sealer-errors",
        )
    }
    topic = standard.plan.outputs["alarm_topic_arn"]
    assert all(entry.inputs["alarmActions"] == [topic] for entry in alarms.values())
    filters = {entry.inputs["metricTransformation"]["name"]: entry.inputs for entry in standard.of("LogMetricFilter")}  # type: ignore[index]
    for said in ("($.refused > 0)", "($.status = 400)", "($.status = 413)", "($.status = 415)"):
        assert said in str(filters["Refusals"]["pattern"])
    assert "($.faults > 0)" in str(filters["Faults"]["pattern"])
    for name, alarm in (("Refusals", "refusals"), ("Faults", "writer-faults"), ("UnknownTokens", "unknown-tokens")):
        made: Mapping[str, Any] = filters[name]["metricTransformation"]  # type: ignore[assignment]
        watched = alarms[f"agent-audit-log-test-{alarm}"].inputs
        assert (made["name"], made["namespace"]) == (watched["metricName"], watched["namespace"])


def test_only_alarms_of_this_account_and_eventbridge_publish(standard: Run) -> None:
    """The topic's policy names two services, and for EventBridge no condition, which it would not meet."""
    alarms, events = json.loads(_inputs(standard, "alarms-topic-policy")["policy"])["Statement"]
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert events["Principal"] == {"Service": "events.amazonaws.com"}
    assert "Condition" not in events
    assert alarms["Resource"] == events["Resource"] == standard.plan.outputs["alarm_topic_arn"]


def test_an_address_gets_the_alarms(run_program: Up, standard: Run) -> None:
    """When there is one."""
    assert not standard.of("TopicSubscription")
    (entry,) = run_program({"alarmEmail": "me@example.com"}).of("TopicSubscription")
    assert (entry.inputs["protocol"], entry.inputs["endpoint"]) == ("email", "me@example.com")


def _rules(run: Run) -> dict[str, Any]:
    return {
        str(entry.inputs["name"]).removeprefix("agent-audit-log-test-"): json.loads(str(entry.inputs["eventPattern"]))
        for entry in run.of("EventRule")
        if "eventPattern" in entry.inputs
    }


def test_taking_the_hold_releasers_role_is_published(standard: Run) -> None:
    """AssumeRole counts as a call that only reads, so the rule asks for those events too."""
    assert _rules(standard)["hold-releaser-used"] == {
        "source": ["aws.sts"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "eventName": ["AssumeRole"],
            "requestParameters": {
                "roleArn": [f"arn:aws:iam::{ACCOUNT}:role/agent-audit-log-test-eu-central-1-hold-releaser"]
            },
        },
    }
    states = {entry.inputs["state"] for entry in standard.of("EventRule") if "eventPattern" in entry.inputs}
    assert states == {"ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"}
    targets = {
        entry.inputs["rule"]: entry.inputs["arn"] for entry in standard.of("EventTarget") if "input" not in entry.inputs
    }
    assert set(targets) == {f"agent-audit-log-test-{key}" for key in _rules(standard)}
    assert set(targets.values()) == {standard.plan.outputs["alarm_topic_arn"]}


def test_changes_to_protections_roles_trail_and_records_are_published(standard: Run) -> None:
    """Each for this stack's own resources alone."""
    rules = _rules(standard)
    assert set(rules) == {
        "hold-releaser-used", "protections-changed", "roles-changed", "writer-changed", "seal-changed",
        "alarms-changed", "trail-changed", "records-touched",
    }  # fmt: skip
    for key in ("protections-changed", "records-touched"):
        assert rules[key]["detail"]["requestParameters"] == {"bucketName": [BUCKET]}
    assert {"PutBucketPolicy", "DeleteBucketPolicy", "PutBucketVersioning"} <= set(
        rules["protections-changed"]["detail"]["eventName"]
    )
    assert set(rules["records-touched"]["detail"]["eventName"]) == {
        "DeleteObject", "DeleteObjects", "PutObjectLegalHold", "PutObjectRetention",
    }  # fmt: skip


def test_whoever_changes_the_writer_or_silences_an_alarm_is_published(standard: Run) -> None:
    """New code, no concurrency, no address; a rule, an alarm, a filter or the topic gone: only of this stack."""
    rules = _rules(standard)
    writer = rules["writer-changed"]["detail"]
    function, sealer = "agent-audit-log-test-writer", "agent-audit-log-test-sealer"
    assert writer["requestParameters"] == {
        "functionName": [
            function, {"suffix": f":function:{function}"}, sealer, {"suffix": f":function:{sealer}"},
        ]
    }  # fmt: skip
    assert rules["seal-changed"]["detail"]["$or"] == [
        {"resources": {"ARN": [standard.plan.outputs["seal_key_id"]]}},
        {"requestParameters": {"queueUrl": [{"suffix": f"/{sealer}-events"}]}},
    ]
    assert {"PutKeyPolicy", "ScheduleKeyDeletion", "PurgeQueue"} <= set(rules["seal-changed"]["detail"]["eventName"])
    assert {"PutRolePolicy", "DeleteRolePolicy", "PutRolePermissionsBoundary"} <= set(
        rules["roles-changed"]["detail"]["eventName"]
    )
    begins = [name["prefix"] for name in writer["eventName"]]
    for call in (
        "UpdateFunctionCode20150331v2", "UpdateFunctionConfiguration20150331v2", "DeleteFunction20150331",
        "PutFunctionConcurrency20171031", "DeleteFunctionUrlConfig", "RemovePermission20150331v2",
    ):  # fmt: skip
        assert any(call.startswith(begin) for begin in begins), call
    alarms = rules["alarms-changed"]
    assert alarms["source"] == ["aws.events", "aws.logs", "aws.monitoring", "aws.sns"]
    assert {"DisableRule", "RemoveTargets", "Unsubscribe", "DisableAlarmActions", "DeleteMetricFilter"} <= set(
        alarms["detail"]["eventName"]
    )
    named = {key: value for way in alarms["detail"]["$or"] for key, value in way["requestParameters"].items()}
    for key in ("name", "rule", "alarmName", "alarmNames"):
        assert named[key] == [{"prefix": "agent-audit-log-test-"}]
    assert named["logGroupName"] == [f"/aws/lambda/{function}", f"/aws/lambda/{sealer}"]
    assert named["topicArn"] == [{"suffix": ":agent-audit-log-test-alarms"}]
    assert named["subscriptionArn"] == [{"wildcard": "*:agent-audit-log-test-alarms:*"}]
    assert max(len(json.dumps(rule, separators=(",", ":"))) for rule in rules.values()) < 2048  # what a rule may have


def test_the_trail_delivers_into_the_log_once_its_policy_allows_it(standard: Run) -> None:
    """Management events, and of the data events just the few that could weaken a lock."""
    trail = _inputs(standard, "access-trail")
    assert (trail["s3BucketName"], trail["s3KeyPrefix"]) == (BUCKET, "trail")
    assert trail["enableLogFileValidation"] is True
    assert "log-policy" in _needs(standard, "access-trail")
    fields = [
        {item["field"]: item.get("equals") or item.get("startsWiths") for item in selector["fieldSelectors"]}
        for selector in trail["advancedEventSelectors"]
    ]
    assert fields == [
        {"eventCategory": ["Management"]},
        {
            "eventCategory": ["Data"],
            "resources.type": ["AWS::S3::Object"],
            "resources.ARN": [f"arn:aws:s3:::{BUCKET}/"],
            "eventName": ["DeleteObject", "DeleteObjects", "PutObjectLegalHold", "PutObjectRetention"],
        },
    ]


def test_an_accounts_own_trail_can_be_relied_on(run_program: Up) -> None:
    """Then none is made or paid for twice, nothing may deliver, and what needs data events is not promised."""
    run = run_program({"accessTrail": "existing"})
    assert not run.of("Trail")
    assert set(_rules(run)) == {
        "hold-releaser-used", "protections-changed", "roles-changed", "writer-changed", "seal-changed",
        "alarms-changed",
    }  # fmt: skip
    assert "CloudTrail" not in str(_inputs(run, "log-policy")["policy"])


def test_two_agents_never_share_a_token_resource() -> None:
    """Names that look alike, with one hyphen or another, are told apart."""
    assert len({slug("a-b"), slug("a\u2010b"), slug("a\u2011b")}) == 3
    assert all(slug(name).isascii() for name in ("a-b", "a\u2010b"))
