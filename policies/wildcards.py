"""Every `*` that a policy of this kit may hold in a resource or a condition, and why.

Guarantee: an allowed action or an allowed principal never has a wildcard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from audit_core.layout import RECORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Wildcard:
    """A `*` that a policy of this kit may hold: a pattern for the whole ARN, why, and where that is documented."""

    arn: re.Pattern[str]
    reason: str
    source: str


WILDCARDS: Final[tuple[Wildcard, ...]] = (
    Wildcard(
        arn=re.compile(r"arn:[a-z-]+:s3:::[a-z0-9.-]+/(?:[A-Za-z0-9_.-]+/)*\*"),
        reason="The objects of one bucket, or under one prefix of it: keys follow from what is stored, so no list of "
        "them can be known beforehand.",
        source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/security_iam_service-with-iam.html",
    ),
    Wildcard(
        arn=re.compile(
            r"arn:[a-z-]+:s3:::[a-z0-9.-]+/" + RECORDS + r"(?:dt=\?{4}-\?\?-\?\?/\?{40}\.jsonl\.gz|\*/\*/\*)"
        ),
        reason="The one form of a record's key, and keys with more slashes than that; both only in refusals.",
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html",
    ),
    Wildcard(
        arn=re.compile(r"arn:[a-z-]+:logs:[a-z0-9-]+:[0-9]{12}:log-group:[A-Za-z0-9_/.-]+(?::log-stream)?:\*"),
        reason="The contents of one log group: Lambda names a log stream for every instance of a function.",
        source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html",
    ),
    Wildcard(
        arn=re.compile(r"arn:[a-z-]+:sts::[0-9]{12}:assumed-role/[\w+=,.@-]+/\*"),
        reason="Every session of one role: whoever takes a role names the session.",
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
    ),
)
"""Every wildcard in a resource or a condition. In an action or an allowed principal none is let through."""
