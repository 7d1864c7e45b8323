"""The tree as static files, in the C2SP tlog-tiles format: paths, and what a growing tree adds.

Promise: which files there are, and each one's bytes, follow from the leaf hashes and the tree's size alone. Growing a
tree needs nothing but its right edge (at most one partial tile a level), however large it is.

Source: https://c2sp.org/tlog-tiles
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from audit_core.errors import DecodeError
from audit_core.layout import MAX_LINE_BYTES
from audit_core.merkle import HASH_BYTES, fold_root, perfect_root

WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""
TILE_BYTES = WIDTH * HASH_BYTES
HEIGHT = 8  # levels of the tree that one tile spans
_LENGTH_BYTES = 2

ReadTile = Callable[[str], bytes]


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Return where a tile of `width` hashes is, relative to the log's prefix."""
    return f"tile/{level}/{_number(index)}{_part(width)}"


def bundle_path(index: int, width: int = WIDTH) -> str:
    """Return where a bundle of `width` entries is, relative to the log's prefix."""
    return f"tile/entries/{_number(index)}{_part(width)}"


def bundle(entries: Sequence[bytes]) -> bytes:
    """Entries one after the other, each after its length in two bytes."""
    lengths = [*map(len, entries)]
    try:
        heads = {length: length.to_bytes(_LENGTH_BYTES, "big") for length in set(lengths)}
        return b"".join(chain.from_iterable(zip(map(heads.__getitem__, lengths), entries, strict=True)))
    except OverflowError:
        raise ValueError(f"bundle: an entry may have {MAX_LINE_BYTES} bytes") from None


def bundle_size(entries: Sequence[bytes]) -> int:
    """Return how many bytes their bundle has."""
    return sum(map(len, entries)) + _LENGTH_BYTES * len(entries)


def unbundle(data: bytes) -> list[bytes]:
    """Return the entries of a bundle. Raise `DecodeError` when it ends within one."""
    entries: list[bytes] = []
    position, size = 0, len(data)
    try:
        while position < size:
            start = position + _LENGTH_BYTES
            position = start + (data[position] << 8 | data[position + 1])
            entries.append(data[start:position])
    except IndexError:
        position = -1
    if position != size:
        raise DecodeError("ends within an entry")
    return entries


def hashes_of(tile: bytes) -> list[bytes]:
    """Return the hashes of a tile. Raise `DecodeError` when it is not whole."""
    if not tile or len(tile) > TILE_BYTES or len(tile) % HASH_BYTES:
        raise DecodeError("is not a tile")
    return [tile[start : start + HASH_BYTES] for start in range(0, len(tile), HASH_BYTES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The right edge of a tree: its size, and of each level the hashes of its partial tile, the lowest level first."""

    size: int = 0
    levels: tuple[tuple[bytes, ...], ...] = ()

    def __post_init__(self) -> None:
        if tuple(map(len, self.levels)) != tuple(widths_of(self.size)):
            raise ValueError("Edge: levels must be as wide as the size says")

    def root(self) -> bytes:
        """Return the tree's root."""
        subtrees = [node for hashes in reversed(self.levels) for node in _perfect_subtrees(hashes)]
        return fold_root(subtrees)

    def grow(self, leaves: Sequence[bytes]) -> tuple[Edge, dict[str, bytes]]:
        """Return the edge after `leaves` (leaf hashes), and the tiles that the larger tree adds, by path.

        Partial tiles are those of the new size alone, as a checkpoint of it needs them.
        """
        added: dict[str, bytes] = {}
        levels: list[tuple[bytes, ...]] = []
        fresh: Sequence[bytes] = leaves
        level = 0
        size = self.size + len(leaves)
        while fresh or level < len(self.levels):
            before = self.levels[level] if level < len(self.levels) else ()
            index = (self.size >> HEIGHT * level) // WIDTH
            hashes = [*before, *fresh]
            above: list[bytes] = []
            for start in range(0, len(hashes) - WIDTH + 1, WIDTH):
                full = hashes[start : start + WIDTH]
                added[tile_path(level, index + start // WIDTH)] = b"".join(full)
                above.append(perfect_root(full))
            rest = tuple(hashes[len(above) * WIDTH :])
            if rest and fresh:
                added[tile_path(level, index + len(above), len(rest))] = b"".join(rest)
            levels.append(rest)
            fresh = above
            level += 1
        return Edge(size=size, levels=tuple(levels[: len(list(widths_of(size)))])), added


def widths_of(size: int) -> Iterator[int]:
    """Yield the width of each level's partial tile, from the lowest to the highest that has any hash; 0: no tile."""
    while size:
        yield size % WIDTH
        size //= WIDTH


def edge_paths(size: int) -> list[tuple[int, str]]:
    """Return the level and path of each partial tile of a tree of `size` leaves."""
    return [
        (level, tile_path(level, (size >> HEIGHT * level) // WIDTH, width))
        for level, width in enumerate(widths_of(size))
        if width
    ]


def read_edge(size: int, read: ReadTile) -> Edge:
    """Return the edge of a tree of `size` leaves, from its partial tiles. Raise `DecodeError` for a wrong width."""
    levels: list[tuple[bytes, ...]] = [() for _ in widths_of(size)]
    for level, path in edge_paths(size):
        levels[level] = tuple(hashes_of(read(path)))
    if tuple(map(len, levels)) != tuple(widths_of(size)):
        raise DecodeError("is not as wide as its name says")
    return Edge(size=size, levels=tuple(levels))


def _perfect_subtrees(hashes: Sequence[bytes]) -> Iterator[bytes]:
    start = 0
    for bit in range(HEIGHT, -1, -1):
        width = 1 << bit
        if len(hashes) & width:
            yield perfect_root(hashes[start : start + width])
            start += width


def _number(index: int) -> str:
    """Return an index as path elements of three digits, all but the last after an `x`."""
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


def _part(width: int) -> str:
    if not 1 <= width <= WIDTH:
        raise ValueError(f"tile: its width must be from 1 to {WIDTH}")
    return "" if width == WIDTH else f".p/{width}"
