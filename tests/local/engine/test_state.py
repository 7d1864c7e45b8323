"""The state on disk is always whole, private, and enough to go on from; deletion orders hold for any graph."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.engine import StateError
from localcloud.engine.deps import creation_order, deletion_order
from localcloud.engine.state import Entry, Operation, Snapshot, StateFile
from localcloud.engine.urns import AliasSpec, former, make, parse
from localcloud.values import Archive, Secret
from tests.local.engine.harness import ITEM, urn

FULL = Entry(
    urn=urn("a"),
    type=ITEM,
    custom=True,
    id="1",
    parent=urn("p"),
    provider=f"{urn('prov')}::2",
    inputs={"x": Secret("hush"), "f": Archive("ab")},
    outputs={"y": [1, None]},
    dependencies=(urn("b"),),
    property_dependencies={"x": (urn("b"), urn("c"))},
    secret_outputs=("y",),
    protect=True,
    retain_on_delete=True,
    deleted_with=urn("b"),
    replacement_trigger=Secret(1),
    timeouts={"create": 1.5},
    external=True,
    pending_delete=True,
    dirty=True,
)


def test_everything_is_read_back(tmp_path: Path) -> None:
    """Every field of an entry and the pending operations survive."""
    file = StateFile(tmp_path / "state.json")
    snapshot = Snapshot()
    snapshot.add(FULL)
    snapshot.add(Entry(urn=urn("b"), type=ITEM, custom=False))
    snapshot.pending.append(Operation(kind="create", entry=FULL))
    file.save(snapshot)
    assert StateFile(tmp_path / "state.json").load() == snapshot


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """It names `pending_delete` otherwise."""
    path = tmp_path / "state.json"
    snapshot = Snapshot()
    snapshot.add(replace(FULL, pending_delete=True))
    StateFile(path).save(snapshot)
    path.write_text(path.read_text().replace('"pending_delete"', '"doomed"'))
    assert StateFile(path).load() == snapshot


def test_the_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    """Mode 0600, also over an older file, and no other file is left beside it."""
    before = os.umask(0)
    try:
        file = StateFile(tmp_path / "state.json")
        file.save(Snapshot())
        file.save(Snapshot(serial=1))
    finally:
        os.umask(before)
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_failed_write_keeps_the_old_state(tmp_path: Path) -> None:
    """The state that was there is there."""
    file = StateFile(tmp_path / "state.json")
    file.save(Snapshot(serial=1))
    (tmp_path / "state.json.new").mkdir()
    with pytest.raises(StateError, match="cannot be written"):
        file.save(Snapshot(serial=2))
    assert file.load().serial == 1


def test_renaming_reaches_every_reference() -> None:
    """No entry keeps the old URN."""
    snapshot = Snapshot()
    for old in ("b", "c", "p", "prov"):
        snapshot.add(Entry(urn=urn(old), type=ITEM, custom=True))
    snapshot.add(FULL)
    for old in ("a", "b", "c", "p", "prov"):
        snapshot.rename(urn(old), urn(f"new-{old}"))
    assert all(f"::{old}" not in repr(snapshot) for old in ("a'", "b'", "c'", "p'", "prov::"))


@given(st.data())
def test_nothing_is_deleted_before_what_needs_it(data: st.DataObject) -> None:
    """For any acyclic graph, in any order of entries, with doubles of replaced ones."""
    count = data.draw(st.integers(1, 8))
    entries = [
        Entry(
            urn=urn(str(index)),
            type=ITEM,
            custom=True,
            serial=index,
            dependencies=tuple(urn(str(other)) for other in data.draw(st.sets(st.integers(0, index - 1))))
            if index
            else (),
        )
        for index in range(count)
    ]
    doubles = data.draw(st.sets(st.integers(0, count - 1)))
    entries += [replace(entries[index], pending_delete=True, serial=count + index) for index in doubles]
    shuffled = data.draw(st.permutations(entries))
    order = deletion_order(shuffled)
    assert sorted(entry.serial for entry in order) == sorted(entry.serial for entry in entries)
    place = {entry.serial: index for index, entry in enumerate(order)}
    for entry in entries:
        for other in entries:
            if other.urn in entry.needs:
                assert place[entry.serial] < place[other.serial]


def test_a_cycle_is_no_obstacle() -> None:
    """Old versions can need new ones and the reverse; the newest goes first then."""
    one = Entry(urn=urn("a"), type=ITEM, custom=True, serial=1, dependencies=(urn("b"),))
    two = Entry(urn=urn("b"), type=ITEM, custom=True, serial=2, dependencies=(urn("a"),))
    assert [entry.serial for entry in creation_order([two, one])] == [1, 2]


def test_urns_are_built_and_taken_apart() -> None:
    """A parent's type is part of a child's URN, except the stack's; a name may hold colons."""
    top = make(stack="s", project="p", parent="", type_="pulumi:pulumi:Stack", name="p-s")
    parent = make(stack="s", project="p", parent=top, type_="my:Group", name="g::1")
    child = make(stack="s", project="p", parent=parent, type_="kv:index:Item", name="i")
    assert parent == "urn:pulumi:s::p::my:Group::g::1"
    assert child == "urn:pulumi:s::p::my:Group$kv:index:Item::i"
    assert parse(child).type == "kv:index:Item"
    assert str(parse(parent)) == parent
    with pytest.raises(ValueError, match="not a resource URN"):
        parse("urn:other:x")


def test_former_names_follow_the_parents() -> None:
    """A child that is named after its parent was named after the parent's earlier name."""
    root = make(stack="s", project="p", parent="", type_="pulumi:pulumi:Stack", name="p-s")
    parent = make(stack="s", project="p", parent=root, type_="my:Group", name="new")
    child = make(stack="s", project="p", parent=parent, type_="kv:index:Item", name="new-item")
    earlier = make(stack="s", project="p", parent=root, type_="my:Group", name="old")
    names = list(former(urn=child, parent=parent, aliases=["exact"], parent_aliases=[earlier], root=root))
    assert names == ["exact", "urn:pulumi:s::p::my:Group$kv:index:Item::old-item"]
    spec = AliasSpec(type="kv:index:Old", stack="t", parent="")
    (name,) = former(urn=child, parent=parent, aliases=[spec], parent_aliases=[], root=root)
    assert name == "urn:pulumi:t::p::kv:index:Old::new-item"
