"""Who touched the log's protections: a CloudTrail trail into the log itself, and alarms on what it sees.

Guarantee: every use of the hold releaser's role, every change to the bucket's protections, to the log writer, to what
seals the log, to these alarms or to the trail, every change of a legal hold, and every attempt to delete from the log
is published to the alarms' topic, usually within minutes. Who silences an alarm and acts before it has been sent is not
stopped by it: what happened is in the trail.

Why a trail: EventBridge gets API calls from CloudTrail only while a trail records them, so without one no such rule
ever fires. What it costs: the first copy of an account's management events is free; where the account already has a
trail, a second copy is $2.00 per 100,000 events (`accessTrail: existing` then goes without one, and without the alarms
on the trail itself and on calls about objects). The data events are just the few calls that could weaken a lock, not
the writes: cents at most. https://aws.amazon.com/cloudtrail/pricing/

What it keeps: the account's management events, with who called and from where; they are locked like the records, and
read by whoever may take the auditor's role.

What it does not see: changes to IAM, which are recorded in us-east-1 only. They are in the delivered files wherever the
stack is, and alarm in a stack of that region.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_aws as aws

from audit_core.layout import TRAIL
from components.arguments import require_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.iam import Json

OBJECT_CALLS: Final = ("DeleteObject", "DeleteObjects", "PutObjectLegalHold", "PutObjectRetention")
"""The calls about objects that could weaken a lock. Not PutObject: the trail would record its own deliveries."""
BUCKET_CALLS: Final = (
    "DeleteBucket",
    "DeleteBucketLifecycle",
    "DeleteBucketOwnershipControls",
    "DeleteBucketPolicy",
    "DeleteBucketPublicAccessBlock",
    "DeleteBucketReplication",
    "PutBucketAcl",
    "PutBucketEncryption",
    "PutBucketLifecycle",
    "PutBucketLifecycleConfiguration",
    "PutBucketNotification",
    "PutBucketObjectLockConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketPublicAccessBlock",
    "PutBucketReplication",
    "PutBucketVersioning",
    "PutObjectLockConfiguration",
)
"""What changes the bucket's protections, under the names that CloudTrail gives the calls."""
TRAIL_CALLS: Final = ("DeleteTrail", "PutEventSelectors", "StopLogging", "UpdateTrail")
ROLE_CALLS: Final = (
    "AttachRolePolicy",
    "DeleteRole",
    "DeleteRolePermissionsBoundary",
    "DeleteRolePolicy",
    "PutRolePermissionsBoundary",
    "PutRolePolicy",
    "UpdateAssumeRolePolicy",
)
WRITER_CALLS: Final = (
    "AddPermission",
    "DeleteFunction",
    "PutFunctionConcurrency",
    "RemovePermission",
    "UpdateFunction",
)
"""What changes or stops the log writer: how such calls' names begin, as CloudTrail puts the API's version at their end.

https://docs.aws.amazon.com/lambda/latest/dg/logging-using-cloudtrail.html
"""
KEY_CALLS: Final = (
    "CreateGrant",
    "DisableKey",
    "PutKeyPolicy",
    "ScheduleKeyDeletion",
)
QUEUE_CALLS: Final = ("DeleteQueue", "PurgeQueue", "SetQueueAttributes")
RULE_CALLS: Final = ("DeleteRule", "DisableRule", "PutRule", "PutTargets", "RemoveTargets")
TOPIC_CALLS: Final = ("DeleteTopic", "SetTopicAttributes", "Unsubscribe")
ALARM_CALLS: Final = ("DeleteAlarms", "DisableAlarmActions", "PutMetricAlarm")
FILTER_CALLS: Final = ("DeleteLogGroup", "DeleteMetricFilter", "PutMetricFilter")

