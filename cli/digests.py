"""`audit-log digest`: computes a payload's digest as the writer does, and says whether that is what was logged."""

import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from audit_core.digest import HmacKey, PayloadDigest, digest_payload
from audit_core.errors import AuditError
from audit_core.keys import KeyRing, parse_keys, parse_ring
from cli.connection import Connection, Deployment, aws_reason, load_deployment
from cli.console import emit_json, printable
from cli.exits import DONE, FOUND, CouldNot
from cli.inputs import read_input
from cli.options import deployment_options, json_option
from cli.reader import LogReader, StoredRecord

_ABBREVIATED: Final = "..."
_KEYED: Final = "hmac-sha256:"
SIDES: Final = ("request", "response")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """FILE is the record's request or response; `how` says as what, when not as it is."""

    side: str
    how: str


class Keyring:
    """The keys that digests can be computed with: those of a file, or the stack's own, read when they are needed."""

    def __init__(self, *, key_file: Path | None, outputs: Path | None, stack: str | None) -> None:
        self._key_file = key_file
        self._outputs = outputs
        self._stack = stack
        self._ring: KeyRing | None = None

    def current(self) -> HmacKey:
        """Return the key that is in use; raise CouldNot."""
        return self._read().key

    def named(self, key_id: str) -> HmacKey | None:
        """Return the key with this id, if there is one; raise CouldNot when the keys cannot be read."""
        return self._read().keys.get(key_id)

    def _read(self) -> KeyRing:
        if self._ring is None:
            self._ring = self._from_file(self._key_file) if self._key_file is not None else self._from_stack()
        return self._ring

    def _from_file(self, path: Path) -> KeyRing:
        try:
            document = json.loads(path.read_bytes())
        except OSError as error:
            raise CouldNot(f"--key-file {path}: {error.strerror}") from None
        except ValueError:
            raise CouldNot(f"--key-file {path}: is not JSON") from None
        try:
            ring = document.get("digest", document) if isinstance(document, dict) else document
            return parse_ring(ring, "digest")
        except AuditError as error:
            raise CouldNot(f"--key-file {path}: {error}") from None

    def _from_stack(self) -> KeyRing:
        with Connection(load_deployment(outputs=self._outputs, stack=self._stack)) as connection:
            return stack_ring(connection)


def stack_ring(connection: Connection) -> KeyRing:
    """Return the keys of a stack's digests, read with the caller's own credentials; raise CouldNot."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - a plain digest does without

    name = connection.deployment.keys_parameter
    try:
        reply = connection.client("ssm").get_parameter(Name=name, WithDecryption=True)
        return parse_keys(str(reply["Parameter"]["Value"])).digest
    except (BotoCoreError, ClientError) as error:
        reason = aws_reason(error)
        raise CouldNot(f"parameter {name}: {connection.caller_arn} cannot read the keys: {reason}") from None
    except AuditError as error:
        raise CouldNot(f"parameter {name}: {error}") from None


@click.command()
@click.argument("file")
@deployment_options
@json_option
@click.option("--record", "record_id", help="The record that FILE may be the request or the response of.")
@click.option("--keyed", is_flag=True, help="Print the keyed digest (hmac-sha256), with the key that is in use.")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A JSON file of keys ({current, keys}), instead of the stack's own.",
)
@click.pass_context
def digest(
    ctx: click.Context,
    *,
    file: str,
    outputs: Path | None,
    stack: str | None,
    record_id: str | None,
    as_json: bool,
    keyed: bool,
    key_file: Path | None,
) -> None:
    """Print the digest of FILE (`-`: standard input), or with --record say whether FILE is what was logged.

    JSON is digested in its RFC 8785 form with the values of secret fields replaced; anything else as it is. Keys of
    keyed digests are read from the stack with your own credentials. Exits with 0 when FILE is what was logged, 1 when
    it is not, 2 when it cannot find out.
    """
    data = read_input(file)
    keyring = Keyring(key_file=key_file, outputs=outputs, stack=stack)
    if record_id is None:
        found = _digested(file, data, key=keyring.current() if keyed or key_file is not None else None)
        if as_json:
            emit_json({"digest": found.digest, "bytes": found.size})
        else:
            click.echo(found.digest)
        return
    found = _digested(file, data, key=None)
    stored = _record(record_id, load_deployment(outputs=outputs, stack=stack))
    logged = {side: stored.record.get(f"{side}_hash") for side in SIDES}
    matches = list(_matches(record_id, data, logged, keyring))
    if as_json:
        emit_json(
            {
                "record_id": record_id,
                "digest": found.digest,
                "is_request": any(match.side == "request" for match in matches),
                "is_response": any(match.side == "response" for match in matches),
                "logged": logged,
            }
        )
    elif matches:
        for match in matches:
            weak = "; the logged digest is abbreviated, so this is weak" if _is_abbreviated(logged[match.side]) else ""
            click.echo(printable(f"{file}{match.how} is the {match.side} of record {record_id}{weak}"))
    else:
        click.echo(printable(f"{file} is neither the request nor the response of record {record_id}"))
    ctx.exit(DONE if matches else FOUND)


def _digested(file: str, data: bytes, *, key: HmacKey | None) -> PayloadDigest:
    found = digest_payload(data, key=key)
    if found.digest is None:
        raise CouldNot(f"{file}: has no digest: it {found.undigestible}")
    return found


def _matches(record_id: str, data: bytes, logged: Mapping[str, object], keyring: Keyring) -> Iterator[Match]:
    """Say what `data` is of the record; raise CouldNot when nothing matches and a key was missing."""
    forms = {"": data}
    if data.endswith(b"\n"):
        # An editor adds a newline to what had none; JSON's digest does not see it, a text's does.
        forms[" without its last newline"] = data.removesuffix(b"\n").removesuffix(b"\r")
    missing = ""
    found = False
    for side, value in logged.items():
        key_id = value.split(":")[1] if isinstance(value, str) and value.startswith(_KEYED) else None
        key = keyring.named(key_id) if key_id is not None else None
        if key_id is not None and key is None:
            missing = key_id
            continue
        for how, form in forms.items():
            if _is_same(value, digest_payload(form, key=key).digest):
                found = True
                yield Match(side=side, how=how)
                break
    if missing and not found:
        record = printable(record_id)
        raise CouldNot(f"record {record}: no key {printable(missing)} (an agent's own key? give it with --key-file)")


def _record(record_id: str, deployment: Deployment) -> StoredRecord:
    with Connection(deployment) as connection:
        reader = LogReader(connection.client("s3", role_arn=deployment.auditor_role_arn), deployment.bucket)
        stored = reader.holding(record_id)
        for item in reader.read(stored) if stored is not None else ():
            if isinstance(item, StoredRecord) and item.record.get("record_id") == record_id:
                return item
    raise CouldNot(f"--record {printable(record_id)}: no such record in the log")


def _is_abbreviated(logged: object) -> bool:
    return isinstance(logged, str) and logged.endswith(_ABBREVIATED)


def _is_same(logged: object, computed: str | None) -> bool:
    """Compare in a time that tells nothing of where they differ."""
    if not isinstance(logged, str) or computed is None:
        return False
    kept = logged.removesuffix(_ABBREVIATED)
    return hmac.compare_digest(computed[: len(kept)] if _is_abbreviated(logged) else computed, kept)
