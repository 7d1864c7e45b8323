"""The two gRPC services that a Pulumi program talks to, translated to and from a `Deployment`.

Guarantee: they listen on loopback only; what the engine does not support is refused by name, never ignored.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import grpc
from google.protobuf.empty_pb2 import Empty
from grpc import ServicerContext
from pulumi.runtime.proto import alias_pb2, engine_pb2, engine_pb2_grpc, provider_pb2, resource_pb2_grpc
from pulumi.runtime.proto import resource_pb2 as pb

from localcloud.engine.assets import recall_places, resolve
from localcloud.engine.deployment import Deployment
from localcloud.engine.errors import EngineError, ProviderError, UnsupportedError
from localcloud.engine.goals import Goal
from localcloud.engine.report import Listener, Message
from localcloud.engine.urns import AliasSpec, make
from localcloud.rpc import STOP_SECONDS
from localcloud.rpc import serve as serve_rpc
from localcloud.values import Value, from_proto, from_struct, to_struct

FEATURES = {
    "secrets": pb.RESOURCE_MONITOR_FEATURE_SECRETS,
    "resourceReferences": pb.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    "aliasSpecs": pb.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    "replacementTrigger": pb.RESOURCE_MONITOR_FEATURE_REPLACEMENT_TRIGGER,
    "deletedWith": pb.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
    "replaceWith": pb.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
    # Announced so that this engine's own refusal is what a program's author reads, and not advice to update a CLI.
    "transforms": pb.RESOURCE_MONITOR_FEATURE_TRANSFORMS,
    "invokeTransforms": pb.RESOURCE_MONITOR_FEATURE_INVOKE_TRANSFORMS,
    "resourceHooks": pb.RESOURCE_MONITOR_FEATURE_RESOURCE_HOOKS,
    "errorHooks": pb.RESOURCE_MONITOR_FEATURE_ERROR_HOOKS,
    "parameterization": pb.RESOURCE_MONITOR_FEATURE_PARAMETERIZATION,
}
# Each registration in flight holds a thread while it waits for its turn; the SDK sends at most 32 at once.
_THREADS = 64
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)")


@contextmanager
def serve(deployment: Deployment, *, base: Path, listener: Listener) -> Iterator[str]:
    """Serve both services on a free loopback port; yields the address. Relative files are relative to `base`."""
    server, address = serve_rpc(
        (resource_pb2_grpc.add_ResourceMonitorServicer_to_server, Monitor(deployment, base)),
        (engine_pb2_grpc.add_EngineServicer_to_server, Log(listener)),
        threads=_THREADS,
    )
    try:
        yield address
    finally:
        server.stop(grace=STOP_SECONDS).wait()


def _rpc(method: Callable[[Any, Any, ServicerContext], Any]) -> Any:  # noqa: ANN401 - one type for each method
    """Turn an engine's error into the RPC's status, so that the program ends with the same words."""

    @functools.wraps(method)
    def answer(self: Any, request: Any, context: ServicerContext) -> Any:  # noqa: ANN401
        try:
            return method(self, request, context)
        except EngineError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))

    return answer


def _refusal(what: str) -> Any:  # noqa: ANN401
    """Make a method that refuses what a program asks for, and ends the run."""

    def refuse(self: Monitor, request: Any, context: ServicerContext) -> NoReturn:  # noqa: ANN401
        del context
        with self.turn():
            raise UnsupportedError(f"{what.format(request=request)} is not supported by the local engine")

    return _rpc(refuse)


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Pulumi's ResourceMonitor service over one deployment."""

    def __init__(self, deployment: Deployment, base: Path) -> None:
        """Serve `deployment`; relative files are relative to `base`."""
        self._deployment = deployment
        self._base = base

    def GetDeploymentInfo(self, request: Empty, context: ServicerContext) -> pb.DeploymentInfo:
        """Tell which stack this is and what is supported."""
        del request, context
        run = self._deployment
        return pb.DeploymentInfo(
            project=run.project,
            stack=run.stack,
            config=run.registry.config,
            configSecretKeys=sorted(run.registry.secret_keys),
            dryRun=run.preview,
            supportedFeatures=FEATURES.values(),
        )

    def SupportsFeature(
        self, request: pb.SupportsFeatureRequest, context: ServicerContext
    ) -> pb.SupportsFeatureResponse:
        """Tell whether one feature is supported."""
        del context
        return pb.SupportsFeatureResponse(hasSupport=request.id in FEATURES)

    @_rpc
    def RegisterResource(
        self, request: pb.RegisterResourceRequest, context: ServicerContext
    ) -> pb.RegisterResourceResponse:
        """Make a resource as wanted."""
        del context
        with self._deployment.turn():
            goal = self._goal(request)
        entry = self._deployment.register(goal)
        outputs = recall_places(entry.outputs, goal.inputs)
        return pb.RegisterResourceResponse(
            urn=entry.urn, id=entry.id, object=to_struct(outputs, references=request.acceptResources)
        )

    @_rpc
    def ReadResource(self, request: pb.ReadResourceRequest, context: ServicerContext) -> pb.ReadResourceResponse:
        """Look up a resource that is managed elsewhere."""
        del context
        with self._deployment.turn():
            goal = Goal(
                urn=self._urn(request.type, request.name, request.parent),
                type=request.type,
                name=request.name,
                custom=True,
                parent=request.parent,
                provider=request.provider,
                inputs=resolve(from_struct(request.properties), self._base),
                dependencies=tuple(request.dependencies),
                secret_outputs=tuple(request.additionalSecretOutputs),
            )
        entry = self._deployment.read(goal, request.id)
        return pb.ReadResourceResponse(
            urn=entry.urn, id=entry.id, properties=to_struct(entry.outputs, references=request.acceptResources)
        )

    @_rpc
    def RegisterResourceOutputs(self, request: pb.RegisterResourceOutputsRequest, context: ServicerContext) -> Empty:
        """Take the outputs of a component or of the stack."""
        del context
        self._deployment.register_outputs(request.urn, from_struct(request.outputs))
        return Empty()

    @_rpc
    def Invoke(self, request: pb.ResourceInvokeRequest, context: ServicerContext) -> pb.ResourceInvokeResponse:
        """Call a provider's function."""
        package = request.tok.partition(":")[0]
        provider = self._deployment.provider(request.provider, package)
        if provider is None:
            return pb.ResourceInvokeResponse(unknown=True)
        try:
            reply = provider.invoke(request.tok, from_struct(request.args), preview=self._deployment.preview)
        except ProviderError as error:
            # The SDK puts the function's name in front. A program may live with the error, so the run goes on.
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, error.detail)
        return _invoked(reply)

    def SignalAndWaitForShutdown(self, request: Empty, context: ServicerContext) -> Empty:
        """Let the program end: only delete hooks, which are refused, would need it any longer."""
        del request, context
        return Empty()

    Call = _refusal("the method {request.tok}: methods of resources")
    ExistsResource = _refusal("asking whether {request.type} {request.id!r} exists")
    RegisterPackage = _refusal("the parameterized package {request.name!r}")
    RegisterStackTransform = _refusal("a stack transform (use pulumi.runtime.register_stack_transformation)")
    RegisterStackInvokeTransform = _refusal("an invoke transform")
    RegisterResourceHook = _refusal("the resource hook {request.name!r}")
    RegisterErrorHook = _refusal("the error hook {request.name!r}")

    def turn(self) -> AbstractContextManager[None]:
        """Take part in the run for a moment."""
        return self._deployment.turn()

    def _urn(self, type_: str, name: str, parent: str) -> str:
        return make(
            stack=self._deployment.stack, project=self._deployment.project, parent=parent, type_=type_, name=name
        )

    def _goal(self, request: pb.RegisterResourceRequest) -> Goal:
        urn = self._urn(request.type, request.name, request.parent)
        for present, what in (
            (request.remote, "a component from another package"),
            (request.importId, "the import option"),
            (request.transforms, "the transforms option (use transformations)"),
            (request.state_migrations, "the state_migrations option"),
            (request.envVarMappings, "the env_var_mappings option"),
            (any(getattr(request.hooks, item.name) for item in request.hooks.DESCRIPTOR.fields), "a resource hook"),
        ):
            if present:
                raise UnsupportedError(f"{what} is not supported by the local engine", urn=urn)
        try:
            inputs = resolve(from_struct(request.object), self._base)
        except (EngineError, ValueError) as error:
            raise EngineError(str(error), urn=urn) from error
        timeouts = request.customTimeouts
        return Goal(
            urn=urn,
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=request.parent,
            provider=request.provider,
            inputs=inputs,
            dependencies=tuple(request.dependencies),
            property_dependencies={key: tuple(item.urns) for key, item in request.propertyDependencies.items()},
            secret_outputs=tuple(request.additionalSecretOutputs),
            aliases=(*request.aliasURNs, *_aliases(request.aliases)),
            ignore_changes=tuple(request.ignoreChanges),
            replace_on_changes=tuple(request.replaceOnChanges),
            replace_with=tuple(request.replace_with),
            replacement_trigger=_trigger(request),
            delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
            protect=request.protect,
            retain_on_delete=request.retainOnDelete,
            deleted_with=request.deletedWith,
            timeouts=_timeouts({name: getattr(timeouts, name) for name in ("create", "update", "delete", "read")}, urn),
        )


