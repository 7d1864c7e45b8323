"""What every command's exit code means, for scripts. docs/cli.md prints the same table; a test holds them together."""

from typing import Final

import click

DONE: Final = 0
"""The command did what it was asked, and found nothing wrong."""
FOUND: Final = 1
"""The command ran and found something wrong: a failed control, a digest that differs, a tampered object."""
COULD_NOT: Final = 2
"""The command could not do its work: wrong usage, no deployment, no credentials, no network."""


class CouldNot(click.ClickException):
    """The command could not do its work. The message names the field or file, never a secret value."""

    exit_code = COULD_NOT
