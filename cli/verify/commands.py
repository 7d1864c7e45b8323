"""`audit-log verify`: its commands. What they do is in this package's other modules."""

import base64
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import click
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from audit_core.errors import AuditError
from audit_core.layout import RECORDS
from audit_core.merkle import leaf_digest
from audit_core.notes import Checkpoint, VerifierKey, key_from_der, open_checkpoint
from cli.connection import Connection, Deployment, aws_reason, load_deployment
from cli.console import emit_json, printable, program
from cli.exits import FOUND, CouldNot
from cli.options import deployment_options, json_option
from cli.query import option_time
from cli.verify.anchors import read_roots
from cli.verify.copying import copy_log
from cli.verify.findings import KINDS, Report
from cli.verify.folder import FolderSource
from cli.verify.log import VerifyOptions, verify_log
from cli.verify.proofs import MAX_PROOF_BYTES, SUFFIX, check_proof, parse_proof
from cli.verify.proving import prove as make_proof
from cli.verify.sharing import usable_processors
from cli.verify.source import BrokenCopyError, BucketSource, Source
from cli.verify.tree import Progress, quiet
from cli.verify.trust import read_key, verify_signature

_INTERVALS = 3
_FILE = click.Path(path_type=Path, dir_okay=False)
_TOLD = 50
Answer = TypeVar("Answer")


@click.group()
def verify() -> None:
    """Verify that the log is complete, unaltered and in order, as it was sealed; prove single records.

    A copy (`verify copy`) and the public key (`verify key`) are all that `verify log --dir` needs: no account, no
    network. Each command exits with 0, with 1 on evidence of tampering, or with 2 when it could not check.
    """


@verify.command("log")
@deployment_options
@json_option
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path, file_okay=False), help="A copy, instead of the bucket."
)
@click.option("--public-key", type=_FILE, help="The key to trust, as `verify key` prints it. Needed with --dir.")
@click.option("--since", help="Read objects of this day and later only. The tree is always verified as a whole.")
@click.option("--until", help="Read objects of days before this one only.")
@click.option("--against", type=_FILE, multiple=True, help="A checkpoint or proof that you kept; may be repeated.")
@click.option("--anchors", type=_FILE, multiple=True, help="Roots, in PEM, of authorities whose time stamps count.")
@click.option("--jobs", type=click.IntRange(1, 64), help="Processes, over a copy. Default: one for each processor.")
@click.option("--now", "clock", help="Verify as of this time, and not as of when the copy was made.")
@click.pass_context
def log(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    outputs: Path | None,
    stack: str | None,
    folder: Path | None,
    public_key: Path | None,
    since: str | None,
    until: str | None,
    against: tuple[Path, ...],
    anchors: tuple[Path, ...],
    jobs: int | None,
    clock: str | None,
    as_json: bool,
) -> None:
    """Verify every stored byte: objects, lines, tree, checkpoints, locks; against the bucket or offline on a copy."""
    with _opened(outputs, stack, folder, public_key) as (source, key, grace), _progress(as_json=as_json) as progress:
        options = VerifyOptions(
            key=key,
            kept=[_kept(path, key) for path in against],
            roots=[root for path in anchors for root in read_roots(path)],
            since=_day("--since", since),
            until=_day("--until", until),
            grace=grace,
            now=None if clock is None else option_time("--now", clock, now=datetime.now(UTC)),
            jobs=jobs or usable_processors(),
            progress=progress,
        )
        report = _verified(source, options)
    if as_json:
        emit_json(report.as_json())
    else:
        _tell(report)
    ctx.exit(FOUND if report.findings else 0)


@verify.command("copy")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@deployment_options
def copy(*, folder: Path, outputs: Path | None, stack: str | None) -> None:
    """Copy the log, every version of it, into FOLDER, to be verified anywhere with `verify log --dir FOLDER`."""
    deployment = load_deployment(outputs=outputs, stack=stack)
    total = 0

    def copied(size: int) -> None:
        nonlocal total
        total += size

    with Connection(deployment) as connection:
        keys = _asked(lambda: copy_log(_bucket(connection, deployment), folder, copied=copied))
    click.echo(f"{folder}: {keys} keys, {total} bytes; keep the public key apart from it (`{program()} verify key`)")


