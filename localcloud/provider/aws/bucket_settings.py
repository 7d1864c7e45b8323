"""aws:s3/*: what a bucket can have set on it, each a resource of its own; the id is the bucket's name."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.aws.s3 import BUCKET, GONE, OWNER, REGION, BucketSetting
from localcloud.provider.cloud import missing
from localcloud.provider.handler import Handler, drop_none
from localcloud.provider.schema import Schema, block, boolean, integer, listing, policy, text, unordered
from localcloud.provider.values import Props


class BucketPublicAccessBlock(BucketSetting):
    """`aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock`: four switches."""

    token = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"  # noqa: S105
    _switches: ClassVar[Mapping[str, str]] = {
        "blockPublicAcls": "BlockPublicAcls",
        "blockPublicPolicy": "BlockPublicPolicy",
        "ignorePublicAcls": "IgnorePublicAcls",
        "restrictPublicBuckets": "RestrictPublicBuckets",
    }
    inputs: ClassVar[Schema] = {
        "bucket": BUCKET,
        "region": REGION,
        **dict.fromkeys(_switches, boolean(default=False)),
    }

    def put(self, inputs: Props) -> None:
        """Set all four."""
        self.cloud.client("s3").put_public_access_block(
            Bucket=inputs["bucket"],
            PublicAccessBlockConfiguration={theirs: inputs[ours] for ours, theirs in self._switches.items()},
        )

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the switches, None when the bucket has no such configuration."""
        del state
        with missing("NoSuchPublicAccessBlockConfiguration", *GONE):
            answer = self.cloud.client("s3").get_public_access_block(Bucket=resource_id)
            found = answer["PublicAccessBlockConfiguration"]
            switches = {ours: bool(found.get(theirs)) for ours, theirs in self._switches.items()}
            return {"bucket": resource_id, "region": self.cloud.region, **switches}
        return None

    def delete(self, resource_id: str, state: Props) -> None:
        """Take the configuration away."""
        del state
        with missing("NoSuchPublicAccessBlockConfiguration", *GONE):
            self.cloud.client("s3").delete_public_access_block(Bucket=resource_id)


class BucketOwnershipControls(BucketSetting):
    """`aws:s3/bucketOwnershipControls:BucketOwnershipControls`."""

    token = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"  # noqa: S105
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

    def put(self, inputs: Props) -> None:
        """Set the one rule."""
        self.cloud.client("s3").put_bucket_ownership_controls(
            Bucket=inputs["bucket"],
            OwnershipControls={"Rules": [{"ObjectOwnership": inputs["rule"]["objectOwnership"]}]},
        )

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the rule, None when the bucket has none."""
        del state
        with missing("OwnershipControlsNotFoundError", *GONE):
            found = self.cloud.client("s3").get_bucket_ownership_controls(Bucket=resource_id)
            ownership = found["OwnershipControls"]["Rules"][0]["ObjectOwnership"]
            return {"bucket": resource_id, "region": self.cloud.region, "rule": {"objectOwnership": ownership}}
        return None

    def delete(self, resource_id: str, state: Props) -> None:
        """Take the rule away."""
        del state
        with missing("OwnershipControlsNotFoundError", *GONE):
            self.cloud.client("s3").delete_bucket_ownership_controls(Bucket=resource_id)


class BucketServerSideEncryptionConfiguration(BucketSetting):
    """`aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration`."""

    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"  # noqa: S105
    inputs: ClassVar[Schema] = {
        "bucket": BUCKET,
        "expectedBucketOwner": OWNER,
        "region": REGION,
        "rules": unordered(
            block(
                {
                    "applyServerSideEncryptionByDefault": block(
                        {
                            "sseAlgorithm": text(required=True, choices=("AES256", "aws:kms", "aws:kms:dsse")),
                            "kmsMasterKeyId": text(),
                        }
                    ),
                    "blockedEncryptionTypes": listing(text(choices=("SSE-C", "NONE")), computed=True),
                    "bucketKeyEnabled": boolean(computed=True),
                }
            ),
            required=True,
        ),
    }

    def put(self, inputs: Props) -> None:
        """Set the default encryption of new objects."""
        rules = []
        for rule in inputs["rules"]:
            blocked = rule.get("blockedEncryptionTypes")
            entry = drop_none(
                BlockedEncryptionTypes={"EncryptionType": blocked} if blocked else None,
                BucketKeyEnabled=rule.get("bucketKeyEnabled"),
            )
            default = rule.get("applyServerSideEncryptionByDefault")
            if default is not None:
                entry["ApplyServerSideEncryptionByDefault"] = drop_none(
                    SSEAlgorithm=default["sseAlgorithm"], KMSMasterKeyID=default.get("kmsMasterKeyId")
                )
            rules.append(entry)
        self.cloud.client("s3").put_bucket_encryption(
            **self.target(inputs), ServerSideEncryptionConfiguration={"Rules": rules}
        )

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the rules; a bucket always has one, AES256 when nobody chose."""
        del state
        with missing("ServerSideEncryptionConfigurationNotFoundError", *GONE):
            answer = self.cloud.client("s3").get_bucket_encryption(Bucket=resource_id)
            rules = []
            for rule in answer["ServerSideEncryptionConfiguration"]["Rules"]:
                default = rule.get("ApplyServerSideEncryptionByDefault", {})
                rules.append(
                    drop_none(
                        applyServerSideEncryptionByDefault=drop_none(
                            sseAlgorithm=default.get("SSEAlgorithm"), kmsMasterKeyId=default.get("KMSMasterKeyID")
                        ),
                        blockedEncryptionTypes=rule.get("BlockedEncryptionTypes", {}).get("EncryptionType"),
                        bucketKeyEnabled=rule.get("BucketKeyEnabled"),
                    )
                )
            return {"bucket": resource_id, "region": self.cloud.region, "rules": rules}
        return None

    def delete(self, resource_id: str, state: Props) -> None:
        """Go back to the cloud's default."""
        del state
        with missing("ServerSideEncryptionConfigurationNotFoundError", *GONE):
            self.cloud.client("s3").delete_bucket_encryption(Bucket=resource_id)


