"""The log writer: a function behind an HTTPS address that agents post to.

Guarantee: it runs exactly the package whose digest is an output, as the writer role and no other. It exists only once
the log's protections are in place. Its own log ends after the stated days.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_aws as aws

from audit_core.layout import CONFIG_SCHEMA, DIGESTS, ENDPOINT_DETAILS, ENVELOPES, PERSONAL
from components.arguments import refuse, require_choice, require_range
from components.function import FunctionArgs, register_function
from components.mask_rules import MaskRules, rules_config
from components.package import WRITER, build_package

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIMEOUT_S: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterAgent:
    """An agent as the writer's configuration names it; `endpoint_detail` is `path` or `domain`."""

    name: str
    endpoint_detail: str

    def __post_init__(self) -> None:
        """Refuse a detail that the writer would not know."""
        if self.endpoint_detail not in ENDPOINT_DETAILS:
            refuse(self, "endpoint_detail", "be path or domain")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWriterArgs(FunctionArgs):
    """What the function is, and what it depends on.

    `accepted` is what `Tokens` gives; `keys_parameter` comes from the key store. `digest` is `sha256` or
    `hmac-sha256`, `personal_data` `mask`, `hmac` or `off`. `envelope` is `off`, `masked` or `raw`, and `vault` the
    bucket for the last two. `reserved_concurrency` is 0 for none.
    """

    agents: Sequence[WriterAgent]
    accepted: pulumi.Input[Mapping[str, Sequence[tuple[str, str | None]]]]
    keys_parameter: pulumi.Input[str]
    digest: str
    personal_data: str
    mask_rules: MaskRules
    envelope: str = "off"
    vault: pulumi.Input[str] | None = None
    reserved_concurrency: int = 0

    def __post_init__(self) -> None:
        """Refuse a writer that nobody may write to, or whose log never ends."""
        FunctionArgs.__post_init__(self)
        if not self.agents:
            msg = "LogWriterArgs.agents: must name at least one agent, got none"
            raise ValueError(msg)
        require_choice(self, "digest", DIGESTS)
        require_choice(self, "personal_data", PERSONAL)
        require_choice(self, "envelope", ENVELOPES)
        if (self.envelope == "off") != (self.vault is None):
            msg = f"LogWriterArgs.vault: must be given unless envelope is off, got envelope {self.envelope!r}"
            raise ValueError(msg)
        require_range(self, "reserved_concurrency", 0)


class LogWriter(pulumi.ComponentResource):
    """The function, its log group and its address.

    Outputs: `endpoint` (base URL without a slash at the end), `package_sha256` (base64, as Lambda's CodeSha256),
    `package_sha256_hex`, `log_group` (its name).

    The address is open to the internet by design, because agents run anywhere: who has no token is turned away by the
    function itself before anything else happens.
    """

    endpoint: pulumi.Output[str]
    package_sha256: pulumi.Output[str]
    package_sha256_hex: pulumi.Output[str]
    log_group: pulumi.Output[str]

    def __init__(self, name: str, args: LogWriterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the log group, the function, its address, and both permissions that an open address takes."""
        super().__init__("agent-audit-log:aws:LogWriter", name, None, opts)
        package = pulumi.Output.all(
            bucket=args.bucket, keys=args.keys_parameter, vault=args.vault, accepted=args.accepted
        ).apply(
            lambda known: build_package(
                WRITER,
                target=args.target,
                config=render_config(
                    args,
                    bucket=known["bucket"],
                    keys_parameter=known["keys"],
                    vault=known["vault"],
                    accepted=known["accepted"],
                ),
                out_dir=args.out_dir,
            )
        )
        log_group, function = register_function(
            name,
            self,
            args,
            package,
            description="Masks, digests and stores what agents say that they called.",
            handler="log_writer.handler.handler",
            timeout_s=TIMEOUT_S,
            reserved_concurrency=args.reserved_concurrency,
        )
        url = self._address(name, args.function, function)
        self.endpoint = url.function_url.apply(lambda address: address.rstrip("/"))
        self.package_sha256 = package.apply(lambda built: built.sha256_base64)
        self.package_sha256_hex = package.apply(lambda built: built.sha256_hex)
        self.log_group = log_group.name
        self.register_outputs(
            {
                "endpoint": self.endpoint,
                "package_sha256": self.package_sha256,
                "package_sha256_hex": self.package_sha256_hex,
                "log_group": self.log_group,
            }
        )

    def _address(self, name: str, physical: str, function: aws.lambda_.Function) -> aws.lambda_.FunctionUrl:
        """Register the function's address, and the permissions to call it.

        They take the function by its name, so that the guardrails see beforehand which one is open. Since October 2025
        an open address takes two permissions. https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html

        The permissions wait for the address. With an open address, the provider adds two permissions of its own, under
        other names. Lambda answers 409 to a second change of a function's policy at the same time. The provider's two
        stay until the function is deleted, and allow no more than ours.
        """
        url = aws.lambda_.FunctionUrl(
            f"{name}-url",
            function_name=physical,
            authorization_type="NONE",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[function]),
        )
        address = aws.lambda_.Permission(
            f"{name}-url-permission",
            function=physical,
            statement_id="AllowTheAddress",
            action="lambda:InvokeFunctionUrl",
            principal="*",
            function_url_auth_type="NONE",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[url]),
        )
        aws.lambda_.Permission(
            f"{name}-invoke-permission",
            function=physical,
            statement_id="AllowCallsThroughTheAddress",
            action="lambda:InvokeFunction",
            principal="*",
            invoked_via_function_url=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[address]),
        )
        return url


def render_config(
    args: LogWriterArgs,
    *,
    bucket: str,
    keys_parameter: str,
    vault: str | None,
    accepted: Mapping[str, Sequence[Sequence[str | None]]],
) -> bytes:
    """Return the writer's configuration file: the same bytes for the same settings.

    `accepted`: for each agent pairs of a token's SHA-256 in hex and when it ends (RFC 3339), or None.
    """
    config = {
        "schema": CONFIG_SCHEMA,
        "bucket": bucket,
        "region": args.region,
        "agents": [
            {
                "name": agent.name,
                "endpoint_detail": agent.endpoint_detail,
                "tokens": [{"sha256": digest, "not_after": until} for digest, until in accepted[agent.name]],
            }
            for agent in sorted(args.agents, key=lambda agent: agent.name)
        ],
        "masking": {"personal": args.personal_data, "custom": rules_config(args.mask_rules)},
        "digest": {"algorithm": args.digest},
        "keys": {"parameter": keys_parameter},
        "envelope": {"mode": args.envelope, **({"bucket": vault} if vault else {})},
    }
    return json.dumps(config, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")
