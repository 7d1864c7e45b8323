"""The tree: RFC 6962's own arithmetic, whatever way it grew, and what its static files say."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from audit_core.errors import DecodeError
from audit_core.merkle import EMPTY_ROOT, leaf_hash, node_hash
from audit_core.tiles import TILE_BYTES, WIDTH, Edge, bundle, bundle_path, edge_paths, read_edge, tile_path, unbundle
from cli.verify.inclusion import ProofError, proof_length, prove_inclusion, root_from_inclusion

# The leaves and roots that Certificate Transparency's implementations are tested with.
_INPUTS = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)

sizes = st.one_of(st.integers(0, 40), st.sampled_from((255, 256, 257, 511, 512, 513)), st.integers(0, 2000))


def _leaves(count: int) -> list[bytes]:
    return [hashlib.sha256(b"%d" % number).digest() for number in range(count)]


def _by_definition(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962's recursive definition, as it stands there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(_by_definition(leaves[:split]), _by_definition(leaves[split:]))


def _grown(leaves: Sequence[bytes], steps: Sequence[int]) -> tuple[Edge, dict[str, bytes]]:
    edge, start = Edge(), 0
    files: dict[str, bytes] = {}
    for step in [*steps, len(leaves)]:
        edge, added = edge.grow(leaves[start : start + step])
        files.update(added)
        start += step
    return edge, files


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    """The roots are those that every implementation of RFC 6962 comes to."""
    leaves = [leaf_hash(bytes.fromhex(text)) for text in _INPUTS[:size]]
    assert Edge().grow(leaves)[0].root().hex() == _ROOTS[size - 1]


def test_empty_tree() -> None:
    """A tree without leaves has the hash of nothing as its root."""
    assert Edge().root() == EMPTY_ROOT == hashlib.sha256(b"").digest()


@given(size=sizes, steps=st.lists(st.integers(0, 700), max_size=6))
def test_files_do_not_depend_on_how_the_tree_grew(size: int, steps: list[int]) -> None:
    """Full tiles and the last partial ones are the same, however many leaves came at a time."""
    leaves = _leaves(size)
    edge, files = _grown(leaves, steps)
    at_once, all_files = Edge().grow(leaves)
    assert edge == at_once
    assert edge.root() == _by_definition(leaves)
    assert all_files.items() <= files.items()
    assert read_edge(size, files.__getitem__) == edge
    assert {path for _, path in edge_paths(size)} <= files.keys()


@given(size=st.integers(1, 1500), steps=st.lists(st.integers(1, 700), max_size=4), data=st.data())
def test_every_leaf_is_proved_from_the_files(size: int, steps: list[int], data: st.DataObject) -> None:
    """A proof made of the tiles leads to the root, and no proof of it leads there from anything else."""
    leaves = _leaves(size)
    edge, files = _grown(leaves, steps)
    index = data.draw(st.integers(0, size - 1))
    path = prove_inclusion(index, size, files.__getitem__)
    assert len(path) == proof_length(index, size)
    assert root_from_inclusion(leaves[index], index, size, path) == edge.root()
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index) if size > 1 else st.just(index))
    if other != index:
        assert root_from_inclusion(leaves[other], index, size, path) != edge.root()
        try:
            assert root_from_inclusion(leaves[index], other, size, path) != edge.root()
        except ProofError:
            assert proof_length(other, size) != len(path)
    with pytest.raises(ProofError):
        root_from_inclusion(leaves[index], index, size, [*path, bytes(32)])
    if path:
        with pytest.raises(ProofError):
            root_from_inclusion(leaves[index], index, size, path[:-1])
        place = data.draw(st.integers(0, len(path) - 1))
        path[place] = bytes([path[place][0] ^ 1]) + path[place][1:]
        assert root_from_inclusion(leaves[index], index, size, path) != edge.root()


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3), (7, 7)])
def test_leaf_outside_the_tree(index: int, size: int) -> None:
    """There is no proof of a leaf that the tree does not have."""
    with pytest.raises(ProofError):
        root_from_inclusion(bytes(32), index, size, [])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (tile_path(0, 1234067), "tile/0/x001/x234/067"),
        (tile_path(0, 0, 1), "tile/0/000.p/1"),
        (tile_path(2, 999), "tile/2/999"),
        (tile_path(1, 1000, 255), "tile/1/x001/000.p/255"),
        (bundle_path(273, 112), "tile/entries/273.p/112"),
    ],
)
def test_paths(path: str, expected: str) -> None:
    """Paths are those of the specification."""
    assert path == expected


def test_files_of_the_specifications_example() -> None:
    """A tree of 70,000 leaves has the files that the specification counts."""
    _, files = Edge().grow(_leaves(70_000))
    partial = {path for path in files if ".p/" in path}
    assert partial == {"tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"}
    full = [path for path in files if path not in partial]
    assert sorted({path.split("/")[1] for path in full}) == ["0", "1"]
    assert len(full) == 273 + 1
    assert {len(files[path]) for path in full} == {TILE_BYTES}


def test_growing_reads_and_writes_only_the_edge() -> None:
    """What one more leaf adds does not grow with the tree."""
    edge, _ = Edge().grow(_leaves(WIDTH * WIDTH + 5))
    _, added = edge.grow([bytes(32)])
    assert set(added) == {"tile/0/256.p/6"}


@given(entries=st.lists(st.binary(max_size=300), max_size=20))
def test_bundles_come_back(entries: list[bytes]) -> None:
    """What was bundled is what is read, and a bundle that was cut within an entry is refused."""
    data = bundle(entries)
    assert unbundle(data) == entries
    if entries and (len(entries[-1]) or entries):
        with pytest.raises(DecodeError):
            unbundle(data[:-1] if entries[-1] else data[:-1] + b"\x01\x00\x01")


def test_entry_too_long() -> None:
    """An entry longer than its length field can say is refused, not cut."""
    with pytest.raises(ValueError, match="65535"):
        bundle([bytes(65_536)])


@pytest.mark.parametrize("tile", [b"", b"\x00" * 31, b"\x00" * (TILE_BYTES + 32), b"\x00" * 64])
def test_tiles_that_are_none(tile: bytes) -> None:
    """A tile that is not as wide as its name says is refused."""
    with pytest.raises(DecodeError):
        read_edge(1, lambda _: tile)
    with pytest.raises(DecodeError):
        prove_inclusion(0, 3, lambda _: tile)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 255, 256, 257, 700])
def test_as_another_library_has_it(size: int) -> None:
    """`pymerkle` comes to the same root, and its inclusion proofs to the same hashes."""
    tree = InmemoryTree(algorithm="sha256")
    entries = [b"entry %d" % number for number in range(size)]
    for entry in entries:
        tree.append_entry(entry)
    edge, files = Edge().grow([leaf_hash(entry) for entry in entries])
    assert tree.get_root() == edge.root()
    for index in range(0, size, 1 + size // 20):
        theirs = [bytes.fromhex(text) for text in tree.prove_inclusion(index + 1).serialize()["path"]]
        assert theirs[1:] == prove_inclusion(index, size, files.__getitem__)
