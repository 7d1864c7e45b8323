"""`audit-log retain`: keeps records for longer, places legal holds, and releases them.

What is asked for is done to the object that the record lies in, on its oldest version, which is the record. Extending
and holding is the retention admin's; releasing takes a role of its own, every use of which alarms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from audit_core.layout import RECORDS
from cli.connection import Client, Connection, Deployment, aws_reason, load_deployment
from cli.console import emit_json, printable
from cli.exits import CouldNot
from cli.options import deployment_options, json_option
from cli.query import parse_span, parse_time
from cli.reader import LogReader, StoredObject
from stacks.settings import rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """The version that is to be kept, and the client of the role that may say so."""

    s3: Client
    bucket: str
    key: str
    version_id: str

    def call(self, what: str, operation: str, **further: object) -> dict[str, object]:
        """Call an S3 operation on the version; raise CouldNot with AWS's code when it is refused."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        method: Callable[..., dict[str, object]] = getattr(self.s3, operation)
        try:
            return method(Bucket=self.bucket, Key=self.key, VersionId=self.version_id, **further)
        except (BotoCoreError, ClientError) as error:
            raise CouldNot(f"{self.key}: {what}: {aws_reason(error)}") from None


@click.command()
@click.argument("record")
@deployment_options
@json_option
@click.option("--until", help="Lock it until then: 2027-12-31, 2027-12-31T12:00:00Z, or 400d from now.")
@click.option("--hold", is_flag=True, help="Place a legal hold: locked until it is released, however long.")
@click.option("--release", is_flag=True, help="Release its legal hold, as the hold releaser. Alarms.")
def retain(
    *, record: str, outputs: Path | None, stack: str | None, until: str | None, hold: bool, release: bool, as_json: bool
) -> None:
    """Extend the retention of RECORD (a record id or an object key), or place or release a legal hold on it.

    Retention can only be extended, and neither --until nor --hold can be taken back by who gave it. An object may hold
    other records of the same request: they are kept with it. Without options, says how RECORD is kept now.
    """
    if hold and release:
        raise click.UsageError("--hold and --release: give one of them")
    deployment = load_deployment(outputs=outputs, stack=stack)
    with Connection(deployment) as connection:
        admin = _version(connection, deployment, record, role_arn=deployment.retention_admin_role_arn)
        if until is not None:
            _extend(admin, deployment, _end(until))
        if hold:
            admin.call("placing a hold", "put_object_legal_hold", LegalHold={"Status": "ON"})
        if release:
            releaser = _Version(
                s3=connection.client("s3", role_arn=deployment.hold_releaser_role_arn),
                bucket=admin.bucket,
                key=admin.key,
                version_id=admin.version_id,
            )
            releaser.call("releasing the hold", "put_object_legal_hold", LegalHold={"Status": "OFF"})
        _tell(admin, as_json=as_json)


def _version(connection: Connection, deployment: Deployment, record: str, *, role_arn: str) -> _Version:
    s3 = connection.client("s3", role_arn=role_arn)
    reader = LogReader(s3, deployment.bucket)
    found: StoredObject | None = reader.object(record) if record.startswith(RECORDS) else reader.holding(record)
    if found is None or not found.version_ids:
        raise CouldNot(f"{printable(record)}: no such record or object in the log")
    return _Version(s3=s3, bucket=deployment.bucket, key=found.key, version_id=found.version_ids[0])


def _extend(version: _Version, deployment: Deployment, until: datetime) -> None:
    mode, now_until = _retention(version)
    if now_until is not None and until <= now_until:
        raise CouldNot(
            f"--until: the record is already locked until {rfc3339(now_until)}; retention can only be extended"
        )
    maximum = deployment.bounds.max_days
    if until > datetime.now(UTC) + timedelta(days=maximum):
        raise CouldNot(f"--until: profile {deployment.profile} extends to at most {maximum} days from now")
    wanted = {"Mode": mode or str(deployment.retention_mode), "RetainUntilDate": until}
    version.call("extending retention", "put_object_retention", Retention=wanted)


def _retention(version: _Version) -> tuple[str | None, datetime | None]:
    found = version.call("reading retention", "get_object_retention").get("Retention")
    if not isinstance(found, dict):
        return None, None
    mode, until = found.get("Mode"), found.get("RetainUntilDate")
    return (mode if isinstance(mode, str) else None), (until if isinstance(until, datetime) else None)


def _is_held(version: _Version) -> bool:
    try:
        found = version.call("reading the hold", "get_object_legal_hold").get("LegalHold")
    except CouldNot as error:
        if error.message.endswith("NoSuchObjectLockConfiguration"):
            return False  # S3's way to say that no hold was ever placed
        raise
    return isinstance(found, dict) and found.get("Status") == "ON"


def _tell(version: _Version, *, as_json: bool) -> None:
    mode, until = _retention(version)
    held = _is_held(version)
    if as_json:
        emit_json(
            {
                "object": version.key,
                "version_id": version.version_id,
                "mode": mode,
                "retain_until": None if until is None else rfc3339(until),
                "legal_hold": held,
            }
        )
        return
    lock = "not locked" if until is None else f"locked in {mode} mode until {rfc3339(until)}"
    click.echo(printable(f"{version.key}: {lock}, {'on' if held else 'no'} legal hold"))


def _end(text: str) -> datetime:
    now = datetime.now(UTC)
    try:
        return now + parse_span(text)
    except OverflowError:
        raise click.UsageError(f"--until: too far away, got {printable(text)!r}") from None
    except ValueError:
        pass
    try:
        return parse_time(text, now=now)
    except ValueError:
        raise click.UsageError(
            f"--until: must be like 2027-12-31, 2027-12-31T12:00:00Z or 400d; got {printable(text)!r}"
        ) from None
