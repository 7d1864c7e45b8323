"""Property values: Pulumi's wire form on one side, typed Python on the other.

Guarantee: `decode(encode(v)) == v` for every value; a secret stays marked through every function here but
`plain` and `encode(..., secrets=False)`; an asset compares by its content hash, never by its path.

On the wire (a protobuf `Struct`) and in the state file a special value is an object that carries Pulumi's signature
key; the signatures are fixed by Pulumi's protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeAlias

from google.protobuf import struct_pb2

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
ASSET_SIGNATURE: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE_SIGNATURE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's mark of a secret, not one
REFERENCE_SIGNATURE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How an unknown value is written. SDKs write it for one of any type."""
_UNKNOWN_TEXTS: Final = frozenset(
    {
        UNKNOWN_TEXT,  # of a string
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # of a boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # of a number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # of a list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # of a file
        "e48ece36-62e2-4504-bad9-02848725956a",  # of an archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # of an object
    }
)
_EXACT_INTEGERS: Final = 2**53
HIDDEN: Final = "[secret]"

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


class Unknown(Enum):
    """A value that only the deployment itself will produce; appears in previews alone."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that must not be shown; never nested in another `Secret`."""

    value: Value


@dataclass(frozen=True, slots=True)
class Asset:
    """One file's content, known by its SHA-256 (hex). Where it comes from takes no part in comparison."""

    hash: str = ""
    path: str | None = field(default=None, compare=False)
    text: str | None = field(default=None, compare=False)
    uri: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Archive:
    """A collection of files, known by one SHA-256 (hex) over all of them."""

    hash: str = ""
    path: str | None = field(default=None, compare=False)
    uri: str | None = field(default=None, compare=False)
    assets: Mapping[str, Value] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Reference:
    """A resource passed as a value. `id` is None for a component."""

    urn: str
    id: Value = None


Value: TypeAlias = (
    bool
    | int
    | float
    | str
    | list["Value"]
    | dict[str, "Value"]
    | Unknown
    | Secret
    | Asset
    | Archive
    | Reference
    | None
)
Properties: TypeAlias = dict[str, Value]


def decode(wire: Json) -> Value:
    """Read one value from its wire form. Raises ValueError on a signature that the protocol does not define."""
    if isinstance(wire, str):
        return UNKNOWN if wire in _UNKNOWN_TEXTS else wire
    if isinstance(wire, float) and float(wire).is_integer() and abs(wire) < _EXACT_INTEGERS:
        return int(wire)
    if isinstance(wire, list):
        return [decode(item) for item in wire]
    if isinstance(wire, dict):
        signature = wire.get(SIGNATURE)
        if signature is None:
            return {key: decode(item) for key, item in wire.items()}
        return _decode__special(signature, wire)
    return wire


def _decode__special(signature: Json, wire: Mapping[str, Json]) -> Value:
    if signature == SECRET_SIGNATURE:
        return secret(decode(wire.get("value")))
    if signature == ASSET_SIGNATURE:
        return Asset(
            hash=_text(wire, "hash") or "", path=_text(wire, "path"), text=_text(wire, "text"), uri=_text(wire, "uri")
        )
    if signature == ARCHIVE_SIGNATURE:
        members = wire.get("assets")
        assets = {key: decode(item) for key, item in members.items()} if isinstance(members, dict) else None
        return Archive(hash=_text(wire, "hash") or "", path=_text(wire, "path"), uri=_text(wire, "uri"), assets=assets)
    if signature == REFERENCE_SIGNATURE:
        return Reference(_text(wire, "urn") or "", decode(wire.get("id")))
    if signature == OUTPUT_SIGNATURE:
        value = decode(wire["value"]) if "value" in wire else UNKNOWN
        return secret(value) if wire.get("secret") else value
    raise ValueError(f"a property carries the unknown signature {signature!r}")


def _text(wire: Mapping[str, Json], key: str) -> str | None:
    value = wire.get(key)
    return value if isinstance(value, str) else None


def encode(value: Value, *, secrets: bool = True, references: bool = True) -> Json:  # noqa: PLR0911 - one a kind
    """Write one value in its wire form.

    With `secrets=False` a secret is written as the bare value, for a receiver that does not know secrets; with
    `references=False` a resource is written as its id, or its URN if it has none.
    """
    if isinstance(value, list):
        return [encode(item, secrets=secrets, references=references) for item in value]
    if isinstance(value, dict):
        return {key: encode(item, secrets=secrets, references=references) for key, item in value.items()}
    if isinstance(value, Unknown):
        return UNKNOWN_TEXT
    if isinstance(value, Secret):
        inner = encode(value.value, secrets=secrets, references=references)
        return {SIGNATURE: SECRET_SIGNATURE, "value": inner} if secrets else inner
    if isinstance(value, Asset):
        return _special(ASSET_SIGNATURE, hash=value.hash or None, path=value.path, text=value.text, uri=value.uri)
    if isinstance(value, Archive):
        members: Json = None
        if value.assets is not None:
            members = {key: encode(item, secrets=secrets) for key, item in value.assets.items()}
        return _special(ARCHIVE_SIGNATURE, hash=value.hash or None, path=value.path, uri=value.uri, assets=members)
    if isinstance(value, Reference):
        if references:
            return _special(REFERENCE_SIGNATURE, urn=value.urn, id=encode(value.id))
        return value.urn if value.id is None else encode(value.id)
    return value


