"""What wakes somebody up: one topic, and the alarms that publish to it.

Guarantee: an error, a throttle, a refused record, a fault of the writer at one record, or a record that could not be
made durable raises an alarm within five minutes. What `AccessTrail` sees is published to the same topic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_aws as aws

from policies.iam import document

if TYPE_CHECKING:
    from collections.abc import Mapping

PERIOD_S: Final = 300
METRIC_NAMESPACE: Final = "AgentAuditLog"
REFUSED_PATTERN: Final = (
    '{ ($.event = "request") && (($.refused > 0) || ($.status = 400) || ($.status = 413) || ($.status = 415)) }'
)
FAULTS_PATTERN: Final = '{ ($.event = "request") && ($.faults > 0) }'
UNAUTHORIZED_PATTERN: Final = '{ ($.event = "request") && ($.status = 401) }'
"""Read from the writer's operational log: one JSON line for each request, with its status and how many were refused."""
UNKNOWN_TOKENS_LIMIT: Final = 20
"""Posts without a token that works, in five minutes. Scanners find every open address; so not the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmsArgs:
    """`prefix`: what the alarms' names start with. `topic`, `function`: physical names. `email`: empty for none.

    `log_group` comes from the log writer, `topic_arn` is the topic's, known beforehand.
    """

    prefix: str
    topic: str
    topic_arn: str
    account: str
    function: str
    log_group: pulumi.Input[str]
    email: str = ""

    def __post_init__(self) -> None:
        """Refuse names that are not there."""
        for field, given in (("prefix", self.prefix), ("topic", self.topic), ("function", self.function)):
            if not given:
                msg = f"AlarmsArgs.{field}: must not be empty, got {given!r}"
                raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alarm:
    """A metric that should stay under a threshold."""

    key: str
    says: str
    namespace: str
    metric: str
    threshold: int
    dimensions: Mapping[str, str]


class Alarms(pulumi.ComponentResource):
    """The topic and the writer's alarms.

    Outputs: `topic_arn`, known once services may publish to it; `names`, the alarms' names.
    """

    topic_arn: pulumi.Output[str]
    names: list[str]

    def __init__(self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the topic, who may publish, the subscription, the metrics and the alarms."""
        super().__init__("agent-audit-log:aws:Alarms", name, None, opts)
        topic = aws.sns.Topic(f"{name}-topic", name=args.topic, opts=pulumi.ResourceOptions(parent=self))
        policy = aws.sns.TopicPolicy(
            f"{name}-topic-policy",
            arn=topic.arn,
            policy=_topic_policy(args),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.topic_arn = pulumi.Output.all(topic.arn, policy.id).apply(lambda values: values[0])
        if args.email:
            aws.sns.TopicSubscription(
                f"{name}-email",
                topic=topic.arn,
                protocol="email",
                endpoint=args.email,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
            )
        for metric, pattern in (
            ("Refusals", REFUSED_PATTERN),
            ("Faults", FAULTS_PATTERN),
            ("UnknownTokens", UNAUTHORIZED_PATTERN),
        ):
            aws.cloudwatch.LogMetricFilter(
                f"{name}-{metric}",
                name=f"{args.prefix}-{metric}",
                log_group_name=args.log_group,
                pattern=pattern,
                metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
                    name=metric, namespace=f"{METRIC_NAMESPACE}/{args.prefix}", value="1"
                ),
                opts=pulumi.ResourceOptions(parent=self),
            )
        alarms = _alarms(args)
        for alarm in alarms:
            aws.cloudwatch.MetricAlarm(
                f"{name}-{alarm.key}",
                name=f"{args.prefix}-{alarm.key}",
                alarm_description=alarm.says,
                namespace=alarm.namespace,
                metric_name=alarm.metric,
                dimensions=alarm.dimensions,
                statistic="Sum",
                period=PERIOD_S,
                evaluation_periods=1,
                threshold=alarm.threshold,
                comparison_operator="GreaterThanOrEqualToThreshold",
                treat_missing_data="notBreaching",
                alarm_actions=[self.topic_arn],
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.names = [f"{args.prefix}-{alarm.key}" for alarm in alarms]
        self.register_outputs({"topic_arn": self.topic_arn, "names": self.names})


def _alarms(args: AlarmsArgs) -> tuple[_Alarm, ...]:
    """Every alarm on the writer."""
    function = {"FunctionName": args.function}
    own = f"{METRIC_NAMESPACE}/{args.prefix}"
    return (
        _Alarm(
            key="writer-errors",
            says="The log writer crashed or ran out of time; the agents got 5xx and should retry.",
            namespace="AWS/Lambda",
            metric="Errors",
            threshold=1,
            dimensions=function,
        ),
        _Alarm(
            key="writer-throttles",
            says="More requests came than the account runs at once; the agents got 429 and should retry.",
            namespace="AWS/Lambda",
            metric="Throttles",
            threshold=1,
            dimensions=function,
        ),
        _Alarm(
            key="writer-not-durable",
            says="The log writer could not store records and answered 5xx; the agents should retry.",
            namespace="AWS/Lambda",
            metric="Url5xxCount",
            threshold=1,
            dimensions=function,
        ),
        _Alarm(
            key="refusals",
            says="Posts, or records in them, were refused for what they are and will not come again; the log says why.",
            namespace=own,
            metric="Refusals",
            threshold=1,
            dimensions={},
        ),
        _Alarm(
            key="writer-faults",
            says="The log writer failed at a record and stored the others; report what `fault_at` in its log says.",
            namespace=own,
            metric="Faults",
            threshold=1,
            dimensions={},
        ),
        _Alarm(
            key="unknown-tokens",
            says="Many posts had no token that works: somebody is guessing, or an agent was not given its new token.",
            namespace=own,
            metric="UnknownTokens",
            threshold=UNKNOWN_TOKENS_LIMIT,
            dimensions={},
        ),
    )


def _topic_policy(args: AlarmsArgs) -> str:
    """Alarms of this account may publish, and EventBridge; nobody else may.

    EventBridge without a condition: it does not send `aws:SourceAccount` with what it delivers, and an alarm that never
    comes is worse than one that somebody else could send.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
    """
    return document(
        [
            {
                "Sid": "AlarmsPublish",
                "Effect": "Allow",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": args.topic_arn,
                "Condition": {"StringEquals": {"aws:SourceAccount": args.account}},
            },
            {
                "Sid": "EventsPublish",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": args.topic_arn,
            },
        ]
    )
