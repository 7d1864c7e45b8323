"""aws:cloudtrail/trail: who asked the cloud for what. The emulator keeps the definition; it delivers nothing."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import missing
from localcloud.provider.handler import REGION, TAGS, Handler, Tagging
from localcloud.provider.schema import Schema, block, boolean, listing, text, to_cloud, unordered
from localcloud.provider.values import Props

_OPERATORS: Final = {
    "endsWiths": "EndsWith",
    "equals": "Equals",
    "notEndsWiths": "NotEndsWith",
    "notEquals": "NotEquals",
    "notStartsWiths": "NotStartsWith",
    "startsWiths": "StartsWith",
}
_FIELD: Final = block(
    {"field": text(required=True), **{us: listing(text(), api=aws) for us, aws in _OPERATORS.items()}}
)
_SELECTORS: Final[Schema] = {
    "advancedEventSelectors": listing(block({"fieldSelectors": unordered(_FIELD, required=True), "name": text()}))
}
_NEW: Final[Props] = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []}
"""The selector of a new trail."""


class Trail(Handler):
    """`aws:cloudtrail/trail:Trail` with advanced event selectors."""

    token = "aws:cloudtrail/trail:Trail"  # noqa: S105 - a type token
    service, gone = "cloudtrail", ("TrailNotFoundException", "ResourceNotFoundException")
    id_parameter, deletion = "Name", "delete_trail"
    inputs: ClassVar[Schema] = {
        **_SELECTORS,
        "enableLogFileValidation": boolean(default=False),
        "enableLogging": boolean(default=True, api=None),
        "includeGlobalServiceEvents": boolean(default=True),
        "isMultiRegionTrail": boolean(default=False),
        "name": text(force_new=True, autoname=128),
        "region": REGION,
        "s3BucketName": text(required=True),
        "s3KeyPrefix": text(),
        "tags": TAGS,
    }
    outputs = frozenset({"arn", "homeRegion", "tagsAll"})
    tagging = Tagging(
        get="list_tags", add="add_tags", remove="remove_tags", parameter="ResourceId", by_id=True, tags="TagsList"
    )

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """Return the trail's ARN."""
        return self.cloud.arn("cloudtrail", f"trail/{inputs['name']}") if "name" in inputs else None

    def create(self, inputs: Props) -> str:
        """Make the trail, unless one of that name exists; a new one does not log yet, and selects the default."""
        with missing("TrailAlreadyExistsException"):
            self.client.create_trail(**self._settings(inputs), **self.new_tags(inputs))
        return str(self.identify(inputs))

    def _settings(self, inputs: Props) -> Props:
        """Return what a trail itself takes; other calls set what it selects."""
        return self.request({name: value for name, value in inputs.items() if name not in _SELECTORS})

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the trail, what it selects, and whether it logs."""
        del state
        found = self.client.get_trail(Name=resource_id)["Trail"]
        chosen = self.client.get_event_selectors(TrailName=resource_id) if found["HasCustomEventSelectors"] else {}
        return {
            **self.answer({**found, "AdvancedEventSelectors": chosen.get("AdvancedEventSelectors", [])}),
            "arn": found["TrailARN"],
            "enableLogFileValidation": found["LogFileValidationEnabled"],
            "enableLogging": self.client.get_trail_status(Name=resource_id)["IsLogging"],
            "homeRegion": found["HomeRegion"],
        }

    def find_tags(self, resource_id: str, found: Props) -> dict[str, str]:
        """Return the tags, which CloudTrail lists by trail."""
        del found
        return self.tagging.as_map(
            self.client.list_tags(ResourceIdList=[resource_id])["ResourceTagList"][0]["TagsList"]
        )

    def set_tags(self, resource_id: str, state: Props, tags: Mapping[str, str]) -> None:
        """Set the tags. CloudTrail takes those to remove as tags without a value."""
        if stale := sorted(set(state.get("tags") or {}) - set(tags)):
            self.client.remove_tags(ResourceId=resource_id, TagsList=[{"Key": name} for name in stale])
        super().set_tags(resource_id, {}, tags)

    def change(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what differs."""
        del state
        trail = self.client
        if changed - {"advancedEventSelectors", "enableLogging"}:
            # A prefix that is taken back is sent as "", which clears it.
            gone = {} if inputs.get("s3KeyPrefix") else {"S3KeyPrefix": ""}
            trail.update_trail(**{**gone, **self._settings(inputs), "Name": resource_id})
        if "advancedEventSelectors" in changed:
            chosen = to_cloud(_SELECTORS, inputs) or {"EventSelectors": [_NEW]}
            trail.put_event_selectors(TrailName=resource_id, **chosen)
        if "enableLogging" in changed:
            (trail.start_logging if inputs["enableLogging"] else trail.stop_logging)(Name=resource_id)
