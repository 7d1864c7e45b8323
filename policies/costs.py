"""What a stack costs a month on AWS, in US dollars.

Guarantee: every figure is a quantity times a list price of us-east-1 as it stood on `PRICES_READ`, each with the page
that says what it is today. Free tiers are not deducted, so a small account pays less; taxes and what the account runs
besides are not in it. Where a quantity is an assumption, its line says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

PRICES_READ: Final = date(2026, 11, 23)
REGION: Final = "us-east-1"

_DAYS: Final = 30
_KB: Final = 1_000
_GB: Final = 1_000_000_000
_DELIVERIES_PER_DAY: Final = 24 * 60 // 5
"""CloudTrail delivers about every five minutes, and what it puts is paid for by the bucket's owner.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/how-cloudtrail-works.html
"""


@dataclass(frozen=True, slots=True)
class Price:
    """A list price: US dollars for `per` units of what `unit` says."""

    usd: float
    per: int
    unit: str
    source: str


PUT: Final = Price(0.005, 1_000, "S3 PUT or LIST", "https://aws.amazon.com/s3/pricing/")
STORAGE: Final = Price(0.023, _GB, "byte-month in S3", "https://aws.amazon.com/s3/pricing/")
GET: Final = Price(0.0004, 1_000, "S3 GET", "https://aws.amazon.com/s3/pricing/")
MESSAGE: Final = Price(0.40, 1_000_000, "SQS request", "https://aws.amazon.com/sqs/pricing/")
SIGNATURE: Final = Price(0.15, 10_000, "KMS request for a key that signs", "https://aws.amazon.com/kms/pricing/")
REQUEST: Final = Price(0.20, 1_000_000, "Lambda request", "https://aws.amazon.com/lambda/pricing/")
COMPUTE: Final = Price(0.0000133334, 1, "GB-second of Lambda on arm64", "https://aws.amazon.com/lambda/pricing/")
LOG_INTAKE: Final = Price(0.50, _GB, "byte into CloudWatch Logs", "https://aws.amazon.com/cloudwatch/pricing/")
LOG_STORAGE: Final = Price(0.03, _GB, "byte-month in CloudWatch Logs", "https://aws.amazon.com/cloudwatch/pricing/")
ALARM: Final = Price(0.10, 1, "alarm-month", "https://aws.amazon.com/cloudwatch/pricing/")
KEY: Final = Price(1.00, 1, "customer key-month", "https://aws.amazon.com/kms/pricing/")
KEY_USE: Final = Price(0.03, 10_000, "KMS request", "https://aws.amazon.com/kms/pricing/")
METRIC: Final = Price(0.30, 1, "metric-month", "https://aws.amazon.com/cloudwatch/pricing/")

# What a call is taken to be: one post of one record.
_MEMORY_GB: Final = 1
_POST_MS: Final = 100
_POST_STORED_BYTES: Final = 1 * _KB
_POST_LOG_BYTES: Final = 1 * _KB
"""Our line, and the three that Lambda adds."""
_LOG_DAYS: Final = 90
_PAYLOADS_PER_CALL: Final = 2
_PAYLOAD_BYTES: Final = 4 * _KB
_VAULT_DAYS: Final = 2
# A run of the sealer, most of which is waiting for the bucket. One that finds nothing new reads the log's edge and has
# KMS check the newest checkpoint.
_SEAL_MS: Final = 500
_SEAL_LISTS: Final = 5
_SEAL_GETS: Final = 6
_SEAL_SIGNATURES: Final = 1
# What a run adds that finds something: the commit, the tiles, the checkpoint; and looks at the edge again.
_SEALING_PUTS: Final = 18
_SEALING_GETS: Final = 12
_SEALING_SIGNATURES: Final = 5
_SEALING_BYTES: Final = 45 * _KB
_SEALED_POST_BYTES: Final = 1 * _KB


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an estimate: what, how much of it a month, and what that costs."""

    what: str
    quantity: float
    price: Price

    @property
    def usd(self) -> float:
        """US dollars a month."""
        return self.quantity / self.price.per * self.price.usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a month costs once the log is as long as its retention, which is when it costs most."""

    calls_per_day: int
    lines: tuple[Line, ...]

    @property
    def usd(self) -> float:
        """US dollars a month."""
        return sum(line.usd for line in self.lines)


def monthly(
    calls_per_day: int,
    *,
    retention_days: int,
    alarms: int = 10,
    metrics: int = 5,
    seal_minutes: int = 5,
    own_trail: bool = True,
    vault: bool = False,
) -> Estimate:
    """Estimate what a month costs with `calls_per_day` recorded calls (0: idle), kept for `retention_days`.

    `alarms` and `metrics` are how many of each the stack registers; the sealer runs twice in `seal_minutes`.
    `own_trail`: the stack has a trail, the account's only one (a second copy of its events costs $2.00 per 100,000).
    `vault`: there is one. Raises ValueError for a negative number of calls.
    """
    if calls_per_day < 0:
        msg = f"calls_per_day: must not be negative, got {calls_per_day}"
        raise ValueError(msg)
    posts = calls_per_day * _DAYS
    lines = [Line(f"{alarms} alarms", alarms, ALARM)]
    if own_trail:
        lines.append(Line("CloudTrail's deliveries", _DELIVERIES_PER_DAY * _DAYS, PUT))
    lines += _seal(calls_per_day, seal_minutes, retention_days)
    if vault:
        lines += _vault(calls_per_day)
    if calls_per_day:
        lines = [line for line in lines if line.price is not METRIC]
        stored = calls_per_day * retention_days * _POST_STORED_BYTES
        lines += [
            Line(f"{metrics} metrics", metrics, METRIC),
            Line("one PUT a post", posts, PUT),
            Line("one request a post", posts, REQUEST),
            Line(f"{_POST_MS} ms a post at {_MEMORY_GB} GB", posts * _POST_MS / 1_000 * _MEMORY_GB, COMPUTE),
            Line(f"{_POST_STORED_BYTES} bytes a post, for {retention_days} days", stored, STORAGE),
            Line("the writer's own log", posts * _POST_LOG_BYTES, LOG_INTAKE),
            Line(
                f"the writer's own log, for {_LOG_DAYS} days", calls_per_day * _LOG_DAYS * _POST_LOG_BYTES, LOG_STORAGE
            ),
        ]
    return Estimate(calls_per_day=calls_per_day, lines=tuple(lines))


def _seal(posts_per_day: float, seal_minutes: int, retention_days: int) -> list[Line]:
    """Return what the seal costs: its key, its runs with or without new records, and each stored object."""
    minutes = max(1, seal_minutes // 2)
    runs_per_day = 24 * 60 / minutes
    runs, posts = runs_per_day * _DAYS, posts_per_day * _DAYS
    sealing = min(runs, posts)
    puts = runs * _SEAL_LISTS + sealing * _SEALING_PUTS + posts
    gets = runs * _SEAL_GETS + sealing * _SEALING_GETS + posts * 2
    signatures = runs * _SEAL_SIGNATURES + sealing * _SEALING_SIGNATURES
    kept = min(runs_per_day, posts_per_day) * _SEALING_BYTES + posts_per_day * _SEALED_POST_BYTES
    often = f"a run of the sealer every {f'{minutes} minutes' if minutes > 1 else 'minute'}"
    return [
        Line("the seal's key", 1, KEY),
        Line("the sealer's metric", 1, METRIC),
        Line(often, runs, REQUEST),
        Line(f"its {_SEAL_MS} ms at {_MEMORY_GB} GB", runs * _SEAL_MS / 1_000, COMPUTE),
        Line("what it lists and puts", puts, PUT),
        Line("what it reads", gets, GET),
        Line("what it signs and checks", signatures, SIGNATURE),
        # A message in, and its part of receiving and deleting ten at once.
        Line("its queue", runs + posts * 1.2, MESSAGE),
        Line(f"its files, for {retention_days} days", kept * retention_days, STORAGE),
    ]


def _vault(calls_per_day: int) -> list[Line]:
    """Return what the vault costs: its key, which each of the first two yearly renewals adds to, and what is put."""
    payloads_per_day = calls_per_day * _PAYLOADS_PER_CALL
    payloads = payloads_per_day * _DAYS
    stored = payloads_per_day * _VAULT_DAYS * _PAYLOAD_BYTES
    lines = [Line("the vault's key", 1, KEY)]
    if payloads:
        lines += [
            Line(f"{_PAYLOADS_PER_CALL} payloads a call into the vault", payloads, PUT),
            Line("a use of the vault's key for each", payloads, KEY_USE),
            Line(f"{_PAYLOAD_BYTES} bytes a payload, for {_VAULT_DAYS} days", stored, STORAGE),
        ]
    return lines
