"""Deleting: what a program no longer wants, and what stands in the way of a successor.

Guarantee: nothing is deleted before what needs it; nothing protected is deleted, and where something protected is among
those to be deleted, none of them is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from localcloud.engine.deps import deletion_order, dependents
from localcloud.engine.errors import ProtectedError
from localcloud.engine.journal import Journal
from localcloud.engine.registry import ProviderRegistry
from localcloud.engine.report import Steps
from localcloud.engine.state import Entry
from localcloud.engine.urns import parse
from localcloud.values import UNKNOWN, Properties


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Deletes entries of a journal from the cloud and from the state."""

    journal: Journal
    registry: ProviderRegistry
    steps: Steps

    def clear_way(self, entry: Entry, seen: Collection[str]) -> list[Entry]:
        """Delete a resource before its successor is made, and before it those that cannot do without it.

        `seen` are the URNs that this run has dealt with: they do not use the old one any more. Returns what was
        deleted. Raises ProtectedError before anything is.
        """
        gone = {entry.serial: entry}
        urns = {entry.urn}
        others = [other for other in self.journal.snapshot.entries if other.managed and other.serial != entry.serial]
        for other in dependents(urns, others):
            # One that waits for its deletion goes anyway, and may need the old one for as long as it exists.
            if other.pending_delete or (other.urn not in seen and self._must_go(other, urns)):
                gone[other.serial] = other
                urns.add(other.urn)
        for other in gone.values():
            if other.protect and not other.pending_delete:
                reason = f"it would have to be replaced because {entry.urn} is, but it is protected"
                raise ProtectedError(reason, urn=other.urn)
        for other in deletion_order(gone.values()):
            self._delete(other, urns)
        return list(gone.values())

    def delete_all(self, entries: Collection[Entry], *, check: Callable[[], None]) -> None:
        """Delete entries, dependents first. `check` is called before each, and raises if the run shall not go on.

        Raises:
            ProtectedError: one of them is protected; nothing was deleted.
            ProviderError: a deletion failed; those before it are done.
        """
        guarded = [entry for entry in entries if entry.protect and not entry.pending_delete]
        if guarded:
            names = ", ".join(parse(entry.urn).name for entry in guarded)
            reason = f"would be deleted, but is protected (in all: {names}); nothing was deleted"
            raise ProtectedError(reason, urn=guarded[0].urn)
        urns = {entry.urn for entry in entries}
        for entry in deletion_order(entries):
            check()
            if entry.pending_delete or entry.is_provider:
                self._delete(entry, urns)
            else:
                with self.steps.step("delete", entry.urn, entry.inputs):
                    self._delete(entry, urns)

    def _must_go(self, entry: Entry, gone: Collection[str]) -> bool:
        """Whether a dependent would be replaced if what it takes from the replaced ones becomes something else."""
        through = [key for key, urns in entry.property_dependencies.items() if not set(urns).isdisjoint(gone)]
        if not through:
            return not entry.property_dependencies and not set(entry.dependencies).isdisjoint(gone)
        inputs: Properties = entry.inputs | {key: UNKNOWN for key in through if key in entry.inputs}
        return bool(self.registry.reach(entry).diff(entry, inputs).replaces)

    def _delete(self, entry: Entry, going: Collection[str]) -> None:
        """Delete one resource, or only forget it where it is not ours to delete or goes with another one."""
        calls = entry.managed and not entry.retain_on_delete and entry.deleted_with not in going
        if calls and not self.journal.preview:
            with self.journal.operation("delete", entry):
                self.registry.reach(entry).delete(entry)
                self.journal.snapshot.remove(entry)
        else:
            self.journal.remove(entry)
