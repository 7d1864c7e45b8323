"""What the official provider asks of AWS for a stack, call by call, and what it is asked on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from localcloud.engine.state import Entry
from localcloud.offline import ACCOUNT, DEPLOYER
from policies.deployer import CONCURRENCY_QUOTA, ELSEWHERE
from policies.provider_calls import BY_TYPE, FUNCTIONS
from tests.component.conftest import REGION, Run

_OWN: Final = f"{REGION}:{ACCOUNT}"
POLICIES: Final = {
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:kms/key:Key": "policy",
}
"""The types that put a resource's own policy into force, and in which input it stands."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One evaluation: an action on a resource, under that resource's own policy if it has one by then."""

    when: str
    who: str
    action: str
    resource: str
    policy: str | None

    def __str__(self) -> str:
        """Name the request in a failure."""
        return f"{self.when} {self.who}: {self.action} on {self.resource}"


def lifetime(run: Run) -> Iterator[Request]:
    """Yield everything that is asked while a stack is looked up, created, updated and destroyed, in that order."""
    entries = [entry for entry in run.entries.values() if entry.type in BY_TYPE]
    force: dict[str, str] = {}
    yield from _lookups(entries)
    for entry in entries:
        row = BY_TYPE[entry.type]
        yield from _asked("create", entry, row.create, force)
        if entry.type in POLICIES:
            force[resource(entry)] = str(entry.inputs[POLICIES[entry.type]])
        yield from _asked("create", entry, (*row.of_inputs(*entry.inputs), *row.read), force)
    for entry in entries:
        row = BY_TYPE[entry.type]
        # `aws:defaultTags` may come and go without the program's doing.
        yield from _asked("update", entry, (*row.read, *row.of_inputs(*entry.inputs, "tags")), force)
    for entry in reversed(entries):
        row = BY_TYPE[entry.type]
        yield from _asked("destroy", entry, (*row.read, *row.delete), force)
        if entry.type in POLICIES:
            del force[resource(entry)]


def _lookups(entries: Sequence[Entry]) -> Iterator[Request]:
    buckets = [resource(entry) for entry in entries if entry.type == "aws:s3/bucket:Bucket"]
    about: dict[str, list[str]] = {
        "": [],
        "buckets": buckets,
        "deployers": [DEPLOYER],
        "keys": [resource(entry) for entry in entries if entry.type == "aws:kms/key:Key"],
        "parameter": [resource(entry) for entry in entries if entry.type == "aws:ssm/parameter:Parameter"],
        "quota of Lambda": [f"arn:aws:servicequotas:{_OWN}:{CONCURRENCY_QUOTA}"],
    }
    # At the first run nothing is there yet; at each later one the policies are in force, and a key's from its making.
    policies = {resource(entry): str(entry.inputs[POLICIES[entry.type]]) for entry in entries if entry.type in POLICIES}
    for row in FUNCTIONS:
        for action, found in ((action, found) for action in row.read for found in about[row.about]):
            on = "*" if action in ELSEWHERE and ELSEWHERE[action].about == "everything" else found
            for policy in dict.fromkeys((policies.get(on), policies.get(on) if row.about == "keys" else None)):
                yield Request(when="look up", who=row.type, action=action, resource=on, policy=policy)


def _asked(when: str, entry: Entry, actions: Sequence[str], force: Mapping[str, str]) -> Iterator[Request]:
    for action in actions:
        for arn in _resources(entry, action):
            name = entry.urn.rpartition("::")[2]
            yield Request(when=when, who=name, action=action, resource=arn, policy=force.get(arn))


def _resources(entry: Entry, action: str) -> Iterator[str]:
    """Yield what AWS evaluates an action on."""
    if action == "iam:PassRole":
        # The account of memory makes up its ARNs from names.
        yield f"arn:aws:iam::{ACCOUNT}:role/{str(entry.inputs['role']).rpartition(':')[2]}"
    elif action == "cloudwatch:DescribeAlarms":
        yield f"arn:aws:cloudwatch:{_OWN}:alarm:*"
    elif action in ELSEWHERE and ELSEWHERE[action].about == "everything":
        yield "*"
    else:
        yield resource(entry)
        if entry.type == "aws:kms/alias:Alias":
            yield _key(entry.urn.rpartition("::")[2].replace("-alias", "-key"))


def resource(entry: Entry) -> str:
    """Return the ARN of a resource, from its inputs alone."""
    given: Mapping[str, Any] = entry.inputs
    service = entry.type.partition("/")[0].partition(":")[2]
    if service == "s3":
        return f"arn:aws:s3:::{given['bucket']}"
    if service == "iam":
        return f"arn:aws:iam::{ACCOUNT}:role/{given.get('role') or given['name']}"
    if service == "lambda":
        return f"arn:aws:lambda:{_OWN}:function:{given.get('functionName') or given.get('function') or given['name']}"
    if service == "sqs":
        return f"arn:aws:sqs:{_OWN}:{given.get('name') or str(given['queueUrl']).rpartition('/')[2]}"
    return {
        "aws:cloudtrail/trail:Trail": lambda: f"arn:aws:cloudtrail:{_OWN}:trail/{given['name']}",
        "aws:cloudwatch/eventRule:EventRule": lambda: f"arn:aws:events:{_OWN}:rule/{given['name']}",
        "aws:cloudwatch/eventTarget:EventTarget": lambda: f"arn:aws:events:{_OWN}:rule/{given['rule']}",
        "aws:cloudwatch/logGroup:LogGroup": lambda: f"arn:aws:logs:{_OWN}:log-group:{given['name']}",
        "aws:cloudwatch/logMetricFilter:LogMetricFilter": (
            lambda: f"arn:aws:logs:{_OWN}:log-group:{given['logGroupName']}"
        ),
        "aws:cloudwatch/metricAlarm:MetricAlarm": lambda: f"arn:aws:cloudwatch:{_OWN}:alarm:{given['name']}",
        "aws:kms/alias:Alias": lambda: f"arn:aws:kms:{_OWN}:{given['name']}",
        "aws:kms/key:Key": lambda: _key(entry.urn.rpartition("::")[2]),
        "aws:sns/topic:Topic": lambda: f"arn:aws:sns:{_OWN}:{given['name']}",
        "aws:sns/topicPolicy:TopicPolicy": lambda: given["arn"],
        "aws:sns/topicSubscription:TopicSubscription": lambda: given["topic"],
        "aws:ssm/parameter:Parameter": lambda: f"arn:aws:ssm:{_OWN}:parameter{given['name']}",
    }[entry.type]()


def _key(name: str) -> str:
    return f"arn:aws:kms:{_OWN}:key/{name}"
