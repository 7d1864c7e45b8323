"""The functions of `aws:` that the program calls: they look, and change nothing.

Guarantee: a thing that is not there and a thing that may not be seen give different errors, in the official provider's
words: `couldn't find resource` for the one, `api error AccessDenied` for the other.
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
_DEFAULT_CONCURRENCY: Final = 1000
_DEFAULT_KEYS: Final = 1000
_NO_BUCKET: Final = ("NoSuchBucket", "404")
_REGION: Final = text()


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function: its arguments, and what it does with them."""

    inputs: Schema
    run: Callable[[Cloud, Mapping[str, Any]], Props]


def _caller_identity(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    del arguments
    found = cloud.client("sts").get_caller_identity()
    return {
        "accountId": found["Account"],
        "arn": found["Arn"],
        "id": found["Account"],
        "userId": found["UserId"],
    }


def _partition(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    del cloud, arguments
    return {"dnsSuffix": "amazonaws.com", "id": "aws", "partition": "aws", "reverseDnsPrefix": "com.amazonaws"}


def _region(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    region = arguments.get("region") or arguments.get("name") or cloud.region
    return {
        "description": f"the local cloud, as {region}",
        "endpoint": f"ec2.{region}.amazonaws.com",
        "id": region,
        "name": region,
        "region": region,
    }


@contextmanager
def _absent(msg: str, *codes: str) -> Iterator[None]:
    """Raise `msg`, the official provider's words, when the cloud answers that there is nothing (one of `codes`)."""
    try:
        yield
    except ClientError as error:
        if code(error) not in codes:
            raise
        raise ProviderError(msg) from error


def _session_context(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    """The role behind an assumed role's session; anything else is its own issuer, as in the official provider."""
    arn = arguments["arn"]
    kind, _, rest = arn.rpartition(":")[2].partition("/")
    if ":sts:" not in arn or kind != "assumed-role":
        return {"arn": arn, "id": arn, "issuerArn": arn, "issuerId": "", "issuerName": "", "sessionName": ""}
    name, _, session = rest.partition("/")
    msg = f"reading IAM Session Context: unable to get role ({name}): couldn't find resource"
    with _absent(msg, "NoSuchEntity", "NoSuchEntityException"):
        role = cloud.client("iam").get_role(RoleName=name)["Role"]
    return {
        "arn": arn,
        "id": arn,
        "issuerArn": role["Arn"],
        "issuerId": role["RoleId"],
        "issuerName": role["RoleName"],
        "sessionName": session,
    }


def _service_quota(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    """Lambda's concurrency, which is what the emulator knows; it has no Service Quotas."""
    wanted = (arguments["serviceCode"], arguments.get("quotaCode"))
    if wanted != ("lambda", _LAMBDA_CONCURRENCY):
        msg = f"reading Service Quotas Service Quota ({'/'.join(map(str, wanted))}): couldn't find resource"
        raise ProviderError(msg)
    value = cloud.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    arn = cloud.arn("servicequotas", f"lambda/{_LAMBDA_CONCURRENCY}")
    return {
        "adjustable": True,
        "arn": arn,
        "defaultValue": _DEFAULT_CONCURRENCY,
        "globalQuota": False,
        "id": arn,
        "quotaCode": _LAMBDA_CONCURRENCY,
        "quotaName": "Concurrent executions",
        "region": cloud.region,
        "serviceCode": "lambda",
        "serviceName": "AWS Lambda",
        "usageMetrics": [],
        "value": value,
    }


def _object_lock(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    bucket = arguments["bucket"]
    what = "S3 (Simple Storage) Bucket Object Lock Configuration Data Source"
    with _absent(
        f"reading {what} ({bucket}): couldn't find resource", *_NO_BUCKET, "ObjectLockConfigurationNotFoundError"
    ):
        found = cloud.client("s3").get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    retention = found.get("Rule", {}).get("DefaultRetention", {})
    default = {"days": retention.get("Days", 0), "mode": retention.get("Mode", ""), "years": retention.get("Years", 0)}
    return {
        "bucket": bucket,
        "expectedBucketOwner": arguments.get("expectedBucketOwner"),
        "objectLockEnabled": found.get("ObjectLockEnabled", ""),
        "region": cloud.region,
        # Null and not an empty list, as the official provider answers.
        "rules": [{"defaultRetentions": [default]}] if retention else None,
    }


def _objects(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    """List the first keys of a bucket; `keys` is null where there are none, as the official provider answers."""
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
    parameter = found["Parameter"]
    return {
        "arn": parameter["ARN"],
        "id": name,
        "insecureValue": "" if parameter["Type"] == "SecureString" else parameter["Value"],
        "name": name,
        "region": cloud.region,
        "type": parameter["Type"],
        "value": parameter["Value"],
        "version": parameter["Version"],
    }


def _key(cloud: Cloud, arguments: Mapping[str, Any]) -> Props:
    """Describe a key, by its id, ARN or alias."""
    wanted = arguments["keyId"]
    msg = f"reading KMS Key ({wanted}): api error NotFoundException: {wanted} is not found."
    with _absent(msg, "NotFoundException"):
        found = cloud.client("kms").describe_key(KeyId=wanted)["KeyMetadata"]
    return {
        "arn": found["Arn"],
        "enabled": found["Enabled"],
        "id": found["KeyId"],
        "keyId": wanted,
        "keyState": found["KeyState"],
        "keyUsage": found["KeyUsage"],
        "region": cloud.region,
    }


FUNCTIONS: Final[Mapping[str, Function]] = {
    "aws:iam/getSessionContext:getSessionContext": Function(inputs={"arn": text(required=True)}, run=_session_context),
    "aws:index/getCallerIdentity:getCallerIdentity": Function(inputs={"id": text()}, run=_caller_identity),
    "aws:index/getPartition:getPartition": Function(inputs={"id": text()}, run=_partition),
    "aws:index/getRegion:getRegion": Function(inputs={"id": text(), "name": text(), "region": _REGION}, run=_region),
    "aws:s3/getBucketPolicy:getBucketPolicy": Function(
        inputs={"bucket": text(required=True), "region": _REGION}, run=_bucket_policy
    ),
    "aws:ssm/getParameter:getParameter": Function(
        inputs={"name": text(required=True), "region": _REGION, "withDecryption": boolean()}, run=_parameter
    ),
    "aws:kms/getKey:getKey": Function(inputs={"keyId": text(required=True), "region": _REGION}, run=_key),
    "aws:s3/getBucketObjectLockConfiguration:getBucketObjectLockConfiguration": Function(
        inputs={"bucket": text(required=True), "expectedBucketOwner": text(), "region": _REGION}, run=_object_lock
    ),
    "aws:s3/getObjects:getObjects": Function(
        inputs={"bucket": text(required=True), "maxKeys": integer(), "region": _REGION}, run=_objects
    ),
    "aws:servicequotas/getServiceQuota:getServiceQuota": Function(
        inputs={"quotaCode": text(), "quotaName": text(), "region": _REGION, "serviceCode": text(required=True)},
        run=_service_quota,
    ),
}
