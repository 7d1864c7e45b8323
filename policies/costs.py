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


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A list price: US dollars for `per` units of what `unit` says."""

    usd: float
    per: int
    unit: str
    source: str


PUT: Final = Price(usd=0.005, per=1_000, unit="S3 PUT or LIST", source="https://aws.amazon.com/s3/pricing/")
STORAGE: Final = Price(usd=0.023, per=_GB, unit="byte-month in S3", source="https://aws.amazon.com/s3/pricing/")
GET: Final = Price(usd=0.0004, per=1_000, unit="S3 GET", source="https://aws.amazon.com/s3/pricing/")
MESSAGE: Final = Price(usd=0.40, per=1_000_000, unit="SQS request", source="https://aws.amazon.com/sqs/pricing/")
SIGNATURE: Final = Price(
    usd=0.15, per=10_000, unit="KMS request for a key that signs", source="https://aws.amazon.com/kms/pricing/"
)
REQUEST: Final = Price(usd=0.20, per=1_000_000, unit="Lambda request", source="https://aws.amazon.com/lambda/pricing/")
COMPUTE: Final = Price(
    usd=0.0000133334, per=1, unit="GB-second of Lambda on arm64", source="https://aws.amazon.com/lambda/pricing/"
)
LOG_INTAKE: Final = Price(
    usd=0.50, per=_GB, unit="byte into CloudWatch Logs", source="https://aws.amazon.com/cloudwatch/pricing/"
)
LOG_STORAGE: Final = Price(
    usd=0.03, per=_GB, unit="byte-month in CloudWatch Logs", source="https://aws.amazon.com/cloudwatch/pricing/"
)
ALARM: Final = Price(usd=0.10, per=1, unit="alarm-month", source="https://aws.amazon.com/cloudwatch/pricing/")
KEY: Final = Price(usd=1.00, per=1, unit="customer key-month", source="https://aws.amazon.com/kms/pricing/")
KEY_USE: Final = Price(usd=0.03, per=10_000, unit="KMS request", source="https://aws.amazon.com/kms/pricing/")
METRIC: Final = Price(usd=0.30, per=1, unit="metric-month", source="https://aws.amazon.com/cloudwatch/pricing/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What a call is taken to be. Posts of many records share a request, a PUT and most of the rest."""

    records_per_post: int = 1
    stored_bytes_per_post: int = 1 * _KB
    log_bytes_per_post: int = 1 * _KB
    """Our line, and the three that Lambda adds."""
    milliseconds_per_post: int = 100
    memory_gb: float = 1.0
    log_days: int = 90
    payloads_per_call: int = 2
    bytes_per_payload: int = 4 * _KB
    vault_days: int = 2
    milliseconds_per_seal: int = 500
    """A run of the sealer, most of which is waiting for the bucket."""
    lists_per_seal: int = 5
    gets_per_seal: int = 6
    signatures_per_seal: int = 1
    """Of a run that finds nothing new: it reads the log's edge and has KMS check the newest checkpoint."""
    puts_per_sealing: int = 18
    gets_per_sealing: int = 12
    signatures_per_sealing: int = 5
    bytes_per_sealing: int = 45 * _KB
    bytes_per_sealed_post: int = 1 * _KB
    """What a run adds that finds something: the commit, the tiles, the checkpoint; and looks at the edge again."""


