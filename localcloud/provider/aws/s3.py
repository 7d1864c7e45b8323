"""aws:s3/*: the bucket, its versioning and its lock; the other settings are in `bucket_settings`.

Two things here are stricter than the emulator, because AWS is: versioning is never suspended on a locked bucket, and a
bucket is only deleted when it is empty. Nothing empties one; the official provider's `forceDestroy` does not exist.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from botocore.exceptions import ClientError

from localcloud.provider.cloud import ProviderError, code, missing
from localcloud.provider.handler import Handler, SettingHandler, drop_none, tag_list, tag_map
from localcloud.provider.schema import (
    Failure,
    Schema,
    block,
    boolean,
    integer,
    mapping,
    text,
)
from localcloud.provider.values import Props

GONE: Final = ("NoSuchBucket", "404")
_HOSTED_ZONE: Final = "Z3AQBSTGFYJSTF"  # us-east-1, the region that has no location constraint
BUCKET: Final = text(required=True, force_new=True)
OWNER: Final = text(force_new=True, echoed=True)
REGION: Final = text(computed=True, force_new=True)


class Bucket(Handler):
    """`aws:s3/bucket:Bucket`: name, tags, and whether Object Lock is on (only ever at creation)."""

    token = "aws:s3/bucket:Bucket"  # noqa: S105 - a type token
    inputs: ClassVar[Schema] = {
        "bucket": text(force_new=True, autoname=63),
        "objectLockEnabled": boolean(default=False, force_new=True),
        "region": REGION,
        "tags": mapping(),
    }
    outputs = frozenset(
        {"arn", "bucketDomainName", "bucketRegion", "bucketRegionalDomainName", "hostedZoneId", "tagsAll"}
    )

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """A bucket's id is its name."""
        return inputs.get("bucket")

    def create(self, inputs: Props) -> str:
        """Make the bucket; one of this account with this name, and locked or not as asked, is adopted."""
        name = inputs["bucket"]
        arguments: Props = {"Bucket": name, "ObjectLockEnabledForBucket": inputs["objectLockEnabled"]}
        region = inputs.get("region") or self.cloud.region
        if region != "us-east-1":
            arguments["CreateBucketConfiguration"] = {"LocationConstraint": region}
        with missing("BucketAlreadyOwnedByYou"):
            self.cloud.client("s3").create_bucket(**arguments)
        if self._is_locked(name) != inputs["objectLockEnabled"]:
            wanted = "with" if inputs["objectLockEnabled"] else "without"
            msg = f"bucket {name} exists already, and not {wanted} Object Lock; that can only be set when it is made"
            raise ProviderError(msg)
        return str(name)

    def _is_locked(self, name: str) -> bool:
        with missing("ObjectLockConfigurationNotFoundError"):
            found = self.cloud.client("s3").get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
            return bool(found.get("ObjectLockEnabled") == "Enabled")
        return False

    def _tag(self, name: str, tags: Mapping[str, str] | None) -> None:
        s3 = self.cloud.client("s3")
        if tags:
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_list(tags)})
        else:
            s3.delete_bucket_tagging(Bucket=name)

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the bucket's properties."""
        del state
        s3 = self.cloud.client("s3")
        with missing(*GONE):
            s3.head_bucket(Bucket=resource_id)
            region = s3.get_bucket_location(Bucket=resource_id).get("LocationConstraint") or "us-east-1"
            tags: dict[str, str] = {}
            with missing("NoSuchTagSet"):
                tags = tag_map(s3.get_bucket_tagging(Bucket=resource_id)["TagSet"])
            return {
                "arn": f"arn:aws:s3:::{resource_id}",
                "bucket": resource_id,
                "bucketDomainName": f"{resource_id}.s3.amazonaws.com",
                "bucketRegion": region,
                "bucketRegionalDomainName": f"{resource_id}.s3.{region}.amazonaws.com",
                "hostedZoneId": _HOSTED_ZONE,
                "objectLockEnabled": self._is_locked(resource_id),
                "region": region,
                "tags": tags,
                "tagsAll": tags,
            }
        return None

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set the tags, all else being fixed."""
        del state
        if "tags" in changed:
            self._tag(resource_id, inputs.get("tags"))

    def delete(self, resource_id: str, state: Props) -> None:
        """Delete the bucket if it is empty. Raises ProviderError when it is not: what is locked stays."""
        del state
        try:
            with missing(*GONE):
                self.cloud.client("s3").delete_bucket(Bucket=resource_id)
        except ClientError as error:
            if code(error) != "BucketNotEmpty":
                raise
            msg = (
                f"deleting S3 bucket {resource_id}: BucketNotEmpty: it still holds objects or versions, and this "
                "project never empties a bucket; what is locked can be deleted by nobody before its retention ends"
            )
            raise ProviderError(msg) from error


class BucketSetting(SettingHandler):
    """A setting of one bucket; its id is the bucket's name."""

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """The bucket's name."""
        return inputs.get("bucket")

    def target(self, inputs: Mapping[str, Any]) -> Props:
        """Return how calls name the bucket."""
        return drop_none(Bucket=inputs["bucket"], ExpectedBucketOwner=inputs.get("expectedBucketOwner"))


