"""What the account holds already: looks that the program makes before it registers anything.

Guarantee: a look that is refused is an error and never counts as nothing found.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_aws as aws

from policies.bucket_policy import excluded
from policies.retention import Mode, Retention
from stacks.settings import SettingError

_LAMBDA_QUOTA: Final = ("lambda", "L-B99A9384")
"""Concurrent executions, by Service Quotas' code."""
_UNRESERVED: Final = 100
"""What Lambda keeps for functions without a reservation.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""
_ABSENT: Final = (
    *("nosuchbucket", "nosuchbucketpolicy", "notfoundexception", "objectlockconfigurationnotfound"),
    *("parameternotfound", "couldn't find resource", "empty result"),
)
"""How the provider answers a look at something that is not there."""


def deployed_retention(bucket: str) -> Retention | None:
    """Return the default rule in force, or None where there is no bucket or no rule yet.

    A look that is refused is an error: nothing may be weakened because nobody could see it.
    """
    try:
        found = aws.s3.get_bucket_object_lock_configuration(bucket=bucket)
    except Exception as error:  # an invoke raises no narrower one
        said = str(error)
        if says_absent(said):
            return None
        msg = f"retentionDays: cannot see how {bucket} is locked now, so cannot tell whether this weakens it: {said}"
        raise pulumi.RunError(msg) from error
    # Each of these may be null: a bucket that is locked and has no rule, a rule in days or in years.
    for rule in found.rules or ():
        for default in rule.default_retentions or ():
            days = default.days or (default.years or 0) * 365
            if default.mode and days:
                return Retention(mode=Mode(default.mode), days=days)
    return None


def check_deployer(bucket: str, deployer: str) -> None:
    """Refuse a run that the deployed bucket policy would stop half-way, and say who can run it.

    The preview would show an update, and `up` would get AccessDenied at the bucket policy.
    """
    try:
        document = aws.s3.get_bucket_policy(bucket=bucket).policy
    except Exception as error:  # an invoke raises no narrower one
        if says_absent(str(error)):
            return
        msg = f"administrators: cannot read the policy of {bucket}, so cannot tell who may change it: {error}"
        raise pulumi.RunError(msg) from error
    if others := excluded(document, deployer):
        msg = (
            f"administrators: the policy of {bucket} lets only {', '.join(others)} change it, and you deploy as "
            f"{deployer}. One of them sets `administrators` to all who deploy, you included, and runs `pulumi up`. "
            "If none of them is there any more: see docs/recovery.md"
        )
        raise pulumi.RunError(msg)


def deployed_keys(parameter: str) -> str:
    """Return the value of the parameter that holds the keys of digests; empty where there is none."""
    try:
        return str(aws.ssm.get_parameter(name=parameter, with_decryption=True).value)
    except Exception as error:  # an invoke raises no narrower one
        if says_absent(str(error)):
            return ""
        msg = f"keys: cannot read {parameter}, so cannot keep the keys that it holds: {error}"
        raise pulumi.RunError(msg) from error


def says_absent(said: str) -> bool:
    """Tell whether a failed look says that there is no such thing, and not that it may not be seen."""
    return any(words in said.lower() for words in _ABSENT)


def check_signing_key(alias: str) -> None:
    """Refuse to go on without a signing key that somebody scheduled for deletion.

    The provider takes such a key for gone, and a run would make another one, which cannot continue the sealed log.
    """
    try:
        found = aws.kms.get_key(key_id=alias)
    except Exception as error:  # an invoke raises no narrower one
        if says_absent(str(error)):
            return
        msg = f"signing key: cannot see whether {alias} is about to be deleted; grant kms:DescribeKey on it: {error}"
        raise pulumi.RunError(msg) from error
    if found.key_state == "PendingDeletion":
        msg = (
            f"signing key: {alias} is about to be deleted, and no other key can continue the log; "
            f"run `aws kms cancel-key-deletion --key-id {found.arn}` first"
        )
        raise pulumi.RunError(msg)


def check_concurrency(reserved: int) -> None:
    """Refuse a reservation that the account cannot give."""
    if not reserved:
        return
    service, code = _LAMBDA_QUOTA
    try:
        quota = int(aws.servicequotas.get_service_quota(service_code=service, quota_code=code).value)
    except Exception as error:  # an invoke raises no narrower one
        msg = f"reservedConcurrency: cannot read how much the account may run at once ({error}); 0 reserves none"
        raise pulumi.RunError(msg) from error
    if reserved > quota - _UNRESERVED:
        most = max(quota - _UNRESERVED, 0)
        rule = f"the account runs {quota} at once, of which Lambda keeps {_UNRESERVED}, so must be at most {most}"
        raise SettingError("reservedConcurrency", rule, reserved)
