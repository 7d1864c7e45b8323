"""The calls that the official provider makes to read a resource, made here too, from its own table.

Guarantee: if a policy refuses one of them to the deployer, the local cloud fails as well and names the call. Other
answers are not used: the handlers read what they need themselves.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from botocore import xform_name
from botocore.exceptions import ClientError

from localcloud.provider.cloud import Cloud, code
from policies.provider_calls import BY_TYPE, OPERATIONS

DENIED: Final = frozenset({"403", "AccessDenied", "AccessDeniedException", "AuthorizationError"})
"""The codes with which services deny access."""
LACKING: Final[Mapping[str, str]] = {
    "s3:ListTagsForResource": "a call of S3 Control, whose host name begins with the account's number: not loopback",
}
"""Reads that cannot be made here, and why."""

State = Mapping[str, Any]


def _bucket(state: State) -> dict[str, Any]:
    return {"Bucket": state["bucket"]}


def _log_group(state: State) -> dict[str, Any]:
    name = state.get("logGroupName") or state["name"]
    return {"logGroupName": name, "logGroupNamePrefix": name, "resourceArn": state.get("arn")}


def _function(state: State) -> dict[str, Any]:
    name = state.get("functionName") or state.get("function") or state["name"]
    return {"FunctionName": name, "Resource": state.get("arn")}


_ABOUT: Final[Mapping[str, Callable[[State], dict[str, Any]]]] = {
    "aws:cloudtrail": lambda state: {
        "Name": state["arn"],
        "TrailName": state["arn"],
        "trailNameList": [state["arn"]],
        "ResourceIdList": [state["arn"]],
    },
    "aws:cloudwatch/eventRule": lambda state: {"Name": state["name"], "ResourceARN": state["arn"]},
    "aws:cloudwatch/eventTarget": lambda state: {"Rule": state["rule"]},
    "aws:cloudwatch/log": _log_group,
    "aws:cloudwatch/metricAlarm": lambda state: {"AlarmNames": [state["name"]], "ResourceARN": state["arn"]},
    "aws:iam": lambda state: {"RoleName": state.get("role") or state["name"], "PolicyName": state["name"]},
    "aws:kms/alias": lambda _: {},
    "aws:kms/key": lambda state: {"KeyId": state["keyId"]},
    "aws:lambda": _function,
    "aws:s3": _bucket,
    "aws:sns/topicSubscription": lambda state: {"SubscriptionArn": state["arn"], "TopicArn": state["topic"]},
    "aws:sns/topic": lambda state: {"TopicArn": state["arn"], "ResourceArn": state["arn"]},
    "aws:sqs": lambda state: {"QueueUrl": state.get("queueUrl") or state["url"], "AttributeNames": ["All"]},
    "aws:ssm": lambda state: {
        "Name": state["name"],
        "WithDecryption": True,
        "ResourceType": "Parameter",
        "ResourceId": state["name"],
        "ParameterFilters": [{"Key": "Name", "Option": "Equals", "Values": [state["name"]]}],
    },
}
"""The parameters that name the resource, by the beginning of its type. Each call gets those that it takes."""


def make(cloud: Cloud, token: str, state: State) -> None:
    """Make the reads of a resource. Raises ClientError for one that is refused."""
    for _, error in answers(cloud, token, state):
        if error is not None and code(error) in DENIED:
            raise error


def answers(cloud: Cloud, token: str, state: State) -> Iterator[tuple[str, ClientError | None]]:
    """Make the reads of a resource one by one; yield each action, and the error where there was one."""
    row = BY_TYPE.get(token)
    if row is None:
        return
    known = next(about for start, about in _ABOUT.items() if token.startswith(start))(state)
    for action in row.read:
        if action not in LACKING:
            yield action, _call(cloud, action, known)


def _call(cloud: Cloud, action: str, known: Mapping[str, Any]) -> ClientError | None:
    service, _, name = action.partition(":")
    client = cloud.client(service)
    operation = OPERATIONS.get(action, name)
    shape = client.meta.service_model.operation_model(operation).input_shape
    taken = shape.members if shape is not None else {}
    try:
        getattr(client, xform_name(operation))(**{key: value for key, value in known.items() if key in taken})
    except ClientError as error:
        return error
    return None
