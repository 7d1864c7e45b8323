"""What wakes somebody up when the log is no longer sealed, or the sealer found what must not be.

Guarantee: a log that was not sealed for three intervals alarms, whatever the reason: no run, a run that failed, a key
that cannot sign, a rule that is gone. So does what waits unsealed for as long, and every finding of the sealer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Mapping

METRIC_NAMESPACE: Final = "AgentAuditLog"
SEALED_PATTERN: Final = '{ $.event = "sealed" }'
FOUND_PATTERN: Final = '{ $.event = "alarm" }'
"""Read from the sealer's operational log: a line for each run that came to its end, and one for each finding."""
INTERVALS: Final = 3
_MINUTE_S: Final = 60
_PERIOD_S: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class SealAlarmsArgs:
    """`prefix`: what the alarms' names start with. `function`, `queue`: physical names. `seal_minutes`: 1 to 60.

    `log_group` comes from the sealer, `topic_arn` from the alarms' topic.
    """

    prefix: str
    function: str
    queue: str
    seal_minutes: int
    log_group: pulumi.Input[str]
    topic_arn: pulumi.Input[str]

    def __post_init__(self) -> None:
        """Refuse names that are not there."""
        for field, given in (("prefix", self.prefix), ("function", self.function), ("queue", self.queue)):
            if not given:
                msg = f"SealAlarmsArgs.{field}: must not be empty, got {given!r}"
                raise ValueError(msg)
        if self.seal_minutes < 1:
            msg = f"SealAlarmsArgs.seal_minutes: must be at least 1, got {self.seal_minutes}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alarm:
    """A metric, and when it rings."""

    key: str
    says: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str = "Sum"
    comparison: str = "GreaterThanOrEqualToThreshold"
    threshold: int = 1
    period_s: int = _PERIOD_S
    missing: str = "notBreaching"


class SealAlarms(pulumi.ComponentResource):
    """The sealer's alarms. Output: `names`, theirs."""

    names: list[str]

    def __init__(self, name: str, args: SealAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the metrics and the alarms."""
        super().__init__("agent-audit-log:aws:SealAlarms", name, None, opts)
        for metric, pattern in (("Sealed", SEALED_PATTERN), ("SealFindings", FOUND_PATTERN)):
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
                statistic=alarm.statistic,
                period=alarm.period_s,
                evaluation_periods=1,
                threshold=alarm.threshold,
                comparison_operator=alarm.comparison,
                treat_missing_data=alarm.missing,
                alarm_actions=[args.topic_arn],
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.names = [f"{args.prefix}-{alarm.key}" for alarm in alarms]
        self.register_outputs({"names": self.names})


def _alarms(args: SealAlarmsArgs) -> tuple[_Alarm, ...]:
    """Every alarm on the sealing."""
    own = f"{METRIC_NAMESPACE}/{args.prefix}"
    late_s = INTERVALS * args.seal_minutes * _MINUTE_S
    return (
        _Alarm(
            key="sealing-stopped",
            says=f"The log was not sealed for {late_s // _MINUTE_S} minutes; only its lock protects "
            "what was stored since.",
            namespace=own,
            metric="Sealed",
            dimensions={},
            comparison="LessThanThreshold",
            period_s=late_s,
            missing="breaching",
        ),
        _Alarm(
            key="records-unsealed",
            says="Something stored has waited for its seal for longer than three intervals.",
            namespace="AWS/SQS",
            metric="ApproximateAgeOfOldestMessage",
            dimensions={"QueueName": args.queue},
            statistic="Maximum",
            comparison="GreaterThanThreshold",
            threshold=late_s,
        ),
        _Alarm(
            key="seal-findings",
            says="The sealer found what must not be: a second version, a delete marker, a short lock, a file of the "
            "sealed log that is not what it was. Its log says which and where; audit-log verify log says the rest.",
            namespace=own,
            metric="SealFindings",
            dimensions={},
        ),
        _Alarm(
            key="sealer-errors",
            says="A run of the log sealer failed; the next one goes on where it stopped.",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions={"FunctionName": args.function},
        ),
    )