class Log(engine_pb2_grpc.EngineServicer):
    """Pulumi's Engine service: the program's log."""

    def __init__(self, listener: Listener) -> None:
        """Pass every line on to `listener`."""
        self._listener = listener
        self._root = ""

    def Log(self, request: engine_pb2.LogRequest, context: ServicerContext) -> Empty:
        """Take one log line."""
        del context
        severity = engine_pb2.LogSeverity.Name(request.severity).lower()
        if severity in ("debug", "info", "warning", "error"):
            self._listener(Message(severity=severity, text=request.message, urn=request.urn))
        return Empty()

    def GetRootResource(
        self, request: engine_pb2.GetRootResourceRequest, context: ServicerContext
    ) -> engine_pb2.GetRootResourceResponse:
        """Give the stack's URN."""
        del request, context
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(
        self, request: engine_pb2.SetRootResourceRequest, context: ServicerContext
    ) -> engine_pb2.SetRootResourceResponse:
        """Keep the stack's URN."""
        del context
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()

    def RequirePulumiVersion(
        self, request: engine_pb2.RequirePulumiVersionRequest, context: ServicerContext
    ) -> engine_pb2.RequirePulumiVersionResponse:
        """Accept any: the SDK and this engine are pinned together."""
        del request, context
        return engine_pb2.RequirePulumiVersionResponse()


