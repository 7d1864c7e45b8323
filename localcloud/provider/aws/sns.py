"""aws:sns/*: the topic that alarms go to, its policy, and who listens."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import missing
from localcloud.provider.handler import Handler, SettingHandler, stale_tags, tag_list, tag_map
from localcloud.provider.schema import Schema, boolean, document, integer, mapping, policy, text
from localcloud.provider.values import Props

_GONE: Final = ("NotFound", "NotFoundException")
_REGION: Final = text(computed=True, force_new=True)
_PROTOCOLS: Final = ("sqs", "sms", "lambda", "firehose", "application", "email", "email-json", "http", "https")


class Topic(Handler):
    """`aws:sns/topic:Topic`, a standard one."""

    token = "aws:sns/topic:Topic"  # noqa: S105 - a type token
    inputs: ClassVar[Schema] = {
        "displayName": text(),
        "kmsMasterKeyId": text(),
        "name": text(force_new=True, autoname=256),
        "policy": policy(computed=True),
        "region": _REGION,
        "tags": mapping(),
    }
    outputs = frozenset({"arn", "owner", "tagsAll"})
    _attributes: ClassVar[Mapping[str, str]] = {
        "displayName": "DisplayName",
        "kmsMasterKeyId": "KmsMasterKeyId",
        "policy": "Policy",
    }

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """A topic's id is its ARN."""
        return self.cloud.arn("sns", inputs["name"]) if "name" in inputs else None

    def create(self, inputs: Props) -> str:
        """Make the topic; SNS itself returns the one of that name if there is one."""
        return str(self.cloud.client("sns").create_topic(Name=inputs["name"])["TopicArn"])

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the topic."""
        del state
        sns = self.cloud.client("sns")
        with missing(*_GONE):
            found = sns.get_topic_attributes(TopicArn=resource_id)["Attributes"]
            tags = tag_map(sns.list_tags_for_resource(ResourceArn=resource_id)["Tags"])
            return {
                **{ours: found.get(theirs) or None for ours, theirs in self._attributes.items()},
                "arn": resource_id,
                "name": resource_id.rpartition(":")[2],
                "owner": found.get("Owner"),
                "region": self.cloud.region,
                "tags": tags,
                "tagsAll": tags,
            }
        return None

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what differs."""
        sns = self.cloud.client("sns")
        for ours, theirs in self._attributes.items():
            if ours in changed:
                sns.set_topic_attributes(
                    TopicArn=resource_id, AttributeName=theirs, AttributeValue=inputs.get(ours, "")
                )
        if "tags" in changed:
            stale = stale_tags(state, inputs)
            if stale:
                sns.untag_resource(ResourceArn=resource_id, TagKeys=stale)
            if inputs.get("tags"):
                sns.tag_resource(ResourceArn=resource_id, Tags=tag_list(inputs["tags"]))

    def delete(self, resource_id: str, state: Props) -> None:
        """Delete the topic; its subscriptions go with it."""
        del state
        with missing(*_GONE):
            self.cloud.client("sns").delete_topic(TopicArn=resource_id)


class TopicPolicy(SettingHandler):
    """`aws:sns/topicPolicy:TopicPolicy`."""

    token = "aws:sns/topicPolicy:TopicPolicy"  # noqa: S105
    inputs: ClassVar[Schema] = {
        "arn": text(required=True, force_new=True),
        "policy": policy(required=True),
        "region": _REGION,
    }
    outputs = frozenset({"owner"})

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """The topic's ARN."""
        return inputs.get("arn")

    def put(self, inputs: Props) -> None:
        """Set the whole policy."""
        self.cloud.client("sns").set_topic_attributes(
            TopicArn=inputs["arn"], AttributeName="Policy", AttributeValue=inputs["policy"]
        )

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the topic's policy, None when the topic is gone."""
        del state
        with missing(*_GONE):
            found = self.cloud.client("sns").get_topic_attributes(TopicArn=resource_id)["Attributes"]
            return {
                "arn": resource_id,
                "owner": found.get("Owner"),
                "policy": found["Policy"],
                "region": self.cloud.region,
            }
        return None

    def delete(self, resource_id: str, state: Props) -> None:
        """Go back to the policy that a new topic has: the owner's account, and nobody else. A topic always has one."""
        del state
        with missing(*_GONE):
            self.cloud.client("sns").set_topic_attributes(
                TopicArn=resource_id, AttributeName="Policy", AttributeValue=self._default(resource_id)
            )

    def _default(self, arn: str) -> str:
        actions = ("Publish", "RemovePermission", "SetTopicAttributes", "DeleteTopic", "ListSubscriptionsByTopic")
        statement = {
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [f"SNS:{name}" for name in (*actions, "GetTopicAttributes", "AddPermission", "Subscribe")],
            "Resource": arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": self.cloud.account}},
        }
        return json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


