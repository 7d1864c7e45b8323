"""The least policy that lets a person or CI run `pulumi up`, `pulumi refresh` and `pulumi destroy` for one stack.

Guarantee: it allows the actions of `policies.provider_calls` on the stack's own resources and nothing else; an action
that AWS evaluates on no single resource has a listed reason. Each document fits a managed policy. The policy covers
what the settings leave out (the vault, a trail of the stack's own), so that a change of settings needs no new policy.

The keys are not in it: their own policies name the deployer (policies/seal_policy.py, policies/vault_policy.py), so
that it manages no other key of the account.

Whoever holds this policy can write the policies of the stack's roles, and so gain whatever a role can have. `boundary`
keeps the roles within a permissions boundary.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policies.iam import POLICY_VERSION, Json, Statement
from policies.place import OF_FUNCTIONS, ResourceNames, Scope
from policies.provider_calls import FUNCTIONS, RESOURCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_CHARACTERS: Final = 6_144
"""The limit of a managed policy; IAM does not count white space.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""
CONCURRENCY_QUOTA: Final = "lambda/L-B99A9384"
_REFERENCE: Final = "https://docs.aws.amazon.com/service-authorization/latest/reference/list_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """An action that AWS evaluates on other resources than its row's: on which, why, and where that is documented."""

    about: str
    reason: str
    source: str


def _on_nothing(service: str, reason: str) -> Elsewhere:
    return Elsewhere(about="everything", reason=reason, source=f"{_REFERENCE}{service}.html")


ELSEWHERE: Final[Mapping[str, Elsewhere]] = {
    "cloudtrail:DescribeTrails": _on_nothing("awscloudtrail", "Lists trails; AWS evaluates it on no single one."),
    "cloudwatch:DescribeAlarms": Elsewhere(
        about="alarms of the region",
        reason="Lists alarms; AWS evaluates it on all alarms of the region, even if the call names one.",
        source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-access-control-overview-cw.html",
    ),
    "iam:PassRole": Elsewhere(
        about="roles of functions",
        reason="Gives the two functions their roles; no other service gets one.",
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",
    ),
    "kms:CreateKey": _on_nothing("awskeymanagementservice", "The key does not exist yet, and has no name of its own."),
    "kms:DescribeKey": Elsewhere(
        about="keys of the region",
        reason="Looks for the signing key. Before the key exists, no key policy can allow that.",
        source="https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html",
    ),
    "kms:ListAliases": _on_nothing("awskeymanagementservice", "Lists aliases; AWS evaluates it on no single one."),
    "kms:TagResource": Elsewhere(
        about="keys of the region",
        reason="To make a key with tags (aws:defaultTags) takes this on all keys: the key has no ARN yet.",
        source="https://docs.aws.amazon.com/kms/latest/developerguide/tag-permissions.html",
    ),
    "logs:DescribeLogGroups": _on_nothing("amazoncloudwatchlogs", "Lists groups; AWS evaluates it on no single one."),
    "servicequotas:GetAWSDefaultServiceQuota": _on_nothing("servicequotas", "Reads what AWS gives every account."),
    "ssm:DescribeParameters": _on_nothing(
        "awssystemsmanager", "Lists the names of parameters, not their values; AWS evaluates it on no single one."
    ),
}
"""Actions whose resource is not that of their type."""

WIDE: Final[Mapping[str, tuple[str, str]]] = {
    "alarms": (
        "All alarms of the stack, by how their names begin. Listed one by one, they would fill another document.",
        f"{_REFERENCE}amazoncloudwatch.html",
    ),
    "rules": (
        "All rules of the stack, by how their names begin. Listed one by one, they would fill another document.",
        f"{_REFERENCE}amazoneventbridge.html",
    ),
    "log groups": (
        "The contents of the two log groups: AWS evaluates some actions on the ARN that ends in `:*`.",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html",
    ),
    "topic and subscriptions": (
        "The subscriptions of the one topic: AWS makes up the end of their ARNs.",
        f"{_REFERENCE}amazonsns.html",
    ),
    "deployers": (
        "Reads the role that deploys, to learn its ARN. Its name is not known when this policy is written.",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html",
    ),
}
"""Why the resources of a row hold a wildcard."""