def _invoked(reply: provider_pb2.InvokeResponse) -> pb.ResourceInvokeResponse:
    answer = pb.ResourceInvokeResponse(failures=reply.failures)
    # The field's name is a keyword of this language.
    getattr(answer, "return").CopyFrom(getattr(reply, "return"))
    return answer


def _aliases(aliases: Iterable[alias_pb2.Alias]) -> Iterator[str | AliasSpec]:
    for alias in aliases:
        if alias.WhichOneof("alias") == "urn":
            yield alias.urn
            continue
        spec = alias.spec
        kept = spec.WhichOneof("parent") == "parentUrn" and spec.parentUrn
        yield AliasSpec(
            name=spec.name or None,
            type=spec.type or None,
            stack=spec.stack or None,
            project=spec.project or None,
            parent="" if spec.noParent else (spec.parentUrn if kept else None),
        )


def _trigger(request: pb.RegisterResourceRequest) -> Value:
    return from_proto(request.replacement_trigger) if request.HasField("replacement_trigger") else None


def _timeouts(texts: Mapping[str, str], urn: str) -> dict[str, float]:
    """Read durations such as `90s` or `1h30m`."""
    timeouts: dict[str, float] = {}
    for name, text in texts.items():
        if not text:
            continue
        if not re.fullmatch(rf"(?:{_DURATION.pattern})+", text):
            raise EngineError(f"the {name} timeout {text!r} is not a duration such as 90s or 1h30m", urn=urn)
        timeouts[name] = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))
    return timeouts
