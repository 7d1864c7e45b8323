"""aws:cloudwatch/eventRule and eventTarget on the default bus: what happens, and who receives it."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import ProviderError
from localcloud.provider.handler import REGION, TAGS, SettingHandler, Tagging
from localcloud.provider.schema import Failure, Schema, block, document, integer, text
from localcloud.provider.values import Props

_GONE: Final = ("ResourceNotFoundException",)
_STATES: Final = ("ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")


class EventRule(SettingHandler):
    """`aws:cloudwatch/eventRule:EventRule`."""

    token = "aws:cloudwatch/eventRule:EventRule"  # noqa: S105 - a type token
    service, gone, id_parameter, deletion = "events", _GONE, "Name", "delete_rule"
    inputs: ClassVar[Schema] = {
        "description": text(),
        "eventPattern": document(),
        "name": text(force_new=True, autoname=64),
        "region": REGION,
        "scheduleExpression": text(),
        "state": text(default="ENABLED", choices=_STATES),
        "tags": TAGS,
    }
    outputs = frozenset({"arn", "tagsAll"})
    tagging = Tagging(
        get="list_tags_for_resource", add="tag_resource", remove="untag_resource", parameter="ResourceARN"
    )

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """Ask for a pattern, a schedule, or both."""
        if "eventPattern" not in inputs and "scheduleExpression" not in inputs:
            yield Failure(path="eventPattern", reason="needs one of eventPattern and scheduleExpression")

    def put(self, inputs: Props) -> None:
        """Set the whole rule."""
        # Without a description, the emulator keeps the old one.
        self.client.put_rule(**{"Description": "", **self.request(inputs)})

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the rule."""
        found = self.client.describe_rule(**self.target(resource_id, state))
        return {**self.answer(found), "arn": found["Arn"]}


class EventTarget(SettingHandler):
    """`aws:cloudwatch/eventTarget:EventTarget`."""

    token = "aws:cloudwatch/eventTarget:EventTarget"  # noqa: S105
    service, gone = "events", _GONE
    inputs: ClassVar[Schema] = {
        "arn": text(required=True),
        "input": text(),
        "region": REGION,
        "retryPolicy": block({"maximumEventAgeInSeconds": integer(), "maximumRetryAttempts": integer()}),
        "rule": text(required=True, force_new=True, api=None),
        "targetId": text(force_new=True, autoname=64, api="Id"),
    }

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """Return `rule-target`."""
        rule, target = inputs.get("rule"), inputs.get("targetId")
        return None if rule is None or target is None else f"{rule}-{target}"

    def put(self, inputs: Props) -> None:
        """Set the target. Raise ProviderError with the cloud's reason if it is refused."""
        answer = self.client.put_targets(Rule=inputs["rule"], Targets=[self.request(inputs)])
        for failed in answer.get("FailedEntries", ()):
            raise ProviderError(f"target {inputs['targetId']}: {failed.get('ErrorCode')}: {failed.get('ErrorMessage')}")

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the target. For an import the id is `bus/rule/target`."""
        _, rule, target_id = resource_id.split("/") if "rule" not in state else ("", state["rule"], state["targetId"])
        pages = self.client.get_paginator("list_targets_by_rule").paginate(Rule=rule)
        for found in pages.search("Targets[]"):
            if found["Id"] == target_id:
                return {**self.answer(found), "rule": rule}
        return None

    def remove(self, resource_id: str, state: Props) -> None:
        """Remove the target from its rule."""
        del resource_id
        self.client.remove_targets(Rule=state["rule"], Ids=[state["targetId"]])
