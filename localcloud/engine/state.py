"""What the engine remembers between runs: the resources it made, and the operation that is under way.

Guarantee: the file on disk is always one complete state, readable by its owner only. An operation is on disk before it
starts and leaves it together with its result, so that after a kill at any point either the result is known or the file
says what may have happened. One run at a time holds the state.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Self

from localcloud.engine.errors import LockedError, StateError
from localcloud.engine.urns import PROVIDER_PREFIX, parse
from localcloud.values import Properties, Value, decode, encode

FORMAT = 1
_VALUES = ("inputs", "outputs", "replacement_trigger")
_FORMER_NAME = "doomed"
"""How files of earlier versions name `pending_delete`."""
OperationKind = Literal["create", "update", "delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One resource as last seen.

    Attributes:
        urn: its logical name; a replaced resource shares it with its successor until it is deleted.
        id: the provider's name for it; `""` for a component.
        inputs: what the provider checked and accepted; files as hashes.
        outputs: what the provider returned.
        provider: `urn::id` of the provider resource that manages it; `""` for components and providers.
        external: it was only read, and is never changed or deleted.
        pending_delete: it has a successor, and only waits to be deleted.
        dirty: an operation on it did not end well; the next run updates it even if nothing else changed.
        serial: grows with every entry made, so that ties in the order of deletion go newest first.
        timeouts: seconds allowed for create, update, delete, read, where the program says.
    """

    urn: str
    type: str
    custom: bool
    id: str = ""
    parent: str = ""
    provider: str = ""
    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secret_outputs: tuple[str, ...] = ()
    protect: bool = False
    retain_on_delete: bool = False
    deleted_with: str = ""
    replacement_trigger: Value = None
    timeouts: Mapping[str, float] = field(default_factory=dict)
    external: bool = False
    pending_delete: bool = False
    dirty: bool = False
    serial: int = 0

    @property
    def is_provider(self) -> bool:
        """Whether it is a provider's configuration and not a resource in the cloud."""
        return self.type.startswith(PROVIDER_PREFIX)

    @property
    def managed(self) -> bool:
        """Whether a provider made it and can read, change and delete it."""
        return self.custom and not self.is_provider and not self.external

    @property
    def needs(self) -> frozenset[str]:
        """The URNs that must exist for as long as this does."""
        used = {urn for urns in self.property_dependencies.values() for urn in urns}
        return frozenset({*self.dependencies, *used, self.parent, self.provider.rpartition("::")[0]} - {"", self.urn})

    def renamed(self, old: str, new: str) -> Entry:
        """Put one URN in place of another wherever it occurs."""

        def swap(urn: str) -> str:
            return new if urn == old else urn

        provider_urn, _, provider_id = self.provider.rpartition("::")
        return replace(
            self,
            urn=swap(self.urn),
            type=parse(new).type if self.urn == old else self.type,
            parent=swap(self.parent),
            deleted_with=swap(self.deleted_with),
            dependencies=tuple(map(swap, self.dependencies)),
            property_dependencies={key: tuple(map(swap, urns)) for key, urns in self.property_dependencies.items()},
            provider=f"{new}::{provider_id}" if provider_urn == old else self.provider,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A call that changes the cloud and whose result is not known yet. `entry` is what it would lead to."""

    kind: OperationKind
    entry: Entry


@dataclass(slots=True)
class Snapshot:
    """All entries and at most one pending operation for each; in memory."""

    entries: list[Entry] = field(default_factory=list)
    pending: list[Operation] = field(default_factory=list)
    serial: int = 0

    def current(self, urn: str) -> Entry | None:
        """Give the entry that stands for a URN now."""
        return next((entry for entry in self.entries if entry.urn == urn and not entry.pending_delete), None)

    def add(self, entry: Entry) -> Entry:
        """Append an entry, numbered."""
        self.serial += 1
        entry = replace(entry, serial=self.serial)
        self.entries.append(entry)
        return entry

    def swap(self, old: Entry, new: Entry) -> Entry:
        """Put `new` where `old` is, with its number."""
        new = replace(new, serial=old.serial)
        self.entries[self._index(old)] = new
        return new

    def remove(self, entry: Entry) -> None:
        """Take an entry out."""
        del self.entries[self._index(entry)]

    def rename(self, old: str, new: str) -> None:
        """Let an entry be known under another URN, in every reference to it too."""
        self.entries = [entry.renamed(old, new) for entry in self.entries]

    def _index(self, entry: Entry) -> int:
        return next(index for index, other in enumerate(self.entries) if other.serial == entry.serial)


class StateFile:
    """The state of one stack, as one JSON file of mode 0600."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is touched until `locked`, `load` or `save`."""
        self._path = path
        self._written: bytes | None = None
        self._documents: dict[int, tuple[Entry, dict[str, Any]]] = {}

    @contextlib.contextmanager
    def locked(self) -> Iterator[Self]:
        """Hold the state for this process. The kernel lets go of it if the process dies.

        Raises:
            LockedError: another run holds it.
            StateError: the folder cannot be written.
        """
        lock_path = self._path.with_name(self._path.name + ".lock")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"the state in {self._path.parent} cannot be written: {error.strerror}") from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                reason = f"another run is working on this stack (it holds {lock_path}); wait for it to end"
                raise LockedError(reason) from error
            yield self
        finally:
            os.close(handle)

    def load(self) -> Snapshot:
        """Read the state; an absent file is an empty one.

        Raises:
            StateError: the file cannot be read or is not a state of this format.
        """
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return Snapshot()
        except OSError as error:
            raise StateError(f"the state {self._path} cannot be read: {error.strerror}") from error
        try:
            document = json.loads(raw)
            found = document["format"]
            if found != FORMAT:
                raise StateError(f"the state {self._path} has format {found!r}; this program reads {FORMAT}")
            snapshot = Snapshot(
                entries=[_entry(item) for item in document["entries"]],
                pending=[Operation(kind=item["kind"], entry=_entry(item["entry"])) for item in document["pending"]],
                serial=document["serial"],
            )
        except (ValueError, KeyError, TypeError) as error:
            reason = f"the state {self._path} is damaged ({type(error).__name__}); move it away to start anew"
            raise StateError(reason) from error
        self._written = raw
        return snapshot

    def save(self, snapshot: Snapshot) -> None:
        """Write the state durably, unless the file already says the same.

        Raises:
            StateError: it could not be written; the previous state is still in place.
        """
        document = {
            "format": FORMAT,
            "serial": snapshot.serial,
            "pending": [
                {"kind": operation.kind, "entry": _document(operation.entry)} for operation in snapshot.pending
            ],
            "entries": self._documents_of(snapshot.entries),
        }
        raw = json.dumps(document, ensure_ascii=False).encode()
        if raw == self._written:
            return
        temporary = self._path.with_name(self._path.name + ".new")
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(handle, "wb") as file:  # noqa: PTH123 - a handle, opened with its mode above
                file.write(raw)
                file.flush()
                os.fsync(handle)
            self._commit(temporary)
        except OSError as error:
            raise StateError(f"the state {self._path} cannot be written: {error.strerror}") from error
        self._written = raw

    def _documents_of(self, entries: Iterable[Entry]) -> list[dict[str, Any]]:
        """Return what the file says of each entry. An entry never changes, so it is encoded for its first save only."""
        known = self._documents
        self._documents = {id(entry): known.get(id(entry)) or (entry, _document(entry)) for entry in entries}
        return [document for _, document in self._documents.values()]

    def _commit(self, temporary: Path) -> None:
        """Let the written file take the state's place, durably."""
        temporary.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _document(entry: Entry) -> dict[str, Any]:
    document = {item.name: getattr(entry, item.name) for item in fields(entry)}
    return document | {
        **{key: encode(document[key]) for key in _VALUES},
        "dependencies": sorted(entry.dependencies),
        "property_dependencies": {key: sorted(urns) for key, urns in sorted(entry.property_dependencies.items())},
        "secret_outputs": sorted(entry.secret_outputs),
        "timeouts": dict(entry.timeouts),
    }


def _entry(document: Mapping[str, Any]) -> Entry:
    known = dict(document)
    if _FORMER_NAME in known:
        known["pending_delete"] = known.pop(_FORMER_NAME)
    for key in ("dependencies", "secret_outputs"):
        known[key] = tuple(known[key])
    known["property_dependencies"] = {key: tuple(urns) for key, urns in known["property_dependencies"].items()}
    for key in _VALUES:
        known[key] = decode(known[key])
    return Entry(**known)
