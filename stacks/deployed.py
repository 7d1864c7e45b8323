"""What the account holds already: looks that the program makes before it registers anything.

Guarantee: a look that is refused is an error and never counts as nothing found.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_aws as aws

from policies.retention import Mode, Retention
from stacks.settings import SettingError

_LAMBDA_QUOTA: Final = ("lambda", "L-B99A9384")
"""Concurrent executions, by Service Quotas' code."""
_UNRESERVED: Final = 100
"""What Lambda keeps for functions without a reservation.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""
_ABSENT: Final = ("nosuchbucket", "objectlockconfigurationnotfound", "couldn't find resource", "empty result")
"""How the provider answers a look at a bucket that is not there, or at a lock that it does not have."""


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


def says_absent(said: str) -> bool:
    """Tell whether a failed look says that there is no bucket or no lock, and not that it may not be seen."""
    return any(words in said.lower() for words in _ABSENT)


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
