"""The bucket's own protections: that they are in force, and that only the administrators can change them.

Each attempt at a change asks for the very state that the bucket is in, so that one which succeeds changes nothing.
"""

import json
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from cli.checks.probe import DENIED, Probe, Verdict, failed, judged, setting
from cli.connection import Client
from cli.exits import CouldNot
from policies import bucket_policy

_REFUSED_BY_S3: Final = DENIED | {"InvalidBucketState"}
_PUBLIC_ACCESS_BLOCKS: Final = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_FORBIDDEN: Final = 403
_REMOVALS: Final = (
    "Expiration",
    "NoncurrentVersionExpiration",
    "Transitions",
    "NoncurrentVersionTransitions",
)


def lock(probe: Probe) -> Verdict:
    """The default rule and versioning are as the stack's outputs say."""
    stack = probe.deployment
    found = _setting(probe, "get_object_lock_configuration")
    configuration = found.get("ObjectLockConfiguration", {})
    rule = configuration.get("Rule", {}).get("DefaultRetention", {})
    problems = []
    if configuration.get("ObjectLockEnabled") != "Enabled":
        problems.append("Object Lock is not enabled")
    if not rule:
        problems.append("there is no default retention: new records are not locked")
    elif rule.get("Mode") != stack.retention_mode or rule.get("Days") != stack.retention_days:
        problems.append(f"the default retention is {rule.get('Mode')} for {rule.get('Days')} days")
    versioning = _setting(probe, "get_bucket_versioning").get("Status")
    if versioning != "Enabled":
        problems.append(f"versioning is {str(versioning).lower()}")
    return judged(problems, f"{stack.retention_mode}, {stack.retention_days} days, versioning enabled")


def lock_change(probe: Probe) -> Verdict:
    """Changing the lock is refused to every role."""
    current = _setting(probe, "get_object_lock_configuration").get("ObjectLockConfiguration", {})
    return _refused_to_roles(
        probe,
        {
            "change the bucket's lock": lambda s3, bucket: s3.put_object_lock_configuration(
                Bucket=bucket, ObjectLockConfiguration=current
            )
        },
    )


def versioning_change(probe: Probe) -> Verdict:
    """Setting versioning, even to what it is, is refused to every role."""
    current = {"Status": _setting(probe, "get_bucket_versioning").get("Status", "Enabled")}
    return _refused_to_roles(
        probe,
        {
            "set the bucket's versioning": lambda s3, bucket: s3.put_bucket_versioning(
                Bucket=bucket, VersioningConfiguration=current
            )
        },
    )


def versioning_suspension(probe: Probe) -> Verdict:
    """S3 itself refuses to suspend a locked bucket's versioning, to an administrator too."""
    bucket = probe.deployment.bucket

    def suspend(s3: Client) -> None:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    return probe.try_all(
        probe.attempts(
            "suspend versioning (it was enabled again at once)",
            suspend,
            of=probe.principals[:1],
            refusals=_REFUSED_BY_S3,
            gap="suspend-versioning",
        )
    )


def lifecycle_change(probe: Probe) -> Verdict:
    """Changing lifecycle or replication is refused to every role."""
    rules = _setting(probe, "get_bucket_lifecycle_configuration").get("Rules")
    replication = _setting(probe, "get_bucket_replication").get("ReplicationConfiguration")

    def change_lifecycle(s3: Client, bucket: str) -> None:
        if rules:
            s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
        else:
            s3.delete_bucket_lifecycle(Bucket=bucket)

    def change_replication(s3: Client, bucket: str) -> None:
        if replication:
            s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration=replication)
        else:
            s3.delete_bucket_replication(Bucket=bucket)

    return _refused_to_roles(
        probe,
        {"change the bucket's lifecycle": change_lifecycle, "change the bucket's replication": change_replication},
    )


def policy_change(probe: Probe) -> Verdict:
    """Changing the bucket policy or opening the bucket is refused to every role."""
    text = _setting(probe, "get_bucket_policy").get("Policy")
    if not isinstance(text, str):
        return failed("the bucket has no policy")
    public = _setting(probe, "get_public_access_block")
    block = public.get("PublicAccessBlockConfiguration", dict.fromkeys(_PUBLIC_ACCESS_BLOCKS, True))
    return _refused_to_roles(
        probe,
        {
            "change the bucket policy": lambda s3, bucket: s3.put_bucket_policy(Bucket=bucket, Policy=text),
            "change the block on public access": lambda s3, bucket: s3.put_public_access_block(
                Bucket=bucket, PublicAccessBlockConfiguration=block
            ),
        },
    )


