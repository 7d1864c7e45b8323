"""What the official provider asks of AWS for each type that the program registers: one table.

Guarantee: every type that the program registers or looks up has a row, and the row has every input that it sets (a
test runs the program and compares). The deployer's policy is written from this table, each resource policy is evaluated
against it, and the local cloud makes the same reads.

A call stands here by its IAM action, which for S3 is often not the call's name.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html

Source: hashicorp/terraform-provider-aws, `internal/service/<file>`, on which pulumi-aws 7.51.1 is built. `@` names the
commit at which the file was read, which is not exactly the release: most are of 2025 and 2026. Files of 2022
(s3/bucket, lambda/function_url) were brought up to date from the pull requests that are named beside them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """One row: which actions the provider needs for a type, and on what.

    `about`: a key of `policies.deployer.arns`. `create`, `read` and `delete`: the actions that these always
    need. `inputs`: the further actions that setting or changing an input needs. A data source has `read` alone.
    """

    type: str
    source: str
    about: str
    create: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    inputs: Mapping[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    def of_inputs(self, *names: str) -> tuple[str, ...]:
        """Return the actions that these inputs need."""
        wanted = {action for keys, actions in self.inputs.items() if set(keys) & set(names) for action in actions}
        return tuple(sorted(wanted))

    @property
    def actions(self) -> frozenset[str]:
        """Every action of the row."""
        return frozenset((*self.create, *self.read, *self.delete, *(a for more in self.inputs.values() for a in more)))


def _bucket_setting(name: str, setting: str, inputs: tuple[str, ...], *, delete: str = "") -> Calls:
    """Return the row of a type that sets one thing of a bucket, by the end of its actions' names.

    Deleting it is a put too, except for the policy.
    """
    put, get = f"s3:Put{setting}", f"s3:Get{setting}"
    snake = re.sub(r"([A-Z])", r"_\1", name).lower()
    return Calls(
        type=f"aws:s3/bucket{name}:Bucket{name}",
        source=f"s3/bucket{snake}.go",
        about="buckets",
        create=(put,),
        read=(get,),
        delete=(delete or put,),
        inputs={("bucket", "timeouts"): (), inputs: (put,)},
    )


_DEFAULT_TAGS: Final = ("tags",)
"""Every type that can have tags gets those of `aws:defaultTags`, even if the program sets none."""

RESOURCES: Final = (
    Calls(
        type="aws:s3/bucket:Bucket",
        source="s3/bucket.go@4c72bcc",
        about="buckets",
        create=("s3:CreateBucket",),
        read=(
            "s3:ListBucket",
            "s3:GetBucketPolicy",
            "s3:GetBucketAcl",
            "s3:GetBucketCORS",
            "s3:GetBucketWebsite",
            "s3:GetBucketVersioning",
            "s3:GetAccelerateConfiguration",
            "s3:GetBucketRequestPayment",
            "s3:GetBucketLogging",
            "s3:GetLifecycleConfiguration",
            "s3:GetReplicationConfiguration",
            "s3:GetEncryptionConfiguration",
            "s3:GetBucketObjectLockConfiguration",
            # Pull request 45251: if s3:ListTagsForResource is refused, the provider uses s3:GetBucketTagging.
            "s3:ListTagsForResource",
            "s3:GetBucketTagging",
        ),
        delete=("s3:DeleteBucket",),
        inputs={
            ("bucket",): (),
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html (Permissions)
            ("objectLockEnabled",): ("s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"),
            _DEFAULT_TAGS: ("s3:TagResource", "s3:UntagResource", "s3:PutBucketTagging"),
        },
    ),
    _bucket_setting("LifecycleConfiguration", "LifecycleConfiguration", ("rules",)),
    _bucket_setting("Notification", "BucketNotification", ("queues",)),
    _bucket_setting("ObjectLockConfiguration", "BucketObjectLockConfiguration", ("rule",)),
    _bucket_setting("OwnershipControls", "BucketOwnershipControls", ("rule",)),
    _bucket_setting("Policy", "BucketPolicy", ("policy",), delete="s3:DeleteBucketPolicy"),
    _bucket_setting(
        "PublicAccessBlock",
        "BucketPublicAccessBlock",
        ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"),
    ),
    _bucket_setting("ServerSideEncryptionConfiguration", "EncryptionConfiguration", ("rules",)),
    _bucket_setting("Versioning", "BucketVersioning", ("versioningConfiguration",)),
    Calls(
        type="aws:iam/role:Role",
        source="iam/role.go@0040ea6",
        about="roles",
        create=("iam:CreateRole",),
        read=("iam:GetRole", "iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"),
        delete=("iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:DeleteRolePolicy", "iam:DeleteRole"),
        inputs={
            ("name", "path"): (),
            ("assumeRolePolicy",): ("iam:UpdateAssumeRolePolicy",),
            ("description",): ("iam:UpdateRoleDescription",),
            ("permissionsBoundary",): ("iam:PutRolePermissionsBoundary", "iam:DeleteRolePermissionsBoundary"),
            _DEFAULT_TAGS: ("iam:TagRole", "iam:UntagRole"),
        },
    ),
    Calls(
        type="aws:iam/rolePolicy:RolePolicy",
        source="iam/role_policy.go@02f97af",
        about="roles",
        create=("iam:PutRolePolicy",),
        read=("iam:GetRolePolicy",),
        delete=("iam:DeleteRolePolicy",),
        inputs={("name", "role"): (), ("policy",): ("iam:PutRolePolicy",)},
    ),
    Calls(
        type="aws:kms/key:Key",
        source="kms/key.go@00a3530",
        about="keys",
        create=("kms:CreateKey",),
        # The provider reads the rotation status of every key that KMS made, also of one that signs.
        read=("kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"),
        delete=("kms:ScheduleKeyDeletion",),
        inputs={
            ("customerMasterKeySpec", "deletionWindowInDays", "keyUsage"): (),
            ("description",): ("kms:UpdateKeyDescription",),
            ("enableKeyRotation",): ("kms:EnableKeyRotation", "kms:DisableKeyRotation"),
            ("policy",): ("kms:PutKeyPolicy",),
            _DEFAULT_TAGS: ("kms:TagResource", "kms:UntagResource"),
        },
    ),
    Calls(
        type="aws:kms/alias:Alias",
        source="kms/alias.go@01c0800",
        about="aliases",
        create=("kms:CreateAlias",),
        read=("kms:ListAliases",),
        delete=("kms:DeleteAlias",),
        inputs={("name",): (), ("targetKeyId",): ("kms:UpdateAlias",)},
    ),
    Calls(
        type="aws:lambda/function:Function",
        source="lambda/function.go@0156d84",
        about="functions",
        create=("lambda:CreateFunction", "iam:PassRole"),
        # Without lambda:ListTags, Lambda leaves the tags out of the answer to lambda:GetFunction.
        read=(
            "lambda:GetFunction",
            "lambda:GetFunctionCodeSigningConfig",
            "lambda:ListTags",
            "lambda:ListVersionsByFunction",
        ),
        delete=("lambda:DeleteFunction",),
        inputs={
            ("name",): (),
            ("architectures", "code", "codeSha256", "sourceCodeHash"): ("lambda:UpdateFunctionCode",),
            ("description", "handler", "memorySize", "runtime", "timeout"): ("lambda:UpdateFunctionConfiguration",),
            ("role",): ("lambda:UpdateFunctionConfiguration", "iam:PassRole"),
            ("reservedConcurrentExecutions",): ("lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"),
            _DEFAULT_TAGS: ("lambda:TagResource", "lambda:UntagResource"),
        },
    ),
    Calls(
        type="aws:lambda/functionUrl:FunctionUrl",
        source="lambda/function_url.go@d4fcde8",
        about="functions",
        # For an open address, the provider adds both permissions itself, since October 2025.
        create=("lambda:CreateFunctionUrlConfig", "lambda:AddPermission"),
        read=("lambda:GetFunctionUrlConfig",),
        delete=("lambda:DeleteFunctionUrlConfig",),
        inputs={
            ("functionName",): (),
            ("authorizationType",): ("lambda:UpdateFunctionUrlConfig", "lambda:RemovePermission"),
        },
    ),
    Calls(
        type="aws:lambda/permission:Permission",
        source="lambda/permission.go@04592f0",
        about="functions",
        create=("lambda:AddPermission",),
        read=("lambda:GetPolicy",),
        delete=("lambda:RemovePermission",),
        inputs={
            ("action", "function", "functionUrlAuthType", "invokedViaFunctionUrl"): (),
            ("principal", "sourceArn", "statementId"): (),
        },
    ),
    Calls(
        type="aws:cloudwatch/logGroup:LogGroup",
        source="logs/group.go@0073593",
        about="log groups",
        create=("logs:CreateLogGroup",),
        read=("logs:DescribeLogGroups", "logs:ListTagsForResource"),
        delete=("logs:DeleteLogGroup",),
        inputs={
            ("name",): (),
            ("retentionInDays",): ("logs:PutRetentionPolicy", "logs:DeleteRetentionPolicy"),
            _DEFAULT_TAGS: ("logs:TagResource", "logs:UntagResource"),
        },
    ),
    Calls(
        type="aws:cloudwatch/logMetricFilter:LogMetricFilter",
        source="logs/metric_filter.go@0f14e6f",
        about="log groups",
        create=("logs:PutMetricFilter",),
        read=("logs:DescribeMetricFilters",),
        delete=("logs:DeleteMetricFilter",),
        inputs={("logGroupName", "name"): (), ("metricTransformation", "pattern"): ("logs:PutMetricFilter",)},
    ),
    Calls(
        type="aws:cloudwatch/metricAlarm:MetricAlarm",
        source="cloudwatch/metric_alarm.go@055611a",
        about="alarms",
        create=("cloudwatch:PutMetricAlarm",),
        read=("cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"),
        delete=("cloudwatch:DeleteAlarms",),
        inputs={
            ("name",): (),
            (
                *("alarmActions", "alarmDescription", "comparisonOperator", "dimensions", "evaluationPeriods"),
                *("metricName", "namespace", "period", "statistic", "threshold", "treatMissingData"),
            ): ("cloudwatch:PutMetricAlarm",),
            _DEFAULT_TAGS: ("cloudwatch:TagResource", "cloudwatch:UntagResource"),
        },
    ),
    Calls(
        type="aws:cloudwatch/eventRule:EventRule",
        source="events/rule.go@0cdab4a",
        about="rules",
        create=("events:PutRule",),
        read=("events:DescribeRule", "events:ListTagsForResource"),
        delete=("events:DeleteRule",),
        inputs={
            ("name",): (),
            ("description", "eventPattern", "scheduleExpression", "state"): ("events:PutRule",),
            _DEFAULT_TAGS: ("events:TagResource", "events:UntagResource"),
        },
    ),
    Calls(
        type="aws:cloudwatch/eventTarget:EventTarget",
        source="events/target.go",
        about="rules",
        create=("events:PutTargets",),
        read=("events:ListTargetsByRule",),
        delete=("events:RemoveTargets",),
        inputs={("rule", "targetId"): (), ("arn", "input"): ("events:PutTargets",)},
    ),
    Calls(
        type="aws:cloudtrail/trail:Trail",
        source="cloudtrail/trail.go@97661a6",
        about="trail",
        create=("cloudtrail:CreateTrail",),
        read=(
            "cloudtrail:DescribeTrails",
            "cloudtrail:GetTrailStatus",
            "cloudtrail:GetEventSelectors",
            "cloudtrail:ListTags",
        ),
        delete=("cloudtrail:DeleteTrail",),
        inputs={
            ("name",): (),
            (
                *("enableLogFileValidation", "includeGlobalServiceEvents", "isMultiRegionTrail"),
                *("s3BucketName", "s3KeyPrefix"),
            ): ("cloudtrail:UpdateTrail",),
            ("enableLogging",): ("cloudtrail:StartLogging", "cloudtrail:StopLogging"),
            ("advancedEventSelectors",): ("cloudtrail:PutEventSelectors",),
            _DEFAULT_TAGS: ("cloudtrail:AddTags", "cloudtrail:RemoveTags"),
        },
    ),
    Calls(
        type="aws:sns/topic:Topic",
        source="sns/topic.go@00a3530",
        about="topic",
        create=("sns:CreateTopic",),
        read=("sns:GetTopicAttributes", "sns:ListTagsForResource"),
        delete=("sns:DeleteTopic",),
        inputs={("name",): (), _DEFAULT_TAGS: ("sns:TagResource", "sns:UntagResource")},
    ),
    Calls(
        type="aws:sns/topicPolicy:TopicPolicy",
        source="sns/topic_policy.go",
        about="topic",
        create=("sns:SetTopicAttributes",),
        read=("sns:GetTopicAttributes",),
        delete=("sns:SetTopicAttributes",),
        inputs={("arn",): (), ("policy",): ("sns:SetTopicAttributes",)},
    ),
    Calls(
        type="aws:sns/topicSubscription:TopicSubscription",
        source="sns/topic_subscription.go@04a2e6e",
        about="topic and subscriptions",
        create=("sns:Subscribe",),
        # Pull request 42117: if the second is refused, the provider goes on, and sees a deleted topic later.
        read=("sns:GetSubscriptionAttributes", "sns:ListSubscriptionsByTopic"),
        delete=("sns:Unsubscribe",),
        inputs={("endpoint", "protocol", "topic"): ()},
    ),
    Calls(
        type="aws:sqs/queue:Queue",
        source="sqs/queue.go@00a3530",
        about="queue",
        create=("sqs:CreateQueue",),
        read=("sqs:GetQueueAttributes", "sqs:ListQueueTags"),
        delete=("sqs:DeleteQueue",),
        inputs={
            ("name",): (),
            ("messageRetentionSeconds", "sqsManagedSseEnabled", "visibilityTimeoutSeconds"): (
                "sqs:SetQueueAttributes",
            ),
            _DEFAULT_TAGS: ("sqs:TagQueue", "sqs:UntagQueue"),
        },
    ),
    Calls(
        type="aws:sqs/queuePolicy:QueuePolicy",
        source="sqs/queue_policy.go",
        about="queue",
        create=("sqs:SetQueueAttributes",),
        read=("sqs:GetQueueAttributes",),
        delete=("sqs:SetQueueAttributes",),
        inputs={("queueUrl",): (), ("policy",): ("sqs:SetQueueAttributes",)},
    ),
    Calls(
        type="aws:ssm/parameter:Parameter",
        source="ssm/parameter.go@0073593",
        about="parameter",
        create=("ssm:PutParameter",),
        # The provider reads the value too, and keeps it in the stack's state as a secret.
        read=("ssm:GetParameter", "ssm:DescribeParameters", "ssm:ListTagsForResource"),
        delete=("ssm:DeleteParameter",),
        inputs={
            ("name",): (),
            ("description", "tier", "type", "value"): ("ssm:PutParameter",),
            _DEFAULT_TAGS: ("ssm:AddTagsToResource", "ssm:RemoveTagsFromResource"),
        },
    ),
)
"""The types that the program registers."""


def _lookup(type_: str, source: str, about: str = "", *read: str) -> Calls:
    """Return the row of a data source."""
    module, _, name = type_.partition("/")
    return Calls(type=f"aws:{module}/{name}:{name}", source=source, about=about, read=read)


FUNCTIONS: Final = (
    _lookup("iam/getSessionContext", "iam/session_context_data_source.go@07e0d0b", "deployers", "iam:GetRole"),
    # AWS allows sts:GetCallerIdentity to everybody; a partition is known without a call.
    _lookup("index/getCallerIdentity", "sts/caller_identity_data_source.go"),
    _lookup("index/getPartition", "meta/partition_data_source.go"),
    _lookup("kms/getKey", "kms/key_data_source.go", "keys", "kms:DescribeKey"),
    _lookup(
        "s3/getBucketObjectLockConfiguration",
        "s3/bucket_object_lock_configuration_data_source.go",
        "buckets",
        "s3:GetBucketObjectLockConfiguration",
    ),
    _lookup("s3/getBucketPolicy", "s3/bucket_policy_data_source.go", "buckets", "s3:GetBucketPolicy"),
    _lookup("s3/getObjects", "s3/objects_data_source.go", "buckets", "s3:ListBucket"),
    _lookup(
        "servicequotas/getServiceQuota",
        "servicequotas/service_quota_data_source.go@01f4311",
        "quota of Lambda",
        *("servicequotas:GetAWSDefaultServiceQuota", "servicequotas:GetServiceQuota"),
    ),
    _lookup("ssm/getParameter", "ssm/parameter_data_source.go", "parameter", "ssm:GetParameter"),
)
"""The data sources that the program looks up."""

BY_TYPE: Final[Mapping[str, Calls]] = {row.type: row for row in (*RESOURCES, *FUNCTIONS)}

OPERATIONS: Final[Mapping[str, str]] = {
    "s3:ListBucket": "HeadBucket",
    "s3:GetBucketCORS": "GetBucketCors",
    "s3:GetAccelerateConfiguration": "GetBucketAccelerateConfiguration",
    "s3:GetLifecycleConfiguration": "GetBucketLifecycleConfiguration",
    "s3:GetReplicationConfiguration": "GetBucketReplication",
    "s3:GetEncryptionConfiguration": "GetBucketEncryption",
    "s3:GetBucketObjectLockConfiguration": "GetObjectLockConfiguration",
    "s3:GetBucketPublicAccessBlock": "GetPublicAccessBlock",
    "s3:GetBucketNotification": "GetBucketNotificationConfiguration",
}
"""The reads whose call has another name than its action."""
