"""Options that several commands share."""

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


def json_option(function: Decorated) -> Decorated:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(function)
