"""Resource names (URNs): `urn:pulumi:<stack>::<project>::<parent types$>type::name`, and earlier ones of a resource."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

ROOT_TYPE = "pulumi:pulumi:Stack"
PROVIDER_PREFIX = "pulumi:providers:"
_PARTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Urn:
    """A URN in its parts. `qualified_type` is the chain of parent types and the type itself, joined by `$`."""

    stack: str
    project: str
    qualified_type: str
    name: str

    @property
    def type(self) -> str:
        """The resource's own type token."""
        return self.qualified_type.rpartition("$")[2]

    def __str__(self) -> str:
        """Write the URN."""
        return f"urn:pulumi:{self.stack}::{self.project}::{self.qualified_type}::{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasSpec:
    """An earlier identity of a resource: what is None was as it is now; `parent=""` means it had no parent."""

    name: str | None = None
    type: str | None = None
    stack: str | None = None
    project: str | None = None
    parent: str | None = None


def parse(urn: str) -> Urn:
    """Take a URN apart. Raises ValueError when it is not one."""
    parts = urn.removeprefix("urn:pulumi:").split("::", _PARTS - 1)
    if not urn.startswith("urn:pulumi:") or len(parts) != _PARTS:
        raise ValueError(f"not a resource URN: {urn!r}")
    return Urn(stack=parts[0], project=parts[1], qualified_type=parts[2], name=parts[3])


def make(*, stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """Build the URN of a resource under `parent` (a URN, or `""`)."""
    qualified = type_
    if parent:
        above = parse(parent).qualified_type
        if above != ROOT_TYPE:
            qualified = f"{above}${type_}"
    return str(Urn(stack=stack, project=project, qualified_type=qualified, name=name))


def former(
    *, urn: str, parent: str, aliases: Iterable[str | AliasSpec], parent_aliases: Iterable[str], root: str
) -> Iterator[str]:
    """Yield the URNs under which a resource may be known from before, the most specific first.

    An aliased parent lends its earlier names to its children: by convention a child's name may start with its
    parent's, and then changes with it.
    """
    now = parse(urn)
    own = list(aliases)
    yield from (item for item in own if isinstance(item, str))
    specs = [item for item in own if isinstance(item, AliasSpec)]
    for spec in specs:
        yield _apply(spec, now, parent if spec.parent is None else (spec.parent or root))
    parent_name = parse(parent).name if parent else ""
    for earlier in parent_aliases:
        name = now.name
        if parent_name and name.startswith(parent_name):
            name = parse(earlier).name + name[len(parent_name) :]
        for spec in (AliasSpec(), *(spec for spec in specs if spec.parent is None)):
            yield _apply(AliasSpec(name=spec.name or name, type=spec.type), now, earlier)


def _apply(spec: AliasSpec, now: Urn, parent: str) -> str:
    return make(
        stack=spec.stack or now.stack,
        project=spec.project or now.project,
        parent=parent,
        type_=spec.type or now.type,
        name=spec.name or now.name,
    )
