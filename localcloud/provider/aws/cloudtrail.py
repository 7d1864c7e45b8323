"""aws:cloudtrail/trail: who asked the cloud for what. The emulator keeps the definition; it delivers nothing."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import missing
from localcloud.provider.handler import Handler, drop_none, stale_tags, tag_list, tag_map
from localcloud.provider.schema import Failure, Schema, block, boolean, listing, mapping, text, unordered
from localcloud.provider.values import Props

_GONE: Final = ("TrailNotFoundException", "ResourceNotFoundException")
_OPERATORS: Final[Mapping[str, str]] = {
    "endsWiths": "EndsWith",
    "equals": "Equals",
    "notEndsWiths": "NotEndsWith",
    "notEquals": "NotEquals",
    "notStartsWiths": "NotStartsWith",
    "startsWiths": "StartsWith",
}


class Trail(Handler):
    """`aws:cloudtrail/trail:Trail`."""

    token = "aws:cloudtrail/trail:Trail"  # noqa: S105 - a type token
    inputs: ClassVar[Schema] = {
        "advancedEventSelectors": listing(
            block(
                {
                    "fieldSelectors": unordered(
                        block({"field": text(required=True), **dict.fromkeys(_OPERATORS, listing(text()))}),
                        required=True,
                    ),
                    "name": text(),
                }
            )
        ),
        "cloudWatchLogsGroupArn": text(),
        "cloudWatchLogsRoleArn": text(),
        "enableLogFileValidation": boolean(default=False),
        "enableLogging": boolean(default=True),
        "eventSelectors": listing(
            block(
                {
                    "dataResources": listing(
                        block({"type": text(required=True), "values": listing(text(), required=True)})
                    ),
                    "excludeManagementEventSources": unordered(text()),
                    "includeManagementEvents": boolean(default=True),
                    "readWriteType": text(default="All", choices=("All", "ReadOnly", "WriteOnly")),
                }
            )
        ),
        "includeGlobalServiceEvents": boolean(default=True),
        "isMultiRegionTrail": boolean(default=False),
        "isOrganizationTrail": boolean(default=False),
        "kmsKeyId": text(),
        "name": text(force_new=True, autoname=128),
        "region": text(computed=True, force_new=True),
        "s3BucketName": text(required=True),
        "s3KeyPrefix": text(),
        "snsTopicName": text(),
        "tags": mapping(),
    }
    outputs = frozenset({"arn", "homeRegion", "snsTopicArn", "tagsAll"})
    # ours → what the calls take, and what they answer
    _settings: ClassVar[Mapping[str, tuple[str, str]]] = {
        "cloudWatchLogsGroupArn": ("CloudWatchLogsLogGroupArn", "CloudWatchLogsLogGroupArn"),
        "cloudWatchLogsRoleArn": ("CloudWatchLogsRoleArn", "CloudWatchLogsRoleArn"),
        "enableLogFileValidation": ("EnableLogFileValidation", "LogFileValidationEnabled"),
        "includeGlobalServiceEvents": ("IncludeGlobalServiceEvents", "IncludeGlobalServiceEvents"),
        "isMultiRegionTrail": ("IsMultiRegionTrail", "IsMultiRegionTrail"),
        "isOrganizationTrail": ("IsOrganizationTrail", "IsOrganizationTrail"),
        "kmsKeyId": ("KmsKeyId", "KmsKeyId"),
        "s3BucketName": ("S3BucketName", "S3BucketName"),
        "s3KeyPrefix": ("S3KeyPrefix", "S3KeyPrefix"),
        "snsTopicName": ("SnsTopicName", "SnsTopicName"),
    }

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """Selectors are of one sort or the other."""
        if inputs.get("eventSelectors") and inputs.get("advancedEventSelectors"):
            yield Failure(path="advancedEventSelectors", reason="cannot be combined with eventSelectors")

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """A trail's id is its ARN."""
        return self.cloud.arn("cloudtrail", f"trail/{inputs['name']}") if "name" in inputs else None

    def create(self, inputs: Props) -> str:
        """Make the trail, unless there is one of that name; a new one does not log yet, and selects the default."""
        with missing("TrailAlreadyExistsException"):
            self.cloud.client("cloudtrail").create_trail(
                Name=inputs["name"], TagsList=tag_list(inputs.get("tags")), **self._arguments(inputs)
            )
        return str(self.identify(inputs))

    def _arguments(self, inputs: Mapping[str, Any]) -> Props:
        return drop_none(**{theirs: inputs.get(ours) for ours, (theirs, _) in self._settings.items()})

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the trail, what it selects, and whether it is logging."""
        del state
        trail = self.cloud.client("cloudtrail")
        with missing(*_GONE):
            found = trail.get_trail(Name=resource_id)["Trail"]
            selectors = trail.get_event_selectors(TrailName=resource_id) if found["HasCustomEventSelectors"] else {}
            tags = tag_map(trail.list_tags(ResourceIdList=[resource_id])["ResourceTagList"][0]["TagsList"])
            return {
                **{ours: found.get(theirs) for ours, (_, theirs) in self._settings.items()},
                "advancedEventSelectors": [_advanced_back(one) for one in selectors.get("AdvancedEventSelectors", ())],
                "arn": found["TrailARN"],
                "enableLogging": trail.get_trail_status(Name=resource_id)["IsLogging"],
                "eventSelectors": [_basic_back(one) for one in selectors.get("EventSelectors", ())],
                "homeRegion": found["HomeRegion"],
                "name": found["Name"],
                "region": self.cloud.region,
                "snsTopicArn": found.get("SnsTopicARN"),
                "tags": tags,
                "tagsAll": tags,
            }
        return None

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what differs."""
        trail = self.cloud.client("cloudtrail")
        if changed & self._settings.keys():
            # A setting that is taken back is sent as "", which clears it.
            gone = {ours for ours in self._settings if state.get(ours) and ours not in inputs}
            trail.update_trail(Name=resource_id, **self._arguments({**inputs, **dict.fromkeys(gone, "")}))
        if changed & {"advancedEventSelectors", "eventSelectors"}:
            self._select(resource_id, state, inputs)
        if "enableLogging" in changed:
            if inputs["enableLogging"]:
                trail.start_logging(Name=resource_id)
            elif state.get("enableLogging", True):
                trail.stop_logging(Name=resource_id)
        if "tags" in changed:
            stale = stale_tags(state, inputs)
            if stale:
                trail.remove_tags(ResourceId=resource_id, TagsList=[{"Key": key} for key in stale])
            if inputs.get("tags"):
                trail.add_tags(ResourceId=resource_id, TagsList=tag_list(inputs["tags"]))

    def _select(self, arn: str, state: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
        trail = self.cloud.client("cloudtrail")
        if inputs.get("advancedEventSelectors"):
            chosen = [_advanced(one) for one in inputs["advancedEventSelectors"]]
            trail.put_event_selectors(TrailName=arn, AdvancedEventSelectors=chosen)
        elif inputs.get("eventSelectors"):
            trail.put_event_selectors(TrailName=arn, EventSelectors=[_basic(one) for one in inputs["eventSelectors"]])
        elif state.get("advancedEventSelectors") or state.get("eventSelectors"):
            # What a new trail has.
            default: Props = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []}
            trail.put_event_selectors(TrailName=arn, EventSelectors=[default])

    def delete(self, resource_id: str, state: Props) -> None:
        """Delete the trail; what it delivered stays."""
        del state
        with missing(*_GONE):
            self.cloud.client("cloudtrail").delete_trail(Name=resource_id)


