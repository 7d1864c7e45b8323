"""Alarms on metrics, and metrics that count lines of a function's operational log.

Guarantee: every alarm publishes to the stack's one topic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi
import pulumi_aws as aws

METRIC_NAMESPACE: Final = "AgentAuditLog"
PERIOD_S: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A metric, and when it raises an alarm: by default when it reaches 1 within five minutes.

    `namespace` is empty for a metric that counts lines of the operational log.
    """

    key: str
    says: str
    metric: str
    namespace: str = ""
    dimensions: Mapping[str, str] = field(default_factory=dict)
    statistic: str = "Sum"
    comparison: str = "GreaterThanOrEqualToThreshold"
    threshold: int = 1
    period_s: int = PERIOD_S
    missing: str = "notBreaching"


def register_alarms(
    name: str,
    parent: pulumi.Resource,
    *,
    prefix: str,
    log_group: pulumi.Input[str],
    patterns: Mapping[str, str],
    alarms: Sequence[Alarm],
    topic_arn: pulumi.Input[str],
) -> list[str]:
    """Register a metric for each pattern of lines in `log_group`, and the alarms; return the alarms' names.

    Every physical name starts with `prefix`.
    """
    own = f"{METRIC_NAMESPACE}/{prefix}"
    for metric, pattern in patterns.items():
        aws.cloudwatch.LogMetricFilter(
            f"{name}-{metric}",
            name=f"{prefix}-{metric}",
            log_group_name=log_group,
            pattern=pattern,
            metric_transformation={"name": metric, "namespace": own, "value": "1"},
            opts=pulumi.ResourceOptions(parent=parent),
        )
    for alarm in alarms:
        aws.cloudwatch.MetricAlarm(
            f"{name}-{alarm.key}",
            name=f"{prefix}-{alarm.key}",
            alarm_description=alarm.says,
            namespace=alarm.namespace or own,
            metric_name=alarm.metric,
            dimensions=alarm.dimensions,
            statistic=alarm.statistic,
            period=alarm.period_s,
            evaluation_periods=1,
            threshold=alarm.threshold,
            comparison_operator=alarm.comparison,
            treat_missing_data=alarm.missing,
            alarm_actions=[topic_arn],
            opts=pulumi.ResourceOptions(parent=parent),
        )
    return [f"{prefix}-{alarm.key}" for alarm in alarms]
