"""The settings of a bucket, which S3 keeps apart from the bucket itself.

Guarantee: nothing in the bucket is public, and its policy is in force once the last setting is made. Every bucket
refuses objects that are encrypted with a key of the sender's (SSE-C), also a bucket that is older than S3's own
default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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

    def add(
        kind: Callable[..., pulumi.CustomResource], what: str, inputs: Mapping[str, Any], *, patience: str | None = None
    ) -> None:
        options = pulumi.ResourceOptions(
            parent=parent,
            protect=args.protect,
            depends_on=[bucket, *made],
            deleted_with=bucket,
            custom_timeouts=pulumi.CustomTimeouts(create=patience, update=patience) if patience else None,
        )
        made.append(kind(f"{name}-{what}", bucket=args.bucket, opts=options, **inputs))

    if args.retention is not None:
        add(aws.s3.BucketVersioning, "versioning", {"versioning_configuration": {"status": "Enabled"}})
        # S3 takes a lock rule only where versions are kept.
        lock = {"mode": args.retention.mode.value, "days": args.retention.days}
        add(aws.s3.BucketObjectLockConfiguration, "lock", {"rule": {"default_retention": lock}})
    blocks = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    add(aws.s3.BucketPublicAccessBlock, "public-access", dict.fromkeys(blocks, True))
    add(aws.s3.BucketOwnershipControls, "ownership", {"rule": {"object_ownership": "BucketOwnerEnforced"}})
    encryption: dict[str, Any] = {"blocked_encryption_types": NO_CUSTOMER_KEYS}
    if args.key_arn is None:
        encryption["apply_server_side_encryption_by_default"] = {"sse_algorithm": "AES256"}
    else:
        by_key = {"sse_algorithm": "aws:kms", "kms_master_key_id": args.key_arn}
        encryption |= {"apply_server_side_encryption_by_default": by_key, "bucket_key_enabled": False}
    add(aws.s3.BucketServerSideEncryptionConfiguration, "encryption", {"rules": [encryption]})
    lifecycle: dict[str, Any] = {
        "id": "abort-uploads",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "abort_incomplete_multipart_upload": {"days_after_initiation": _ABORT_UPLOADS_AFTER_DAYS},
    }
    if args.expires_after_days is not None:
        lifecycle |= {"id": "expire", "expiration": {"days": args.expires_after_days}}
    waits = {"timeouts": {"create": LIFECYCLE_PATIENCE, "update": LIFECYCLE_PATIENCE}}
    add(aws.s3.BucketLifecycleConfiguration, "lifecycle", {"rules": [lifecycle], **waits}, patience=LIFECYCLE_PATIENCE)
    # Last: it refuses changes to all the others.
    add(aws.s3.BucketPolicy, "policy", {"policy": args.policy})
    return tuple(made)
