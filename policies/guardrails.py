"""What a stack may never contain, whoever writes it: rules over what is registered.

Guarantee: each rule is a pure function of a resource's type and properties, or of all of them together. A property that
a rule looks at must be known when it is registered; one that is still to be computed is a breach, since a rule that
waits for a value can be slipped past. The program itself runs them (`stacks.guard`), and so does the CrossGuard pack
(`policies/__main__.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from policies.bucket_policy import BYPASS, DELETIONS, PROTECTIONS
from policies.documents import allowed_actions, faults, listed, mappings, parse
from policies.retention import MAX_DAYS, PROFILES, Mode, Retention, RetentionError

KIND_TAG: Final = "audit-log:kind"
PROFILE_TAG: Final = "audit-log:profile"
KINDS: Final = ("log", "vault", "scratch")
MAX_VAULT_DAYS: Final = 2
"""The guide lets raw bodies be kept for 24 to 48 hours."""


@dataclass(frozen=True, slots=True)
class _Unknown:
    """A value that is not known when its resource is registered."""


UNKNOWN: Final = _Unknown()


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A resource as it is registered: Pulumi's type, its logical name, its inputs (camelCase; `UNKNOWN` where open)."""

    type: str
    name: str
    props: Mapping[str, object]


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

FORBIDDEN_ACTIONS: Final = frozenset(action.lower() for action in (BYPASS, *PROTECTIONS, *DELETIONS))
"""What no role is ever given: it would weaken the log, or remove from it."""

_BUCKET: Final = "aws:s3/bucket:Bucket"
_BUCKET_POLICY: Final = "aws:s3/bucketPolicy:BucketPolicy"
_LOCK: Final = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
_VERSIONING: Final = "aws:s3/bucketVersioning:BucketVersioning"
_PUBLIC_ACCESS: Final = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_OWNERSHIP: Final = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
_ENCRYPTION: Final = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
_LIFECYCLE: Final = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
_ROLE: Final = "aws:iam/role:Role"
_ROLE_POLICY: Final = "aws:iam/rolePolicy:RolePolicy"
_LOG_GROUP: Final = "aws:cloudwatch/logGroup:LogGroup"
_PERMISSION: Final = "aws:lambda/permission:Permission"
_FUNCTION_URL: Final = "aws:lambda/functionUrl:FunctionUrl"

_POLICY_PROPERTIES: Final[Mapping[str, str]] = {
    _BUCKET_POLICY: "policy",
    _ROLE_POLICY: "policy",
    _ROLE: "assumeRolePolicy",
    "aws:iam/policy:Policy": "policy",
    "aws:iam/userPolicy:UserPolicy": "policy",
    "aws:iam/groupPolicy:GroupPolicy": "policy",
    "aws:kms/key:Key": "policy",
    "aws:kms/keyPolicy:KeyPolicy": "policy",
    "aws:s3/accessPoint:AccessPoint": "policy",
    "aws:sns/topic:Topic": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sqs/queue:Queue": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
}
"""Where a policy document stands in a resource."""

_OUTSIDE_THE_TABLE: Final = frozenset(
    {
        "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
        "aws:iam/policyAttachment:PolicyAttachment",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    }
)
"""Resources that give permissions which no rule here can read."""

_BUCKET_ASIDES: Final = (
    "acl",
    "grants",
    "lifecycleRules",
    "policy",
    "replicationConfiguration",
    "website",
)
"""What a bucket has a resource of its own for, where the rules look."""

Rule: TypeAlias = Callable[[Registered], Iterator[str]]
StackRule: TypeAlias = Callable[[Sequence[Registered]], Iterator[tuple[str, str]]]


def check(resource: Registered) -> list[Breach]:
    """Every rule that one resource breaks."""
    return [
        Breach(rule=name, resource=resource.name, says=says)
        for name, rule in RESOURCE_RULES.items()
        for says in rule(resource)
    ]


