"""`audit-log digest`: computes a payload's digest as the writer does, and says whether that is what was logged."""

from pathlib import Path
from typing import Final

import click

from audit_core.digest import digest_payload
from cli.connection import Connection, load_deployment
from cli.console import emit_json, printable
from cli.exits import DONE, FOUND, CouldNot
from cli.inputs import read_input
from cli.options import deployment_options, json_option
from cli.reader import LogReader, StoredRecord

_ABBREVIATED: Final = "..."


@click.command()
@click.argument("file")
@deployment_options
@json_option
@click.option("--record", "record_id", help="The record that FILE may be the request or the response of.")
@click.pass_context
def digest(
    ctx: click.Context, *, file: str, outputs: Path | None, stack: str | None, record_id: str | None, as_json: bool
) -> None:
    """Print the digest of FILE (`-`: standard input), or with --record say whether FILE is what was logged.

    JSON is digested in its RFC 8785 form with the values of secret fields replaced; anything else as it is. Exits with
    0 when FILE is what was logged, 1 when it is not, 2 when that cannot be told.
    """
    data = read_input(file)
    found = digest_payload(data)
    if found.digest is None:
        raise CouldNot(f"{file}: has no digest: it {found.undigestible}")
    if record_id is None:
        if as_json:
            emit_json({"digest": found.digest, "bytes": found.size})
        else:
            click.echo(found.digest)
        return
    stored = _record(record_id, outputs=outputs, stack=stack)
    logged = {side: stored.record.get(f"{side}_hash") for side in ("request", "response")}
    forms = {"": found.digest}
    if data.endswith(b"\n"):
        # An editor adds a newline to what had none; JSON's digest does not see it, a text's does.
        trimmed = digest_payload(data.removesuffix(b"\n").removesuffix(b"\r")).digest
        if trimmed is not None and trimmed != found.digest:
            forms[" without its last newline"] = trimmed
    matches = [(side, how) for side, value in logged.items() for how, form in forms.items() if _is_same(value, form)]
    if not matches and any(str(value).startswith("hmac-") for value in logged.values()):
        raise CouldNot(f"record {printable(record_id)}: its digests are keyed, and only the writer holds the key")
    if as_json:
        emit_json(
            {
                "record_id": record_id,
                "digest": found.digest,
                "is_request": any(side == "request" for side, _ in matches),
                "is_response": any(side == "response" for side, _ in matches),
                "logged": logged,
            }
        )
    elif matches:
        for side, how in matches:
            weak = "; the logged digest is abbreviated, so this is weak" if _is_abbreviated(logged[side]) else ""
            click.echo(printable(f"{file}{how} is the {side} of record {record_id}{weak}"))
    else:
        click.echo(printable(f"{file} is neither the request nor the response of record {record_id}"))
    ctx.exit(DONE if matches else FOUND)


def _record(record_id: str, *, outputs: Path | None, stack: str | None) -> StoredRecord:
    deployment = load_deployment(outputs=outputs, stack=stack)
    with Connection(deployment) as connection:
        reader = LogReader(connection.client("s3", role_arn=deployment.auditor_role_arn), deployment.bucket)
        stored = reader.holding(record_id)
        for item in reader.read(stored) if stored is not None else ():
            if isinstance(item, StoredRecord) and item.record.get("record_id") == record_id:
                return item
    raise CouldNot(f"--record {printable(record_id)}: no such record in the log")


def _is_abbreviated(logged: object) -> bool:
    return isinstance(logged, str) and logged.endswith(_ABBREVIATED)


def _is_same(logged: object, computed: str) -> bool:
    if not isinstance(logged, str):
        return False
    return computed.startswith(logged.removesuffix(_ABBREVIATED)) if _is_abbreviated(logged) else logged == computed
