"""aws:s3/*: what a bucket can have set on it, each a resource of its own; the id is the bucket's name."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from localcloud.provider.aws.s3 import BUCKET, GONE, OWNER, BucketSetting
from localcloud.provider.handler import REGION, drop_none
from localcloud.provider.schema import Failure, Schema, block, boolean, integer, listing, policy, text, unordered
from localcloud.provider.values import Props


class BucketPublicAccessBlock(BucketSetting):
    """`aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock`: four switches."""

    token = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"  # noqa: S105
    gone = ("NoSuchPublicAccessBlockConfiguration", *GONE)
    setter, getter, deletion = "put_public_access_block", "get_public_access_block", "delete_public_access_block"
    field = "PublicAccessBlockConfiguration"
    inputs: ClassVar[Schema] = {
        "bucket": BUCKET,
        "region": REGION,
        **dict.fromkeys(
            ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"),
            boolean(default=False),
        ),
    }


class BucketOwnershipControls(BucketSetting):
    """`aws:s3/bucketOwnershipControls:BucketOwnershipControls`."""

    token = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"  # noqa: S105
    gone = ("OwnershipControlsNotFoundError", *GONE)
    setter, getter = "put_bucket_ownership_controls", "get_bucket_ownership_controls"
    deletion, field = "delete_bucket_ownership_controls", "OwnershipControls"
    inputs: ClassVar[Schema] = {
        "bucket": BUCKET,
        "region": REGION,
        "rule": block(
            {
                "objectOwnership": text(
                    required=True, choices=("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")
                )
            },
            required=True,
        ),
    }

    def send(self, bucket: str, state: Mapping[str, Any], setting: Any) -> None:  # noqa: ANN401
        """Set the one rule, which the call takes as a list."""
        super().send(bucket, state, {"Rules": [setting["Rule"]]})

    def answer(self, found: Mapping[str, Any]) -> Props:
        """Return the one rule."""
        return super().answer({"Rule": found["Rules"][0]})


class BucketServerSideEncryptionConfiguration(BucketSetting):
    """`aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration`."""

    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"  # noqa: S105
    gone = ("ServerSideEncryptionConfigurationNotFoundError", *GONE)
    setter, getter, deletion = "put_bucket_encryption", "get_bucket_encryption", "delete_bucket_encryption"
    field = "ServerSideEncryptionConfiguration"
    inputs: ClassVar[Schema] = {
        "bucket": BUCKET,
        "expectedBucketOwner": OWNER,
        "region": REGION,
        "rules": unordered(
            block(
                {
                    "applyServerSideEncryptionByDefault": block(
                        {
                            "sseAlgorithm": text(
                                required=True, choices=("AES256", "aws:kms", "aws:kms:dsse"), api="SSEAlgorithm"
                            ),
                            "kmsMasterKeyId": text(api="KMSMasterKeyID"),
                        }
                    ),
                    "blockedEncryptionTypes": listing(text(choices=("SSE-C", "NONE")), computed=True),
                    "bucketKeyEnabled": boolean(computed=True),
                }
            ),
            required=True,
        ),
    }

    def send(self, bucket: str, state: Mapping[str, Any], setting: Any) -> None:  # noqa: ANN401
        """Set the rules, in which the blocked types are an object."""
        for rule in setting["Rules"]:
            if blocked := rule.pop("BlockedEncryptionTypes", None):
                rule["BlockedEncryptionTypes"] = {"EncryptionType": blocked}
        super().send(bucket, state, setting)

    def answer(self, found: Mapping[str, Any]) -> Props:
        """Return the rules; a bucket always has one, AES256 if nobody chose."""
        rules = [{**rule} for rule in found["Rules"]]
        for rule in rules:
            if "BlockedEncryptionTypes" in rule:
                rule["BlockedEncryptionTypes"] = rule["BlockedEncryptionTypes"].get("EncryptionType", [])
        return super().answer({"Rules": rules})


class BucketPolicy(BucketSetting):
    """`aws:s3/bucketPolicy:BucketPolicy`."""

    token = "aws:s3/bucketPolicy:BucketPolicy"  # noqa: S105
    gone = ("NoSuchBucketPolicy", *GONE)
    setter, getter, deletion, field = "put_bucket_policy", "get_bucket_policy", "delete_bucket_policy", "Policy"
    inputs: ClassVar[Schema] = {"bucket": BUCKET, "policy": policy(required=True), "region": REGION}

    def send(self, bucket: str, state: Mapping[str, Any], setting: Any) -> None:  # noqa: ANN401
        """Set the whole policy, a text."""
        super().send(bucket, state, setting["Policy"])

    def answer(self, found: Any) -> Props:  # noqa: ANN401 - the text
        """Return the policy."""
        return {"policy": found}


class BucketLifecycleConfiguration(BucketSetting):
    """`aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration`: aborting uploads, and expiry."""

    token = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"  # noqa: S105
    gone = ("NoSuchLifecycleConfiguration", *GONE)
    setter, getter = "put_bucket_lifecycle_configuration", "get_bucket_lifecycle_configuration"
    deletion, field = "delete_bucket_lifecycle", "LifecycleConfiguration"
    inputs: ClassVar[Schema] = {
        "bucket": BUCKET,
        "expectedBucketOwner": OWNER,
        "region": REGION,
        "rules": listing(
            block(
                {
                    "id": text(required=True, api="ID"),
                    "status": text(required=True, choices=("Enabled", "Disabled")),
                    "filter": block({"prefix": text()}),
                    "abortIncompleteMultipartUpload": block({"daysAfterInitiation": integer(required=True)}),
                    "expiration": block({"days": integer(), "expiredObjectDeleteMarker": boolean()}),
                    "noncurrentVersionExpiration": block(
                        {"noncurrentDays": integer(required=True), "newerNoncurrentVersions": integer()}
                    ),
                }
            ),
            required=True,
        ),
        "timeouts": block({"create": text(), "update": text()}, echoed=True, api=None),
        "transitionDefaultMinimumObjectSize": text(computed=True),
    }

    def send(self, bucket: str, state: Mapping[str, Any], setting: Any) -> None:  # noqa: ANN401
        """Set all rules; each needs a filter."""
        for rule in setting["Rules"]:
            rule["Filter"] = {"Prefix": rule.get("Filter", {}).get("Prefix", "")}
        super().send(bucket, state, {"Rules": setting["Rules"]})

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the rules."""
        del state
        found = self.client.get_bucket_lifecycle_configuration(Bucket=resource_id)
        return {"bucket": resource_id, **self.answer(found)}


