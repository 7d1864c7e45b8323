"""Who may do what, where: one table, and the IAM documents that follow from it.

Guarantee: every permission of every role is a row of `GRANTS`, and every explicit refusal is a row of `REFUSALS`; a
document built here says that and nothing else. Plain data in, plain data out, no SDK. The bucket's own policy, which
binds everybody else too, is in `policies.bucket_policy`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from audit_core.layout import PAYLOADS, RECORDS, SEAL
from policies.place import OF_FUNCTIONS, Principal, ResourceNames, Scope
from policies.retention import Mode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policies.retention import Profile, Retention

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"
Statement: TypeAlias = dict[str, Json]

POLICY_VERSION: Final = "2012-10-17"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One row: `principal` may do `actions` on `scope`, for objects under `prefix` (empty: all of the bucket's)."""

    principal: Principal
    actions: tuple[str, ...]
    scope: Scope
    prefix: str = ""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the retention admin is kept within: the log's mode, and how many days a lock may still have to run."""

    mode: Mode
    max_days: int

    @classmethod
    def of(cls, profile: Profile, retention: Retention) -> Bounds:
        """Return the bounds of a stack, never under the retention that every record gets anyway."""
        return cls(mode=retention.mode, max_days=max(profile.extension_limit_days, retention.days))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One row of what a role is refused although a grant of its would allow it, under a condition."""

    principal: Principal
    actions: tuple[str, ...]
    condition: dict[str, Json]
    why: str


GRANTS: Final[tuple[Grant, ...]] = (
    Grant(
        principal=Principal.WRITER,
        actions=("s3:PutObject",),
        scope=Scope.OBJECTS,
        prefix=RECORDS,
        # A put without lock headers takes the bucket's default retention and needs no s3:PutObjectRetention.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html#object-lock-permissions
        why="Stores records. Their lock is the bucket's default, which the writer neither sets nor reads.",
    ),
    Grant(
        principal=Principal.WRITER,
        actions=("logs:CreateLogStream", "logs:PutLogEvents"),
        scope=Scope.LOG_STREAMS,
        why="Its operational log. The group exists already, so it may not make one that never expires.",
    ),
    Grant(
        principal=Principal.WRITER,
        actions=("ssm:GetParameter",),
        scope=Scope.KEYS,
        # Nothing about KMS: the AWS managed key that the parameter is under lets whoever may get the parameter decrypt.
        # https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-restrict-decryption.html
        why="Computes keyed digests and pseudonyms. The one role that may have the keys.",
    ),
    Grant(
        principal=Principal.SEALER,
        actions=("s3:ListBucket", "s3:ListBucketVersions"),
        scope=Scope.BUCKET,
        why="Finds objects without a message, and second versions, once a day.",
    ),
    Grant(
        principal=Principal.SEALER,
        actions=("s3:GetObject", "s3:GetObjectRetention", "s3:GetObjectVersion"),
        scope=Scope.OBJECTS,
        prefix=RECORDS,
        why="Reads what it seals, and until when that is locked.",
    ),
    Grant(
        principal=Principal.SEALER,
        actions=("s3:GetObject", "s3:GetObjectRetention", "s3:GetObjectVersion", "s3:PutObject"),
        scope=Scope.OBJECTS,
        prefix=SEAL,
        # Of the signing key, its own policy says who may use it (policies/seal_policy.py).
        why="Adds to the sealed log, and reads where that stands. The bucket's policy lets it replace nothing there.",
    ),
    Grant(
        principal=Principal.SEALER,
        # Deleting ten messages at once takes sqs:DeleteMessage too: IAM has no action for a batch.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
        actions=("sqs:DeleteMessage", "sqs:ReceiveMessage"),
        scope=Scope.QUEUE,
        why="Receives a message for each stored object, and deletes it after sealing.",
    ),
    Grant(
        principal=Principal.SEALER,
        actions=("sns:Publish",),
        scope=Scope.TOPIC,
        why="Mails the newest checkpoint, every week, to whoever gets the alarms.",
    ),
    Grant(
        principal=Principal.SEALER,
        actions=("logs:CreateLogStream", "logs:PutLogEvents"),
        scope=Scope.SEALER_LOG_STREAMS,
        why="Its operational log, from which its alarms are made.",
    ),
    Grant(
        principal=Principal.AUDITOR,
        actions=(
            "s3:GetBucketLocation",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:GetBucketPolicyStatus",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:GetReplicationConfiguration",
            "s3:ListBucket",
            "s3:ListBucketVersions",
        ),
        scope=Scope.BUCKET,
        why="Lists every version and delete marker, and sees whether each protection of the bucket is in place.",
    ),
    Grant(
        principal=Principal.AUDITOR,
        actions=(
            "s3:GetObject",
            "s3:GetObjectLegalHold",
            "s3:GetObjectRetention",
            "s3:GetObjectVersion",
        ),
        scope=Scope.OBJECTS,
        why="Reads records and their locks under any prefix: what lies where nothing should is a finding.",
    ),
    Grant(
        principal=Principal.AUDITOR,
        actions=("lambda:GetFunctionConfiguration",),
        scope=Scope.FUNCTION,
        why="Compares the digest of the code that runs with the one that was deployed.",
    ),
    Grant(
        principal=Principal.AUDITOR,
        actions=("logs:FilterLogEvents",),
        scope=Scope.LOG_GROUP,
        why="Checks that the writer's operational log holds no value from a request.",
    ),
    Grant(
        principal=Principal.AUDITOR,
        actions=("logs:FilterLogEvents",),
        scope=Scope.LOG_GROUP_BY_NAME,
        # AWS lists the plain ARN as the action's resource; its evaluation has long wanted the one that ends in `:*`.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
        why="The same, for stores that evaluate the log group's plain ARN.",
    ),
    Grant(
        principal=Principal.AUDITOR,
        actions=("lambda:GetFunctionConfiguration",),
        scope=Scope.SEALER_FUNCTION,
        why="Compares the digest of the sealer's code with the one that was deployed.",
    ),
    Grant(
        principal=Principal.AUDITOR,
        actions=("logs:FilterLogEvents",),
        scope=Scope.SEALER_LOG_GROUP,
        why="Reads when the log was last sealed, and what the sealer found.",
    ),
    Grant(
        principal=Principal.AUDITOR,
        actions=("logs:FilterLogEvents",),
        scope=Scope.SEALER_LOG_GROUP_BY_NAME,
        why="The same, for stores that evaluate the log group's plain ARN.",
    ),
    Grant(
        principal=Principal.RETENTION_ADMIN,
        actions=("s3:GetBucketObjectLockConfiguration", "s3:ListBucketVersions"),
        scope=Scope.BUCKET,
        why="Finds the versions to extend or hold. Cannot read them.",
    ),
    Grant(
        principal=Principal.RETENTION_ADMIN,
        actions=(
            "s3:GetObjectLegalHold",
            "s3:GetObjectRetention",
            "s3:PutObjectLegalHold",
            "s3:PutObjectRetention",
        ),
        scope=Scope.OBJECTS,
        why="Extends retention and places legal holds, within the refusals below.",
    ),
    Grant(
        principal=Principal.HOLD_RELEASER,
        actions=("s3:ListBucketVersions",),
        scope=Scope.BUCKET,
        why="Finds the versions on hold.",
    ),
    Grant(
        principal=Principal.HOLD_RELEASER,
        actions=("s3:GetObjectLegalHold", "s3:PutObjectLegalHold"),
        scope=Scope.OBJECTS,
        why="Releases legal holds; whoever places them cannot, and every use of this role alarms.",
    ),
    # Of the vault's key, its own policy says who may use it (policies/vault_policy.py): a policy here would have to
    # name a key that does not exist yet.
    Grant(
        principal=Principal.WRITER,
        actions=("s3:PutObject",),
        scope=Scope.PAYLOADS,
        prefix=PAYLOADS,
        why="Puts payloads into the vault, where there is one. Cannot read them back.",
    ),
    Grant(
        principal=Principal.VAULT_READER,
        actions=("s3:GetObject",),
        scope=Scope.PAYLOADS,
        prefix=PAYLOADS,
        why="Reads a payload that a record refers to; every read is recorded. Cannot list, nor read the log.",
    ),
)
"""Every permission of every role."""


def refusals(bounds: Bounds) -> tuple[Refusal, ...]:
    """Return what a role is refused although one of its grants would allow it.

    A refusal and not a condition on the grant, in the form of AWS's own example, because a store that does not know a
    condition key would then refuse the whole action.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html#object-lock-managing-retention-limits
    """
    other = Mode.COMPLIANCE if bounds.mode is Mode.GOVERNANCE else Mode.GOVERNANCE
    return (
        Refusal(
            principal=Principal.RETENTION_ADMIN,
            actions=("s3:PutObjectRetention",),
            condition={"StringEquals": {"s3:object-lock-mode": other.value}},
            why="A single record in compliance mode binds the account's owner, who chose governance; and the reverse.",
        ),
        Refusal(
            principal=Principal.RETENTION_ADMIN,
            actions=("s3:PutObjectRetention",),
            condition={"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": str(bounds.max_days)}},
            why="An extension cannot be taken back, and is paid for as long as it lasts.",
        ),
        Refusal(
            principal=Principal.RETENTION_ADMIN,
            actions=("s3:PutObjectLegalHold",),
            condition={"StringEquals": {"s3:object-lock-legal-hold": "OFF"}},
            why="Who places holds does not release them.",
        ),
        Refusal(
            principal=Principal.HOLD_RELEASER,
            actions=("s3:PutObjectLegalHold",),
            condition={"StringEquals": {"s3:object-lock-legal-hold": "ON"}},
            why="Who releases holds does not place them.",
        ),
    )


def _sid(*words: str) -> str:
    """Return an identifier that IAM takes: letters and digits."""
    plain = (re.sub("[^A-Za-z0-9 ]", " ", word.replace("'s ", "s ")) for word in words)
    return "".join(part[:1].upper() + part[1:] for word in plain for part in word.split())


def role_statements(principal: Principal, place: ResourceNames, bounds: Bounds) -> list[Statement]:
    """Return everything that a role may do, and what it is explicitly refused."""
    granted: list[Statement] = [
        {
            "Sid": _sid("allow", grant.scope, grant.prefix),
            "Effect": "Allow",
            "Action": list(grant.actions),
            "Resource": [place.resource(grant.scope, grant.prefix)],
        }
        for grant in GRANTS
        if grant.principal is principal and (grant.scope is not Scope.PAYLOADS or _reaches_vault(principal, place))
    ]
    refused: list[Statement] = [
        {
            "Sid": f"Refuse{number}",
            "Effect": "Deny",
            "Action": list(refusal.actions),
            "Resource": [place.objects_arn("")],
            "Condition": {**refusal.condition},
        }
        for number, refusal in enumerate((r for r in refusals(bounds) if r.principal is principal), start=1)
    ]
    return [*granted, *refused, *_only_in_its_function(principal, place)]


def _reaches_vault(principal: Principal, place: ResourceNames) -> bool:
    """Tell whether there is a vault for a role; for the writer, one that payloads still go to."""
    return bool(place.vault) and (place.vault_fills or principal is not Principal.WRITER)


def _only_in_its_function(principal: Principal, place: ResourceNames) -> list[Statement]:
    """Refuse everything to any other function that somebody gives a function's role to.

    Lambda names the function in every call that its code makes. A call without that name comes from Lambda itself, or
    from a service that the function called; it is not refused. Resource policies cannot use this key.
    https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
    """
    scope = {Principal.WRITER: Scope.FUNCTION, Principal.SEALER: Scope.SEALER_FUNCTION}.get(principal)
    if scope is None:
        return []
    return [
        {
            "Sid": "OnlyInItsFunction",
            "Effect": "Deny",
            "Action": ["*"],
            "Resource": ["*"],
            "Condition": {
                "Null": {"lambda:SourceFunctionArn": "false"},
                "ArnNotEquals": {"lambda:SourceFunctionArn": place.resource(scope, "")},
            },
        }
    ]


def trust_statements(principal: Principal, place: ResourceNames, assumed_by: Sequence[str]) -> list[Statement]:
    """Return who may take the role: the Lambda service for a function's, else the principals in `assumed_by` (ARNs).

    The hold releaser can be taken only through STS in the stack's own region, because CloudTrail hands an AssumeRole
    to EventBridge in the region where it was called, and the alarm's rule listens in this one.
    https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html (Endpoints)
    """
    if principal in OF_FUNCTIONS:
        return [
            {
                "Sid": "AllowTheFunction",
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ]
    statement: Statement = {
        "Sid": "AllowNamedPrincipals",
        "Effect": "Allow",
        "Principal": {"AWS": list(assumed_by)},
        "Action": "sts:AssumeRole",
    }
    if principal is Principal.HOLD_RELEASER:
        statement["Condition"] = {"StringEquals": {"aws:RequestedRegion": place.region}}
    return [statement]


def document(statements: Sequence[Statement]) -> str:
    """Return a policy document as JSON text, the same text for the same statements."""
    return json.dumps({"Version": POLICY_VERSION, "Statement": list(statements)}, separators=(",", ":"))


def principal_patterns(arn: str) -> list[str]:
    """Return what `aws:PrincipalArn` may be for a principal: its ARN, and for a role the ARN of its sessions.

    AWS gives the role's ARN for a session of it; the second form is for stores that give the session's.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
    """
    head, separator, path = arn.partition(":role/")
    if not separator:
        return [arn]
    partition, account = head.split(":")[1], head.split(":")[4]
    return [arn, f"arn:{partition}:sts::{account}:assumed-role/{path.rsplit('/', 1)[-1]}/*"]
