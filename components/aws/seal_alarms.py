"""The alarms on sealing: the log is no longer sealed, or the sealer found something wrong.

Guarantee: a log that was not sealed for three intervals raises an alarm, whatever the reason: no run, a failed run, a
key that cannot sign, a deleted rule. So does a record that waits unsealed for as long, and every finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi

from components.arguments import require_range, require_text
from components.metric_alarms import Alarm, register_alarms

_PATTERNS: Final = {"Sealed": '{ $.event = "sealed" }', "SealFindings": '{ $.event = "alarm" }'}
"""Read from the sealer's operational log: a line for each run that came to its end, and one for each finding."""
INTERVALS: Final = 3
_MINUTE_S: Final = 60


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
        """Reject empty names."""
        require_text(self, "prefix", "function", "queue")
        require_range(self, "seal_minutes", 1)


class SealAlarms(pulumi.ComponentResource):
    """The alarms on sealing. Output: `names`, the names of the alarms."""

    names: list[str]

    def __init__(self, name: str, args: SealAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the metrics and the alarms."""
        super().__init__("agent-audit-log:aws:SealAlarms", name, None, opts)
        self.names = register_alarms(
            name,
            self,
            prefix=args.prefix,
            log_group=args.log_group,
            patterns=_PATTERNS,
            alarms=_alarms(args),
            topic_arn=args.topic_arn,
        )
        self.register_outputs({"names": self.names})


def _alarms(args: SealAlarmsArgs) -> tuple[Alarm, ...]:
    """Every alarm on the sealing."""
    late_s = INTERVALS * args.seal_minutes * _MINUTE_S
    return (
        Alarm(
            key="sealing-stopped",
            says=f"The log was not sealed for {late_s // _MINUTE_S} minutes; only its lock protects "
            "what was stored since.",
            metric="Sealed",
            comparison="LessThanThreshold",
            period_s=late_s,
            missing="breaching",
        ),
        Alarm(
            key="records-unsealed",
            says="A stored object has waited for its seal for longer than three intervals.",
            namespace="AWS/SQS",
            metric="ApproximateAgeOfOldestMessage",
            dimensions={"QueueName": args.queue},
            statistic="Maximum",
            comparison="GreaterThanThreshold",
            threshold=late_s,
        ),
        Alarm(
            key="seal-findings",
            says="The sealer found signs of tampering: a second version, a delete marker, a short lock, or a changed "
            "file of the sealed log. Its log names the file; audit-log verify log shows the rest.",
            metric="SealFindings",
        ),
        Alarm(
            key="sealer-errors",
            says="A run of the log sealer failed; the next one continues where it stopped.",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions={"FunctionName": args.function},
        ),
    )
