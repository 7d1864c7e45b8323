"""One example of every resource type: what it needs, what it is, how it changes.

A test over this table holds every handler to the same contract; a type without a case turns a test red.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.provider.values import Archive, Asset

ACCOUNT = "000000000000"
Inputs = Mapping[str, Any]


def trust(service: str) -> str:
    """Return a trust policy for a service."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allow(action: str, resource: str) -> str:
    """Return a policy that allows one action."""
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}
    )


def deny_on(bucket: str, action: str) -> str:
    """Return a bucket policy that denies one action to everybody."""
    statement = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{bucket}/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def key_policy(action: str) -> str:
    """Return a key policy that leaves the key to the account and allows one action more to a service."""
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    also = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [root, also]})


def code(reply: str) -> Archive:
    """Return a function's code that answers `reply`."""
    return Archive(assets={"app.py": Asset(text=f"def handler(event, context):\n    return {{'body': {reply!r}}}\n")})


@dataclass(frozen=True, kw_only=True)
class Case:
    """One type's example.

    `needs`: (token, inputs) of what has to be there before, in order. `changed`: inputs that update in place, and which
    properties differ then (`differs`). `moved`: inputs that replace, and the property that `forces` it. `outputs`: what
    only the cloud knows. `resource_id`: the id, where it follows from the inputs. `stays`: a setting that its owner
    always has, so that deleting it leaves the default.
    """

    token: str
    inputs: Inputs
    changed: Inputs | None
    differs: tuple[str, ...] = ()
    moved: Inputs
    forces: str
    outputs: tuple[str, ...] = ()
    needs: tuple[tuple[str, Inputs], ...] = ()
    resource_id: str | None = None
    stays: bool = False


FIRST, SECOND = "<id of the first need>", "<id of the second need>"
"""What in a case's inputs stands for an id that only the cloud knows."""
BUCKET = "aws:s3/bucket:Bucket"
KEY = "aws:kms/key:Key"
ROLE = "aws:iam/role:Role"
FUNCTION = "aws:lambda/function:Function"
GROUP = "aws:cloudwatch/logGroup:LogGroup"
TOPIC = "aws:sns/topic:Topic"
RULE = "aws:cloudwatch/eventRule:EventRule"
QUEUE = "aws:sqs/queue:Queue"
REGION = "eu-central-1"


def _locked(name: str) -> tuple[str, Inputs]:
    return BUCKET, {"bucket": name, "objectLockEnabled": True}


def _plain(name: str) -> tuple[str, Inputs]:
    return BUCKET, {"bucket": name}