@dataclass(frozen=True, slots=True, kw_only=True)
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
    assumed: Assumptions | None = None,
) -> Estimate:
    """Estimate what a month costs with `calls_per_day` recorded calls (0: idle), kept for `retention_days`.

    `alarms` and `metrics` are how many of each the stack registers; the sealer runs twice in `seal_minutes`.
    `own_trail`: the stack has a trail, the account's only one (a second copy of its events costs $2.00 per 100,000).
    `vault`: there is one. Raises ValueError for a negative number of calls.
    """
    if calls_per_day < 0:
        msg = f"calls_per_day: must not be negative, got {calls_per_day}"
        raise ValueError(msg)
    each = assumed or Assumptions()
    posts_per_day = calls_per_day / each.records_per_post
    posts = posts_per_day * _DAYS
    lines = [Line(what=f"{alarms} alarms", quantity=alarms, price=ALARM)]
    if own_trail:
        lines.append(Line(what="CloudTrail's deliveries", quantity=_DELIVERIES_PER_DAY * _DAYS, price=PUT))
    lines += _seal(posts_per_day, seal_minutes, retention_days, each)
    if vault:
        lines += _vault(calls_per_day, each)
    if calls_per_day:
        lines = [line for line in lines if line.price is not METRIC]
        seconds = posts * each.milliseconds_per_post / 1_000
        lines += [
            Line(what=f"{metrics} metrics", quantity=metrics, price=METRIC),
            Line(what="one PUT a post", quantity=posts, price=PUT),
            Line(what="one request a post", quantity=posts, price=REQUEST),
            Line(
                what=f"{each.milliseconds_per_post} ms a post at {each.memory_gb:g} GB",
                quantity=seconds * each.memory_gb,
                price=COMPUTE,
            ),
            Line(
                what=f"{each.stored_bytes_per_post} bytes a post, for {retention_days} days",
                quantity=posts_per_day * retention_days * each.stored_bytes_per_post,
                price=STORAGE,
            ),
            Line(what="the writer's own log", quantity=posts * each.log_bytes_per_post, price=LOG_INTAKE),
            Line(
                what=f"the writer's own log, for {each.log_days} days",
                quantity=posts_per_day * each.log_days * each.log_bytes_per_post,
                price=LOG_STORAGE,
            ),
        ]
    return Estimate(calls_per_day=calls_per_day, lines=tuple(lines))


def _seal(posts_per_day: float, seal_minutes: int, retention_days: int, each: Assumptions) -> list[Line]:
    """Return what the seal costs: its key, its runs with or without new records, and each stored object."""
    minutes = max(1, seal_minutes // 2)
    runs_per_day = 24 * 60 / minutes
    runs, posts = runs_per_day * _DAYS, posts_per_day * _DAYS
    sealing = min(runs, posts)
    puts = runs * each.lists_per_seal + sealing * each.puts_per_sealing + posts
    gets = runs * each.gets_per_seal + sealing * each.gets_per_sealing + posts * 2
    signatures = runs * each.signatures_per_seal + sealing * each.signatures_per_sealing
    seconds = runs * each.milliseconds_per_seal / 1_000
    kept = min(runs_per_day, posts_per_day) * each.bytes_per_sealing + posts_per_day * each.bytes_per_sealed_post
    often = f"a run of the sealer every {f'{minutes} minutes' if minutes > 1 else 'minute'}"
    return [
        Line(what="the seal's key", quantity=1, price=KEY),
        Line(what="the sealer's metric", quantity=1, price=METRIC),
        Line(what=often, quantity=runs, price=REQUEST),
        Line(what=f"its {each.milliseconds_per_seal} ms at {each.memory_gb:g} GB", quantity=seconds, price=COMPUTE),
        Line(what="what it lists and puts", quantity=puts, price=PUT),
        Line(what="what it reads", quantity=gets, price=GET),
        Line(what="what it signs and checks", quantity=signatures, price=SIGNATURE),
        # A message in, and its part of receiving and deleting ten at once.
        Line(what="its queue", quantity=runs + posts * 1.2, price=MESSAGE),
        Line(what=f"its files, for {retention_days} days", quantity=kept * retention_days, price=STORAGE),
    ]


def _vault(calls_per_day: int, each: Assumptions) -> list[Line]:
    """Return what the vault costs: its key, which each of the first two yearly renewals adds to, and what is put."""
    payloads_per_day = calls_per_day * each.payloads_per_call
    payloads = payloads_per_day * _DAYS
    lines = [Line(what="the vault's key", quantity=1, price=KEY)]
    if payloads:
        lines += [
            Line(what=f"{each.payloads_per_call} payloads a call into the vault", quantity=payloads, price=PUT),
            Line(what="a use of the vault's key for each", quantity=payloads, price=KEY_USE),
            Line(
                what=f"{each.bytes_per_payload} bytes a payload, for {each.vault_days} days",
                quantity=payloads_per_day * each.vault_days * each.bytes_per_payload,
                price=STORAGE,
            ),
        ]
    return lines
