"""aws:cloudwatch/eventRule and eventTarget: what happens (a schedule, an API call), and who is told."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import ProviderError, missing
from localcloud.provider.handler import Handler, SettingHandler, drop_none, tag_list, tag_map
from localcloud.provider.schema import Failure, Schema, block, document, integer, mapping, text
from localcloud.provider.values import Props

_GONE: Final = ("ResourceNotFoundException",)
_DEFAULT_BUS: Final = "default"
_STATES: Final = ("ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
_REGION: Final = text(computed=True, force_new=True)
_BUS: Final = text(default=_DEFAULT_BUS, force_new=True)


class EventRule(SettingHandler):
    """`aws:cloudwatch/eventRule:EventRule`."""

    token = "aws:cloudwatch/eventRule:EventRule"  # noqa: S105 - a type token
    inputs: ClassVar[Schema] = {
        "description": text(),
        "eventBusName": _BUS,
        "eventPattern": document(),
        "name": text(force_new=True, autoname=64),
        "region": _REGION,
        "scheduleExpression": text(),
        "state": text(default="ENABLED", choices=_STATES),
        "tags": mapping(),
    }
    outputs = frozenset({"arn", "tagsAll"})

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """A rule has a pattern, a schedule, or both."""
        if "eventPattern" not in inputs and "scheduleExpression" not in inputs:
            yield Failure(path="eventPattern", reason="needs one of eventPattern and scheduleExpression")

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """The name; of another bus than the default, `bus/name`."""
        name, bus = inputs.get("name"), inputs.get("eventBusName")
        return name if bus == _DEFAULT_BUS or name is None else f"{bus}/{name}"

    def put(self, inputs: Props) -> None:
        """Set the whole rule; tags, which that call only takes for a new one, apart."""
        events = self.cloud.client("events")
        arn = events.put_rule(
            Name=inputs["name"],
            EventBusName=inputs["eventBusName"],
            State=inputs["state"],
            Description=inputs.get("description", ""),  # where it is absent, the emulator keeps the old one
            **drop_none(EventPattern=inputs.get("eventPattern"), ScheduleExpression=inputs.get("scheduleExpression")),
        )["RuleArn"]
        tags = inputs.get("tags") or {}
        old = tag_map(events.list_tags_for_resource(ResourceARN=arn)["Tags"])
        stale = sorted(set(old) - set(tags))
        if stale:
            events.untag_resource(ResourceARN=arn, TagKeys=stale)
        if tags and tags != old:
            events.tag_resource(ResourceARN=arn, Tags=tag_list(tags))

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the rule."""
        del state
        events = self.cloud.client("events")
        bus, _, name = resource_id.rpartition("/")
        with missing(*_GONE):
            found = events.describe_rule(Name=name, EventBusName=bus or _DEFAULT_BUS)
            tags = tag_map(events.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"])
            return {
                "arn": found["Arn"],
                "description": found.get("Description"),
                "eventBusName": found.get("EventBusName", _DEFAULT_BUS),
                "eventPattern": found.get("EventPattern"),
                "name": found["Name"],
                "region": self.cloud.region,
                "scheduleExpression": found.get("ScheduleExpression"),
                "state": found["State"],
                "tags": tags,
                "tagsAll": tags,
            }
        return None

    def delete(self, resource_id: str, state: Props) -> None:
        """Delete the rule; targets are resources of their own, and go before it."""
        del state
        bus, _, name = resource_id.rpartition("/")
        with missing(*_GONE):
            self.cloud.client("events").delete_rule(Name=name, EventBusName=bus or _DEFAULT_BUS)


class EventTarget(SettingHandler):
    """`aws:cloudwatch/eventTarget:EventTarget`."""

    token = "aws:cloudwatch/eventTarget:EventTarget"  # noqa: S105
    inputs: ClassVar[Schema] = {
        "arn": text(required=True),
        "deadLetterConfig": block({"arn": text()}),
        "eventBusName": _BUS,
        "input": text(),
        "inputPath": text(),
        "inputTransformer": block({"inputPaths": mapping(), "inputTemplate": text(required=True)}),
        "region": _REGION,
        "retryPolicy": block({"maximumEventAgeInSeconds": integer(), "maximumRetryAttempts": integer()}),
        "roleArn": text(),
        "rule": text(required=True, force_new=True),
        "targetId": text(force_new=True, autoname=64),
    }

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """What the target is told is given in one way at most."""
        given = [name for name in ("input", "inputPath", "inputTransformer") if name in inputs]
        if len(given) > 1:
            yield Failure(path=given[1], reason=f"cannot be combined with {given[0]}")

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """`rule-target`; of another bus than the default, `bus-rule-target`."""
        rule, target, bus = inputs.get("rule"), inputs.get("targetId"), inputs.get("eventBusName")
        if rule is None or target is None:
            return None
        return f"{rule}-{target}" if bus == _DEFAULT_BUS else f"{bus}-{rule}-{target}"

    def put(self, inputs: Props) -> None:
        """Set the target. Raises ProviderError with the cloud's reason when it is not taken."""
        dead = inputs.get("deadLetterConfig")
        transformer = inputs.get("inputTransformer")
        retry = inputs.get("retryPolicy")
        target = drop_none(
            Id=inputs["targetId"],
            Arn=inputs["arn"],
            RoleArn=inputs.get("roleArn"),
            Input=inputs.get("input"),
            InputPath=inputs.get("inputPath"),
            InputTransformer=transformer
            and drop_none(InputPathsMap=transformer.get("inputPaths"), InputTemplate=transformer["inputTemplate"]),
            DeadLetterConfig=dead and {"Arn": dead["arn"]},
            RetryPolicy=retry
            and drop_none(
                MaximumEventAgeInSeconds=retry.get("maximumEventAgeInSeconds"),
                MaximumRetryAttempts=retry.get("maximumRetryAttempts"),
            ),
        )
        answer = self.cloud.client("events").put_targets(
            Rule=inputs["rule"], EventBusName=inputs["eventBusName"], Targets=[target]
        )
        for failed in answer.get("FailedEntries", ()):
            reason = f"{failed.get('ErrorCode')}: {failed.get('ErrorMessage')}"
            msg = f"target {inputs['targetId']} of rule {inputs['rule']}: {reason}"
            raise ProviderError(msg)

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the target, None when it or its rule is gone. For an import the id is `bus/rule/target`."""
        if "rule" in state:
            bus, rule, target_id = state["eventBusName"], state["rule"], state["targetId"]
        else:
            bus, _, rest = resource_id.partition("/")
            rule, _, target_id = rest.partition("/")
        with missing(*_GONE):
            pages = self.cloud.client("events").get_paginator("list_targets_by_rule")
            for found in pages.paginate(Rule=rule, EventBusName=bus).search("Targets[]"):
                if found["Id"] == target_id:
                    return {
                        "eventBusName": bus,
                        "region": self.cloud.region,
                        "rule": rule,
                        "targetId": target_id,
                        **self._from_target(found),
                    }
        return None

    def _from_target(self, found: Mapping[str, Any]) -> Props:
        transformer = found.get("InputTransformer")
        retry = found.get("RetryPolicy")
        dead = found.get("DeadLetterConfig")
        return {
            "arn": found["Arn"],
            "deadLetterConfig": dead and drop_none(arn=dead.get("Arn")),
            "input": found.get("Input"),
            "inputPath": found.get("InputPath"),
            "inputTransformer": transformer
            and drop_none(inputPaths=transformer.get("InputPathsMap"), inputTemplate=transformer["InputTemplate"]),
            "retryPolicy": retry
            and drop_none(
                maximumEventAgeInSeconds=retry.get("MaximumEventAgeInSeconds"),
                maximumRetryAttempts=retry.get("MaximumRetryAttempts"),
            ),
            "roleArn": found.get("RoleArn"),
        }

    def delete(self, resource_id: str, state: Props) -> None:
        """Remove the target from its rule."""
        del resource_id
        with missing(*_GONE):
            self.cloud.client("events").remove_targets(
                Rule=state["rule"], EventBusName=state["eventBusName"], Ids=[state["targetId"]]
            )


HANDLERS: Final[tuple[type[Handler], ...]] = (EventRule, EventTarget)
