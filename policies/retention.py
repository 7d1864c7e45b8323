"""How long a record is locked, and against whom.

Guarantee: whatever this module lets through is a retention that S3 accepts, and no profile is weaker than it says.
Plain data and pure functions; nothing here talks to a cloud.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from audit_core.layout import MAX_RETENTION_DAYS

if TYPE_CHECKING:
    from collections.abc import Mapping

SIX_MONTHS: Final = 184
"""The most days that six calendar months in a row can have (March to August, or July to December)."""


class RetentionError(ValueError):
    """A retention that cannot or must not be: says field, rule and what was given."""


class Mode(StrEnum):
    """S3 Object Lock's two modes, in its own words."""

    GOVERNANCE = "GOVERNANCE"
    """Locked to everyone but whoever holds s3:BypassGovernanceRetention."""
    COMPLIANCE = "COMPLIANCE"
    """Locked to everyone, the account's root user included; can be extended, never shortened or removed."""


_STRENGTH: Final[Mapping[Mode, int]] = MappingProxyType({Mode.GOVERNANCE: 0, Mode.COMPLIANCE: 1})


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """One default retention rule: `mode`, and `days` (1 to 36,500) counted from when S3 received the object.

    Raises RetentionError. Zero days are refused: S3 refuses them too, and a store that takes them locks nothing.
    """

    mode: Mode
    days: int

    def __post_init__(self) -> None:
        """Refuse what is not a whole number of days between 1 and `MAX_RETENTION_DAYS`."""
        if isinstance(self.days, bool) or not isinstance(self.days, int) or not 1 <= self.days <= MAX_RETENTION_DAYS:
            msg = f"retentionDays: must be a whole number from 1 to {MAX_RETENTION_DAYS}, got {self.days!r}"
            raise RetentionError(msg)

    def covers(self, other: Retention) -> bool:
        """Return whether this locks at least as hard and at least as long as `other`."""
        return _STRENGTH[self.mode] >= _STRENGTH[other.mode] and self.days >= other.days


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A named set of protections: the least retention, how far it may be extended, and why.

    `extension_limit_days` bounds what the retention admin may set on a single record, because an extension cannot be
    taken back. `protect` marks the lock, versioning and policy resources so that `pulumi destroy` refuses them.
    """

    name: str
    minimum: Retention
    extension_limit_days: int
    protect: bool
    anchored: bool = False
    reason: str
    source: str


PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Profile(
                name="trial",
                minimum=Retention(mode=Mode.GOVERNANCE, days=1),
                extension_limit_days=30,
                protect=False,
                reason="Guards against an honest mistake; everything can be removed the day after.",
                source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html#object-lock-retention-modes",
            ),
            Profile(
                name="custom",
                minimum=Retention(mode=Mode.GOVERNANCE, days=90),
                extension_limit_days=3_653,
                protect=True,
                reason="Any number of days from 90 on, the lower end of what the guide calls usual.",
                source="The guide: retention is set by regulatory needs, often 90-180 days",
            ),
            Profile(
                name="standard",
                minimum=Retention(mode=Mode.GOVERNANCE, days=SIX_MONTHS),
                extension_limit_days=3_653,
                protect=True,
                reason="Guards against a stolen agent token or a compromised writer, for six calendar months.",
                source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html#object-lock-retention-modes",
            ),
            Profile(
                name="ai-act",
                minimum=Retention(mode=Mode.GOVERNANCE, days=SIX_MONTHS),
                extension_limit_days=3_653,
                protect=True,
                reason="Deployers of high-risk AI systems keep the logs for at least six months.",
                source="Regulation (EU) 2024/1689 (EU AI Act), Art. 26(6); for providers Art. 19(1)",
            ),
            Profile(
                name="pci",
                minimum=Retention(mode=Mode.GOVERNANCE, days=366),
                extension_limit_days=3_653,
                protect=True,
                reason="Audit logs are kept for at least 12 months, up to 366 days, and the last three months at hand.",
                source="PCI DSS v4.0.1, requirement 10.5.1",
            ),
            Profile(
                name="hipaa",
                minimum=Retention(mode=Mode.GOVERNANCE, days=2_192),
                extension_limit_days=3_653,
                protect=True,
                reason="Required documentation is kept for six years, of which two may be leap years.",
                source="45 CFR 164.316(b)(2)(i)",
            ),
            Profile(
                name="regulated",
                minimum=Retention(mode=Mode.COMPLIANCE, days=SIX_MONTHS),
                extension_limit_days=3_653,
                protect=True,
                anchored=True,
                reason="Also binds an insider who holds the deploying role, and the owner of the account.",
                source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html#object-lock-retention-modes",
            ),
        )
    }
)
"""Every profile by its name: those in governance mode from the shortest to the longest, then compliance mode."""


def acknowledgement(retention: Retention) -> str:
    """Return the exact words that `acknowledgeCompliance` must hold for this retention; empty in governance mode."""
    return f"compliance-{retention.days}" if retention.mode is Mode.COMPLIANCE else ""


def _least_days() -> str:
    """Return every profile with its least days, for an error."""
    return ", ".join(f"{profile.name} from {profile.minimum.days}" for profile in PROFILES.values())


def choose(profile: Profile, days: int, acknowledged: str) -> Retention:
    """Return the retention of a stack: the profile's mode, for `days` (0 takes the profile's).

    Raises RetentionError when the days are out of range or under the profile's, and when compliance mode is not
    acknowledged with its very number.
    """
    retention = Retention(mode=profile.minimum.mode, days=days or profile.minimum.days)
    if not retention.covers(profile.minimum):
        msg = (
            f"retentionDays: profile {profile.name} locks for at least {profile.minimum.days} days, got {days}; "
            f"set more days, or another profile ({_least_days()})"
        )
        raise RetentionError(msg)
    expected = acknowledgement(retention)
    if acknowledged != expected:
        if expected:
            msg = (
                f"acknowledgeCompliance: compliance mode cannot be undone by anyone for {retention.days} days; "
                f"to go on it must be {expected!r}, got {acknowledged!r}"
            )
        else:
            msg = f"acknowledgeCompliance: profile {profile.name} does not use compliance mode, got {acknowledged!r}"
        raise RetentionError(msg)
    return retention


def refuse_weakening(wanted: Retention, deployed: Retention | None) -> None:
    """Refuse to weaken a default rule that is deployed in compliance mode.

    What is already locked stays locked either way; this keeps the *next* records from a shorter lock than the owner
    chose. In governance mode a shorter rule is the owner's to choose, and is let through.
    Raises RetentionError.
    """
    if deployed is None or deployed.mode is not Mode.COMPLIANCE or wanted.covers(deployed):
        return
    msg = (
        f"retentionDays: the deployed log is in {deployed.mode} mode for {deployed.days} days, which may be extended "
        f"but never weakened, got {wanted.mode} for {wanted.days} days"
    )
    raise RetentionError(msg)
