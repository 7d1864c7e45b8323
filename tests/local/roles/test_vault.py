"""A stack with a vault, deployed: what reaches it, who reads it, and everybody who does neither."""

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from audit_core.layout import PAYLOADS, RECORDS
from cli.check import run_controls
from cli.checks.probe import Outcome
from localcloud import place
from localcloud.deploy import Deployed, deploy
from policies import vault_policy
from policies.controls import CONTROLS
from policies.place import Principal
from tests.local.check.cloud import Cloud
from tests.local.stack import deployed_alone, local_config

SECRET: Final = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
BODY: Final = {"question": "where is order 4711?", "note": f"the key is {SECRET}"}
REFUSED: Final = {"AccessDenied", "AccessDeniedException"}
SETTINGS: Final = {"envelope": "masked", "vaultReaders": '["arn:aws:iam::000000000000:root"]'}
CONFIG: Final = local_config(**SETTINGS)
EVERYONE: Final = (*Principal, None)
"""Each role, and an administrator who may do anything that IAM can give."""


@pytest.fixture(scope="module")
def vaulted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Yield the local stack with masked payloads in a vault."""
    with deployed_alone(tmp_path_factory.mktemp("vaulted"), **SETTINGS) as stack:
        yield stack


@pytest.fixture(scope="module")
def cloud(vaulted: Deployed) -> Iterator[Cloud]:
    """Yield that stack."""
    with contextlib.closing(Cloud(outputs=vaulted.outputs)) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def payload(cloud: Cloud) -> str:
    """Return the key of a payload that an agent's call left in the vault."""
    event = {"timestamp": datetime.now(UTC).isoformat(), "id": uuid.uuid4().hex, "request": BODY}
    reply = cloud.post(event)
    assert reply.status_code == 200, reply.text
    listed = cloud.root("s3").list_objects_v2(Bucket=cloud.deployment.vault_bucket)["Contents"]
    (key,) = [item["Key"] for item in listed]
    assert key.startswith(PAYLOADS)
    return str(key)


def _client(cloud: Cloud, principal: Principal | None, service: str = "s3") -> Any:  # noqa: ANN401 - a boto3 client is made at run time
    stack = cloud.deployment
    arn = stack.administrators[0] if principal is None else stack.place.role_arn(principal)
    taken = cloud.root("sts").assume_role(RoleArn=arn, RoleSessionName="vault-test")["Credentials"]
    return cloud.client(
        service,
        aws_access_key_id=taken["AccessKeyId"],
        aws_secret_access_key=taken["SecretAccessKey"],
        aws_session_token=taken["SessionToken"],
    )


def _answer(call: Callable[..., object], **given: object) -> str:
    try:
        call(**given)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


def test_the_record_names_what_lies_in_the_vault(cloud: Cloud, payload: str) -> None:
    """The payload is there, masked, and what the record refers to is its key."""
    stored = cloud.root("s3").get_object(Bucket=cloud.deployment.vault_bucket, Key=payload)
    body = stored["Body"].read()
    assert SECRET.encode() not in body
    assert stored["ServerSideEncryption"] == "aws:kms"
    key = cloud.root("kms").describe_key(KeyId=f"alias/agent-audit-log-{place.STACK}-vault")["KeyMetadata"]
    assert stored["SSEKMSKeyId"] in (key["Arn"], key["KeyId"])


@pytest.mark.parametrize("principal", EVERYONE)
def test_one_role_reads(cloud: Cloud, payload: str, principal: Principal | None) -> None:
    """The vault's reader, and nobody else: not who wrote it, not the log's auditor, not an administrator."""
    answer = _answer(_client(cloud, principal).get_object, Bucket=cloud.deployment.vault_bucket, Key=payload)
    assert answer == "done" if principal is Principal.VAULT_READER else answer in REFUSED


@pytest.mark.parametrize("principal", EVERYONE)
def test_one_role_puts(cloud: Cloud, principal: Principal | None) -> None:
    """The writer, and under `payloads/` alone."""
    s3, bucket = _client(cloud, principal), cloud.deployment.vault_bucket
    answers = [
        _answer(s3.put_object, Bucket=bucket, Key=f"{prefix}{uuid.uuid4().hex}", Body=b"{}")
        for prefix in ("elsewhere/", PAYLOADS)
    ]
    assert answers[0] in REFUSED
    assert answers[1] == "done" if principal is Principal.WRITER else answers[1] in REFUSED


