"""Options that several commands share."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def deployment_options(function: Decorated) -> Decorated:
    """Add --outputs and --stack, which name the deployment."""
    outputs = click.option(
        "--outputs",
        type=click.Path(path_type=Path, dir_okay=False),
        help="A JSON file of stack outputs. Default: .local/outputs.json, which `make up` writes.",
    )
    stack = click.option("--stack", help="A Pulumi stack, whose outputs are read with the pulumi program.")
    return outputs(stack(function))


def named_options(*, outputs: Path | None, stack: str | None, agent: str | None = None) -> str:
    """Return the options that name the same deployment and agent in another command, for pasting."""
    given = {"--outputs": outputs, "--stack": stack, "--agent": agent}
    return "".join(f" {name} {shlex.quote(str(value))}" for name, value in given.items() if value is not None)


def json_option(function: Decorated) -> Decorated:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(function)
