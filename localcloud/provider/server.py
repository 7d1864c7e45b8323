"""Pulumi's resource-provider protocol over a table of resource types and functions.

Guarantees:

- an input, a configuration key, a type or a function that is not understood is an error that names it;
- a preview makes no call that changes anything: what only the cloud can tell is unknown in it;
- a difference is reported by property, and says whether it replaces the resource; one whose id stays the same is
  deleted before it is made again;
- what came in marked as secret goes out marked as secret;
- two resources of one type never share an id: making refuses an id that another resource of the run holds, or an
  entry of the state that the engine has read.

Errors are gRPC status UNKNOWN with a message for a person; INVALID_ARGUMENT for what could never work.
"""

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from secrets import token_hex
from typing import Any, ClassVar, NoReturn, TypeAlias

import grpc
from botocore.exceptions import ClientError
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.proto import provider_pb2 as pb

from localcloud import rpc
from localcloud.provider import package, schema
from localcloud.provider.cloud import ProviderError, explained
from localcloud.provider.handler import PartlyMadeError, Resource
from localcloud.provider.loopback import NotLoopbackError
from localcloud.provider.values import UNKNOWN, Archive, Decoded, Props, ValueFormatError, decode, encode, has_unknown

Context: TypeAlias = grpc.ServicerContext
Resources: TypeAlias = Mapping[str, Resource]
Functions: TypeAlias = Mapping[str, tuple[schema.Schema, Callable[[Mapping[str, Any]], Props]]]


