"""aws:sqs/*: the queue that is told of new objects, and who may send to it."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import missing
from localcloud.provider.handler import Handler, SettingHandler, stale_tags
from localcloud.provider.policy import for_emulator, from_emulator
from localcloud.provider.schema import Schema, boolean, integer, mapping, policy, text
from localcloud.provider.values import Props

_GONE: Final = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
_REGION: Final = text(computed=True, force_new=True)


class Queue(Handler):
    """`aws:sqs/queue:Queue`, a standard one."""

    token = "aws:sqs/queue:Queue"  # noqa: S105 - a type token
    inputs: ClassVar[Schema] = {
        "messageRetentionSeconds": integer(default=345_600),
        "name": text(force_new=True, autoname=80),
        "policy": policy(computed=True),
        "receiveWaitTimeSeconds": integer(default=0),
        "region": _REGION,
        "sqsManagedSseEnabled": boolean(computed=True),
        "tags": mapping(),
        "visibilityTimeoutSeconds": integer(default=30),
    }
    outputs = frozenset({"arn", "tagsAll", "url"})
    _numbers: ClassVar[Mapping[str, str]] = {
        "messageRetentionSeconds": "MessageRetentionPeriod",
        "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
        "visibilityTimeoutSeconds": "VisibilityTimeout",
    }

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """A queue's id is its URL."""
        if "name" not in inputs:
            return None
        with missing(*_GONE):
            return str(self.cloud.client("sqs").get_queue_url(QueueName=inputs["name"])["QueueUrl"])
        return None

    def create(self, inputs: Props) -> str:
        """Make the queue, unless it is there."""
        found = self.identify(inputs)
        if found is not None:
            return found
        made = self.cloud.client("sqs").create_queue(
            QueueName=inputs["name"], Attributes=self._attributes(inputs), tags=inputs.get("tags") or {}
        )
        return str(made["QueueUrl"])

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the queue."""
        del state
        sqs = self.cloud.client("sqs")
        with missing(*_GONE):
            found = sqs.get_queue_attributes(QueueUrl=resource_id, AttributeNames=["All"])["Attributes"]
            tags = sqs.list_queue_tags(QueueUrl=resource_id).get("Tags", {})
            encrypted = found.get("SqsManagedSseEnabled")
            return {
                **{ours: int(found[theirs]) for ours, theirs in self._numbers.items() if theirs in found},
                "arn": found["QueueArn"],
                "name": found["QueueArn"].rpartition(":")[2],
                "policy": from_emulator(found.get("Policy") or "") or None,
                "region": self.cloud.region,
                "sqsManagedSseEnabled": None if encrypted is None else encrypted.lower() == "true",
                "tags": tags,
                "tagsAll": tags,
                "url": resource_id,
            }
        return None

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what differs."""
        sqs = self.cloud.client("sqs")
        if changed - {"tags"}:
            sqs.set_queue_attributes(QueueUrl=resource_id, Attributes=self._attributes(inputs))
        if "tags" in changed:
            stale = stale_tags(state, inputs)
            if stale:
                sqs.untag_queue(QueueUrl=resource_id, TagKeys=stale)
            if inputs.get("tags"):
                sqs.tag_queue(QueueUrl=resource_id, Tags=inputs["tags"])

    def delete(self, resource_id: str, state: Props) -> None:
        """Delete the queue, and what waits in it."""
        del state
        with missing(*_GONE):
            self.cloud.client("sqs").delete_queue(QueueUrl=resource_id)

    def _attributes(self, inputs: Props) -> dict[str, str]:
        attributes = {theirs: str(inputs[ours]) for ours, theirs in self._numbers.items() if ours in inputs}
        if inputs.get("policy") is not None:
            attributes["Policy"] = for_emulator(inputs["policy"])
        if inputs.get("sqsManagedSseEnabled") is not None:
            attributes["SqsManagedSseEnabled"] = str(inputs["sqsManagedSseEnabled"]).lower()
        return attributes


class QueuePolicy(SettingHandler):
    """`aws:sqs/queuePolicy:QueuePolicy`."""

    token = "aws:sqs/queuePolicy:QueuePolicy"  # noqa: S105
    inputs: ClassVar[Schema] = {
        "policy": policy(required=True),
        "queueUrl": text(required=True, force_new=True),
        "region": _REGION,
    }

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """The queue's URL."""
        return inputs.get("queueUrl")

    def put(self, inputs: Props) -> None:
        """Set the whole policy."""
        self.cloud.client("sqs").set_queue_attributes(
            QueueUrl=inputs["queueUrl"], Attributes={"Policy": for_emulator(inputs["policy"])}
        )

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the queue's policy, None when it has none or is gone."""
        del state
        with missing(*_GONE):
            answer = self.cloud.client("sqs").get_queue_attributes(QueueUrl=resource_id, AttributeNames=["Policy"])
            found = answer.get("Attributes", {}).get("Policy")
            if found:
                return {"policy": from_emulator(found), "queueUrl": resource_id, "region": self.cloud.region}
        return None

    def delete(self, resource_id: str, state: Props) -> None:
        """Take the policy away."""
        del state
        with missing(*_GONE):
            self.cloud.client("sqs").set_queue_attributes(QueueUrl=resource_id, Attributes={"Policy": ""})


HANDLERS: Final[tuple[type[Handler], ...]] = (Queue, QueuePolicy)
