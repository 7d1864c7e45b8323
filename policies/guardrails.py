"""What a stack may never contain, whoever writes it: rules over what is registered.

Guarantee: each rule is a pure function of a resource's type and properties, or of all resources together. A property
that a rule reads must be known when it is registered. An unknown one breaks the rule, because a value that comes later
could slip past. The program itself runs the rules (`stacks.guard`), and so does the CrossGuard pack
(`policies/__main__.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from policies import bucket_rules
from policies.bucket_policy import BYPASS, DELETIONS, PROTECTIONS, REPLICATIONS
from policies.documents import allowed_actions, faults, listed, parse
from policies.provider_calls import RESOURCES
from policies.registered import (
    BUCKET_POLICY,
    FUNCTION_URL,
    KEY,
    LOG_GROUP,
    PARAMETER,
    PERMISSION,
    PUBLIC_ACCESS,
    ROLE,
    ROLE_POLICY,
    UNKNOWN,
    Registered,
    shown,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A rule that a resource breaks."""

    rule: str
    resource: str
    says: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.resource}: {self.says} [{self.rule}]"


class GuardrailError(Exception):
    """A stack that breaks a rule; every breach, a line each."""

    def __init__(self, breaches: Sequence[Breach]) -> None:
        """Keep the breaches as data, too."""
        super().__init__("guardrail broken\n" + "\n".join(f"  {breach}" for breach in breaches))
        self.breaches = tuple(breaches)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicFunction:
    """A function that the internet may call, and why."""

    suffix: str
    reason: str


PUBLIC_FUNCTIONS: Final = (
    PublicFunction(
        suffix="-writer",
        reason="Agents run anywhere and have a token, not AWS credentials; the function turns away who has none.",
    ),
)

KEY_READER: Final = "-writer"
"""How the name of the one role ends that may read parameters."""

KEY_USERS: Final[Mapping[str, str]] = {
    "kms:Decrypt": "-vault-reader",
    "kms:Encrypt": "-writer",
    "kms:GenerateDataKey": "-writer",
    "kms:ReEncrypt": "-nobody",
    "kms:CreateGrant": "-nobody",
    "kms:DeriveSharedSecret": "-nobody",
    "kms:GenerateMac": "-nobody",
    "kms:Sign": "-sealer",
}
"""How an action on a key begins, and how the name of the one role ends that may be given it."""

FORBIDDEN_ACTIONS: Final = frozenset(action.lower() for action in (BYPASS, *PROTECTIONS, *DELETIONS, *REPLICATIONS))
"""What no role is ever given: it would weaken the log, or remove from it."""

_POLICY_PROPERTIES: Final[Mapping[str, str]] = {
    BUCKET_POLICY: "policy",
    ROLE_POLICY: "policy",
    ROLE: "assumeRolePolicy",
    KEY: "policy",
    "aws:sns/topic:Topic": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sqs/queue:Queue": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
}
"""Where a policy document stands in a resource."""

KNOWN_TYPES: Final = frozenset(
    {
        *(row.type for row in RESOURCES),
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        "aws:scheduler/schedule:Schedule",
        "random:index/randomPassword:RandomPassword",
    }
)
"""What the program registers, and types that neither give permissions nor weaken the log. Nothing else is accepted."""

_OWN_PREFIXES: Final = ("agent-audit-log:", "pulumi:")

Rule: TypeAlias = Callable[[Registered], Iterator[str]]
StackRule: TypeAlias = Callable[[Sequence[Registered]], Iterator[tuple[str, str]]]


def check(resource: Registered) -> list[Breach]:
    """Return every rule that one resource breaks."""
    return [
        Breach(rule=name, resource=resource.name, says=says)
        for name, rule in RESOURCE_RULES.items()
        for says in rule(resource)
    ]


def check_stack(resources: Sequence[Registered]) -> list[Breach]:
    """Return every rule that the resources of a stack break together."""
    return [
        Breach(rule=name, resource=resource, says=says)
        for name, rule in STACK_RULES.items()
        for resource, says in rule(resources)
    ]


def _policy_documents(resource: Registered) -> Iterator[str]:
    """Refuse a wildcard without a listed reason, permission by exclusion, and permission for an unnamed principal."""
    for statement, fault in _statements(resource):
        if fault:
            yield fault
        yield from faults(statement, of_key=resource.type == KEY)


def _no_weakening_role(resource: Registered) -> Iterator[str]:
    """Refuse an identity that may delete from the log, bypass a lock, or change the bucket's protections."""
    if resource.type == BUCKET_POLICY:
        return
    for statement, _ in _statements(resource):
        for action in allowed_actions(statement):
            if action.lower() in FORBIDDEN_ACTIONS:
                yield f"no role may be given {action}"


def _type_is_known(resource: Registered) -> Iterator[str]:
    """Refuse a type that no rule knows: it could give permissions, or undo a protection."""
    if resource.type not in KNOWN_TYPES and not resource.type.startswith(_OWN_PREFIXES):
        yield f"no rule knows {resource.type}; it takes one, or a place among the known types"


def _permissions_are_readable(resource: Registered) -> Iterator[str]:
    """Require permissions in policies that the rules can read, not in managed or inline ones."""
    if resource.type == ROLE:
        for name in ("inlinePolicies", "managedPolicyArns"):
            if resource.props.get(name):
                yield f"{name} must not be used: permissions stand in a policy of their own"


def _log_group_ends(resource: Registered) -> Iterator[str]:
    """Require a stated time for which an operational log is kept."""
    if resource.type == LOG_GROUP:
        days = resource.props.get("retentionInDays")
        if isinstance(days, bool) or not isinstance(days, int) or days < 1:
            yield f"retentionInDays must be a stated number of days, got {shown(days)}"


