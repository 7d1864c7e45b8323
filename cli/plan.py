"""`audit-log plan`: shows what a deployment makes, or which permissions it needs, before there is one.

Guarantee: it needs no account and contacts none.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import click

from cli.connection import project_root
from cli.console import printable
from cli.exits import COULD_NOT, DONE, CouldNot
from cli.stack_file import StackFile
from policies import deployer
from stacks.names import PROJECT, NameRefusedError, Names

_ACCOUNT: Final = "123456789012"
"""The account number that AWS's own examples use."""
_REGION: Final = "us-east-1"
_STACK: Final = "prod"
_REGION_KEY: Final = "aws:region"
_ROLE_PATH_KEY: Final = f"{PROJECT}:rolePath"
_BOUNDARY_KEY: Final = f"{PROJECT}:permissionsBoundary"
_PARTITIONS: Final = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


@click.command()
@click.option("--stack", help=f"The stack's name.  [default: {_STACK}]")
@click.option(
    "--deployer-policy", is_flag=True, help="Print the least policy with which `pulumi up` and `pulumi destroy` work."
)
@click.option("--account", help=f"The account's number in the policy.  [default: {_ACCOUNT}]")
@click.option("--region", help=f"The region in the policy.  [default: the stack file's, else {_REGION}]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write each document of the policy to a file in this folder, instead of printing a list.",
)
def plan(
    stack: str | None, account: str | None, region: str | None, out: Path | None, *, deployer_policy: bool
) -> None:
    """Show what `pulumi up` would make, as `make plan` does; with --deployer-policy, which permissions it needs.

    The policy covers creating, updating, refreshing and destroying this one stack, whatever its settings. It is a list
    of documents, each of which fits a managed policy; attach all of them. docs/permissions.md gives the reason for each
    wildcard in it.
    """
    if not deployer_policy:
        if given := [name for name, value in (("account", account), ("region", region), ("out", out)) if value]:
            raise click.UsageError(f"--{given[0]}: only with --deployer-policy")
        command = [sys.executable, "-m", "localcloud.plan"]
        done = subprocess.run(command, check=False, env={**os.environ, "STACK": stack or ""})
        sys.exit(COULD_NOT if done.returncode else DONE)
    stack = stack or _STACK
    found = _settings(stack)
    where = region or found.get(_REGION_KEY, _REGION)
    partition = next((name for start, name in _PARTITIONS.items() if where.startswith(start)), "aws")
    try:
        names = Names(
            stack=stack,
            region=where,
            account=account or _ACCOUNT,
            partition=partition,
            role_path=found.get(_ROLE_PATH_KEY, "/"),
        )
    except NameRefusedError as error:
        raise click.UsageError(printable(str(error))) from None
    if account is None:
        click.echo(f"audit-log: {_ACCOUNT} stands for your account; --account names it", err=True)
    documents = deployer.documents(names.place(vault=True), boundary=found.get(_BOUNDARY_KEY, ""))
    if out is None:
        click.echo(json.dumps(documents, indent=2))
        return
    for number, document in enumerate(documents, start=1):
        _write(out / f"{names.prefix}-deployer-{number}.json", json.dumps(document, indent=2) + "\n")


def _settings(stack: str) -> dict[str, str]:
    """Return the settings that the policy depends on, by full key; nothing where the stack has no file yet."""
    path = project_root() / "stacks" / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        return {}
    file = StackFile(path)
    found = {key: file.config.get(file.spelled(key)) for key in (_REGION_KEY, _ROLE_PATH_KEY, _BOUNDARY_KEY)}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CouldNot(f"cannot write {path}: {error.strerror}") from None
    click.echo(str(path))