class BucketVersioning(BucketSetting):
    """`aws:s3/bucketVersioning:BucketVersioning`."""

    token = "aws:s3/bucketVersioning:BucketVersioning"  # noqa: S105
    inputs: ClassVar[Schema] = {
        "bucket": BUCKET,
        "expectedBucketOwner": OWNER,
        "region": REGION,
        "versioningConfiguration": block(
            {
                "mfaDelete": text(computed=True),
                "status": text(required=True, choices=("Enabled", "Suspended", "Disabled")),
            },
            required=True,
        ),
    }

    def put(self, inputs: Props) -> None:
        """Set the status. Raises ProviderError for anything but Enabled on a locked bucket."""
        wanted = inputs["versioningConfiguration"]["status"]
        if wanted != "Enabled" and self._locked(inputs["bucket"]):
            msg = (
                f"bucket {inputs['bucket']}: InvalidBucketState: An Object Lock configuration is present on this "
                f"bucket, so the versioning state cannot be changed to {wanted}"
            )
            raise ProviderError(msg)
        if wanted != "Disabled":  # what a bucket has that was never versioned; there is no call for it
            self.cloud.client("s3").put_bucket_versioning(
                **self.target(inputs), VersioningConfiguration={"Status": wanted}
            )

    def _locked(self, bucket: str) -> bool:
        with missing("ObjectLockConfigurationNotFoundError", *GONE):
            self.cloud.client("s3").get_object_lock_configuration(Bucket=bucket)
            return True
        return False

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the status, None when the bucket was never versioned."""
        del state
        with missing(*GONE):
            found = self.cloud.client("s3").get_bucket_versioning(Bucket=resource_id)
            if found.get("Status"):
                status = {"status": found["Status"], "mfaDelete": found.get("MFADelete")}
                return {
                    "bucket": resource_id,
                    "region": self.cloud.region,
                    "versioningConfiguration": {key: value for key, value in status.items() if value is not None},
                }
        return None

    def delete(self, resource_id: str, state: Props) -> None:
        """Suspend versioning, as far as AWS would let it: on a locked bucket it stays on."""
        if state.get("versioningConfiguration", {}).get("status") == "Enabled" and not self._locked(resource_id):
            with missing(*GONE):
                self.cloud.client("s3").put_bucket_versioning(
                    Bucket=resource_id, VersioningConfiguration={"Status": "Suspended"}
                )


class BucketObjectLockConfiguration(BucketSetting):
    """`aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration`: the default retention rule."""

    token = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"  # noqa: S105
    inputs: ClassVar[Schema] = {
        "bucket": BUCKET,
        "expectedBucketOwner": OWNER,
        "objectLockEnabled": text(default="Enabled", force_new=True, choices=("Enabled",)),
        "region": REGION,
        "rule": block(
            {
                "defaultRetention": block(
                    {"mode": text(choices=("GOVERNANCE", "COMPLIANCE")), "days": integer(), "years": integer()},
                    required=True,
                )
            }
        ),
    }

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """A period is given in days or in years, and is at least one."""
        rule = inputs.get("rule")
        retention = rule.get("defaultRetention") if isinstance(rule, dict) else None
        if not isinstance(retention, dict):
            return
        path = "rule.defaultRetention"
        given = [unit for unit in ("days", "years") if unit in retention]
        if len(given) != 1:
            yield Failure(path=path, reason="needs one of days and years, and not both")
        for unit in given:
            # The emulator takes 0; AWS does not.
            if isinstance(retention[unit], int) and retention[unit] < 1:
                yield Failure(path=f"{path}.{unit}", reason=f"must be at least 1, not {retention[unit]}")

    def put(self, inputs: Props) -> None:
        """Set the rule in place; what is locked stays locked as long as it was."""
        configuration: Props = {"ObjectLockEnabled": inputs["objectLockEnabled"]}
        if "rule" in inputs:
            retention = inputs["rule"]["defaultRetention"]
            configuration["Rule"] = {"DefaultRetention": {key.capitalize(): value for key, value in retention.items()}}
        self.cloud.client("s3").put_object_lock_configuration(
            **self.target(inputs), ObjectLockConfiguration=configuration
        )

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the rule, None when the bucket has no Object Lock."""
        del state
        with missing("ObjectLockConfigurationNotFoundError", *GONE):
            found = self.cloud.client("s3").get_object_lock_configuration(Bucket=resource_id)["ObjectLockConfiguration"]
            out: Props = {
                "bucket": resource_id,
                "objectLockEnabled": found.get("ObjectLockEnabled", "Enabled"),
                "region": self.cloud.region,
            }
            retention = found.get("Rule", {}).get("DefaultRetention")
            if retention:
                out["rule"] = {"defaultRetention": {key.lower(): value for key, value in retention.items()}}
            return out
        return None

    def delete(self, resource_id: str, state: Props) -> None:
        """Take the default rule away; Object Lock itself can never be taken off a bucket."""
        with missing("ObjectLockConfigurationNotFoundError", *GONE):
            self.cloud.client("s3").put_object_lock_configuration(
                Bucket=resource_id,
                ObjectLockConfiguration={"ObjectLockEnabled": state.get("objectLockEnabled", "Enabled")},
            )


HANDLERS: Final[tuple[type[Handler], ...]] = (Bucket, BucketObjectLockConfiguration, BucketVersioning)
