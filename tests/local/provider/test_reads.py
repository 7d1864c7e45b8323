"""The official provider's reads, made on the local cloud too: a policy that refuses one of them fails there as well."""

import json
from collections.abc import Iterator

import grpc
import pytest

from localcloud import deployer
from localcloud.emulator import ACCOUNT, Emulator
from localcloud.provider import AwsProvider, reads
from localcloud.provider.cloud import Cloud, code
from localcloud.provider.policy import for_emulator, from_emulator
from policies.provider_calls import RESOURCES
from tests.local.provider.cases import CASES, KEY, Case
from tests.local.provider.conftest import REGION
from tests.local.provider.driver import Driver, driven
from tests.local.provider.test_contract import NAME, prepared_case  # noqa: F401 - a fixture

BUCKET = "aws:s3/bucket:Bucket"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
NOTHING_SET = {
    "NoSuchBucketPolicy",
    "NoSuchCORSConfiguration",
    "NoSuchEntity",
    "NoSuchLifecycleConfiguration",
    "NoSuchTagSet",
    "NoSuchWebsiteConfiguration",
    "ObjectLockConfigurationNotFoundError",
    "ReplicationConfigurationNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
}
"""How services say that they understood a read, and that there is nothing to read."""


@pytest.fixture(scope="module")
def deploying(emulator: Emulator) -> Iterator[Driver]:
    """Yield the provider as whoever deploys, whom policies bind: the emulator's root is not held to them."""
    session = deployer.session(emulator, region=REGION)
    provider = AwsProvider(
        endpoint_url=emulator.url,
        access_key=session.access_key,
        secret_key=session.secret_key,
        session_token=session.session_token,
    )
    with driven(provider, {"region": REGION}, endpoint=emulator.url) as driver:
        yield driver


def test_every_type_of_the_program_is_read(emulator: Emulator) -> None:
    """A row of the table is a type that the local cloud has; no read is lacking without a reason, or for nothing."""
    assert emulator
    assert {row.type for row in RESOURCES} <= {case.token for case in CASES}
    assert set(reads.LACKING) <= {action for row in RESOURCES for action in row.read}
    assert all(reads.LACKING.values())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.token.rpartition(":")[2], indirect=True)
def test_the_emulator_knows_each_read(case: Case, aws: Driver, emulator: Emulator) -> None:
    """What it does not implement is in the list of what is lacking, by name."""
    _, state = aws.create(case.token, NAME, case.inputs)
    cloud = Cloud(endpoint_url=emulator.url, region=REGION, access_key="test", secret_key="test")
    made = dict(reads.answers(cloud, case.token, state))
    failed = {action: code(error) for action, error in made.items() if error and code(error) not in NOTHING_SET}
    assert not failed


def test_a_key_whose_policy_leaves_out_a_read_cannot_be_made(deploying: Driver) -> None:
    """As on AWS: the official provider asks for the status of the rotation, also of a key that signs."""
    allowed = ["kms:CreateKey", "kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListResourceTags", "kms:PutKeyPolicy"]
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    inputs = {"customerMasterKeySpec": "ECC_NIST_EDWARDS25519", "keyUsage": "SIGN_VERIFY"}
    for actions, refused in ((allowed, True), ([*allowed, "kms:GetKeyRotationStatus"], False)):
        statement = {"Effect": "Allow", "Principal": root, "Action": actions, "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        asked = {**inputs, "description": f"reads {refused}", "policy": policy}
        if refused:
            with pytest.raises(grpc.RpcError, match="kms:GetKeyRotationStatus"):
                deploying.create(KEY, "reads", asked)
        else:
            deploying.create(KEY, "reads-too", asked)


def test_a_bucket_whose_policy_denies_a_read_cannot_be_refreshed(deploying: Driver, emulator: Emulator) -> None:
    """Nor can what is set on it: everything that the provider reads is asked for each time."""
    name = "reads-denied"
    resource_id, state = deploying.create(BUCKET, name, {"bucket": name})
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetBucketCORS", "Resource": f"arn:aws:s3:::{name}"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    deploying.create(POLICY, f"{name}-policy", {"bucket": name, "policy": policy})
    with pytest.raises(grpc.RpcError, match=r"GetBucketCors.*AccessDenied"):
        deploying.read(BUCKET, name, resource_id, state=state)
    root = Cloud(endpoint_url=emulator.url, region=REGION, access_key="test", secret_key="test")
    root.client("s3").delete_bucket_policy(Bucket=name)
    assert deploying.read(BUCKET, name, resource_id, state=state)[0] == resource_id


def test_a_batch_is_covered_by_its_action_on_the_emulator_too() -> None:
    """It evaluates the batch by its own name, which on AWS is no action; nobody sees that in a document."""
    statement = {"Effect": "Allow", "Resource": "*", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"]}
    asked = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    given = json.loads(for_emulator(asked))["Statement"][0]["Action"]
    assert given == ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:DeleteMessageBatch"]
    assert json.loads(from_emulator(for_emulator(asked))) == json.loads(asked)
    untouched = json.dumps({"Statement": [{**statement, "Action": "sqs:DeleteMessage"}, {"Action": ["s3:GetObject"]}]})
    for text in ("no JSON", "[]", '{"Statement": {}}'):
        assert for_emulator(text) == from_emulator(text) == text
    assert "DeleteMessageBatch" in for_emulator(untouched)
