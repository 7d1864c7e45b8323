"""How long a record is locked, and what is refused."""

from calendar import monthrange
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.layout import MAX_RETENTION_DAYS
from policies.retention import PROFILES, Mode, Retention, RetentionError, acknowledgement, choose, refuse_weakening

retentions = st.builds(Retention, mode=st.sampled_from(Mode), days=st.integers(1, MAX_RETENTION_DAYS))


def test_profiles_lock_for_as_long_as_their_sources_ask() -> None:
    """Each profile has its source's days; those in governance mode grow longer, and one binds the owner too."""
    profiles = list(PROFILES.values())
    assert {p.name: (p.minimum.mode, p.minimum.days) for p in profiles} == {
        "trial": (Mode.GOVERNANCE, 1),
        "custom": (Mode.GOVERNANCE, 90),
        "standard": (Mode.GOVERNANCE, 184),
        "ai-act": (Mode.GOVERNANCE, 184),
        "pci": (Mode.GOVERNANCE, 366),
        "hipaa": (Mode.GOVERNANCE, 2_192),
        "regulated": (Mode.COMPLIANCE, 184),
    }
    assert all(b.minimum.covers(a.minimum) for a, b in pairwise(profiles[:-1]))
    assert all(profile.reason and profile.source for profile in profiles)


@pytest.mark.parametrize(("months", "profile"), [(6, "ai-act"), (6, "standard"), (12, "pci"), (72, "hipaa")])
def test_a_profile_covers_its_months_from_any_day(months: int, profile: str) -> None:
    """The law counts calendar months: no run of them from any day of eight years is longer than the lock."""
    for ordinal in range(date(2024, 1, 1).toordinal(), date(2032, 1, 1).toordinal()):
        begun = date.fromordinal(ordinal)
        month = begun.month - 1 + months
        year, month = begun.year + month // 12, month % 12 + 1
        ended = date(year, month, min(begun.day, monthrange(year, month)[1]))
        assert (ended - begun).days <= PROFILES[profile].minimum.days


def test_a_custom_retention_begins_at_ninety_days() -> None:
    """Whoever wants other days than a profile has chooses `custom`, and a refusal says so."""
    assert choose(PROFILES["custom"], 90, "").days == 90
    assert choose(PROFILES["custom"], 120, "").days == 120
    with pytest.raises(RetentionError, match="profile custom locks for at least 90 days, got 89"):
        choose(PROFILES["custom"], 89, "")
    with pytest.raises(RetentionError, match=r"got 180; set more days, or another profile .*custom from 90"):
        choose(PROFILES["standard"], 180, "")


@pytest.mark.parametrize("days", [0, -1, MAX_RETENTION_DAYS + 1, True, 1.5, "7"])
def test_days_that_s3_would_not_take_are_refused(days: object) -> None:
    """A retention is a whole number of days, from one to a hundred years."""
    with pytest.raises(RetentionError, match=r"retentionDays: must be a whole number from 1 to 36500, got "):
        Retention(mode=Mode.GOVERNANCE, days=days)  # type: ignore[arg-type]


def test_zero_days_take_the_profiles_own() -> None:
    """The setting's default is whatever the profile says."""
    assert choose(PROFILES["standard"], 0, "") == Retention(mode=Mode.GOVERNANCE, days=184)


def test_a_longer_retention_is_taken_and_a_shorter_refused() -> None:
    """A profile is a floor."""
    assert choose(PROFILES["standard"], 365, "").days == 365
    with pytest.raises(RetentionError, match="profile standard locks for at least 184 days, got 183"):
        choose(PROFILES["standard"], 183, "")


@pytest.mark.parametrize("said", ["", "compliance", "compliance-185", "compliance-0184", "Compliance-184", "yes"])
def test_compliance_takes_the_very_number(said: str) -> None:
    """What nobody can undo is not set up by a word that fits any number."""
    with pytest.raises(RetentionError, match="must be 'compliance-184', got "):
        choose(PROFILES["regulated"], 0, said)
    assert choose(PROFILES["regulated"], 0, "compliance-184").mode is Mode.COMPLIANCE


def test_an_acknowledgement_without_compliance_is_refused() -> None:
    """Whoever acknowledges compliance mode and does not get it is told."""
    with pytest.raises(RetentionError, match="profile standard does not use compliance mode"):
        choose(PROFILES["standard"], 0, "compliance-184")


@given(wanted=retentions, deployed=retentions)
def test_compliance_is_never_weakened(wanted: Retention, deployed: Retention) -> None:
    """A rule in compliance mode gives way to one that is as hard and as long, and to no other."""
    weaker = deployed.mode is Mode.COMPLIANCE and (wanted.mode is not Mode.COMPLIANCE or wanted.days < deployed.days)
    if weaker:
        with pytest.raises(RetentionError, match="may be extended but never weakened"):
            refuse_weakening(wanted, deployed)
    else:
        refuse_weakening(wanted, deployed)


def test_nothing_deployed_is_no_obstacle() -> None:
    """The first run has nothing to compare with."""
    refuse_weakening(Retention(mode=Mode.GOVERNANCE, days=1), None)


@given(retention=retentions)
def test_the_acknowledgement_names_the_days(retention: Retention) -> None:
    """It exists for compliance mode alone."""
    expected = f"compliance-{retention.days}" if retention.mode is Mode.COMPLIANCE else ""
    assert acknowledgement(retention) == expected
