"""The layout of the log: where its files are, how large they may be, and what a stack may choose.

Guarantee: each prefix, limit and choice stands here and nowhere else. Plain data and no other module of ours, so that
policies, components and commands can import it too.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias, get_args

RECORDS: Final = "records/"
"""Where the writer puts records; the one prefix of the log that it may write."""
_DAYS: Final = f"{RECORDS}dt="
_ENDING: Final = ".jsonl.gz"
RECORD_KEY: Final = re.compile(_DAYS + "[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9a-f]{40}" + re.escape(_ENDING))
"""The keys that the writer makes, as `record_key` does. The bucket's policy rejects longer and shorter ones."""
SEAL: Final = "seal/"
"""Where the sealer puts the sealed log; the one prefix that it may write."""
SEQUENCE: Final = f"{SEAL}sequence/"
MARKERS: Final = f"{SEAL}objects/"
TILES: Final = f"{SEAL}tile/"
CHECKPOINT: Final = f"{SEAL}checkpoint"
"""The newest checkpoint: the one file of the log of which newer versions lie over older ones."""
CHECKPOINTS: Final = f"{SEAL}checkpoints/"
ANCHORS: Final = f"{SEAL}anchors/"
ANCHOR_SUFFIX: Final = ".tsr"
KEY: Final = f"{SEAL}key"
RULES: Final = f"{SEAL}rules/"
"""How long what is stored must be locked, and since when. Only the sealer reads these files."""
SEQUENCE_KEY: Final = re.compile(re.escape(SEQUENCE) + "[0-9]{16}")
RULE_KEY: Final = re.compile(re.escape(RULES) + "[0-9]{4}")
FILE_KEY: Final = re.compile(
    f"{KEY}|{CHECKPOINT}|{CHECKPOINTS}[0-9]{{1,18}}|{ANCHORS}[0-9]{{1,18}}{re.escape(ANCHOR_SUFFIX)}"
    f"|{SEQUENCE_KEY.pattern}|{RULE_KEY.pattern}|{TILES}"
    r"(?:[0-9]|entries)/(?:x[0-9]{3}/){0,6}[0-9]{3}(?:\.p/[0-9]{1,3})?"
)
"""The keys of the sealed log, markers aside. No key of these is a folder of another."""
TRAIL: Final = "trail/"
"""Where CloudTrail logs who touched the log's protections."""
PAYLOADS: Final = "payloads/"
"""Where the writer puts payloads in the vault; the one prefix of the vault that it may write."""

MAX_LINE_BYTES: Final = 65_535
"""Of a stored record, and of an entry of the sealed log, where C2SP's tlog-tiles sets this limit."""
MAX_STORED_BYTES: Final = 24 * 1024 * 1024
"""Of one stored object: more than the writer can make of one request."""
MAX_LINES: Final = 100_000
"""Of one stored object."""
MAX_UNPACKED_BYTES: Final = 1024 * 1024 * 1024
"""Of one stored object, after decompression."""
MAX_COMMIT_BYTES: Final = 64 * 1024 * 1024
"""Of one commit. The entries of the largest object that can be sealed fit."""
MAX_RETENTION_DAYS: Final = 36_500
"""The longest default retention that S3 takes, in days (100 years).

https://docs.aws.amazon.com/AmazonS3/latest/API/API_DefaultRetention.html
"""
MAX_SEAL_MINUTES: Final = 60

Personal: TypeAlias = Literal["mask", "hmac", "off"]
EnvelopeMode: TypeAlias = Literal["off", "masked", "raw"]
EndpointDetail: TypeAlias = Literal["path", "domain"]
DigestAlgorithm: TypeAlias = Literal["sha256", "hmac-sha256"]
Outcome: TypeAlias = Literal["success", "throttled", "error", "policy-blocked"]
"""The four classes of the guide."""
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
# The first of each is the default.
PERSONAL: Final[tuple[Personal, ...]] = get_args(Personal)
ENVELOPES: Final[tuple[EnvelopeMode, ...]] = get_args(EnvelopeMode)
ENDPOINT_DETAILS: Final[tuple[EndpointDetail, ...]] = get_args(EndpointDetail)
DIGESTS: Final[tuple[DigestAlgorithm, ...]] = get_args(DigestAlgorithm)

HYPHENS: Final = str.maketrans({"\u2010": "-", "\u2011": "-"})
"""In agents' names these count as `-`. Two agents whose names differ only there could use each other's name."""

CONFIG_FILE: Final = "config.json"
"""The configuration in a function's package."""
CONFIG_SCHEMA: Final = 1


def record_key(date: str, batch_id: str) -> str:
    """Return the key of the object that holds a batch."""
    return f"{_DAYS}{date}/{batch_id}{_ENDING}"


def day_of(key: str) -> str:
    """Return the day in the key of a record's object."""
    return key.removeprefix(_DAYS).partition("/")[0]


def day_prefix(day: str) -> str:
    """Return the prefix of the objects of a day."""
    return f"{_DAYS}{day}"


def holds_record(key: str, record_id: str) -> bool:
    """Return whether `key`, of an object or a marker, is of the object whose records have ids such as `record_id`."""
    return key.endswith(f"/{record_id.rpartition('-')[0]}{_ENDING}")


def sequence_key(start: int) -> str:
    """Return the key at which the entries from number `start` on are committed. Its digits keep listings in order."""
    return f"{SEQUENCE}{start:016}"


def checkpoint_key(size: int) -> str:
    """Return the key that keeps the checkpoint of a size."""
    return f"{CHECKPOINTS}{size}"


def anchor_key(size: int) -> str:
    """Return the key of the time stamp of the checkpoint of a size."""
    return f"{ANCHORS}{size}{ANCHOR_SUFFIX}"


def marker_key(key: str) -> str:
    """Return the key of the marker that says where the object of `key` is sealed."""
    return MARKERS + key.removeprefix(RECORDS)
