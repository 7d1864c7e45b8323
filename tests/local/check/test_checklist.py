"""The checklist on a real stack: all ticks as deployed, and the right line red for each thing that is broken.

Each sabotage is done by the account's root behind the deployment's back, and undone afterwards.
"""

import base64
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from cli.check import AREAS, live_check, run_controls
from cli.checks import seal
from cli.checks.emulator import GAPS
from cli.checks.planted import PROBE_NAME
from cli.checks.probe import Attempt, Outcome, Probe, Verdict, passed, refusal
from cli.connection import Connection, Deployment
from cli.main import main
from cli.reader import LogReader, StoredRecord
from policies.controls import CONTROLS, Control
from policies.place import Principal
from tests.local.check.cloud import Cloud

HIDDEN_HERE = {"versioning-suspension-refused", "retention-bounded", "holds-separated"}
"""The controls that the emulator leaves open."""
Sabotage = Callable[[Cloud], AbstractContextManager[None]]


def _outcomes(deployment: Deployment, controls: Iterable[Control] = CONTROLS) -> dict[str, tuple[Outcome, str]]:
    return {line.control.id: (line.verdict.outcome, line.verdict.detail) for line in run_controls(deployment, controls)}


def test_a_sound_stack_is_all_ticks(cloud: Cloud) -> None:
    """Every control passes but the ones that the emulator is known not to enforce."""
    found = _outcomes(cloud.deployment)
    assert {name for name, (outcome, _) in found.items() if outcome is Outcome.NOT_ENFORCED_HERE} == HIDDEN_HERE
    rest = {name: shown for name, shown in found.items() if name not in HIDDEN_HERE}
    assert {name: shown for name, shown in rest.items() if shown[0] is not Outcome.PASSED} == {}


def test_the_checklist_leaves_few_records_that_say_what_they_are(cloud: Cloud) -> None:
    """As little as possible stays in a log that nothing can be taken out of."""
    reader = LogReader(cloud.root("s3"), cloud.deployment.bucket)
    before = {stored.key: stored for stored in reader.objects("records/")}
    _outcomes(cloud.deployment)
    after = {stored.key: stored for stored in reader.objects("records/")}
    assert {key: after[key] for key in before} == before
    added = [stored for key, stored in after.items() if key not in before]
    records = [item for stored in added for item in reader.read(stored)]
    assert [type(item) for item in records] == [StoredRecord] * 8
    assert all(PROBE_NAME.encode() in item.line for item in records if isinstance(item, StoredRecord))
    sources = {str(item.record["source"]) for item in records if isinstance(item, StoredRecord)}
    assert sources == {"native", "openai-traces", "otlp-logs", "otlp-traces", "litellm"}


def test_the_command_says_the_same_to_people_and_programs(cloud: Cloud, tmp_path: Path) -> None:
    """A line a control, plain when piped; JSON holds the same; both exit with 0."""
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps(cloud.outputs), encoding="utf-8")
    shown = CliRunner().invoke(main, ["check", "--all", "--outputs", str(path)])
    assert shown.exit_code == 0, shown.output
    assert "\x1b" not in shown.stdout
    told = CliRunner().invoke(main, ["check", "--json", "--outputs", str(path)])
    assert told.exit_code == 0
    document = json.loads(told.stdout)
    assert [row["id"] for row in document["controls"]] == [control.id for control in CONTROLS]
    for row in document["controls"]:
        assert row["statement"] in shown.stdout
    for token in cloud.deployment.tokens.values():
        assert token not in shown.output + told.output


def test_areas_are_a_line_each_and_what_did_not_pass_is_whole(cloud: Cloud, tmp_path: Path) -> None:
    """Counts for people in a hurry; a control that has no tick is never hidden behind its area."""
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps(cloud.outputs), encoding="utf-8")
    shown = CliRunner().invoke(main, ["check", "--outputs", str(path)])
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0] == f"Checked as agent {cloud.deployment.first_agent}"
    areas = [line for line in lines if re.match(r"  \S ", line)]
    assert [line[4:].partition(":")[0] for line in areas] == list(AREAS.values())
    assert sum(int(count) for line in areas for count in re.findall(r"\d+", line)) == len(CONTROLS)
    open_ones = [line for line in lines if line.startswith("    ")]
    assert 0 < len(open_ones) == sum(": not enforced here: " in line for line in lines)


@contextmanager
def _no_default_rule(cloud: Cloud) -> Iterator[None]:
    s3, bucket = cloud.root("s3"), cloud.deployment.bucket
    before = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    yield
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=before)


@contextmanager
def _other_mode(cloud: Cloud) -> Iterator[None]:
    s3, bucket = cloud.root("s3"), cloud.deployment.bucket
    before = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    other = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}}
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=other)
    yield
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=before)