@pytest.mark.parametrize("principal", Principal)
def test_no_role_lists_deletes_or_changes_the_vault(cloud: Cloud, payload: str, principal: Principal) -> None:
    """Who puts there and who reads there has just the one call."""
    s3, bucket = _client(cloud, principal), cloud.deployment.vault_bucket
    kept = {"Rules": [{"ID": "a", "Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 400}}]}
    answers = {
        "list": _answer(s3.list_objects_v2, Bucket=bucket),
        "delete": _answer(s3.delete_object, Bucket=bucket, Key=payload),
        "policy": _answer(s3.delete_bucket_policy, Bucket=bucket),
        "lifecycle": _answer(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration=kept),
        "versions": _answer(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}),
    }
    assert set(answers.values()) <= REFUSED, answers


def test_the_vaults_reader_has_nothing_of_the_log(cloud: Cloud) -> None:
    """Neither a record nor a list of them, nor the keys of digests."""
    s3, log = _client(cloud, Principal.VAULT_READER), cloud.deployment.bucket
    record = cloud.root("s3").list_objects_v2(Bucket=log, Prefix=RECORDS)["Contents"][0]["Key"]
    assert _answer(s3.get_object, Bucket=log, Key=record) in REFUSED
    assert _answer(s3.list_objects_v2, Bucket=log) in REFUSED
    assert _answer(s3.put_object, Bucket=log, Key=f"{RECORDS}x", Body=b"", IfNoneMatch="*") in REFUSED
    ssm = _client(cloud, Principal.VAULT_READER, "ssm")
    assert _answer(ssm.get_parameter, Name=cloud.deployment.keys_parameter) in REFUSED


@pytest.mark.parametrize("principal", Principal)
def test_even_with_every_permission_another_role_neither_puts_nor_reads(
    cloud: Cloud, payload: str, principal: Principal
) -> None:
    """The bucket's own policy binds whoever is not the writer, or not the reader, whatever IAM says."""
    name = cloud.deployment.place.roles[principal]
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    root, bucket = cloud.root("iam"), cloud.deployment.vault_bucket
    root.put_role_policy(RoleName=name, PolicyName="more", PolicyDocument=document)
    try:
        s3 = _client(cloud, principal)
        if principal is not Principal.VAULT_READER:
            assert _answer(s3.get_object, Bucket=bucket, Key=payload) in REFUSED
        if principal is not Principal.WRITER:
            key = f"{PAYLOADS}{uuid.uuid4().hex}"
            assert _answer(s3.put_object, Bucket=bucket, Key=key, Body=b"{}") in REFUSED
        assert _answer(s3.delete_bucket_policy, Bucket=bucket) in REFUSED
    finally:
        root.delete_role_policy(RoleName=name, PolicyName="more")


@pytest.fixture
def key(cloud: Cloud) -> Iterator[str]:
    """Yield the vault's key, its policy without conditions: the emulator does not know those on what is encrypted."""
    kms = cloud.root("kms")
    key = kms.describe_key(KeyId=f"alias/agent-audit-log-{place.STACK}-vault")["KeyMetadata"]["KeyId"]
    before = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    bare = json.loads(before)
    for statement in bare["Statement"]:
        statement.pop("Condition", None)
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(bare))
    yield str(key)
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=before)


@pytest.mark.parametrize("principal", EVERYONE)
def test_the_key_is_used_by_two_roles_for_one_thing_each(cloud: Cloud, key: str, principal: Principal | None) -> None:
    """The writer asks for data keys, the reader decrypts, an administrator manages, and nobody does anything else."""
    secret = cloud.root("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms = _client(cloud, principal, "kms")
    answers = {
        "make": _answer(kms.generate_data_key, KeyId=key, KeySpec="AES_256"),
        "encrypt": _answer(kms.encrypt, KeyId=key, Plaintext=b"x"),
        "decrypt": _answer(kms.decrypt, KeyId=key, CiphertextBlob=secret),
        "manage": _answer(kms.describe_key, KeyId=key),
        "lend": _answer(kms.create_grant, KeyId=key, GranteePrincipal="arn:aws:iam::1:root", Operations=["Decrypt"]),
    }
    own = {Principal.WRITER: "make", Principal.VAULT_READER: "decrypt", None: "manage"}.get(principal)
    assert [name for name, answer in answers.items() if answer == "done"] == ([own] if own else [])
    assert {answer for name, answer in answers.items() if name != own} <= REFUSED, answers


def test_the_checklist_holds_with_a_vault(cloud: Cloud) -> None:
    """The roles are as their table has them, the vault's rows too, and nothing of the log is weaker for it."""
    failed = {
        line.control.id: line.verdict.detail
        for line in run_controls(cloud.deployment)
        if line.verdict.outcome not in (Outcome.PASSED, Outcome.NOT_ENFORCED_HERE)
    }
    assert failed == {}


@contextlib.contextmanager
def _kept_for_long(cloud: Cloud) -> Iterator[None]:
    s3, bucket = cloud.root("s3"), cloud.deployment.vault_bucket
    before = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    rule = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 400}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    yield
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": before})