@verify.command("key")
@deployment_options
def key(*, outputs: Path | None, stack: str | None) -> None:
    """Print the log's public key in signed-note verifier form. Keep it where nobody who runs the log can change it."""
    deployment = load_deployment(outputs=outputs, stack=stack)
    with Connection(deployment) as connection:
        click.echo(_asked(lambda: _public_key(connection, deployment)).text)


@verify.command("prove")
@click.argument("record_id")
@deployment_options
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path, file_okay=False), help="A copy, instead of the bucket."
)
@click.option("--public-key", type=_FILE, help="The key to trust. Needed with --dir.")
@click.option("--out", type=_FILE, help=f"Where the proof goes. Default: RECORD_ID{SUFFIX}.")
def prove(
    *, record_id: str, outputs: Path | None, stack: str | None, folder: Path | None, public_key: Path | None,
    out: Path | None,
) -> None:  # fmt: skip
    """Write a proof that RECORD_ID is in the log. Whoever has the public key can check it, without the log."""
    with _opened(outputs, stack, folder, public_key) as (source, trusted, _):
        proof = _asked(lambda: make_proof(source, trusted, record_id))
    path = out or Path(f"{record_id}{SUFFIX}")
    try:
        path.write_bytes(proof)
    except OSError as error:
        raise CouldNot(f"--out: {path}: {error.strerror}") from None
    click.echo(f"{path}: check it with `{program()} verify proof {path} --public-key FILE`")


@verify.command("proof")
@click.argument("file", type=_FILE)
@click.option("--public-key", type=_FILE, required=True, help="The log's key, as `verify key` prints it.")
@click.option("--record", type=_FILE, help="The record's stored line, to see that it is the one that is proved.")
@json_option
@click.pass_context
def proof(ctx: click.Context, *, file: Path, public_key: Path, record: Path | None, as_json: bool) -> None:
    """Check the proof in FILE with the public key and nothing else."""
    trusted = read_key(public_key)
    said: dict[str, object] = {"ok": False}
    try:
        proved = check_proof(_bytes(file), trusted, verify_signature)
        line = None if record is None else _bytes(record).rstrip(b"\r\n")
        if line is not None and leaf_digest(line) != proved.entry.digest:
            said["reason"] = "the proof is good, but of another record"
        else:
            said = {
                "ok": True,
                "record_id": proved.entry.record_id,
                "digest": proved.entry.digest,
                "object": proved.entry.key,
                "line": proved.entry.line,
                "index": proved.index,
                "size": proved.checkpoint.size,
                "origin": proved.checkpoint.origin,
            }
    except AuditError as error:
        said["reason"] = str(error)
    if as_json:
        emit_json(said)
    elif said["ok"]:
        proved = f"record {said['record_id']} is entry {said['index']} of {said['size']} in {said['origin']}"
        click.echo(printable(f"good: {proved}\n").rstrip("\\n") + f"\n  digest {said['digest']}")
    else:
        click.echo(printable(f"not good: {said['reason']}"))
    ctx.exit(0 if said["ok"] else FOUND)


@contextmanager
def _opened(
    outputs: Path | None, stack: str | None, folder: Path | None, public_key: Path | None
) -> Iterator[tuple[Source, VerifierKey, timedelta]]:
    """Yield what is verified, the trusted key, and how long a record may wait for its seal."""
    if folder is not None:
        if outputs is not None or stack is not None:
            raise click.UsageError("--dir: without --outputs and --stack")
        if public_key is None:
            raise click.UsageError("--public-key: needed with --dir; a key out of the copy would vouch for itself")
        trusted = read_key(public_key)
        yield _asked(lambda: FolderSource(folder)), trusted, timedelta(minutes=_INTERVALS * 5)
        return
    deployment = load_deployment(outputs=outputs, stack=stack)
    with Connection(deployment) as connection:
        trusted = (
            read_key(public_key) if public_key is not None else _asked(lambda: _public_key(connection, deployment))
        )
        yield _bucket(connection, deployment), trusted, timedelta(minutes=_INTERVALS * deployment.seal_minutes)


def _bucket(connection: Connection, deployment: Deployment) -> BucketSource:
    return BucketSource(connection.client("s3", role_arn=deployment.auditor_role_arn), deployment.bucket)


