"""Every role tries every action of the table, in the deployed stack: its own succeed, all others are refused.

What each role may do is written out here once more, by hand, so that an action added to a role anywhere (in the table,
in a component, or in the account) turns a test red.
"""

import contextlib
import gzip
import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from botocore.exceptions import ClientError

from audit_core.layout import RECORDS
from policies import bucket_policy, iam
from policies.place import STANDING, Principal, Scope
from tests.local.check.cloud import Cloud

READS: Final = {"s3:GetObject", "s3:GetObjectVersion"}
SETTINGS: Final = {
    "s3:GetBucketLocation", "s3:GetBucketObjectLockConfiguration", "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy", "s3:GetBucketPolicyStatus", "s3:GetBucketPublicAccessBlock", "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration",
}  # fmt: skip
MAY: Final[Mapping[Principal, set[str]]] = {
    Principal.WRITER: {"s3:PutObject", "logs:CreateLogStream", "logs:PutLogEvents", "ssm:GetParameter"},
    Principal.SEALER: {
        *READS, "s3:ListBucket", "s3:ListBucketVersions", "s3:GetObjectRetention", "s3:PutObject", "sns:Publish",
        "sqs:DeleteMessage", "sqs:ReceiveMessage", "logs:CreateLogStream",
        "logs:PutLogEvents",
    },
    Principal.AUDITOR: {
        *READS, *SETTINGS, "s3:ListBucket", "s3:ListBucketVersions", "s3:GetObjectLegalHold", "s3:GetObjectRetention",
        "lambda:GetFunctionConfiguration", "logs:FilterLogEvents",
    },
    Principal.RETENTION_ADMIN: {
        "s3:GetBucketObjectLockConfiguration", "s3:ListBucketVersions", "s3:GetObjectLegalHold",
        "s3:GetObjectRetention", "s3:PutObjectLegalHold", "s3:PutObjectRetention",
    },
    Principal.HOLD_RELEASER: {"s3:ListBucketVersions", "s3:GetObjectLegalHold", "s3:PutObjectLegalHold"},
}  # fmt: skip
EXTRA: Final = {
    "s3:PutObject outside records/", "s3:PutObject under seal/", "s3:ListAllMyBuckets", "sqs:SendMessage",
    "sqs:DeleteMessage of several", "sqs:PurgeQueue", "sns:Subscribe", "s3:PutObjectTagging", "lambda:InvokeFunction",
    "ssm:GetParameter of another", "ssm:GetParameters", "ssm:GetParameterHistory", "ssm:GetParametersByPath",
    "ssm:PutParameter", "ssm:DeleteParameter",
}  # fmt: skip
"""Calls beyond those that the table and the bucket policy name."""
ON_STREAMS: Final = {"logs:CreateLogStream", "logs:PutLogEvents"}
"""Granted on the group's streams, as AWS evaluates them. The emulator evaluates the group: IAM is asked instead."""
NEVER_FOUND: Final = {
    "NoSuchObjectLockConfiguration", "ReplicationConfigurationNotFoundError", "NoSuchReplicationConfiguration",
    "ReceiptHandleIsInvalid",
}  # fmt: skip
"""What S3 says to someone who may look, when there is nothing to see."""
RECORD: Final = gzip.compress(b'{"agent_name":"roles-test","record_id":"roles-test-0"}\n')
"""What other tests, which read the same log, take for a record."""
REFUSED: Final = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}

UNDER_SEAL: Final = "s3:PutObject under seal/"

Call = Callable[["Actor"], object]


def _may(principal: Principal, action: str) -> bool:
    """Whether a role may make the call of an action; the sealer's puts are under seal/ alone."""
    if principal is Principal.SEALER and action in {"s3:PutObject", UNDER_SEAL}:
        return action == UNDER_SEAL
    return action.removesuffix(" of several") in MAY[principal]


class Actor:
    """A role's clients, and a record to try things on."""

    def __init__(self, cloud: Cloud, principal: Principal, key: str, version: str) -> None:
        stack = cloud.deployment
        self.bucket, self.key, self.version, self.stack = stack.bucket, key, version, stack
        self.where = {"Bucket": stack.bucket}
        self.version_of = {"Bucket": stack.bucket, "Key": key, "VersionId": version}
        arn = stack.place.role_arn(principal)
        taken = cloud.root("sts").assume_role(RoleArn=arn, RoleSessionName="roles-test")["Credentials"]
        credentials = {
            "aws_access_key_id": taken["AccessKeyId"],
            "aws_secret_access_key": taken["SecretAccessKey"],
            "aws_session_token": taken["SessionToken"],
        }
        self.s3, self.logs, self.functions, self.ssm, self.sqs, self.sns = (
            cloud.client(service, **credentials) for service in ("s3", "logs", "lambda", "ssm", "sqs", "sns")
        )
        self.queue = {"QueueUrl": stack.seal_queue_url}


