"""Run programs through Pulumi's own protocol and look at what they registered."""

# ruff: noqa: N802 - the methods have the names of the protocol

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import provider_pb2 as pb

from localcloud.engine import Engine, Message, Plan
from localcloud.engine.state import Entry, StateFile
from localcloud.offline import ACCOUNT, OfflineProvider
from localcloud.place import ROOT
from localcloud.values import SECRET_SIGNATURE, SIGNATURE, Json

REGION = "eu-central-1"
DRAWN = "Aa0" + "Z" * 40
"""What every random password here is."""
LOCK = "aws:s3/getBucketObjectLockConfiguration:getBucketObjectLockConfiguration"
CONTEXT = "aws:iam/getSessionContext:getSessionContext"
KEY = "aws:kms/getKey:getKey"
OBJECTS = "aws:s3/getObjects:getObjects"
QUOTA = "aws:servicequotas/getServiceQuota:getServiceQuota"
POLICY = "aws:s3/getBucketPolicy:getBucketPolicy"
GET_PARAMETER = "aws:ssm/getParameter:getParameter"
CALLER = "aws:index/getCallerIdentity:getCallerIdentity"


class MemoryProvider(OfflineProvider):
    """An account that keeps what is made in it: enough of a provider to see what a program registers."""

    def __init__(self) -> None:
        """Begin with an account in which nothing is deployed."""
        super().__init__(region=REGION)
        self.answers: dict[str, Mapping[str, Any] | str] = {}
        """What a function answers instead; a text is an error."""
        self.made: list[str] = []
        """The URN of everything that was made or changed."""
        self.deleted: list[str] = []
        """The logical name of everything that was deleted."""
        self.refuses_to_delete = ""
        """The logical name of what cannot be deleted."""

    def Create(self, request: pb.CreateRequest, context: grpc.ServicerContext) -> pb.CreateResponse:
        """Keep the resource, with the outputs that the program goes on with."""
        del context
        self.made.append(request.urn)
        name = request.urn.rpartition("::")[2]
        response = pb.CreateResponse(id=f"{name}-id", properties=request.properties)
        given = json_format.MessageToDict(request.properties)
        service = request.urn.rpartition("::")[0].rpartition("aws:")[2].partition("/")[0]
        computed = {
            "arn": given.get("arn", f"arn:aws:{service}:{REGION}:{ACCOUNT}:{given.get('name', name)}"),
            "url": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{given.get('name', name)}",
            "functionUrl": "https://example.lambda-url.eu-central-1.on.aws/",
        }
        response.properties.update(computed)
        if request.urn.partition("random:index/randomPassword:RandomPassword")[2]:
            response.id = "none"
            response.properties.update({"result": DRAWN})
        return response

    def Read(self, request: pb.ReadRequest, context: grpc.ServicerContext) -> pb.ReadResponse:
        """Find it as it was left."""
        del context
        return pb.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Diff(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:
        """Tell whether the inputs differ."""
        del context
        old, new = json_format.MessageToDict(request.old_inputs), json_format.MessageToDict(request.news)
        changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
        kinds = pb.DiffResponse
        return pb.DiffResponse(changes=kinds.DIFF_SOME if changed else kinds.DIFF_NONE, diffs=changed)

    def Update(self, request: pb.UpdateRequest, context: grpc.ServicerContext) -> pb.UpdateResponse:
        """Change it in place."""
        del context
        self.made.append(request.urn)
        response = pb.UpdateResponse(properties=request.olds)
        response.properties.update(json_format.MessageToDict(request.news))
        return response

    def Delete(self, request: pb.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Let it go, unless it is the one that cannot be deleted."""
        name = request.urn.rpartition("::")[2]
        if name == self.refuses_to_delete:
            context.abort(grpc.StatusCode.UNKNOWN, "BucketNotEmpty: The bucket you tried to delete is not empty")
        self.deleted.append(name)
        return empty_pb2.Empty()

    def Invoke(self, request: pb.InvokeRequest, context: grpc.ServicerContext) -> pb.InvokeResponse:
        """Answer as the test says, else as an empty account."""
        answer = self.answers.get(request.tok)
        if isinstance(answer, str):
            context.abort(grpc.StatusCode.UNKNOWN, answer)
        if answer is None:
            return super().Invoke(request, context)
        response = pb.InvokeResponse()
        json_format.ParseDict(dict(answer), getattr(response, "return"))
        return response


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a program registered, by logical name, and what it said."""

    plan: Plan
    entries: Mapping[str, Entry]
    messages: list[Message] = field(default_factory=list)

    def of(self, type_: str) -> list[Entry]:
        """The resources whose type ends so."""
        return [entry for entry in self.entries.values() if entry.type.endswith(f":{type_}")]

    def children(self, component: str) -> set[str]:
        """The logical names of a component's children."""
        parent = self.entries[component].urn
        return {name for name, entry in self.entries.items() if entry.parent == parent}


Up = Callable[..., Run]


def without_secrets(value: Json) -> Json:
    """What is left of a state without what is marked as secret in it."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET_SIGNATURE:
            return None
        return {key: without_secrets(item) for key, item in value.items()}
    return [without_secrets(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="session", autouse=True)
def _warm(warm: None) -> None:
    """Let every engine here start its programs quickly."""


@pytest.fixture(scope="session")
def run_program(tmp_path_factory: pytest.TempPathFactory) -> Up:
    """Return a function that brings a program (the stack's, by default) up in an account of memory."""
    known: dict[frozenset[tuple[str, str]], Run] = {}

    def run(
        config: Mapping[str, str] | None = None,
        *,
        provider: MemoryProvider | None = None,
        program: Path | None = None,
        state: Path | None = None,
    ) -> Run:
        # In an empty account the same settings register the same resources, so one run serves every test.
        settings = frozenset((config or {}).items())
        if not (provider or program or state):
            return known[settings] if settings in known else known.setdefault(settings, start(config, MemoryProvider()))
        return start(config, provider or MemoryProvider(), program=program, state=state)

    def start(
        config: Mapping[str, str] | None,
        account: MemoryProvider,
        *,
        program: Path | None = None,
        state: Path | None = None,
    ) -> Run:
        file = (state or tmp_path_factory.mktemp("stack")) / "state.json"
        messages: list[Message] = []
        engine = Engine(
            project="agent-audit-log",
            stack="test",
            program=program or ROOT / "stacks",
            state_file=file,
            config={
                "aws:region": REGION,
                **{key if ":" in key else f"agent-audit-log:{key}": value for key, value in (config or {}).items()},
            },
            providers={"aws": lambda: account, "random": lambda: account},
            listener=lambda event: messages.append(event) if isinstance(event, Message) else None,
        )
        plan = engine.up()
        entries = {entry.urn.rpartition("::")[2]: entry for entry in StateFile(file).load().entries}
        return Run(plan=plan, entries=entries, messages=messages)

    return run


@pytest.fixture(scope="session")
def standard(run_program: Up) -> Run:
    """The program as it is without any setting."""
    return run_program()


@pytest.fixture
def program_file(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that makes a program of a text; its folder."""

    def make(text: str) -> Path:
        folder = tmp_path / "program"
        folder.mkdir()
        (folder / "__main__.py").write_text(text, "utf-8")
        os.utime(folder)
        return folder

    return make