def _public_key(connection: Connection, deployment: Deployment) -> VerifierKey:
    if deployment.seal_key_id is None or deployment.seal_origin is None:
        raise CouldNot("this stack has no seal; deploy it again with this version")
    kms = connection.client("kms", role_arn=deployment.auditor_role_arn)
    encoded = kms.get_public_key(KeyId=deployment.seal_key_id)["PublicKey"]
    encoded = encoded if isinstance(encoded, bytes) else base64.b64decode(encoded)
    try:
        return key_from_der(deployment.seal_origin, encoded)
    except AuditError as error:
        raise CouldNot(f"stack output seal_key_id: {error}") from None


def _asked(ask: Callable[[], Answer]) -> Answer:
    """Return the answer of `ask`. Raise CouldNot when AWS does not answer or the copy cannot be read."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        return ask()
    except (BotoCoreError, ClientError) as error:
        raise CouldNot(f"cannot read the log: {aws_reason(error)}") from None
    except BrokenCopyError as error:
        raise CouldNot(printable(str(error))) from None
    except OSError as error:
        raise CouldNot(f"cannot read the log: {error.strerror or 'input or output failed'}") from None
    except (BrokenExecutor, MemoryError):
        raise CouldNot("cannot check the log: there is too little memory, or a process was ended") from None
    except KeyboardInterrupt:
        raise CouldNot("interrupted: the log is not verified") from None


def _verified(source: Source, options: VerifyOptions) -> Report:
    return _asked(lambda: verify_log(source, options))


def _kept(path: Path, key: VerifierKey) -> Checkpoint:
    """Return the checkpoint in a file that the user kept: a checkpoint, or a proof, which ends with one."""
    data = _bytes(path)
    try:
        if data.startswith(b"c2sp.org/tlog-proof@"):
            data = parse_proof(data).checkpoint
        return open_checkpoint(data, key, verify_signature)
    except AuditError as error:
        raise CouldNot(f"--against: {path}: {error}") from None


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PROOF_BYTES + 1)
    except OSError as error:
        raise CouldNot(f"{path}: {error.strerror}") from None
    if len(data) > MAX_PROOF_BYTES:
        raise CouldNot(f"{path}: is larger than {MAX_PROOF_BYTES} bytes")
    return data


def _day(option: str, text: str | None) -> str:
    return "" if text is None else f"{option_time(option, text, now=datetime.now(UTC)).astimezone(UTC):%Y-%m-%d}"


@contextmanager
def _progress(*, as_json: bool) -> Iterator[Progress]:
    """Show progress on standard error where that is a terminal."""
    if as_json or not sys.stderr.isatty():
        yield quiet
        return
    from rich.console import Console  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    # It has no thread of its own: processes that are forked must not inherit what another thread holds.
    with Bar(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("verifying", total=None)
        records = 0

        def advance(more: int, size: int) -> None:
            nonlocal records
            records += more
            bar.update(task, advance=size, description=f"verifying: {records} records")
            bar.refresh()

        yield advance


def _tell(report: Report) -> None:
    """Say what was found, and what it still vouches for."""
    lines = [
        f"{report.origin}",
        f"  {report.records} records in {report.objects} objects, {report.checked_bytes} bytes read",
        f"  {report.vouched} of {report.size} entries are under {report.checkpoints} good checkpoints",
    ]
    lines += [
        f"  {count} {what}"
        for count, what in (
            (report.expired, "objects expired as planned"),
            (report.pending, "objects wait to be sealed"),
            (report.skipped, f"objects under {RECORDS} were not read: they are of other days"),
            (report.anchors, "time stamps by an authority"),
        )
        if count
    ]
    lines += [f"  note: {notice}" for notice in report.notices]
    lines.append(f"  freshness: {'; '.join(report.freshness) or 'not established'}")
    if not report.freshness:
        lines.append("    nothing here shows whether the log was longer before: keep a checkpoint, and give it")
        lines.append("    with --against")
    for finding in report.findings[:_TOLD]:
        lines.append(f"tampering: {finding.kind}: {finding.where}: {finding.detail or KINDS[finding.kind]}")
    if len(report.findings) > _TOLD:
        lines.append(f"and {len(report.findings) - _TOLD} findings more; --json has them all")
    count = len(report.findings)
    lines.append(f"NOT verified: {count} finding{'s' if count > 1 else ''}" if count else "verified")
    for line in lines:
        click.echo(printable(line))
