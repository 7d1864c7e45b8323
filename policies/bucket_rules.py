"""The guardrails about buckets: what each is for, and which settings that needs.

Guarantee: each of these breaks a rule: a bucket of no kind, a log with a missing or weakened protection, a vault that
is not shut, and a vault or scratch bucket that does not expire. A log's retention is never under its profile's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from audit_core.layout import MAX_RETENTION_DAYS
from policies.bucket_policy import BYPASS, DELETIONS
from policies.documents import listed, mappings, parse
from policies.registered import (
    BUCKET,
    BUCKET_POLICY,
    ENCRYPTION,
    LIFECYCLE,
    LOCK,
    OWNERSHIP,
    PUBLIC_ACCESS,
    VERSIONING,
    Registered,
    shown,
)
from policies.retention import PROFILES, Mode, Retention, RetentionError

KIND_TAG: Final = "audit-log:kind"
PROFILE_TAG: Final = "audit-log:profile"
KINDS: Final = ("log", "vault", "scratch")
VAULT_DAYS: Final = 1
"""The guide lets raw bodies be kept for 24 to 48 hours, which one day comes to, since S3 goes on to the next midnight.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""
_BUCKET_ASIDES: Final = (
    "acl",
    "grants",
    "lifecycleRules",
    "policy",
    "replicationConfiguration",
    "website",
)
"""What a bucket has a resource of its own for, where the rules look."""


def bucket_kind(resource: Registered) -> Iterator[str]:
    """Require that a bucket says what it is for, that `destroy` cannot empty it, and that a log can be locked."""
    if resource.type != BUCKET:
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


def bucket_is_named(resource: Registered) -> Iterator[str]:
    """Require that every setting names its bucket."""
    if resource.type.startswith("aws:s3/") and not isinstance(resource.props.get("bucket"), str):
        yield f"bucket must be a name that is known when it is registered, got {shown(resource.props.get('bucket'))}"


def log_buckets_are_locked(resources: Sequence[Registered]) -> Iterator[tuple[str, str]]:
    """Require each protection of a log bucket, and a lock that is not weaker than the profile's."""
    for bucket, kind, settings in _buckets(resources):
        if kind != "log":
            continue
        required = (
            (VERSIONING, "must keep versions", _keeps_versions),
            (OWNERSHIP, "must be owned by its account alone", _is_enforced),
            (PUBLIC_ACCESS, "must block public access", _is_there),
            (ENCRYPTION, "must be encrypted", _has_rules),
            (BUCKET_POLICY, "must have a policy under which nobody deletes or bypasses", _refuses_deletion),
            (LIFECYCLE, "must expire nothing", _expires_nothing),
        )
        yield from _lacks(bucket, settings, required)
        yield from ((bucket.name, says) for says in _lock_faults(bucket, settings))


def short_lived_buckets_expire(resources: Sequence[Registered]) -> Iterator[tuple[str, str]]:
    """Require that a vault is empty after 48 hours, and that scratch data expires some day, whatever its key."""
    for bucket, kind, settings in _buckets(resources):
        if kind not in ("vault", "scratch"):
            continue
        days = [
            expiration.get("days")
            for item in settings
            if item.type == LIFECYCLE
            for rule in mappings(item.props.get("rules"))
            if rule.get("status") == "Enabled"
            and _is_about_everything(rule)
            and isinstance(expiration := rule.get("expiration"), Mapping)
        ]
        whole = [day for day in days if isinstance(day, int) and day >= 1]
        if not whole:
            yield bucket.name, f"a {kind} bucket must expire"
        elif kind == "vault" and min(whole) > VAULT_DAYS:
            yield bucket.name, f"a vault must expire after {VAULT_DAYS} day, which is up to 48 hours, got {min(whole)}"


def vaults_are_shut(resources: Sequence[Registered]) -> Iterator[tuple[str, str]]:
    """Require a customer key and one owner for a vault, and neither versions nor a lock."""
    for bucket, kind, settings in _buckets(resources):
        if kind != "vault":
            continue
        required = (
            (ENCRYPTION, "a vault must be encrypted with a customer key", _has_customer_key),
            (OWNERSHIP, "a vault must be owned by its account alone", _is_enforced),
            (PUBLIC_ACCESS, "a vault must block public access", _is_there),
            (BUCKET_POLICY, "a vault must have a policy of who may read it", _is_there),
        )
        yield from _lacks(bucket, settings, required)
        if any(item.type == VERSIONING for item in settings):
            yield bucket.name, "a vault must keep no versions: a payload that expires would go on as one"
        if bucket.props.get("objectLockEnabled") or any(item.type == LOCK for item in settings):
            yield bucket.name, "a vault must not be locked: nothing in it may outlast its hours"


