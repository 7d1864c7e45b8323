"""The providers of a run: where each package's comes from, how each is configured, and which resource is whose."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from localcloud.engine.errors import EngineError, UnsupportedError
from localcloud.engine.goals import Goal
from localcloud.engine.journal import Journal
from localcloud.engine.providers import Provider
from localcloud.engine.state import Entry
from localcloud.engine.urns import PROVIDER_PREFIX, make
from localcloud.rpc import STOP_SECONDS, serve
from localcloud.values import Properties, Unknown, contains, same, secret

DEFAULT_NAME = "default"
Source: TypeAlias = Callable[[], provider_pb2_grpc.ResourceProviderServicer]
"""Makes a package's provider. The registry calls it once for each configuration that a program uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRegistry:
    """Provider instances by reference (`urn::id`), configured as the state or the stack's configuration says.

    Attributes:
        sources: by package name, such as `{"random": RandomProvider}`.
        defaults: the URNs of the default providers that this run has used.
    """

    project: str
    stack: str
    config: Mapping[str, str]
    secret_keys: frozenset[str]
    sources: Mapping[str, Source]
    journal: Journal
    defaults: set[str] = field(default_factory=set)
    _instances: dict[str, Provider] = field(default_factory=dict)
    _started: list[tuple[grpc.Server, Provider]] = field(default_factory=list)

    def close(self) -> None:
        """Stop every provider."""
        for server, provider in self._started:
            provider.close()
            server.stop(grace=STOP_SECONDS).wait()

    def reach(self, entry: Entry) -> Provider:
        """Return the instance that manages an entry of the state, configured as it was when the entry was made."""
        if entry.provider in self._instances:
            return self._instances[entry.provider]
        urn, _, id_ = entry.provider.rpartition("::")
        for candidate in self.journal.snapshot.entries:
            if candidate.urn == urn and candidate.id == id_:
                return self._configure(candidate, self._connect(candidate))
        raise EngineError(f"its provider {entry.provider} is not in the state", urn=entry.urn)

    def instance(self, reference: str) -> Provider | None:
        """Return a registered instance; None in a preview whose provider's configuration is not known yet."""
        found = self._instances.get(reference)
        if found is None and not self.journal.preview:
            raise EngineError(f"the provider {reference} was not registered")
        return found

    def default(self, package: str) -> str:
        """Return the reference of a package's default provider, configured from the package's namespace."""
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
        """Configure a provider as wanted. One for another cloud gets a new id, and its resources are replaced."""
        old = self.journal.snapshot.current(goal.urn)
        entry = goal.entry(id_=old.id if old else str(uuid.uuid4()), outputs=goal.inputs)
        provider = self._instances.get(_reference(entry)) or self._connect(entry)
        if contains(goal.inputs, Unknown):
            return self.journal.put(old, entry)
        inputs = provider.check_config(goal.urn, old.inputs if old else {}, goal.inputs)
        if old is not None and not same(old.inputs, inputs) and provider.diff_config(old, inputs).replaces:
            entry = replace(entry, id=str(uuid.uuid4()))
            self.journal.snapshot.swap(old, replace(old, pending_delete=True))
            old, provider = None, self._connect(entry)
        entry = goal.entry(id_=entry.id, inputs=inputs, outputs=inputs)
        self._configure(entry, provider)
        return self.journal.put(old, entry)

    def _connect(self, entry: Entry) -> Provider:
        """Start a provider of the package that a provider's entry names.

        Raises:
            UnsupportedError: no provider is known for the package.
        """
        package = entry.type.removeprefix(PROVIDER_PREFIX)
        if package not in self.sources:
            known = ", ".join(sorted(self.sources)) or "none"
            raise UnsupportedError(f"there is no provider for the package {package!r} here (there is: {known})")
        server, address = serve((provider_pb2_grpc.add_ResourceProviderServicer_to_server, self.sources[package]()))
        provider = Provider(package, address)
        self._started.append((server, provider))
        return provider

    def _configure(self, entry: Entry, provider: Provider) -> Provider:
        provider.configure(entry.urn, entry.id, entry.inputs)
        self._instances[_reference(entry)] = provider
        return provider


def _reference(entry: Entry) -> str:
    return f"{entry.urn}::{entry.id}"
