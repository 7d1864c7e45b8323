"""The alarms on the log writer, and the topic to which every alarm publishes.

Guarantee: each of these raises an alarm within five minutes: an error, a throttle, a refused record, a fault of the
writer at one record, a record that could not be made durable. `AccessTrail` publishes to the same topic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from components.arguments import require_text
from components.metric_alarms import Alarm, register_alarms
from policies.iam import document

_PATTERNS: Final = {
    "Refusals": (
        '{ ($.event = "request") && (($.refused > 0) || ($.status = 400) || ($.status = 413) || ($.status = 415)) }'
    ),
    "Faults": '{ ($.event = "request") && ($.faults > 0) }',
    "UnknownTokens": '{ ($.event = "request") && ($.status = 401) }',
}
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
        """Reject empty names."""
        require_text(self, "prefix", "topic", "function")


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
        self.names = register_alarms(
            name,
            self,
            prefix=args.prefix,
            log_group=args.log_group,
            patterns=_PATTERNS,
            alarms=_alarms(args.function),
            topic_arn=self.topic_arn,
        )
        self.register_outputs({"topic_arn": self.topic_arn, "names": self.names})


def _alarms(function: str) -> tuple[Alarm, ...]:
    """Return every alarm on the writer."""
    of_lambda: dict[str, Any] = {"namespace": "AWS/Lambda", "dimensions": {"FunctionName": function}}
    return (
        Alarm(
            key="writer-errors",
            says="The log writer crashed or ran out of time; the agents got 5xx and should retry.",
            metric="Errors",
            **of_lambda,
        ),
        Alarm(
            key="writer-throttles",
            says="More requests came than the account runs at once; the agents got 429 and should retry.",
            metric="Throttles",
            **of_lambda,
        ),
        Alarm(
            key="writer-not-durable",
            says="The log writer could not store records and answered 5xx; the agents should retry.",
            metric="Url5xxCount",
            **of_lambda,
        ),
        Alarm(
            key="refusals",
            says="The log writer rejected posts, or records in them, for good; its log gives the reason.",
            metric="Refusals",
        ),
        Alarm(
            key="writer-faults",
            says="The log writer failed at a record and stored the others; report `fault_at` from its log.",
            metric="Faults",
        ),
        Alarm(
            key="unknown-tokens",
            says="Many posts had an invalid token: somebody guesses tokens, or an agent lacks its new one.",
            metric="UnknownTokens",
            threshold=UNKNOWN_TOKENS_LIMIT,
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
