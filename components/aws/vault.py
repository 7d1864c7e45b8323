"""The vault: where payloads lie for a day or two, apart from the log, for whoever has to see what an agent really sent.

Guarantee: what is put there is encrypted under a key of the stack's own, is gone 24 to 48 hours later, and is read
through one role, every read of which is recorded in the log's trail; the log writer cannot read back what it put.

S3 expires an object at the first midnight (UTC) after a whole day, hence the 24 to 48 hours.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_aws as aws

from components.bucket_settings import LIFECYCLE_PATIENCE, NO_CUSTOMER_KEYS

if TYPE_CHECKING:
    from collections.abc import Sequence

EXPIRES_AFTER_DAYS: Final = 1
KEY_DELETION_WINDOW_DAYS: Final = 7
"""The least that KMS has; by then all that the key encrypted has expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultArgs:
    """`name`: the bucket's; `alias`: the key's, with `alias/`. `policy`, `key_policy`: IAM documents.

    `after`: what must be there before the key, because KMS refuses a policy about roles that do not exist.
    """

    name: str
    alias: str
    policy: str
    key_policy: str
    after: Sequence[pulumi.Resource] = ()

    def __post_init__(self) -> None:
        """Refuse a vault that anybody could open."""
        for field in ("name", "policy", "key_policy"):
            if not getattr(self, field):
                msg = f"VaultArgs.{field}: must not be empty, got {getattr(self, field)!r}"
                raise ValueError(msg)
        if not self.alias.startswith("alias/"):
            msg = f"VaultArgs.alias: must begin with alias/, got {self.alias!r}"
            raise ValueError(msg)


class Vault(pulumi.ComponentResource):
    """The bucket and its key. Outputs: `bucket`, its name, known once all that shuts it is in place; `key_arn`.

    Each setting waits for the one before: S3 answers 409 to a second change of a bucket during the first. Each is
    deleted with the bucket and never before it, and the key after the bucket. A vault that still holds payloads cannot
    be deleted; it stays shut and encrypted until they expire.
    """

    bucket: pulumi.Output[str]
    key_arn: pulumi.Output[str]

    def __init__(self, name: str, args: VaultArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the key, the bucket and everything that shuts it."""
        super().__init__("agent-audit-log:aws:Vault", name, None, opts)
        key = aws.kms.Key(
            f"{name}-key",
            description=f"Payloads in {args.name}",
            enable_key_rotation=True,
            deletion_window_in_days=KEY_DELETION_WINDOW_DAYS,
            policy=args.key_policy,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*args.after]),
        )
        alias = aws.kms.Alias(
            f"{name}-alias",
            name=args.alias,
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=args.name,
            tags={"audit-log:kind": "vault"},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[key, alias]),
        )
        settings = self._settings(name, args, bucket, key)
        self.bucket = pulumi.Output.all(bucket.bucket, *(item.id for item in settings)).apply(lambda known: known[0])
        self.key_arn = key.arn
        self.register_outputs({"bucket": self.bucket, "key_arn": self.key_arn})

    def _settings(
        self, name: str, args: VaultArgs, bucket: aws.s3.Bucket, key: aws.kms.Key
    ) -> tuple[pulumi.CustomResource, ...]:
        """Register what shuts and empties the bucket, by its name, so that the guardrails see whose each setting is."""
        public_access = aws.s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=args.name,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[bucket], deleted_with=bucket),
        )
        ownership = aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=args.name,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[bucket, public_access], deleted_with=bucket),
        )
        encryption = aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=args.name,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=(
                        aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                            sse_algorithm="aws:kms", kms_master_key_id=key.arn
                        )
                    ),
                    bucket_key_enabled=False,
                    blocked_encryption_types=NO_CUSTOMER_KEYS,
                )
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[bucket, ownership], deleted_with=bucket),
        )
        lifecycle = aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=args.name,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="expire",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=EXPIRES_AFTER_DAYS),
                    abort_incomplete_multipart_upload=(
                        aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                            days_after_initiation=EXPIRES_AFTER_DAYS
                        )
                    ),
                )
            ],
            timeouts=aws.s3.BucketLifecycleConfigurationTimeoutsArgs(
                create=LIFECYCLE_PATIENCE, update=LIFECYCLE_PATIENCE
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[bucket, encryption],
                deleted_with=bucket,
                custom_timeouts=pulumi.CustomTimeouts(create=LIFECYCLE_PATIENCE, update=LIFECYCLE_PATIENCE),
            ),
        )
        others = (public_access, ownership, encryption, lifecycle)
        policy = aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=args.name,
            policy=args.policy,
            # Last: it is what refuses changes to all the others.
            opts=pulumi.ResourceOptions(parent=self, depends_on=others, deleted_with=bucket),
        )
        return (*others, policy)
