"""The snapshot of a run and its file, changed together.

Guarantee: before a provider is asked to change anything the file names the operation, and after it answered the file
has its result. In a preview there is no file, and nothing is written.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from localcloud.engine.errors import ProviderError
from localcloud.engine.state import Entry, Operation, OperationKind, Snapshot, StateFile


class Journal:
    """What is known of the resources during one run."""

    def __init__(self, snapshot: Snapshot, file: StateFile | None) -> None:
        """Work on `snapshot`, kept in `file`; without a file it is a preview."""
        self.snapshot = snapshot
        self._file = file

    @property
    def preview(self) -> bool:
        """Whether nothing is really done."""
        return self._file is None

    def save(self) -> None:
        """Write the state, if there is a file and it says something else."""
        if self._file is not None:
            self._file.save(self.snapshot)

    def put(self, old: Entry | None, new: Entry, *, save: bool = True) -> Entry:
        """Let `new` stand where `old` stood, or add it."""
        entry = self.snapshot.add(new) if old is None else self.snapshot.swap(old, new)
        if save:
            self.save()
        return entry

    def succeed(self, old: Entry | None, new: Entry) -> Entry:
        """Add what was created; what it replaces stays until the program has ended."""
        if old is not None and old.external:
            return self.put(old, new, save=False)
        if old is not None:
            self.snapshot.swap(old, replace(old, pending_delete=True))
        return self.put(None, new, save=False)

    def remove(self, entry: Entry) -> None:
        """Forget an entry."""
        self.snapshot.remove(entry)
        self.save()

    @contextlib.contextmanager
    def operation(self, kind: OperationKind, entry: Entry) -> Iterator[None]:
        """Keep an operation in the file from before it starts until its outcome is in there too.

        It stays in there if no answer came or this process was interrupted: then nobody knows what became of it.
        """
        operation = Operation(kind=kind, entry=entry)
        self.snapshot.pending.append(operation)
        self.save()
        try:
            yield
        except ProviderError as error:
            if not error.uncertain:
                self.snapshot.pending.remove(operation)
            self.save()
            raise
        self.snapshot.pending.remove(operation)
        self.save()