def policy(probe: Probe) -> Verdict:
    """Every statement that this version writes into the bucket's policy is in force, unweakened."""
    text = _setting(probe, "get_bucket_policy").get("Policy")
    if not isinstance(text, str):
        return failed("the bucket has no policy")
    stack = probe.deployment
    required = bucket_policy.statements(
        stack.place, administrators=stack.administrators, trail=None, loopback=stack.is_local
    )
    missing = missing_statements(required, text)
    return judged(
        [f"statement {sid} is missing or was changed" for sid in missing],
        ", ".join(str(row["Sid"]) for row in required),
    )


def lifecycle(probe: Probe) -> Verdict:
    """No lifecycle rule that is enabled expires, removes or moves anything."""
    found = _setting(probe, "get_bucket_lifecycle_configuration")
    problems = [
        f"lifecycle rule {rule.get('ID', 'without a name')}: {action}"
        for rule in found.get("Rules", [])
        if rule.get("Status") == "Enabled"
        for action in _REMOVALS
        if rule.get(action)
    ]
    return judged(problems, "unfinished uploads aside, nothing is removed")


def private(probe: Probe) -> Verdict:
    """Public access is blocked in all four ways, objects are the owner's, and they are encrypted."""
    problems = []
    block = _setting(probe, "get_public_access_block")
    blocked = block.get("PublicAccessBlockConfiguration", {})
    problems += [f"{name} is off" for name in _PUBLIC_ACCESS_BLOCKS if blocked.get(name) is not True]
    owner = _setting(probe, "get_bucket_ownership_controls")
    rules = owner.get("OwnershipControls", {}).get("Rules", [])
    if [rule.get("ObjectOwnership") for rule in rules] != ["BucketOwnerEnforced"]:
        problems.append("object ownership is not enforced: access lists are in play")
    encryption = _setting(probe, "get_bucket_encryption")
    if not encryption.get("ServerSideEncryptionConfiguration", {}).get("Rules"):
        problems.append("default encryption is off")
    if (status := _read_by_nobody(probe)) != _FORBIDDEN:
        problems.append(f"a request without credentials for the record was answered {status}")
    return judged(problems, "public access blocked in all four ways, owner enforced, encrypted; anonymous read refused")


def _read_by_nobody(probe: Probe) -> int:
    """Ask for the probe record without credentials; return the status."""
    import httpx  # noqa: PLC0415 - see Connection.http

    victim = probe.victim()
    base = str(probe.auditor_s3.meta.endpoint_url).rstrip("/")
    try:
        return probe.connection.http.get(f"{base}/{victim.bucket}/{urllib.parse.quote(victim.key)}").status_code
    except httpx.HTTPError as error:
        raise CouldNot(f"S3 without credentials: {type(error).__name__}") from None


def missing_statements(required: Iterable[Mapping[str, Any]], document: str) -> list[str]:
    """Return the name of each required statement that a policy document does not hold unchanged."""
    in_force = [canonical_statement(statement) for statement in json.loads(document).get("Statement", [])]
    return [str(row["Sid"]) for row in required if canonical_statement(row) not in in_force]


def canonical_statement(statement: Mapping[str, Any]) -> str:
    """Return a policy statement in one spelling: no name, single values as lists, lists in order."""
    return json.dumps(_canonical({name: value for name, value in statement.items() if name != "Sid"}), sort_keys=True)


def _canonical(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _canonical(item) for name, item in value.items()}
    if isinstance(value, list):
        return sorted(str(item) for item in value)
    return [str(value)]


def _setting(probe: Probe, read: str) -> Mapping[str, Any]:
    """Return one of the bucket's settings as the auditor reads it; empty when the bucket has none."""
    return setting(probe.auditor_s3, probe.deployment.bucket, read, what=f"auditor: {read}")


def _refused_to_roles(probe: Probe, changes: Mapping[str, Callable[[Client, str], object]]) -> Verdict:
    """Try each change of the bucket as each role that people can assume. `changes`: by description."""
    bucket = probe.deployment.bucket
    return probe.try_all(
        attempt
        for what, change in changes.items()
        for attempt in probe.attempts(
            what, lambda s3, change=change: change(s3, bucket), of=probe.roles_of(probe.deployment)
        )
    )
