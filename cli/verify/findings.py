"""What verification finds, and what it says in the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "altered": "its bytes are not those that were sealed",
    "missing": "it was sealed, is gone, and was to be kept until later",
    "unsealed": "it is in the log, and was not sealed in time",
    "unexpected": "it is not a file that the log has",
    "rewritten": "entries are not those that were signed",
    "signature": "it is not a checkpoint that the log's key has signed",
    "checkpoint-missing": "there is no signed checkpoint where one was published",
    "rolled-back": "the log is shorter than what was signed",
    "wrong-marker": "it does not say where its object is sealed",
    "second-version": "a later version hides the first",
    "delete-marker": "a delete marker hides it",
    "wrong-version": "another version of it was sealed",
    "lock-shortened": "it is locked for less than when it was sealed",
    "not-locked": "it has no lock in force",
    "unreadable": "it was sealed as something that the writer never made",
    "anchor": "its time stamp is not one of this checkpoint",
    "copy-broken": "the copy is not what was copied",
}
"""Kind: what it means. Each is evidence that somebody, or something, has changed the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it must be. `where`: a key, and what in it; `detail`: in words of ours."""

    kind: str
    where: str
    detail: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the finding for programs."""
        return {"kind": self.kind, "where": self.where, "detail": self.detail or KINDS[self.kind]}


@dataclass(slots=True, kw_only=True)
class Report:
    """What was checked, and what was found. `vouched`: how many entries, from the first on, are well signed."""

    origin: str = ""
    size: int = 0
    vouched: int = 0
    checkpoints: int = 0
    objects: int = 0
    records: int = 0
    checked_bytes: int = 0
    expired: int = 0
    pending: int = 0
    skipped: int = 0
    anchors: int = 0
    freshness: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def found(self, kind: str, where: str, detail: str = "") -> None:
        """Add a finding."""
        self.findings.append(Finding(kind=kind, where=where, detail=detail))

    def join(self, more: "Report") -> None:
        """Add what was found further on in the same log."""
        self.vouched = max(self.vouched, more.vouched)
        self.checkpoints += more.checkpoints
        self.objects += more.objects
        self.records += more.records
        self.checked_bytes += more.checked_bytes
        self.expired += more.expired
        self.pending += more.pending
        self.skipped += more.skipped
        self.freshness += more.freshness
        self.notices += more.notices
        self.findings += more.findings

    def as_json(self) -> dict[str, object]:
        """Return the report for programs."""
        return {
            "ok": not self.findings,
            "origin": self.origin,
            "size": self.size,
            "vouched_entries": self.vouched,
            "checkpoints": self.checkpoints,
            "objects": self.objects,
            "records": self.records,
            "bytes": self.checked_bytes,
            "expired_as_planned": self.expired,
            "not_yet_sealed": self.pending,
            "objects_outside_the_range": self.skipped,
            "anchors": self.anchors,
            "freshness": self.freshness or ["not established"],
            "notices": self.notices,
            "findings": [finding.as_json() for finding in self.findings],
        }