class TopicSubscription(Handler):
    """`aws:sns/topicSubscription:TopicSubscription`."""

    token = "aws:sns/topicSubscription:TopicSubscription"  # noqa: S105
    inputs: ClassVar[Schema] = {
        "confirmationTimeoutInMinutes": integer(default=1, echoed=True),
        "endpoint": text(required=True, force_new=True),
        "endpointAutoConfirms": boolean(default=False, echoed=True),
        "filterPolicy": document(),
        "protocol": text(required=True, force_new=True, choices=_PROTOCOLS),
        "rawMessageDelivery": boolean(default=False),
        "region": _REGION,
        "topic": text(required=True, force_new=True),
    }
    outputs = frozenset({"arn", "confirmationWasAuthenticated", "ownerId", "pendingConfirmation"})

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """The subscription's ARN, which SNS makes up: found by what it joins."""
        if not {"topic", "protocol", "endpoint"} <= inputs.keys():
            return None
        with missing(*_GONE):
            pages = self.cloud.client("sns").get_paginator("list_subscriptions_by_topic")
            for found in pages.paginate(TopicArn=inputs["topic"]).search("Subscriptions[]"):
                if (found["Protocol"], found["Endpoint"]) == (inputs["protocol"], inputs["endpoint"]):
                    return str(found["SubscriptionArn"])
        return None

    def create(self, inputs: Props) -> str:
        """Subscribe; SNS itself returns the subscription of that endpoint if there is one."""
        arn = self.cloud.client("sns").subscribe(
            TopicArn=inputs["topic"],
            Protocol=inputs["protocol"],
            Endpoint=inputs["endpoint"],
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        # The emulator says "pending confirmation" here, whatever it was asked for.
        return str(arn) if str(arn).startswith("arn:") else str(self.identify(inputs))

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the subscription, None when it or its topic is gone."""
        del state
        with missing(*_GONE):
            found = self.cloud.client("sns").get_subscription_attributes(SubscriptionArn=resource_id)["Attributes"]
            no_filter = found.get("FilterPolicy") in (None, "", "{}")
            return {
                "arn": resource_id,
                "confirmationWasAuthenticated": found.get("ConfirmationWasAuthenticated") == "true",
                "endpoint": found["Endpoint"],
                "filterPolicy": None if no_filter else found["FilterPolicy"],
                "ownerId": found.get("Owner"),
                "pendingConfirmation": found.get("PendingConfirmation") == "true",
                "protocol": found["Protocol"],
                "rawMessageDelivery": found.get("RawMessageDelivery") == "true",
                "region": self.cloud.region,
                "topic": found["TopicArn"],
            }
        return None

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what can be set."""
        del state
        values = {
            "filterPolicy": ("FilterPolicy", inputs.get("filterPolicy", "{}")),
            "rawMessageDelivery": ("RawMessageDelivery", "true" if inputs["rawMessageDelivery"] else "false"),
        }
        for name in sorted(changed & values.keys()):
            attribute, value = values[name]
            self.cloud.client("sns").set_subscription_attributes(
                SubscriptionArn=resource_id, AttributeName=attribute, AttributeValue=value
            )

    def delete(self, resource_id: str, state: Props) -> None:
        """Unsubscribe."""
        del state
        with missing(*_GONE):
            self.cloud.client("sns").unsubscribe(SubscriptionArn=resource_id)


HANDLERS: Final[tuple[type[Handler], ...]] = (Topic, TopicPolicy, TopicSubscription)