def _told(name: str) -> tuple[str, Inputs]:
    """A queue that S3 may send to: it asks before it takes a configuration."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}",
    }
    return QUEUE, {"name": name, "policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}


_TELLS: Inputs = {
    "id": "records",
    "events": ["s3:ObjectCreated:*"],
    "filterPrefix": "records/",
    "queueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:case-told",
}


def _function(name: str) -> tuple[tuple[str, Inputs], ...]:
    role = f"{name}-role"
    return (
        (ROLE, {"name": role, "assumeRolePolicy": trust("lambda.amazonaws.com")}),
        (FUNCTION, {**_FUNCTION, "name": name, "role": f"arn:aws:iam::{ACCOUNT}:role/{role}", "code": code("hello")}),
    )


_FUNCTION: Inputs = {"handler": "app.handler", "runtime": "python3.13", "architectures": ["arm64"], "timeout": 5}
_LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"


def _retention(days: int) -> Inputs:
    return {"rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": days}}}


def _encrypted(algorithm: str, *blocked: str) -> Inputs:
    return {
        "applyServerSideEncryptionByDefault": {"sseAlgorithm": algorithm},
        "blockedEncryptionTypes": list(blocked),
    }


def _rule(name: str, days: int) -> Inputs:
    return {
        "id": name,
        "status": "Enabled",
        "filter": {"prefix": ""},
        "abortIncompleteMultipartUpload": {"daysAfterInitiation": days},
    }


def _metric(value: str) -> Inputs:
    return {"name": "Refused", "namespace": "Test", "value": value}


_ALARM: Inputs = {
    "alarmActions": [f"arn:aws:sns:{REGION}:{ACCOUNT}:b", f"arn:aws:sns:{REGION}:{ACCOUNT}:a"],
    "comparisonOperator": "GreaterThanThreshold",
    "dimensions": {"FunctionName": "f"},
    "evaluationPeriods": 1,
    "metricName": "Errors",
    "namespace": "AWS/Lambda",
    "period": 60,
    "statistic": "Sum",
    "tags": {"a": "1"},
    "threshold": 0,
    "treatMissingData": "notBreaching",
}
_SELECTORS: list[Inputs] = [
    {
        "name": "Object calls",
        "fieldSelectors": [
            {"field": "eventCategory", "equals": ["Data"]},
            {"field": "resources.type", "equals": ["AWS::S3::Object"]},
            {"field": "resources.ARN", "startsWiths": ["arn:aws:s3:::trail-a/"]},
        ],
    }
]
_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"

CASES: tuple[Case, ...] = (
    Case(
        token=BUCKET,
        inputs={"bucket": "case-bucket", "objectLockEnabled": True, "tags": {"kind": "log", "old": "1"}},
        changed={"bucket": "case-bucket", "objectLockEnabled": True, "tags": {"kind": "vault"}},
        differs=("tags",),
        moved={"bucket": "case-bucket", "objectLockEnabled": False, "tags": {"kind": "log", "old": "1"}},
        forces="objectLockEnabled",
        outputs=("arn", "bucketRegionalDomainName", "region", "tagsAll"),
        resource_id="case-bucket",
    ),
    Case(
        token="aws:s3/bucketVersioning:BucketVersioning",
        needs=(_plain("case-versioning"),),
        inputs={"bucket": "case-versioning", "versioningConfiguration": {"status": "Enabled"}},
        changed={"bucket": "case-versioning", "versioningConfiguration": {"status": "Suspended"}},
        differs=("versioningConfiguration",),
        moved={"bucket": "another", "versioningConfiguration": {"status": "Enabled"}},
        forces="bucket",
        resource_id="case-versioning",
        stays=True,
    ),
    Case(
        token=_LOCK,
        needs=(_locked("case-lock"),),
        inputs={"bucket": "case-lock", **_retention(1)},
        changed={"bucket": "case-lock", **_retention(2)},
        differs=("rule",),
        moved={"bucket": "another", **_retention(1)},
        forces="bucket",
        resource_id="case-lock",
        stays=True,
    ),
    Case(
        token="aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        needs=(_plain("case-public"),),
        inputs={"bucket": "case-public", "blockPublicAcls": True, "blockPublicPolicy": True},
        changed={"bucket": "case-public", "blockPublicAcls": True, "restrictPublicBuckets": True},
        differs=("blockPublicPolicy", "restrictPublicBuckets"),
        moved={"bucket": "another", "blockPublicAcls": True, "blockPublicPolicy": True},
        forces="bucket",
        resource_id="case-public",
    ),
    Case(
        token="aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        needs=(_plain("case-owner"),),
        inputs={"bucket": "case-owner", "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        changed={"bucket": "case-owner", "rule": {"objectOwnership": "ObjectWriter"}},
        differs=("rule",),
        moved={"bucket": "another", "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        forces="bucket",
        resource_id="case-owner",
    ),
    Case(
        token=_ENCRYPTION,
        needs=(_plain("case-sse"),),
        inputs={"bucket": "case-sse", "rules": [_encrypted("AES256", "SSE-C")]},
        changed={"bucket": "case-sse", "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}]},
        differs=("rules",),
        moved={"bucket": "another", "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]},
        forces="bucket",
        resource_id="case-sse",
        stays=True,
    ),
    Case(
        token="aws:s3/bucketPolicy:BucketPolicy",
        needs=(_plain("case-policy"),),
        inputs={"bucket": "case-policy", "policy": deny_on("case-policy", "s3:DeleteObject")},
        changed={"bucket": "case-policy", "policy": deny_on("case-policy", "s3:PutObject")},
        differs=("policy",),
        moved={"bucket": "another", "policy": deny_on("case-policy", "s3:DeleteObject")},
        forces="bucket",
        resource_id="case-policy",
    ),
    Case(
        token="aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        needs=(_plain("case-lifecycle"),),
        inputs={"bucket": "case-lifecycle", "rules": [_rule("abort", 1)], "timeouts": {"create": "15m"}},
        changed={
            "bucket": "case-lifecycle",
            "rules": [{**_rule("abort", 2), "expiration": {"days": 400}}],
            "timeouts": {"create": "15m"},
        },
        differs=("rules",),
        moved={"bucket": "another", "rules": [_rule("abort", 1)], "timeouts": {"create": "15m"}},
        forces="bucket",
        resource_id="case-lifecycle",
    ),
    Case(
        token=ROLE,
        inputs={
            "name": "case-role",
            "assumeRolePolicy": trust("lambda.amazonaws.com"),
            "description": "one",
            "tags": {"a": "1", "b": "2"},
        },
        changed={
            "name": "case-role",
            "assumeRolePolicy": trust("ec2.amazonaws.com"),
            "maxSessionDuration": 7200,
            "tags": {"a": "3"},
        },
        differs=("assumeRolePolicy", "description", "maxSessionDuration", "tags"),
        moved={"name": "case-role", "path": "/other/", "assumeRolePolicy": trust("lambda.amazonaws.com")},
        forces="path",
        outputs=("arn", "createDate", "uniqueId"),
        resource_id="case-role",
    ),
    Case(
        token="aws:iam/rolePolicy:RolePolicy",
        needs=((ROLE, {"name": "case-holder", "assumeRolePolicy": trust("lambda.amazonaws.com")}),),
        inputs={"name": "write", "role": "case-holder", "policy": allow("s3:PutObject", "arn:aws:s3:::b/records/*")},
        changed={"name": "write", "role": "case-holder", "policy": allow("s3:GetObject", "arn:aws:s3:::b/records/*")},
        differs=("policy",),
        moved={"name": "read", "role": "case-holder", "policy": allow("s3:PutObject", "arn:aws:s3:::b/records/*")},
        forces="name",
        resource_id="case-holder:write",
    ),
    Case(
        token=FUNCTION,
        needs=_function("case-function")[:1],
        inputs={
            **_FUNCTION,
            "name": "case-function",
            "role": f"arn:aws:iam::{ACCOUNT}:role/case-function-role",
            "code": code("one"),
            "environment": {"variables": {"A": "1"}},
            "tags": {"a": "1"},
        },
        changed={
            **_FUNCTION,
            "name": "case-function",
            "role": f"arn:aws:iam::{ACCOUNT}:role/case-function-role",
            "code": code("two"),
            "memorySize": 256,
            "reservedConcurrentExecutions": 5,
            "loggingConfig": {"logFormat": "JSON", "logGroup": "/aws/lambda/elsewhere"},
        },
        differs=("code", "environment", "loggingConfig", "memorySize", "reservedConcurrentExecutions", "tags"),
        moved={
            **_FUNCTION,
            "name": "case-function-2",
            "role": f"arn:aws:iam::{ACCOUNT}:role/case-function-role",
            "code": code("one"),
            "environment": {"variables": {"A": "1"}},
            "tags": {"a": "1"},
        },
        forces="name",
        outputs=("arn", "codeSha256", "invokeArn", "lastModified", "qualifiedArn", "sourceCodeHash", "version"),
        resource_id="case-function",
    ),
    Case(
        token="aws:lambda/functionUrl:FunctionUrl",
        needs=_function("case-url"),
        inputs={"functionName": "case-url", "authorizationType": "NONE"},
        changed={"functionName": "case-url", "authorizationType": "AWS_IAM"},
        differs=("authorizationType",),
        moved={"functionName": "another", "authorizationType": "NONE"},
        forces="functionName",
        outputs=("functionArn", "functionUrl", "urlId"),
        resource_id="case-url",
    ),
    Case(
        token="aws:lambda/permission:Permission",
        needs=_function("case-permission"),
        inputs={
            "action": "lambda:InvokeFunction",
            "function": "case-permission",
            "invokedViaFunctionUrl": True,
            "principal": "*",
            "statementId": "through-the-url",
        },
        changed=None,
        moved={
            "action": "lambda:InvokeFunctionUrl",
            "function": "case-permission",
            "functionUrlAuthType": "NONE",
            "principal": "*",
            "statementId": "through-the-url",
        },
        forces="action",
        resource_id="through-the-url",
    ),
    Case(
        token=GROUP,
        inputs={"name": "/case/group", "retentionInDays": 90, "tags": {"a": "1"}},
        changed={"name": "/case/group", "retentionInDays": 30},
        differs=("retentionInDays", "tags"),
        moved={"name": "/case/other", "retentionInDays": 90, "tags": {"a": "1"}},
        forces="name",
        outputs=("arn",),
        resource_id="/case/group",
    ),
    Case(
        token="aws:cloudwatch/logMetricFilter:LogMetricFilter",
        needs=((GROUP, {"name": "/case/filtered"}),),
        inputs={
            "name": "f",
            "logGroupName": "/case/filtered",
            "pattern": "{ $.a > 0 }",
            "metricTransformation": _metric("1"),
        },
        changed={
            "name": "f",
            "logGroupName": "/case/filtered",
            "pattern": "{ $.b > 0 }",
            "metricTransformation": _metric("$.b"),
        },
        differs=("metricTransformation", "pattern"),
        moved={
            "name": "g",
            "logGroupName": "/case/filtered",
            "pattern": "{ $.a > 0 }",
            "metricTransformation": _metric("1"),
        },
        forces="name",
        resource_id="/case/filtered:f",
    ),
    Case(
        token="aws:cloudwatch/metricAlarm:MetricAlarm",
        inputs={"name": "case-alarm", **_ALARM},
        changed={"name": "case-alarm", **_ALARM, "threshold": 2.5, "alarmActions": [], "tags": {}},
        differs=("alarmActions", "tags", "threshold"),
        moved={"name": "case-alarm-2", **_ALARM},
        forces="name",
        outputs=("arn",),
        resource_id="case-alarm",
    ),
    Case(
        token=RULE,
        inputs={"name": "case-rule", "eventPattern": '{"source":["aws.s3"]}', "description": "one", "tags": {"a": "1"}},
        changed={"name": "case-rule", "scheduleExpression": "rate(1 day)", "state": "DISABLED"},
        differs=("description", "eventPattern", "scheduleExpression", "state", "tags"),
        moved={
            "name": "case-rule-2",
            "eventPattern": '{"source":["aws.s3"]}',
            "description": "one",
            "tags": {"a": "1"},
        },
        forces="name",
        outputs=("arn",),
        resource_id="case-rule",
    ),
    Case(
        token="aws:cloudwatch/eventTarget:EventTarget",
        needs=((RULE, {"name": "case-hit", "eventPattern": '{"source":["aws.s3"]}'}),),
        inputs={"rule": "case-hit", "targetId": "t", "arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:x", "input": '{"a":1}'},
        changed={
            "rule": "case-hit",
            "targetId": "t",
            "arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:y",
            "retryPolicy": {"maximumRetryAttempts": 3, "maximumEventAgeInSeconds": 600},
        },
        differs=("arn", "input", "retryPolicy"),
        moved={"rule": "case-hit", "targetId": "u", "arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:x", "input": '{"a":1}'},
        forces="targetId",
        resource_id="case-hit-t",
    ),
    Case(
        token="aws:cloudtrail/trail:Trail",
        needs=(_plain("trail-a"),),
        inputs={
            "name": "case-trail",
            "s3BucketName": "trail-a",
            "s3KeyPrefix": "trail",
            "enableLogFileValidation": True,
            "advancedEventSelectors": _SELECTORS,
            "tags": {"a": "1"},
        },
        changed={"name": "case-trail", "s3BucketName": "trail-a", "enableLogging": False},
        differs=("advancedEventSelectors", "enableLogFileValidation", "enableLogging", "s3KeyPrefix", "tags"),
        moved={
            "name": "case-trail-2",
            "s3BucketName": "trail-a",
            "s3KeyPrefix": "trail",
            "enableLogFileValidation": True,
            "advancedEventSelectors": _SELECTORS,
            "tags": {"a": "1"},
        },
        forces="name",
        outputs=("arn", "homeRegion"),
        resource_id=f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/case-trail",
    ),
    Case(
        token=TOPIC,
        inputs={"name": "case-topic", "displayName": "Alarms", "tags": {"a": "1"}},
        changed={"name": "case-topic", "tags": {"b": "2"}},
        differs=("displayName", "tags"),
        moved={"name": "case-topic-2", "displayName": "Alarms", "tags": {"a": "1"}},
        forces="name",
        outputs=("arn", "owner", "policy"),
        resource_id=f"arn:aws:sns:{REGION}:{ACCOUNT}:case-topic",
    ),
    Case(
        token=QUEUE,
        inputs={
            "name": "case-queue",
            "visibilityTimeoutSeconds": 60,
            "messageRetentionSeconds": 1_209_600,
            "sqsManagedSseEnabled": True,
            "tags": {"of": "case"},
        },
        changed={
            "name": "case-queue",
            "visibilityTimeoutSeconds": 90,
            "messageRetentionSeconds": 1_209_600,
            "sqsManagedSseEnabled": True,
            "tags": {"of": "another"},
        },
        differs=("tags", "visibilityTimeoutSeconds"),
        moved={"name": "case-queue-moved"},
        forces="name",
        outputs=("arn", "url"),
    ),
    Case(
        token="aws:sqs/queuePolicy:QueuePolicy",
        needs=((QUEUE, {"name": "case-sent-to"}),),
        inputs={"queueUrl": FIRST, "policy": allow("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:case-sent-to")},
        changed={
            "queueUrl": FIRST,
            "policy": allow("sqs:ReceiveMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:case-sent-to"),
        },
        differs=("policy",),
        moved={
            "queueUrl": "http://127.0.0.1/elsewhere",
            "policy": allow("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:case-sent-to"),
        },
        forces="queueUrl",
    ),
    Case(
        token="aws:s3/bucketNotification:BucketNotification",
        needs=(_plain("case-telling"), _told("case-told")),
        inputs={"bucket": "case-telling", "queues": [_TELLS]},
        changed={"bucket": "case-telling", "queues": [{**_TELLS, "filterPrefix": "more/"}]},
        differs=("queues",),
        moved={"bucket": "case-telling-moved", "queues": [_TELLS]},
        forces="bucket",
        resource_id="case-telling",
    ),
    Case(
        token="aws:sns/topicPolicy:TopicPolicy",
        needs=((TOPIC, {"name": "case-governed"}),),
        inputs={
            "arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:case-governed",
            "policy": allow("sns:Publish", f"arn:aws:sns:{REGION}:{ACCOUNT}:case-governed"),
        },
        changed={
            "arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:case-governed",
            "policy": allow("sns:Subscribe", f"arn:aws:sns:{REGION}:{ACCOUNT}:case-governed"),
        },
        differs=("policy",),
        moved={
            "arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:another",
            "policy": allow("sns:Publish", f"arn:aws:sns:{REGION}:{ACCOUNT}:case-governed"),
        },
        forces="arn",
        outputs=("owner",),
        resource_id=f"arn:aws:sns:{REGION}:{ACCOUNT}:case-governed",
        stays=True,
    ),
    Case(
        token="aws:sns/topicSubscription:TopicSubscription",
        needs=((TOPIC, {"name": "case-heard"}),),
        inputs={
            "topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:case-heard",
            "protocol": "email",
            "endpoint": "owner@example.com",
            "filterPolicy": '{"kind": ["alarm"]}',
        },
        changed={
            "topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:case-heard",
            "protocol": "email",
            "endpoint": "owner@example.com",
        },
        differs=("filterPolicy",),
        moved={
            "topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:case-heard",
            "protocol": "email",
            "endpoint": "other@example.com",
            "filterPolicy": '{"kind": ["alarm"]}',
        },
        forces="endpoint",
        outputs=("arn", "ownerId", "pendingConfirmation"),
    ),
    Case(
        token="aws:ssm/parameter:Parameter",
        inputs={
            "name": "/case/keys",
            "type": "SecureString",
            "value": "one",
            "description": "what it is",
            "tier": "Standard",
            "tags": {"a": "1", "b": "2"},
        },
        changed={"name": "/case/keys", "type": "String", "value": "two", "tags": {"a": "3"}},
        differs=("description", "tags", "type", "value"),
        moved={"name": "/case/other", "type": "SecureString", "value": "one"},
        forces="name",
        outputs=("arn", "version"),
        resource_id="/case/keys",
    ),
    Case(
        token=KEY,
        inputs={
            "description": "case key",
            "deletionWindowInDays": 7,
            "enableKeyRotation": True,
            "policy": key_policy("kms:Decrypt"),
            "tags": {"a": "1", "b": "2"},
        },
        changed={
            "description": "case key",
            "deletionWindowInDays": 30,
            "isEnabled": False,
            "policy": key_policy("kms:Encrypt"),
            "tags": {"a": "3"},
        },
        differs=("deletionWindowInDays", "enableKeyRotation", "isEnabled", "policy", "tags"),
        moved={"description": "another key", "multiRegion": True},
        forces="multiRegion",
        outputs=("arn", "keyId"),
    ),
    Case(
        token="aws:kms/alias:Alias",
        needs=((KEY, {"description": "case alias' key"}), (KEY, {"description": "case alias' other key"})),
        inputs={"name": "alias/case", "targetKeyId": FIRST},
        changed={"name": "alias/case", "targetKeyId": SECOND},
        differs=("targetKeyId",),
        moved={"name": "alias/another", "targetKeyId": FIRST},
        forces="name",
        outputs=("arn", "targetKeyArn"),
        resource_id="alias/case",
    ),
)
