"""What is stored stays, for everyone: tried on the checklist's own probe record, as administrator and as each role."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from cli.checks.probe import DENIED, Attempt, Probe, Verdict, failed, judged

_NO_REMOVAL: Final = DENIED | {"MalformedXML"}
"""A lock is removed by an empty one, which a store may refuse to read at all."""
_DAY: Final = timedelta(days=1)
_CLOCKS: Final = timedelta(minutes=10)
"""How far this machine's clock and S3's may differ before a lock looks too short."""


def locked(probe: Probe) -> Verdict:
    """Every version of the probe records is locked in the stack's mode, for its days from when it was stored."""
    stack = probe.deployment
    problems: list[str] = []
    ends: list[datetime] = []
    for key in (probe.known_call.key, probe.victim().key):
        stored = probe.reader.object(key)
        for version_id in stored.version_ids if stored is not None else ():
            held = probe.auditor_s3.head_object(Bucket=stack.bucket, Key=key, VersionId=version_id)
            mode, until = held.get("ObjectLockMode"), held.get("ObjectLockRetainUntilDate")
            if not isinstance(until, datetime):
                problems.append("a stored version has no lock")
                continue
            ends.append(until)
            if mode != stack.retention_mode:
                problems.append(f"a stored version is locked in mode {mode}, not {stack.retention_mode}")
            if until < probe.started_at + stack.retention_days * _DAY - _CLOCKS:
                problems.append(f"a stored version is locked only until {until:%Y-%m-%d %H:%M} UTC")
    if not ends and not problems:
        problems.append("no stored version was found")
    return judged(problems, f"{stack.retention_mode} until {min(ends, default=probe.started_at):%Y-%m-%d %H:%M} UTC")


def delete(probe: Probe) -> Verdict:
    """A plain delete, which would hide the record behind a marker, is refused to everyone."""
    victim = probe.victim()
    return probe.try_all(
        probe.attempts(
            "hide the record behind a delete marker",
            lambda s3: s3.delete_object(Bucket=victim.bucket, Key=victim.key),
        )
    )


def delete_version(probe: Probe) -> Verdict:
    """Deleting the record's version is refused to everyone, one by one and in a batch."""
    victim = probe.victim()
    batch = {"Objects": [{"Key": victim.key, "VersionId": victim.version_id}]}
    return probe.try_all(
        [
            *probe.attempts("delete the record's version", lambda s3: s3.delete_object(**victim.version)),
            *probe.attempts(
                "delete the record's version in a batch",
                lambda s3: _raise_batch_error(s3.delete_objects(Bucket=victim.bucket, Delete=batch)),
            ),
        ]
    )


def bypass_delete(probe: Probe) -> Verdict:
    """Deleting the record's version with governance bypassed is refused to everyone."""
    where = probe.victim().version
    return probe.try_all(
        probe.attempts(
            "delete the record's version by bypassing governance",
            lambda s3: s3.delete_object(**where, BypassGovernanceRetention=True),
        )
    )


def overwrite(probe: Probe) -> Verdict:
    """Putting another object over the record's key is refused, and no version beside the first has appeared."""
    victim = probe.victim()
    bucket, key = victim.bucket, victim.key
    # The record's own bytes: were they taken, a reader would see the same record twice, and no other.
    same = probe.reader.raw(key, victim.version_id)
    verdict = probe.try_all(
        probe.attempts(
            "put a new version over the record",
            lambda s3: s3.put_object(Bucket=bucket, Key=key, Body=same, ChecksumAlgorithm="SHA256"),
        )
    )
    after = probe.reader.object(key)
    if after is not None and after.marker_ids:
        return judged(["a delete marker hides the record"], "")
    if after is None or len(after.version_ids) != 1:
        return judged([verdict.detail, "the record's key does not hold exactly one version"], "")
    return verdict


def shorten(probe: Probe) -> Verdict:
    """An earlier end of retention is refused to everyone, with and without bypassing governance."""
    mode = _lock(probe)["Mode"]
    soon = datetime.now(UTC) + timedelta(minutes=5)
    return probe.try_all(
        [
            *_retention(probe, "shorten the record's retention", {"Mode": mode, "RetainUntilDate": soon}),
            *_retention(
                probe,
                "shorten the record's retention by bypassing governance",
                {"Mode": mode, "RetainUntilDate": soon},
                bypass=True,
            ),
        ]
    )


def downgrade(probe: Probe) -> Verdict:
    """Removing the lock, or a weaker mode for the same time, is refused to everyone, with and without bypass."""
    attempts = [
        *_retention(probe, "remove the record's lock", {}, refusals=_NO_REMOVAL),
        *_retention(probe, "remove the record's lock by bypassing governance", {}, bypass=True, refusals=_NO_REMOVAL),
    ]
    mode = probe.deployment.retention_mode
    before = _lock(probe)
    if mode == "COMPLIANCE":
        weaker = {**before, "Mode": "GOVERNANCE"}
        attempts += _retention(probe, "turn compliance into governance", weaker)
        attempts += _retention(probe, "turn compliance into governance by bypassing", weaker, bypass=True)
    verdict = probe.try_all(attempts)
    if _lock(probe) != before:
        return failed(f"the record's lock changed; {verdict.detail}")
    return verdict


def _lock(probe: Probe) -> Mapping[str, object]:
    """Return the probe record's lock, as the auditor reads it."""
    found: Mapping[str, object] = probe.auditor_s3.get_object_retention(**probe.victim().version)["Retention"]
    return found


def _retention(
    probe: Probe,
    what: str,
    retention: Mapping[str, object],
    *,
    bypass: bool = False,
    refusals: frozenset[str] = DENIED,
) -> list[Attempt]:
    request: dict[str, object] = {**probe.victim().version, "Retention": retention}
    if bypass:
        request["BypassGovernanceRetention"] = True
    return probe.attempts(what, lambda s3: s3.put_object_retention(**request), refusals=refusals)


def _raise_batch_error(reply: Mapping[str, object]) -> None:
    """Raise the first error of a batch delete, which S3 reports inside a reply of 200."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - as everywhere: only commands that need AWS load it

    errors = reply.get("Errors")
    if isinstance(errors, list) and errors:
        raise ClientError({"Error": {"Code": errors[0].get("Code", "unknown error")}}, "DeleteObjects")
