"""What a component's arguments may be: what makes no sense is refused when they are made."""

import re
from pathlib import Path
from typing import Any

import pytest

from components.aws.access_trail import AccessTrailArgs
from components.aws.alarms import AlarmsArgs
from components.aws.key_store import KeyStoreArgs
from components.aws.locked_bucket import LockedBucketArgs
from components.aws.log_sealer import LogSealerArgs
from components.aws.log_writer import LogWriterArgs, WriterAgent
from components.aws.roles import RolesArgs
from components.aws.seal import SealArgs
from components.aws.seal_alarms import SealAlarmsArgs
from components.aws.tokens import TokenHolder, TokensArgs
from components.aws.vault import VaultArgs
from components.mask_rules import read_mask_rules
from policies.iam import Bounds
from policies.place import STANDING, Principal, ResourceNames
from policies.retention import Mode, Retention

PLACE = ResourceNames(
    partition="aws", region="r", account="1", bucket="b", function="f", log_group="l", keys="/k",
    sealer="s", sealer_log_group="sl", queue="q", topic="t",
    roles={principal: principal.value for principal in STANDING},
)  # fmt: skip
RETENTION = Retention(mode=Mode.GOVERNANCE, days=1)
BOUNDS = Bounds(mode=Mode.GOVERNANCE, max_days=1)
LOCKED: dict[str, Any] = {"name": "b", "retention": RETENTION, "policy": "{}", "profile": "trial", "protect": False}
WRITER: dict[str, Any] = {
    "function": "f", "log_group": "l", "log_days": 1, "region": "r", "bucket": "b", "role_arn": "a",
    "agents": [WriterAgent(name="a", endpoint_detail="path")], "accepted": {}, "target": "aws", "out_dir": Path(),
    "keys_parameter": "/k", "digest": "sha256", "personal_data": "mask", "mask_rules": read_mask_rules([]),
}  # fmt: skip
ALARMS: dict[str, Any] = {
    "prefix": "p",
    "topic": "t",
    "topic_arn": "a",
    "account": "1",
    "function": "f",
    "log_group": "l",
}
ACCESS: dict[str, Any] = {
    "prefix": "p", "function": "f", "sealer": "s", "queue": "q", "log_groups": ("l",), "topic": "t", "trail": "t",
    "trail_arn": "a", "seal_key_arn": "k",
    "bucket_name": "b", "bucket_arn": "a", "hold_releaser_arn": "h",
    "role_names": (), "own_trail": True, "bucket": "b", "topic_arn": "t",
}  # fmt: skip
KEYS: dict[str, Any] = {
    "parameter": "/k",
    "digest_generation": 1,
    "pseudonym_generation": 30,
    "deployed": "",
    "protect": False,
}
SEAL: dict[str, Any] = {
    "queue": "q",
    "alias": "alias/s",
    "queue_policy": "{}",
    "key_policy": "{}",
    "bucket": "b",
    "protect": False,
}
SEALER: dict[str, Any] = {
    "function": "s", "log_group": "l", "log_days": 1, "region": "r", "origin": "o/seal", "retention_days": 1,
    "seal_minutes": 5, "anchor_url": "", "bucket": "b", "role_arn": "a", "queue_url": "u", "key_arn": "k",
    "topic_arn": "t", "target": "aws", "out_dir": Path(),
}  # fmt: skip
SEAL_ALARMS: dict[str, Any] = {
    "prefix": "p", "function": "s", "queue": "q", "seal_minutes": 5, "log_group": "l", "topic_arn": "t",
}  # fmt: skip
VAULT: dict[str, Any] = {"name": "v", "alias": "alias/v", "policy": "{}", "key_policy": "{}"}
EVERYONE = {principal: ["*"] for principal in Principal}


