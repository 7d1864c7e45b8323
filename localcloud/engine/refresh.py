"""What is really there: the start of every run, before anything is decided.

Guarantee: afterwards the snapshot holds no pending operation, no resource that is gone, and of each of the others what
the provider reads now. Nothing in the cloud is changed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from localcloud.engine.assets import forget_places
from localcloud.engine.deployment import Deployment
from localcloud.engine.deps import creation_order
from localcloud.engine.report import Listener, Message
from localcloud.engine.state import Entry
from localcloud.values import mark_secrets

GONE: Final = "is gone, though nobody here deleted it; it is made again if it is still wanted"
"""The warning about a resource that the state has and the cloud has not."""


def refresh(deployment: Deployment, listener: Listener) -> None:
    """Bring the snapshot up to date and save it.

    Raises:
        ProviderError: a provider cannot say what is there.
    """
    with deployment.turn():
        recover(deployment)
        for entry in creation_order(deployment.journal.snapshot.entries):
            if entry.managed:
                _look(deployment, entry, listener)
        deployment.journal.save()


def recover(deployment: Deployment) -> None:
    """Find out what became of the operations that an earlier run began and did not live to record.

    A create may have happened: the provider is asked to find the resource by its inputs; if it is there, it is taken
    over. A change or a deletion may have happened in part: the resource is read as all the others are, and updated
    even if it looks as wanted.
    """
    snapshot = deployment.journal.snapshot
    for operation in snapshot.pending:
        entry = operation.entry
        current = snapshot.current(entry.urn)
        if operation.kind != "create":
            if current is not None and current.id == entry.id:
                snapshot.swap(current, replace(current, dirty=True))
            continue
        found = deployment.registry.reach(entry).find(entry)
        taken = {other.id for other in snapshot.entries if other.urn == entry.urn}
        if found.id and found.id not in taken:
            if current is not None:
                snapshot.swap(current, replace(current, pending_delete=True))
            outputs = mark_secrets(found.outputs, entry.inputs, entry.secret_outputs)
            snapshot.add(
                replace(
                    entry, id=found.id, inputs=forget_places(found.inputs), outputs=forget_places(outputs), dirty=True
                )
            )
    snapshot.pending.clear()


def _look(deployment: Deployment, entry: Entry, listener: Listener) -> None:
    found = deployment.registry.reach(entry).read(entry)
    if not found.id:
        deployment.journal.snapshot.remove(entry)
        if not entry.pending_delete:
            listener(Message(severity="warning", text=GONE, urn=entry.urn))
        return
    outputs = mark_secrets(mark_secrets(found.outputs, entry.outputs), entry.inputs, entry.secret_outputs)
    deployment.journal.snapshot.swap(
        entry, replace(entry, inputs=forget_places(found.inputs), outputs=forget_places(outputs))
    )