def _put(actor: Actor, prefix: str) -> object:
    key = f"{prefix}dt=1970-01-01/{uuid.uuid4().hex}{'0' * 8}.jsonl.gz"
    return actor.s3.put_object(Bucket=actor.bucket, Key=key, Body=RECORD, IfNoneMatch="*", ChecksumAlgorithm="SHA256")


def _extend(actor: Actor, *, bypass: bool = False) -> object:
    """Set the retention that is already there, or for a bypass one that is shorter."""
    until = datetime.now(UTC) + (timedelta(minutes=1) if bypass else timedelta(days=2))
    rest = {"BypassGovernanceRetention": True} if bypass else {}
    retention = {"Mode": actor.stack.retention_mode, "RetainUntilDate": until}
    return actor.s3.put_object_retention(**actor.version_of, Retention=retention, **rest)


def _stream(actor: Actor) -> str:
    name = f"roles-test/{uuid.uuid4().hex}"
    actor.logs.create_log_stream(logGroupName=actor.stack.function_log_group, logStreamName=name)
    return name


def _log(actor: Actor) -> object:
    entry = {"timestamp": int(datetime.now(UTC).timestamp() * 1000), "message": "roles test"}
    return actor.logs.put_log_events(
        logGroupName=actor.stack.function_log_group, logStreamName="roles-test", logEvents=[entry]
    )


