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

# The signatures are part of Pulumi's protocol: a map with this key is not a map, but a special value.
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the marker, not a secret
_ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
_ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_UNKNOWNS: Final = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string, and what everything unknown is written as
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

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
    for key, value in struct.fields.items():
        plain, secret = _decode(value)
        values[key] = plain
        if secret:
            secrets.add(key)
    return Decoded(values=values, secrets=frozenset(secrets))


def encode(values: Mapping[str, Any], *, secrets: frozenset[str] = frozenset()) -> struct_pb2.Struct:
    """Return `values` on the wire, the properties in `secrets` wrapped. Absent (None) properties are left out."""
    struct = struct_pb2.Struct()
    for key in sorted(values):
        value = values[key]
        if value is None:
            continue
        plain = _encode(value)
        struct.fields[key].CopyFrom(_special(_SECRET, value=plain) if key in secrets else plain)
    return struct


def has_unknown(value: object) -> bool:
    """Say whether `value` is, or holds anywhere, something unknown."""
    if value is UNKNOWN:
        return True
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(has_unknown(item) for item in value)
    return False


def _decode(value: struct_pb2.Value) -> tuple[Any, bool]:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _decode_map(value.struct_value)
    if kind == "list_value":
        pairs = [_decode(item) for item in value.list_value.values]
        return [plain for plain, _ in pairs], any(secret for _, secret in pairs)
    if kind == "string_value":
        return (UNKNOWN if value.string_value in _UNKNOWNS else value.string_value), False
    if kind == "number_value":
        number = value.number_value
        return (int(number) if number.is_integer() else number), False
    if kind == "bool_value":
        return value.bool_value, False
    return None, False


def _decode_map(struct: struct_pb2.Struct) -> tuple[Any, bool]:
    if _SIGNATURE not in struct.fields:
        pairs = {key: _decode(item) for key, item in struct.fields.items()}
        return {key: plain for key, (plain, _) in pairs.items()}, any(secret for _, secret in pairs.values())
    signature = struct.fields[_SIGNATURE].string_value
    if signature == _SECRET:
        return _decode(struct.fields["value"])[0], True
    if signature == _OUTPUT:
        plain, secret = _decode(struct.fields["value"]) if "value" in struct.fields else (UNKNOWN, False)
        return plain, secret or struct.fields["secret"].bool_value
    if signature == _ASSET:
        return _decode_asset(struct), False
    if signature == _ARCHIVE:
        return _decode_archive(struct), False
    msg = "a reference to a resource is no value that these resources take"
    raise ValueFormatError(msg)


def _text(struct: struct_pb2.Struct, key: str) -> str | None:
    # Indexing a protobuf map adds what is not there, and its `get` is not in the type.
    if key not in struct.fields or struct.fields[key].WhichOneof("kind") != "string_value":
        return None
    return struct.fields[key].string_value


def _refuse_remote(struct: struct_pb2.Struct) -> None:
    if _text(struct, "uri"):
        msg = "a file from a remote address is not fetched; give a path on this machine"
        raise ValueFormatError(msg)


def _decode_asset(struct: struct_pb2.Struct) -> Asset:
    _refuse_remote(struct)
    # An empty text is a valid asset, and the wire cannot tell it from an absent one when there is a path.
    path = _text(struct, "path") or None
    text = _text(struct, "text")
    return Asset(text=None if path else text or "", path=path, hash=_text(struct, "hash") or "")


def _decode_archive(struct: struct_pb2.Struct) -> Archive:
    _refuse_remote(struct)
    path = _text(struct, "path") or None
    if path:
        return Archive(path=path, hash=_text(struct, "hash") or "")
    members: dict[str, Asset | Archive] = {}
    if "assets" in struct.fields:
        for name, item in struct.fields["assets"].struct_value.fields.items():
            member, _ = _decode(item)
            if not isinstance(member, Asset | Archive):
                msg = f"the archive's member {name!r} is neither an asset nor an archive"
                raise ValueFormatError(msg)
            members[name] = member
    return Archive(assets=members, hash=_text(struct, "hash") or "")


def _special(signature: str, **fields: struct_pb2.Value) -> struct_pb2.Value:
    out = struct_pb2.Value()
    out.struct_value.fields[_SIGNATURE].string_value = signature
    for key, value in fields.items():
        out.struct_value.fields[key].CopyFrom(value)
    return out


def _string(text: str) -> struct_pb2.Value:
    return struct_pb2.Value(string_value=text)


def _encode_file(value: Asset | Archive) -> struct_pb2.Value:
    fields: dict[str, struct_pb2.Value] = {}
    if value.hash:
        fields["hash"] = _string(value.hash)
    if value.path is not None:
        fields["path"] = _string(value.path)
    elif isinstance(value, Asset):
        fields["text"] = _string(value.text or "")
    else:
        fields["assets"] = _encode(dict(value.assets or {}))
    return _special(_ASSET if isinstance(value, Asset) else _ARCHIVE, **fields)


def _encode_scalar(value: object) -> struct_pb2.Value | None:
    if value is UNKNOWN:
        return _string(_UNKNOWN)
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    return _string(value) if isinstance(value, str) else None


def _encode(value: object) -> struct_pb2.Value:
    if isinstance(value, Asset | Archive):
        return _encode_file(value)
    scalar = _encode_scalar(value)
    if scalar is not None:
        return scalar
    out = struct_pb2.Value()
    if isinstance(value, Mapping):
        out.struct_value.SetInParent()
        for key, item in value.items():
            if item is not None:
                out.struct_value.fields[str(key)].CopyFrom(_encode(item))
    elif isinstance(value, Sequence):
        out.list_value.SetInParent()
        out.list_value.values.extend(_encode(item) for item in value)
    else:
        msg = f"{type(value).__name__} is no property value"
        raise ValueFormatError(msg)
    return out
