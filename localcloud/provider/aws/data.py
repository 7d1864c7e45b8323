"""The functions of `aws:` that the program calls: they look, and change nothing.

Guarantee: a missing resource and one that may not be seen give different errors, in the official provider's words:
`couldn't find resource` for the one, `api error AccessDenied` for the other.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from localcloud.provider.cloud import Cloud, ProviderError, code
from localcloud.provider.schema import Schema, boolean, integer, text
from localcloud.provider.values import Props

_LAMBDA_CONCURRENCY: Final = "L-B99A9384"
_DEFAULT_KEYS: Final = 1000
_NO_BUCKET: Final = ("NoSuchBucket", "404")
_NEEDED: Final = text(required=True)
_GIVEN: Final = text()


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function: its arguments, and what it does with them."""

    inputs: Schema
    run: Callable[[Cloud, Mapping[str, Any]], Props]


@contextmanager
def _absent(msg: str, *codes: str) -> Iterator[None]:
    """Raise `msg`, the official provider's words, if the cloud answers one of `codes`: nothing is there."""
    try:
        yield
    except ClientError as error:
        if code(error) not in codes:
            raise
        raise ProviderError(msg) from error


def _caller_identity(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    del arguments
    found = cloud.client("sts").get_caller_identity()
    return {"accountId": found["Account"], "arn": found["Arn"], "id": found["Account"], "userId": found["UserId"]}


def _partition(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    del cloud, arguments
    return {"dnsSuffix": "amazonaws.com", "id": "aws", "partition": "aws", "reverseDnsPrefix": "com.amazonaws"}


def _region(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    region = arguments.get("region") or arguments.get("name") or cloud.region
    return {"endpoint": f"ec2.{region}.amazonaws.com", **dict.fromkeys(("description", "id", "name", "region"), region)}


def _session_context(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    """Return the role behind a session. Any other ARN is its own issuer, as in the official provider."""
    arn = arguments["arn"]
    kind, _, rest = arn.rpartition(":")[2].partition("/")
    if ":sts:" not in arn or kind != "assumed-role":
        return {"arn": arn, "id": arn, "issuerArn": arn, "issuerId": "", "issuerName": "", "sessionName": ""}
    name, _, session = rest.partition("/")
    msg = f"reading IAM Session Context: unable to get role ({name}): couldn't find resource"
    with _absent(msg, "NoSuchEntity", "NoSuchEntityException"):
        role = cloud.client("iam").get_role(RoleName=name)["Role"]
    issuer = {"issuerArn": role["Arn"], "issuerId": role["RoleId"], "issuerName": role["RoleName"]}
    return {"arn": arn, "id": arn, **issuer, "sessionName": session}


def _service_quota(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    """Return Lambda's concurrency, which is what the emulator knows; it has no Service Quotas."""
    wanted = (arguments["serviceCode"], arguments.get("quotaCode"))
    if wanted != ("lambda", _LAMBDA_CONCURRENCY):
        msg = f"reading Service Quotas Service Quota ({'/'.join(map(str, wanted))}): couldn't find resource"
        raise ProviderError(msg)
    value = cloud.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    arn = cloud.arn("servicequotas", f"lambda/{_LAMBDA_CONCURRENCY}")
    return {"arn": arn, "id": arn, "quotaCode": _LAMBDA_CONCURRENCY, "serviceCode": "lambda", "value": value}


def _object_lock(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    bucket = arguments["bucket"]
    what = f"S3 (Simple Storage) Bucket Object Lock Configuration Data Source ({bucket})"
    with _absent(f"reading {what}: couldn't find resource", *_NO_BUCKET, "ObjectLockConfigurationNotFoundError"):
        found = cloud.client("s3").get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    retention = found.get("Rule", {}).get("DefaultRetention", {})
    default = {"days": retention.get("Days", 0), "mode": retention.get("Mode", ""), "years": retention.get("Years", 0)}
    return {
        "bucket": bucket,
        "objectLockEnabled": found.get("ObjectLockEnabled", ""),
        "region": cloud.region,
        # Null and not an empty list, as the official provider answers.
        "rules": [{"defaultRetentions": [default]}] if retention else None,
    }


def _objects(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    """List the first keys of a bucket; `keys` is null without any, as the official provider answers."""
    bucket, most = arguments["bucket"], arguments.get("maxKeys", _DEFAULT_KEYS)
    msg = f"listing S3 Bucket ({bucket}) Objects: api error NoSuchBucket: The specified bucket does not exist"
    with _absent(msg, *_NO_BUCKET):
        found = cloud.client("s3").list_objects_v2(Bucket=bucket, MaxKeys=most)
    keys = [item["Key"] for item in found.get("Contents", ())]
    return {"bucket": bucket, "id": bucket, "keys": keys or None, "maxKeys": most, "region": cloud.region}


def _bucket_policy(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    bucket = arguments["bucket"]
    with _absent(f"reading S3 Bucket ({bucket}) Policy: couldn't find resource", *_NO_BUCKET, "NoSuchBucketPolicy"):
        found = cloud.client("s3").get_bucket_policy(Bucket=bucket)["Policy"]
    return {"bucket": bucket, "id": bucket, "policy": found, "region": cloud.region}


def _parameter(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    name = arguments["name"]
    with _absent(f"reading SSM Parameter ({name}): couldn't find resource", "ParameterNotFound"):
        found = cloud.client("ssm").get_parameter(Name=name, WithDecryption=arguments.get("withDecryption", True))
    given = found["Parameter"]
    insecure = "" if given["Type"] == "SecureString" else given["Value"]
    about = {"arn": given["ARN"], "type": given["Type"], "version": given["Version"]}
    return {
        **about,
        "id": name,
        "insecureValue": insecure,
        "name": name,
        "region": cloud.region,
        "value": given["Value"],
    }


def _key(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    """Describe a key, by its id, ARN or alias."""
    wanted = arguments["keyId"]
    msg = f"reading KMS Key ({wanted}): api error NotFoundException: {wanted} is not found."
    with _absent(msg, "NotFoundException"):
        found = cloud.client("kms").describe_key(KeyId=wanted)["KeyMetadata"]
    about = {"arn": found["Arn"], "enabled": found["Enabled"], "keyState": found["KeyState"]}
    return {**about, "id": found["KeyId"], "keyId": wanted, "keyUsage": found["KeyUsage"], "region": cloud.region}


_FUNCTIONS: Final[Mapping[str, tuple[Callable[[Cloud, Mapping[str, Any]], Props], Schema]]] = {
    "aws:iam/getSessionContext": (_session_context, {"arn": _NEEDED}),
    "aws:index/getCallerIdentity": (_caller_identity, {"id": _GIVEN}),
    "aws:index/getPartition": (_partition, {"id": _GIVEN}),
    "aws:index/getRegion": (_region, {"id": _GIVEN, "name": _GIVEN}),
    "aws:kms/getKey": (_key, {"keyId": _NEEDED}),
    "aws:s3/getBucketObjectLockConfiguration": (_object_lock, {"bucket": _NEEDED}),
    "aws:s3/getBucketPolicy": (_bucket_policy, {"bucket": _NEEDED}),
    "aws:s3/getObjects": (_objects, {"bucket": _NEEDED, "maxKeys": integer()}),
    "aws:servicequotas/getServiceQuota": (_service_quota, {"quotaCode": _GIVEN, "serviceCode": _NEEDED}),
    "aws:ssm/getParameter": (_parameter, {"name": _NEEDED, "withDecryption": boolean()}),
}
FUNCTIONS: Final[Mapping[str, Function]] = {
    f"{name}:{name.rpartition('/')[2]}": Function(inputs={**arguments, "region": _GIVEN}, run=run)
    for name, (run, arguments) in _FUNCTIONS.items()
}
