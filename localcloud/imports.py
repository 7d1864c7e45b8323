"""`make imports`: write the file with which `pulumi import` adopts a deployed stack whose state was lost.

Guarantee: every resource of the program that has a place in the account is in the file, under its own component, with
the id by which the official provider imports its type. Random values have none: tokens are drawn anew, and the keys of
digests stay in their parameter.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from cli.exits import CouldNot
from components.package import PackageError, ensure_wheels
from localcloud import place, plan, stack_config
from localcloud.engine import EngineError, Plan, Step
from localcloud.telling import say
from policies.provider_calls import RESOURCES
from stacks.names import PROJECT, Names
from stacks.settings import parse

Id = Callable[[Mapping[str, Any], Names], str]


def _input(name: str) -> Id:
    return lambda given, _: str(given[name])


def _arn(service: str, kind: str = "") -> Id:
    return lambda given, names: f"arn:{names.partition}:{service}:{names.region}:{names.account}:{kind}{given['name']}"


def _topic(inputs: Mapping[str, Any], names: Names) -> str:
    del inputs
    return _arn("sns")({"name": names.topic}, names)


def _queue(inputs: Mapping[str, Any], names: Names) -> str:
    del inputs
    return f"https://sqs.{names.region}.amazonaws.com/{names.account}/{names.queue}"


IDS: Final[Mapping[str, Id]] = {
    "aws:cloudtrail/trail:Trail": _arn("cloudtrail", "trail/"),
    "aws:cloudwatch/eventRule:EventRule": lambda given, _: f"default/{given['name']}",
    "aws:cloudwatch/eventTarget:EventTarget": lambda given, _: f"default/{given['rule']}/{given['targetId']}",
    "aws:cloudwatch/logGroup:LogGroup": _input("name"),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": lambda given, _: f"{given['logGroupName']}:{given['name']}",
    "aws:cloudwatch/metricAlarm:MetricAlarm": _input("name"),
    "aws:iam/role:Role": _input("name"),
    "aws:iam/rolePolicy:RolePolicy": lambda given, _: f"{given['role']}:{given['name']}",
    "aws:kms/alias:Alias": _input("name"),
    "aws:lambda/function:Function": _input("name"),
    "aws:lambda/functionUrl:FunctionUrl": _input("functionName"),
    "aws:lambda/permission:Permission": lambda given, _: f"{given['function']}/{given['statementId']}",
    **dict.fromkeys((row.type for row in RESOURCES if row.about == "buckets"), _input("bucket")),
    "aws:sns/topic:Topic": _arn("sns"),
    "aws:sns/topicPolicy:TopicPolicy": _topic,
    "aws:sqs/queue:Queue": _queue,
    "aws:sqs/queuePolicy:QueuePolicy": _queue,
    "aws:ssm/parameter:Parameter": _input("name"),
}
"""By type: the id that the official provider imports it by.

Source: the section Import of each type's page, https://www.pulumi.com/registry/packages/aws/api-docs/
"""
LOOK_UPS: Final[Mapping[str, str]] = {
    "aws:kms/key:Key": "aws kms describe-key --key-id {alias} --query KeyMetadata.KeyId --output text",
    "aws:sns/topicSubscription:TopicSubscription": (
        "aws sns list-subscriptions-by-topic --topic-arn {topic} --query Subscriptions[0].SubscriptionArn --output text"
    ),
}
"""By type: the command that prints an id which only the account knows."""
FILE: Final = place.ROOT / "imports.json"


def main() -> int:
    """Write `imports.json` for STACK in ACCOUNT, and print what to do with it; return the exit code."""
    stack, account = os.environ.get("STACK", ""), os.environ.get("ACCOUNT", "")
    try:
        if not stack:
            raise CouldNot("STACK=...: name the stack whose state was lost")
        config = stack_config.read(place.ROOT / "stacks" / f"Pulumi.{stack}.yaml")
        settings = parse(config)
        names = Names(
            stack=stack, region=settings.region, account=account, partition="aws", role_path=settings.role_path
        )
        ensure_wheels(settings.function_target)
        found = [*resources(plan.preview(stack=stack, config=config, account=account), names)]
        FILE.write_text(json.dumps({"resources": found}, indent=2) + "\n", encoding="utf-8")
    except (CouldNot, ValueError, EngineError, PackageError, OSError) as error:
        sys.stderr.write(f"agent-audit-log: {str(error).strip().splitlines()[-1]}\n")
        return 1
    say(f"Wrote {FILE.name}: {len(found)} resources. Replace each <...> in it with what that command prints:")
    for item in found:
        if item.get("id", "").startswith("<"):
            say(f"  {item['name']}: {item['id'][1:-1]}")
    say(f"Then: pulumi import --stack {stack} --file {FILE.name} --generate-code=false --protect=false")
    return 0


def resources(plan: Plan, names: Names) -> Iterator[dict[str, Any]]:
    """Yield the entries of the file; an id in angle brackets is the command that prints it."""
    parents = {step.type: step.name for step in plan.steps if step.type.startswith(f"{PROJECT}:")}
    yield from ({"type": kind, "name": name, "component": True} for kind, name in parents.items())
    for step in plan.steps:
        if step.type.startswith("aws:"):
            parent = step.urn.split("::")[2].rpartition("$")[0].rpartition("$")[2]
            yield {"type": step.type, "name": step.name, "id": _id(step, names), "parent": parents[parent]}


def _id(step: Step, names: Names) -> str:
    own = step.name.startswith("vault-")
    if step.type in LOOK_UPS:
        alias = names.vault_alias if own else names.seal_alias
        return "<" + LOOK_UPS[step.type].format(alias=alias, topic=_topic({}, names)) + ">"
    # Another resource's output is unknown before that resource exists.
    known = {"bucket": names.vault if own else names.bucket, **{k: v for k, v in step.inputs.items() if v is not None}}
    return IDS[step.type](known, names)


if __name__ == "__main__":
    sys.exit(main())
