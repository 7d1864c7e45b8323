"""A cloud of named items in a folder, and its provider: small, but a real one, reached over Pulumi's protocol.

It behaves as clouds do: names are unique, ids are given by it, a name or a kind cannot change in place, and what is
there can be changed behind anyone's back. Every call is noted in `calls`; a call can be made to fail or to kill the
process before or after it took effect.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc, status_pb2

from localcloud.values import Properties, from_struct, plain, to_struct, unwrap

FORCES_REPLACE = ("name", "kind")


class Cloud:
    """The folder: one file an item, `calls` a line a call, `faults` what shall go wrong."""

    def __init__(self, folder: Path) -> None:
        """Open or make it."""
        self.folder = folder
        self.items_folder.mkdir(parents=True, exist_ok=True)

    @property
    def items_folder(self) -> Path:
        """Where the items are."""
        return self.folder / "items"

    def items(self) -> dict[str, dict[str, Any]]:
        """All items by id."""
        return {path.name: json.loads(path.read_text()) for path in sorted(self.items_folder.iterdir())}

    def by_name(self) -> dict[str, Any]:
        """The value of each item by its name."""
        return {item["name"]: item.get("value") for item in self.items().values()}

    def put(self, id_: str, item: dict[str, Any]) -> None:
        """Write an item."""
        path = self.folder / "new"
        path.write_text(json.dumps(item))
        path.replace(self.items_folder / id_)

    def remove(self, id_: str) -> None:
        """Remove an item, if it is there."""
        (self.items_folder / id_).unlink(missing_ok=True)

    def id_of(self, name: str) -> str | None:
        """Find an item by its name."""
        return next((id_ for id_, item in self.items().items() if item["name"] == name), None)

    def new_id(self) -> str:
        """Count up."""
        path = self.folder / "count"
        count = int(path.read_text()) + 1 if path.exists() else 1
        path.write_text(str(count))
        return f"id-{count}"

    def note(self, call: str) -> None:
        """Remember a call; fail or kill the process if told to."""
        with (self.folder / "calls").open("a") as file:
            file.write(call + "\n")

    def calls(self) -> list[str]:
        """All calls so far."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def mutations(self) -> list[str]:
        """The calls that change something."""
        return [call for call in self.calls() if call.split()[0] in ("create", "update", "delete")]

    def forget_calls(self) -> None:
        """Start counting anew."""
        (self.folder / "calls").unlink(missing_ok=True)

    def inject(self, **faults: str) -> None:
        """Let calls fail: `create_a="no room"` fails the creation of the item named a."""
        (self.folder / "faults").write_text(json.dumps(faults))

    def fault(self, operation: str, name: str) -> str | None:
        """Give the reason why a call shall fail."""
        path = self.folder / "faults"
        return json.loads(path.read_text()).get(f"{operation}_{name}") if path.exists() else None