SEAL_KEY: Final = "<the signing key's ARN>"
"""Stands in a pattern for what is known only once the key is made."""
_ALL_EVENTS: Final = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
"""AssumeRole counts as a call that only reads, which a rule that is merely ENABLED never sees.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTrailArgs:
    """What to watch, by name; `bucket`, `topic_arn` and `seal_key_arn` come from the components that make them.

    `own_trail` false relies on a trail that the account already has for management events. `vault` is the vault's
    bucket, where there is one; its reads are events that only an own trail records.
    """

    prefix: str
    function: str
    sealer: str
    queue: str
    log_groups: tuple[str, ...]
    topic: str
    trail: str
    trail_arn: str
    bucket_name: str
    bucket_arn: str
    hold_releaser_arn: str
    role_names: tuple[str, ...]
    own_trail: bool
    vault: str = ""
    vault_arn: str = ""
    bucket: pulumi.Input[str]
    topic_arn: pulumi.Input[str]
    seal_key_arn: pulumi.Input[str]

    def __post_init__(self) -> None:
        """Refuse to watch nothing."""
        require_text(self, "hold_releaser_arn", "bucket_name")
        if self.vault and not (self.own_trail and self.vault_arn):
            msg = f"AccessTrailArgs.vault: reads are recorded by an own trail alone, got own_trail {self.own_trail!r}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    """A kind of event that is published."""

    key: str
    says: str
    pattern: dict[str, Json]


class AccessTrail(pulumi.ComponentResource):
    """The trail and its rules. Outputs: `trail_arn` (None where the account's own is relied on), `rules` (names)."""

    trail_arn: pulumi.Output[str | None]
    rules: list[str]

    def __init__(self, name: str, args: AccessTrailArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the trail, and for each kind of event a rule and its target."""
        super().__init__("agent-audit-log:aws:AccessTrail", name, None, opts)
        self.trail_arn = pulumi.Output.from_input(self._trail(name, args) if args.own_trail else None)
        watches = watched(args)
        seal_key_arn = pulumi.Output.from_input(args.seal_key_arn)
        for watch in watches:
            rule = aws.cloudwatch.EventRule(
                f"{name}-{watch.key}",
                name=f"{args.prefix}-{watch.key}",
                description=watch.says,
                event_pattern=seal_key_arn.apply(lambda arn, pattern=watch.pattern: _text(pattern, arn)),
                state=_ALL_EVENTS,
                opts=pulumi.ResourceOptions(parent=self),
            )
            aws.cloudwatch.EventTarget(
                f"{name}-{watch.key}-target",
                rule=rule.name,
                target_id="alarms",
                arn=args.topic_arn,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.rules = [f"{args.prefix}-{watch.key}" for watch in watches]
        self.register_outputs({"trail_arn": self.trail_arn, "rules": self.rules})

    def _trail(self, name: str, args: AccessTrailArgs) -> pulumi.Output[str]:
        """Register the trail and return its ARN. CloudTrail accepts it once the bucket's policy lets it deliver."""
        selector = aws.cloudtrail.TrailAdvancedEventSelectorArgs
        on = aws.cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs
        trail = aws.cloudtrail.Trail(
            f"{name}-trail",
            name=args.trail,
            s3_bucket_name=args.bucket,
            s3_key_prefix=TRAIL.rstrip("/"),
            enable_logging=True,
            enable_log_file_validation=True,
            include_global_service_events=True,
            is_multi_region_trail=False,
            advanced_event_selectors=[
                selector(
                    name="Management events",
                    field_selectors=[on(field="eventCategory", equals=["Management"])],
                ),
                selector(
                    name="Calls that could weaken a lock",
                    field_selectors=[
                        on(field="eventCategory", equals=["Data"]),
                        on(field="resources.type", equals=["AWS::S3::Object"]),
                        on(field="resources.ARN", starts_withs=[f"{args.bucket_arn}/"]),
                        on(field="eventName", equals=list(OBJECT_CALLS)),
                    ],
                ),
                *(
                    selector(
                        name="Reads of the vault",
                        field_selectors=[
                            on(field="eventCategory", equals=["Data"]),
                            on(field="resources.type", equals=["AWS::S3::Object"]),
                            on(field="resources.ARN", starts_withs=[f"{arn}/"]),
                            on(field="readOnly", equals=["true"]),
                        ],
                    )
                    for arn in ([args.vault_arn] if args.vault else [])
                ),
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        return trail.arn


def watched(args: AccessTrailArgs) -> tuple[_Watch, ...]:
    """Return every kind of event that is published."""
    # A function's name or, where a caller prefers that, its ARN.
    functions: list[Json] = []
    for function in (args.function, args.sealer):
        functions.append(function)
        functions.append({"suffix": f":function:{function}"})
    buckets: list[Json] = [args.bucket_name, args.vault] if args.vault else [args.bucket_name]
    always = (
        _Watch(
            key="hold-releaser-used",
            says="Somebody took the role that releases legal holds, or tried to.",
            pattern=_calls("aws.sts", ("AssumeRole",), {"requestParameters": {"roleArn": [args.hold_releaser_arn]}}),
        ),
        _Watch(
            key="protections-changed",
            says="Somebody changed what keeps the log locked, or tried to.",
            pattern=_calls("aws.s3", BUCKET_CALLS, {"requestParameters": {"bucketName": buckets}}),
        ),
        _Watch(
            key="roles-changed",
            says="Somebody changed a role of the audit log, or tried to.",
            pattern=_calls("aws.iam", ROLE_CALLS, {"requestParameters": {"roleName": list(args.role_names)}}),
        ),
        _Watch(
            key="writer-changed",
            says="Somebody changed or stopped the log writer or the log sealer, or tried to.",
            pattern=_calls(
                "aws.lambda",
                [{"prefix": name} for name in WRITER_CALLS],
                {"requestParameters": {"functionName": functions}},
            ),
        ),
        _Watch(
            key="seal-changed",
            says="Somebody changed or disabled the key that signs the log's checkpoints, or the sealer's messages.",
            pattern=_calls(
                ("aws.kms", "aws.sqs"),
                (*KEY_CALLS, *QUEUE_CALLS),
                {
                    "$or": [
                        {"resources": {"ARN": [SEAL_KEY]}},
                        {"requestParameters": {"queueUrl": [{"suffix": f"/{args.queue}"}]}},
                    ]
                },
            ),
        ),
        _Watch(
            key="alarms-changed",
            says="Somebody changed or silenced an alarm of the audit log, or tried to.",
            pattern=_calls(
                ("aws.events", "aws.logs", "aws.monitoring", "aws.sns"),
                (*RULE_CALLS, *TOPIC_CALLS, *ALARM_CALLS, *FILTER_CALLS),
                {"$or": [{"requestParameters": {key: named}} for key, named in _alarm_parameters(args)]},
            ),
        ),
    )
    if not args.own_trail:
        return always
    return (
        *always,
        _Watch(
            key="trail-changed",
            says="Somebody stopped or changed the trail that watches the log, or tried to.",
            pattern=_calls(
                "aws.cloudtrail",
                TRAIL_CALLS,
                {"$or": [{"requestParameters": {key: [args.trail, args.trail_arn]}} for key in ("name", "trailName")]},
            ),
        ),
        _Watch(
            key="records-touched",
            says="Somebody changed a legal hold or a record's retention, deleted from the log, or tried to.",
            pattern=_calls("aws.s3", OBJECT_CALLS, {"requestParameters": {"bucketName": [args.bucket_name]}}),
        ),
    )


def _text(pattern: dict[str, Json], seal_key_arn: str) -> str:
    """Return a pattern as EventBridge takes it, with the ARN of the signing key."""
    return json.dumps(pattern, sort_keys=True, separators=(",", ":")).replace(SEAL_KEY, seal_key_arn)


def _alarm_parameters(args: AccessTrailArgs) -> tuple[tuple[str, list[Json]], ...]:
    """Return how a call names the alarm that it changes: by name or ARN, under the API's own parameter."""
    own: list[Json] = [{"prefix": f"{args.prefix}-"}]
    return (
        ("name", own),
        ("rule", own),
        ("alarmName", own),
        ("alarmNames", own),
        ("logGroupName", [*args.log_groups]),
        ("topicArn", [{"suffix": f":{args.topic}"}]),
        ("subscriptionArn", [{"wildcard": f"*:{args.topic}:*"}]),
    )


def _calls(sources: str | Sequence[str], names: Sequence[Json], detail: Mapping[str, Json]) -> dict[str, Json]:
    """Return the pattern for API calls by service and name, narrowed by `detail`; it matches refused calls too."""
    return {
        "source": [sources] if isinstance(sources, str) else [*sources],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventName": [*names], **detail},
    }
