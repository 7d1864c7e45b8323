"""The log bucket's own policy: what nobody may do to the log, whatever their role allows.

Guarantee: only the writer adds records: over TLS, under keys of its own form, and never over another record. Only the
sealer adds to the sealed log, in the same way; it may also put a new version of the newest checkpoint. Both have the
bucket's own encryption, so that every reader can read them, and the standard storage class. Only CloudTrail adds
anything else. Nobody deletes, nobody bypasses a governance lock, and only the administrators change these protections.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from audit_core.layout import CHECKPOINT, RECORDS, SEAL, TRAIL
from policies.documents import listed, parse
from policies.iam import Statement, principal_patterns
from policies.place import DEEPER, RECORD_OBJECT, Principal, ResourceNames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policies.iam import Json

DELETIONS: Final = ("s3:DeleteObject", "s3:DeleteObjectVersion")
"""A plain DELETE of a locked object does not fail: it hides it behind a marker. Hence both."""

REPLICATIONS: Final = ("s3:ReplicateDelete", "s3:ReplicateObject")
"""Replication from another bucket puts versions and delete markers here without s3:PutObject or s3:DeleteObject.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
"""

BYPASS: Final = "s3:BypassGovernanceRetention"

PROTECTIONS: Final = (
    "s3:DeleteBucketPolicy",
    "s3:PutBucketAcl",
    "s3:PutBucketNotification",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:PutReplicationConfiguration",
)
"""What changes the bucket's protections: the administrators' alone.

