"""aws:cloudwatch/metricAlarm."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.handler import REGION, TAGS, SettingHandler, Tagging
from localcloud.provider.schema import Schema, integer, mapping, number, text, unordered
from localcloud.provider.values import Props

_OPERATORS: Final = (
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
)


class MetricAlarm(SettingHandler):
    """`aws:cloudwatch/metricAlarm:MetricAlarm` over one metric; the emulator forgets expressions (`metricQueries`)."""

    token = "aws:cloudwatch/metricAlarm:MetricAlarm"  # noqa: S105 - a type token
    service, gone = "cloudwatch", ("ResourceNotFound", "ResourceNotFoundException")
    inputs: ClassVar[Schema] = {
        "alarmActions": unordered(text()),
        "alarmDescription": text(),
        "comparisonOperator": text(required=True, choices=_OPERATORS),
        "dimensions": mapping(),
        "evaluationPeriods": integer(required=True),
        "metricName": text(required=True),
        "name": text(force_new=True, autoname=255, api="AlarmName"),
        "namespace": text(required=True),
        "period": integer(required=True),
        "region": REGION,
        "statistic": text(required=True, choices=("SampleCount", "Average", "Sum", "Minimum", "Maximum")),
        "tags": TAGS,
        "threshold": number(required=True),
        "treatMissingData": text(default="missing", choices=("missing", "ignore", "breaching", "notBreaching")),
    }
    outputs = frozenset({"arn", "tagsAll"})
    tagging = Tagging(
        get="list_tags_for_resource", add="tag_resource", remove="untag_resource", parameter="ResourceARN"
    )

    def put(self, inputs: Props) -> None:
        """Set the whole alarm."""
        request = self.request(inputs)
        dimensions = [{"Name": name, "Value": value} for name, value in sorted(request.pop("Dimensions", {}).items())]
        self.client.put_metric_alarm(**request, Dimensions=dimensions)

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the alarm as it is defined (not whether it is raised)."""
        del state
        found = self.client.describe_alarms(AlarmNames=[resource_id], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
        if not found:
            return None
        dimensions = {entry["Name"]: entry["Value"] for entry in found[0].get("Dimensions", ())}
        return {**self.answer({**found[0], "Dimensions": dimensions}), "arn": found[0]["AlarmArn"]}

    def remove(self, resource_id: str, state: Props) -> None:
        """Delete the alarm."""
        del state
        self.client.delete_alarms(AlarmNames=[resource_id])
