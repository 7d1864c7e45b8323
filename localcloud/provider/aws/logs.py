"""aws:cloudwatch/logGroup and logMetricFilter: where the function's own log goes, and what is counted in it."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import missing
from localcloud.provider.handler import REGION, TAGS, Handler, SettingHandler, Tagging
from localcloud.provider.schema import Failure, Schema, block, boolean, integer, mapping, text
from localcloud.provider.values import Props

_GONE: Final = ("ResourceNotFoundException",)
_DAYS: Final = (
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


class LogGroup(Handler):
    """`aws:cloudwatch/logGroup:LogGroup`."""

    token = "aws:cloudwatch/logGroup:LogGroup"  # noqa: S105 - a type token
    service, gone, id_parameter, deletion = "logs", _GONE, "logGroupName", "delete_log_group"
    inputs: ClassVar[Schema] = {
        "name": text(force_new=True, autoname=512, api="logGroupName"),
        "region": REGION,
        "retentionInDays": integer(default=0, api=None),
        "skipDestroy": boolean(default=False, echoed=True, api=None),
        "tags": TAGS,
    }
    outputs = frozenset({"arn", "tagsAll"})
    tagging = Tagging(
        get="list_tags_for_resource", add="tag_resource", remove="untag_resource", parameter="resourceArn",
        answer="tags", tags="tags", keys="tagKeys", pair=None,
    )  # fmt: skip

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """Allow the days of AWS's list; 0 keeps for ever."""
        days = inputs.get("retentionInDays")
        if isinstance(days, int) and days not in _DAYS:
            yield Failure(path="retentionInDays", reason=f"must be one of {', '.join(map(str, _DAYS))}, not {days}")

    def create(self, inputs: Props) -> str:
        """Make the group, or adopt the one of that name (a function that runs early makes its own)."""
        with missing("ResourceAlreadyExistsException"):
            self.client.create_log_group(**self.request(inputs), **self.new_tags(inputs))
        return str(inputs["name"])

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the group's settings."""
        del state
        pages = self.client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=resource_id)
        for group in pages.search("logGroups[]"):
            if group["logGroupName"] == resource_id:
                days = group.get("retentionInDays", 0)
                return {"arn": group["arn"].removesuffix(":*"), "name": resource_id, "retentionInDays": days}
        return None

    def change(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set how long lines stay."""
        del changed
        if days := inputs["retentionInDays"]:
            self.client.put_retention_policy(logGroupName=resource_id, retentionInDays=days)
        elif state.get("retentionInDays"):
            self.client.delete_retention_policy(logGroupName=resource_id)

    def remove(self, resource_id: str, state: Props) -> None:
        """Delete the group and what is in it, unless skipDestroy keeps it."""
        if not state.get("skipDestroy"):
            super().remove(resource_id, state)


class LogMetricFilter(SettingHandler):
    """`aws:cloudwatch/logMetricFilter:LogMetricFilter`: lines that match become a metric."""

    token = "aws:cloudwatch/logMetricFilter:LogMetricFilter"  # noqa: S105
    service, gone, deletion = "logs", _GONE, "delete_metric_filter"
    inputs: ClassVar[Schema] = {
        "logGroupName": text(required=True, force_new=True, api="logGroupName"),
        "metricTransformation": block(
            {
                "defaultValue": text(api="defaultValue"),
                "dimensions": mapping(api="dimensions"),
                "name": text(required=True, api="metricName"),
                "namespace": text(required=True, api="metricNamespace"),
                "unit": text(default="None", api="unit"),
                "value": text(required=True, api="metricValue"),
            },
            required=True,
            api="metricTransformations",
        ),
        "name": text(force_new=True, autoname=512, api="filterName"),
        "pattern": text(required=True, api="filterPattern"),
        "region": REGION,
    }

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """Refuse a metric with both a default and dimensions."""
        metric = inputs.get("metricTransformation")
        if isinstance(metric, dict) and metric.get("defaultValue") is not None and metric.get("dimensions"):
            yield Failure(path="metricTransformation.defaultValue", reason="cannot be combined with dimensions")

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """Return `group:name`: filters of two groups may share a name."""
        group, name = inputs.get("logGroupName"), inputs.get("name")
        return f"{group}:{name}" if group and name else None

    def target(self, resource_id: str, state: Mapping[str, Any]) -> Props:
        """Return group and filter."""
        del state
        group, _, name = resource_id.partition(":")
        return {"logGroupName": group, "filterName": name}

    def put(self, inputs: Props) -> None:
        """Set the filter."""
        request = self.request(inputs)
        metric = request.pop("metricTransformations")
        if "defaultValue" in metric:
            metric["defaultValue"] = float(metric["defaultValue"])
        self.client.put_metric_filter(**request, metricTransformations=[metric])

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the filter."""
        group, name = self.target(resource_id, state).values()
        answer = self.client.describe_metric_filters(logGroupName=group, filterNamePrefix=name)
        for found in answer["metricFilters"]:
            if found["filterName"] == name:
                metric = {"unit": "None", **found["metricTransformations"][0]}
                if "defaultValue" in metric:
                    metric["defaultValue"] = f"{metric['defaultValue']:g}"
                known = {"filterPattern": "", **found, "logGroupName": group, "metricTransformations": metric}
                return self.answer(known)
        return None