class BucketPolicy(BucketSetting):
    """`aws:s3/bucketPolicy:BucketPolicy`."""

    token = "aws:s3/bucketPolicy:BucketPolicy"  # noqa: S105
    inputs: ClassVar[Schema] = {"bucket": BUCKET, "policy": policy(required=True), "region": REGION}

    def put(self, inputs: Props) -> None:
        """Set the whole policy."""
        self.cloud.client("s3").put_bucket_policy(Bucket=inputs["bucket"], Policy=inputs["policy"])

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the policy, None when the bucket has none."""
        del state
        with missing("NoSuchBucketPolicy", *GONE):
            found = self.cloud.client("s3").get_bucket_policy(Bucket=resource_id)["Policy"]
            return {"bucket": resource_id, "policy": found, "region": self.cloud.region}
        return None

    def delete(self, resource_id: str, state: Props) -> None:
        """Take the policy away."""
        del state
        with missing("NoSuchBucketPolicy", *GONE):
            self.cloud.client("s3").delete_bucket_policy(Bucket=resource_id)


class BucketLifecycleConfiguration(BucketSetting):
    """`aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration`: aborting uploads, and expiry."""

    token = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"  # noqa: S105
    inputs: ClassVar[Schema] = {
        "bucket": BUCKET,
        "expectedBucketOwner": OWNER,
        "region": REGION,
        "rules": listing(
            block(
                {
                    "id": text(required=True),
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
        "timeouts": block({"create": text(), "update": text()}, echoed=True),
        "transitionDefaultMinimumObjectSize": text(computed=True),
    }
    _names: ClassVar[Mapping[str, str]] = {
        "abortIncompleteMultipartUpload": "AbortIncompleteMultipartUpload",
        "daysAfterInitiation": "DaysAfterInitiation",
        "days": "Days",
        "expiration": "Expiration",
        "expiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
        "filter": "Filter",
        "id": "ID",
        "newerNoncurrentVersions": "NewerNoncurrentVersions",
        "noncurrentDays": "NoncurrentDays",
        "noncurrentVersionExpiration": "NoncurrentVersionExpiration",
        "prefix": "Prefix",
        "status": "Status",
    }

    def put(self, inputs: Props) -> None:
        """Set all rules."""
        rules = []
        for rule in inputs["rules"]:
            entry = _rename(rule, self._names)
            entry["Filter"] = {"Prefix": rule.get("filter", {}).get("prefix", "")}
            rules.append(entry)
        self.cloud.client("s3").put_bucket_lifecycle_configuration(
            **self.target(inputs), LifecycleConfiguration={"Rules": rules}
        )

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the rules, None when the bucket has none."""
        del state
        with missing("NoSuchLifecycleConfiguration", *GONE):
            found = self.cloud.client("s3").get_bucket_lifecycle_configuration(Bucket=resource_id)
            back = {theirs: ours for ours, theirs in self._names.items()}
            return {
                "bucket": resource_id,
                "region": self.cloud.region,
                "rules": [_rename(rule, back) for rule in found["Rules"]],
                "transitionDefaultMinimumObjectSize": found.get("TransitionDefaultMinimumObjectSize"),
            }
        return None

    def delete(self, resource_id: str, state: Props) -> None:
        """Take all rules away."""
        del state
        with missing("NoSuchLifecycleConfiguration", *GONE):
            self.cloud.client("s3").delete_bucket_lifecycle(Bucket=resource_id)


def _rename(value: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - a tree of maps
    """Return a tree with its keys renamed. An unknown key is kept: it shows up as a difference, not as nothing."""
    if isinstance(value, dict):
        return {names.get(key, key): _rename(item, names) for key, item in value.items()}
    return value


HANDLERS: Final[tuple[type[Handler], ...]] = (
    BucketLifecycleConfiguration,
    BucketOwnershipControls,
    BucketPolicy,
    BucketPublicAccessBlock,
    BucketServerSideEncryptionConfiguration,
)
