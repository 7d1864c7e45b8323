"""aws:s3/*: the bucket, its versioning and its lock; the other settings are in `bucket_settings`.

Two things here are stricter than the emulator, because AWS is: versioning is never suspended on a locked bucket, and a
bucket is only deleted when it is empty. Nothing empties one; the official provider's `forceDestroy` does not exist.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from botocore.exceptions import ClientError

from localcloud.provider.cloud import Cloud, ProviderError, code, missing
from localcloud.provider.handler import REGION, TAGS, Handler, SettingHandler, Tagging
from localcloud.provider.schema import Failure, Schema, block, boolean, integer, text
from localcloud.provider.values import Props

GONE: Final = ("NoSuchBucket", "404")
UNLOCKED: Final = "ObjectLockConfigurationNotFoundError"
_HOSTED_ZONE: Final = "Z3AQBSTGFYJSTF"  # us-east-1, the region that has no location constraint
BUCKET: Final = text(required=True, force_new=True, api=None)
OWNER: Final = text(force_new=True, echoed=True, api=None)


def _lock_of(cloud: Cloud, bucket: str) -> Props | None:
    """Return a bucket's lock configuration, None without Object Lock."""
    with missing(UNLOCKED):
        found: Props = cloud.client("s3").get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
        return found if found.get("ObjectLockEnabled") == "Enabled" else None
    return None


class Bucket(Handler):
    """`aws:s3/bucket:Bucket`: name, tags, and whether Object Lock is on (only ever at creation)."""

    token = "aws:s3/bucket:Bucket"  # noqa: S105 - a type token
    service, gone, id_input, id_parameter = "s3", GONE, "bucket", "Bucket"
    deletion = "delete_bucket"
    inputs: ClassVar[Schema] = {
        "bucket": text(force_new=True, autoname=63),
        "objectLockEnabled": boolean(default=False, force_new=True),
        "region": REGION,
        "tags": TAGS,
    }
    outputs = frozenset(
        {"arn", "bucketDomainName", "bucketRegion", "bucketRegionalDomainName", "hostedZoneId", "tagsAll"}
    )
    tagging = Tagging(get="get_bucket_tagging", add="", remove="", parameter="Bucket", by_id=True, answer="TagSet")

    def create(self, inputs: Props) -> str:
        """Make the bucket; one of this account with this name, and locked or not as asked, is adopted."""
        name, wanted = inputs["bucket"], inputs["objectLockEnabled"]
        arguments: Props = {"Bucket": name, "ObjectLockEnabledForBucket": wanted}
        region = inputs.get("region") or self.cloud.region
        if region != "us-east-1":
            arguments["CreateBucketConfiguration"] = {"LocationConstraint": region}
        with missing("BucketAlreadyOwnedByYou"):
            self.client.create_bucket(**arguments)
        if (_lock_of(self.cloud, name) is not None) != wanted:
            how = "with" if wanted else "without"
            msg = f"bucket {name} exists already, and not {how} Object Lock; that can only be set when it is made"
            raise ProviderError(msg)
        return str(name)

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the bucket's properties."""
        del state
        self.client.head_bucket(Bucket=resource_id)
        region = self.client.get_bucket_location(Bucket=resource_id).get("LocationConstraint") or "us-east-1"
        return {
            "arn": f"arn:aws:s3:::{resource_id}",
            "bucket": resource_id,
            "bucketDomainName": f"{resource_id}.s3.amazonaws.com",
            "bucketRegion": region,
            "bucketRegionalDomainName": f"{resource_id}.s3.{region}.amazonaws.com",
            "hostedZoneId": _HOSTED_ZONE,
            "objectLockEnabled": _lock_of(self.cloud, resource_id) is not None,
            "region": region,
        }

    def find_tags(self, resource_id: str, found: Props) -> dict[str, str]:
        """Return the tags; a bucket without any is an error to S3."""
        with missing("NoSuchTagSet"):
            return super().find_tags(resource_id, found)
        return {}

    def set_tags(self, resource_id: str, state: Props, tags: Mapping[str, str]) -> None:
        """Set all tags at once: S3 has no call for a single one."""
        del state
        if tags:
            self.client.put_bucket_tagging(Bucket=resource_id, Tagging={"TagSet": self.tagging.as_cloud(tags)})
        else:
            self.client.delete_bucket_tagging(Bucket=resource_id)

    def delete(self, resource_id: str, state: Props) -> None:
        """Delete the bucket if it is empty. Raise ProviderError if it is not: what is locked stays."""
        try:
            super().delete(resource_id, state)
        except ClientError as error:
            if code(error) != "BucketNotEmpty":
                raise
            msg = (
                f"deleting S3 bucket {resource_id}: BucketNotEmpty: it still holds objects or versions, and this "
                "project never empties a bucket; what is locked can be deleted by nobody before its retention ends"
            )
            raise ProviderError(msg) from error


