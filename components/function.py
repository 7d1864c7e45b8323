"""A function with its operational log.

Guarantee: it runs exactly the package that it is given, and its log ends after the stated days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from components.package import Package

RUNTIME: Final = "python3.13"
ARCHITECTURE: Final = "arm64"
MEMORY_MB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionArgs:
    """What the function is; `function` and `log_group` are physical names, `reserved_concurrency` is 0 for none."""

    function: str
    description: str
    handler: str
    timeout_s: int
    role_arn: pulumi.Input[str]
    log_group: str
    log_days: int
    package: pulumi.Output[Package]
    reserved_concurrency: int = 0


def register_function(
    name: str, parent: pulumi.Resource, args: FunctionArgs
) -> tuple[aws.cloudwatch.LogGroup, aws.lambda_.Function]:
    """Register the log group, then the function."""
    log_group = aws.cloudwatch.LogGroup(
        f"{name}-log",
        name=args.log_group,
        retention_in_days=args.log_days,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    function = aws.lambda_.Function(
        f"{name}-function",
        name=args.function,
        description=args.description,
        role=args.role_arn,
        runtime=RUNTIME,
        architectures=[ARCHITECTURE],
        handler=args.handler,
        memory_size=MEMORY_MB,
        timeout=args.timeout_s,
        code=args.package.apply(lambda built: pulumi.FileArchive(str(built.path))),
        source_code_hash=args.package.apply(lambda built: built.sha256_base64),
        # The provider reads this back, so the next run replaces code that somebody else uploaded.
        code_sha256=args.package.apply(lambda built: built.sha256_base64),
        reserved_concurrent_executions=args.reserved_concurrency or None,
        # Lambda would otherwise make a log group of its own, which never ends.
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[log_group]),
    )
    return log_group, function
