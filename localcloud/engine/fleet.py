"""The provider resources of a run: the packages' default ones, the program's own, and who manages what."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from localcloud.engine.errors import EngineError
from localcloud.engine.goals import Goal
from localcloud.engine.journal import Journal
from localcloud.engine.providers import Provider
from localcloud.engine.registry import Registry
from localcloud.engine.state import Entry
from localcloud.engine.urns import PROVIDER_PREFIX, make
from localcloud.engine.values import Properties, contains_unknown, same, secret

DEFAULT_NAME = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Provider instances by reference (`urn::id`), configured as the state or the stack's configuration says.

    Attributes:
        defaults: the URNs of the default providers that this run has used.
    """

    project: str
    stack: str
    config: Mapping[str, str]
    secret_keys: frozenset[str]
    registry: Registry
    journal: Journal
    defaults: set[str] = field(default_factory=set)

    def reach(self, entry: Entry) -> Provider:
        """Give the instance that manages an entry of the state, configured as it was when the entry was made."""
        found = self.registry.get(entry.provider)
        if found is not None:
            return found
        urn, _, id_ = entry.provider.rpartition("::")
        for candidate in self.journal.snapshot.entries:
            if candidate.urn == urn and candidate.id == id_:
                return self.registry.configure(candidate)
        reason = f"its provider {entry.provider} is not in the state"
        raise EngineError(reason, urn=entry.urn)

    def instance(self, reference: str) -> Provider | None:
        """Give a registered instance; None in a preview whose provider's configuration is not known yet."""
        found = self.registry.get(reference)
        if found is None and not self.journal.preview:
            reason = f"the provider {reference} was not registered"
            raise EngineError(reason)
        return found

    def default(self, package: str) -> str:
        """Give the reference of a package's default provider, configured from the package's namespace."""
        type_ = PROVIDER_PREFIX + package
        urn = make(stack=self.stack, project=self.project, parent="", type_=type_, name=DEFAULT_NAME)
        if urn not in self.defaults:
            prefix = package + ":"
            inputs: Properties = {
                key.removeprefix(prefix): secret(value) if key in self.secret_keys else value
                for key, value in self.config.items()
                if key.startswith(prefix)
            }
            self.configure(Goal(urn=urn, type=type_, name=DEFAULT_NAME, custom=True, inputs=inputs))
            self.defaults.add(urn)
        entry = self.journal.snapshot.current(urn)
        return f"{urn}::{entry.id}" if entry else ""

    def configure(self, goal: Goal) -> Entry:
        """Configure a provider as wanted; one that shall serve another cloud gets a new id, and its resources move."""
        package = goal.type.removeprefix(PROVIDER_PREFIX)
        old = self.journal.snapshot.current(goal.urn)
        id_ = old.id if old else str(uuid.uuid4())
        provider = (self.registry.get(f"{goal.urn}::{id_}") if old else None) or self.registry.connect(package)
        if contains_unknown(goal.inputs):
            return self.journal.put(old, goal.entry(id_=id_, outputs=goal.inputs))
        inputs = provider.check_config(goal.urn, old.inputs if old else {}, goal.inputs)
        if old is not None and not same(old.inputs, inputs) and provider.diff_config(old, inputs).replaces:
            id_ = str(uuid.uuid4())
            self.journal.snapshot.swap(old, replace(old, doomed=True))
            old, provider = None, self.registry.connect(package)
        entry = goal.entry(id_=id_, inputs=inputs, outputs=inputs)
        self.registry.configure(entry, provider)
        return self.journal.put(old, entry)
