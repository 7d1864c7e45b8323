"""`audit-log connect`: prints what to paste so that an agent's calls are logged, and with --check tries it.

Guarantees: standard output holds the snippet and nothing else, so that it can be piped or evaluated; what is meant for
people goes to standard error. The token stands in the snippet alone, and not even there with --no-token.
"""

from pathlib import Path
from typing import Final

import click

from cli.connect_snippets import FORMS, TOKEN_VARIABLE, Form, Reference, fill, find_form
from cli.connection import Deployment, load_deployment
from cli.console import emit_json, printable, program
from cli.exits import DONE
from cli.options import deployment_options, json_option, named_options
from cli.tokens import named_agent

_UNREACHABLE: Final = (
    "It runs on somebody else's machines, which cannot reach a log on this one. Put the log on AWS first (`pulumi up`: "
    "docs/aws.md), then: {command} --stack NAME"
)


@click.command()
@click.argument("platform", required=False)
@click.argument("form", required=False)
@deployment_options
@json_option
@click.option("--agent", help="The agent whose token it is. Default: the first of the stack's `agents`.")
@click.option("--no-token", is_flag=True, help=f"Read the token from ${TOKEN_VARIABLE} instead of holding it.")
@click.option("--check", "is_check", is_flag=True, help="Send a call the platform's way, and show its record.")
@click.pass_context
def connect(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    platform: str | None,
    form: str | None,
    outputs: Path | None,
    stack: str | None,
    agent: str | None,
    no_token: bool,
    is_check: bool,
    as_json: bool,
) -> None:
    """Print what to paste into PLATFORM. Without PLATFORM, list the platforms and their forms.

    Nothing else goes to standard output: `eval "$(audit-log connect claude)"` is enough where a platform takes its
    settings from the environment. With --check, sends a call in the very form that the platform sends, with an invented
    secret in it, reads its record back as the auditor, and goes through it field by field. Exits with 0, with 1 when
    --check finds a field wrong or the secret stored, or with 2 when it could not tell.
    """
    if platform is None:
        _list(as_json=as_json)
        return
    chosen = find_form(platform, form)
    deployment = load_deployment(outputs=outputs, stack=stack)
    name = deployment.first_agent if agent is None else named_agent(agent, tuple(deployment.tokens))
    command = _command(chosen)
    unreachable = _UNREACHABLE.format(command=command) if chosen.hosted and deployment.is_local else None
    if is_check:
        from cli.connect_check import check_form  # noqa: PLC0415 - what it needs, a snippet does without

        code = check_form(deployment, chosen, agent=name, as_json=as_json)
        _say(*([unreachable] if unreachable else []))
        ctx.exit(code)
    text = _filled(deployment, chosen, agent=name, no_token=no_token)
    notes = [*chosen.notes, *([unreachable] if unreachable else [])]
    if as_json:
        holds_token = chosen.holds_token and not no_token
        emit_json(
            {
                "platform": chosen.platform,
                "form": chosen.name,
                "agent": name,
                "endpoint": deployment.endpoint,
                "language": chosen.language,
                "into": chosen.into,
                "holds_token": holds_token,
                "reachable": unreachable is None,
                "notes": notes,
                "snippet": text,
            }
        )
        ctx.exit(DONE)
    click.echo(text, nl=False)
    others = [_command(other) for other in FORMS if other.platform == chosen.platform and other is not chosen]
    rest = ", ".join(other for other in deployment.tokens if other != name)
    choice = f"{', the first' if agent is None else ''} (--agent chooses another: {rest})" if rest else ""
    _say(
        f"For agent {name}{choice}. Paste it into {chosen.into}.",
        *notes,
        *([f"Other forms: {', '.join(others)}"] if others else []),
        f"Try it: {command}{named_options(outputs=outputs, stack=stack, agent=agent)} --check",
    )


def _command(form: Form) -> str:
    """Return the command that prints a form's snippet, as it is typed here."""
    return f"{program()}{form.command.removeprefix('audit-log')}"


def _filled(deployment: Deployment, form: Form, *, agent: str, no_token: bool) -> str:
    token = Reference(variable=TOKEN_VARIABLE) if no_token and form.holds_token else deployment.tokens[agent]
    return fill(form, endpoint=deployment.endpoint, token=token)


def _say(*lines: str) -> None:
    for line in lines:
        click.echo(printable(f"# {line}"), err=True)


def _list(*, as_json: bool) -> None:
    """Say what there is to connect; needs no stack."""
    if as_json:
        emit_json({"forms": [{"platform": f.platform, "form": f.name, "into": f.into} for f in FORMS]})
        return
    width = max(len(_command(form)) for form in FORMS)
    for form in FORMS:
        click.echo(f"{_command(form):<{width}}  {form.into}")
