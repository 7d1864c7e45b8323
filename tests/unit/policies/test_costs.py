"""What a month costs: prices with a source, quantities that add up."""

import pytest

from policies import costs
from policies.costs import Price, monthly


def test_every_price_has_a_source_and_a_date() -> None:
    """A figure that cannot be looked up is a guess."""
    prices = [value for value in vars(costs).values() if isinstance(value, Price)]
    assert len(prices) == 13
    assert all(price.source.startswith("https://aws.amazon.com/") for price in prices)
    assert costs.PRICES_READ.isoformat() == "2026-11-23"


SEAL = 1.00 + 21_600 * (0.20 / 1e6 + 0.5 * 0.0000133334 + 5 * 5e-6 + 6 * 4e-7 + 0.15 / 1e4 + 0.40 / 1e6)
"""Idle, by hand: the key, and 21,600 runs a month, each half a second, five listings, six reads and a check."""

SEALING = 21_600 * (18 * 5e-6 + 12 * 4e-7 + 5 * 0.15 / 1e4)
"""What it adds when each of them finds something."""


def test_idle_costs_the_alarms_the_trails_deliveries_and_the_sealers_runs() -> None:
    """Ten alarms at ten cents, one metric, 8,640 puts, and the seal."""
    estimate = monthly(0, retention_days=180)
    assert estimate.usd == pytest.approx(1.00 + 0.30 + 8_640 * 0.005 / 1_000 + SEAL)
    assert monthly(0, retention_days=180, own_trail=False).usd == pytest.approx(1.00 + 0.30 + SEAL)


def test_sealing_less_often_costs_less() -> None:
    """What it costs besides its key is its runs."""
    hourly = monthly(0, retention_days=180, seal_minutes=60).usd
    assert hourly == pytest.approx(monthly(0, retention_days=180).usd - (SEAL - 1.00) * (1 - 1 / 15))


def test_ten_thousand_calls_a_day_add_up() -> None:
    """By hand: 300,000 posts a month, each its own request, PUT and 100 ms; and every run of the sealer has some."""
    estimate = monthly(10_000, retention_days=180)
    sealing = SEALING + 300_000 * (5e-6 + 2 * 4e-7 + 1.2 * 0.40 / 1e6)
    kept = (720 * 45_000 + 10_000 * 1_000) * 180 / 1e9 * 0.023
    assert estimate.usd == pytest.approx(
        SEAL
        + sealing
        + kept
        + 1.00
        + 0.0432
        + 1.50
        + 1.50
        + 0.06
        + 30_000 * 0.0000133334
        + 1.8 * 0.023
        + 0.3 * 0.50
        + 0.9 * 0.03
    )
    assert estimate.usd == pytest.approx(sum(line.usd for line in estimate.lines))


def test_a_longer_retention_costs_storage_alone() -> None:
    """Ten times the days, ten times the bytes, the seal's among them, and nothing else."""
    half_a_year, five_years = monthly(10_000, retention_days=180), monthly(10_000, retention_days=1_800)
    assert five_years.usd - half_a_year.usd == pytest.approx(9 * 1.8 * (1 + 4.24) * 0.023)


def test_a_vault_costs_its_key_and_what_is_put_there() -> None:
    """By hand: a dollar idle; 600,000 payloads a month, each a PUT and a use of the key, and their bytes."""
    idle = monthly(0, retention_days=1, vault=True).usd - monthly(0, retention_days=1).usd
    assert idle == pytest.approx(1.00)
    busy = monthly(10_000, retention_days=1, vault=True).usd - monthly(10_000, retention_days=1).usd
    assert busy == pytest.approx(1.00 + 3.00 + 1.80 + 0.16 * 0.023)


def test_fewer_than_no_calls_are_refused() -> None:
    """With what was given."""
    with pytest.raises(ValueError, match="calls_per_day: must not be negative, got -1"):
        monthly(-1, retention_days=1)
