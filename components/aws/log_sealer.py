"""The log sealer: a function that a clock starts, and that makes stored objects part of the sealed log.

Guarantee: it runs exactly the package whose digest is an output, as the sealer role and no other. It exists only once
the log's protections are in place, the queue hears of stored objects and the key can sign. Its own log ends after the
stated days.

A clock starts it, not each message: a checkpoint for each stored object would cost more than the object. A run takes
everything that waits, so its cost follows what is new.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_aws as aws

from audit_core.layout import CONFIG_SCHEMA, MAX_SEAL_MINUTES
from components.arguments import require_range, require_text
from components.function import FunctionArgs, register_function
from components.package import ANCHORING_SEALER, SEALER, build_package

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S: Final = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSealerArgs(FunctionArgs):
    """What the function is, and what it depends on.

    `queue_url`, `key_arn` and `topic_arn` come from the components that make them. `origin`: the log's name in its
    checkpoints. `retention_days`: how long each version must be locked at least. `seal_minutes` (1 to 60): within which
    what is stored is sealed. `anchor_url`: the URL of an RFC 3161 authority; empty for none.
    """

    origin: str
    retention_days: int
    seal_minutes: int
    anchor_url: str
    queue_url: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    topic_arn: pulumi.Input[str]

    def __post_init__(self) -> None:
        """Reject an empty origin, and numbers outside their range."""
        FunctionArgs.__post_init__(self)
        require_text(self, "origin")
        require_range(self, "seal_minutes", 1, MAX_SEAL_MINUTES)
        require_range(self, "retention_days", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One thing that the sealer does by the clock; `when` is EventBridge's expression."""

    key: str
    when: str
    says: str


class LogSealer(pulumi.ComponentResource):
    """The function, its log group and its clock.

    Outputs: `log_group` (its name), `package_sha256` (base64, as Lambda's CodeSha256), `package_sha256_hex`.
    """

    log_group: pulumi.Output[str]
    package_sha256: pulumi.Output[str]
    package_sha256_hex: pulumi.Output[str]

    def __init__(self, name: str, args: LogSealerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the log group, the function, and for each task a rule, its target and its permission."""
        super().__init__("agent-audit-log:aws:LogSealer", name, None, opts)
        package = pulumi.Output.all(
            bucket=args.bucket, queue_url=args.queue_url, key_id=args.key_arn, topic_arn=args.topic_arn
        ).apply(
            lambda known: build_package(
                ANCHORING_SEALER if args.anchor_url else SEALER,
                target=args.target,
                config=render_config(args, known),
                out_dir=args.out_dir,
            )
        )
        log_group, function = register_function(
            name,
            self,
            args,
            package,
            description="Makes what was stored part of a signed log that shows any change.",
            handler="log_sealer.handler.handler",
            timeout_s=TIMEOUT_S,
        )
        before: pulumi.Resource = function
        for task in tasks(args):
            rule = aws.cloudwatch.EventRule(
                f"{name}-{task.key}",
                name=f"{args.function}-{task.key}",
                description=task.says,
                schedule_expression=task.when,
                # Without this, the provider would leave a rule disabled that somebody disabled.
                state="ENABLED",
                opts=pulumi.ResourceOptions(parent=self),
            )
            permission = aws.lambda_.Permission(
                f"{name}-{task.key}-permission",
                function=args.function,
                statement_id=f"AllowTheClockTo{task.key.capitalize()}",
                action="lambda:InvokeFunction",
                principal="events.amazonaws.com",
                source_arn=rule.arn,
                # One after the other, since each changes the same policy.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[before]),
            )
            before = permission
            aws.cloudwatch.EventTarget(
                f"{name}-{task.key}-target",
                rule=rule.name,
                target_id="sealer",
                arn=function.arn,
                input=json.dumps({"task": task.key}),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
            )
        self.log_group = log_group.name
        self.package_sha256 = package.apply(lambda built: built.sha256_base64)
        self.package_sha256_hex = package.apply(lambda built: built.sha256_hex)
        self.register_outputs(
            {
                "log_group": self.log_group,
                "package_sha256": self.package_sha256,
                "package_sha256_hex": self.package_sha256_hex,
            }
        )


def every_minutes(seal_minutes: int) -> int:
    """Return how often the sealer runs: twice within `seal_minutes`, as the first run may find nothing yet."""
    return max(1, seal_minutes // 2)


def tasks(args: LogSealerArgs) -> tuple[_Task, ...]:
    """Return what the clock starts, in UTC."""
    minutes = every_minutes(args.seal_minutes)
    always = (
        _Task(
            key="seal",
            when=f"rate({minutes} minute{'' if minutes == 1 else 's'})",
            says="Seals what was stored since.",
        ),
        _Task(
            key="reconcile",
            when="cron(17 3 * * ? *)",
            says="Looks at the bucket itself for objects without a message, delete markers and second versions.",
        ),
        _Task(key="mail", when="cron(43 5 ? * MON *)", says="Publishes the newest checkpoint to the alarms' topic."),
    )
    if not args.anchor_url:
        return always
    anchor = _Task(key="anchor", when="cron(29 4 * * ? *)", says="Has the newest checkpoint time-stamped.")
    return (*always, anchor)


def render_config(args: LogSealerArgs, known: Mapping[str, str]) -> bytes:
    """Return the sealer's configuration file: the same bytes for the same settings. `known`: from other components."""
    config = {
        "schema": CONFIG_SCHEMA,
        **known,
        "region": args.region,
        "origin": args.origin,
        "retention_days": args.retention_days,
        "seal_minutes": args.seal_minutes,
        "anchor_url": args.anchor_url,
    }
    return json.dumps(config, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")