@pytest.mark.parametrize(
    ("args", "given", "says"),
    [
        (LockedBucketArgs, {**LOCKED, "name": ""}, "LockedBucketArgs.name: must not be empty, got ''"),
        (LockedBucketArgs, {**LOCKED, "policy": ""}, "LockedBucketArgs.policy: must not be empty"),
        (RolesArgs, {"place": PLACE, "bounds": BOUNDS, "assumed_by": {}}, "must name principals, without wildcards"),
        (RolesArgs, {"place": PLACE, "bounds": BOUNDS, "assumed_by": EVERYONE}, "must name principals"),
        (TokenHolder, {"agent": "a", "generation": 0}, "TokenHolder.generation: must be at least 1, got 0"),
        (TokensArgs, {"holders": [TokenHolder(agent="a", generation=1)] * 2}, "must name each agent once"),
        (WriterAgent, {"name": "a", "endpoint_detail": "all"}, "must be path or domain, got 'all'"),
        (LogWriterArgs, {**WRITER, "agents": []}, "LogWriterArgs.agents: must name at least one agent"),
        (LogWriterArgs, {**WRITER, "digest": "md5"}, "must be one of sha256, hmac-sha256, got 'md5'"),
        (LogWriterArgs, {**WRITER, "personal_data": "on"}, "must be one of mask, hmac, off, got 'on'"),
        (KeyStoreArgs, {**KEYS, "parameter": "keys"}, "KeyStoreArgs.parameter: must begin with a slash, got 'keys'"),
        (KeyStoreArgs, {**KEYS, "digest_generation": 0}, "digest_generation: must be from 1 to 30, got 0"),
        (KeyStoreArgs, {**KEYS, "pseudonym_generation": 31}, "pseudonym_generation: must be from 1 to 30, got 31"),
        (LogWriterArgs, {**WRITER, "log_days": 0}, "LogWriterArgs.log_days: must be at least 1, got 0"),
        (LogWriterArgs, {**WRITER, "reserved_concurrency": -1}, "must be at least 0, got -1"),
        (AlarmsArgs, {**ALARMS, "topic": ""}, "AlarmsArgs.topic: must not be empty"),
        (AccessTrailArgs, {**ACCESS, "hold_releaser_arn": ""}, "AccessTrailArgs.hold_releaser_arn: must not be empty"),
        (LogWriterArgs, {**WRITER, "envelope": "all"}, "must be one of off, masked, raw, got 'all'"),
        (LogWriterArgs, {**WRITER, "envelope": "raw"}, "must be given unless envelope is off, got envelope 'raw'"),
        (LogWriterArgs, {**WRITER, "vault": "v"}, "must be given unless envelope is off, got envelope 'off'"),
        (AccessTrailArgs, {**ACCESS, "own_trail": False, "vault": "v", "vault_arn": "a"}, "got own_trail False"),
        (AccessTrailArgs, {**ACCESS, "vault": "v"}, "AccessTrailArgs.vault: reads are recorded by an own trail alone"),
        (VaultArgs, {**VAULT, "name": ""}, "VaultArgs.name: must not be empty, got ''"),
        (VaultArgs, {**VAULT, "policy": ""}, "VaultArgs.policy: must not be empty"),
        (VaultArgs, {**VAULT, "key_policy": ""}, "VaultArgs.key_policy: must not be empty"),
        (VaultArgs, {**VAULT, "alias": "vault"}, "VaultArgs.alias: must begin with alias/, got 'vault'"),
        (SealArgs, {**SEAL, "key_policy": ""}, "SealArgs.key_policy: must not be empty, got ''"),
        (SealArgs, {**SEAL, "queue_policy": ""}, "SealArgs.queue_policy: must not be empty, got ''"),
        (SealArgs, {**SEAL, "alias": "seal"}, "SealArgs.alias: must begin with alias/, got 'seal'"),
        (LogSealerArgs, {**SEALER, "origin": ""}, "LogSealerArgs.origin: must not be empty, got ''"),
        (LogSealerArgs, {**SEALER, "seal_minutes": 0}, "LogSealerArgs.seal_minutes: must be from 1 to 60, got 0"),
        (LogSealerArgs, {**SEALER, "seal_minutes": 61}, "LogSealerArgs.seal_minutes: must be from 1 to 60, got 61"),
        (LogSealerArgs, {**SEALER, "retention_days": 0}, "LogSealerArgs.retention_days: must be at least 1, got 0"),
        (SealAlarmsArgs, {**SEAL_ALARMS, "queue": ""}, "SealAlarmsArgs.queue: must not be empty, got ''"),
        (SealAlarmsArgs, {**SEAL_ALARMS, "seal_minutes": 0}, "SealAlarmsArgs.seal_minutes: must be at least 1, got 0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(args: type, given: dict[str, Any], says: str) -> None:
    """With field, rule and what was given."""
    with pytest.raises(ValueError, match=re.escape(says)):
        args(**given)


def test_arguments_that_make_sense_are_taken() -> None:
    """The same ones, with nothing wrong in them."""
    assert LockedBucketArgs(**LOCKED).retention is RETENTION
    assert LogWriterArgs(**WRITER).reserved_concurrency == 0
    assert AlarmsArgs(**ALARMS).email == ""
    assert AccessTrailArgs(**ACCESS).own_trail
    assert LogWriterArgs(**WRITER, envelope="raw", vault="v").envelope == "raw"
    assert AccessTrailArgs(**ACCESS, vault="v", vault_arn="a").vault == "v"
    assert VaultArgs(**VAULT).after == ()
    assert SealArgs(**SEAL).after == ()
    assert LogSealerArgs(**SEALER).anchor_url == ""
    assert SealAlarmsArgs(**SEAL_ALARMS).seal_minutes == 5
    assert KeyStoreArgs(**KEYS).pseudonym_generation == 30
