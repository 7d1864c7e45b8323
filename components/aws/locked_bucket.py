"""The log: a bucket in which what is written stays.

Guarantee: by the time that anything can depend on this component's `bucket`, every new object is locked by default for
the whole retention, versions are kept, nothing is public, and the bucket's policy is in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.bucket_settings import LIFECYCLE_PATIENCE, NO_CUSTOMER_KEYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policies.retention import Retention

_ABORT_UPLOADS_AFTER_DAYS = 1


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
        for field, given in (("name", self.name), ("policy", self.policy), ("profile", self.profile)):
            if not given:
                msg = f"LockedBucketArgs.{field}: must not be empty, got {given!r}"
                raise ValueError(msg)


class LockedBucket(pulumi.ComponentResource):
    """The locked bucket and everything that keeps it so.

    Outputs: `bucket`, the bucket's name, known only once every protection is in place, so that whatever takes it
    waits for them; `arn`.

    The retention rule changes in place: what is locked already keeps its own date, and the bucket is never replaced.
    Encryption is with S3's own keys, because whoever may schedule the deletion of a customer key may destroy the log.
    Lifecycle does nothing but abort multipart uploads; nothing expires.

    Each setting waits for the one before: S3 answers 409 to a second change of a bucket during the first. Each is
    deleted with the bucket and never before it, so a bucket that cannot be deleted yet keeps its settings.
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
        protections = self._protections(name, args, bucket)
        self.bucket = pulumi.Output.all(bucket.bucket, *(item.id for item in protections)).apply(_first)
        self.arn = bucket.arn
        self.register_outputs({"bucket": self.bucket, "arn": self.arn})

    def _protections(
        self, name: str, args: LockedBucketArgs, bucket: aws.s3.Bucket
    ) -> tuple[pulumi.CustomResource, ...]:
        """Register everything that keeps the bucket locked, one after the other.

        They take the bucket by its name, not from its output, so that the guardrails see whose protections they are
        before anything exists.
        """
        versioning = aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=args.name,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, depends_on=[bucket], deleted_with=bucket),
        )
        lock = aws.s3.BucketObjectLockConfiguration(
            f"{name}-lock",
            bucket=args.name,
            rule=aws.s3.BucketObjectLockConfigurationRuleArgs(
                default_retention=aws.s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
                    mode=args.retention.mode.value, days=args.retention.days
                )
            ),
            # S3 takes a lock rule only where versions are kept.
            opts=pulumi.ResourceOptions(
                parent=self, protect=args.protect, depends_on=[bucket, versioning], deleted_with=bucket
            ),
        )
        public_access = aws.s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=args.name,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=pulumi.ResourceOptions(
                parent=self, protect=args.protect, depends_on=[bucket, lock], deleted_with=bucket
            ),
        )
        ownership = aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=args.name,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=pulumi.ResourceOptions(
                parent=self, protect=args.protect, depends_on=[bucket, public_access], deleted_with=bucket
            ),
        )
        encryption = aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=args.name,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=(
                        aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                            sse_algorithm="AES256"
                        )
                    ),
                    blocked_encryption_types=NO_CUSTOMER_KEYS,
                )
            ],
            opts=pulumi.ResourceOptions(
                parent=self, protect=args.protect, depends_on=[bucket, ownership], deleted_with=bucket
            ),
        )
        lifecycle = aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=args.name,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="abort-uploads",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    abort_incomplete_multipart_upload=(
                        aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                            days_after_initiation=_ABORT_UPLOADS_AFTER_DAYS
                        )
                    ),
                )
            ],
            timeouts=aws.s3.BucketLifecycleConfigurationTimeoutsArgs(
                create=LIFECYCLE_PATIENCE, update=LIFECYCLE_PATIENCE
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                depends_on=[bucket, encryption],
                deleted_with=bucket,
                custom_timeouts=pulumi.CustomTimeouts(create=LIFECYCLE_PATIENCE, update=LIFECYCLE_PATIENCE),
            ),
        )
        others = (versioning, lock, public_access, ownership, encryption, lifecycle)
        policy = aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=args.name,
            policy=args.policy,
            # Last: it is what refuses changes to all the others.
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, depends_on=others, deleted_with=bucket),
        )
        return (*others, policy)


def _first(values: Sequence[str]) -> str:
    """The bucket's name, out of it and everything that had to be there first."""
    return values[0]
