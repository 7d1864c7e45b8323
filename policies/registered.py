"""A resource as a rule sees it, and the names of the types that rules are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class _Unknown:
    """A value that is not known when its resource is registered."""


UNKNOWN: Final = _Unknown()


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A resource as it is registered: Pulumi's type, its logical name, its inputs (camelCase; `UNKNOWN` where open)."""

    type: str
    name: str
    props: Mapping[str, object]


BUCKET: Final = "aws:s3/bucket:Bucket"
BUCKET_POLICY: Final = "aws:s3/bucketPolicy:BucketPolicy"
LOCK: Final = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
VERSIONING: Final = "aws:s3/bucketVersioning:BucketVersioning"
PUBLIC_ACCESS: Final = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
OWNERSHIP: Final = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
ENCRYPTION: Final = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
LIFECYCLE: Final = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
ROLE: Final = "aws:iam/role:Role"
ROLE_POLICY: Final = "aws:iam/rolePolicy:RolePolicy"
LOG_GROUP: Final = "aws:cloudwatch/logGroup:LogGroup"
PERMISSION: Final = "aws:lambda/permission:Permission"
KEY: Final = "aws:kms/key:Key"
PARAMETER: Final = "aws:ssm/parameter:Parameter"
FUNCTION_URL: Final = "aws:lambda/functionUrl:FunctionUrl"


def shown(value: object) -> str:
    """Return a value as a message shows it."""
    return "a value that is not known yet" if value is UNKNOWN else repr(value)
