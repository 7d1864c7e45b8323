"""`audit-log`: one group, whose commands are imported when they are called, so that each starts as fast as it can."""

import importlib
from typing import Any

import click

from cli.start import COMMANDS, HELP


class _LazyGroup(click.Group):
    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click declares it
        try:
            return super().invoke(ctx)
        except Exception as error:
            # Any call to the cloud may fail. A command catches only what it can explain better.
            if not type(error).__module__.startswith("botocore."):
                raise
            from cli.console import printable  # noqa: PLC0415
            from cli.exits import CouldNot  # noqa: PLC0415

            raise CouldNot(printable(f"AWS: {error}")) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        known = COMMANDS.get(cmd_name)
        if known is None:
            return None
        module, attribute, _ = known
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{attribute} is not a command")
        return command

    def get_help(self, ctx: click.Context) -> str:
        del ctx
        return HELP


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="agent-audit-log")
def main() -> None:
    """Run a command."""


if __name__ == "__main__":
    main()
