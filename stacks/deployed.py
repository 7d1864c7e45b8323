"""Look at what the account holds already, before the program registers anything.

Guarantee: a look that is refused is an error and never counts as nothing found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import pulumi
import pulumi_aws as aws

from policies.bucket_policy import excluded
from policies.deployer import CONCURRENCY_QUOTA
from policies.retention import Mode, Retention
from stacks.settings import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stacks.settings import Settings

_UNRESERVED: Final = 100
"""What Lambda keeps for functions without a reservation.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""
_ABSENT: Final = (
    *("nosuchbucket", "nosuchbucketpolicy", "notfoundexception", "objectlockconfigurationnotfound"),
    *("parameternotfound", "couldn't find resource", "empty result"),
)
"""How the provider answers a look at something that is not there."""
_Found = TypeVar("_Found")


def deployed_retention(bucket: str) -> Retention | None:
    """Return the default rule in force, or None where there is no bucket or no rule yet."""
    found = _look(
        lambda: aws.s3.get_bucket_object_lock_configuration(bucket=bucket),
        f"retentionDays: cannot see how {bucket} is locked now, so cannot tell whether this weakens it",
    )
    if found is None:
        return None
    # Each of these may be null: a bucket that is locked and has no rule, a rule in days or in years.
    for rule in found.rules or ():
        for default in rule.default_retentions or ():
            days = default.days or (default.years or 0) * 365
            if default.mode and days:
                return Retention(mode=Mode(default.mode), days=days)
    return None


def check_deployer(bucket: str, deployer: str) -> None:
    """Refuse a run that the deployed bucket policy would stop half-way, and name those who can run it.

    The preview would show an update, and `up` would get AccessDenied at the bucket policy.
    """
    found = _look(
        lambda: aws.s3.get_bucket_policy(bucket=bucket),
        f"administrators: cannot read the policy of {bucket}, so cannot tell who may change it",
    )
    if found is not None and (others := excluded(found.policy, deployer)):
        msg = (
            f"administrators: the policy of {bucket} lets only {', '.join(others)} change it, and you deploy as "
            f"{deployer}. One of them sets `administrators` to all who deploy, you included, and runs `pulumi up`. "
            "If none of them exists any more, see docs/recovery.md"
        )
        raise pulumi.RunError(msg)


def deployed_keys(parameter: str) -> str:
    """Return the value of the parameter that holds the keys of digests; empty where there is none."""
    found = _look(
        lambda: aws.ssm.get_parameter(name=parameter, with_decryption=True),
        f"keys: cannot read {parameter}, so cannot keep the keys that it holds",
    )
    return "" if found is None else str(found.value)


def check_signing_key(alias: str) -> None:
    """Refuse to go on while the signing key is scheduled for deletion.

    The provider treats such a key as gone, so a run would make another one, which cannot continue the sealed log.
    """
    found = _look(
        lambda: aws.kms.get_key(key_id=alias),
        f"signing key: cannot see whether {alias} is about to be deleted; grant kms:DescribeKey on it",
    )
    if found is not None and found.key_state == "PendingDeletion":
        msg = (
            f"signing key: {alias} is about to be deleted, and no other key can continue the log; "
            f"run `aws kms cancel-key-deletion --key-id {found.arn}` first"
        )
        raise pulumi.RunError(msg)


def vault_waits(settings: Settings, vault: str) -> bool:
    """Tell whether a vault that gets no more payloads still holds some, and so must stay.

    A bucket with objects in it cannot be deleted. Without this, `envelope: off` would fail at the end of each run until
    the last payload has expired.
    """
    found = _look(
        lambda: aws.s3.get_objects(bucket=vault, max_keys=1),
        f"envelope: cannot see whether {vault} still holds payloads; grant s3:ListBucket on it",
    )
    if found is None or not found.keys:
        return False
    if settings.access_trail != "own":
        rule = "must be own while the vault holds payloads: a trail that the account has already records no reads"
        raise SettingError("accessTrail", rule, settings.access_trail)
    pulumi.warn(
        "envelope: nothing goes to the vault any more, but it still holds payloads; it stays, shut, until the last one "
        "has expired, in 48 hours at most. Run this again then to remove it"
    )
    return True


def check_concurrency(reserved: int) -> None:
    """Refuse a reservation that the account cannot give."""
    if not reserved:
        return
    service, _, code = CONCURRENCY_QUOTA.partition("/")
    try:
        quota = int(aws.servicequotas.get_service_quota(service_code=service, quota_code=code).value)
    except Exception as error:  # an invoke raises no narrower one
        msg = f"reservedConcurrency: cannot read how much the account may run at once ({error}); 0 reserves none"
        raise pulumi.RunError(msg) from error
    if reserved > quota - _UNRESERVED:
        most = max(quota - _UNRESERVED, 0)
        rule = f"the account runs {quota} at once, of which Lambda keeps {_UNRESERVED}, so must be at most {most}"
        raise SettingError("reservedConcurrency", rule, reserved)


def says_absent(text: str) -> bool:
    """Tell whether a failed look means that there is no such thing; a refused look does not mean that."""
    return any(words in text.lower() for words in _ABSENT)


def _look(find: Callable[[], _Found], refused: str) -> _Found | None:
    """Return what is there, or None where there is nothing. Raise RunError with `refused` if the look fails."""
    try:
        return find()
    except Exception as error:  # an invoke raises no narrower one
        if says_absent(str(error)):
            return None
        msg = f"{refused}: {error}"
        raise pulumi.RunError(msg) from error