def _advanced(selector: Mapping[str, Any]) -> Props:
    fields = [
        {"Field": one["field"], **{theirs: one[ours] for ours, theirs in _OPERATORS.items() if one.get(ours)}}
        for one in selector["fieldSelectors"]
    ]
    return drop_none(Name=selector.get("name"), FieldSelectors=fields)


def _advanced_back(selector: Mapping[str, Any]) -> Props:
    fields = [
        {"field": one["Field"], **{ours: one[theirs] for ours, theirs in _OPERATORS.items() if one.get(theirs)}}
        for one in selector["FieldSelectors"]
    ]
    return drop_none(name=selector.get("Name"), fieldSelectors=fields)


def _basic(selector: Mapping[str, Any]) -> Props:
    return {
        "DataResources": [{"Type": one["type"], "Values": one["values"]} for one in selector.get("dataResources", ())],
        "ExcludeManagementEventSources": selector.get("excludeManagementEventSources", []),
        "IncludeManagementEvents": selector["includeManagementEvents"],
        "ReadWriteType": selector["readWriteType"],
    }


def _basic_back(selector: Mapping[str, Any]) -> Props:
    return {
        "dataResources": [{"type": one["Type"], "values": one["Values"]} for one in selector.get("DataResources", ())],
        "excludeManagementEventSources": selector.get("ExcludeManagementEventSources", []),
        "includeManagementEvents": selector.get("IncludeManagementEvents", True),
        "readWriteType": selector.get("ReadWriteType", "All"),
    }


HANDLERS: Final[tuple[type[Handler], ...]] = (Trail,)
