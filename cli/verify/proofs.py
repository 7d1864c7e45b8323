"""Proofs that a record is in the log, in the C2SP tlog-proof format: checked with the public key and nothing else.

Promise: a proof holds the log's entry (as its extra data), where in the tree it is, its way up to the root, and the
signed checkpoint. `check_proof` believes nothing of that before the signature and the way up have been checked.

Source: https://c2sp.org/tlog-proof
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from audit_core.entries import Entry, parse_entry
from audit_core.layout import MAX_LINE_BYTES
from audit_core.merkle import HASH_BYTES, leaf_hash
from audit_core.notes import MAX_NOTE_BYTES, Checkpoint, VerifierKey, Verify, open_checkpoint
from cli.verify.inclusion import ProofError, root_from_inclusion

SUFFIX = ".tlog-proof"
MAX_PROOF_BYTES = 2 * MAX_LINE_BYTES + MAX_NOTE_BYTES
_FIRST = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (?P<index>0|[1-9][0-9]{0,17})")
_MAX_HASHES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proof as it is written, none of it checked. `path`: the inclusion proof, the leaf's sibling first."""

    entry: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes

    @property
    def data(self) -> bytes:
        """The file."""
        lines = [_FIRST, f"extra {_encode(self.entry)}", f"index {self.index}", *map(_encode, self.path), "", ""]
        return "\n".join(lines).encode() + self.checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """What a checked proof says: this entry is at this place of the log with this head."""

    entry: Entry
    index: int
    checkpoint: Checkpoint


def parse_proof(data: bytes) -> Proof:
    """Parse a proof. Raise `ProofError`."""
    if len(data) > MAX_PROOF_BYTES:
        raise ProofError("is too long for a proof")
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise ProofError("is not a proof") from None
    if not blank or lines[0] != _FIRST:
        raise ProofError("is not a proof")
    if len(lines) < 3 or not lines[1].startswith("extra "):  # noqa: PLR2004 - what it is, the entry, where
        raise ProofError("has no entry as its extra data", field="extra")
    index = _INDEX.fullmatch(lines[2])
    if index is None:
        raise ProofError("must be a whole number", field="index")
    path = _hashes(lines[3:])
    return Proof(
        entry=_decode(lines[1].removeprefix("extra "), "extra"), index=int(index["index"]), path=path,
        checkpoint=checkpoint,
    )  # fmt: skip


def check_proof(data: bytes, key: VerifierKey, verify: Verify) -> Proved:
    """Check a proof with the log's public key alone. Raise `ProofError`, `NoteError` or `DecodeError`."""
    proof = parse_proof(data)
    checkpoint = open_checkpoint(proof.checkpoint, key, verify)
    root = root_from_inclusion(leaf_hash(proof.entry), proof.index, checkpoint.size, proof.path)
    if not hmac.compare_digest(root, checkpoint.root):
        raise ProofError("does not lead to the checkpoint's root", field="proof")
    return Proved(entry=parse_entry(proof.entry), index=proof.index, checkpoint=checkpoint)


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    if len(lines) > _MAX_HASHES:
        raise ProofError("has more hashes than any tree is high", field="proof")
    hashes = tuple(_decode(line, "proof") for line in lines)
    if any(len(item) != HASH_BYTES for item in hashes):
        raise ProofError("has a hash that is not 32 bytes", field="proof")
    return hashes


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(encoded: str, field: str) -> bytes:
    try:
        decoded = binascii.a2b_base64(encoded.encode(), strict_mode=True)
    except (binascii.Error, ValueError):
        raise ProofError("must be base64", field=field) from None
    if _encode(decoded) != encoded:
        raise ProofError("must be base64 in its one proper form", field=field)
    return decoded