def _lacks(
    bucket: Registered,
    settings: Sequence[Registered],
    required: Sequence[tuple[str, str, Callable[[Mapping[str, object]], bool]]],
) -> Iterator[tuple[str, str]]:
    """Yield what a bucket lacks of the settings that it must have once: their type, what to say, and when one holds."""
    for type_, says, holds in required:
        found = [item for item in settings if item.type == type_]
        if len(found) != 1 or not holds(found[0].props):
            yield bucket.name, says


def _is_about_everything(rule: Mapping[str, object]) -> bool:
    """Return whether a lifecycle rule applies to every object."""
    condition = rule.get("filter")
    if rule.get("prefix"):
        return False
    return condition is None or (isinstance(condition, Mapping) and not any(condition.values()))


def _buckets(resources: Sequence[Registered]) -> Iterator[tuple[Registered, object, list[Registered]]]:
    """Yield each bucket, its kind, and the resources that set something on it."""
    for resource in resources:
        if resource.type == BUCKET:
            name = resource.props.get("bucket")
            tags = resource.props.get("tags")
            kind = tags.get(KIND_TAG) if isinstance(tags, Mapping) else None
            yield (
                resource,
                kind,
                [item for item in resources if item.type != BUCKET and item.props.get("bucket") == name],
            )


def _lock_faults(bucket: Registered, settings: Sequence[Registered]) -> Iterator[str]:
    """Yield what is wrong with a log bucket's default rule."""
    tags = bucket.props.get("tags")
    profile = PROFILES.get(str(tags.get(PROFILE_TAG))) if isinstance(tags, Mapping) else None
    locks = [item for item in settings if item.type == LOCK]
    if profile is None or len(locks) != 1:
        yield f"must have one default retention, got {len(locks)}"
        return
    rule = locks[0].props.get("rule")
    default = rule.get("defaultRetention") if isinstance(rule, Mapping) else None
    given = default if isinstance(default, Mapping) else {}
    try:
        retention = Retention(mode=Mode(str(given.get("mode"))), days=_whole(given.get("days")))
    except (RetentionError, ValueError):
        yield f"default retention must be a mode and 1 to {MAX_RETENTION_DAYS} days, got {shown(default)}"
        return
    if not retention.covers(profile.minimum):
        least = profile.minimum
        yield (
            f"profile {profile.name} locks in {least.mode} mode for at least {least.days} days, "
            f"got {retention.mode} for {retention.days}"
        )


def _whole(value: object) -> int:
    """Return a whole number, or 0, which no retention takes. Pulumi's wire format has only floats."""
    return int(value) if isinstance(value, (int, float)) and value == int(value) else 0


def _is_there(_: Mapping[str, object]) -> bool:
    """Accept what another rule reads."""
    return True


def _has_rules(props: Mapping[str, object]) -> bool:
    """Return whether there is any rule."""
    return bool(mappings(props.get("rules")))


def _keeps_versions(props: Mapping[str, object]) -> bool:
    """Return whether versioning is on."""
    given = props.get("versioningConfiguration")
    return isinstance(given, Mapping) and given.get("status") == "Enabled"


def _is_enforced(props: Mapping[str, object]) -> bool:
    """Return whether access lists are off."""
    rule = props.get("rule")
    return isinstance(rule, Mapping) and rule.get("objectOwnership") == "BucketOwnerEnforced"


def _expires_nothing(props: Mapping[str, object]) -> bool:
    """Return whether every lifecycle rule only aborts uploads."""
    allowed = {"id", "status", "filter", "abortIncompleteMultipartUpload"}
    rules = mappings(props.get("rules"))
    return bool(rules) and all({key for key, value in rule.items() if value is not None} <= allowed for rule in rules)


def _refuses_deletion(props: Mapping[str, object]) -> bool:
    """Return whether everybody is refused deletion and bypass, without a condition."""
    refused = {
        action
        for statement in parse(props.get("policy"))
        if statement.get("Effect") == "Deny" and statement.get("Principal") == "*" and "Condition" not in statement
        for action in listed(statement.get("Action"))
    }
    return refused >= {*DELETIONS, BYPASS}


def _has_customer_key(props: Mapping[str, object]) -> bool:
    """Return whether a bucket's encryption names a key. Without a name it is the key that AWS manages."""
    rules = mappings(props.get("rules"))
    return bool(rules) and all(
        isinstance(default := rule.get("applyServerSideEncryptionByDefault"), Mapping)
        and default.get("sseAlgorithm") == "aws:kms"
        and bool(default.get("kmsMasterKeyId"))
        for rule in rules
    )
