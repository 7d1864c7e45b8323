"""What sealing takes beside the sealer: the key that signs checkpoints, and the queue that tells what was stored.

Guarantee: the key never leaves KMS, and its policy says who signs; by the time that anything can depend on `queue_url`,
S3 tells the queue of every object that is put under `records/`, and nobody else can.

A message is kept for two weeks, which is how long the sealer may be down before only its daily look at the bucket finds
what was stored. It is hidden for longer than a run of the sealer may take, so that two runs do not read the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from policies.place import RECORDS

KEY_DELETION_WINDOW_DAYS: Final = 30
"""The most that KMS has: a log whose key is gone can be checked, and never be sealed again under its name."""
HIDDEN_S: Final = 16 * 60
KEPT_S: Final = 14 * 24 * 3600
"""The most that SQS has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealArgs:
    """`queue`: its name; `alias`: the key's, with `alias/`. `queue_policy`, `key_policy`: IAM documents.

    `bucket` comes from the component that makes it. `after`: what must be there before the key, because KMS refuses a
    policy about roles that do not exist.
    """

    queue: str
    alias: str
    queue_policy: str
    key_policy: str
    bucket: pulumi.Input[str]
    after: Sequence[pulumi.Resource] = ()

    def __post_init__(self) -> None:
        """Refuse a key that anybody may sign with, and a queue that anybody may empty."""
        for field in ("queue", "queue_policy", "key_policy"):
            if not getattr(self, field):
                msg = f"SealArgs.{field}: must not be empty, got {getattr(self, field)!r}"
                raise ValueError(msg)
        if not self.alias.startswith("alias/"):
            msg = f"SealArgs.alias: must begin with alias/, got {self.alias!r}"
            raise ValueError(msg)


class Seal(pulumi.ComponentResource):
    """The key and the queue. Outputs: `key_arn`; `queue_url`, known once S3 tells the queue what is stored."""

    key_arn: pulumi.Output[str]
    queue_url: pulumi.Output[str]

    def __init__(self, name: str, args: SealArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the key, the queue, who may use them, and S3's notifications."""
        super().__init__("agent-audit-log:aws:Seal", name, None, opts)
        key = aws.kms.Key(
            f"{name}-key",
            description=f"Signs the checkpoints of the log; {args.queue} is what it is told of",
            customer_master_key_spec="ECC_NIST_EDWARDS25519",
            key_usage="SIGN_VERIFY",
            deletion_window_in_days=KEY_DELETION_WINDOW_DAYS,
            policy=args.key_policy,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*args.after]),
        )
        aws.kms.Alias(
            f"{name}-alias",
            name=args.alias,
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        queue = aws.sqs.Queue(
            f"{name}-queue",
            name=args.queue,
            message_retention_seconds=KEPT_S,
            visibility_timeout_seconds=HIDDEN_S,
            sqs_managed_sse_enabled=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        policy = aws.sqs.QueuePolicy(
            f"{name}-queue-policy",
            queue_url=queue.url,
            policy=args.queue_policy,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*args.after]),
        )
        told = aws.s3.BucketNotification(
            f"{name}-notification",
            bucket=args.bucket,
            queues=[
                aws.s3.BucketNotificationQueueArgs(
                    id="stored", queue_arn=queue.arn, events=["s3:ObjectCreated:*"], filter_prefix=RECORDS
                )
            ],
            # S3 tries the queue when it is told of it, and refuses one that it may not send to.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.key_arn = key.arn
        self.queue_url = pulumi.Output.all(queue.url, told.id).apply(lambda values: values[0])
        self.register_outputs({"key_arn": self.key_arn, "queue_url": self.queue_url})
