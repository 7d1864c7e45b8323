"""The names that policies are about: the roles, the prefixes of the bucket, and the ARNs of a stack.

Guarantee: all of them are known before anything exists. Plain data, no SDK.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from audit_core.layout import RECORDS, record_key

if TYPE_CHECKING:
    from collections.abc import Mapping

RECORD_OBJECT: Final = record_key("????-??-??", "?" * 40)
"""The form of the keys that the writer makes, as a pattern of IAM, where `?` is any one character."""
DEEPER: Final = f"{RECORDS}*/*/*"
"""Keys with more slashes than the writer's, because `?` stands for a slash too."""


class Principal(StrEnum):
    """The kit's roles; the last is there only where there is a vault."""

    WRITER = "writer"
    SEALER = "sealer"
    AUDITOR = "auditor"
    RETENTION_ADMIN = "retention-admin"
    HOLD_RELEASER = "hold-releaser"
    VAULT_READER = "vault-reader"


STANDING: Final = (
    Principal.WRITER,
    Principal.SEALER,
    Principal.AUDITOR,
    Principal.RETENTION_ADMIN,
    Principal.HOLD_RELEASER,
)
"""The roles that every stack has."""
OF_FUNCTIONS: Final = (Principal.WRITER, Principal.SEALER)
"""The roles that only their functions can take."""


class Scope(StrEnum):
    """What a row's actions are about."""

    BUCKET = "bucket"
    OBJECTS = "objects"
    LOG_STREAMS = "log streams"
    LOG_GROUP = "log group"
    LOG_GROUP_BY_NAME = "log group by name"
    FUNCTION = "function"
    KEYS = "keys of digests and pseudonyms"
    PAYLOADS = "payloads"
    QUEUE = "queue of what was stored"
    TOPIC = "topic of alarms"
    SEALER_LOG_STREAMS = "sealer's log streams"
    SEALER_LOG_GROUP = "sealer's log group"
    SEALER_LOG_GROUP_BY_NAME = "sealer's log group by name"
    SEALER_FUNCTION = "sealer's function"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceNames:
    """The physical names that a document is about; all known before anything exists."""

    partition: str
    region: str
    account: str
    bucket: str
    function: str
    log_group: str
    keys: str
    """The parameter that holds the keys of digests and pseudonyms; begins with a slash."""
    sealer: str
    """The log sealer's function."""
    sealer_log_group: str
    queue: str
    """The queue in which S3 tells the sealer what was stored."""
    topic: str
    """The topic of all alarms."""
    roles: Mapping[Principal, str]
    """Each role's name, without path; of just those that there are."""
    vault: str = ""
    """The vault's bucket; empty where there is no vault."""
    vault_fills: bool = True
    """Whether payloads still go to the vault; false for one that only waits until its last payload has expired."""
    role_path: str = "/"
    """The IAM path of every role; begins and ends with a slash."""

    @property
    def prefix(self) -> str:
        """The beginning of every name in this stack."""
        return self.function.removesuffix("-writer")

    def bucket_arn(self) -> str:
        """Return the log bucket's ARN."""
        return f"arn:{self.partition}:s3:::{self.bucket}"

    def objects_arn(self, prefix: str) -> str:
        """Return the ARN pattern of every object of the log under `prefix` (empty: every object)."""
        return f"{self.bucket_arn()}/{prefix}*"

    def object_arn(self, key: str) -> str:
        """Return the ARN of one object of the log."""
        return f"{self.bucket_arn()}/{key}"

    def vault_arn(self) -> str:
        """Return the vault's ARN."""
        return f"arn:{self.partition}:s3:::{self.vault}"

    def payloads_arn(self, prefix: str) -> str:
        """Return the ARN pattern of every object of the vault under `prefix` (empty: every object)."""
        return f"{self.vault_arn()}/{prefix}*"

    def queue_arn(self) -> str:
        """Return the ARN of the queue in which S3 tells the sealer what was stored."""
        return f"arn:{self.partition}:sqs:{self.region}:{self.account}:{self.queue}"

    def role_arn(self, principal: Principal) -> str:
        """Return a role's ARN."""
        return f"arn:{self.partition}:iam::{self.account}:role{self.role_path}{self.roles[principal]}"

    def resource(self, scope: Scope, prefix: str) -> str:
        """Return the ARN pattern of a row."""
        own = f"{self.region}:{self.account}"
        log_groups = f"arn:{self.partition}:logs:{own}:log-group"
        log_group, sealer_log_group = f"{log_groups}:{self.log_group}", f"{log_groups}:{self.sealer_log_group}"
        functions = f"arn:{self.partition}:lambda:{own}:function"
        return {
            Scope.BUCKET: self.bucket_arn(),
            Scope.OBJECTS: self.objects_arn(prefix),
            Scope.LOG_STREAMS: f"{log_group}:log-stream:*",
            Scope.LOG_GROUP: f"{log_group}:*",
            Scope.LOG_GROUP_BY_NAME: log_group,
            Scope.FUNCTION: f"{functions}:{self.function}",
            Scope.SEALER_LOG_STREAMS: f"{sealer_log_group}:log-stream:*",
            Scope.SEALER_LOG_GROUP: f"{sealer_log_group}:*",
            Scope.SEALER_LOG_GROUP_BY_NAME: sealer_log_group,
            Scope.SEALER_FUNCTION: f"{functions}:{self.sealer}",
            Scope.QUEUE: self.queue_arn(),
            Scope.TOPIC: f"arn:{self.partition}:sns:{own}:{self.topic}",
            Scope.PAYLOADS: self.payloads_arn(prefix),
            Scope.KEYS: f"arn:{self.partition}:ssm:{own}:parameter{self.keys}",
        }[scope]
