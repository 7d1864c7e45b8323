"""`audit-log check`: runs every control of policies/controls.py against a deployed stack.

Guarantee: `passed` means that every attempt was made and refused for the right reason, or is on the fixed list of what
an emulator does not enforce. Anything unclear is `could not check`, never `passed`.
"""

import importlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from cli.checks.probe import Outcome, Probe, Verdict, could_not_check
from cli.connection import Connection, Deployment, load_deployment
from cli.console import emit_json, encodable, stdout_console, styled
from cli.exits import COULD_NOT, DONE, FOUND, CouldNot
from cli.options import deployment_options, json_option
from policies.controls import CONTROLS, Control

_SIGNS: Final = {
    Outcome.PASSED: ("✓", "ok", "green"),
    Outcome.FAILED: ("✗", "FAILED", "bold red"),
    Outcome.NOT_ENFORCED_HERE: ("\N{EN DASH}", "-", "yellow"),
    Outcome.COULD_NOT_CHECK: ("?", "?", "bold yellow"),
}
_WORST: Final = (Outcome.PASSED, Outcome.NOT_ENFORCED_HERE, Outcome.COULD_NOT_CHECK, Outcome.FAILED)
AREAS: Final = {
    "intake": "What goes in",
    "immutability": "What is stored stays",
    "bucket": "The bucket",
    "access": "Who may do what",
    "vault": "Payloads",
    "seal": "The seal",
    "function": "The functions",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the checklist: the control, and how it stands."""

    control: Control
    verdict: Verdict


def run_controls(deployment: Deployment, controls: Iterable[Control] = CONTROLS) -> Iterator[Line]:
    """Yield each control's line as soon as it is known.

    Raises CouldNot when the cloud stops answering; whatever else a stack does is a verdict.
    """
    with Connection(deployment) as connection:
        connection.require_answer()
        probe = Probe(connection)
        for control in controls:
            verdict = _verdict(probe, live_check(control))
            if verdict.outcome is Outcome.COULD_NOT_CHECK:
                connection.require_answer()
            yield Line(control=control, verdict=verdict)


def live_check(control: Control) -> Callable[[Probe], Verdict]:
    """Return the function that a control names."""
    area, _, name = control.check.partition(".")
    found: Callable[[Probe], Verdict] = getattr(importlib.import_module(f"cli.checks.{area}"), name)
    return found


def exit_code(lines: Iterable[Line]) -> int:
    """Return 1 if a control failed, else 2 if one could not be checked, else 0."""
    outcomes = {line.verdict.outcome for line in lines}
    if Outcome.FAILED in outcomes:
        return FOUND
    return COULD_NOT if Outcome.COULD_NOT_CHECK in outcomes else DONE


def print_checklist(deployment: Deployment, console: Console, *, every: bool) -> int:
    """Run and print the checklist; return the exit code.

    Prints a line for each area, and below it each control that did not pass; with `every`, a line for each control.
    """
    agents = f" (there are {len(deployment.tokens)})" if len(deployment.tokens) > 1 else ""
    lines: list[Line] = []
    for area, found in itertools.groupby(run_controls(deployment), key=lambda line: line.control.area):
        if not lines:
            console.print(styled(f"Checked as agent {deployment.first_agent}{agents}", "dim"))
        own: list[Line] = []
        if every:
            console.print(styled(AREAS[area], "bold"))
        for line in found:
            own.append(line)
            if every:
                _print_line(console, line)
        if not every:
            _print_area(console, AREAS[area], own)
        lines += own
    console.print(styled(f"{len(lines)} controls: {_counted(lines)}", "bold"))
    return exit_code(lines)


def report(deployment: Deployment, lines: Iterable[Line]) -> dict[str, Any]:
    """Return the checklist as a JSON document."""
    kept = tuple(lines)
    return {
        "checked_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "bucket": deployment.bucket,
        "profile": deployment.profile,
        "emulator": deployment.is_local,
        "exit_code": exit_code(kept),
        "controls": [
            {
                "id": line.control.id,
                "statement": line.control.statement,
                "outcome": str(line.verdict.outcome),
                "detail": line.verdict.detail,
                "guide": line.control.basis.guide,
                "nist": line.control.basis.nist.item,
                "owasp": line.control.basis.owasp.item,
                "also": [item.item for item in line.control.basis.also],
            }
            for line in kept
        ],
    }


@click.command()
@deployment_options
@json_option
@click.option("--all", "every", is_flag=True, help="Print a line for each control instead of one for each area.")
@click.pass_context
def check(ctx: click.Context, outputs: Path | None, stack: str | None, *, as_json: bool, every: bool) -> None:
    """Try every promise of the kit against a deployed stack.

    Prints a line for each area of the checklist, and below it each control that did not pass. Posts a few calls (each
    says audit-log-check), reads them back as the auditor, and then tries what must fail on them. Its wrong tokens,
    refused calls and use of the hold releaser raise the alarms that they should. Exits with 0 when every control holds,
    1 when one failed, 2 when one could not be checked.
    """
    deployment = load_deployment(outputs=outputs, stack=stack)
    if as_json:
        document = report(deployment, run_controls(deployment))
        emit_json(document)
        ctx.exit(int(document["exit_code"]))
    ctx.exit(print_checklist(deployment, stdout_console(), every=every))


def _verdict(probe: Probe, live: Callable[[Probe], Verdict]) -> Verdict:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from cli.connection import aws_reason  # noqa: PLC0415
    from cli.reader import Undecodable  # noqa: PLC0415

    try:
        return live(probe)
    except CouldNot as error:
        return could_not_check(error.message)
    except Undecodable as error:
        return could_not_check(f"a stored object: {error}")
    except (BotoCoreError, ClientError) as error:
        return could_not_check(aws_reason(error))


def _print_area(console: Console, title: str, lines: list[Line]) -> None:
    """Print one line for an area, with its worst control's sign, and below it each control that did not pass."""
    worst = max((line.verdict.outcome for line in lines), key=_WORST.index)
    symbol, plain, style = _SIGNS[worst]
    console.print(styled(f"  {encodable(symbol, plain)} ", style) + styled(f"{title}: {_counted(lines)}"))
    for line in lines:
        if line.verdict.outcome is not Outcome.PASSED:
            _print_line(console, line, indent="    ")


def _counted(lines: list[Line]) -> str:
    counts = Counter(line.verdict.outcome for line in lines)
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])


def _print_line(console: Console, line: Line, *, indent: str = "  ") -> None:
    symbol, plain, style = _SIGNS[line.verdict.outcome]
    text = styled(f"{indent}{encodable(symbol, plain)} ", style) + styled(line.control.statement)
    if line.verdict.outcome is not Outcome.PASSED:
        text += styled(f": {line.verdict.outcome}: {line.verdict.detail}", style)
    console.print(text)