def check_stack(resources: Sequence[Registered]) -> list[Breach]:
    """Every rule that the resources of a stack break together."""
    return [
        Breach(rule=name, resource=resource, says=says)
        for name, rule in STACK_RULES.items()
        for resource, says in rule(resources)
    ]


def _bucket_kind(resource: Registered) -> Iterator[str]:
    """A bucket says what it is for, cannot be emptied by `destroy`, and a log is lockable from its first day."""
    if resource.type != _BUCKET:
        return
    tags = resource.props.get("tags")
    kind = tags.get(KIND_TAG) if isinstance(tags, Mapping) else None
    if kind not in KINDS:
        yield f"tag {KIND_TAG} must be one of {', '.join(KINDS)}, got {kind!r}"
    if kind == "log" and isinstance(tags, Mapping):
        if tags.get(PROFILE_TAG) not in PROFILES:
            yield f"tag {PROFILE_TAG} must be one of {', '.join(PROFILES)}, got {tags.get(PROFILE_TAG)!r}"
        if resource.props.get("objectLockEnabled") is not True:
            yield "a log must have objectLockEnabled, which can be set only when the bucket is made"
    if resource.props.get("forceDestroy"):
        yield "forceDestroy must not be set: it removes every record"
    for name in _BUCKET_ASIDES:
        if resource.props.get(name):
            yield f"{name} must be set by a resource of its own"


def _policy_documents(resource: Registered) -> Iterator[str]:
    """No wildcard without a listed reason, nothing allowed by exclusion, nobody unnamed allowed anything."""
    for statement, fault in _statements(resource):
        if fault:
            yield fault
        yield from faults(statement)


def _no_weakening_role(resource: Registered) -> Iterator[str]:
    """No identity may delete from the log, bypass a lock, or change the bucket's protections."""
    if resource.type == _BUCKET_POLICY:
        return
    for statement, _ in _statements(resource):
        for action in allowed_actions(statement):
            if action.lower() in FORBIDDEN_ACTIONS:
                yield f"no role may be given {action}"


def _permissions_are_readable(resource: Registered) -> Iterator[str]:
    """Permissions stand in policies that the rules can read, not in managed or attached ones."""
    if resource.type in _OUTSIDE_THE_TABLE:
        yield "permissions must stand in a role's own policy"
    if resource.type == _ROLE:
        for name in ("inlinePolicies", "managedPolicyArns"):
            if resource.props.get(name):
                yield f"{name} must not be used: permissions stand in a policy of their own"


def _log_group_ends(resource: Registered) -> Iterator[str]:
    """An operational log is kept for a stated time."""
    if resource.type == _LOG_GROUP:
        days = resource.props.get("retentionInDays")
        if isinstance(days, bool) or not isinstance(days, int) or days < 1:
            yield f"retentionInDays must be a stated number of days, got {_shown(days)}"


def _nothing_public(resource: Registered) -> Iterator[str]:
    """No bucket is public, and no function but the listed ones can be called by just anybody."""
    if resource.type == _PUBLIC_ACCESS:
        for name in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"):
            if resource.props.get(name) is not True:
                yield f"{name} must be true, got {_shown(resource.props.get(name))}"
    if resource.type == _PERMISSION and resource.props.get("principal") in ("*", UNKNOWN):
        through_url = (
            resource.props.get("functionUrlAuthType") == "NONE" or resource.props.get("invokedViaFunctionUrl") is True
        )
        if not through_url:
            yield "anybody may call a function only through its address"
        yield from _may_be_public(resource.props.get("function"))
    if resource.type == _FUNCTION_URL and resource.props.get("authorizationType") != "AWS_IAM":
        yield from _may_be_public(resource.props.get("functionName"))


def _may_be_public(function: object) -> Iterator[str]:
    """Whether a function is one of those that the internet may call."""
    if not isinstance(function, str) or not any(function.endswith(item.suffix) for item in PUBLIC_FUNCTIONS):
        yield f"only a listed function may be open to anybody, got {_shown(function)}"


