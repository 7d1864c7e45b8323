"""The Merkle tree of RFC 6962 (section 2.1), SHA-256: leaves, nodes, roots.

Promise: pure functions of bytes. A leaf's hash starts with a zero byte and a node's with a one, so that neither passes
for the other.

Source: https://www.rfc-editor.org/rfc/rfc6962#section-2.1
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""
_LEAF = b"\x00"
_NODE = b"\x01"
_sha256 = hashlib.sha256


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