class Killer:
    """Kills this process at the n-th chance, counted over everything that calls `chance`."""

    def __init__(self, at: int | None) -> None:
        """Kill at chance `at`, or never."""
        self.at = at
        self.count = 0

    def chance(self) -> None:
        """Be killed here, perhaps."""
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class KvProvider(provider_pb2_grpc.ResourceProviderServicer):
    """The provider of package `kv`, with one type `kv:index:Item` and a few functions."""

    def __init__(
        self,
        cloud: Cloud,
        *,
        killer: Killer | None = None,
        finds: bool = True,
        secrets: bool = False,
        preview: bool = False,
        reads_inputs: bool = True,
    ) -> None:
        """Serve `cloud`. `finds`: can look an item up by its name. The other flags are the protocol's capabilities."""
        self.cloud = cloud
        self.killer = killer or Killer(None)
        self.finds = finds
        self.secrets = secrets
        self.preview = preview
        self.reads_inputs = reads_inputs
        self.region = "here"

    def CheckConfig(self, request: pb.CheckRequest, context: grpc.ServicerContext) -> pb.CheckResponse:  # noqa: N802
        """Accept any region but `nowhere`."""
        del context
        config = from_struct(request.news)
        if config.get("region") == "nowhere":
            return pb.CheckResponse(failures=[pb.CheckFailure(property="region", reason="there is no such region")])
        return pb.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:  # noqa: N802
        """Say that another region is another cloud."""
        del context
        moved = plain(from_struct(request.old_inputs)).get("region") != plain(from_struct(request.news)).get("region")
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if moved else pb.DiffResponse.DIFF_NONE,
            replaces=["region"] if moved else [],
        )

    def Configure(self, request: pb.ConfigureRequest, context: grpc.ServicerContext) -> pb.ConfigureResponse:  # noqa: N802
        """Take the region."""
        del context
        self.region = request.variables.get("kv:config:region", "here")
        self.cloud.note(f"configure {json.dumps(dict(request.variables), sort_keys=True)}")
        return pb.ConfigureResponse(acceptSecrets=self.secrets, acceptResources=False, supportsPreview=self.preview)

    def Invoke(self, request: pb.InvokeRequest, context: grpc.ServicerContext) -> pb.InvokeResponse:  # noqa: N802
        """Look an item up by its name, or fail."""
        arguments = plain(from_struct(request.args))
        if request.tok == "kv:index:fail":
            return pb.InvokeResponse(failures=[pb.CheckFailure(property="why", reason="as asked")])
        if request.tok != "kv:index:lookUp":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"no function {request.tok}")
        answer: dict[str, Any] = {"region": self.region, "found": self.cloud.id_of(arguments["name"]) or ""}
        response = pb.InvokeResponse()
        getattr(response, "return").CopyFrom(to_struct(answer))
        return response

    def Check(self, request: pb.CheckRequest, context: grpc.ServicerContext) -> pb.CheckResponse:  # noqa: N802
        """Refuse a value, choose a name."""
        if request.type != "kv:index:Item":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"no resource type {request.type}")
        new = from_struct(request.news)
        if unwrap(new.get("value")) == "refused":
            return pb.CheckResponse(failures=[pb.CheckFailure(property="value", reason="is not allowed")])
        if "name" not in new:
            old = from_struct(request.olds).get("name")
            new["name"] = old or f"{request.name}-{request.randomSeed.hex()[:7]}"
            new["named_by_us"] = True
        return pb.CheckResponse(inputs=to_struct(new))

    def Diff(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:  # noqa: N802
        """Compare the inputs."""
        del context
        old: Properties = {key: unwrap(item) for key, item in from_struct(request.old_inputs).items()}
        new: Properties = {key: unwrap(item) for key, item in from_struct(request.news).items()}
        ignored = set(request.ignoreChanges)
        changed = sorted(key for key in {*old, *new} - ignored if old.get(key) != new.get(key))
        replaces = [key for key in changed if key in FORCES_REPLACE]
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if changed else pb.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            # Two items cannot bear one name, so a successor with the same name can only come after.
            deleteBeforeReplace=bool(replaces) and "name" not in changed,
        )

    def Create(self, request: pb.CreateRequest, context: grpc.ServicerContext) -> pb.CreateResponse:  # noqa: N802
        """Make an item, unless its name is taken."""
        inputs = from_struct(request.properties)
        if request.preview:
            return pb.CreateResponse(properties=to_struct(inputs | {"region": self.region}))
        name = self._begin("create", inputs, context)
        if self.cloud.id_of(name) is not None:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"an item named {name} exists")
        self.killer.chance()
        id_ = self.cloud.new_id()
        item = plain(inputs)
        self.cloud.put(id_, item)
        reason = self.cloud.fault("finish", name)
        if reason:
            failed = pb.ErrorResourceInitFailed(id=id_, properties=to_struct(item), reasons=[reason])
            status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason)
            status.details.add().Pack(failed)
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            context.abort(grpc.StatusCode.UNKNOWN, reason)
        self.killer.chance()
        return pb.CreateResponse(id=id_, properties=self._outputs(id_, item))

    def Read(self, request: pb.ReadRequest, context: grpc.ServicerContext) -> pb.ReadResponse:  # noqa: N802
        """Look at an item, by its id or its name."""
        known = plain(from_struct(request.inputs)) | plain(from_struct(request.properties))
        name = str(known.get("name", "?"))
        self.cloud.note(f"read {name}")
        if reason := self.cloud.fault("read", name):
            context.abort(grpc.StatusCode.UNAVAILABLE, reason)
        if not request.id and not self.finds:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "cannot search")
        id_: str = request.id or self.cloud.id_of(str(known.get("name"))) or ""
        item = self.cloud.items().get(id_)
        if item is None:
            return pb.ReadResponse()
        # What a cloud gives back of a file is its hash; where it is the one that is known, the file is the known one.
        before = from_struct(request.inputs)
        found = {key: before[key] if plain(before.get(key)) == value else value for key, value in item.items()}
        inputs = to_struct(found) if self.reads_inputs else None
        return pb.ReadResponse(id=id_, inputs=inputs, properties=self._outputs(id_, item))

    def Update(self, request: pb.UpdateRequest, context: grpc.ServicerContext) -> pb.UpdateResponse:  # noqa: N802
        """Overwrite an item."""
        inputs = from_struct(request.news)
        if request.preview:
            return pb.UpdateResponse(properties=to_struct(inputs | {"region": self.region}))
        self._begin("update", inputs, context)
        self.killer.chance()
        item = plain(inputs)
        self.cloud.put(request.id, item)
        self.killer.chance()
        return pb.UpdateResponse(properties=self._outputs(request.id, item))

    def Delete(self, request: pb.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        """Remove an item that nothing holds in place."""
        name = self._begin("delete", from_struct(request.properties), context)
        if self._in_use(request.id):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{name} is in use")
        self.killer.chance()
        self.cloud.remove(request.id)
        self.killer.chance()
        return empty_pb2.Empty()

    def _in_use(self, id_: str) -> bool:
        """An item whose kind is another's address holds that one in place."""
        return any(str(item.get("kind", "")).endswith(f"/{id_}") for item in self.cloud.items().values())

    def _begin(self, operation: str, properties: Properties, context: grpc.ServicerContext) -> str:
        name = plain(properties)["name"]
        self.killer.chance()
        self.cloud.note(f"{operation} {name}")
        reason = self.cloud.fault(operation, name)
        if reason:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, reason)
        return name

    def _outputs(self, id_: str, item: dict[str, Any]) -> struct_pb2.Struct:
        return to_struct(item | {"address": f"kv://{self.region}/{id_}", "region": self.region})
