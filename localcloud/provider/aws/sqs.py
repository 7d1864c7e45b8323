"""aws:sqs/*: the queue that learns of new objects, and who may send to it."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import missing
from localcloud.provider.handler import REGION, TAGS, Handler, SettingHandler, Tagging
from localcloud.provider.policy import for_emulator, from_emulator
from localcloud.provider.schema import Kind, Schema, boolean, integer, policy, text
from localcloud.provider.values import Props

_GONE: Final = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")


class Queue(Handler):
    """`aws:sqs/queue:Queue`, a standard one. SQS takes and returns every attribute as text."""

    token = "aws:sqs/queue:Queue"  # noqa: S105 - a type token
    service, gone, id_parameter, deletion = "sqs", _GONE, "QueueUrl", "delete_queue"
    inputs: ClassVar[Schema] = {
        "messageRetentionSeconds": integer(default=345_600, api="MessageRetentionPeriod"),
        "name": text(force_new=True, autoname=80, api=None),
        "policy": policy(computed=True),
        "receiveWaitTimeSeconds": integer(default=0, api="ReceiveMessageWaitTimeSeconds"),
        "region": REGION,
        "sqsManagedSseEnabled": boolean(computed=True),
        "tags": TAGS,
        "visibilityTimeoutSeconds": integer(default=30, api="VisibilityTimeout"),
    }
    outputs = frozenset({"arn", "tagsAll", "url"})
    tagging = Tagging(
        get="list_queue_tags", add="tag_queue", remove="untag_queue", parameter="QueueUrl", by_id=True, pair=None
    )

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """Return the queue's URL."""
        if "name" not in inputs:
            return None
        with missing(*_GONE):
            return str(self.client.get_queue_url(QueueName=inputs["name"])["QueueUrl"])
        return None

    def create(self, inputs: Props) -> str:
        """Make the queue, unless it exists."""
        found = self.identify(inputs)
        if found is None:
            made = self.client.create_queue(
                QueueName=inputs["name"], Attributes=self._attributes(inputs), tags=inputs.get("tags") or {}
            )
            found = str(made["QueueUrl"])
        return found

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the queue."""
        found = self.client.get_queue_attributes(**self.target(resource_id, state), AttributeNames=["All"])[
            "Attributes"
        ]
        out = self.answer(found)
        for name, prop in self.inputs.items():
            if name in out and prop.kind is Kind.INTEGER:
                out[name] = int(out[name])
            elif name in out and prop.kind is Kind.BOOLEAN:
                out[name] = out[name].lower() == "true"
        return {
            **out,
            "arn": found["QueueArn"],
            "name": found["QueueArn"].rpartition(":")[2],
            "policy": from_emulator(found.get("Policy") or "") or None,
            "url": resource_id,
        }

    def change(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set every attribute."""
        del changed
        self.client.set_queue_attributes(**self.target(resource_id, state), Attributes=self._attributes(inputs))

    def _attributes(self, inputs: Props) -> dict[str, str]:
        attributes = {name: str(value) for name, value in self.request(inputs).items()}
        if "Policy" in attributes:
            attributes["Policy"] = for_emulator(attributes["Policy"])
        if "SqsManagedSseEnabled" in attributes:
            attributes["SqsManagedSseEnabled"] = attributes["SqsManagedSseEnabled"].lower()
        return attributes


class QueuePolicy(SettingHandler):
    """`aws:sqs/queuePolicy:QueuePolicy`."""

    token = "aws:sqs/queuePolicy:QueuePolicy"  # noqa: S105
    service, gone, id_input = "sqs", _GONE, "queueUrl"
    inputs: ClassVar[Schema] = {
        "policy": policy(required=True),
        "queueUrl": text(required=True, force_new=True),
        "region": REGION,
    }

    def put(self, inputs: Props) -> None:
        """Set the whole policy; an empty one takes it away."""
        self.client.set_queue_attributes(
            QueueUrl=inputs["queueUrl"], Attributes={"Policy": for_emulator(inputs["policy"])}
        )

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the queue's policy, None without one."""
        del state
        answer = self.client.get_queue_attributes(QueueUrl=resource_id, AttributeNames=["Policy"])
        found = answer.get("Attributes", {}).get("Policy")
        return {"policy": from_emulator(found), "queueUrl": resource_id} if found else None

    def remove(self, resource_id: str, state: Props) -> None:
        """Take the policy away."""
        del state
        self.put({"queueUrl": resource_id, "policy": ""})
