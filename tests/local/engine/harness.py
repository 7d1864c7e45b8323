"""What the engine's tests share: a stack in a temporary folder, run as a program or goal by goal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from localcloud.engine import Engine, Plan, Progress, Result, Step
from localcloud.engine.deployment import Deployment
from localcloud.engine.goals import Goal
from localcloud.engine.refresh import refresh
from localcloud.engine.registry import Source
from localcloud.engine.report import Event
from localcloud.engine.state import Entry, StateFile
from localcloud.engine.urns import make
from tests.local.engine.kv_cloud import Cloud, KvProvider

PROJECT = "proj"
STACK = "test"
ITEM = "kv:index:Item"

KV_MODULE = """
from typing import Any

import pulumi


class Item(pulumi.CustomResource):
    address: pulumi.Output[str]
    name: pulumi.Output[str]
    region: pulumi.Output[str]
    value: pulumi.Output[Any]

    def __init__(self, resource_name, opts=None, **props):
        props = {"address": None, "name": None, "region": None, "value": None, **props}
        super().__init__("kv:index:Item", resource_name, {k: v for k, v in props.items()}, opts)

    @staticmethod
    def get(resource_name, id):
        return Item(resource_name, pulumi.ResourceOptions(id=id))


class Group(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("kv:index:Group", name, None, opts)


class Provider(pulumi.ProviderResource):
    def __init__(self, name, region, opts=None):
        super().__init__("kv", name, {"region": region}, opts)


def look_up(name, opts=None):
    return pulumi.runtime.invoke("kv:index:lookUp", {"name": name}, opts).value
"""


def urn(name: str, *, type_: str = ITEM) -> str:
    """Give the URN of a resource without a parent."""
    return make(stack=STACK, project=PROJECT, parent="", type_=type_, name=name)


@dataclass(kw_only=True)
class Stack:
    """One stack over one cloud. `events` holds what the last run told."""

    folder: Path
    config: dict[str, str] = field(default_factory=dict)
    secret_keys: frozenset[str] = frozenset()
    program_seconds: float = 30.0
    events: list[Event] = field(default_factory=list)
    providers: dict[str, Source] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Lay the folder out."""
        self.cloud = Cloud(self.folder / "cloud")
        self.program_folder = self.folder / "program"
        self.program_folder.mkdir(exist_ok=True)
        (self.program_folder / "kv.py").write_text(KV_MODULE)
        self.state_path = self.folder / "state.json"
        self.providers.setdefault("kv", lambda: KvProvider(self.cloud))

    def write(self, program: str) -> None:
        """Write the program; `pulumi`, `Item`, `Group`, `Provider`, `look_up` and `Opts` are there."""
        head = "import pulumi\nfrom kv import Group, Item, Provider, look_up\nOpts = pulumi.ResourceOptions\n"
        (self.program_folder / "__main__.py").write_text(head + dedent(program))

    def engine(self) -> Engine:
        """Make the engine."""
        self.events.clear()
        return Engine(
            project=PROJECT,
            stack=STACK,
            program=self.program_folder,
            state_file=self.state_path,
            providers=self.providers,
            config=self.config,
            secret_keys=self.secret_keys,
            listener=self.events.append,
            program_seconds=self.program_seconds,
        )

    def up(self, program: str | None = None) -> Result:
        """Write the program, if given, and run it."""
        if program is not None:
            self.write(program)
        self.cloud.forget_calls()
        return self.engine().up()

    def preview(self, program: str | None = None) -> Plan:
        """Write the program, if given, and preview it."""
        if program is not None:
            self.write(program)
        self.cloud.forget_calls()
        return self.engine().preview()

    def destroy(self) -> Result:
        """Destroy the stack."""
        self.cloud.forget_calls()
        return self.engine().destroy()

    def state(self) -> dict[str, Any]:
        """Read the state file."""
        return json.loads(self.state_path.read_text())

    def entry(self, name: str) -> dict[str, Any]:
        """Read the state of one resource by its logical name."""
        (found,) = [item for item in self.state()["entries"] if item["urn"].endswith(f"::{name}")]
        return found

    def names(self) -> list[str]:
        """Give the logical names of the items in the state."""
        return sorted(item["urn"].rpartition("::")[2] for item in self.state()["entries"] if item["type"] == ITEM)


def actions(plan: Plan) -> dict[str, str]:
    """Give the action for each item."""
    return {step.name: step.action for step in plan.steps if step.type == ITEM}


def step(plan: Plan, name: str) -> Step:
    """Give the step of one resource."""
    (found,) = [item for item in plan.steps if item.name == name]
    return found


def failed_steps(events: Iterable[Event]) -> list[str]:
    """Give the names of the steps that failed."""
    return [event.step.name for event in events if isinstance(event, Progress) and event.status == "failed"]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One item as a test wants it, without a program: `soft` references can change in place, `hard` ones cannot."""

    name: str
    value: int = 0
    kind: str = "plain"
    named: bool = True
    soft: tuple[str, ...] = ()
    hard: str = ""
    retain: bool = False


@contextmanager
def deployment(
    *, state_path: Path, cloud: Cloud, file: StateFile | None = None, provider: Source | None = None
) -> Iterator[Deployment]:
    """Open a deployment without a program, refreshed."""
    state = file or StateFile(state_path)
    with state.locked():
        run = Deployment(
            project=PROJECT,
            stack=STACK,
            config={},
            secret_keys=frozenset(),
            sources={"kv": provider or (lambda: KvProvider(cloud))},
            snapshot=state.load(),
            file=state,
            listener=lambda _: None,
        )
        try:
            refresh(run, lambda _: None)
            yield run
        finally:
            run.registry.close()


def apply(run: Deployment, specs: Sequence[Spec]) -> None:
    """Register items in order, as a program would, and finish."""
    made: dict[str, Entry] = {}
    for spec in specs:
        inputs: dict[str, Any] = {
            "value": [spec.value, *(made[name].outputs["address"] for name in spec.soft)],
            "kind": made[spec.hard].outputs["address"] if spec.hard else spec.kind,
        }
        through: dict[str, tuple[str, ...]] = {"value": tuple(urn(name) for name in spec.soft)}
        if spec.hard:
            through["kind"] = (urn(spec.hard),)
        made[spec.name] = run.register(
            Goal(
                urn=urn(spec.name),
                type=ITEM,
                name=spec.name,
                custom=True,
                inputs=inputs | ({"name": spec.name} if spec.named else {}),
                dependencies=tuple(urn(name) for name in {*spec.soft, spec.hard} - {""}),
                property_dependencies=through,
                retain_on_delete=spec.retain,
            )
        )
    run.finish()


def wanted(cloud: Cloud, specs: Sequence[Spec]) -> None:
    """Assert that the cloud holds exactly what the specs say, references resolved to what is there now."""
    items = {_logical(item): (id_, item) for id_, item in cloud.items().items()}
    assert sorted(items) == sorted(spec.name for spec in specs)
    assert len(items) == len(cloud.items())
    addresses: Mapping[str, str] = {name: f"kv://here/{id_}" for name, (id_, _) in items.items()}
    for spec in specs:
        item = items[spec.name][1]
        assert item["value"] == [spec.value, *(addresses[name] for name in spec.soft)]
        assert item["kind"] == (addresses[spec.hard] if spec.hard else spec.kind)


def _logical(item: Mapping[str, Any]) -> str:
    # A name that the provider chose has a random end; one that it kept from before has none.
    return item["name"].partition("-")[0]
