"""aws:s3/bucketNotification: who is told of what happens in a bucket."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.aws.bucket_settings import BUCKET, GONE, REGION, BucketSetting
from localcloud.provider.cloud import missing
from localcloud.provider.handler import Handler, drop_none
from localcloud.provider.schema import Failure, Schema, block, boolean, listing, text
from localcloud.provider.values import Props


class BucketNotification(BucketSetting):
    """`aws:s3/bucketNotification:BucketNotification`, to queues."""

    token = "aws:s3/bucketNotification:BucketNotification"  # noqa: S105 - a type token
    inputs: ClassVar[Schema] = {
        "bucket": BUCKET,
        "eventbridge": boolean(default=False),
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
        """Somebody is told."""
        if not inputs.get("eventbridge") and not inputs.get("queues"):
            yield Failure(path="queues", reason="needs one queue, or eventbridge")

    def put(self, inputs: Props) -> None:
        """Set the whole configuration."""
        queues = []
        for queue in inputs.get("queues") or []:
            rules = [
                {"Name": name.lower(), "Value": queue[f"filter{name}"]}
                for name in ("Prefix", "Suffix")
                if queue.get(f"filter{name}")
            ]
            queues.append(
                drop_none(
                    Id=queue["id"],
                    QueueArn=queue["queueArn"],
                    Events=queue["events"],
                    Filter={"Key": {"FilterRules": rules}} if rules else None,
                )
            )
        bridge: dict[str, str] | None = {} if inputs["eventbridge"] else None
        self._set(inputs["bucket"], drop_none(QueueConfigurations=queues or None, EventBridgeConfiguration=bridge))

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the configuration, None when nobody is told."""
        del state
        with missing(*GONE):
            found = self.cloud.client("s3").get_bucket_notification_configuration(Bucket=resource_id)
            queues = [_queue(queue) for queue in found.get("QueueConfigurations", [])]
            bridge = "EventBridgeConfiguration" in found
            if not queues and not bridge:
                return None
            return {"bucket": resource_id, "eventbridge": bridge, "queues": queues, "region": self.cloud.region}
        return None

    def delete(self, resource_id: str, state: Props) -> None:
        """Tell nobody."""
        del state
        with missing(*GONE):
            self._set(resource_id, {})

    def _set(self, bucket: str, configuration: Mapping[str, Any]) -> None:
        self.cloud.client("s3").put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration=configuration
        )


def _queue(found: Mapping[str, Any]) -> Props:
    rules = {
        rule["Name"].lower(): rule["Value"] for rule in found.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    }
    return drop_none(
        id=found.get("Id"),
        queueArn=found["QueueArn"],
        events=list(found["Events"]),
        filterPrefix=rules.get("prefix"),
        filterSuffix=rules.get("suffix"),
    )


HANDLERS: Final[tuple[type[Handler], ...]] = (BucketNotification,)
