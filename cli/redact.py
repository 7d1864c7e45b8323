"""`audit-log redact`: shows what masking leaves of a payload, before anyone deploys. Needs no network."""

import json
import sys
from collections.abc import Iterable

import click

from audit_core.faults import describe
from audit_core.masking import CustomRules, Masker, Redaction, Unscannable
from cli.connection import project_root
from cli.console import json_line, printable
from cli.exits import DONE, FOUND, CouldNot
from cli.inputs import read_input
from components.mask_rules import MaskRuleError, read_mask_rules
from stacks.names import PROJECT

_NOT_JSON = "is not JSON"


@click.command()
@click.argument("file")
@click.option("--explain", is_flag=True, help="Name the rule behind each redaction.")
@click.option("--jsonl", "is_jsonl", is_flag=True, help="FILE holds one JSON payload a line; print JSON, a line each.")
@click.option(
    "--personal",
    type=click.Choice(["mask", "off"]),
    help="What becomes of personal data such as e-mail addresses. Default: the stack's `personalData`.",
)
@click.option("--stack", help="The stack whose settings apply. Default: local, if it has a file.")
@click.pass_context
def redact(
    ctx: click.Context, *, file: str, explain: bool, is_jsonl: bool, personal: str | None, stack: str | None
) -> None:
    """Print the masked form of FILE (`-`: standard input) on standard output, and what was masked on standard error.

    The built-in rules and the stack's `maskRules` apply, as in its log. With --jsonl, a line that cannot be masked does
    not stop the others: its `masked` is null, `error` gives the reason, and standard error names its number. Exits with
    0, with 1 when a line of --jsonl could not be masked, or with 2 when FILE could not be.
    """
    masker = _masker(stack, personal)
    data = read_input(file)
    if is_jsonl:
        ctx.exit(_redact_lines(masker, data, file))
    try:
        masked = masker.mask_bytes(data)
    except Exception as error:  # noqa: BLE001 - the log writer stores nothing of such a payload either
        kept = "of such a payload only size, type and digest are kept"
        raise CouldNot(f"{file}: cannot be masked: {_reason(error)}; {kept}") from None
    _write(masked.data)
    for redaction in masked.redactions:
        place = redaction.path or "(the whole)"
        click.echo(printable(f"{place}: {redaction.rule}" if explain else place), err=True)
    ctx.exit(DONE)


def _masker(stack: str | None, personal: str | None) -> Masker:
    """Return a masker with a stack's own rules. It has no key, so it masks what the log would pseudonymise."""
    path = project_root() / "stacks" / f"Pulumi.{stack or 'local'}.yaml"
    texts: object = []
    stacks_own: object = None
    if stack is not None or path.is_file():
        from cli.stack_file import StackFile  # noqa: PLC0415 - 60 ms that a machine without a stack does without

        file = StackFile(path)
        texts = file.config.get(file.spelled(f"{PROJECT}:maskRules"), [])
        stacks_own = file.config.get(file.spelled(f"{PROJECT}:personalData"))
    kept = (personal or stacks_own) == "off"
    if not isinstance(texts, list):
        raise CouldNot(f"{path}: maskRules: must be a list of strings")
    try:
        rules = read_mask_rules([str(text) for text in texts])
    except MaskRuleError as error:
        raise CouldNot(printable(f"{path}: maskRules: {error}")) from None
    custom = CustomRules(key_names=rules.key_names, patterns=rules.patterns, allow=rules.allow)
    return Masker(personal="off" if kept else "mask", custom=custom)


def _redact_lines(masker: Masker, data: bytes, file: str) -> int:
    code = DONE
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            shown = _redacted_line(masker, line.strip())
        except Exception as error:  # noqa: BLE001 - one line must not cost the lines behind it
            code = FOUND
            reason = _reason(error)
            shown = json_line({"masked": None, "redactions": [], "error": reason}).encode()
            click.echo(printable(f"{file}: line {number}: {reason}"), err=True)
        sys.stdout.buffer.write(shown + b"\n")
    sys.stdout.buffer.flush()
    return code


def _reason(error: Exception) -> str:
    """Return why masking failed. A fault's message may hold data, so a fault is named by type and place."""
    return error.reason if isinstance(error, Unscannable) else f"the masker failed: {describe(error)}"


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
