"""The log: a bucket in which what is written stays.

Guarantee: by the time that anything can depend on this component's `bucket`, every new object is locked by default for
the whole retention, versions are kept, nothing is public, and the bucket's policy is in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.arguments import require_text
from components.bucket_settings import BucketSettings, register_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policies.retention import Retention


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedBucketArgs:
    """What the log is: its physical name, its retention, and its policy (JSON text, from `policies.bucket_policy`).

    `profile` is written on the bucket, where the guardrails read which retention is the least. `protect` makes
    `pulumi destroy` refuse whatever keeps the log locked. `after`: resources that readers need beside the
    log. They are made before the bucket and deleted after it, so they stay as long as the bucket holds records.
    """

    name: str
    retention: Retention
    policy: str
    profile: str
    protect: bool
    after: Sequence[pulumi.Resource] = ()

    def __post_init__(self) -> None:
        """Refuse an empty name or policy."""
        require_text(self, "name", "policy", "profile")


class LockedBucket(pulumi.ComponentResource):
    """The locked bucket and everything that keeps it so.

    Outputs: `bucket`, the bucket's name, known only once every protection is in place, so that whatever takes it
    waits for them; `arn`.

    The retention rule changes in place: what is locked already keeps its own date, and the bucket is never replaced.
    Encryption is with S3's own keys, because whoever may schedule the deletion of a customer key may destroy the log.
    Lifecycle does nothing but abort multipart uploads; nothing expires.
    """

    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: LockedBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the bucket and its protections."""
        super().__init__("agent-audit-log:aws:LockedBucket", name, None, opts)
        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=args.name,
            object_lock_enabled=True,
            tags={"audit-log:kind": "log", "audit-log:profile": args.profile},
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, depends_on=[*args.after]),
        )
        settings = register_settings(
            name,
            self,
            bucket,
            BucketSettings(bucket=args.name, policy=args.policy, retention=args.retention, protect=args.protect),
        )
        self.bucket = pulumi.Output.all(bucket.bucket, *(item.id for item in settings)).apply(lambda known: known[0])
        self.arn = bucket.arn
        self.register_outputs({"bucket": self.bucket, "arn": self.arn})
