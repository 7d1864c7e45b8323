"""Who may seal, in a deployed stack: each refusal is tried against the emulator; and what is stored gets sealed."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from cli.connection import Connection, Deployment
from localcloud.deploy import Deployed
from policies.place import Principal

DENIED = {"AccessDenied", "AccessDeniedException"}


@pytest.fixture(scope="module")
def stack(deployed: Deployed) -> Deployment:
    """Return the deployed stack."""
    return Deployment.from_outputs(deployed.outputs)


def _root(stack: Deployment, service: str) -> Any:  # noqa: ANN401 - a boto3 client
    client: Any = boto3.client
    return client(
        service,
        endpoint_url=stack.emulator_url,
        region_name=stack.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def _refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] in DENIED
    return False


def _stored(stack: Deployment) -> str:
    """Post a call; return its object's key."""
    headers = {"authorization": f"Bearer {stack.tokens[stack.first_agent]}"}
    event = {"endpoint": "https://api.example.com/v1", "method": "POST", "status": 200}
    reply = httpx.post(f"{stack.endpoint}/v1/events", json=event, headers=headers, timeout=30)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["stored"][0]["object"])


def _run(stack: Deployment, task: str) -> dict[str, Any]:
    payload = json.dumps({"task": task})
    answer = _root(stack, "lambda").invoke(FunctionName=stack.sealer_function_name, Payload=payload)
    said = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    return dict(said)


def test_what_the_writer_stores_is_sealed(stack: Deployment) -> None:
    """The sealer, as its own role, seals it, looks at the bucket itself, and mails the checkpoint."""
    key = _stored(stack)
    before = _run(stack, "seal")["size"]
    assert before >= 1
    assert _run(stack, "reconcile")["size"] >= before
    assert _run(stack, "mail")["event"] == "mailed"
    marker = f"seal/objects/{key.removeprefix('records/')}"
    with Connection(stack) as connection:
        s3 = connection.client("s3", role_arn=stack.auditor_role_arn)
        assert json.loads(s3.get_object(Bucket=stack.bucket, Key=marker)["Body"].read())["start"] < before


@pytest.mark.parametrize("key", ["seal/checkpoint", "seal/checkpoints/7", "seal/tile/0/000", "seal/more"])
def test_nobody_else_writes_under_the_seal(stack: Deployment, key: str) -> None:
    """Not an administrator who may do everything, nor any role that people take."""
    with Connection(stack) as connection:
        for arn in (
            stack.administrators[0], stack.auditor_role_arn, stack.retention_admin_role_arn,
            stack.hold_releaser_role_arn,
        ):  # fmt: skip
            s3 = connection.client("s3", role_arn=arn)
            assert _refused(lambda s3=s3: s3.put_object(Bucket=stack.bucket, Key=key, Body=b"x", IfNoneMatch="*")), arn


def test_nobody_else_signs(stack: Deployment) -> None:
    """Administrators manage the key; the auditor reads its public half."""
    asked = {
        "KeyId": stack.seal_key_id, "Message": b"x", "MessageType": "RAW", "SigningAlgorithm": "ED25519_SHA_512",
    }  # fmt: skip
    with Connection(stack) as connection:
        for arn in (stack.administrators[0], stack.auditor_role_arn, stack.retention_admin_role_arn):
            kms = connection.client("kms", role_arn=arn)
            assert _refused(lambda kms=kms: kms.sign(**asked)), arn
        auditor = connection.client("kms", role_arn=stack.auditor_role_arn)
        assert len(auditor.get_public_key(KeyId=stack.seal_key_id)["PublicKey"]) == 44


def test_nobody_else_tells_the_queue_or_takes_from_it(stack: Deployment) -> None:
    """Not even the account's root, which its policy binds, too."""
    with Connection(stack) as connection:
        for sqs in (_root(stack, "sqs"), connection.client("sqs", role_arn=stack.administrators[0])):
            queue = {"QueueUrl": stack.seal_queue_url}
            assert _refused(lambda sqs=sqs: sqs.send_message(**queue, MessageBody="{}"))  # noqa: B023 - called here
            assert _refused(lambda sqs=sqs: sqs.receive_message(**queue))  # noqa: B023 - called here


@pytest.mark.parametrize("principal", [Principal.WRITER, Principal.SEALER])
def test_nobody_takes_a_functions_role(stack: Deployment, principal: Principal) -> None:
    """Neither an administrator nor who reads."""
    arn = stack.place.role_arn(principal)
    with Connection(stack) as connection:
        for taken in (stack.administrators[0], stack.auditor_role_arn):
            sts = connection.client("sts", role_arn=taken)
            assert _refused(lambda sts=sts: sts.assume_role(RoleArn=arn, RoleSessionName="somebody"))


@pytest.mark.parametrize(
    ("action", "key", "allowed"),
    [
        ("s3:PutObject", "seal/tile/0/000", True),
        ("s3:PutObject", "records/dt=2026-06-30/x.jsonl.gz", False),
        ("s3:PutObject", "elsewhere", False),
        ("s3:GetObject", "records/dt=2026-06-30/x.jsonl.gz", True),
        ("s3:GetObject", "trail/x", False),
        ("s3:DeleteObject", "seal/tile/0/000", False),
        ("s3:DeleteObjectVersion", "seal/tile/0/000", False),
        ("s3:PutObjectRetention", "seal/tile/0/000", False),
        ("s3:BypassGovernanceRetention", "seal/tile/0/000", False),
    ],
)
def test_sealer_may_do_no_more_than_seal(stack: Deployment, action: str, key: str, *, allowed: bool) -> None:
    """As IAM's own simulation says of its role."""
    reply = _root(stack, "iam").simulate_principal_policy(
        PolicySourceArn=stack.sealer_role_arn,
        ActionNames=[action],
        ResourceArns=[f"{stack.place.bucket_arn()}/{key}"],
    )
    assert (reply["EvaluationResults"][0]["EvalDecision"] == "allowed") is allowed
