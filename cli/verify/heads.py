"""What was signed: each checkpoint against the log that it is of, those that the caller kept, the one that is shown.

Promise: a file without a checkpoint of the trusted key is reported, and none of its content is believed.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from audit_core.errors import AuditError
from audit_core.layout import CHECKPOINT, CHECKPOINTS, KEY, checkpoint_key
from audit_core.notes import SIZE, Checkpoint, VerifierKey, open_checkpoint
from audit_core.sealing import EMPTY, LogState
from audit_core.tiles import Edge
from cli.verify.findings import Finding, Report
from cli.verify.source import Body, Source
from cli.verify.trust import verify_signature

_MAX_CHECKPOINTS = 10_000_000
_PUBLISHING = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the checkpoint of a size says of a log: whether it is this one (null: nothing), and what is to be found."""

    good: bool | None
    finding: Finding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """The checkpoints that are listed, by size and in order, and when the last of them came."""

    sizes: list[int]
    last_at: datetime


def read_heads(source: Source, report: Report) -> Heads:
    """List the checkpoints."""
    sizes: list[int] = []
    last_at = datetime.min.replace(tzinfo=UTC)
    for rows in source.versions(CHECKPOINTS):
        name = rows[0].key.removeprefix(CHECKPOINTS)
        if not SIZE.fullmatch(name) or len(sizes) >= _MAX_CHECKPOINTS:
            report.found("unexpected", rows[0].key)
            continue
        sizes.append(int(name))
        last_at = max(last_at, rows[0].stored_at)
    return Heads(sizes=sorted(sizes), last_at=last_at)


def signed_in(source: Source, key: VerifierKey, name: str, report: Report) -> Checkpoint | None:
    """Return the checkpoint in a file. Report a file that the trusted key has not signed."""
    stored = source.read(name)
    if stored is None:
        return None
    try:
        return open_checkpoint(stored.data, key, verify_signature)
    except AuditError as error:
        report.found("signature", name, str(error))
        return None


def verdict_of(source: Source, key: VerifierKey, log: LogState) -> Verdict:
    """Compare the log with the checkpoint of its size."""
    name = checkpoint_key(log.size)
    stored = source.read(name)
    if stored is None:
        return Verdict(good=None, finding=Finding(kind="checkpoint-missing", where=name))
    try:
        signed = open_checkpoint(stored.data, key, verify_signature)
    except AuditError as error:
        return Verdict(good=None, finding=Finding(kind="signature", where=name, detail=str(error)))
    if signed.size == log.size and hmac.compare_digest(signed.root, log.edge.root()):
        return Verdict(good=True)
    detail = f"the first {log.size} entries differ from what was signed"
    return Verdict(good=False, finding=Finding(kind="rewritten", where=name, detail=detail))


def check_beginning(source: Source, key: VerifierKey, kept: Sequence[Checkpoint], report: Report) -> list[int]:
    """Check the key, and the log as it was without entries; returns its size when that was well signed."""
    stored = source.read(KEY)
    if stored is None:
        report.found("missing", KEY)
    elif stored.data != f"{key.text}\n".encode():
        report.found("altered", KEY, "is not the key that this log is checked with")
    for each in kept:
        if each.size == 0:
            compare_kept(each, EMPTY.edge, report)
    verdict = verdict_of(source, key, EMPTY)
    if verdict.finding is not None:
        report.findings.append(verdict.finding)
    report.checkpoints += verdict.good is True
    return [0] if verdict.good else []


def compare_kept(kept: Checkpoint, edge: Edge, report: Report) -> None:
    """Compare a checkpoint that the caller kept with the log as it was at its size."""
    if hmac.compare_digest(edge.root(), kept.root):
        report.freshness.append(f"continues the checkpoint of size {kept.size} that you kept")
    else:
        report.found("rewritten", f"checkpoint of size {kept.size} that you kept", "the log has another history")


def check_end(
    source: Source, key: VerifierKey, kept: Sequence[Checkpoint], sizes: Sequence[int], report: Report
) -> None:
    """Report what was signed of a larger log than there is."""
    for each in sorted((each for each in kept if each.size > report.size), key=lambda each: each.size):
        report.found("rolled-back", f"checkpoint of size {each.size} that you kept", "the log ends before it")
    for size in [size for size in sizes if size > report.size][:1]:
        before = len(report.findings)
        if signed_in(source, key, checkpoint_key(size), report) is not None or len(report.findings) == before:
            detail = f"entries after number {report.size} were signed and are missing"
            report.found("rewritten", checkpoint_key(size), detail)


def check_shown(source: Source, key: VerifierKey, shown: Body | None, heads: Heads, report: Report) -> None:
    """Report a shown checkpoint that is not the newest one."""
    if shown is None:
        report.found("missing", CHECKPOINT)
        return
    try:
        newest = open_checkpoint(shown.data, key, verify_signature)
    except AuditError as error:
        report.found("signature", CHECKPOINT, str(error))
        return
    kept = source.read(checkpoint_key(newest.size))
    if newest.size > report.size:
        report.found("rewritten", CHECKPOINT, f"entries after number {report.size} were signed and are missing")
    elif kept is not None and kept.data != shown.data and _is_good(kept, key):
        report.found("altered", CHECKPOINT, "is not the checkpoint that is kept for its size")
    elif heads.sizes and newest.size < heads.sizes[-1]:
        if source.taken_at - heads.last_at > _PUBLISHING:
            report.found("rolled-back", CHECKPOINT, f"shows {newest.size} entries of {heads.sizes[-1]}")
        else:
            report.notices.append("the newest checkpoint was just being published")


def _is_good(stored: Body, key: VerifierKey) -> bool:
    try:
        open_checkpoint(stored.data, key, verify_signature)
    except AuditError:
        return False
    return True