class Provider(provider_pb2_grpc.ResourceProviderServicer, ABC):
    """One package's provider. A subclass says what configuration it takes, and what follows from it."""

    package: ClassVar[str]
    version: ClassVar[str]
    config: ClassVar[schema.Schema]

    def __init__(self) -> None:
        self._resources: Resources = {}
        self._functions: Functions = {}
        self._secrets = True
        self._made: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    @abstractmethod
    def configure(self, config: Mapping[str, Any]) -> tuple[Resources, Functions]:
        """Return the resource types and functions for a checked configuration. Raises ProviderError."""

    # --- the package and its configuration ---------------------------------------------------------------------------

    def Handshake(self, request: pb.ProviderHandshakeRequest, context: Context) -> Any:  # noqa: ANN401
        """Say what this provider can do."""
        del request, context
        return pb.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    def GetPluginInfo(self, request: empty_pb2.Empty, context: Context) -> plugin_pb2.PluginInfo:
        """Name the version of the package whose types these are."""
        del request, context
        return plugin_pb2.PluginInfo(version=self.version)

    def GetSchema(self, request: pb.GetSchemaRequest, context: Context) -> pb.GetSchemaResponse:
        """Return no schema: the program's SDK has it."""
        del request, context
        return pb.GetSchemaResponse(schema=f'{{"name":"{self.package}","version":"{self.version}"}}')

    def Attach(self, request: plugin_pb2.PluginAttach, context: Context) -> empty_pb2.Empty:
        """Do nothing: the engine that attaches is served like the one that started us."""
        del request, context
        return empty_pb2.Empty()

    def Cancel(self, request: empty_pb2.Empty, context: Context) -> empty_pb2.Empty:
        """Do nothing: no work outlives its call, and each call's time is bounded."""
        del request, context
        return empty_pb2.Empty()

    def CheckConfig(self, request: pb.CheckRequest, context: Context) -> pb.CheckResponse:
        """Refuse configuration that this provider does not understand."""
        with self._errors(context, "checking the configuration"):
            given = decode(request.news)
            values, failures = schema.check(self.config, _as_text(given.values))
            return _checked(values, failures, given.secrets & values.keys())

    def DiffConfig(self, request: pb.DiffRequest, context: Context) -> pb.DiffResponse:
        """Replace everything after a change of region, which is another cloud. All else changes in place."""
        with self._errors(context, "comparing the configuration"):
            olds, news = decode(request.olds).values, decode(request.news).values
            return _differences(schema.diff(self.config, _as_text(olds), _as_text(news)))

    def Configure(self, request: pb.ConfigureRequest, context: Context) -> pb.ConfigureResponse:
        """Take the configuration; nothing else works before."""
        with self._errors(context, f"configuring {self.package}"):
            config, failures = schema.check(self.config, _as_text(decode(request.args).values))
            if failures:
                raise ProviderError("; ".join(f"{failure.path} {failure.reason}" for failure in failures))
            self._resources, self._functions = self.configure(config)
            self._secrets = request.acceptSecrets
            return pb.ConfigureResponse(
                acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
            )

    # --- functions ---------------------------------------------------------------------------------------------------

    def Invoke(self, request: pb.InvokeRequest, context: Context) -> pb.InvokeResponse:
        """Call a function."""
        with self._errors(context, f"calling {request.tok}"):
            if request.tok not in self._functions:
                self._unknown(context, "function", request.tok, self._functions)
            inputs, run = self._functions[request.tok]
            given = decode(request.args)
            values, failures = schema.check(inputs, given.values)
            response = pb.InvokeResponse(failures=[_failure(failure) for failure in failures])
            if not failures:
                found = run(values)
                # A result that depends on a secret could tell it.
                secrets = frozenset(found) if given.secrets and self._secrets else frozenset()
                getattr(response, "return").CopyFrom(encode(found, secrets=secrets))
            return response

    # --- resources ---------------------------------------------------------------------------------------------------

    def Check(self, request: pb.CheckRequest, context: Context) -> pb.CheckResponse:
        """Return the inputs with defaults and names, or what is wrong with them."""
        with self._errors(context, f"checking {request.urn}"):
            resource = self._resource(request.urn, context)
            news, olds = decode(request.news), decode(request.olds)
            named = {**news.values, **_autonames(resource, request, news.values, olds.values)}
            values, failures = schema.check(resource.inputs, named)
            if not failures:
                values = {name: _hashed(value) for name, value in values.items()}
                failures = list(resource.validate(values))
            return _checked(values, failures, self._marks(news.secrets & values.keys()))

    def Diff(self, request: pb.DiffRequest, context: Context) -> pb.DiffResponse:
        """Compare what is with what is asked."""
        with self._errors(context, f"comparing {request.urn}"):
            resource = self._resource(request.urn, context)
            olds, news = decode(request.olds).values, decode(request.news).values
            changes = [
                change
                for change in schema.diff(resource.inputs, olds, news)
                if not _is_ignored(change.path, request.ignoreChanges)
            ]
            response = _differences(changes)
            response.deleteBeforeReplace = bool(response.replaces) and _keeps_id(resource, olds, news)
            return response

    def Create(self, request: pb.CreateRequest, context: Context) -> pb.CreateResponse:
        """Make the resource. What was made in part is reported as such, so that the engine keeps it."""
        with self._errors(context, f"creating {request.urn}"):
            resource, inputs = self._resource(request.urn, context), decode(request.properties)
            if request.preview:
                computed = (name for name, prop in resource.inputs.items() if prop.computed)
                unknown = dict.fromkeys((*resource.outputs, *computed), UNKNOWN)
                return pb.CreateResponse(properties=self._encode(resource, {**unknown, **inputs.values}, inputs))
            self._claim(request.urn, resource, inputs.values)
            try:
                resource_id, state = resource.make(inputs.values)
                try:
                    resource.confirm(state)
                except ClientError as error:
                    raise PartlyMadeError(resource_id, state) from error
            except PartlyMadeError as error:
                self._partly(context, request.urn, resource, error, inputs)
            return pb.CreateResponse(id=resource_id, properties=self._encode(resource, state, inputs))

    def Read(self, request: pb.ReadRequest, context: Context) -> pb.ReadResponse:
        """Look at the resource; the id is empty if it is missing.

        Without an id, search by the inputs: a creation whose answer was lost.
        """
        with self._errors(context, f"reading {request.urn}"):
            resource = self._resource(request.urn, context)
            olds, inputs = decode(request.properties), decode(request.inputs)
            known = {**inputs.values, **olds.values} if request.id else resource.prefetch(inputs.values)
            resource_id = request.id or resource.identify(inputs.values)
            found = resource.read(resource_id, known) if resource_id else None
            if resource_id is None or found is None:
                return pb.ReadResponse()
            if request.id:
                with self._lock:  # an entry of the state holds this id: `Create` must not take it over
                    self._made.setdefault((resource.token, resource_id), request.urn)
            state = schema.settle(resource.inputs, known, found)
            resource.confirm(state)
            # An import has no inputs yet: they are everything that could be one.
            names = (inputs.values or resource.inputs).keys()
            actual = {name: state[name] for name in names if name in state and name in resource.inputs}
            secrets = resource.secret_outputs | inputs.secrets | olds.secrets
            return pb.ReadResponse(
                id=resource_id,
                properties=self._encode(resource, state, inputs, olds),
                inputs=encode(actual, secrets=self._marks(secrets & actual.keys())),
            )

    def Update(self, request: pb.UpdateRequest, context: Context) -> pb.UpdateResponse:
        """Change the resource in place."""
        with self._errors(context, f"updating {request.urn}"):
            resource = self._resource(request.urn, context)
            olds, news = decode(request.olds), decode(request.news)
            changed = frozenset(
                change.top
                for change in schema.diff(resource.inputs, olds.values, news.values)
                if not _is_ignored(change.path, request.ignoreChanges)
            )
            if request.preview:
                uncertain = frozenset().union(*(resource.volatile.get(name, frozenset()) for name in changed))
                kept = {
                    name: UNKNOWN if name in uncertain else value
                    for name, value in olds.values.items()
                    if name not in resource.inputs or resource.inputs[name].computed
                }
                return pb.UpdateResponse(properties=self._encode(resource, {**kept, **news.values}, news, olds))
            resource.update(request.id, olds.values, news.values, changed)
            # What the new inputs do not say is what the old state knows: the ids of what it is part of.
            known = {name: value for name, value in olds.values.items() if name not in resource.inputs}
            found = resource.read(request.id, {**known, **resource.prefetch(news.values)})
            if found is None:
                raise ProviderError(f"{request.id} is gone")
            state = schema.settle(resource.inputs, news.values, found)
            resource.confirm(state)
            return pb.UpdateResponse(properties=self._encode(resource, state, news, olds))

    def Delete(self, request: pb.DeleteRequest, context: Context) -> empty_pb2.Empty:
        """Remove the resource; one that is gone already is a success."""
        with self._errors(context, f"deleting {request.urn}"):
            resource = self._resource(request.urn, context)
            resource.delete(request.id, decode(request.properties).values)
            with self._lock:
                self._made.pop((resource.token, request.id), None)
            return empty_pb2.Empty()

    # --- helpers -----------------------------------------------------------------------------------------------------

    def _resource(self, urn: str, context: Context) -> Resource:
        # urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME
        token = "".join(urn.split("::")[2:3]).rpartition("$")[2]
        if token not in self._resources:
            self._unknown(context, "resource type", token, self._resources)
        return self._resources[token]

    def _unknown(self, context: Context, what: str, token: str, known: Mapping[str, object]) -> NoReturn:
        hint = f"it knows: {', '.join(sorted(known))}" if known else "it was not configured"
        _abort(context, grpc.StatusCode.INVALID_ARGUMENT, f"the local cloud has no {what} {token!r}; {hint}")

    @contextmanager
    def _errors(self, context: Context, doing: str) -> Iterator[None]:
        """Turn an error into a gRPC status with a message that begins with what was tried."""
        try:
            with explained(doing):
                yield
        except ProviderError as error:
            message = str(error) if str(error).startswith(doing) else f"{doing}: {error}"
            _abort(context, grpc.StatusCode.UNKNOWN, message)
        except (NotLoopbackError, ValueFormatError) as error:
            _abort(context, grpc.StatusCode.INVALID_ARGUMENT, f"{doing}: {error}")

    def _claim(self, urn: str, resource: Resource, inputs: Mapping[str, Any]) -> None:
        """Keep an id for one resource.

        Making adopts what exists. So a second resource of the same name would share the first's id. Under a new
        logical name, it would be deleted together with the old entry of the state.
        """
        resource_id = resource.identify(inputs)
        key = (resource.token, resource_id or urn)
        with self._lock:
            owner = self._made.setdefault(key, urn)
        if owner != urn:
            msg = f"{resource_id} exists already and belongs to {owner}; give that one an alias, or remove it first"
            raise ProviderError(msg)

    def _partly(
        self, context: Context, urn: str, resource: Resource, error: PartlyMadeError, inputs: Decoded
    ) -> NoReturn:
        try:
            with explained(f"creating {urn}"):
                raise error.__cause__ or error
        except ProviderError as cause:
            reason = str(cause)
        failed = pb.ErrorResourceInitFailed(
            id=error.resource_id,
            properties=self._encode(resource, error.state, inputs),
            reasons=[reason],
            inputs=encode(inputs.values, secrets=self._marks(inputs.secrets)),
        )
        detail = any_pb2.Any()
        detail.Pack(failed)
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason, details=[detail])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        _abort(context, grpc.StatusCode.UNKNOWN, reason)

    def _marks(self, secrets: frozenset[str]) -> frozenset[str]:
        return secrets if self._secrets else frozenset()

    def _encode(self, resource: Resource, state: Props, *sources: Decoded) -> Any:  # noqa: ANN401 - protobuf's Struct
        secrets = resource.secret_outputs.union(*(source.secrets for source in sources))
        return encode(state, secrets=self._marks(secrets & state.keys()))


