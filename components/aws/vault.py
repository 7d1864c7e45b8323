"""The vault: payloads lie there for a day or two, apart from the log, for people who must see what an agent sent.

Guarantee: payloads are encrypted under a key of the stack's own and gone after 24 to 48 hours. One role reads them, and
the log's trail records every read. The log writer cannot read back what it put.

S3 expires an object at the first midnight (UTC) after a whole day, hence the 24 to 48 hours.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_aws as aws

from components.arguments import require_start, require_text
from components.bucket_settings import BucketSettings, register_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

EXPIRES_AFTER_DAYS: Final = 1
KEY_DELETION_WINDOW_DAYS: Final = 7
"""The least that KMS has; by then everything that the key encrypted has expired."""


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
        require_text(self, "name", "policy", "key_policy")
        require_start(self, "alias", "alias/")


class Vault(pulumi.ComponentResource):
    """The bucket and its key. Outputs: `bucket`, its name, known once all of its settings are in place; `key_arn`.

    The key is deleted after the bucket. A vault that still holds payloads cannot be deleted; it stays shut and
    encrypted until they expire.
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
        settings = register_settings(
            name,
            self,
            bucket,
            BucketSettings(
                bucket=args.name, policy=args.policy, key_arn=key.arn, expires_after_days=EXPIRES_AFTER_DAYS
            ),
        )
        self.bucket = pulumi.Output.all(bucket.bucket, *(item.id for item in settings)).apply(lambda known: known[0])
        self.key_arn = key.arn
        self.register_outputs({"bucket": self.bucket, "key_arn": self.key_arn})
