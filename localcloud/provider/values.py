"""Pulumi's property values: the protobuf wire form on one side, plain Python on the other.

Guarantees: what is decoded and encoded again means the same to the engine. Unknown values, archives and assets keep
their identity; secrets are unwrapped for the handlers, and remembered by the top-level property that holds them, so
that no answer ever carries one of them in the clear (to a caller that understands secrets at all).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeAlias

from google.protobuf import struct_pb2

from localcloud.properties import (
    ARCHIVE_SIGNATURE,
    ASSET_SIGNATURE,
    OUTPUT_SIGNATURE,
    SECRET_SIGNATURE,
    SIGNATURE,
    UNKNOWN_TEXT,
    UNKNOWN_TEXTS,
    Json,
    json_from_struct,
    special,
    struct_from_json,
)

Props: TypeAlias = dict[str, Any]


class Unknown(Enum):
    """A value that only a later step will decide; seen in previews alone."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


class ValueFormatError(ValueError):
    """A value on the wire is no Pulumi property value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file: its `text`, or the `path` where it lies. `hash` is hex SHA-256, empty when nobody computed it."""

    text: str | None = None
    path: str | None = None
    hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Several files: the `path` of a zip or a folder, or named `assets`. `hash` as in `Asset`."""

    path: str | None = None
    assets: Mapping[str, "Asset | Archive"] | None = None
    hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Properties without wrappers; `secrets` names the top-level ones in which a secret was found."""

    values: Props
    secrets: frozenset[str] = field(default_factory=frozenset)


def decode(struct: struct_pb2.Struct) -> Decoded:
    """Return the properties in `struct`. Raises ValueFormatError."""
    values: Props = {}
    secrets: set[str] = set()
    for key, wire in json_from_struct(struct).items():
        values[key], secret = _decode(wire)
        if secret:
            secrets.add(key)
    return Decoded(values=values, secrets=frozenset(secrets))


def encode(values: Mapping[str, Any], *, secrets: frozenset[str] = frozenset()) -> struct_pb2.Struct:
    """Return `values` on the wire, the properties in `secrets` wrapped. Absent (None) properties are left out."""
    wire = {key: _encode(value) for key, value in sorted(values.items()) if value is not None}
    marked = {key: special(SECRET_SIGNATURE, value=wire[key]) for key in secrets & wire.keys()}
    return struct_from_json({**wire, **marked})


def has_unknown(value: object) -> bool:
    """Say whether `value` is, or holds anywhere, something unknown."""
    if value is UNKNOWN:
        return True
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(has_unknown(item) for item in value)
    return False


def _decode(wire: Json) -> tuple[Any, bool]:
    """Return the value, and whether there is a secret in it."""
    if isinstance(wire, dict):
        return _decode_map(wire)
    if isinstance(wire, list):
        pairs = [_decode(item) for item in wire]
        return [plain for plain, _ in pairs], any(secret for _, secret in pairs)
    if isinstance(wire, str) and wire in UNKNOWN_TEXTS:
        return UNKNOWN, False
    return (int(wire) if isinstance(wire, float) and float(wire).is_integer() else wire), False


def _decode_map(wire: Mapping[str, Json]) -> tuple[Any, bool]:
    signature = wire.get(SIGNATURE)
    if signature is None:
        pairs = {key: _decode(item) for key, item in wire.items()}
        return {key: plain for key, (plain, _) in pairs.items()}, any(secret for _, secret in pairs.values())
    if signature == SECRET_SIGNATURE:
        return _decode(wire.get("value"))[0], True
    if signature == OUTPUT_SIGNATURE:
        plain, secret = _decode(wire["value"]) if "value" in wire else (UNKNOWN, False)
        return plain, secret or bool(wire.get("secret"))
    if signature not in (ASSET_SIGNATURE, ARCHIVE_SIGNATURE):
        msg = "a reference to a resource is no value that these resources take"
        raise ValueFormatError(msg)
    if wire.get("uri"):
        msg = "a file from a remote address is not fetched; give a path on this machine"
        raise ValueFormatError(msg)
    return (_decode_asset(wire) if signature == ASSET_SIGNATURE else _decode_archive(wire)), False


def _text(wire: Mapping[str, Json], key: str) -> str:
    found = wire.get(key)
    return found if isinstance(found, str) else ""


def _decode_asset(wire: Mapping[str, Json]) -> Asset:
    # An empty text is a valid asset, and some engines send one beside a path.
    path = _text(wire, "path") or None
    return Asset(text=None if path else _text(wire, "text"), path=path, hash=_text(wire, "hash"))


def _decode_archive(wire: Mapping[str, Json]) -> Archive:
    path, found = _text(wire, "path") or None, wire.get("assets")
    if path:
        return Archive(path=path, hash=_text(wire, "hash"))
    members: dict[str, Asset | Archive] = {}
    for name, item in (found if isinstance(found, dict) else {}).items():
        member, _ = _decode(item)
        if not isinstance(member, Asset | Archive):
            msg = f"the archive's member {name!r} is neither an asset nor an archive"
            raise ValueFormatError(msg)
        members[name] = member
    return Archive(assets=members, hash=_text(wire, "hash"))


def _encode(value: object) -> Json:
    if value is UNKNOWN:
        return UNKNOWN_TEXT
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Asset):
        text = None if value.path is not None else value.text or ""
        return special(ASSET_SIGNATURE, hash=value.hash or None, path=value.path, text=text)
    if isinstance(value, Archive):
        assets = None if value.path is not None else _encode(dict(value.assets or {}))
        return special(ARCHIVE_SIGNATURE, hash=value.hash or None, path=value.path, assets=assets)
    if isinstance(value, Mapping):
        return {str(key): _encode(item) for key, item in value.items() if item is not None}
    if isinstance(value, Sequence):
        return [_encode(item) for item in value]
    msg = f"{type(value).__name__} is no property value"
    raise ValueFormatError(msg)