def _special(signature: str, **fields: Json) -> dict[str, Json]:
    """Return a special value; leave out a field that is None."""
    given: dict[str, Json] = {key: item for key, item in fields.items() if item is not None}
    return {SIGNATURE: signature, **given}


def from_struct(struct: struct_pb2.Struct) -> Properties:
    """Read the properties of a gRPC message."""
    return {key: from_proto(item) for key, item in struct.fields.items()}


def from_proto(value: struct_pb2.Value) -> Value:
    """Read a single property of a gRPC message."""
    return decode(_json(value))


def _json(value: struct_pb2.Value) -> Json:
    match value.WhichOneof("kind"):
        case "struct_value":
            return {key: _json(item) for key, item in value.struct_value.fields.items()}
        case "list_value":
            return [_json(item) for item in value.list_value.values]
        case "string_value":
            return value.string_value
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def to_struct(properties: Mapping[str, Value], *, secrets: bool = True, references: bool = True) -> struct_pb2.Struct:
    """Write properties for a gRPC message; see `encode`."""
    struct = struct_pb2.Struct()
    struct.update({key: encode(item, secrets=secrets, references=references) for key, item in properties.items()})
    return struct


def secret(value: Value) -> Value:
    """Mark a value as secret, once."""
    return value if isinstance(value, Secret) else Secret(value)


def _map(value: Value, change: Callable[[Value], Value]) -> Value:
    """Rebuild a value, applying `change` to it first and then to what `change` left of its children."""
    value = change(value)
    if isinstance(value, list):
        return [_map(item, change) for item in value]
    if isinstance(value, dict):
        return {key: _map(item, change) for key, item in value.items()}
    if isinstance(value, Secret):
        return secret(_map(value.value, change))
    return value


def map_properties(properties: Mapping[str, Value], change: Callable[[Value], Value]) -> Properties:
    """Rebuild properties with `change` applied to every value in them, outermost first."""
    return {key: _map(item, change) for key, item in properties.items()}


def contains(value: Value, kind: type[Secret | Unknown]) -> bool:
    """Tell whether a value is, or holds at any depth, a secret or an unknown one."""
    if isinstance(value, kind):
        return True
    if isinstance(value, Secret):
        return contains(value.value, kind)
    if isinstance(value, Reference):
        return contains(value.id, kind)
    if isinstance(value, list):
        return any(contains(item, kind) for item in value)
    if isinstance(value, dict):
        return any(contains(item, kind) for item in value.values())
    return False


def unwrap(value: Value) -> Value:
    """Take the secret marks off, for comparison; the result must not be stored or shown."""
    return _map(value, lambda item: item.value if isinstance(item, Secret) else item)


def same(old: Mapping[str, Value], new: Mapping[str, Value]) -> bool:
    """Whether two sets of properties hold the same values, secret or not. An absent property equals a null one."""
    return _without_nulls(old) == _without_nulls(new)


def _without_nulls(properties: Mapping[str, Value]) -> Properties:
    bare = {key: unwrap(item) for key, item in properties.items()}
    return {key: item for key, item in bare.items() if item is not None}


def mark_secrets(values: Mapping[str, Value], like: Mapping[str, Value], names: Iterable[str] = ()) -> Properties:
    """Mark in `values` what is secret in `like` at the same place, and the top-level `names`.

    A provider that does not know secrets returns them bare; this puts the marks back.
    """
    marked = {key: _mark(item, like.get(key)) for key, item in values.items()}
    for name in names:
        if name in marked:
            marked[name] = secret(marked[name])
    return marked


def _mark(value: Value, like: Value) -> Value:
    if isinstance(like, Secret):
        return secret(_mark(value, like.value))
    if isinstance(value, dict) and isinstance(like, dict):
        return {key: _mark(item, like.get(key)) for key, item in value.items()}
    if isinstance(value, list) and isinstance(like, list) and len(value) == len(like):
        return [_mark(item, other) for item, other in zip(value, like, strict=True)]
    return value


def plain(value: Value, *, hide_secrets: bool = False) -> Any:  # noqa: ANN401, PLR0911 - JSON of any shape
    """Give the JSON that a user reads: secrets bare or as `[secret]`, an unknown as None, a file as its hash."""
    if isinstance(value, Secret):
        return HIDDEN if hide_secrets else plain(value.value)
    if isinstance(value, Unknown):
        return None
    if isinstance(value, (Asset, Archive)):
        return f"sha256:{value.hash}"
    if isinstance(value, Reference):
        return plain(value.id, hide_secrets=hide_secrets) or value.urn
    if isinstance(value, list):
        return [plain(item, hide_secrets=hide_secrets) for item in value]
    if isinstance(value, dict):
        return {key: plain(item, hide_secrets=hide_secrets) for key, item in value.items()}
    return value