class BucketNotification(BucketSetting):
    """`aws:s3/bucketNotification:BucketNotification`: the queues that learn of what happens in a bucket."""

    token = "aws:s3/bucketNotification:BucketNotification"  # noqa: S105
    setter, field = "put_bucket_notification_configuration", "NotificationConfiguration"
    inputs: ClassVar[Schema] = {
        "bucket": BUCKET,
        "queues": listing(
            block(
                {
                    "events": listing(text(), required=True),
                    "filterPrefix": text(),
                    "filterSuffix": text(),
                    "id": text(required=True),
                    "queueArn": text(required=True),
                }
            )
        ),
        "region": REGION,
    }

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """Ask for at least one queue."""
        if not inputs.get("queues"):
            yield Failure(path="queues", reason="needs one queue")

    def send(self, bucket: str, state: Mapping[str, Any], setting: Any) -> None:  # noqa: ANN401
        """Set all queues; the filter of each is a list of rules."""
        queues = []
        for queue in setting.get("Queues", ()):
            given = {name: queue.pop(f"Filter{name}", None) for name in ("Prefix", "Suffix")}
            rules = [{"Name": name.lower(), "Value": value} for name, value in given.items() if value]
            queues.append({**queue, **({"Filter": {"Key": {"FilterRules": rules}}} if rules else {})})
        super().send(bucket, state, {"QueueConfigurations": queues} if queues else {})

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the queues, None without any."""
        del state
        found = self.client.get_bucket_notification_configuration(Bucket=resource_id)
        queues = [_queue(queue) for queue in found.get("QueueConfigurations", ())]
        return {"bucket": resource_id, "queues": queues} if queues else None

    def remove(self, resource_id: str, state: Props) -> None:
        """Take every queue out."""
        self.send(resource_id, state, {})


def _queue(found: Mapping[str, Any]) -> Props:
    rules = {
        rule["Name"].lower(): rule["Value"] for rule in found.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    }
    return drop_none(
        id=found.get("Id"),
        queueArn=found["QueueArn"],
        events=list(found["Events"]),
        filterPrefix=rules.get("prefix"),
        filterSuffix=rules.get("suffix"),
    )