CALLS: Final[Mapping[str, Call]] = {
    "s3:PutObject": lambda who: _put(who, RECORDS),
    "s3:PutObject outside records/": lambda who: _put(who, "elsewhere/"),
    "s3:PutObject under seal/": lambda who: _put(who, "seal/roles-test/"),
    "s3:GetObject": lambda who: who.s3.get_object(Bucket=who.bucket, Key=who.key)["Body"].close(),
    "s3:GetObjectVersion": lambda who: who.s3.get_object(**who.version_of)["Body"].close(),
    "s3:ListBucket": lambda who: who.s3.list_objects_v2(**who.where, Prefix=RECORDS),
    "s3:ListBucketVersions": lambda who: who.s3.list_object_versions(**who.where, Prefix=RECORDS),
    "s3:ListAllMyBuckets": lambda who: who.s3.list_buckets(),
    "s3:DeleteObject": lambda who: who.s3.delete_object(Bucket=who.bucket, Key=who.key),
    "s3:DeleteObjectVersion": lambda who: who.s3.delete_object(**who.version_of),
    "s3:BypassGovernanceRetention": lambda who: _extend(who, bypass=True),
    "s3:GetObjectLegalHold": lambda who: who.s3.get_object_legal_hold(**who.version_of),
    "s3:PutObjectLegalHold": lambda who: who.s3.put_object_legal_hold(**who.version_of, LegalHold={"Status": "OFF"}),
    "s3:GetObjectRetention": lambda who: who.s3.get_object_retention(**who.version_of),
    "s3:PutObjectRetention": _extend,
    "s3:PutObjectTagging": lambda who: who.s3.put_object_tagging(**who.version_of, Tagging={"TagSet": []}),
    "s3:GetBucketLocation": lambda who: who.s3.get_bucket_location(**who.where),
    "s3:GetBucketObjectLockConfiguration": lambda who: who.s3.get_object_lock_configuration(**who.where),
    "s3:GetBucketOwnershipControls": lambda who: who.s3.get_bucket_ownership_controls(**who.where),
    "s3:GetBucketPolicy": lambda who: who.s3.get_bucket_policy(**who.where),
    "s3:GetBucketPolicyStatus": lambda who: who.s3.get_bucket_policy_status(**who.where),
    "s3:GetBucketPublicAccessBlock": lambda who: who.s3.get_public_access_block(**who.where),
    "s3:GetBucketVersioning": lambda who: who.s3.get_bucket_versioning(**who.where),
    "s3:GetEncryptionConfiguration": lambda who: who.s3.get_bucket_encryption(**who.where),
    "s3:GetLifecycleConfiguration": lambda who: who.s3.get_bucket_lifecycle_configuration(**who.where),
    "s3:GetReplicationConfiguration": lambda who: who.s3.get_bucket_replication(**who.where),
    "s3:DeleteBucketPolicy": lambda who: who.s3.delete_bucket_policy(**who.where),
    "s3:PutBucketAcl": lambda who: who.s3.put_bucket_acl(**who.where, ACL="private"),
    "s3:PutBucketNotification": lambda who: who.s3.put_bucket_notification_configuration(
        **who.where, NotificationConfiguration={}
    ),
    "s3:PutBucketObjectLockConfiguration": lambda who: who.s3.put_object_lock_configuration(
        **who.where, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
    ),
    "s3:PutBucketOwnershipControls": lambda who: who.s3.put_bucket_ownership_controls(
        **who.where, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    ),
    "s3:PutBucketPolicy": lambda who: who.s3.put_bucket_policy(**who.where, Policy=json.dumps({"Statement": []})),
    "s3:PutBucketPublicAccessBlock": lambda who: who.s3.put_public_access_block(
        **who.where, PublicAccessBlockConfiguration={"BlockPublicAcls": True}
    ),
    "s3:PutBucketVersioning": lambda who: who.s3.put_bucket_versioning(
        **who.where, VersioningConfiguration={"Status": "Enabled"}
    ),
    "s3:PutEncryptionConfiguration": lambda who: who.s3.put_bucket_encryption(
        **who.where,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    ),
    "s3:PutLifecycleConfiguration": lambda who: who.s3.delete_bucket_lifecycle(**who.where),
    "s3:PutReplicationConfiguration": lambda who: who.s3.delete_bucket_replication(**who.where),
    "lambda:GetFunctionConfiguration": lambda who: who.functions.get_function_configuration(
        FunctionName=who.stack.function_name
    ),
    "lambda:InvokeFunction": lambda who: who.functions.invoke(FunctionName=who.stack.function_name),
    "logs:FilterLogEvents": lambda who: who.logs.filter_log_events(logGroupName=who.stack.function_log_group),
    "logs:CreateLogStream": _stream,
    "logs:PutLogEvents": _log,
    "sqs:ReceiveMessage": lambda who: who.sqs.receive_message(**who.queue, VisibilityTimeout=0),
    "sqs:DeleteMessage": lambda who: who.sqs.delete_message(**who.queue, ReceiptHandle="none"),
    "sqs:DeleteMessage of several": lambda who: who.sqs.delete_message_batch(
        **who.queue, Entries=[{"Id": "1", "ReceiptHandle": "none"}]
    ),
    "sqs:SendMessage": lambda who: who.sqs.send_message(**who.queue, MessageBody="{}"),
    "sqs:PurgeQueue": lambda who: who.sqs.purge_queue(**who.queue),
    "sns:Publish": lambda who: who.sns.publish(TopicArn=who.stack.alarm_topic_arn, Message="roles test"),
    "sns:Subscribe": lambda who: who.sns.subscribe(
        TopicArn=who.stack.alarm_topic_arn, Protocol="email", Endpoint="roles-test@example.com"
    ),
    "ssm:GetParameter": lambda who: who.ssm.get_parameter(Name=who.stack.keys_parameter, WithDecryption=True),
    "ssm:GetParameter of another": lambda who: who.ssm.get_parameter(Name="/agent-audit-log/another/keys"),
    "ssm:GetParameters": lambda who: who.ssm.get_parameters(Names=[who.stack.keys_parameter]),
    "ssm:GetParameterHistory": lambda who: who.ssm.get_parameter_history(Name=who.stack.keys_parameter),
    "ssm:GetParametersByPath": lambda who: who.ssm.get_parameters_by_path(Path="/", Recursive=True),
    "ssm:PutParameter": lambda who: who.ssm.put_parameter(Name="/roles-test", Value="1", Type="String"),
    "ssm:DeleteParameter": lambda who: who.ssm.delete_parameter(Name=who.stack.keys_parameter),
}
"""One call for each action: harmless to the stack should it succeed, but for those that the test then sees succeed."""


def test_every_action_of_the_table_is_tried() -> None:
    """An action that somebody lists anywhere needs a call here."""
    listed = {action for grant in iam.GRANTS for action in grant.actions if grant.principal in STANDING}
    listed |= {*bucket_policy.PROTECTIONS, *bucket_policy.DELETIONS, bucket_policy.BYPASS}
    assert listed == set(CALLS) - EXTRA