def _abort(context: Context, status: grpc.StatusCode, message: str) -> NoReturn:
    context.abort(status, message)
    raise AssertionError(message)  # abort raises; a context that does not would go on with half an answer


def _as_text(config: Mapping[str, Any]) -> Props:
    """Return configuration as text: some engines send `true` and lists as such, some as JSON."""
    return {
        name: value if isinstance(value, str) or value in (None, UNKNOWN) else json.dumps(value)
        for name, value in config.items()
    }


def _failure(failure: schema.Failure) -> pb.CheckFailure:
    return pb.CheckFailure(property=failure.path, reason=failure.reason)


def _checked(values: Props, failures: list[schema.Failure], secrets: frozenset[str]) -> pb.CheckResponse:
    if failures:
        return pb.CheckResponse(failures=[_failure(failure) for failure in failures])
    return pb.CheckResponse(inputs=encode(values, secrets=secrets))


def _differences(changes: list[schema.Change]) -> pb.DiffResponse:
    response = pb.DiffResponse(
        changes=pb.DiffResponse.DIFF_SOME if changes else pb.DiffResponse.DIFF_NONE,
        diffs=sorted({change.top for change in changes}),
        replaces=sorted({change.top for change in changes if change.replace}),
        hasDetailedDiff=True,
    )
    for change in changes:
        kind = f"{change.kind.upper()}{'_REPLACE' if change.replace else ''}"
        response.detailedDiff[change.path].kind = pb.PropertyDiff.Kind.Value(kind)
        response.detailedDiff[change.path].inputDiff = True
    return response


