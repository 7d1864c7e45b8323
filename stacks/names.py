"""The physical names of a stack: plain strings, known before anything exists.

Guarantee: two stacks of one account and region share no name, and every name fits its service's rule. Bucket names are
global, so the account and the region are in it. Role names are per account, so the region is in them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from policies.place import STANDING, Principal, ResourceNames

PROJECT: Final = "agent-audit-log"
STACK: Final = re.compile(r"[a-z][a-z0-9-]{0,15}")
"""Short enough that the bucket's name is at most 63 characters in every region that there is."""
STACK_RULE: Final = "a name of up to 16 of a-z, 0-9 and -, beginning with a letter"
REGION: Final = re.compile(r"[a-z]{2,4}(?:-[a-z]{2,5})?-[a-z]{4,9}-[1-9]")
NO_FUNCTION_URLS: Final = re.compile(
    "ap-east-2|ap-south-2|ap-southeast-[4567]|ca-west-1|eu-central-2|eu-south-2|il-central-1|me-central-1"
    "|cn-.*|us-gov-.*"
)
"""The regions in which Lambda has no function URLs, which agents post to; read on 2026-11-30.

https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html
https://docs.amazonaws.cn/en_us/aws/latest/userguide/lambda.html
https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-lambda.html
"""
ACCOUNT: Final = re.compile(r"[0-9]{12}")
_BUCKET_LIMIT: Final = 63
_ROLE_LIMIT: Final = 64


class NameRefusedError(ValueError):
    """A stack, region or account whose names no service would take: says field, rule and what was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Everything that has a name of its own in the account."""

    stack: str
    region: str
    account: str
    partition: str
    role_path: str = "/"

    def __post_init__(self) -> None:
        """Refuse what would give a name that a service refuses later."""
        if not STACK.fullmatch(self.stack):
            msg = f"stack: must be {STACK_RULE}, got {self.stack!r}; `pulumi stack rename` changes it"
            raise NameRefusedError(msg)
        for field, rule, given in (
            ("aws:region", REGION, self.region),
            ("account", ACCOUNT, self.account),
        ):
            if not rule.fullmatch(given):
                msg = f"{field}: must match {rule.pattern}, got {given!r}"
                raise NameRefusedError(msg)
        if self.stack.endswith("-"):
            msg = f"stack: must not end in a dash, got {self.stack!r}"
            raise NameRefusedError(msg)
        longest = max((self.role(principal) for principal in Principal), key=len)
        for field, name, limit in (
            ("bucket", self.bucket, _BUCKET_LIMIT),
            ("vault", self.vault, _BUCKET_LIMIT),
            ("role", longest, _ROLE_LIMIT),
        ):
            if len(name) > limit:
                msg = f"stack: its {field} name may have {limit} characters, got {len(name)} ({name})"
                raise NameRefusedError(msg)

    @property
    def prefix(self) -> str:
        """What the name of everything of this stack starts with."""
        return f"{PROJECT}-{self.stack}"

    @property
    def bucket(self) -> str:
        """The log bucket."""
        return f"{self.prefix}-{self.account}-{self.region}"

    def role(self, principal: Principal) -> str:
        """One of the roles."""
        return f"{self.prefix}-{self.region}-{principal.value}"

    @property
    def function(self) -> str:
        """The log writer's function."""
        return f"{self.prefix}-writer"

    @property
    def function_log_group(self) -> str:
        """Where the function's operational log goes."""
        return f"/aws/lambda/{self.function}"

    @property
    def sealer(self) -> str:
        """The log sealer's function."""
        return f"{self.prefix}-sealer"

    @property
    def sealer_log_group(self) -> str:
        """Where the sealer's operational log goes."""
        return f"/aws/lambda/{self.sealer}"

    @property
    def queue(self) -> str:
        """The queue in which S3 tells the sealer what was stored."""
        return f"{self.sealer}-events"

    @property
    def seal_alias(self) -> str:
        """The name of the key that signs checkpoints."""
        return f"alias/{self.prefix}-seal"

    @property
    def seal_origin(self) -> str:
        """The sealed log's name in its checkpoints: where its files are, without the scheme."""
        return f"{self.bucket}.s3.{self.region}.amazonaws.com/seal"

    @property
    def topic(self) -> str:
        """The topic of all alarms."""
        return f"{self.prefix}-alarms"

    @property
    def keys(self) -> str:
        """The parameter that holds the keys of digests and pseudonyms."""
        return f"/{PROJECT}/{self.stack}/keys"

    @property
    def trail(self) -> str:
        """The CloudTrail trail."""
        return f"{self.prefix}-trail"

    @property
    def vault(self) -> str:
        """The vault's bucket; with a shorter beginning, so that it is apart from the log's in every list."""
        return f"aal-vault-{self.stack}-{self.account}-{self.region}"

    @property
    def vault_alias(self) -> str:
        """The name of the vault's key."""
        return f"alias/{self.prefix}-vault"

    def place(self, *, vault: bool, vault_fills: bool = True) -> ResourceNames:
        """Return the same names as the policies take them; `vault` says whether there is one."""
        return ResourceNames(
            partition=self.partition,
            region=self.region,
            account=self.account,
            bucket=self.bucket,
            function=self.function,
            log_group=self.function_log_group,
            keys=self.keys,
            sealer=self.sealer,
            sealer_log_group=self.sealer_log_group,
            queue=self.queue,
            topic=self.topic,
            roles={principal: self.role(principal) for principal in (Principal if vault else STANDING)},
            vault_fills=vault_fills,
            role_path=self.role_path,
            vault=self.vault if vault else "",
        )
