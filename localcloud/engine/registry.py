"""Which provider serves which resource: packages, their sources, and the configured instances."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent import futures
from typing import TypeAlias

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from localcloud.engine.errors import UnsupportedError
from localcloud.engine.providers import CHANNEL_OPTIONS, STOP_SECONDS, Provider
from localcloud.engine.state import Entry
from localcloud.engine.urns import PROVIDER_PREFIX
from localcloud.engine.values import Properties, same

Servicer: TypeAlias = provider_pb2_grpc.ResourceProviderServicer
Source: TypeAlias = str | Servicer | Callable[[], Servicer]
"""Where a package's provider comes from: the address of one that runs (`127.0.0.1:port`), a servicer, or a function
that makes one, called once for each configuration that a program uses."""

_SERVER_THREADS = 8


class Registry:
    """The configured provider instances of one run, by provider reference (`urn::id`)."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        """Take the sources by package name, such as `{"aws": AwsProvider(...)}`."""
        self._sources = sources
        self._servers: list[grpc.Server] = []
        self._shared: dict[str, Provider] = {}
        self._instances: dict[str, tuple[Provider, Properties]] = {}

    def close(self) -> None:
        """Stop what was started here."""
        for provider in {id(provider): provider for provider, _ in self._instances.values()}.values():
            provider.close()
        for provider in self._shared.values():
            provider.close()
        for server in self._servers:
            server.stop(grace=STOP_SECONDS).wait()

    def connect(self, package: str) -> Provider:
        """Give a provider that may be asked to check a configuration.

        Raises:
            UnsupportedError: no provider is known for the package.
        """
        if package in self._shared:
            return self._shared[package]
        source = self._sources.get(package)
        if source is None:
            known = ", ".join(sorted(self._sources)) or "none"
            reason = f"there is no provider for the package {package!r} here (there is: {known})"
            raise UnsupportedError(reason)
        if isinstance(source, Servicer):
            provider = self._shared[package] = Provider(package, self._serve(source))
        elif isinstance(source, str):
            provider = self._shared[package] = Provider(package, source)
        else:
            provider = Provider(package, self._serve(source()))
        return provider

    def configure(self, entry: Entry, provider: Provider | None = None) -> Provider:
        """Configure the instance that a provider's entry describes.

        Raises:
            UnsupportedError: the source is one running provider, and it is in use with another configuration.
            ProviderError: the provider refuses the configuration.
        """
        reference = f"{entry.urn}::{entry.id}"
        package = entry.type.removeprefix(PROVIDER_PREFIX)
        provider = provider or self.connect(package)
        if provider is self._shared.get(package):
            for other, (instance, inputs) in self._instances.items():
                if instance is provider and other != reference and not same(inputs, entry.inputs):
                    reason = f"the provider for {package!r} can serve one configuration in a run"
                    raise UnsupportedError(reason, urn=entry.urn)
        provider.configure(entry.urn, entry.id, entry.inputs)
        self._instances[reference] = (provider, entry.inputs)
        return provider

    def get(self, reference: str) -> Provider | None:
        """Give a configured instance."""
        found = self._instances.get(reference)
        return found[0] if found else None

    def _serve(self, servicer: Servicer) -> str:
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=_SERVER_THREADS), options=CHANNEL_OPTIONS)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self._servers.append(server)
        return f"127.0.0.1:{port}"
