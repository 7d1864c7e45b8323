"""`audit-log`: one group, whose commands are imported when they are called, so that each starts as fast as it can."""

import importlib
from collections.abc import Mapping
from typing import Any, Final

import click

COMMANDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "connect": ("cli.connect", "connect", "Print what to paste into an agent, and try it."),
    "check": ("cli.check", "check", "Try every promise against a deployed stack."),
    "find": ("cli.find", "find", "Show records, or follow them as they arrive."),
    "digest": ("cli.digests", "digest", "Compute a payload's digest, or say whether it was logged."),
    "redact": ("cli.redact", "redact", "Show what masking leaves of a payload."),
    "verify": ("cli.verify.commands", "verify", "Verify the sealed log, copy it, prove single records."),
    "retain": ("cli.retain", "retain", "Keep records for longer, hold them, release holds."),
    "token": ("cli.tokens", "token", "Show, list and rotate agents' tokens."),
    "plan": ("cli.plan", "plan", "Show what a deployment makes, or which permissions it needs."),
}
"""Name: module, attribute, and the line for `--help`, which thus needs no import."""


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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="agent-audit-log")
def main() -> None:
    """Check, read and keep the immutable log of what your AI agents call.

    Every command exits with 0 (done, nothing wrong), 1 (something is wrong: a failed control, a digest that differs) or
    2 (could not do its work: wrong usage, no deployment, no credentials).
    """


if __name__ == "__main__":
    main()