def arns(place: ResourceNames) -> dict[str, list[str]]:
    """Return the ARNs behind every `about` of the two tables."""
    own = f"{place.region}:{place.account}"
    head = f"arn:{place.partition}"
    groups = [place.resource(scope, "") for scope in (Scope.LOG_GROUP_BY_NAME, Scope.SEALER_LOG_GROUP_BY_NAME)]
    topic = place.resource(Scope.TOPIC, "")
    return {
        "": [],
        "alarms": [f"{head}:cloudwatch:{own}:alarm:{place.prefix}-*"],
        "alarms of the region": [f"{head}:cloudwatch:{own}:alarm:*"],
        "aliases": [f"{head}:kms:{own}:alias/{place.prefix}-{name}" for name in ("seal", "vault")],
        "buckets": [place.bucket_arn(), *([place.vault_arn()] if place.vault else [])],
        "deployers": [f"{head}:iam::{place.account}:role/*"],
        "everything": ["*"],
        "functions": [place.resource(scope, "") for scope in (Scope.FUNCTION, Scope.SEALER_FUNCTION)],
        "keys": [],
        "keys of the region": [f"{head}:kms:{own}:key/*"],
        "log groups": [arn for group in groups for arn in (group, f"{group}:*")],
        "parameter": [place.resource(Scope.KEYS, "")],
        "queue": [place.queue_arn()],
        "quota of Lambda": [f"{head}:servicequotas:{own}:{CONCURRENCY_QUOTA}"],
        "roles": [place.role_arn(principal) for principal in place.roles],
        "roles of functions": [place.role_arn(principal) for principal in OF_FUNCTIONS],
        "rules": [f"{head}:events:{own}:rule/{place.prefix}-*"],
        "topic": [topic],
        "topic and subscriptions": [topic, f"{topic}:*"],
        "trail": [f"{head}:cloudtrail:{own}:trail/{place.prefix}-trail"],
    }


def statements(place: ResourceNames, *, boundary: str = "") -> list[Statement]:
    """Return all statements for the deployer. `boundary`: the ARN that its roles must have as permissions boundary."""
    granted: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for row in (*RESOURCES, *FUNCTIONS):
        for action in row.actions:
            about = ELSEWHERE[action].about if action in ELSEWHERE else row.about
            granted[about, "" if about == "everything" else action.partition(":")[0]].add(action)
    found = arns(place)
    result: list[Statement] = []
    for (about, _), actions in sorted(granted.items()):
        if found[about]:
            result += _allow(about, actions, found[about], boundary)
    return result


_BOUNDED: Final = ("iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy")
"""Actions that take `iam:PermissionsBoundary` as a condition. A boundary that can be removed bounds nothing."""


def _allow(about: str, actions: Iterable[str], resources: list[str], boundary: str) -> Iterable[Statement]:
    """Yield the statement for one kind of resource; two where a boundary binds some of its actions."""
    within: dict[str, Json] = {"ArnEquals": {"iam:PermissionsBoundary": boundary}}
    passed: dict[str, Json] = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    bounded = sorted({*actions} & {*_BOUNDED}) if boundary else []
    free = sorted({*actions} - {*bounded} - ({"iam:DeleteRolePermissionsBoundary"} if boundary else set()))
    words = "".join(word.capitalize() for word in about.split())
    statement: Statement = {"Sid": words, "Effect": "Allow", "Action": [*free], "Resource": [*resources]}
    if free == ["iam:PassRole"]:
        statement["Condition"] = passed
    yield statement
    if bounded:
        yield {
            "Sid": f"{words}WithinTheBoundary",
            "Effect": "Allow",
            "Action": [*bounded],
            "Resource": [*resources],
            "Condition": within,
        }


def documents(place: ResourceNames, *, boundary: str = "") -> list[dict[str, Json]]:
    """Return the policy as documents that each fit a managed policy, the same for the same stack."""
    result: list[list[Statement]] = [[]]
    for statement in statements(place, boundary=boundary):
        if result[-1] and _characters([*result[-1], statement]) > MAX_CHARACTERS:
            result.append([])
        result[-1].append(statement)
    return [{"Version": POLICY_VERSION, "Statement": [*part]} for part in result]


def _characters(part: list[Statement]) -> int:
    """Return how many characters IAM counts."""
    return len(json.dumps({"Version": POLICY_VERSION, "Statement": part}, separators=(",", ":")))
