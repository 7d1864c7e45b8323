"""`audit-log redact`: shows what masking leaves of a payload, before anyone deploys. Needs no stack and no network."""

import json
import sys
from collections.abc import Iterable

import click

from audit_core.masking import Masker, Redaction, Unscannable
from cli.console import json_line, printable
from cli.exits import DONE, FOUND, CouldNot
from cli.inputs import read_input

_NOT_JSON = "is not JSON"


@click.command()
@click.argument("file")
@click.option("--explain", is_flag=True, help="Name the rule behind each redaction.")
@click.option("--jsonl", "is_jsonl", is_flag=True, help="FILE holds one JSON payload a line; print JSON, a line each.")
@click.option(
    "--personal",
    type=click.Choice(["mask", "off"]),
    default="mask",
    show_default=True,
    help="What becomes of personal data such as e-mail addresses.",
)
@click.pass_context
def redact(ctx: click.Context, *, file: str, explain: bool, is_jsonl: bool, personal: str) -> None:
    """Print the masked form of FILE (`-`: standard input) on standard output, and what was masked on standard error.

    Exits with 0, with 1 when a line of --jsonl could not be masked (its `masked` is null and `error` says why), or with
    2 when FILE could not be.
    """
    masker = Masker(personal="off" if personal == "off" else "mask")
    data = read_input(file)
    if is_jsonl:
        ctx.exit(_redact_lines(masker, data))
    try:
        masked = masker.mask_bytes(data)
    except Unscannable as error:
        kept = "of such a payload only size, type and digest are kept"
        raise CouldNot(f"{file}: cannot be masked: {error.reason}; {kept}") from None
    _write(masked.data)
    for redaction in masked.redactions:
        place = redaction.path or "(the whole)"
        click.echo(printable(f"{place}: {redaction.rule}" if explain else place), err=True)
    ctx.exit(DONE)


def _redact_lines(masker: Masker, data: bytes) -> int:
    code = DONE
    for line in data.split(b"\n"):
        if not line.strip():
            continue
        try:
            shown = _redacted_line(masker, line.strip())
        except Unscannable as error:
            code = FOUND
            shown = json_line({"masked": None, "redactions": [], "error": error.reason}).encode()
        sys.stdout.buffer.write(shown + b"\n")
    sys.stdout.buffer.flush()
    return code


def _redacted_line(masker: Masker, line: bytes) -> bytes:
    """Return the output line of one payload, with its own bytes where nothing was masked; raise Unscannable."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        raise Unscannable(_NOT_JSON) from None
    masked = masker.mask_bytes(line, mime="application/json")
    return b'{"masked":%b,"redactions":%b}' % (masked.data, json_line(_listed(masked.redactions)).encode())


def _listed(redactions: Iterable[Redaction]) -> list[dict[str, str]]:
    return [{"path": redaction.path, "rule": redaction.rule} for redaction in redactions]


def _write(data: bytes) -> None:
    """Write bytes as they are, or, on a terminal, line by line with nothing in them that it obeys."""
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    for line in data.decode("utf-8", "backslashreplace").split("\n"):
        click.echo(printable(line))
