"""The engine's side of Pulumi's provider protocol: one `Provider` for each configured instance.

Guarantee: every call goes over gRPC to a loopback address, has a time limit, and ends in a result or a `ProviderError`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc, status_pb2

from localcloud.engine.assets import forget_places
from localcloud.engine.errors import ProviderError
from localcloud.engine.goals import Goal
from localcloud.engine.state import Entry
from localcloud.engine.steps import Diff
from localcloud.engine.urns import parse
from localcloud.rpc import OPTIONS
from localcloud.values import (
    Properties,
    from_struct,
    mark_secrets,
    plain,
    to_struct,
)

_SHORT = 120.0
_LONG = 600.0
_NOT_SUPPORTED = (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
_NO_ANSWER = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
)


class _Call(Protocol):
    def __call__(self, request: Any, /, *, timeout: float) -> Any: ...  # noqa: ANN401 - one type for each method


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a provider found. `id` is `""` when the resource is not there."""

    id: str
    inputs: Properties
    outputs: Properties


class PartlyCreatedError(ProviderError):
    """A create or update that left a resource behind which is not complete.

    Attributes:
        found: its id and properties, to be kept in the state.
    """

    def __init__(self, operation: str, reason: str, *, urn: str, found: Read) -> None:
        """Keep what the provider returned of the incomplete resource."""
        super().__init__(operation, reason, urn=urn)
        self.found = found


class Provider:
    """One provider instance, reached at an address and configured once."""

    def __init__(self, package: str, address: str) -> None:
        """Connect lazily; the first call that fails says so."""
        self.package = package
        self._channel = grpc.insecure_channel(address, options=OPTIONS)
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self._secrets = False
        self._references = False
        self.supports_preview = False
        self.configured = False

    def close(self) -> None:
        """Hang up."""
        self._channel.close()

    def check_config(self, urn: str, old: Properties, new: Properties) -> Properties:
        """Let the provider check and complete its configuration."""
        request = pb.CheckRequest(**_named(urn), olds=self._struct(old), news=self._struct(new))
        try:
            reply = self._call(self._stub.CheckConfig, "check", request, urn=urn)
        except ProviderError as error:
            if _code(error) == grpc.StatusCode.UNIMPLEMENTED:
                return new
            raise
        return self._checked(reply, new, urn)

    def diff_config(self, entry: Entry, new: Properties) -> Diff:
        """Let the provider say whether another configuration means another cloud (another region, say)."""
        try:
            reply = self._call(self._stub.DiffConfig, "diff", self._diff_request(entry, new, ()), urn=entry.urn)
        except ProviderError as error:
            if _code(error) == grpc.StatusCode.UNIMPLEMENTED:
                return Diff(changed=None)
            raise
        return _diff(reply)

    def configure(self, urn: str, id_: str, inputs: Properties) -> None:
        """Hand over the configuration; a text stays text, anything else becomes JSON, as the protocol has it."""
        text = {key: value for key, value in plain(inputs).items() if value is not None and key != "version"}
        request = pb.ConfigureRequest(
            variables={
                f"{self.package}:config:{key}": value if isinstance(value, str) else json.dumps(value)
                for key, value in text.items()
            },
            args=self._struct(inputs),
            acceptSecrets=True,
            acceptResources=True,
            sends_old_inputs=True,
            sends_old_inputs_to_delete=True,
            **_named(urn),
            id=id_,
        )
        reply = self._call(self._stub.Configure, "configure", request, urn=urn)
        self._secrets = reply.acceptSecrets
        self._references = reply.acceptResources
        self.supports_preview = reply.supportsPreview
        self.configured = True

    def check(self, goal: Goal, old: Properties, new: Properties, seed: bytes) -> Properties:
        """Validate and complete inputs. Raises ProviderError with every failure."""
        request = pb.CheckRequest(**_named(goal.urn), olds=self._struct(old), news=self._struct(new), randomSeed=seed)
        return self._checked(self._call(self._stub.Check, "check", request, urn=goal.urn), new, goal.urn)

    def diff(self, old: Entry, new: Properties, ignore_changes: tuple[str, ...] = ()) -> Diff:
        """Compare; files are sent as hashes on both sides, so that plain equality is right."""
        request = self._diff_request(old, forget_places(new), ignore_changes)
        return _diff(self._call(self._stub.Diff, "diff", request, urn=old.urn))

    def create(self, goal: Goal, inputs: Properties, *, preview: bool = False) -> Read:
        """Create, or say what creating would give. Raises PartlyCreatedError if something incomplete was left."""
        timeout = goal.timeouts.get("create", 0)
        request = pb.CreateRequest(
            **_named(goal.urn), properties=self._struct(inputs), timeout=timeout, preview=preview
        )
        reply = self._call(self._stub.Create, "create", request, urn=goal.urn, limit=timeout or _LONG)
        if not reply.id and not preview:
            raise ProviderError("create", "the provider returned no id", urn=goal.urn)
        return Read(id=reply.id, inputs=inputs, outputs=from_struct(reply.properties))

    def update(self, old: Entry, goal: Goal, inputs: Properties, *, preview: bool = False) -> Properties:
        """Change in place; returns the outputs."""
        timeout = goal.timeouts.get("update", 0)
        request = pb.UpdateRequest(
            **_named(goal.urn),
            id=old.id,
            olds=self._struct(old.outputs),
            old_inputs=self._struct(old.inputs),
            news=self._struct(inputs),
            ignoreChanges=goal.ignore_changes,
            timeout=timeout,
            preview=preview,
        )
        reply = self._call(self._stub.Update, "update", request, urn=goal.urn, limit=timeout or _LONG)
        return from_struct(reply.properties)

    def delete(self, old: Entry) -> None:
        """Delete."""
        timeout = old.timeouts.get("delete", 0)
        request = pb.DeleteRequest(
            **_named(old.urn),
            id=old.id,
            properties=self._struct(old.outputs),
            old_inputs=self._struct(old.inputs),
            timeout=timeout,
        )
        self._call(self._stub.Delete, "delete", request, urn=old.urn, limit=timeout or _LONG)

    def read(self, entry: Entry) -> Read:
        """Look at the real resource; `id` of the answer is `""` if it is gone."""
        properties, given = self._struct(entry.outputs), self._struct(entry.inputs)
        request = pb.ReadRequest(**_named(entry.urn), id=entry.id, properties=properties, inputs=given)
        reply = self._call(self._stub.Read, "read", request, urn=entry.urn, limit=entry.timeouts.get("read", _SHORT))
        inputs = mark_secrets(from_struct(reply.inputs), entry.inputs) if reply.inputs.fields else entry.inputs
        return Read(id=reply.id, inputs=inputs, outputs=from_struct(reply.properties))

    def find(self, entry: Entry) -> Read:
        """Look for a resource that was perhaps created but whose id never came back.

        The provider gets an empty id and the inputs: one that knows resources by a name in their inputs finds it. One
        that cannot search may answer UNIMPLEMENTED, INVALID_ARGUMENT, NOT_FOUND or an empty id: nothing was found.
        """
        try:
            return self.read(entry)
        except ProviderError as error:
            if _code(error) in _NOT_SUPPORTED:
                return Read(id="", inputs={}, outputs={})
            raise

    def invoke(self, token: str, arguments: Properties, *, preview: bool) -> pb.InvokeResponse:
        """Call a function of the provider."""
        request = pb.InvokeRequest(tok=token, args=self._struct(arguments), preview=preview)
        return self._call(self._stub.Invoke, "invoke", request, urn="")

    def _diff_request(self, old: Entry, new: Properties, ignore_changes: tuple[str, ...]) -> pb.DiffRequest:
        return pb.DiffRequest(
            **_named(old.urn),
            id=old.id,
            olds=self._struct(old.outputs),
            old_inputs=self._struct(old.inputs),
            news=self._struct(new),
            ignoreChanges=ignore_changes,
        )

    def _checked(self, reply: pb.CheckResponse, new: Properties, urn: str) -> Properties:
        if reply.failures:
            # Some providers begin the reason with the property's name, some leave that to the reader of the field.
            reasons = [
                item.reason if item.reason.startswith(item.property) else f"{item.property}: {item.reason}"
                for item in reply.failures
            ]
            raise ProviderError("check", "; ".join(reasons), urn=urn)
        return mark_secrets(from_struct(reply.inputs), new)

    def _struct(self, properties: Properties) -> Any:  # noqa: ANN401 - protobuf's Struct
        return to_struct(properties, secrets=self._secrets, references=self._references)

    def _call(self, method: _Call, operation: str, request: Any, *, urn: str, limit: float = _SHORT) -> Any:  # noqa: ANN401
        try:
            return method(request, timeout=limit)
        except grpc.RpcError as error:
            raise _translate(error, operation, urn) from error


