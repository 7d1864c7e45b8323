"""One run over one stack: takes a program's registrations one by one and makes the cloud follow.

Guarantee: registrations are dealt with one at a time, whatever the number of threads that make them. A failure or a
cancellation starts nothing further. In a preview no provider is asked to change anything.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace

from localcloud.engine.assets import forget_places
from localcloud.engine.errors import CancelledError, EngineError, ProtectedError
from localcloud.engine.goals import Goal
from localcloud.engine.journal import Journal
from localcloud.engine.providers import PartlyCreatedError, Provider
from localcloud.engine.registry import ProviderRegistry, Source
from localcloud.engine.removal import Removal
from localcloud.engine.report import Listener, Steps
from localcloud.engine.state import Entry, Snapshot, StateFile
from localcloud.engine.steps import Action, Decision, Diff, decide, ignore_changes
from localcloud.engine.urns import PROVIDER_PREFIX, ROOT_TYPE, former, make
from localcloud.values import Properties, mark_secrets

_SEED_BYTES = 32


class Deployment:
    """The state machine of a run; without a `file` it is a preview.

    Attributes:
        failure: why the run cannot go on, once it cannot.
        outputs: the stack's outputs, once the program registered them.
    """

    def __init__(
        self,
        *,
        project: str,
        stack: str,
        config: Mapping[str, str],
        secret_keys: frozenset[str],
        sources: Mapping[str, Source],
        snapshot: Snapshot,
        file: StateFile | None,
        listener: Listener,
    ) -> None:
        """Begin a run over `snapshot`."""
        self.project = project
        self.stack = stack
        self.journal = Journal(snapshot, file)
        self.steps = Steps(listener)
        self.registry = ProviderRegistry(
            project=project,
            stack=stack,
            config=config,
            secret_keys=secret_keys,
            sources=sources,
            journal=self.journal,
        )
        self.outputs: Properties = {}
        self.failure: EngineError | None = None
        self.lock = threading.RLock()
        self._removal = Removal(journal=self.journal, registry=self.registry, steps=self.steps)
        self._seen: dict[str, tuple[str, ...]] = {}
        self._replaced: set[str] = set()
        self._cleared: dict[str, Entry] = {}
        self._root = make(stack=stack, project=project, parent="", type_=ROOT_TYPE, name=f"{project}-{stack}")

    @property
    def preview(self) -> bool:
        """Whether nothing is really done."""
        return self.journal.preview

    def cancel(self) -> None:
        """Let the operation under way end and refuse every further one."""
        self.failure = self.failure or CancelledError("interrupted; what was done until now is kept in the state")

    def check(self) -> None:
        """Raise what ended the run, if something did."""
        if self.failure is not None:
            raise self.failure

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Take part in the run for a moment: alone, only while it is going well, and ending it on an error."""
        with self.lock:
            self.check()
            try:
                yield
            except EngineError as error:
                self.failure = self.failure or error
                raise

    def register(self, goal: Goal) -> Entry:
        """Make one resource as the program wants it; returns it as it then is. In a preview a new one has id `""`."""
        with self.turn():
            self._claim(goal)
            old = self.journal.snapshot.current(goal.urn)
            if goal.type.startswith(PROVIDER_PREFIX):
                with self.steps.step("same" if old else "create", goal.urn, goal.inputs):
                    return self.registry.configure(goal)
            if not goal.custom:
                with self.steps.step("same" if old else "create", goal.urn, goal.inputs):
                    return self.journal.put(old, goal.entry(outputs=old.outputs if old else {}))
            provider, goal = self._provider_of(goal)
            if provider is None:
                # A preview, and the provider's configuration is itself only known after the deployment.
                with self.steps.step("update" if old else "create", goal.urn, goal.inputs):
                    return self.journal.put(old, goal.entry(id_=old.id if old else "", outputs=goal.inputs))
            return self._resource(goal, provider, old)

    def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Take a component's outputs, the stack's among them."""
        with self.turn():
            entry = self.journal.snapshot.current(urn)
            if entry is None or urn not in self._seen:
                raise EngineError("outputs were registered for a resource that was not", urn=urn)
            self.journal.put(entry, replace(entry, outputs=forget_places(outputs)))
            if urn == self._root:
                self.outputs = outputs

    def read(self, goal: Goal, id_: str) -> Entry:
        """Look up a resource that somebody else manages (`Type.get`)."""
        with self.turn():
            self._claim(goal)
            provider, goal = self._provider_of(goal)
            entry = replace(goal.entry(id_=id_), external=True)
            if provider is not None:
                with self.steps.step("read", goal.urn, entry.inputs):
                    found = provider.read(replace(entry, outputs=entry.inputs))
                    if not found.id:
                        raise EngineError(f"there is no {goal.type} with the id {id_!r}", urn=goal.urn)
                outputs = mark_secrets(found.outputs, goal.inputs, goal.secret_outputs)
                entry = replace(entry, id=found.id, inputs=forget_places(found.inputs), outputs=outputs)
            old = self.journal.snapshot.current(goal.urn)
            if old is not None and old.managed and old.id != entry.id:
                self.journal.put(old, replace(old, pending_delete=True))
                old = None
            return self.journal.put(old, entry)

    def provider(self, reference: str, package: str) -> Provider | None:
        """Give the instance behind a provider reference, or the package's default one; None if not configurable yet."""
        with self.turn():
            return self.registry.instance(reference or self.registry.default(package))

    def finish(self) -> None:
        """Delete what the program no longer wants, dependents first. To be called after the program ended well."""
        with self.turn():
            for urn, entry in self._cleared.items():
                if urn not in self._seen:
                    with self.steps.step("delete", urn, entry.inputs):
                        pass  # it went when it stood in the way of another one's successor
            wanted = self._seen.keys() | self.registry.defaults
            unwanted = [
                entry for entry in self.journal.snapshot.entries if entry.pending_delete or entry.urn not in wanted
            ]
            self._removal.delete_all(unwanted, check=self.check)

    def destroy(self) -> None:
        """Delete everything, dependents first."""
        with self.turn():
            self._removal.delete_all(list(self.journal.snapshot.entries), check=self.check)

    def _claim(self, goal: Goal) -> None:
        """Note that a URN is taken, and find the resource if it had another one before."""
        if goal.urn in self._seen:
            raise EngineError("the program registers two resources of this type with this name", urn=goal.urn)
        inherited = self._seen.get(goal.parent, ())
        found = former(
            urn=goal.urn, parent=goal.parent, aliases=goal.aliases, parent_aliases=inherited, root=self._root
        )
        names = tuple(dict.fromkeys(found))
        self._seen[goal.urn] = names
        snapshot = self.journal.snapshot
        if snapshot.current(goal.urn) is None:
            known = next((name for name in names if name not in self._seen and snapshot.current(name)), None)
            if known is not None:
                snapshot.rename(known, goal.urn)
                self.journal.save()

    def _provider_of(self, goal: Goal) -> tuple[Provider | None, Goal]:
        reference = goal.provider or self.registry.default(goal.type.partition(":")[0])
        return self.registry.instance(reference), replace(goal, provider=reference)

    def _resource(self, goal: Goal, provider: Provider, old: Entry | None) -> Entry:
        compared = old if old is not None and not old.external else None
        known = compared.inputs if compared else {}
        wanted = ignore_changes(goal.inputs, known, goal.ignore_changes) if compared else goal.inputs
        inputs = provider.check(goal, known, wanted, secrets.token_bytes(_SEED_BYTES))
        diff = provider.diff(compared, inputs, goal.ignore_changes) if compared else Diff(changed=None)
        decision = decide(old, goal, inputs, diff, self._replaced)
        if old is None or decision.action == "create":
            action: Action = "replace" if goal.urn in self._cleared else "create"
            with self.steps.step(action, goal.urn, inputs):
                return self._create(goal, provider, inputs, old)
        if decision.action == "same":
            with self.steps.step("same", goal.urn, inputs):
                outputs = mark_secrets(old.outputs, inputs, goal.secret_outputs)
                return self.journal.put(old, goal.entry(id_=old.id, inputs=inputs, outputs=outputs))
        if decision.action == "update":
            with self.steps.step("update", goal.urn, inputs, decision):
                return self._update(goal, provider, inputs, old)
        return self._replace(goal, provider, old, decision)

    def _replace(self, goal: Goal, provider: Provider, old: Entry, decision: Decision) -> Entry:
        if old.protect:
            reason = f"it would have to be replaced ({', '.join(decision.replaces)} changed), but it is protected"
            raise ProtectedError(reason, urn=goal.urn)
        # Checked again as something new, so that the provider chooses names anew.
        inputs = provider.check(goal, {}, goal.inputs, secrets.token_bytes(_SEED_BYTES))
        with self.steps.step("replace", goal.urn, inputs, decision):
            self._replaced.add(goal.urn)
            if not decision.delete_first:
                return self._create(goal, provider, inputs, old)
            for entry in self._removal.clear_way(old, self._seen):
                if not entry.pending_delete:
                    self._cleared[entry.urn] = entry
            return self._create(goal, provider, inputs, None)

    def _create(self, goal: Goal, provider: Provider, inputs: Properties, old: Entry | None) -> Entry:
        if self.preview:
            found = provider.create(goal, inputs, preview=True).outputs if provider.supports_preview else inputs
            outputs = mark_secrets(found, inputs, goal.secret_outputs)
            return self.journal.succeed(old, goal.entry(inputs=inputs, outputs=outputs))
        with self.journal.operation("create", goal.entry(inputs=inputs)):
            try:
                made = provider.create(goal, inputs)
            except PartlyCreatedError as error:
                if error.found.id:
                    outputs = mark_secrets(error.found.outputs, inputs, goal.secret_outputs)
                    entry = goal.entry(id_=error.found.id, inputs=error.found.inputs or inputs, outputs=outputs)
                    self.journal.succeed(old, replace(entry, dirty=True))
                raise
            outputs = mark_secrets(made.outputs, inputs, goal.secret_outputs)
            return self.journal.succeed(old, goal.entry(id_=made.id, inputs=inputs, outputs=outputs))

    def _update(self, goal: Goal, provider: Provider, inputs: Properties, old: Entry) -> Entry:
        if self.preview:
            found = provider.update(old, goal, inputs, preview=True) if provider.supports_preview else inputs
            outputs = mark_secrets(found, inputs, goal.secret_outputs)
            return self.journal.put(old, goal.entry(id_=old.id, inputs=inputs, outputs=outputs))
        with self.journal.operation("update", old):
            try:
                found = provider.update(old, goal, inputs)
            except EngineError:
                # How far it came is unknown, so the next run updates in any case.
                self.journal.put(old, replace(old, dirty=True), save=False)
                raise
            outputs = mark_secrets(found, inputs, goal.secret_outputs)
            return self.journal.put(old, goal.entry(id_=old.id, inputs=inputs, outputs=outputs), save=False)
