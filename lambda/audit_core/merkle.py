"""The Merkle tree of RFC 6962 (section 2.1), SHA-256: leaves, nodes, roots, inclusion.

Promise: pure functions of bytes. A leaf's hash starts with a zero byte and a node's with a one, so that neither passes
for the other. A proof that is not exactly as long as its place in the tree asks for is refused.

Source: https://www.rfc-editor.org/rfc/rfc6962#section-2.1
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from audit_core.errors import AuditError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""
_LEAF = b"\x00"
_NODE = b"\x01"
_sha256 = hashlib.sha256


class ProofError(AuditError):
    """A proof that proves nothing: wrong in form, or of another tree."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry as a leaf."""
    return _sha256(_LEAF + entry).digest()


def leaf_hashes(entries: Sequence[bytes]) -> list[bytes]:
    """Return the hash of each entry as a leaf."""
    return [_sha256(_LEAF + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above `left` and `right`."""
    return _sha256(_NODE + left + right).digest()


def leaf_digest(line: bytes) -> str:
    """`sha256:<hex>` of a stored line (without its newline), hashed as a leaf: how a receipt names a record."""
    return "sha256:" + _sha256(_LEAF + line).hexdigest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the node above `hashes`, a power of two of them."""
    if not hashes or len(hashes) & (len(hashes) - 1):
        raise ValueError("perfect_root: there must be a power of two of hashes")
    level = list(hashes)
    while len(level) > 1:
        pairs = iter(level)
        level = [_sha256(_NODE + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return level[0]


def fold_root(subtrees: Sequence[bytes]) -> bytes:
    """Return the root of a tree whose largest perfect subtrees, from left to right, have these hashes."""
    if not subtrees:
        return EMPTY_ROOT
    root = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        root = node_hash(left, root)
    return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root of a tree with these leaf hashes."""
    subtrees: list[bytes] = []
    start = 0
    for bit in range(len(leaves).bit_length() - 1, -1, -1):
        width = 1 << bit
        if len(leaves) & width:
            subtrees.append(perfect_root(leaves[start : start + width]))
            start += width
    return fold_root(subtrees)


def proof_length(index: int, size: int) -> int:
    """How many hashes the inclusion proof of leaf `index` in a tree of `size` leaves has."""
    if not 0 <= index < size:
        raise ProofError("is of a leaf that the tree does not have", field="index")
    # Below the level where the leaf's way up meets the tree's right edge every node has a sibling; above it, only
    # where the way comes from the right.
    inner = (index ^ (size - 1)).bit_length()
    return inner + (index >> inner).bit_count()


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to. Raise `ProofError` when its place asks for another form.

    `leaf`: the leaf's hash; `path`: siblings, from the leaf's own up to the root's child.
    """
    if len(path) != proof_length(index, size):
        raise ProofError("has not as many hashes as its place in the tree asks for", field="proof")
    if any(len(item) != HASH_BYTES for item in (leaf, *path)):
        raise ProofError("has a hash that is not 32 bytes", field="proof")
    inner = (index ^ (size - 1)).bit_length()
    node = leaf
    for height, sibling in enumerate(path):
        comes_from_right = height >= inner or index >> height & 1
        node = node_hash(sibling, node) if comes_from_right else node_hash(node, sibling)
    return node
