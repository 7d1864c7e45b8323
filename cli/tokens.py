"""`audit-log token`: shows agents' tokens, and rotates them by editing the stack's config file.

A rotation is a setting like any other: the file says which generation of an agent's token counts and until when the one
before it still works; the next deployment makes the new token and tells the writer. No token is ever in the file.
"""

import json
import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from cli.connection import LOCAL_OUTPUTS, load_deployment, project_root
from cli.console import emit_json, printable, program
from cli.exits import CouldNot
from cli.options import deployment_options, json_option
from cli.query import fold, parse_span
from cli.stack_file import StackFile
from stacks.names import PROJECT, STACK, STACK_RULE
from stacks.settings import DEFAULTS, Rotation, SettingError, rfc3339

_LOCAL_STACK: Final = "local"
_MAX_OVERLAP: Final = timedelta(days=30)
_KEY: Final = f"{PROJECT}:tokens"
_AGENTS: Final = f"{PROJECT}:agents"

stack_option = click.option("--stack", default=_LOCAL_STACK, show_default=True, help="The stack whose file is meant.")


@click.group()
def token() -> None:
    """Show, list and rotate agents' tokens."""


@token.command("show")
@click.argument("agent")
@deployment_options
def show(agent: str, outputs: Path | None, stack: str | None) -> None:
    """Print AGENT's token, and nothing else, for pasting into its configuration."""
    tokens = load_deployment(outputs=outputs, stack=stack).tokens
    click.echo(tokens[named_agent(agent, tuple(tokens))])


@token.command("list")
@stack_option
@json_option
def list_(stack: str, *, as_json: bool) -> None:
    """List the agents of a stack's config file, with their tokens' generation; never a token."""
    document = _Rotations(stack)
    rotations = document.rotations()
    rows = [(agent, rotations.get(agent, Rotation(agent=agent, generation=1))) for agent in document.agents()]
    if as_json:
        emit_json(
            {
                "agents": [
                    {
                        "agent": agent,
                        "generation": row.generation,
                        "previous_until": None if row.previous_until is None else rfc3339(row.previous_until),
                    }
                    for agent, row in rows
                ]
            }
        )
        return
    for agent, row in rows:
        until = "" if row.previous_until is None else f", the one before it works until {rfc3339(row.previous_until)}"
        click.echo(printable(f"{agent}: generation {row.generation}{until}"))


@token.command("rotate")
@click.argument("agent")
@stack_option
@click.option(
    "--overlap", default="24h", show_default=True, help="How long the old token still works: 0, 90m, 24h, 7d."
)
@click.option("--end-previous", is_flag=True, help="Rotate even though the token before the current one still works.")
def rotate(agent: str, stack: str, overlap: str, *, end_previous: bool) -> None:
    """Give AGENT a new token at the next deployment, while the old one still works for a time.

    Edits the stack's config file and says which command applies it. With --overlap 0 the old token stops at once, as it
    should when it has leaked. Only two tokens work at a time: a second rotation would end a token that agents may still
    use. Until that token expires, only --end-previous or --overlap 0 allow another rotation.
    """
    span = _overlap(overlap)
    document = _Rotations(stack)
    name = named_agent(agent, document.agents())
    before = document.rotations().get(name, Rotation(agent=name, generation=1))
    now = datetime.now(UTC)
    apply = "make up" if stack == _LOCAL_STACK else f"pulumi up --stack {stack}"
    still = before.previous_until if before.previous_until is not None and before.previous_until > now else None
    if span and not end_previous and (still is not None or _deployed(stack, name) < before.generation):
        raise CouldNot(
            printable(
                f"{name}: the file already rotates its token to generation {before.generation}. Another rotation would "
                f"end generation {before.generation - 1}, which agents may still use. Run `{apply}` and give the agent "
                "its new token first; or end the old one with --end-previous"
            )
        )
    after = Rotation(agent=name, generation=before.generation + 1, previous_until=now + span if span else None)
    document.write(after)
    click.echo(printable(f"{document.path}: {name} gets token generation {after.generation}"))
    if still is not None:
        click.echo(f"generation {before.generation - 1}, valid until {rfc3339(still)}, ends when this is applied")
    if after.previous_until is None:
        click.echo("the old token ends when this is applied")
    else:
        click.echo(f"the old token works until {rfc3339(after.previous_until)}")
    click.echo(printable(f"to apply it: {apply}"))
    show_it = f"{program()} token show {shlex.quote(name)}"
    click.echo(printable(f"then: {show_it}{'' if stack == _LOCAL_STACK else f' --stack {stack}'}"))


class _Rotations:
    """The agents and rotations in a stack's config file."""

    def __init__(self, stack: str) -> None:
        if not STACK.fullmatch(stack):
            raise CouldNot(f"--stack: must be {STACK_RULE}, got {printable(stack)!r}")
        self._file = StackFile(project_root() / "stacks" / f"Pulumi.{stack}.yaml")
        self.path = self._file.path

    def agents(self) -> tuple[str, ...]:
        """Return the agents' names as the file spells them."""
        default = DEFAULTS["agents"]
        return tuple(self._texts(_AGENTS)) or (default if isinstance(default, tuple) else ())

    def rotations(self) -> dict[str, Rotation]:
        """Return each rotated agent's rotation."""
        try:
            found = [Rotation.parse(text) for text in self._texts(_KEY)]
        except SettingError as error:
            raise CouldNot(f"{self.path}: {error}") from None
        return {rotation.agent: rotation for rotation in found}

    def write(self, rotation: Rotation) -> None:
        """Replace the agent's last rotation, or add the first one."""
        rows = self._file.config.setdefault(self._file.spelled(_KEY), [])
        for index, text in enumerate(rows):
            if Rotation.parse(str(text)).agent == rotation.agent:
                rows[index] = rotation.format()
                break
        else:
            rows.append(rotation.format())
        self._file.write()

    def _texts(self, key: str) -> Iterator[str]:
        value = self._file.config.get(self._file.spelled(key), [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise CouldNot(f"{self.path}: {key} must be a list of texts")
        yield from (str(item) for item in value)


def named_agent(given: str, agents: tuple[str, ...]) -> str:
    """Return the agent that `given` names, whichever hyphens were typed; raise CouldNot naming those there are."""
    if given in agents:
        return given
    alike = [agent for agent in agents if fold(agent) == fold(given)]
    if len(alike) == 1:
        return alike[0]
    reason = "is ambiguous" if alike else "is not an agent of this stack"
    raise CouldNot(printable(f"{given}: {reason}; there are {', '.join(agents)}"))


def _deployed(stack: str, agent: str) -> int:
    """Return the generation of an agent's token in the local cloud; the highest number where that is not known here."""
    try:
        document = json.loads((project_root() / LOCAL_OUTPUTS).read_bytes()) if stack == _LOCAL_STACK else {}
        return int(document["token_generations"][agent])
    except (OSError, ValueError, KeyError, TypeError):
        return sys.maxsize


def _overlap(text: str) -> timedelta:
    if text == "0":
        return timedelta()
    try:
        span = parse_span(text)
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"--overlap: 0, or {error}; got {printable(text)!r}") from None
    if span > _MAX_OVERLAP:
        raise click.UsageError(f"--overlap: at most {_MAX_OVERLAP.days} days, got {printable(text)!r}")
    return span
