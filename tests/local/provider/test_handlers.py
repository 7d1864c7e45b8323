"""What single resource types guarantee beyond the contract: the ways in which they are strict, or careful."""

import base64
import hashlib
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, status_pb2

from localcloud.provider.package import zip_bytes
from localcloud.provider.values import Archive
from tests.local.provider.cases import ACCOUNT, allow, code, deny_on, trust
from tests.local.provider.driver import Driver, Refused, assumed, driven

BUCKET = "aws:s3/bucket:Bucket"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
ROLE = "aws:iam/role:Role"
FUNCTION = "aws:lambda/function:Function"
URL = "aws:lambda/functionUrl:FunctionUrl"
GROUP = "aws:cloudwatch/logGroup:LogGroup"


def _function(aws: Driver, name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - inputs of any type
    _, role = aws.create(ROLE, name, {"name": name, "assumeRolePolicy": trust("lambda.amazonaws.com")})
    return {
        "name": name,
        "role": role["arn"],
        "handler": "app.handler",
        "runtime": "python3.13",
        "code": code("hello"),
        **more,
    }


def test_a_bucket_with_something_in_it_is_not_deleted(aws: Driver) -> None:
    """Nothing empties a bucket, and the error says why it stays."""
    resource_id, state = aws.create(BUCKET, "full", {"bucket": "full-of-records", "objectLockEnabled": True})
    s3 = aws.client("s3")
    s3.put_object(Bucket="full-of-records", Key="records/a", Body=b"kept")
    with pytest.raises(grpc.RpcError) as error:
        aws.delete(BUCKET, "full", resource_id, state)
    assert "BucketNotEmpty" in str(error.value.details())
    assert s3.get_object(Bucket="full-of-records", Key="records/a")["Body"].read() == b"kept"


def test_a_bucket_without_a_lock_is_not_adopted_as_a_locked_one(aws: Driver) -> None:
    """A bucket that somebody made without Object Lock never becomes the log."""
    aws.client("s3").create_bucket(
        Bucket="not-locked", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    with pytest.raises(grpc.RpcError) as error:
        aws.create(BUCKET, "log", {"bucket": "not-locked", "objectLockEnabled": True})
    assert "not with Object Lock" in str(error.value.details())


@pytest.mark.parametrize(
    ("retention", "path"),
    [
        ({"mode": "GOVERNANCE", "days": 0}, "rule.defaultRetention.days"),
        ({"mode": "GOVERNANCE"}, "rule.defaultRetention"),
        ({"mode": "GOVERNANCE", "days": 1, "years": 1}, "rule.defaultRetention"),
        ({"mode": "FOREVER", "days": 1}, "rule.defaultRetention.mode"),
        ({"mode": "GOVERNANCE", "days": 1, "hours": 1}, "rule.defaultRetention.hours"),
        ({"mode": "GOVERNANCE", "days": "1"}, "rule.defaultRetention.days"),
        ({"mode": "GOVERNANCE", "days": 1.5}, "rule.defaultRetention.days"),
        ({"mode": "GOVERNANCE", "days": True}, "rule.defaultRetention.days"),
    ],
)
def test_a_retention_that_aws_would_refuse_is_refused(aws: Driver, retention: dict[str, Any], path: str) -> None:
    """The emulator takes 0 days and more besides; the provider does not, and names the property."""
    with pytest.raises(Refused) as refused:
        aws.check(LOCK, "lock", {"bucket": "b", "rule": {"defaultRetention": retention}})
    assert path in refused.value.failures


def test_versioning_of_a_locked_bucket_stays_on(aws: Driver) -> None:
    """Suspending it is refused as on AWS, and deleting the setting leaves it on."""
    aws.create(BUCKET, "versioned", {"bucket": "versioned-for-ever", "objectLockEnabled": True})
    inputs = {"bucket": "versioned-for-ever", "versioningConfiguration": {"status": "Enabled"}}
    resource_id, state = aws.create(VERSIONING, "versioned", inputs)
    with pytest.raises(grpc.RpcError) as error:
        aws.update(
            VERSIONING, "versioned", resource_id, state, {**inputs, "versioningConfiguration": {"status": "Suspended"}}
        )
    assert "InvalidBucketState" in str(error.value.details())
    aws.delete(VERSIONING, "versioned", resource_id, state)
    assert aws.client("s3").get_bucket_versioning(Bucket="versioned-for-ever")["Status"] == "Enabled"


def test_deleting_the_lock_rule_leaves_the_lock(aws: Driver) -> None:
    """Without its default rule a locked bucket is still a locked one."""
    aws.create(BUCKET, "ruled", {"bucket": "ruled-log", "objectLockEnabled": True})
    inputs = {"bucket": "ruled-log", "rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 3}}}
    resource_id, state = aws.create(LOCK, "ruled", inputs)
    aws.delete(LOCK, "ruled", resource_id, state)
    found = aws.client("s3").get_object_lock_configuration(Bucket="ruled-log")["ObjectLockConfiguration"]
    assert found == {"ObjectLockEnabled": "Enabled"}


def test_a_rule_that_somebody_shortened_is_put_back(aws: Driver) -> None:
    """Drift in the default retention shows in read and diff, and an update mends it."""
    aws.create(BUCKET, "drift", {"bucket": "drifting-log", "objectLockEnabled": True})
    inputs = {"bucket": "drifting-log", "rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 30}}}
    resource_id, state = aws.create(LOCK, "drift", inputs)
    s3 = aws.client("s3")
    s3.put_object_lock_configuration(
        Bucket="drifting-log",
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
        },
    )
    _, found, found_inputs = aws.read(LOCK, "drift", resource_id, state, aws.check(LOCK, "drift", inputs))
    assert found_inputs["rule"] == {"defaultRetention": {"mode": "GOVERNANCE", "days": 1}}
    assert list(aws.diff(LOCK, "drift", resource_id, found, inputs).detailedDiff) == ["rule.defaultRetention.days"]
    assert aws.update(LOCK, "drift", resource_id, found, inputs)["rule"] == inputs["rule"]


def test_a_lifecycle_rule_that_nobody_asked_for_is_a_difference(aws: Driver) -> None:
    """Even what this provider has no name for is not overlooked: here, a transition."""
    aws.create(BUCKET, "moved", {"bucket": "moved-away"})
    rule = {"id": "abort", "status": "Enabled", "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1}}
    inputs = {"bucket": "moved-away", "rules": [rule]}
    resource_id, state = aws.create(LIFECYCLE, "moved", inputs)
    theirs = {"ID": "abort", "Status": "Enabled", "Filter": {"Prefix": ""}}
    aws.client("s3").put_bucket_lifecycle_configuration(
        Bucket="moved-away",
        LifecycleConfiguration={"Rules": [{**theirs, "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]}]},
    )
    _, found, _ = aws.read(LIFECYCLE, "moved", resource_id, state, inputs)
    paths = set(aws.diff(LIFECYCLE, "moved", resource_id, found, inputs).detailedDiff)
    assert "rules[0].Transitions" in paths


def test_a_policy_in_another_order_is_no_difference(aws: Driver) -> None:
    """Policies are compared by what they mean."""
    aws.create(BUCKET, "ordered", {"bucket": "ordered-log"})
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:A", "s3:B"],
        "Resource": ["arn:aws:s3:::ordered-log"],
    }
    inputs = {"bucket": "ordered-log", "policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
    resource_id, state = aws.create(POLICY, "ordered", inputs)
    turned = {
        "Resource": "arn:aws:s3:::ordered-log", "Action": ["s3:B", "s3:A"], "Principal": "*", "Effect": "Deny",
    }  # fmt: skip
    same = {"bucket": "ordered-log", "policy": json.dumps({"Statement": turned, "Version": "2012-10-17"}, indent=2)}
    assert not aws.diff(POLICY, "ordered", resource_id, state, same).detailedDiff
    other = {**inputs, "policy": deny_on("ordered-log", "s3:C")}
    assert list(aws.diff(POLICY, "ordered", resource_id, state, other).detailedDiff) == ["policy"]


def test_what_is_no_json_is_refused(aws: Driver) -> None:
    """A policy has to be a JSON text."""
    with pytest.raises(Refused) as refused:
        aws.check(POLICY, "broken", {"bucket": "b", "policy": "{not json"})
    assert "policy" in refused.value.failures


def test_a_role_with_policies_of_others_stays(aws: Driver) -> None:
    """Only forceDetachPolicies takes away what somebody else hung on a role."""
    inputs = {"name": "held", "assumeRolePolicy": trust("lambda.amazonaws.com")}
    resource_id, state = aws.create(ROLE, "held", inputs)
    iam = aws.client("iam")
    iam.put_role_policy(RoleName="held", PolicyName="theirs", PolicyDocument=allow("s3:GetObject", "*"))
    with pytest.raises(grpc.RpcError) as error:
        aws.delete(ROLE, "held", resource_id, state)
    assert "DeleteConflict" in str(error.value.details())
    aws.delete(ROLE, "held", resource_id, {**state, "forceDetachPolicies": True})
    assert aws.read(ROLE, "held", resource_id, state)[0] == ""


def test_a_role_that_differs_in_what_is_fixed_is_not_adopted(aws: Driver) -> None:
    """A role of the same name under another path cannot become ours, and is not touched."""
    aws.client("iam").create_role(
        RoleName="elsewhere", Path="/theirs/", AssumeRolePolicyDocument=trust("ec2.amazonaws.com")
    )
    with pytest.raises(grpc.RpcError) as error:
        aws.create(ROLE, "elsewhere", {"name": "elsewhere", "assumeRolePolicy": trust("lambda.amazonaws.com")})
    assert "differs in what can only be set at creation: path" in str(error.value.details())
    found = aws.client("iam").get_role(RoleName="elsewhere")["Role"]["AssumeRolePolicyDocument"]
    assert found == json.loads(trust("ec2.amazonaws.com"))


def test_a_function_answers_at_its_url_and_has_the_code_that_was_sent(aws: Driver, tmp_path: Path) -> None:
    """The URL is an ordinary loopback address; the code's digests are those of the zip on disk."""
    package = tmp_path / "package.zip"
    package.write_bytes(zip_bytes(code("from a zip")))
    digest = hashlib.sha256(package.read_bytes())
    inputs = _function(aws, "answering", code=Archive(path=str(package)))
    _, state = aws.create(FUNCTION, "answering", inputs)
    assert aws.client("lambda").get_function_configuration(FunctionName="answering")["State"] == "Active"
    assert state["codeSha256"] == state["sourceCodeHash"] == base64.b64encode(digest.digest()).decode()
    assert state["code"] == Archive(path=str(package), hash=digest.hexdigest())
    _, url = aws.create(URL, "answering", {"functionName": "answering", "authorizationType": "NONE"})
    assert url["functionUrl"].startswith(f"{aws.endpoint}/_aws/lambda-url/")
    with urllib.request.urlopen(url["functionUrl"], timeout=30) as answer:  # noqa: S310 - http, loopback
        assert json.load(answer) == {"body": "from a zip"}


def test_an_open_url_comes_with_the_statement_that_the_official_provider_adds(aws: Driver) -> None:
    """A program that lists a function's permissions meets the same here."""
    aws.create(FUNCTION, "listed", _function(aws, "listed"))
    aws.create(URL, "listed", {"functionName": "listed", "authorizationType": "NONE"})
    statements = json.loads(aws.client("lambda").get_policy(FunctionName="listed")["Policy"])["Statement"]
    assert [statement["Sid"] for statement in statements] == ["FunctionURLAllowPublicAccess"]


def test_code_that_somebody_else_deployed_is_replaced(aws: Driver) -> None:
    """Code that is not ours shows in the next diff, and an update puts ours back."""
    inputs = _function(aws, "tampered")
    resource_id, state = aws.create(FUNCTION, "tampered", inputs)
    aws.client("lambda").update_function_code(FunctionName="tampered", ZipFile=zip_bytes(code("evil")))
    checked = aws.check(FUNCTION, "tampered", inputs)
    _, found, _ = aws.read(FUNCTION, "tampered", resource_id, state, checked)
    assert list(aws.diff(FUNCTION, "tampered", resource_id, found, inputs).detailedDiff) == ["code"]
    mended = aws.update(FUNCTION, "tampered", resource_id, found, inputs)
    assert mended["codeSha256"] == state["codeSha256"]


def test_a_lost_function_with_other_code_is_found_as_different(aws: Driver) -> None:
    """Looked for without an id, a function with other code than asked is found, and is a difference."""
    inputs = _function(aws, "lost")
    aws.create(FUNCTION, "lost", {**inputs, "code": code("older")})
    checked = aws.check(FUNCTION, "lost", inputs)
    found_id, found, _ = aws.read(FUNCTION, "lost", "", inputs=checked)
    assert found_id == "lost"
    assert list(aws.diff(FUNCTION, "lost", found_id, found, inputs).detailedDiff) == ["code"]


def test_a_previewed_change_of_code_leaves_its_digest_open(aws: Driver) -> None:
    """What follows from the code is unknown until it runs; the ARN stays known."""
    inputs = _function(aws, "planned")
    resource_id, state = aws.create(FUNCTION, "planned", inputs)
    planned = aws.update(FUNCTION, "planned", resource_id, state, {**inputs, "code": code("new")}, preview=True)
    open_now = {name for name, value in planned.items() if str(value) == "Unknown.UNKNOWN"}
    assert open_now == {"codeSha256", "lastModified", "sourceCodeHash", "sourceCodeSize"}
    assert planned["arn"] == state["arn"]


@pytest.mark.parametrize(
    ("inputs", "path"),
    [
        ({"environment": {"variables": {"A": "x" * 4096}}}, "environment.variables"),
        ({"reservedConcurrentExecutions": -2}, "reservedConcurrentExecutions"),
        ({"architectures": ["sparc"]}, "architectures[0]"),
        ({"packageType": "Image"}, "packageType"),
        ({"layers": ["arn:aws:lambda:x"]}, "layers"),
        ({"code": "a.zip"}, "code"),
    ],
)
def test_a_function_that_aws_would_refuse_is_refused(aws: Driver, inputs: dict[str, Any], path: str) -> None:
    """The emulator takes a 10 KB environment; AWS allows 4 KB, and so does the provider."""
    given = {"role": "r", "handler": "h", "runtime": "python3.13", "code": code("x"), **inputs}
    with pytest.raises(Refused) as refused:
        aws.check(FUNCTION, "refused", given)
    assert list(refused.value.failures) == [path]


def test_a_broken_package_names_the_file(aws: Driver, tmp_path: Path) -> None:
    """A file that is no zip, or is not there, is an error about that file."""
    (tmp_path / "broken.zip").write_bytes(b"not a zip")
    for name, said in (("broken.zip", "is not a zip file"), ("missing.zip", "No such file")):
        with pytest.raises(grpc.RpcError) as error:
            aws.check(FUNCTION, "broken", {**_role_free(), "code": Archive(path=str(tmp_path / name))})
        assert name in str(error.value.details())
        assert said in str(error.value.details())


def _role_free() -> dict[str, Any]:
    return {"name": "broken", "role": "r", "handler": "h", "runtime": "python3.13"}


def test_what_was_made_in_part_is_reported_with_its_id(aws: Driver) -> None:
    """A bucket that could be made but not tagged is there all the same; the engine has to know."""
    provider, _ = assumed(aws, "tags-nothing", "s3:CreateBucket", "s3:GetBucket*", "s3:ListBucket")
    with driven(provider, {"region": "eu-central-1"}) as other, pytest.raises(grpc.RpcError) as error:
        other.create(BUCKET, "partly", {"bucket": "half-a-bucket", "tags": {"a": "1"}})
    details = {entry.key: entry.value for entry in error.value.trailing_metadata()}["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(details)
    failed = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(failed)
    assert failed.id == "half-a-bucket"
    assert failed.properties.fields["arn"].string_value == "arn:aws:s3:::half-a-bucket"
    assert "PutBucketTagging answered 403: api error AccessDenied" in failed.reasons[0]
    # Whoever may do it completes it.
    _, state = aws.create(BUCKET, "partly", {"bucket": "half-a-bucket", "tags": {"a": "1"}})
    assert state["tags"] == {"a": "1"}


def test_a_log_group_can_be_kept(aws: Driver) -> None:
    """With skipDestroy the group outlives its resource."""
    resource_id, state = aws.create(GROUP, "kept", {"name": "/kept", "skipDestroy": True})
    aws.delete(GROUP, "kept", resource_id, state)
    assert aws.read(GROUP, "kept", resource_id, state)[0] == "/kept"


def test_days_that_cloudwatch_does_not_know_are_refused(aws: Driver) -> None:
    """Retention in days comes from a fixed list."""
    with pytest.raises(Refused) as refused:
        aws.check(GROUP, "odd", {"name": "/odd", "retentionInDays": 42})
    assert "retentionInDays" in refused.value.failures


@pytest.mark.parametrize(
    ("token", "inputs", "path"),
    [
        ("aws:cloudwatch/eventRule:EventRule", {"name": "r"}, "eventPattern"),
        (
            "aws:cloudwatch/eventTarget:EventTarget",
            {"rule": "r", "arn": "a", "input": "x", "inputPath": "$"},
            "inputPath",
        ),
        (
            "aws:cloudwatch/metricAlarm:MetricAlarm",
            {
                "comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 1, "threshold": 1, "period": 60,
                "metricName": "m", "namespace": "n",
            },
            "statistic",
        ),
        (
            "aws:cloudwatch/logMetricFilter:LogMetricFilter",
            {
                "logGroupName": "g",
                "pattern": "",
                "metricTransformation": {
                    "name": "n", "namespace": "s", "value": "1", "defaultValue": "0", "dimensions": {"a": "$.a"},
                },
            },
            "metricTransformation.defaultValue",
        ),
    ],
)  # fmt: skip
def test_inputs_that_contradict_each_other_are_refused(
    aws: Driver, token: str, inputs: dict[str, Any], path: str
) -> None:
    """Each such pair is refused before anything is made."""
    with pytest.raises(Refused) as refused:
        aws.check(token, "contradiction", inputs)
    assert list(refused.value.failures) == [path]


def test_a_subscription_that_waits_for_its_confirmation_is_found_again(aws: Driver) -> None:
    """The emulator does not tell a pending subscription's ARN when it is made; the list does."""
    topic, subscription = "aws:sns/topic:Topic", "aws:sns/topicSubscription:TopicSubscription"
    _, state = aws.create(topic, "pending", {"name": "pending"})
    inputs = {"topic": state["arn"], "protocol": "http", "endpoint": "http://127.0.0.1:9/never"}
    resource_id, found = aws.create(subscription, "pending", inputs)
    assert resource_id.startswith(state["arn"])
    assert found["pendingConfirmation"] is True


def test_names_of_this_account_and_region(aws: Driver) -> None:
    """ARNs are of the region that was configured."""
    _, state = aws.create("aws:sns/topic:Topic", "here", {"name": "here"})
    assert state["arn"] == f"arn:aws:sns:eu-central-1:{ACCOUNT}:here"
