"""The functions of `aws:`: what they answer, and how they say that something is not there."""

import grpc
import pytest

from tests.local.provider.cases import ACCOUNT
from tests.local.provider.driver import Driver, Refused, assumed, driven

LOCK = "aws:s3/getBucketObjectLockConfiguration:getBucketObjectLockConfiguration"
SESSION = "aws:iam/getSessionContext:getSessionContext"
KEY = "aws:kms/getKey:getKey"
OBJECTS = "aws:s3/getObjects:getObjects"
QUOTA = "aws:servicequotas/getServiceQuota:getServiceQuota"


def test_who_and_where(aws: Driver) -> None:
    """Account, partition and region are the emulator's."""
    assert aws.invoke("aws:index/getCallerIdentity:getCallerIdentity", {})["accountId"] == ACCOUNT
    assert aws.invoke("aws:index/getPartition:getPartition", {})["partition"] == "aws"
    assert aws.invoke("aws:index/getRegion:getRegion", {})["region"] == "eu-central-1"


def test_the_lock_of_a_bucket(aws: Driver) -> None:
    """The default rule comes in the shape that the SDK reads."""
    aws.create("aws:s3/bucket:Bucket", "seen", {"bucket": "seen-log", "objectLockEnabled": True})
    aws.create(
        "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        "seen",
        {"bucket": "seen-log", "rule": {"defaultRetention": {"mode": "COMPLIANCE", "days": 2}}},
    )
    found = aws.invoke(LOCK, {"bucket": "seen-log"})
    assert found["rules"] == [{"defaultRetentions": [{"days": 2, "mode": "COMPLIANCE", "years": 0}]}]
    assert found["objectLockEnabled"] == "Enabled"


def test_a_bucket_that_is_locked_without_a_rule(aws: Driver) -> None:
    """Null and not an empty list, as the official provider answers."""
    aws.create("aws:s3/bucket:Bucket", "ruleless", {"bucket": "ruleless-log", "objectLockEnabled": True})
    assert aws.invoke(LOCK, {"bucket": "ruleless-log"}).get("rules") is None


def test_what_a_bucket_holds(aws: Driver) -> None:
    """Its first keys, null where there are none; a bucket that is not there is an error that says so."""
    aws.create("aws:s3/bucket:Bucket", "holds", {"bucket": "holds-something"})
    assert aws.invoke(OBJECTS, {"bucket": "holds-something"}).get("keys") is None
    for key in ("a", "b"):
        aws.client("s3").put_object(Bucket="holds-something", Key=key, Body=b"")
    assert aws.invoke(OBJECTS, {"bucket": "holds-something", "maxKeys": 1})["keys"] == ["a"]
    with pytest.raises(grpc.RpcError) as missing:
        aws.invoke(OBJECTS, {"bucket": "no-such-bucket"})
    assert "NoSuchBucket" in str(missing.value.details())


def test_a_bucket_that_is_missing_is_told_from_one_that_is_denied(aws: Driver) -> None:
    """The two errors differ as the official provider's do, so that nobody takes `denied` for `first deployment`."""
    aws.create("aws:s3/bucket:Bucket", "secret", {"bucket": "denied-log", "objectLockEnabled": True})
    with pytest.raises(grpc.RpcError) as missing:
        aws.invoke(LOCK, {"bucket": "no-such-log"})
    assert "couldn't find resource" in str(missing.value.details())
    provider, _ = assumed(aws, "reads-no-lock", "s3:ListBucket")
    with driven(provider, {"region": "eu-central-1"}) as other, pytest.raises(grpc.RpcError) as denied:
        other.invoke(LOCK, {"bucket": "denied-log"})
    assert "AccessDenied" in str(denied.value.details())
    assert "couldn't find resource" not in str(denied.value.details())


def test_a_bucket_without_a_lock_has_no_lock_to_find(aws: Driver) -> None:
    """It is `not there` as well: there is no rule that could be shortened."""
    aws.create("aws:s3/bucket:Bucket", "open", {"bucket": "unlocked-log"})
    with pytest.raises(grpc.RpcError) as missing:
        aws.invoke(LOCK, {"bucket": "unlocked-log"})
    assert "couldn't find resource" in str(missing.value.details())


def test_the_role_behind_a_session(aws: Driver) -> None:
    """A session's ARN leads to the role's; any other ARN is its own issuer."""
    provider, arn = assumed(aws, "deploys", "iam:GetRole")
    with driven(provider, {"region": "eu-central-1"}) as other:
        assert other.invoke("aws:index/getCallerIdentity:getCallerIdentity", {})["arn"] == arn
        found = other.invoke(SESSION, {"arn": arn})
    assert (found["issuerArn"], found["issuerName"]) == (f"arn:aws:iam::{ACCOUNT}:role/deploys", "deploys")
    assert found["sessionName"] == "deploying"
    user = f"arn:aws:iam::{ACCOUNT}:user/somebody"
    assert aws.invoke(SESSION, {"arn": user})["issuerArn"] == user
    with pytest.raises(grpc.RpcError) as missing:
        aws.invoke(SESSION, {"arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/nobody/x"})
    assert "couldn't find resource" in str(missing.value.details())


def test_the_state_of_a_key(aws: Driver) -> None:
    """By its alias, which it keeps until it is gone."""
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/looked-at", TargetKeyId=key)
    assert aws.invoke(KEY, {"keyId": "alias/looked-at"})["keyState"] == "Enabled"
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert aws.invoke(KEY, {"keyId": "alias/looked-at"})["keyState"] == "PendingDeletion"
    with pytest.raises(grpc.RpcError) as missing:
        aws.invoke(KEY, {"keyId": "alias/nobody"})
    assert "NotFoundException" in str(missing.value.details())


def test_the_quota_of_concurrent_executions(aws: Driver) -> None:
    """Lambda's quota is what the emulator says; another is not there."""
    assert aws.invoke(QUOTA, {"serviceCode": "lambda", "quotaCode": "L-B99A9384"})["value"] > 0
    with pytest.raises(grpc.RpcError) as missing:
        aws.invoke(QUOTA, {"serviceCode": "s3", "quotaCode": "L-DC2B2D3D"})
    assert "couldn't find resource" in str(missing.value.details())


def test_an_argument_that_is_not_understood_is_refused_by_name(aws: Driver) -> None:
    """As with inputs: nothing is dropped, and what is missing is named."""
    with pytest.raises(Refused) as refused:
        aws.invoke(LOCK, {"bucket": "b", "versionId": "1"})
    assert list(refused.value.failures) == ["versionId"]
    with pytest.raises(Refused) as incomplete:
        aws.invoke(QUOTA, {"quotaCode": "L-B99A9384"})
    assert list(incomplete.value.failures) == ["serviceCode"]


def test_a_function_that_is_not_there_is_refused_by_name(aws: Driver) -> None:
    """The error names it, and what there is."""
    with pytest.raises(grpc.RpcError) as error:
        aws.invoke("aws:ec2/getVpc:getVpc", {})
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "aws:ec2/getVpc:getVpc" in str(error.value.details())
