"""What sealing needs beside the sealer: the key that signs checkpoints, and the queue that reports stored objects.

Guarantee: the key never leaves KMS, and its policy says who signs. Once `listen`'s result is known, S3 reports every
object under `records/` to the queue, and nobody else can.

A message is kept for two weeks. The sealer may be down for that long; after that, only its daily look at the bucket
finds what was stored. A message is hidden for longer than a run of the sealer may take, so that two runs do not read
the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from audit_core.layout import RECORDS
from components.arguments import require_start, require_text

KEY_DELETION_WINDOW_DAYS: Final = 30
"""The most that KMS has: a log whose key is gone can be checked, and never be sealed again under its name."""
HIDDEN_S: Final = 16 * 60
KEPT_S: Final = 14 * 24 * 3600
"""The most that SQS has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealArgs:
    """`queue`: its name; `alias`: the key's, with `alias/`. `queue_policy`, `key_policy`: IAM documents.

    `bucket`: the log's name. `after`: what must be there before the key, because KMS refuses a policy about roles that
    do not exist. `protect` makes `pulumi destroy` refuse the key: without it, nobody can seal the log again.
    """

    queue: str
    alias: str
    queue_policy: str
    key_policy: str
    bucket: str
    protect: bool
    after: Sequence[pulumi.Resource] = ()

    def __post_init__(self) -> None:
        """Refuse a key that anybody may sign with, and a queue that anybody may empty."""
        require_text(self, "queue", "queue_policy", "key_policy", "bucket")
        require_start(self, "alias", "alias/")


class Seal(pulumi.ComponentResource):
    """The key and the queue. Outputs: `key_arn` and `queue_url`; S3 sends nothing to the queue before `listen`.

    `signing` is the key and its alias. The log's bucket is made after them and deleted before them.
    """

    key_arn: pulumi.Output[str]
    queue_url: pulumi.Output[str]
    signing: Sequence[pulumi.Resource]

    def __init__(self, name: str, args: SealArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the key, the queue, and who may use them."""
        super().__init__("agent-audit-log:aws:Seal", name, None, opts)
        key = aws.kms.Key(
            f"{name}-key",
            description=f"Signs the checkpoints of the log; {args.queue} is what it is told of",
            customer_master_key_spec="ECC_NIST_EDWARDS25519",
            key_usage="SIGN_VERIFY",
            deletion_window_in_days=KEY_DELETION_WINDOW_DAYS,
            policy=args.key_policy,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, depends_on=[*args.after]),
        )
        alias = aws.kms.Alias(
            f"{name}-alias",
            name=args.alias,
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
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
        self._name, self._args, self._queue, self._policy = name, args, queue, policy
        self.signing = (key, alias)
        self.key_arn = key.arn
        self.queue_url = queue.url
        self.register_outputs({"key_arn": self.key_arn, "queue_url": self.queue_url})

    def listen(self, bucket: pulumi.Resource) -> pulumi.Output[str]:
        """Have S3 tell the queue what is stored in the log's bucket; return the queue's URL, known once it does.

        This is not in the constructor: the bucket is made after the key, and this after the bucket and its settings.
        """
        name = self._name
        told = aws.s3.BucketNotification(
            f"{name}-notification",
            bucket=self._args.bucket,
            queues=[
                {
                    "id": "stored",
                    "queue_arn": self._queue.arn,
                    "events": ["s3:ObjectCreated:*"],
                    "filter_prefix": RECORDS,
                }
            ],
            # S3 tries the queue when it is told of it, and refuses one that it may not send to.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._policy, bucket]),
        )
        return pulumi.Output.all(self._queue.url, told.id).apply(lambda values: values[0])
