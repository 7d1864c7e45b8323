"""One run over one stack: takes a program's registrations one by one and makes the cloud follow.

Guarantee: before a provider is asked to change anything the state file names the operation, and after it answered the
file has its result. A failure or a cancellation starts nothing further. In a preview no provider is asked to change
anything and no file is written.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace

from localcloud.engine.assets import forget_places
from localcloud.engine.deps import deletion_order, dependents
from localcloud.engine.errors import CancelledError, EngineError, ProtectedError, ProviderError, UnsupportedError
from localcloud.engine.goals import Goal
from localcloud.engine.providers import PartlyCreatedError, Provider
from localcloud.engine.registry import Registry
from localcloud.engine.report import Listener, Progress, Step
from localcloud.engine.state import Entry, Operation, OperationKind, Snapshot, StateFile
from localcloud.engine.steps import Action, Decision, Diff, decide, ignore_changes
from localcloud.engine.urns import PROVIDER_PREFIX, ROOT_TYPE, former, make, parse
from localcloud.engine.values import UNKNOWN, Properties, contains_unknown, mark_secrets, plain, same, secret

_SEED_BYTES = 32
DEFAULT_PROVIDER = "default"


class Deployment:
    """The state machine of a run. Safe to call from many threads; registrations are taken one at a time."""

    def __init__(
        self,
        *,
        project: str,
        stack: str,
        config: Mapping[str, str],
        secret_keys: frozenset[str],
        registry: Registry,
        snapshot: Snapshot,
        file: StateFile | None,
        listener: Listener,
    ) -> None:
        """Begin a run over `snapshot`; without a `file` it is a preview."""
        self.project = project
        self.stack = stack
        self.config = config
        self.secret_keys = secret_keys
        self.snapshot = snapshot
        self.steps: list[Step] = []
        self.outputs: Properties = {}
        self.failure: EngineError | None = None
        self.lock = threading.RLock()
        self._registry = registry
        self._file = file
        self._listener = listener
        self._seen: dict[str, tuple[str, ...]] = {}
        self._replaced: set[str] = set()
        self._cleared: set[str] = set()
        self._root = make(stack=stack, project=project, parent="", type_=ROOT_TYPE, name=f"{project}-{stack}")

    @property
    def preview(self) -> bool:
        """Whether nothing is really done."""
        return self._file is None

    def cancel(self) -> None:
        """Let the operation under way end and refuse every further one."""
        self.failure = self.failure or CancelledError("interrupted; what was done until now is kept in the state")

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Take part in the run for a moment: alone, only while it is going well, and ending it on an error."""
        with self.lock:
            if self.failure is not None:
                raise self.failure
            try:
                yield
            except EngineError as error:
                self.failure = self.failure or error
                raise

    def register(self, goal: Goal) -> Entry:
        """Make one resource as the program wants it; returns it as it then is. In a preview a new one has id `""`."""
        with self.turn():
            self._claim(goal)
            if not goal.custom:
                return self._component(goal)
            if goal.type.startswith(PROVIDER_PREFIX):
                return self._provider_resource(goal)
            provider, goal = self._provider_of(goal)
            if provider is None:
                return self._unconfigured(goal)
            return self._resource(goal, provider)

    def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Take a component's outputs, the stack's among them."""
        with self.turn():
            entry = self.snapshot.current(urn)
            if entry is None or urn not in self._seen:
                reason = "outputs were registered for a resource that was not"
                raise EngineError(reason, urn=urn)
            self._put(entry, replace(entry, outputs=forget_places(outputs)))
            if urn == self._root:
                self.outputs = outputs

    def read(self, goal: Goal, id_: str) -> Entry:
        """Look up a resource that somebody else manages (`Type.get`)."""
        with self.turn():
            self._claim(goal)
            provider, goal = self._provider_of(goal)
            entry = replace(goal.entry(id_=id_), external=True)
            if provider is not None:
                with self._step("read", goal, entry.inputs):
                    found = provider.read(replace(entry, outputs=entry.inputs))
                    if not found.id:
                        reason = f"there is no {goal.type} with the id {id_!r}"
                        raise EngineError(reason, urn=goal.urn)
                outputs = mark_secrets(found.outputs, goal.inputs, goal.secret_outputs)
                entry = replace(entry, id=found.id, inputs=forget_places(found.inputs), outputs=outputs)
            old = self.snapshot.current(goal.urn)
            if old is not None and old.managed and old.id != entry.id:
                self._put(old, replace(old, doomed=True))
                old = None
            return self._put(old, entry)

    def provider(self, reference: str, package: str) -> Provider | None:
        """Give the instance behind a provider reference, or the package's default one; None if not configurable yet."""
        with self.turn():
            return self._instance(reference or self._default_provider(package))

    def reach(self, entry: Entry) -> Provider:
        """Give the instance that manages an entry of the state, configured as it was when the entry was made."""
        found = self._registry.get(entry.provider)
        if found is not None:
            return found
        urn, _, id_ = entry.provider.rpartition("::")
        for candidate in self.snapshot.entries:
            if candidate.urn == urn and candidate.id == id_:
                return self._registry.configure(candidate)
        reason = f"its provider {entry.provider} is not in the state"
        raise EngineError(reason, urn=entry.urn)

    def save(self) -> None:
        """Write the state, unless this is a preview."""
        if self._file is not None:
            self._file.save(self.snapshot)

    def finish(self) -> None:
        """Delete what the program no longer wants, dependents first. To be called after the program ended well."""
        with self.turn():
            self._delete_all([entry for entry in self.snapshot.entries if entry.doomed or entry.urn not in self._seen])

    def destroy(self) -> None:
        """Delete everything, dependents first."""
        with self.turn():
            self._delete_all(list(self.snapshot.entries))

    # --- registering ---

    def _claim(self, goal: Goal) -> None:
        if goal.urn in self._seen:
            reason = "the program registers two resources of this type with this name"
            raise EngineError(reason, urn=goal.urn)
        inherited = self._seen.get(goal.parent, ())
        names = tuple(
            dict.fromkeys(
                former(
                    urn=goal.urn, parent=goal.parent, aliases=goal.aliases, parent_aliases=inherited, root=self._root
                )
            )
        )
        self._seen[goal.urn] = names
        if self.snapshot.current(goal.urn) is None:
            known = next((name for name in names if name not in self._seen and self.snapshot.current(name)), None)
            if known is not None:
                self.snapshot.rename(known, goal.urn)
                self.save()

    def _component(self, goal: Goal) -> Entry:
        old = self.snapshot.current(goal.urn)
        with self._step("same" if old else "create", goal, goal.inputs):
            return self._put(old, goal.entry(outputs=old.outputs if old else {}))

    def _resource(self, goal: Goal, provider: Provider) -> Entry:
        old = self.snapshot.current(goal.urn)
        known = old.inputs if old is not None and not old.external else {}
        wanted = ignore_changes(goal.inputs, known, goal.ignore_changes) if known else goal.inputs
        inputs = provider.check(goal, known, wanted, secrets.token_bytes(_SEED_BYTES))
        compare = old is not None and not old.external
        diff = provider.diff(old, inputs, goal.ignore_changes) if old and compare else Diff(changed=None)
        decision = decide(old, goal, inputs, diff, self._replaced)
        if decision.action == "create" or old is None:
            action: Action = "replace" if goal.urn in self._cleared else "create"
            with self._step(action, goal, inputs):
                return self._create(goal, provider, inputs, old)
        if decision.action == "same":
            with self._step("same", goal, inputs):
                outputs = mark_secrets(old.outputs, inputs, goal.secret_outputs)
                return self._put(old, goal.entry(id_=old.id, inputs=inputs, outputs=outputs))
        if decision.action == "update":
            with self._step("update", goal, inputs, decision):
                return self._update(goal, provider, inputs, old)
        if old.protect:
            what = f"{', '.join(decision.replaces)} changed, so it would have to be replaced, but it is protected"
            raise ProtectedError(what, urn=goal.urn)
        inputs = provider.check(goal, {}, goal.inputs, secrets.token_bytes(_SEED_BYTES))
        with self._step("replace", goal, inputs, decision):
            self._replaced.add(goal.urn)
            if decision.delete_first:
                self._clear_way(old)
                return self._create(goal, provider, inputs, None)
            return self._create(goal, provider, inputs, old)

    def _create(self, goal: Goal, provider: Provider, inputs: Properties, old: Entry | None) -> Entry:
        if self.preview:
            found = provider.create(goal, inputs, preview=True).outputs if provider.supports_preview else inputs
            outputs = mark_secrets(found, inputs, goal.secret_outputs)
            return self._succeed(old, goal.entry(inputs=inputs, outputs=outputs))
        with self._operation("create", goal.entry(inputs=inputs)):
            try:
                made = provider.create(goal, inputs)
            except PartlyCreatedError as error:
                if error.found.id:
                    outputs = mark_secrets(error.found.outputs, inputs, goal.secret_outputs)
                    entry = goal.entry(id_=error.found.id, inputs=error.found.inputs or inputs, outputs=outputs)
                    self._succeed(old, replace(entry, dirty=True))
                raise
            outputs = mark_secrets(made.outputs, inputs, goal.secret_outputs)
            return self._succeed(old, goal.entry(id_=made.id, inputs=inputs, outputs=outputs))

    def _succeed(self, old: Entry | None, new: Entry) -> Entry:
        """Add a created entry; what it replaces stays until the program is through."""
        if old is not None and old.external:
            return self._put(old, new, save=False)
        if old is not None:
            self.snapshot.swap(old, replace(old, doomed=True))
        return self._put(None, new, save=False)

    def _update(self, goal: Goal, provider: Provider, inputs: Properties, old: Entry) -> Entry:
        if self.preview:
            found = provider.update(old, goal, inputs, preview=True) if provider.supports_preview else inputs
            outputs = mark_secrets(found, inputs, goal.secret_outputs)
            return self._put(old, goal.entry(id_=old.id, inputs=inputs, outputs=outputs))
        with self._operation("update", old):
            try:
                found = provider.update(old, goal, inputs)
            except EngineError:
                self._put(old, replace(old, dirty=True), save=False)
                raise
            outputs = mark_secrets(found, inputs, goal.secret_outputs)
            return self._put(old, goal.entry(id_=old.id, inputs=inputs, outputs=outputs), save=False)

    def _put(self, old: Entry | None, new: Entry, *, save: bool = True) -> Entry:
        entry = self.snapshot.add(new) if old is None else self.snapshot.swap(old, new)
        if save:
            self.save()
        return entry

    @contextlib.contextmanager
    def _operation(self, kind: OperationKind, entry: Entry) -> Iterator[None]:
        """Keep an operation in the state file from before it starts until its outcome is in there too."""
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

    @contextlib.contextmanager
    def _step(
        self, action: Action, goal: Goal | Entry, inputs: Properties, decision: Decision | None = None
    ) -> Iterator[None]:
        step = Step(
            action=action,
            urn=goal.urn,
            type=goal.type,
            name=parse(goal.urn).name,
            paths=decision.paths if decision else (),
            replaces=decision.replaces if decision else (),
            inputs=plain(inputs, hide_secrets=True),
        )
        began = time.monotonic()
        self._listener(Progress(status="begin", step=step))
        try:
            yield
        except BaseException:
            self._listener(Progress(status="failed", step=step, seconds=time.monotonic() - began))
            raise
        self.steps.append(step)
        self._listener(Progress(status="done", step=step, seconds=time.monotonic() - began))

    # --- providers ---

    def _provider_of(self, goal: Goal) -> tuple[Provider | None, Goal]:
        reference = goal.provider or self._default_provider(goal.type.partition(":")[0])
        return self._instance(reference), replace(goal, provider=reference)

    def _instance(self, reference: str) -> Provider | None:
        found = self._registry.get(reference)
        if found is None and not self.preview:
            reason = f"the provider {reference} was not registered"
            raise EngineError(reason)
        return found

    def _default_provider(self, package: str) -> str:
        type_ = PROVIDER_PREFIX + package
        urn = make(stack=self.stack, project=self.project, parent="", type_=type_, name=DEFAULT_PROVIDER)
        if urn not in self._seen:
            prefix = package + ":"
            inputs: Properties = {
                key.removeprefix(prefix).removeprefix("config:"): secret(value) if key in self.secret_keys else value
                for key, value in self.config.items()
                if key.startswith(prefix)
            }
            self._seen[urn] = ()
            self._configure(Goal(urn=urn, type=type_, name=DEFAULT_PROVIDER, custom=True, inputs=inputs))
        entry = self.snapshot.current(urn)
        return f"{urn}::{entry.id}" if entry else ""

    def _provider_resource(self, goal: Goal) -> Entry:
        with self._step("same" if self.snapshot.current(goal.urn) else "create", goal, goal.inputs):
            return self._configure(goal)

    def _configure(self, goal: Goal) -> Entry:
        """Configure a provider as wanted; one that shall serve another cloud gets a new id, and its resources move."""
        package = goal.type.removeprefix(PROVIDER_PREFIX)
        old = self.snapshot.current(goal.urn)
        provider = (self._registry.get(f"{old.urn}::{old.id}") if old else None) or self._registry.connect(package)
        if contains_unknown(goal.inputs):
            return self._put(old, goal.entry(id_=old.id if old else str(uuid.uuid4()), outputs=goal.inputs))
        inputs = provider.check_config(goal.urn, old.inputs if old else {}, goal.inputs)
        id_ = old.id if old else str(uuid.uuid4())
        if old is not None and not same(old.inputs, inputs) and provider.diff_config(old, inputs).replaces:
            id_ = str(uuid.uuid4())
            self.snapshot.swap(old, replace(old, doomed=True))
            old, provider = None, self._registry.connect(package)
        entry = goal.entry(id_=id_, inputs=inputs, outputs=inputs)
        self._registry.configure(entry, provider)
        return self._put(old, entry)

    def _unconfigured(self, goal: Goal) -> Entry:
        """Plan for a resource whose provider's configuration is itself only known after the deployment."""
        old = self.snapshot.current(goal.urn)
        if not self.preview:
            reason = "its provider is not configured"
            raise UnsupportedError(reason, urn=goal.urn)
        with self._step("update" if old else "create", goal, goal.inputs):
            return self._put(old, goal.entry(id_=old.id if old else "", outputs=goal.inputs))

    # --- deleting ---

    def _clear_way(self, entry: Entry) -> None:
        """Delete a resource before its successor is made, and before it those that cannot do without it."""
        gone = {entry.urn: entry}
        for other in dependents(gone, [e for e in self.snapshot.entries if not e.doomed and e is not entry]):
            if other.managed and other.urn not in self._seen and self._must_go(other, gone):
                gone[other.urn] = other
        for other in gone.values():
            if other.protect:
                reason = f"it would have to be replaced because {entry.urn} is, but it is protected"
                raise ProtectedError(reason, urn=other.urn)
        for other in deletion_order(gone.values()):
            self._delete(other, gone)
            self._cleared.add(other.urn)

    def _must_go(self, entry: Entry, gone: Mapping[str, Entry]) -> bool:
        """Whether a dependent would be replaced if what it takes from the replaced ones becomes something else."""
        through = [key for key, urns in entry.property_dependencies.items() if gone.keys() & set(urns)]
        if not through:
            return not entry.property_dependencies and bool(gone.keys() & set(entry.dependencies))
        inputs = entry.inputs | dict.fromkeys(key for key in through if key in entry.inputs)
        inputs |= {key: UNKNOWN for key in through if key in entry.inputs}
        return bool(self.reach(entry).diff(entry, inputs).replaces)

    def _delete_all(self, entries: list[Entry]) -> None:
        guarded = [entry for entry in entries if entry.protect and not entry.doomed]
        if guarded:
            names = ", ".join(parse(entry.urn).name for entry in guarded)
            reason = f"would be deleted, but is protected (in all: {names}); nothing was deleted"
            raise ProtectedError(reason, urn=guarded[0].urn)
        going = {entry.urn: entry for entry in entries}
        for entry in deletion_order(entries):
            if self.failure is not None:
                raise self.failure
            if entry.doomed or entry.is_provider:
                self._delete(entry, going)
            else:
                with self._step("delete", entry, entry.inputs):
                    self._delete(entry, going)

    def _delete(self, entry: Entry, going: Mapping[str, Entry]) -> None:
        """Delete one resource, or only forget it where it is not ours to delete or goes with another one."""
        calls = entry.managed and not entry.retain_on_delete and entry.deleted_with not in going
        if calls and not self.preview:
            with self._operation("delete", entry):
                self.reach(entry).delete(entry)
                self.snapshot.remove(entry)
        else:
            self.snapshot.remove(entry)
            self.save()