def _named(urn: str) -> dict[str, Any]:
    """Return the fields by which most requests name a resource."""
    return {"urn": urn, "name": parse(urn).name, "type": parse(urn).type}


def _translate(error: grpc.RpcError, operation: str, urn: str) -> ProviderError:
    reason = error.details() or error.code().name
    if error.code() == grpc.StatusCode.UNAVAILABLE:
        reason = f"the provider cannot be reached ({reason})"
    elif error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
        reason = "the provider did not answer in time"
    elif error.code() == grpc.StatusCode.UNIMPLEMENTED:
        reason = f"the provider does not implement it ({reason})"
    metadata: Any = error.trailing_metadata() or ()
    for key, value in metadata:
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            status = status_pb2.Status.FromString(value)
            for detail in status.details:
                failed = pb.ErrorResourceInitFailed()
                if detail.Unpack(failed):
                    found = Read(
                        id=failed.id, inputs=from_struct(failed.inputs), outputs=from_struct(failed.properties)
                    )
                    return PartlyCreatedError(operation, "; ".join(failed.reasons) or reason, urn=urn, found=found)
    return ProviderError(operation, reason, urn=urn, uncertain=error.code() in _NO_ANSWER)


def _code(error: ProviderError) -> grpc.StatusCode | None:
    return error.__cause__.code() if isinstance(error.__cause__, grpc.RpcError) else None


def _diff(reply: pb.DiffResponse) -> Diff:
    replacing = (pb.PropertyDiff.ADD_REPLACE, pb.PropertyDiff.DELETE_REPLACE, pb.PropertyDiff.UPDATE_REPLACE)
    replaces = [*reply.replaces, *(path for path, item in reply.detailedDiff.items() if item.kind in replacing)]
    changed = {pb.DiffResponse.DIFF_NONE: False, pb.DiffResponse.DIFF_SOME: True}.get(reply.changes)
    return Diff(
        changed=True if replaces else changed,
        paths=tuple(sorted({*reply.diffs, *reply.detailedDiff})),
        replaces=tuple(dict.fromkeys(replaces)),
        delete_first=reply.deleteBeforeReplace,
    )
