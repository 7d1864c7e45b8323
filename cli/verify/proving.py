"""Proofs of single records: made from the log, checked with the public key and nothing else."""

from audit_core.entries import Entry, parse_entry
from audit_core.errors import AuditError
from audit_core.layout import CHECKPOINT, MARKERS, SEAL, holds_record, marker_key
from audit_core.notes import Checkpoint, VerifierKey, open_checkpoint
from audit_core.sealing import parse_marker
from audit_core.tiles import WIDTH, bundle_path, unbundle
from cli.exits import CouldNot
from cli.verify.inclusion import prove_inclusion
from cli.verify.proofs import Proof, check_proof
from cli.verify.source import Source
from cli.verify.trust import verify_signature


def prove(source: Source, key: VerifierKey, record_id: str) -> bytes:
    """Prove that a record is in the log, under its newest checkpoint. Raise CouldNot."""
    try:
        data = _read(source, CHECKPOINT)
        head = open_checkpoint(data, key, verify_signature)
        index, entry = _entry(source, head, record_id)
        path = prove_inclusion(index, head.size, lambda path: _read(source, SEAL + path))
        proof = Proof(entry=entry.data, index=index, path=tuple(path), checkpoint=data).data
        check_proof(proof, key, verify_signature)
    except AuditError as error:
        raise CouldNot(f"the log cannot prove this: {error}; `audit-log verify log` says what is wrong") from None
    return proof


def _entry(source: Source, head: Checkpoint, record_id: str) -> tuple[int, Entry]:
    """Return where a record is in the log. The id begins with its object's, and ends with its place in the request."""
    batch, _, place = record_id.rpartition("-")
    if not batch or not place.isdigit():
        raise CouldNot("not a record id; the writer's reply and `find --json` name it `record_id`")
    found = next((rows[0].key for rows in source.versions(MARKERS) if holds_record(rows[0].key, record_id)), None)
    if found is None:
        raise CouldNot("no such record is sealed; what was just stored is sealed within minutes")
    start = parse_marker(_read(source, found)).start
    entries: list[bytes] = []
    for index in range(start, head.size):
        if index == start or index % WIDTH == 0:
            entries = _bundle(source, index // WIDTH, head.size)
        entry = parse_entry(entries[index % WIDTH])
        if marker_key(entry.key) != found:
            break
        if entry.record_id == record_id:
            return index, entry
    raise CouldNot("its object is sealed, and has no such record")


def _bundle(source: Source, index: int, size: int) -> list[bytes]:
    width = min(WIDTH, size - index * WIDTH)
    entries = unbundle(_read(source, SEAL + bundle_path(index, width)))
    if len(entries) != width:
        raise CouldNot(f"{SEAL}{bundle_path(index, width)}: is not as wide as its name says")
    return entries


def _read(source: Source, key: str) -> bytes:
    stored = source.read(key)
    if stored is None:
        raise CouldNot(f"{key}: is not there")
    return stored.data
