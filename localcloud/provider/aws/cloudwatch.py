"""aws:cloudwatch/metricAlarm."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import missing
from localcloud.provider.handler import Handler, SettingHandler, drop_none, tag_list, tag_map
from localcloud.provider.schema import (
    Failure,
    Schema,
    boolean,
    integer,
    mapping,
    number,
    text,
    unordered,
)
from localcloud.provider.values import Props

_OPERATORS: Final = (
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
)


class MetricAlarm(SettingHandler):
    """`aws:cloudwatch/metricAlarm:MetricAlarm` over one metric; the emulator forgets expressions (`metricQueries`)."""

    token = "aws:cloudwatch/metricAlarm:MetricAlarm"  # noqa: S105 - a type token
    inputs: ClassVar[Schema] = {
        "actionsEnabled": boolean(default=True),
        "alarmActions": unordered(text()),
        "alarmDescription": text(),
        "comparisonOperator": text(required=True, choices=_OPERATORS),
        "datapointsToAlarm": integer(),
        "dimensions": mapping(),
        "evaluationPeriods": integer(required=True),
        "extendedStatistic": text(),
        "insufficientDataActions": unordered(text()),
        "metricName": text(required=True),
        "name": text(force_new=True, autoname=255),
        "namespace": text(required=True),
        "okActions": unordered(text()),
        "period": integer(required=True),
        "region": text(computed=True, force_new=True),
        "statistic": text(choices=("SampleCount", "Average", "Sum", "Minimum", "Maximum")),
        "tags": mapping(),
        "threshold": number(required=True),
        "treatMissingData": text(default="missing", choices=("missing", "ignore", "breaching", "notBreaching")),
        "unit": text(),
    }
    outputs = frozenset({"arn", "tagsAll"})
    _parameters: ClassVar[Mapping[str, str]] = {
        "actionsEnabled": "ActionsEnabled",
        "alarmActions": "AlarmActions",
        "alarmDescription": "AlarmDescription",
        "comparisonOperator": "ComparisonOperator",
        "datapointsToAlarm": "DatapointsToAlarm",
        "evaluationPeriods": "EvaluationPeriods",
        "extendedStatistic": "ExtendedStatistic",
        "insufficientDataActions": "InsufficientDataActions",
        "metricName": "MetricName",
        "name": "AlarmName",
        "namespace": "Namespace",
        "okActions": "OKActions",
        "period": "Period",
        "statistic": "Statistic",
        "threshold": "Threshold",
        "treatMissingData": "TreatMissingData",
        "unit": "Unit",
    }

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """An alarm watches a statistic or a percentile, not both."""
        if ("statistic" in inputs) == ("extendedStatistic" in inputs):
            yield Failure(path="statistic", reason="needs one of statistic and extendedStatistic, and not both")

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """An alarm's id is its name."""
        return inputs.get("name")

    def put(self, inputs: Props) -> None:
        """Set the whole alarm; tags, which that call only takes for a new one, apart."""
        cloudwatch, name = self.cloud.client("cloudwatch"), inputs["name"]
        given = {theirs: inputs.get(ours) for ours, theirs in self._parameters.items()}
        cloudwatch.put_metric_alarm(
            **drop_none(
                **given,
                Dimensions=_dimensions(inputs.get("dimensions")),
            )
        )
        arn, tags = self.cloud.arn("cloudwatch", f"alarm:{name}"), inputs.get("tags") or {}
        old = tag_map(cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"])
        stale = sorted(set(old) - set(tags))
        if stale:
            cloudwatch.untag_resource(ResourceARN=arn, TagKeys=stale)
        if tags and tags != old:
            cloudwatch.tag_resource(ResourceARN=arn, Tags=tag_list(tags))

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the alarm as it is defined (not whether it rings)."""
        del state
        cloudwatch = self.cloud.client("cloudwatch")
        for found in cloudwatch.describe_alarms(AlarmNames=[resource_id], AlarmTypes=["MetricAlarm"])["MetricAlarms"]:
            tags = tag_map(cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"])
            return {
                **{ours: found.get(theirs) for ours, theirs in self._parameters.items()},
                "arn": found["AlarmArn"],
                "dimensions": _dimension_map(found.get("Dimensions")),
                "region": self.cloud.region,
                "tags": tags,
                "tagsAll": tags,
            }
        return None

    def delete(self, resource_id: str, state: Props) -> None:
        """Delete the alarm."""
        del state
        with missing("ResourceNotFound", "ResourceNotFoundException"):
            self.cloud.client("cloudwatch").delete_alarms(AlarmNames=[resource_id])


def _dimensions(dimensions: Mapping[str, str] | None) -> list[dict[str, str]] | None:
    return [{"Name": name, "Value": value} for name, value in sorted(dimensions.items())] if dimensions else None


def _dimension_map(dimensions: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    return {entry["Name"]: entry["Value"] for entry in dimensions or ()}


HANDLERS: Final[tuple[type[Handler], ...]] = (MetricAlarm,)
