"""Who deploys into the emulator: a role, because the emulator does not hold its root to a bucket policy's denials.

Guarantees: every session is this role's; when the role is there already, nothing is changed.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.emulator import ACCOUNT, Emulator
from localcloud.provider.cloud import Cloud, code

ROLE: Final = "agent-audit-log-deployer"
ROOT_KEY: Final = "test"  # the emulator's account root, the same on every machine: no secret
_TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    ],
}
_MAY: Final = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class DeployerError(Exception):
    """The emulator answers, but not as an AWS API; the message is one line for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Credentials of the deployer, good for an hour."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)


def session(emulator: Emulator, *, region: str) -> Session:
    """Return credentials of the deployer role, made if it is not there. Raises DeployerError."""
    root = Cloud(endpoint_url=emulator.url, region=region, access_key=ROOT_KEY, secret_key=ROOT_KEY)
    try:
        iam: Any = root.client("iam")
        _make_role(iam)
        answer = root.client("sts").assume_role(
            RoleArn=root.arn("iam", f"role/{ROLE}", region=""), RoleSessionName="up"
        )
    except (BotoCoreError, ClientError) as error:
        raise DeployerError(f"the emulator at {emulator.url} does not give out the deployer's role: {error}") from error
    given = answer["Credentials"]
    return Session(
        access_key=given["AccessKeyId"], secret_key=given["SecretAccessKey"], session_token=given["SessionToken"]
    )


def _make_role(iam: Any) -> None:  # noqa: ANN401 - boto3 makes its clients' classes at run time
    try:
        iam.get_role(RoleName=ROLE)
    except ClientError as error:
        if code(error) != "NoSuchEntity":
            raise
        iam.create_role(
            RoleName=ROLE,
            AssumeRolePolicyDocument=json.dumps(_TRUST),
            Description="Deploys agent-audit-log into the local cloud.",
        )
    if not iam.list_role_policies(RoleName=ROLE)["PolicyNames"]:
        iam.put_role_policy(RoleName=ROLE, PolicyName="deploy", PolicyDocument=json.dumps(_MAY))
