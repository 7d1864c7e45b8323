#!/usr/bin/env bash
# ministack 1.5.33 (PyPI), an AWS emulator: four ways in which its S3 Object Lock is more permissive than the
# documentation of S3 says. A test that passes there can fail on AWS.
#
# Seen: a default retention of 0 days is stored (S3: at least 1); versioning of a locked bucket can be suspended (S3:
# InvalidBucketState); the object of a multipart upload has no lock (S3: the default rule applies); a put may bring its
# own lock headers with a role that lacks s3:PutObjectRetention (S3: AccessDenied).
# Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
# Needs: python3.11 or newer, network to the package index. Everything else is on loopback.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'ministack[full]==1.5.33'
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
AUTH=true BIND_HOST=127.0.0.1 IOT_MTLS_ENABLED=0 GATEWAY_PORT=$port HOME=$folder venv/bin/ministack > log 2>&1 &
server=$!
PORT=$port venv/bin/python - <<'PY'
import json
import os
import time
import urllib.request
from datetime import UTC, datetime, timedelta

import boto3

url = f"http://127.0.0.1:{os.environ['PORT']}"
for _ in range(100):
    try:
        urllib.request.urlopen(f"{url}/_ministack/health", timeout=1)
        break
    except OSError:
        time.sleep(0.2)


def client(service, key="test", secret="test", token=None):
    return boto3.client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret,
        aws_session_token=token,
    )


s3, iam, sts = client("s3"), client("iam"), client("sts")
s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)


def rule(days):
    retention = {"Mode": "GOVERNANCE", "Days": days}
    s3.put_object_lock_configuration(
        Bucket="locked", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}
    )


rule(0)
stored = s3.get_object_lock_configuration(Bucket="locked")["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
print("0 days:", stored)
assert stored["Days"] == 0

rule(30)
upload = s3.create_multipart_upload(Bucket="locked", Key="parts")["UploadId"]
part = s3.upload_part(Bucket="locked", Key="parts", UploadId=upload, PartNumber=1, Body=b"x")
s3.complete_multipart_upload(
    Bucket="locked", Key="parts", UploadId=upload,
    MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]},
)
s3.put_object(Bucket="locked", Key="whole", Body=b"x", ChecksumAlgorithm="SHA256")
locks = {key: s3.head_object(Bucket="locked", Key=key).get("ObjectLockMode") for key in ("whole", "parts")}
print("locks:", locks)
assert locks == {"whole": "GOVERNANCE", "parts": None}

allow = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::locked/*"}
trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
role = iam.create_role(RoleName="putter", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
iam.put_role_policy(RoleName="putter", PolicyName="put", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
keys = sts.assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="finding")["Credentials"]
putter = client("s3", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
until = datetime.now(UTC) + timedelta(days=1)
putter.put_object(
    Bucket="locked", Key="own", Body=b"x", ChecksumAlgorithm="SHA256", ObjectLockMode="GOVERNANCE",
    ObjectLockRetainUntilDate=until,
)
head = s3.head_object(Bucket="locked", Key="own")
print("own lock:", head["ObjectLockRetainUntilDate"])
assert abs(head["ObjectLockRetainUntilDate"] - until) < timedelta(minutes=1)

s3.put_bucket_versioning(Bucket="locked", VersioningConfiguration={"Status": "Suspended"})
print("versioning:", s3.get_bucket_versioning(Bucket="locked")["Status"])
assert s3.get_bucket_versioning(Bucket="locked")["Status"] == "Suspended"
PY
