"""aws:cloudwatch/logGroup and logMetricFilter: where the function's own log goes, and what is counted in it."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import missing
from localcloud.provider.handler import Handler, SettingHandler, drop_none, stale_tags
from localcloud.provider.schema import Failure, Schema, block, boolean, integer, mapping, text
from localcloud.provider.values import Props

_GONE: Final = ("ResourceNotFoundException",)
_REGION: Final = text(computed=True, force_new=True)
_DAYS: Final = (
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


class LogGroup(Handler):
    """`aws:cloudwatch/logGroup:LogGroup`."""

    token = "aws:cloudwatch/logGroup:LogGroup"  # noqa: S105 - a type token
    inputs: ClassVar[Schema] = {
        "kmsKeyId": text(),
        "logGroupClass": text(computed=True, force_new=True, choices=("STANDARD", "INFREQUENT_ACCESS", "DELIVERY")),
        "name": text(force_new=True, autoname=512),
        "region": _REGION,
        "retentionInDays": integer(default=0),
        "skipDestroy": boolean(default=False, echoed=True),
        "tags": mapping(),
    }
    outputs = frozenset({"arn", "tagsAll"})

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """The days are from AWS's list; 0 keeps for ever."""
        days = inputs.get("retentionInDays")
        if isinstance(days, int) and days not in _DAYS:
            yield Failure(path="retentionInDays", reason=f"must be one of {', '.join(map(str, _DAYS))}, not {days}")

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """A log group's id is its name."""
        return inputs.get("name")

    def create(self, inputs: Props) -> str:
        """Make the group, or take over the one of that name (a function that runs early makes its own)."""
        with missing("ResourceAlreadyExistsException"):
            self.cloud.client("logs").create_log_group(
                logGroupName=inputs["name"],
                **drop_none(
                    kmsKeyId=inputs.get("kmsKeyId"),
                    logGroupClass=inputs.get("logGroupClass"),
                    tags=inputs.get("tags") or None,
                ),
            )
        return str(inputs["name"])

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the group's settings."""
        del state
        logs = self.cloud.client("logs")
        pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=resource_id)
        for group in (group for page in pages for group in page["logGroups"]):
            if group["logGroupName"] != resource_id:
                continue
            arn = group["arn"].removesuffix(":*")
            tags = dict(logs.list_tags_for_resource(resourceArn=arn).get("tags") or {})
            return {
                "arn": arn,
                "kmsKeyId": group.get("kmsKeyId"),
                "logGroupClass": group.get("logGroupClass", "STANDARD"),
                "name": resource_id,
                "region": self.cloud.region,
                "retentionInDays": group.get("retentionInDays", 0),
                "tags": tags,
                "tagsAll": tags,
            }
        return None

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what differs."""
        logs = self.cloud.client("logs")
        if "retentionInDays" in changed:
            if inputs["retentionInDays"]:
                logs.put_retention_policy(logGroupName=resource_id, retentionInDays=inputs["retentionInDays"])
            elif state.get("retentionInDays"):
                logs.delete_retention_policy(logGroupName=resource_id)
        if "kmsKeyId" in changed:
            if inputs.get("kmsKeyId"):
                logs.associate_kms_key(logGroupName=resource_id, kmsKeyId=inputs["kmsKeyId"])
            elif state.get("kmsKeyId"):
                logs.disassociate_kms_key(logGroupName=resource_id)
        if "tags" in changed:
            arn = self.cloud.arn("logs", f"log-group:{resource_id}")
            stale = stale_tags(state, inputs)
            if stale:
                logs.untag_resource(resourceArn=arn, tagKeys=stale)
            if inputs.get("tags"):
                logs.tag_resource(resourceArn=arn, tags=inputs["tags"])

    def delete(self, resource_id: str, state: Props) -> None:
        """Delete the group and what is in it, unless skipDestroy leaves it be."""
        if not state.get("skipDestroy"):
            with missing(*_GONE):
                self.cloud.client("logs").delete_log_group(logGroupName=resource_id)


class LogMetricFilter(SettingHandler):
    """`aws:cloudwatch/logMetricFilter:LogMetricFilter`: lines that match become a metric."""

    token = "aws:cloudwatch/logMetricFilter:LogMetricFilter"  # noqa: S105
    inputs: ClassVar[Schema] = {
        "logGroupName": text(required=True, force_new=True),
        "metricTransformation": block(
            {
                "defaultValue": text(),
                "dimensions": mapping(),
                "name": text(required=True),
                "namespace": text(required=True),
                "unit": text(default="None"),
                "value": text(required=True),
            },
            required=True,
        ),
        "name": text(force_new=True, autoname=512),
        "pattern": text(required=True),
        "region": _REGION,
    }

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """A metric has a default or dimensions, not both."""
        metric = inputs.get("metricTransformation")
        if isinstance(metric, dict) and metric.get("defaultValue") is not None and metric.get("dimensions"):
            yield Failure(path="metricTransformation.defaultValue", reason="cannot be combined with dimensions")

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """`group:name`: filters of two groups may share a name."""
        group, name = inputs.get("logGroupName"), inputs.get("name")
        return f"{group}:{name}" if group and name else None

    def put(self, inputs: Props) -> None:
        """Set the filter."""
        metric = inputs["metricTransformation"]
        default = metric.get("defaultValue")
        self.cloud.client("logs").put_metric_filter(
            logGroupName=inputs["logGroupName"],
            filterName=inputs["name"],
            filterPattern=inputs["pattern"],
            metricTransformations=[
                drop_none(
                    metricName=metric["name"],
                    metricNamespace=metric["namespace"],
                    metricValue=metric["value"],
                    defaultValue=None if default in (None, "") else float(default),
                    dimensions=metric.get("dimensions") or None,
                    unit=metric["unit"],
                )
            ],
        )

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the filter, None when it or its group is gone."""
        del state
        group, _, name = resource_id.partition(":")
        with missing(*_GONE):
            answer = self.cloud.client("logs").describe_metric_filters(logGroupName=group, filterNamePrefix=name)
            for found in answer["metricFilters"]:
                if found["filterName"] == name:
                    return {
                        "logGroupName": group,
                        "metricTransformation": self._metric(found["metricTransformations"][0]),
                        "name": name,
                        "pattern": found.get("filterPattern", ""),
                        "region": self.cloud.region,
                    }
        return None

    def _metric(self, found: Mapping[str, Any]) -> Props:
        default = found.get("defaultValue")
        return drop_none(
            defaultValue=None if default is None else f"{default:g}",
            dimensions=found.get("dimensions"),
            name=found["metricName"],
            namespace=found["metricNamespace"],
            unit=found.get("unit", "None"),
            value=found["metricValue"],
        )

    def delete(self, resource_id: str, state: Props) -> None:
        """Remove the filter; its metric's past stays."""
        del state
        group, _, name = resource_id.partition(":")
        with missing(*_GONE):
            self.cloud.client("logs").delete_metric_filter(logGroupName=group, filterName=name)


HANDLERS: Final[tuple[type[Handler], ...]] = (LogGroup, LogMetricFilter)