def _is_ignored(path: str, ignored: Any) -> bool:  # noqa: ANN401 - a repeated field of protobuf
    return any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in ignored)


def _keeps_id(resource: Resource, olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Say whether what replaces the resource has the same id, so that the two cannot be there at once."""
    return not has_unknown(news) and resource.identify(news) == resource.identify(olds) is not None


def _hashed(value: Any) -> Any:  # noqa: ANN401 - any property value
    """Return an archive with its hash, which is what tells a change; everything else as it is."""
    if isinstance(value, Archive) and not value.hash:
        return Archive(path=value.path, assets=value.assets, hash=package.content_hash(value))
    return value


def _autonames(resource: Resource, request: pb.CheckRequest, news: Mapping[str, Any], olds: Mapping[str, Any]) -> Props:
    """Return names for what has none: the one it has, or the resource's with a random end, as Pulumi does it."""
    out: Props = {}
    for key, prop in resource.inputs.items():
        if not prop.autoname or news.get(key) is not None:
            continue
        name = request.name or request.urn.rpartition("::")[2]
        if olds.get(key) is not None:
            out[key] = olds[key]
        elif request.autonaming.proposed_name:
            out[key] = request.autonaming.proposed_name
        elif request.autonaming.mode != pb.CheckRequest.AutonamingOptions.Mode.DISABLE:
            end = (request.randomSeed.hex() or token_hex(4))[:7]
            out[key] = f"{name[: prop.autoname - 8]}-{end}"
    return out


def serve(provider: provider_pb2_grpc.ResourceProviderServicer) -> tuple[grpc.Server, int]:
    """Serve `provider` on a free loopback port; return the running server and the port. The caller stops it."""
    server, address = rpc.serve((provider_pb2_grpc.add_ResourceProviderServicer_to_server, provider))
    return server, int(address.rpartition(":")[2])