def _no_role_writes_and_deletes(resources: Sequence[Registered]) -> Iterator[tuple[str, str]]:
    """Over all the policies of a role: whoever writes objects deletes none."""
    actions: dict[str, set[str]] = defaultdict(set)
    for resource in resources:
        if resource.type == _ROLE_POLICY:
            role = resource.props.get("role")
            if not isinstance(role, str):
                yield resource.name, f"role must be known when the policy is registered, got {_shown(role)}"
                continue
            for statement, _ in _statements(resource):
                actions[role] |= {action.lower() for action in allowed_actions(statement)}
    for role, allowed in actions.items():
        writes = any(action.startswith("s3:put") for action in allowed)
        if writes and any(action.startswith("s3:delete") for action in allowed):
            yield role, "no role may both write and delete"


def _log_buckets_are_locked(resources: Sequence[Registered]) -> Iterator[tuple[str, str]]:
    """Every log bucket has each of its protections, and its lock is never under its profile's."""
    for bucket, kind, settings in _buckets(resources):
        if kind != "log":
            continue
        for type_, says, holds in (
            (_VERSIONING, "must keep versions", _keeps_versions),
            (_OWNERSHIP, "must be owned by its account alone", _is_enforced),
            (_PUBLIC_ACCESS, "must block public access", _is_there),
            (_ENCRYPTION, "must be encrypted", _has_rules),
            (_BUCKET_POLICY, "must have a policy under which nobody deletes or bypasses", _refuses_deletion),
            (_LIFECYCLE, "must expire nothing", _expires_nothing),
        ):
            found = [item for item in settings if item.type == type_]
            if len(found) != 1 or not all(holds(item.props) for item in found):
                yield bucket.name, says
        yield from ((bucket.name, says) for says in _lock_faults(bucket, settings))


def _short_lived_buckets_expire(resources: Sequence[Registered]) -> Iterator[tuple[str, str]]:
    """A vault is gone after two days and has a key of the customer's own; what is scratch expires some day."""
    for bucket, kind, settings in _buckets(resources):
        if kind not in ("vault", "scratch"):
            continue
        days = [
            expiration.get("days")
            for item in settings
            if item.type == _LIFECYCLE
            for rule in mappings(item.props.get("rules"))
            if rule.get("status") == "Enabled" and isinstance(expiration := rule.get("expiration"), Mapping)
        ]
        whole = [day for day in days if isinstance(day, int) and day >= 1]
        if not whole:
            yield bucket.name, f"a {kind} bucket must expire"
        elif kind == "vault" and min(whole) > MAX_VAULT_DAYS:
            yield bucket.name, f"a vault must be gone after {MAX_VAULT_DAYS} days, got {min(whole)}"
        if kind == "vault" and not any(_has_customer_key(item) for item in settings):
            yield bucket.name, "a vault must be encrypted with a customer key"


RESOURCE_RULES: Final[Mapping[str, Rule]] = {
    "bucket-kind": _bucket_kind,
    "policy-documents": _policy_documents,
    "no-weakening-role": _no_weakening_role,
    "readable-permissions": _permissions_are_readable,
    "log-groups-end": _log_group_ends,
    "nothing-public": _nothing_public,
}
STACK_RULES: Final[Mapping[str, StackRule]] = {
    "no-role-writes-and-deletes": _no_role_writes_and_deletes,
    "log-buckets-are-locked": _log_buckets_are_locked,
    "short-lived-buckets-expire": _short_lived_buckets_expire,
}


def _buckets(resources: Sequence[Registered]) -> Iterator[tuple[Registered, object, list[Registered]]]:
    """Each bucket, its kind, and the resources that set something on it."""
    for resource in resources:
        if resource.type == _BUCKET:
            name = resource.props.get("bucket")
            tags = resource.props.get("tags")
            kind = tags.get(KIND_TAG) if isinstance(tags, Mapping) else None
            yield (
                resource,
                kind,
                [item for item in resources if item.type != _BUCKET and item.props.get("bucket") == name != UNKNOWN],
            )