def _parameters_are_secret(resource: Registered) -> Iterator[str]:
    """Require that a parameter is encrypted and never shows its value."""
    if resource.type == PARAMETER:
        if resource.props.get("type") != "SecureString":
            yield f"type must be SecureString, got {shown(resource.props.get('type'))}"
        if resource.props.get("insecureValue") is not None:
            yield "insecureValue must not be used: it is shown in clear"


def _keys_have_one_user(resource: Registered) -> Iterator[str]:
    """Require that a key's policy names its users: one encrypts, another decrypts, a third signs; and its renewal."""
    if resource.type != KEY:
        return
    encrypts = resource.props.get("keyUsage", "ENCRYPT_DECRYPT") == "ENCRYPT_DECRYPT"
    if encrypts and resource.props.get("enableKeyRotation") is not True:
        yield f"enableKeyRotation must be true, got {shown(resource.props.get('enableKeyRotation'))}"
    if resource.props.get("policy") is None:
        yield "policy must be given: the one that KMS gives lets every administrator use the key"
    for statement, _ in _statements(resource):
        for action in allowed_actions(statement):
            user = next((user for use, user in KEY_USERS.items() if action.startswith(use)), None)
            principal = statement.get("Principal")
            named = listed(principal.get("AWS")) if isinstance(principal, Mapping) else []
            if user is not None and not (named and all(arn.endswith(user) for arn in named)):
                yield f"only a role that ends in {user} may be given {action}, got {shown(principal)}"


def _only_the_writer_has_keys(resource: Registered) -> Iterator[str]:
    """Refuse the keys of digests to all but the writer: whoever has them can test guesses against the log."""
    if resource.type != ROLE_POLICY:
        return
    role = resource.props.get("role")
    for statement, _ in _statements(resource):
        for action in allowed_actions(statement):
            if action.lower().startswith("ssm:") and not (isinstance(role, str) and role.endswith(KEY_READER)):
                yield f"only a role that ends in {KEY_READER} may be given {action}"


def _nothing_public(resource: Registered) -> Iterator[str]:
    """Refuse a public bucket, and a function that anybody may call but that is not listed."""
    if resource.type == PUBLIC_ACCESS:
        for name in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"):
            if resource.props.get(name) is not True:
                yield f"{name} must be true, got {shown(resource.props.get(name))}"
    if resource.type == PERMISSION and resource.props.get("principal") in ("*", UNKNOWN):
        through_url = (
            resource.props.get("functionUrlAuthType") == "NONE" or resource.props.get("invokedViaFunctionUrl") is True
        )
        if not through_url:
            yield "anybody may call a function only through its address"
        yield from _may_be_public(resource.props.get("function"))
    if resource.type == FUNCTION_URL and resource.props.get("authorizationType") != "AWS_IAM":
        yield from _may_be_public(resource.props.get("functionName"))


def _may_be_public(function: object) -> Iterator[str]:
    """Yield a fault for a function that the internet may not call."""
    if not isinstance(function, str) or not any(function.endswith(item.suffix) for item in PUBLIC_FUNCTIONS):
        yield f"only a listed function may be open to anybody, got {shown(function)}"


def _no_role_writes_and_deletes(resources: Sequence[Registered]) -> Iterator[tuple[str, str]]:
    """Refuse a role that may both write and delete objects, over all of its policies."""
    actions: dict[str, set[str]] = defaultdict(set)
    for resource in resources:
        if resource.type == ROLE_POLICY:
            role = resource.props.get("role")
            if not isinstance(role, str):
                yield resource.name, f"role must be known when the policy is registered, got {shown(role)}"
                continue
            for statement, _ in _statements(resource):
                actions[role] |= {action.lower() for action in allowed_actions(statement)}
    for role, allowed in actions.items():
        writes = any(action.startswith("s3:put") for action in allowed)
        if writes and any(action.startswith("s3:delete") for action in allowed):
            yield role, "no role may both write and delete"


RESOURCE_RULES: Final[Mapping[str, Rule]] = {
    "known-types": _type_is_known,
    "named-buckets": bucket_rules.bucket_is_named,
    "bucket-kind": bucket_rules.bucket_kind,
    "policy-documents": _policy_documents,
    "no-weakening-role": _no_weakening_role,
    "readable-permissions": _permissions_are_readable,
    "log-groups-end": _log_group_ends,
    "secret-parameters": _parameters_are_secret,
    "keys-are-the-writers": _only_the_writer_has_keys,
    "keys-have-one-user": _keys_have_one_user,
    "nothing-public": _nothing_public,
}
STACK_RULES: Final[Mapping[str, StackRule]] = {
    "no-role-writes-and-deletes": _no_role_writes_and_deletes,
    "log-buckets-are-locked": bucket_rules.log_buckets_are_locked,
    "short-lived-buckets-expire": bucket_rules.short_lived_buckets_expire,
    "vaults-are-shut": bucket_rules.vaults_are_shut,
}


def _statements(resource: Registered) -> Iterator[tuple[Mapping[str, object], str | None]]:
    """Yield each statement of a resource's policy document, or what is wrong with the whole document."""
    key = _POLICY_PROPERTIES.get(resource.type)
    text = None if key is None else resource.props.get(key)
    if key is None or text is None:
        return
    statements = parse(text)
    if not statements:
        yield {}, f"{key} must be a policy document that is known when it is registered, got {shown(text)}"
    for statement in statements:
        yield statement, None
