"""aws:sns/*: the topic that alarms go to, its policy, and who listens."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import missing
from localcloud.provider.handler import REGION, TAGS, Handler, SettingHandler, Tagging
from localcloud.provider.schema import Schema, boolean, document, integer, policy, text
from localcloud.provider.values import Props

_GONE: Final = ("NotFound", "NotFoundException")
_PROTOCOLS: Final = ("sqs", "sms", "lambda", "firehose", "application", "email", "email-json", "http", "https")


class Topic(Handler):
    """`aws:sns/topic:Topic`, a standard one."""

    token = "aws:sns/topic:Topic"  # noqa: S105 - a type token
    service, gone, id_parameter, deletion = "sns", _GONE, "TopicArn", "delete_topic"
    inputs: ClassVar[Schema] = {
        "displayName": text(),
        "name": text(force_new=True, autoname=256),
        "policy": policy(computed=True),
        "region": REGION,
        "tags": TAGS,
    }
    outputs = frozenset({"arn", "owner", "tagsAll"})
    tagging = Tagging(
        get="list_tags_for_resource", add="tag_resource", remove="untag_resource", parameter="ResourceArn"
    )

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """Return the topic's ARN."""
        return self.cloud.arn("sns", inputs["name"]) if "name" in inputs else None

    def create(self, inputs: Props) -> str:
        """Make the topic; SNS itself returns the one of that name if it exists."""
        return str(self.client.create_topic(Name=inputs["name"])["TopicArn"])

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the topic."""
        found = self.client.get_topic_attributes(**self.target(resource_id, state))["Attributes"]
        name = resource_id.rpartition(":")[2]
        return {**self.answer(found), "arn": resource_id, "name": name, "owner": found.get("Owner")}

    def change(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what differs."""
        for name, attribute in (("displayName", "DisplayName"), ("policy", "Policy")):
            if name in changed:
                self.client.set_topic_attributes(
                    **self.target(resource_id, state), AttributeName=attribute, AttributeValue=inputs.get(name, "")
                )


class TopicPolicy(SettingHandler):
    """`aws:sns/topicPolicy:TopicPolicy`."""

    token = "aws:sns/topicPolicy:TopicPolicy"  # noqa: S105
    service, gone, id_input = "sns", _GONE, "arn"
    inputs: ClassVar[Schema] = {
        "arn": text(required=True, force_new=True),
        "policy": policy(required=True),
        "region": REGION,
    }
    outputs = frozenset({"owner"})

    def put(self, inputs: Props) -> None:
        """Set the whole policy."""
        self.client.set_topic_attributes(
            TopicArn=inputs["arn"], AttributeName="Policy", AttributeValue=inputs["policy"]
        )

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the topic's policy."""
        del state
        found = self.client.get_topic_attributes(TopicArn=resource_id)["Attributes"]
        return {"arn": resource_id, "owner": found.get("Owner"), "policy": found["Policy"]}

    def remove(self, resource_id: str, state: Props) -> None:
        """Go back to the policy of a new topic: the owner's account, and nobody else. A topic always has one."""
        del state
        actions = ("Publish", "RemovePermission", "SetTopicAttributes", "DeleteTopic", "ListSubscriptionsByTopic")
        statement = {
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [f"SNS:{name}" for name in (*actions, "GetTopicAttributes", "AddPermission", "Subscribe")],
            "Resource": resource_id,
            "Condition": {"StringEquals": {"AWS:SourceOwner": self.cloud.account}},
        }
        default = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
        self.put({"arn": resource_id, "policy": json.dumps(default)})


class TopicSubscription(Handler):
    """`aws:sns/topicSubscription:TopicSubscription`."""

    token = "aws:sns/topicSubscription:TopicSubscription"  # noqa: S105
    service, gone, id_parameter, deletion = "sns", _GONE, "SubscriptionArn", "unsubscribe"
    inputs: ClassVar[Schema] = {
        "confirmationTimeoutInMinutes": integer(default=1, echoed=True, api=None),
        "endpoint": text(required=True, force_new=True),
        "endpointAutoConfirms": boolean(default=False, echoed=True, api=None),
        "filterPolicy": document(),
        "protocol": text(required=True, force_new=True, choices=_PROTOCOLS),
        "rawMessageDelivery": boolean(default=False),
        "region": REGION,
        "topic": text(required=True, force_new=True, api="TopicArn"),
    }
    outputs = frozenset({"arn", "confirmationWasAuthenticated", "ownerId", "pendingConfirmation"})

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """Return the subscription's ARN, which SNS makes up: search by topic, protocol and endpoint."""
        if not {"topic", "protocol", "endpoint"} <= inputs.keys():
            return None
        with missing(*_GONE):
            pages = self.client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=inputs["topic"])
            for found in pages.search("Subscriptions[]"):
                if (found["Protocol"], found["Endpoint"]) == (inputs["protocol"], inputs["endpoint"]):
                    return str(found["SubscriptionArn"])
        return None

    def create(self, inputs: Props) -> str:
        """Subscribe; SNS itself returns the subscription of that endpoint if it exists."""
        wanted = {key: inputs[name] for name, key in (("topic", "TopicArn"), ("protocol", "Protocol"))}
        arn = self.client.subscribe(**wanted, Endpoint=inputs["endpoint"], ReturnSubscriptionArn=True)[
            "SubscriptionArn"
        ]
        # The emulator answers "pending confirmation" here, whatever it was asked for.
        return str(arn) if str(arn).startswith("arn:") else str(self.identify(inputs))

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the subscription."""
        found = self.client.get_subscription_attributes(**self.target(resource_id, state))["Attributes"]
        out = {
            **self.answer(found),
            "arn": resource_id,
            "confirmationWasAuthenticated": found.get("ConfirmationWasAuthenticated") == "true",
            "ownerId": found.get("Owner"),
            "pendingConfirmation": found.get("PendingConfirmation") == "true",
            "rawMessageDelivery": found.get("RawMessageDelivery") == "true",
        }
        return {**out, "filterPolicy": None} if out.get("filterPolicy") == "{}" else out

    def change(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what can be set."""
        values = {
            "filterPolicy": ("FilterPolicy", inputs.get("filterPolicy", "{}")),
            "rawMessageDelivery": ("RawMessageDelivery", "true" if inputs["rawMessageDelivery"] else "false"),
        }
        for name in sorted(changed & values.keys()):
            attribute, value = values[name]
            self.client.set_subscription_attributes(
                **self.target(resource_id, state), AttributeName=attribute, AttributeValue=value
            )