class BucketSetting(SettingHandler):
    """A setting of one bucket; its id is the bucket's name.

    A subclass names the three calls. `field` is what the calls that set and return it carry it in; the inputs in it
    are all but the bucket's own.
    """

    service, gone, id_input, id_parameter = "s3", GONE, "bucket", "Bucket"
    setter: ClassVar[str]
    getter: ClassVar[str]
    field: ClassVar[str]

    def target(self, resource_id: str, state: Mapping[str, Any]) -> Props:
        """Return how calls name the bucket."""
        owner = state.get("expectedBucketOwner")
        return {"Bucket": resource_id, **({"ExpectedBucketOwner": owner} if owner else {})}

    def put(self, inputs: Props) -> None:
        """Set it."""
        self.send(inputs["bucket"], inputs, self.request(inputs))

    def send(self, bucket: str, state: Mapping[str, Any], setting: Any) -> None:  # noqa: ANN401 - what the call takes
        """Make the call that sets it."""
        getattr(self.client, self.setter)(**self.target(bucket, state), **{self.field: setting})

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return it."""
        del state
        found = getattr(self.client, self.getter)(Bucket=resource_id)
        return {"bucket": resource_id, **self.answer(found[self.field])}


class BucketVersioning(BucketSetting):
    """`aws:s3/bucketVersioning:BucketVersioning`."""

    token = "aws:s3/bucketVersioning:BucketVersioning"  # noqa: S105
    setter, field = "put_bucket_versioning", "VersioningConfiguration"
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
        """Set the status. Raise ProviderError for anything but Enabled on a locked bucket."""
        bucket, wanted = inputs["bucket"], inputs["versioningConfiguration"]["status"]
        if wanted != "Enabled" and _lock_of(self.cloud, bucket) is not None:
            msg = (
                f"bucket {bucket}: InvalidBucketState: An Object Lock configuration is present on this "
                f"bucket, so the versioning state cannot be changed to {wanted}"
            )
            raise ProviderError(msg)
        if wanted != "Disabled":  # a bucket that was never versioned is so; no call sets it
            self.send(bucket, inputs, {"Status": wanted})

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the status, None if the bucket was never versioned."""
        del state
        found = self.client.get_bucket_versioning(Bucket=resource_id)
        if not found.get("Status"):
            return None
        device = {"mfaDelete": found["MFADelete"]} if "MFADelete" in found else {}
        return {"bucket": resource_id, "versioningConfiguration": {"status": found["Status"], **device}}

    def remove(self, resource_id: str, state: Props) -> None:
        """Suspend versioning, as far as AWS would let it: on a locked bucket it stays on."""
        was_on = state.get("versioningConfiguration", {}).get("status") == "Enabled"
        if was_on and _lock_of(self.cloud, resource_id) is None:
            self.send(resource_id, {}, {"Status": "Suspended"})


class BucketObjectLockConfiguration(BucketSetting):
    """`aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration`: the default retention rule."""

    token = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"  # noqa: S105
    gone = (UNLOCKED, *GONE)
    setter, getter, field = "put_object_lock_configuration", "get_object_lock_configuration", "ObjectLockConfiguration"
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
        """Allow a period in days or in years, of at least one."""
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

    def remove(self, resource_id: str, state: Props) -> None:
        """Take the default rule away; Object Lock itself can never be taken off a bucket."""
        self.send(resource_id, {}, {"ObjectLockEnabled": state.get("objectLockEnabled", "Enabled")})
