"""Inclusion proofs of the tree: made from its tiles, and checked.

Promise: a proof is valid only at the exact length that its place in the tree asks for.

Source: https://www.rfc-editor.org/rfc/rfc9162#section-2.1.3
"""

from __future__ import annotations

from collections.abc import Sequence

from audit_core.errors import AuditError, DecodeError
from audit_core.merkle import HASH_BYTES, fold_root, node_hash, perfect_root
from audit_core.tiles import HEIGHT, WIDTH, ReadTile, hashes_of, tile_path


class ProofError(AuditError):
    """A proof that proves nothing: wrong in form, or of another tree."""


def proof_length(index: int, size: int) -> int:
    """Return how many hashes the inclusion proof of leaf `index` in a tree of `size` leaves has."""
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


def prove_inclusion(index: int, size: int, read: ReadTile) -> list[bytes]:
    """Return the inclusion proof of leaf `index` in the tree of `size` leaves, from its tiles.

    `read` is asked for the paths of full tiles, and of partial ones as of `size`. Raises `DecodeError`.
    """
    if not 0 <= index < size:
        raise ValueError("prove_inclusion: index must be in the tree")
    nodes = _Nodes(size, read)
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            path.append(nodes.root(middle, end))
            end = middle
        else:
            path.append(nodes.root(start, middle))
            start = middle
    return path[::-1]


class _Nodes:
    """Roots of ranges of leaves, from tiles; each tile is read once."""

    def __init__(self, size: int, read: ReadTile) -> None:
        self._size = size
        self._read = read
        self._tiles: dict[str, list[bytes]] = {}

    def root(self, start: int, end: int) -> bytes:
        """Return the root over leaves `start` to `end`, where `start` is where a subtree of that many can begin."""
        subtrees: list[bytes] = []
        while start < end:
            height = (end - start).bit_length() - 1
            subtrees.append(self._perfect(height, start >> height))
            start += 1 << height
        return fold_root(subtrees)

    def _perfect(self, height: int, index: int) -> bytes:
        """Return the root of the perfect subtree of 2^`height` leaves that is number `index` among those."""
        level, above = divmod(height, HEIGHT)
        first = index << above  # the first of its hashes in the tile's level
        hashes = self._tile(level, first // WIDTH)
        within = first % WIDTH
        return perfect_root(hashes[within : within + (1 << above)])

    def _tile(self, level: int, index: int) -> list[bytes]:
        width = min(WIDTH, (self._size >> HEIGHT * level) - index * WIDTH)
        path = tile_path(level, index, width)
        if path not in self._tiles:
            hashes = hashes_of(self._read(path))
            if len(hashes) != width:
                raise DecodeError("is not as wide as its name says")
            self._tiles[path] = hashes
        return self._tiles[path]
