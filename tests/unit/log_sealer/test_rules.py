"""Which retention an object is judged by."""

from datetime import UTC, datetime, timedelta

import pytest

from log_sealer.rules import Rule, required_days

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
CHANGED = datetime(2026, 6, 1, tzinfo=UTC)
AGAIN = datetime(2026, 9, 1, tzinfo=UTC)
RULES = [Rule(since=BEGAN, days=30), Rule(since=CHANGED, days=365), Rule(since=AGAIN, days=180)]


@pytest.mark.parametrize(
    ("stored_at", "days"),
    [
        (BEGAN - timedelta(days=1), 30),
        (CHANGED - timedelta(minutes=61), 30),
        (CHANGED, 30),
        (CHANGED + timedelta(minutes=59), 30),
        (CHANGED + timedelta(minutes=61), 365),
        (AGAIN - timedelta(minutes=61), 365),
        (AGAIN - timedelta(minutes=59), 180),
        (AGAIN + timedelta(days=400), 180),
    ],
)
def test_the_rule_of_its_time(stored_at: datetime, days: int) -> None:
    """It is the one that held then; near a change, the shorter of both, whether it grew or shrank."""
    assert required_days(RULES, stored_at) == days


def test_one_rule() -> None:
    """The first rule held for what was stored before it was known, too."""
    assert required_days(RULES[:1], BEGAN - timedelta(days=9)) == 30
    assert required_days(RULES[:1], BEGAN + timedelta(days=9)) == 30
