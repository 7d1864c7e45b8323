"""What a program asks for: one `Goal` for each resource that it registers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from localcloud.engine.assets import forget_places
from localcloud.engine.state import Entry
from localcloud.engine.urns import AliasSpec
from localcloud.values import Properties, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One registration: a resource's identity, its inputs and Pulumi's options for it.

    Attributes:
        provider: `urn::id` of an explicit provider resource, or `""` for the package's default.
        delete_before_replace: None when the program leaves it to the provider.
        timeouts: seconds for create, update, delete.
    """

    urn: str
    type: str
    name: str
    custom: bool
    parent: str = ""
    provider: str = ""
    inputs: Properties = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secret_outputs: tuple[str, ...] = ()
    aliases: tuple[str | AliasSpec, ...] = ()
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    replace_with: tuple[str, ...] = ()
    replacement_trigger: Value = None
    delete_before_replace: bool | None = None
    protect: bool = False
    retain_on_delete: bool = False
    deleted_with: str = ""
    timeouts: Mapping[str, float] = field(default_factory=dict)

    def entry(self, *, id_: str = "", inputs: Properties | None = None, outputs: Properties | None = None) -> Entry:
        """Make the state's entry for this goal, reached; `inputs` are the checked ones where a provider checks."""
        shared = {item.name: getattr(self, item.name) for item in fields(Entry) if hasattr(self, item.name)}
        return replace(
            Entry(**shared),
            id=id_,
            inputs=forget_places(self.inputs if inputs is None else inputs),
            outputs=forget_places(outputs or {}),
        )
