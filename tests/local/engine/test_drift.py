"""What changed behind the engine's back is found at the start of every run and mended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from localcloud.engine import EngineError, Message
from localcloud.engine.state import Operation, OperationKind, StateFile
from tests.local.engine.harness import Stack, actions
from tests.local.engine.kv_cloud import KvProvider

PROGRAM = """
    a = Item("a", name="a", value=1)
    Item("b", name="b", value=a.address)
"""


def test_a_deleted_resource_is_made_again(stack: Stack) -> None:
    """It is created anew, told in a warning, and its dependents follow to the new one."""
    stack.up(PROGRAM)
    stack.cloud.remove("id-1")
    assert actions(stack.preview()) == {"a": "create", "b": "update"}
    assert actions(stack.up()) == {"a": "create", "b": "update"}
    assert stack.cloud.by_name() == {"a": 1, "b": "kv://here/id-3"}
    warnings = [event for event in stack.events if isinstance(event, Message) and event.severity == "warning"]
    assert [event.urn.rpartition("::")[2] for event in warnings] == ["a"]
    assert not stack.up().changed


def test_a_changed_resource_is_changed_back(stack: Stack) -> None:
    """Properties that differ from the program's are put right."""
    stack.up(PROGRAM)
    stack.cloud.put("id-1", {"name": "a", "value": "meddled"})
    assert actions(stack.up()) == {"a": "update", "b": "same"}
    assert stack.cloud.by_name() == {"a": 1, "b": "kv://here/id-1"}


def test_what_was_deleted_and_is_not_wanted_any_more_needs_no_call(stack: Stack) -> None:
    """A resource that is gone from the cloud and from the program is forgotten."""
    stack.up(PROGRAM)
    stack.cloud.remove("id-2")
    stack.up('Item("a", name="a", value=1)')
    assert stack.cloud.mutations() == []
    assert stack.names() == ["a"]


def test_destroy_passes_over_what_is_gone(stack: Stack) -> None:
    """A resource that somebody deleted already is no obstacle."""
    stack.up(PROGRAM)
    stack.cloud.remove("id-1")
    stack.destroy()
    assert stack.cloud.mutations() == ["delete b"]
    assert stack.cloud.items() == {}


def test_a_preview_does_not_store_what_it_found(stack: Stack) -> None:
    """The state file is as before, whatever was seen."""
    stack.up(PROGRAM)
    before = stack.state_path.read_bytes()
    stack.cloud.remove("id-1")
    stack.preview()
    assert stack.state_path.read_bytes() == before


def test_a_provider_that_reads_no_inputs_is_enough(stack: Stack) -> None:
    """Without the inputs in a provider's answer the known ones stand."""
    stack.providers["kv"] = lambda: KvProvider(stack.cloud, reads_inputs=False)
    stack.up(PROGRAM)
    assert not stack.up().changed


def test_a_provider_that_cannot_read_stops_the_run(stack: Stack) -> None:
    """Not knowing what is there is an error, with the resource's name, and nothing is done."""
    stack.up(PROGRAM)
    stack.cloud.inject(read_b="no answer")
    with pytest.raises(EngineError, match=r"::b: read failed: the provider cannot be reached \(no answer\)"):
        stack.up()
    assert stack.cloud.mutations() == []


def _leave_pending(stack: Stack, kind: OperationKind) -> None:
    """Make the state say that an operation on the item `a` began and was never heard of again."""
    file = StateFile(stack.state_path)
    snapshot = file.load()
    (entry,) = [entry for entry in snapshot.entries if entry.urn.endswith("::a")]
    snapshot.pending.append(Operation(kind=kind, entry=replace(entry, id="") if kind == "create" else entry))
    file.save(snapshot)


@pytest.mark.parametrize("kind", ["update", "delete"])
def test_a_change_that_was_cut_off_is_made_again(stack: Stack, kind: OperationKind) -> None:
    """Even where everything looks as wanted: a provider may not see how far it came."""
    stack.providers["kv"] = lambda: KvProvider(stack.cloud, reads_inputs=False)
    stack.up('Item("a", name="a", value=1)')
    _leave_pending(stack, kind)
    stack.cloud.put("id-1", {"name": "a", "value": "half done"})
    assert actions(stack.up()) == {"a": "update"}
    assert stack.cloud.by_name() == {"a": 1}
    assert stack.state()["pending"] == []


def test_what_is_known_is_not_taken_over_as_something_new(stack: Stack) -> None:
    """A successor that was perhaps not made is not confused with its predecessor of the same name."""
    stack.up('Item("a", name="a", value=1)')
    _leave_pending(stack, "create")
    assert not stack.up().changed
    assert len(stack.state()["entries"]) == 3


def test_a_provider_that_cannot_search_is_enough(stack: Stack) -> None:
    """Then a creation that was cut off counts as not having happened."""
    stack.up('Item("a", name="a", value=1)')
    _leave_pending(stack, "create")
    stack.providers["kv"] = lambda: KvProvider(stack.cloud, finds=False)
    assert not stack.up().changed
    assert stack.state()["pending"] == []


def test_a_preview_knows_what_was_cut_off(stack: Stack) -> None:
    """It looks for what an earlier run may have made, and leaves finding it to the next run."""
    stack.up('Item("a", name="a", value=1)')
    file = StateFile(stack.state_path)
    snapshot = file.load()
    (entry,) = [entry for entry in snapshot.entries if entry.urn.endswith("::a")]
    snapshot.remove(entry)
    snapshot.pending.append(Operation(kind="create", entry=replace(entry, id="")))
    file.save(snapshot)
    assert actions(stack.preview()) == {"a": "update"}
    assert len(stack.state()["pending"]) == 1
    assert actions(stack.up()) == {"a": "update"}
    assert len(stack.cloud.items()) == 1