@contextmanager
def _versioning_suspended(cloud: Cloud) -> Iterator[None]:
    s3, bucket = cloud.root("s3"), cloud.deployment.bucket
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    yield
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


@contextmanager
def _no_policy(cloud: Cloud) -> Iterator[None]:
    s3, bucket = cloud.root("s3"), cloud.deployment.bucket
    before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    yield
    s3.put_bucket_policy(Bucket=bucket, Policy=before)


def _without_statement(sid: str) -> Sabotage:
    @contextmanager
    def sabotage(cloud: Cloud) -> Iterator[None]:
        s3, bucket = cloud.root("s3"), cloud.deployment.bucket
        before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
        document = json.loads(before)
        document["Statement"] = [row for row in document["Statement"] if row["Sid"] != sid]
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))
        yield
        s3.put_bucket_policy(Bucket=bucket, Policy=before)

    return sabotage


def _widened(role: str, action: str) -> Sabotage:
    @contextmanager
    def sabotage(cloud: Cloud) -> Iterator[None]:
        iam, name = cloud.root("iam"), _role(cloud, role)
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=name, PolicyName="more", PolicyDocument=document)
        yield
        iam.delete_role_policy(RoleName=name, PolicyName="more")

    return sabotage


@contextmanager
def _administrator_may_be_the_writer(cloud: Cloud) -> Iterator[None]:
    iam, name = cloud.root("iam"), _role(cloud, "writer")
    before = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    trust = json.loads(json.dumps(before))
    who = {"AWS": cloud.deployment.administrators[0]}
    trust["Statement"].append({"Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole"})
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    yield
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(before))


@contextmanager
def _records_expire(cloud: Cloud) -> Iterator[None]:
    s3, bucket = cloud.root("s3"), cloud.deployment.bucket
    before = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    rule = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 400}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [*before, rule]})
    yield
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": before})


@contextmanager
def _open_to_the_public(cloud: Cloud) -> Iterator[None]:
    s3, bucket = cloud.root("s3"), cloud.deployment.bucket
    before = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    opened = {**before, "BlockPublicPolicy": False}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=opened)
    yield
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=before)


@contextmanager
def _administrator_may_sign(cloud: Cloud) -> Iterator[None]:
    kms, key = cloud.root("kms"), str(cloud.deployment.seal_key_id)
    before = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    document = json.loads(before)
    who = {"AWS": cloud.deployment.administrators[0]}
    document["Statement"].append({"Effect": "Allow", "Principal": who, "Action": "kms:Sign", "Resource": "*"})
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(document))
    yield
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=before)