def test_the_table_is_what_is_written_here() -> None:
    """An action added to a role, or taken from it, is noticed."""
    table = {
        principal: {action for grant in iam.GRANTS if grant.principal is principal for action in grant.actions}
        for principal in STANDING
    }
    assert table == dict(MAY)


@pytest.fixture(scope="module", autouse=True)
def _log_stream(cloud: Cloud) -> None:
    """Make the one log stream that a role's own would be."""
    with contextlib.suppress(ClientError):
        cloud.root("logs").create_log_stream(
            logGroupName=cloud.deployment.function_log_group, logStreamName="roles-test"
        )


@pytest.fixture
def actor_of(cloud: Cloud) -> Callable[[Principal], Actor]:
    """Return a function from a role to what it can do, on a record of its own."""
    reply = cloud.post({"agent_name": "roles-test", "timestamp": datetime.now(UTC).isoformat(), "id": uuid.uuid4().hex})
    assert reply.status_code == 200, reply.text
    key = reply.json()["stored"][0]["object"]
    version = cloud.root("s3").head_object(Bucket=cloud.deployment.bucket, Key=key)["VersionId"]
    return lambda principal: Actor(cloud, principal, key, version)


def _answer(call: Call, actor: Actor) -> str:
    try:
        call(actor)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


def _simulated(cloud: Cloud, principal: Principal, action: str) -> str:
    place = cloud.deployment.place
    scope = Scope.SEALER_LOG_STREAMS if principal is Principal.SEALER else Scope.LOG_STREAMS
    stream = place.resource(scope, "").replace("*", "2026/11/23/[$LATEST]0123456789abcdef")
    reply = cloud.root("iam").simulate_principal_policy(
        PolicySourceArn=place.role_arn(principal), ActionNames=[action], ResourceArns=[stream]
    )
    return str(reply["EvaluationResults"][0]["EvalDecision"])


@pytest.mark.parametrize("principal", STANDING)
@pytest.mark.parametrize("action", CALLS)
def test_a_role_does_its_own_and_nothing_else(
    cloud: Cloud, actor_of: Callable[[Principal], Actor], principal: Principal, action: str
) -> None:
    """The deployed role is allowed just the actions that are written here."""
    if action == UNDER_SEAL and principal is Principal.SEALER:
        pytest.skip("a file too many would be in the log for good; the sealer's own runs put there")
    answer = _answer(CALLS[action], actor_of(principal))
    if action in MAY[principal] & ON_STREAMS:
        assert _simulated(cloud, principal, action) == "allowed"
    elif _may(principal, action):
        assert answer in {"done", *NEVER_FOUND}
    else:
        assert answer in REFUSED


@pytest.mark.parametrize("principal", STANDING)
def test_an_action_added_to_a_deployed_role_shows(
    cloud: Cloud, actor_of: Callable[[Principal], Actor], principal: Principal
) -> None:
    """The calls above tell a role with one action more from one without."""
    reads = principal in (Principal.AUDITOR, Principal.SEALER)
    added = "s3:ListAllMyBuckets" if reads else "s3:GetObjectVersion"
    name = cloud.deployment.place.roles[principal]
    statement = {"Effect": "Allow", "Action": added, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    root = cloud.root("iam")
    actor = actor_of(principal)
    assert _answer(CALLS[added], actor) in REFUSED
    root.put_role_policy(RoleName=name, PolicyName="more", PolicyDocument=document)
    try:
        assert _answer(CALLS[added], actor) == "done"
    finally:
        root.delete_role_policy(RoleName=name, PolicyName="more")


@pytest.mark.parametrize("principal", STANDING)
def test_no_administrator_of_the_account_gets_past_the_bucket_policy(
    cloud: Cloud, actor_of: Callable[[Principal], Actor], principal: Principal
) -> None:
    """Even a role with every permission, which is not one of the administrators, changes nothing of the log."""
    name = cloud.deployment.place.roles[principal]
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    root = cloud.root("iam")
    root.put_role_policy(RoleName=name, PolicyName="more", PolicyDocument=document)
    try:
        actor = actor_of(principal)
        barred = {*bucket_policy.PROTECTIONS, *bucket_policy.DELETIONS, bucket_policy.BYPASS}
        if principal is not Principal.WRITER:
            barred.add("s3:PutObject")
        answers = {action: _answer(CALLS[action], actor) for action in sorted(barred)}
        assert set(answers.values()) <= REFUSED, answers
    finally:
        root.delete_role_policy(RoleName=name, PolicyName="more")
