"""The seal's own policies: who may sign with its key, and who may send to and take from its queue.

Guarantee: only the log sealer signs checkpoints. The administrators manage the key and cannot sign with it: to forge a
checkpoint, they would have to change its policy first, which is recorded. Nobody can take the key out of KMS. Only S3
sends to the queue, and only about the log bucket; only the sealer takes from it. A message only says where to look, so
emptying the queue would delay sealing by a day and do nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.bucket_policy import deny, not_one_of
from policies.iam import Statement
from policies.place import Principal, ResourceNames
from policies.vault_policy import KEY_MANAGEMENT, managed, used

if TYPE_CHECKING:
    from collections.abc import Sequence

NEVER_RENEWED: Final = ("kms:DisableKeyRotation", "kms:EnableKeyRotation")
"""A key that signs is never renewed by KMS: readers know the log by its public half.

To read the rotation status must stay allowed: the official provider does so each time that it reads a key.
"""


def key_statements(place: ResourceNames, *, administrators: Sequence[str]) -> list[Statement]:
    """Return the policy of the signing key. In it, the resource `*` is the key itself.

    The account's root is among those who manage, so that the key is never out of everybody's hands.
    https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
    """
    return [
        managed(place, administrators, [action for action in KEY_MANAGEMENT if action not in NEVER_RENEWED]),
        used("TheSealerSigns", place.role_arn(Principal.SEALER), ["kms:GetPublicKey", "kms:Sign", "kms:Verify"]),
        used("TheAuditorReadsThePublicKey", place.role_arn(Principal.AUDITOR), ["kms:DescribeKey", "kms:GetPublicKey"]),
    ]


def queue_statements(place: ResourceNames) -> list[Statement]:
    """Return the policy of the queue.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
    """
    queue = place.queue_arn()
    return [
        {
            "Sid": "TheLogBucketTells",
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": ["sqs:SendMessage"],
            "Resource": [queue],
            "Condition": {
                "ArnEquals": {"aws:SourceArn": place.bucket_arn()},
                "StringEquals": {"aws:SourceAccount": place.account},
            },
        },
        deny(
            "NobodyElseTells",
            ["sqs:SendMessage"],
            [queue],
            {"ArnNotEquals": {"aws:SourceArn": place.bucket_arn()}},
        ),
        deny(
            "OnlyTheSealerTakes",
            ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:PurgeQueue", "sqs:ReceiveMessage"],
            [queue],
            not_one_of([place.role_arn(Principal.SEALER)]),
        ),
    ]