Each is an action on a bucket: S3 refuses a whole policy for one action that its resources cannot have. This
policy also judges what comes through an access point.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
"""

_ADMINISTRATORS_ONLY: Final = "OnlyAdministratorsChangeProtections"

LOOPBACK: Final = ("127.0.0.0/8", "::1/128")


def trail_arn(place: ResourceNames, trail: str) -> str:
    """Return the ARN of a trail of this stack."""
    return f"arn:{place.partition}:cloudtrail:{place.region}:{place.account}:trail/{trail}"


def statements(
    place: ResourceNames, *, administrators: Sequence[str], trail: str | None, loopback: bool = False
) -> list[Statement]:
    """Return the policy's statements.

    `administrators`: ARNs of roles or users. `trail`: name of the CloudTrail trail that delivers under `trail/`, or
    None. `loopback`: lets requests from this very machine do without TLS, for the local cloud, which speaks plain HTTP;
    a request from elsewhere is still refused.
    """
    bucket, objects = place.bucket_arn(), place.objects_arn("")
    records, seal = place.objects_arn(RECORDS), place.objects_arn(SEAL)
    result: list[Statement] = [
        deny("TlsOnly", ["s3:*"], [bucket, objects], without_tls(loopback=loopback)),
        {
            "Sid": "CreateOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:PutObject"],
            # Everything but these two: CloudTrail's puts carry no If-None-Match, and the newest checkpoint is a file of
            # which each version is laid over the one before. Versioning and the lock keep all of both.
            "NotResource": [place.objects_arn(TRAIL), place.object_arn(CHECKPOINT)],
            # AWS's documented form: a put must say If-None-Match. Parts of a multipart upload cannot say it and create
            # no object, which is what s3:ObjectCreationOperation tells apart; completing the upload must say it again.
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
            "Condition": {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
        },
        deny(
            "OnlyTheWriterWritesRecords",
            ["s3:PutObject"],
            [records],
            not_one_of([place.role_arn(Principal.WRITER)]),
        ),
        deny(
            "OnlyTheSealerSeals",
            ["s3:PutObject"],
            [seal],
            not_one_of([place.role_arn(Principal.SEALER)]),
        ),
        deny(
            "OnlyServicesWriteTheTrail",
            ["s3:PutObject"],
            [place.objects_arn(TRAIL)],
            # A request by a role or user that does not carry the key at all is none by a service.
            {"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}},
        ),
        # Readers could stumble over a key that the writer never makes, such as `records/./x`.
        _nothing_elsewhere([place.object_arn(RECORD_OBJECT), seal, place.objects_arn(TRAIL)]),
        deny("NothingIsWrittenDeeper", ["s3:PutObject"], [place.object_arn(DEEPER)]),
        *own_encryption_only([records, seal]),
        standard_class_only([objects]),
        deny("NobodyDeletes", list(DELETIONS), [objects]),
        deny("NobodyReplicatesInto", list(REPLICATIONS), [objects]),
        deny("NobodyBypasses", [BYPASS], [objects]),
        deny(
            "OnlyTheReleaserReleases",
            ["s3:PutObjectLegalHold"],
            [objects],
            {
                "StringEquals": {"s3:object-lock-legal-hold": "OFF"},
                **not_one_of([place.role_arn(Principal.HOLD_RELEASER)]),
            },
        ),
        deny(_ADMINISTRATORS_ONLY, list(PROTECTIONS), [bucket], not_one_of(administrators)),
    ]
    if trail is not None:
        result += _trail_delivery(place, trail)
    return result


def excluded(document: str, principal: str) -> Sequence[str]:
    """Return who may change the protections under a deployed policy, where `principal` is not among them.

    Empty where `principal` may, or where the document has no such refusal: then the policy keeps nobody out.
    """
    for statement in parse(document):
        if statement.get("Sid") == _ADMINISTRATORS_ONLY:
            condition = statement.get("Condition")
            patterns = condition.get("ArnNotLike") if isinstance(condition, Mapping) else None
            named = listed(patterns.get("aws:PrincipalArn")) if isinstance(patterns, Mapping) else []
            return () if principal in named else [arn for arn in named if ":assumed-role/" not in arn]
    return ()


def deny(sid: str, actions: list[str], resources: list[str], condition: dict[str, Json] | None = None) -> Statement:
    """Return a statement that refuses everybody."""
    statement: Statement = {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": [*actions],
        "Resource": [*resources],
    }
    if condition:
        statement["Condition"] = condition
    return statement


def own_encryption_only(objects: Sequence[str]) -> list[Statement]:
    """Refuse a put that names an encryption or a key. A put that names none gets the bucket's own encryption.

    What is put under a key that only the sender has is there, locked, and nobody can ever read it.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
    """
    return [
        deny(f"NoOther{name}", ["s3:PutObject"], [*objects], {"Null": {f"s3:{header}": "false"}})
        for name, header in (
            ("Encryption", "x-amz-server-side-encryption"),
            ("Key", "x-amz-server-side-encryption-aws-kms-key-id"),
            ("KeyOfTheSender", "x-amz-server-side-encryption-customer-algorithm"),
        )
    ]


def standard_class_only(objects: Sequence[str]) -> Statement:
    """Refuse every storage class but the standard one.

    An object in an archive can be read only hours later, or not at all. Some other classes keep it in one zone only.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html
    """
    return deny(
        "NoOtherStorageClass",
        ["s3:PutObject"],
        [*objects],
        {
            "Null": {"s3:x-amz-storage-class": "false"},
            "StringNotEquals": {"s3:x-amz-storage-class": "STANDARD"},
        },
    )


def _nothing_elsewhere(places: Sequence[str]) -> Statement:
    """Nobody puts anything anywhere but in these places; a refusal by exclusion refuses more, not less."""
    return {
        "Sid": "NothingIsWrittenElsewhere",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:PutObject"],
        "NotResource": [*places],
    }


def without_tls(*, loopback: bool) -> dict[str, Json]:
    """Return the condition for a request without TLS."""
    condition: dict[str, Json] = {"Bool": {"aws:SecureTransport": "false"}}
    if loopback:
        condition["NotIpAddress"] = {"aws:SourceIp": [*LOOPBACK]}
    return condition


def not_one_of(principals: Sequence[str]) -> dict[str, Json]:
    """Return the condition for a request by anyone but these principals."""
    patterns: list[Json] = [pattern for arn in principals for pattern in principal_patterns(arn)]
    return {"ArnNotLike": {"aws:PrincipalArn": patterns}}


def _trail_delivery(place: ResourceNames, trail: str) -> list[Statement]:
    """Return the statements that let CloudTrail deliver for this one trail.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
    """
    arn = trail_arn(place, trail)
    service: Json = {"Service": "cloudtrail.amazonaws.com"}
    return [
        {
            "Sid": "CloudTrailLooks",
            "Effect": "Allow",
            "Principal": service,
            "Action": ["s3:GetBucketAcl"],
            "Resource": [place.bucket_arn()],
            "Condition": {"StringEquals": {"aws:SourceArn": arn}},
        },
        {
            "Sid": "CloudTrailDelivers",
            "Effect": "Allow",
            "Principal": service,
            "Action": ["s3:PutObject"],
            "Resource": [place.objects_arn(f"{TRAIL}AWSLogs/{place.account}/")],
            "Condition": {"StringEquals": {"aws:SourceArn": arn, "s3:x-amz-acl": "bucket-owner-full-control"}},
        },
    ]
