"""The vault's own policies: who may put payloads there, who may read them, and who may use their key.

Guarantee: the log writer adds and cannot read back; the vault's reader reads and cannot add. Nobody else does either,
whatever their role allows. Everything goes over TLS and under the vault's own key. The administrators manage bucket and
key, and decrypt nothing: to read, they would have to change a policy first, which is recorded and raises an alarm.

Nothing here keeps payloads from being deleted: a vault should be empty again soon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from audit_core.layout import PAYLOADS
from policies.bucket_policy import (
    PROTECTIONS,
    deny,
    not_one_of,
    own_encryption_only,
    standard_class_only,
    without_tls,
)
from policies.iam import Statement
from policies.place import Principal, ResourceNames

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policies.iam import Json

READS: Final = ("s3:GetObject", "s3:GetObjectAttributes", "s3:GetObjectTorrent", "s3:GetObjectVersion")
KEY_MANAGEMENT: Final = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
"""What an administrator does with a key. Not CreateGrant: a grant gives the use of the key to whoever it names.

https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
"""


def bucket_statements(
    place: ResourceNames, *, administrators: Sequence[str], loopback: bool = False
) -> list[Statement]:
    """Return the policy of the vault's bucket. For the parameters see `policies.bucket_policy.statements`."""
    bucket, objects, payloads = place.vault_arn(), place.payloads_arn(""), place.payloads_arn(PAYLOADS)
    return [
        deny("TlsOnly", ["s3:*"], [bucket, objects], without_tls(loopback=loopback)),
        deny("OnlyTheWriterPuts", ["s3:PutObject"], [objects], not_one_of([place.role_arn(Principal.WRITER)])),
        {
            "Sid": "NothingIsPutElsewhere",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:PutObject"],
            "NotResource": [payloads],
        },
        deny("OnlyTheVaultReaderReads", list(READS), [objects], not_one_of([place.role_arn(Principal.VAULT_READER)])),
        *own_encryption_only([objects]),
        standard_class_only([objects]),
        deny("OnlyAdministratorsChangeProtections", list(PROTECTIONS), [bucket], not_one_of(administrators)),
    ]


def key_statements(place: ResourceNames, *, administrators: Sequence[str]) -> list[Statement]:
    """Return the policy of the vault's key. In it, the resource `*` is the key itself.

    The account's root is among those who manage, so that the key is never out of everybody's hands; a statement for the
    root lets the account's own IAM policies give these actions to others, and these alone.
    https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
    """
    # IAM compares values of an encryption context as text, even an ARN.
    # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-encryption-context
    payloads: dict[str, Json] = {"StringLike": {"kms:EncryptionContext:aws:s3:arn": place.payloads_arn(PAYLOADS)}}
    return [
        managed(place, administrators, KEY_MANAGEMENT),
        # All that a put takes: S3 asks for a data key, encrypts with it and forgets it. A bucket key would save calls,
        # and take kms:Decrypt of whoever puts. https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
        used("TheWriterEncrypts", place.role_arn(Principal.WRITER), ["kms:GenerateDataKey"], {**payloads}),
        used("TheVaultReaderDecrypts", place.role_arn(Principal.VAULT_READER), ["kms:Decrypt"], {**payloads}),
    ]


def managed(place: ResourceNames, administrators: Sequence[str], actions: Iterable[str]) -> Statement:
    """Return the statement of a key's policy that lets the administrators and the account's root manage the key."""
    root = f"arn:{place.partition}:iam::{place.account}:root"
    return {
        "Sid": "AdministratorsManage",
        "Effect": "Allow",
        "Principal": {"AWS": [*dict.fromkeys([root, *administrators])]},
        "Action": [*actions],
        "Resource": "*",
    }


def used(sid: str, role_arn: str, actions: Sequence[str], condition: dict[str, Json] | None = None) -> Statement:
    """Return a statement of a key's policy that lets one role use the key."""
    statement: Statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": role_arn},
        "Action": [*actions],
        "Resource": "*",
    }
    if condition:
        statement["Condition"] = condition
    return statement
