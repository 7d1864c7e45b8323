"""The settings of a bucket, which S3 keeps apart from the bucket itself.

Guarantee: nothing in the bucket is public, and its policy is in force once the last setting is made. Every bucket
refuses objects that are encrypted with a key of the sender's (SSE-C), also a bucket that is older than S3's own
default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from policies.retention import Retention

NO_CUSTOMER_KEYS: Final = ["SSE-C"]
"""S3 blocks these on every bucket made since April 2026 and returns them. Left out, each run would show a difference.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/blocking-unblocking-s3-c-encryption-gpb.html
"""
LIFECYCLE_PATIENCE: Final = "15m"
"""The provider waits until S3 gives the same lifecycle ten times in a row, by default for 3 minutes at most.

It reads the input `timeouts`. The option `custom_timeouts` is for a provider that reads only that one.
"""
_ABORT_UPLOADS_AFTER_DAYS: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSettings:
    """What is set on the bucket of the physical name `bucket`; `policy` is JSON text.

    `retention`: the default lock of a versioned bucket, or None for one without versions. `key_arn`: the customer key
    that encrypts, or None for S3's own keys. `expires_after_days`: when an object is removed, or None for never.
    """

    bucket: str
    policy: str
    retention: Retention | None = None
    key_arn: pulumi.Output[str] | None = None
    expires_after_days: int | None = None
    protect: bool | None = None


def register_settings(
    name: str, parent: pulumi.Resource, bucket: aws.s3.Bucket, args: BucketSettings
) -> tuple[pulumi.CustomResource, ...]:
    """Register the settings of a bucket and return them.

    Each takes the bucket by its name, not from an output, so that the guardrails see whose setting it is before
    anything exists. Each waits for those before: S3 answers 409 to a second change of a bucket during the first. Each
    is deleted with the bucket and never before it, so a bucket that cannot be deleted yet keeps its settings.
    """
    made: list[pulumi.CustomResource] = []

    def options(custom_timeouts: pulumi.CustomTimeouts | None = None) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=parent,
            protect=args.protect,
            depends_on=[bucket, *made],
            deleted_with=bucket,
            custom_timeouts=custom_timeouts,
        )

    if args.retention is not None:
        made.append(
            aws.s3.BucketVersioning(
                f"{name}-versioning",
                bucket=args.bucket,
                versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
                opts=options(),
            )
        )
        # S3 takes a lock rule only where versions are kept.
        made.append(
            aws.s3.BucketObjectLockConfiguration(
                f"{name}-lock",
                bucket=args.bucket,
                rule=aws.s3.BucketObjectLockConfigurationRuleArgs(
                    default_retention=aws.s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
                        mode=args.retention.mode.value, days=args.retention.days
                    )
                ),
                opts=options(),
            )
        )
    made.append(
        aws.s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=args.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=options(),
        )
    )
    made.append(
        aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=args.bucket,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=options(),
        )
    )
    made.append(
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption", bucket=args.bucket, rules=[_encryption(args.key_arn)], opts=options()
        )
    )
    made.append(
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=args.bucket,
            rules=[_lifecycle(args.expires_after_days)],
            timeouts=aws.s3.BucketLifecycleConfigurationTimeoutsArgs(
                create=LIFECYCLE_PATIENCE, update=LIFECYCLE_PATIENCE
            ),
            opts=options(pulumi.CustomTimeouts(create=LIFECYCLE_PATIENCE, update=LIFECYCLE_PATIENCE)),
        )
    )
    # Last: it refuses changes to all the others.
    made.append(aws.s3.BucketPolicy(f"{name}-policy", bucket=args.bucket, policy=args.policy, opts=options()))
    return tuple(made)


def _encryption(key_arn: pulumi.Output[str] | None) -> aws.s3.BucketServerSideEncryptionConfigurationRuleArgs:
    default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="AES256" if key_arn is None else "aws:kms", kms_master_key_id=key_arn
    )
    return aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
        apply_server_side_encryption_by_default=default,
        bucket_key_enabled=None if key_arn is None else False,
        blocked_encryption_types=NO_CUSTOMER_KEYS,
    )


def _lifecycle(expires_after_days: int | None) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="abort-uploads" if expires_after_days is None else "expire",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        expiration=None
        if expires_after_days is None
        else aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=expires_after_days),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=_ABORT_UPLOADS_AFTER_DAYS
        ),
    )