def _lock_faults(bucket: Registered, settings: Sequence[Registered]) -> Iterator[str]:
    """What is wrong with a log bucket's default rule."""
    tags = bucket.props.get("tags")
    profile = PROFILES.get(str(tags.get(PROFILE_TAG))) if isinstance(tags, Mapping) else None
    locks = [item for item in settings if item.type == _LOCK]
    if profile is None or len(locks) != 1:
        yield f"must have one default retention, got {len(locks)}"
        return
    rule = locks[0].props.get("rule")
    default = rule.get("defaultRetention") if isinstance(rule, Mapping) else None
    given = default if isinstance(default, Mapping) else {}
    try:
        retention = Retention(mode=Mode(str(given.get("mode"))), days=_whole(given.get("days")))
    except (RetentionError, ValueError):
        yield f"default retention must be a mode and 1 to {MAX_DAYS} days, got {_shown(default)}"
        return
    if not retention.covers(profile.minimum):
        least = profile.minimum
        yield (
            f"profile {profile.name} locks in {least.mode} mode for at least {least.days} days, "
            f"got {retention.mode} for {retention.days}"
        )


def _whole(value: object) -> int:
    """A whole number (Pulumi's wire format has floats alone), else one that no retention takes."""
    return int(value) if isinstance(value, (int, float)) and value == int(value) else 0


def _is_there(_: Mapping[str, object]) -> bool:
    """For what has a rule of its own about its content."""
    return True


def _has_rules(props: Mapping[str, object]) -> bool:
    """Whether there is any rule."""
    return bool(mappings(props.get("rules")))


def _keeps_versions(props: Mapping[str, object]) -> bool:
    """Whether versioning is on."""
    given = props.get("versioningConfiguration")
    return isinstance(given, Mapping) and given.get("status") == "Enabled"


def _is_enforced(props: Mapping[str, object]) -> bool:
    """Whether access lists are off."""
    rule = props.get("rule")
    return isinstance(rule, Mapping) and rule.get("objectOwnership") == "BucketOwnerEnforced"


def _expires_nothing(props: Mapping[str, object]) -> bool:
    """Whether every lifecycle rule merely aborts uploads."""
    allowed = {"id", "status", "filter", "abortIncompleteMultipartUpload"}
    rules = mappings(props.get("rules"))
    return bool(rules) and all({key for key, value in rule.items() if value is not None} <= allowed for rule in rules)


def _refuses_deletion(props: Mapping[str, object]) -> bool:
    """Whether deleting and bypassing are refused to everybody, unconditionally."""
    refused = {
        action
        for statement in parse(props.get("policy"))
        if statement.get("Effect") == "Deny" and statement.get("Principal") == "*" and "Condition" not in statement
        for action in listed(statement.get("Action"))
    }
    return refused >= {*DELETIONS, BYPASS}


def _has_customer_key(resource: Registered) -> bool:
    """Whether a bucket's encryption uses a key of the customer's own."""
    return resource.type == _ENCRYPTION and any(
        isinstance(default := rule.get("applyServerSideEncryptionByDefault"), Mapping)
        and default.get("sseAlgorithm") == "aws:kms"
        for rule in mappings(resource.props.get("rules"))
    )


def _statements(resource: Registered) -> Iterator[tuple[Mapping[str, object], str | None]]:
    """Each statement of a resource's policy document, or what is wrong with the document as a whole."""
    key = _POLICY_PROPERTIES.get(resource.type)
    text = None if key is None else resource.props.get(key)
    if key is None or text is None:
        return
    statements = parse(text)
    if not statements:
        yield {}, f"{key} must be a policy document that is known when it is registered, got {_shown(text)}"
    for statement in statements:
        yield statement, None


def _shown(value: object) -> str:
    """A value in a message."""
    return "a value that is not known yet" if value is UNKNOWN else repr(value)