@contextmanager
def _sealer_may_nothing(cloud: Cloud) -> Iterator[None]:
    """So that nothing is sealed; the check's patience is shortened."""
    iam, name = cloud.root("iam"), _role(cloud, "sealer")
    before = iam.get_role_policy(RoleName=name, PolicyName="permissions")["PolicyDocument"]
    iam.delete_role_policy(RoleName=name, PolicyName="permissions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seal, "_SPARE_SECONDS", -50)
        yield
    text = before if isinstance(before, str) else json.dumps(before)
    iam.put_role_policy(RoleName=name, PolicyName="permissions", PolicyDocument=text)


@contextmanager
def _alarm_gone(cloud: Cloud) -> Iterator[None]:
    client = cloud.root("cloudwatch")
    (alarm,) = [row for row in client.describe_alarms()["MetricAlarms"] if row.get("MetricName") == "Throttles"]
    kept = {
        name: alarm[name]
        for name in (
            "AlarmName", "MetricName", "Namespace", "Statistic", "Dimensions", "Period", "EvaluationPeriods",
            "Threshold", "ComparisonOperator", "AlarmActions", "TreatMissingData",
        )
        if name in alarm
    }  # fmt: skip
    client.delete_alarms(AlarmNames=[alarm["AlarmName"]])
    yield
    client.put_metric_alarm(**kept)


@contextmanager
def _environment_set(cloud: Cloud) -> Iterator[None]:
    function, name = cloud.root("lambda"), cloud.deployment.function_name
    function.update_function_configuration(FunctionName=name, Environment={"Variables": {"PYTHONWARNINGS": "ignore"}})
    yield
    function.update_function_configuration(FunctionName=name, Environment={"Variables": {}})


def _appended(path: str, code: str) -> Sabotage:
    """Return a sabotage that runs the package with `code` at the end of one of its files."""

    @contextmanager
    def sabotage(cloud: Cloud) -> Iterator[None]:
        function, name = cloud.root("lambda"), cloud.deployment.function_name
        location = function.get_function(FunctionName=name)["Code"]["Location"]
        before = httpx.get(location, trust_env=False, timeout=30).content
        assert base64.b64encode(hashlib.sha256(before).digest()).decode() == cloud.deployment.package_sha256
        function.update_function_code(FunctionName=name, ZipFile=_with_code(before, path, code))
        yield
        function.update_function_code(FunctionName=name, ZipFile=before)

    return sabotage


def _with_code(package: bytes, path: str, code: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            new.writestr(entry, old.read(entry) + (code.encode() if entry.filename == path else b""))
        assert path in old.namelist()
    return out.getvalue()


def _role(cloud: Cloud, name: str) -> str:
    return cloud.deployment.place.roles[Principal(name)]


UNMASKED = """
Masker.mask_text = lambda self, text, *, path="": (text, ())
Masker.mask_value = lambda self, value, *, path="": (value, ())
Masker.mask_each = lambda self, items, budget: [(value, ()) for _, value in items]
Masker.mask_each = lambda self, items, budget: [(value, ()) for _, value in items]
"""
WHOLE_URL = """
def clean_endpoint(text, *, domain_only=False, **further):
    return text.replace("***", "")
"""
ANY_TOKEN = """
def authenticate(header, agents, *, now):
    return next(iter(agents))
"""
NEVER_STORED = """
_put = S3Store.put
S3Store.put = lambda self, key, *rest, **further: _put(self, key[:-49] + "e" * 40 + key[-9:], *rest, **further)
"""
CONTENT_KEPT = """
_make = RecordMaker.make
def _leaky(self, event):
    record, envelope = _make(self, event)
    return {**record, "attributes": {"body": repr(event.response)[:300]}}, envelope
RecordMaker.make = _leaky
"""
PAYLOAD_KEPT = """
_make = RecordMaker.make
def _keeping(self, event):
    record, envelope = _make(self, event)
    return {**record, "envelope": {"mode": "raw", "request": {"ref": "s3://elsewhere/request"}}}, envelope
RecordMaker.make = _keeping
"""
FIELD_CHANGED = """
_make = RecordMaker.make
RecordMaker.make = lambda self, event: ({**_make(self, event)[0], "status": 201}, None)
"""
WRONG_DIGEST = """
_right = digest_bytes
def digest_bytes(data, *, key=None):
    return _right(b"x" + data, key=key)
"""
LOUD_LOG = """
_handle = Writer.handle
def _loud(self, request):
    print(request.body.decode())
    return _handle(self, request)
Writer.handle = _loud
"""
ECHO = """
_handle = Writer.handle
def _echo(self, request):
    import dataclasses
    response = _handle(self, request)
    return dataclasses.replace(response, body=response.body + request.body) if response.status == 422 else response
Writer.handle = _echo
"""
NO_IDENTITY = """
_make_batch = make_batch
def make_batch(drafts, **rest):
    return _make_batch(drafts, **{**rest, "identified": False, "idempotency_key": None})
"""
BUILT = "package-as-built"
SABOTAGES: dict[str, tuple[Sabotage, set[str]]] = {
    "masking is off": (_appended("audit_core/masking/masker.py", UNMASKED), {"no-secret-stored", BUILT}),
    "the URL is kept whole": (
        _appended("audit_core/endpoint.py", WHOLE_URL), {"known-call-recorded", "formats-recorded", BUILT},
    ),
    "any token will do": (_appended("log_writer/auth.py", ANY_TOKEN), {"token-required", BUILT}),
    "nothing is stored": (
        _appended("aws_client/s3.py", NEVER_STORED),
        {"known-call-recorded", "digests-recomputable", "retry-stored-once", "formats-recorded", BUILT},
    ),
    "content is kept": (
        _appended("audit_core/record.py", CONTENT_KEPT),
        {"content-not-stored", "no-secret-stored", "formats-recorded", BUILT},
    ),
    "a field is changed": (
        _appended("audit_core/record.py", FIELD_CHANGED), {"known-call-recorded", "formats-recorded", BUILT},
    ),
    "a payload is kept somewhere": (
        _appended("audit_core/record.py", PAYLOAD_KEPT), {"payloads-forgotten", BUILT},
    ),
    "digests are of something else": (
        _appended("audit_core/digest.py", WRONG_DIGEST), {"digests-recomputable", "formats-recorded", BUILT},
    ),
    "the log holds bodies": (_appended("log_writer/service.py", LOUD_LOG), {"no-secret-logged", BUILT}),
    "refusals echo": (_appended("log_writer/service.py", ECHO), {"refusal-tells-no-value", BUILT}),
    "a retry is stored again": (_appended("log_writer/batch.py", NO_IDENTITY), {"retry-stored-once", BUILT}),
    "the writer is told something by its environment": (_environment_set, {BUILT}),
    "the default lock is gone": (_no_default_rule, {"lock-configured", "versions-locked"}),
    "another mode is locked in": (
        _other_mode, {"lock-configured", "versions-locked", "retention-admin-extends-only"},
    ),
    "versioning is suspended": (_versioning_suspended, {"lock-configured"}),
    "the bucket policy is gone": (
        _no_policy,
        {
            "policy-in-force", "policy-change-refused", "delete-refused", "bypass-refused", "overwrite-refused",
            "shortening-refused",
        },
    ),
    "deletes are no longer denied": (
        _without_statement("NobodyDeletes"), {"policy-in-force", "delete-refused"},
    ),
    "bypassing is no longer denied": (
        _without_statement("NobodyBypasses"), {"policy-in-force", "shortening-refused"},
    ),
    "anyone may write records": (
        _without_statement("OnlyTheWriterWritesRecords"), {"policy-in-force", "overwrite-refused"},
    ),
    "plain HTTP will do": (_without_statement("TlsOnly"), {"policy-in-force"}),
    "overwriting is no longer denied": (_without_statement("CreateOnly"), {"policy-in-force"}),
    "the auditor may delete": (_widened("auditor", "s3:DeleteObject"), {"auditor-reads-only"}),
    "the auditor may extend": (_widened("auditor", "s3:PutObjectRetention"), {"auditor-reads-only"}),
    "the auditor may have the keys": (
        _widened("auditor", "ssm:GetParameter"), {"auditor-reads-only", "keys-for-writer-only"},
    ),
    "the writer may read": (_widened("writer", "s3:GetObject"), {"writer-adds-only"}),
    "the writer may do what nobody listed": (_widened("writer", "dynamodb:PutItem"), {"writer-adds-only"}),
    "the retention admin may read": (
        _widened("retention-admin", "s3:GetObjectVersion"), {"retention-admin-extends-only"},
    ),
    "the hold releaser may extend": (
        _widened("hold-releaser", "s3:PutObjectRetention"), {"hold-releaser-releases-only"},
    ),
    "an administrator may be the writer": (_administrator_may_be_the_writer, {"writer-not-assumable"}),
    "the sealer may do what nobody listed": (_widened("sealer", "s3:DeleteObject"), {"sealer-seals-only"}),
    "the sealer may do nothing": (_sealer_may_nothing, {"records-sealed", "sealer-seals-only"}),
    "anyone may write under the seal": (
        _without_statement("OnlyTheSealerSeals"), {"policy-in-force", "seal-for-sealer-only"},
    ),
    "an administrator may sign": (_administrator_may_sign, {"signing-for-sealer-only"}),
    "records expire": (_records_expire, {"nothing-expires"}),
    "the public may be let in": (_open_to_the_public, {"not-public"}),
    "an alarm is gone": (_alarm_gone, {"alarms-connected"}),
}  # fmt: skip


@pytest.mark.parametrize("sabotage", SABOTAGES)
def test_what_is_broken_is_the_line_that_is_red(cloud: Cloud, sabotage: str) -> None:
    """Each sabotage fails its controls, and no other in the parts of the checklist that it is about."""
    breaks, expected = SABOTAGES[sabotage]
    areas = {control.area for control in CONTROLS if control.id in expected}
    with breaks(cloud):
        found = _outcomes(cloud.deployment, [control for control in CONTROLS if control.area in areas])
    cloud.mend()
    failed = {name for name, (outcome, _) in found.items() if outcome is Outcome.FAILED}
    assert failed == expected, {name: shown for name, shown in found.items() if shown[0] is not Outcome.PASSED}


def test_every_control_can_turn_red() -> None:
    """A control that no sabotage fails would be a tick that means nothing."""
    refused_by_iam_alone = {
        # As the roles hold no such permission, only widening one could fail these, and that fails the role's own line.
        "lock-change-refused", "versioning-change-refused", "lifecycle-change-refused",
        "version-delete-refused", "downgrade-refused",
    }  # fmt: skip
    red = set().union(*(expected for _, expected in SABOTAGES.values()))
    assert {control.id for control in CONTROLS} == red | refused_by_iam_alone | HIDDEN_HERE


def test_every_gap_is_one(cloud: Cloud) -> None:
    """What the emulator is excused from, it really does not enforce: else it leaves the list."""
    seen: dict[str, str | None] = {}

    def record(attempts: Iterable[Attempt]) -> Verdict:
        seen.update({attempt.gap: refusal(attempt.call) for attempt in attempts if attempt.gap is not None})
        return passed("")

    with Connection(cloud.deployment) as connection, pytest.MonkeyPatch.context() as patch:
        probe = Probe(connection)
        patch.setattr(probe, "try_all", record)
        for control in CONTROLS:
            if control.id in HIDDEN_HERE:
                live_check(control)(probe)
    assert set(seen) == set(GAPS)
    assert {gap: code for gap, code in seen.items() if code is not None} == {}
