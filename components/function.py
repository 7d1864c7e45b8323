"""A function with its operational log.

Guarantee: it runs exactly the package that it is given, and its log ends after the stated days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_aws as aws

from components.arguments import require_range, require_text

if TYPE_CHECKING:
    from pathlib import Path

    from components.package import Package, Target

RUNTIME: Final = "python3.13"
ARCHITECTURE: Final = "arm64"
MEMORY_MB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionArgs:
    """What the arguments of writer and sealer have in common.

    `bucket` and `role_arn` come from the components that make them. `log_days`: the operational log's retention.
    `out_dir`: where the package is put before it is uploaded.
    """

    function: str
    log_group: str
    log_days: int
    region: str
    bucket: pulumi.Input[str]
    role_arn: pulumi.Input[str]
    target: Target
    out_dir: Path

    def __post_init__(self) -> None:
        """Reject empty names, and a log without a retention."""
        require_text(self, "function", "log_group", "region")
        require_range(self, "log_days", 1)


def register_function(
    name: str,
    parent: pulumi.Resource,
    args: FunctionArgs,
    package: pulumi.Output[Package],
    *,
    description: str,
    handler: str,
    timeout_s: int,
    reserved_concurrency: int = 0,
) -> tuple[aws.cloudwatch.LogGroup, aws.lambda_.Function]:
    """Register the log group, then the function. `reserved_concurrency` is 0 for none."""
    log_group = aws.cloudwatch.LogGroup(
        f"{name}-log",
        name=args.log_group,
        retention_in_days=args.log_days,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    function = aws.lambda_.Function(
        f"{name}-function",
        name=args.function,
        description=description,
        role=args.role_arn,
        runtime=RUNTIME,
        architectures=[ARCHITECTURE],
        handler=handler,
        memory_size=MEMORY_MB,
        timeout=timeout_s,
        code=package.apply(lambda built: pulumi.FileArchive(str(built.path))),
        source_code_hash=package.apply(lambda built: built.sha256_base64),
        # The provider reads this back, so the next run replaces code that somebody else uploaded.
        code_sha256=package.apply(lambda built: built.sha256_base64),
        reserved_concurrent_executions=reserved_concurrency or None,
        # Lambda would otherwise make a log group of its own, which never ends.
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[log_group]),
    )
    return log_group, function
