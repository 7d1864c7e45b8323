"""A locked bucket, a queue that is told of it and a signing key, in the emulator; and sealers of them."""

import gzip
import hashlib
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import orjson
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit_core.entries import Entry, parse_entry
from audit_core.merkle import leaf_hash
from audit_core.notes import Checkpoint, open_checkpoint, parse_key
from audit_core.tiles import Edge, unbundle
from aws_client.services import JsonService
from aws_client.signed import Credentials, SignedClient
from localcloud.emulator import Emulator
from log_sealer.bucket import Bucket
from log_sealer.ledger import Ledger
from log_sealer.sealer import Sealer
from log_sealer.services import KmsSigner, Notices

REGION = "eu-central-1"
ORIGIN = "log.example/seal"
DAYS = 30
VISIBILITY_SECONDS = 2
_names = itertools.count()


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature is good."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


@dataclass(slots=True, kw_only=True)
class Place:
    """One bucket with its queue and key; `alarms`: what its sealers told of."""

    url: str
    bucket: str
    queue_url: str
    key_id: str
    s3: Any
    sqs: Any
    alarms: list[tuple[str, str]] = field(default_factory=list)

    def sealer(
        self,
        wrap: Callable[[SignedClient], SignedClient] = lambda client: client,
        *,
        days: int = 0,
        retention_days: int = DAYS,
    ) -> Sealer:
        """Return a sealer as the function makes it, `days` from now; `wrap` may stand between it and the network."""
        credentials = Credentials(access_key="test", secret_key="test")
        client = wrap(SignedClient(region=REGION, credentials=lambda: credentials, connections=20))
        bucket = Bucket(name=self.bucket, client=client, endpoint_url=self.url)

        def alarm(kind: str, key: str) -> None:
            self.alarms.append((kind, key))

        return Sealer(
            bucket=bucket,
            ledger=Ledger(
                bucket,
                KmsSigner(
                    key_id=self.key_id,
                    origin=ORIGIN,
                    kms=JsonService("kms", client=client, endpoint_url=self.url),
                ),
                alarm=alarm,
            ),
            notices=Notices(queue_url=self.queue_url, sqs=JsonService("sqs", client=client, endpoint_url=self.url)),
            retention_days=retention_days,
            alarm=alarm,
            now=lambda: datetime.now(UTC) + timedelta(days=days),
        )

    def store(self, lines: int = 3, *, day: str = "2026-06-30", name: str = "") -> str:
        """Put an object as the writer does; return its key."""
        batch = name or hashlib.sha256(str(next(_names)).encode()).hexdigest()[:40]
        body = b"".join(
            orjson.dumps({"timestamp": f"{day}T12:00:00Z", "record_id": f"{batch}-{number}"}) + b"\n"
            for number in range(lines)
        )
        key = f"records/dt={day}/{batch}.jsonl.gz"
        self.s3.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=gzip.compress(body),
            ContentType="application/x-ndjson",
            ContentEncoding="gzip",
            IfNoneMatch="*",
        )
        return key

    def objects(self, prefix: str = "seal/") -> dict[str, bytes]:
        """Return what is stored under a prefix."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return {
            item["Key"]: self.s3.get_object(Bucket=self.bucket, Key=item["Key"])["Body"].read()
            for page in pages
            for item in page.get("Contents", [])
        }

    def checked(self) -> list[Entry]:
        """Return the entries of the sealed log, after everything about it was compared with everything else."""
        files = self.objects()
        data = [entry for key in sorted(files) if key.startswith("seal/sequence/") for entry in unbundle(files[key])]
        key = parse_key(files["seal/key"].decode())
        head = open_checkpoint(files["seal/checkpoint"], key, verify)
        leaves = [leaf_hash(entry) for entry in data]
        assert head == Checkpoint(origin=ORIGIN, size=len(data), root=Edge().grow(leaves)[0].root())
        for name, body in files.items():
            if name.startswith("seal/checkpoints/"):
                kept = open_checkpoint(body, key, verify)
                assert name == f"seal/checkpoints/{kept.size}"
                assert kept.root == Edge().grow(leaves[: kept.size])[0].root()
        entries = [parse_entry(entry) for entry in data]
        starts = {entry.key: number for number, entry in enumerate(entries) if entry.line == 0}
        assert {name.removeprefix("seal/objects/") for name in files if name.startswith("seal/objects/")} == {
            stored.removeprefix("records/") for stored in starts
        }
        for stored, start in starts.items():
            assert json.loads(files[f"seal/objects/{stored.removeprefix('records/')}"])["start"] == start
        assert len(starts) == sum(entry.line == 0 for entry in entries), "an object is sealed twice"
        return entries


@pytest.fixture
def place(emulator: Emulator) -> Place:
    """Return a new bucket with its queue and key."""
    clients = {
        name: boto3.client(
            name, endpoint_url=emulator.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )
        for name in ("s3", "sqs", "kms")
    }
    name = f"sealed-{next(_names)}"
    s3 = clients["s3"]
    s3.create_bucket(
        Bucket=name, ObjectLockEnabledForBucket=True, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    s3.put_object_lock_configuration(
        Bucket=name,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": DAYS}},
        },
    )
    queue_url = clients["sqs"].create_queue(QueueName=name, Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)})[
        "QueueUrl"
    ]
    arn = clients["sqs"].get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{name}"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    clients["sqs"].set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": policy})
    s3.put_bucket_notification_configuration(
        Bucket=name,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": arn,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "records/"}]}},
                }
            ]
        },
    )
    key = clients["kms"].create_key(KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    return Place(url=emulator.url, bucket=name, queue_url=queue_url, key_id=key, s3=s3, sqs=clients["sqs"])


def soon(seconds: float = 120.0) -> float:
    """Return a deadline."""
    return time.monotonic() + seconds