@contextlib.contextmanager
def _read_by_anybody(cloud: Cloud) -> Iterator[None]:
    s3, bucket = cloud.root("s3"), cloud.deployment.vault_bucket
    before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    document = json.loads(before)
    document["Statement"] = [row for row in document["Statement"] if row["Sid"] != "OnlyTheVaultReaderReads"]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))
    yield
    s3.put_bucket_policy(Bucket=bucket, Policy=before)


@contextlib.contextmanager
def _may_be_public(cloud: Cloud) -> Iterator[None]:
    s3, bucket = cloud.root("s3"), cloud.deployment.vault_bucket
    before = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    opened = {**before, "BlockPublicPolicy": False}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=opened)
    yield
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=before)


@pytest.mark.parametrize(
    ("sabotage", "says"),
    [
        (_kept_for_long, "no rule empties the vault"),
        (_read_by_anybody, "statement OnlyTheVaultReaderReads"),
        (_may_be_public, "may be made public"),
    ],
)
def test_a_vault_that_is_not_shut_is_told(
    cloud: Cloud, sabotage: Callable[[Cloud], contextlib.AbstractContextManager[None]], says: str
) -> None:
    """The checklist's line about payloads turns red, and says what is wrong."""
    rows = [row for row in CONTROLS if row.id == "payloads-forgotten"]
    with sabotage(cloud):
        (broken,) = run_controls(cloud.deployment, rows)
    assert broken.verdict.outcome is Outcome.FAILED
    assert says in broken.verdict.detail
    (sound,) = run_controls(cloud.deployment, rows)
    assert sound.verdict.outcome is Outcome.PASSED, sound.verdict.detail
    assert "tried as administrator, auditor, retention-admin, hold-releaser" in sound.verdict.detail


def test_a_second_run_changes_nothing(vaulted: Deployed) -> None:
    """The vault, its key and its policies are left as they are."""
    again = deploy(vaulted.emulator, config=CONFIG, folder=vaulted.folder)
    assert {step.action for step in again.result.steps} <= {"same", "read"}


def test_the_vault_expires_and_is_shut(cloud: Cloud) -> None:
    """What S3 itself says of the bucket."""
    s3, bucket = cloud.root("s3"), cloud.deployment.vault_bucket
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert (rule["Status"], rule["Expiration"]) == ("Enabled", {"Days": 1})
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    with pytest.raises(ClientError, match="ObjectLockConfigurationNotFound"):
        s3.get_object_lock_configuration(Bucket=bucket)
    document = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    assert {statement["Sid"] for statement in document["Statement"]} == {
        str(statement["Sid"])
        for statement in vault_policy.bucket_statements(cloud.deployment.place, administrators=[], loopback=True)
    }


@pytest.mark.timeout(400)
def test_the_vault_stays_shut_until_its_last_payload_is_gone(cloud: Cloud, payload: str, vaulted: Deployed) -> None:
    """`envelope` off, emptied, off and on again: no run fails, and nothing lies open in between."""
    s3, bucket = cloud.root("s3"), cloud.deployment.vault_bucket
    started, folder = vaulted.emulator, vaulted.folder
    off = {**CONFIG, "agent-audit-log:envelope": "off"}
    before = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    with contextlib.closing(Cloud(outputs=deploy(started, config=off, folder=folder).outputs)) as without:
        assert without.post({"timestamp": datetime.now(UTC).isoformat(), "request": BODY}).status_code == 200
        found = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
        assert payload in found
        assert found == before
        statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
        assert "OnlyTheVaultReaderReads" in [statement["Sid"] for statement in statements]
        assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]["Expiration"] == {"Days": 1}
        encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
        assert encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        assert encryption["BlockedEncryptionTypes"] == {"EncryptionType": ["SSE-C"]}
        failed = {
            line.control.id: line.verdict.detail
            for line in run_controls(without.deployment)
            if line.verdict.outcome not in (Outcome.PASSED, Outcome.NOT_ENFORCED_HERE)
        }
        assert failed == {}
    for key in found:
        s3.delete_object(Bucket=bucket, Key=key)
    deploy(started, config=off, folder=folder)
    assert bucket not in [item["Name"] for item in s3.list_buckets()["Buckets"]]
    deploy(started, config=CONFIG, folder=folder)
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"] == statements
