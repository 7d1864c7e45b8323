"""Property values as the handlers take them: plain Python, without wrappers.

Guarantees: what is decoded and encoded again means the same to the engine. Handlers get secrets unwrapped. The
top-level property that holds one is remembered, so that no answer shows it to a caller that understands secrets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from google.protobuf import struct_pb2

from localcloud.values import UNKNOWN, Archive, Asset, Reference, Secret, Unknown, contains, from_struct, to_struct

__all__ = ["UNKNOWN", "Archive", "Asset", "Decoded", "Props", "ValueFormatError", "decode", "encode", "has_unknown"]

Props: TypeAlias = dict[str, Any]


class ValueFormatError(ValueError):
    """A value on the wire is none that these resources take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Properties without wrappers; `secrets` names the top-level ones in which a secret was found."""

    values: Props
    secrets: frozenset[str] = field(default_factory=frozenset)


def decode(struct: struct_pb2.Struct) -> Decoded:
    """Return the properties in `struct`. Raise ValueFormatError."""
    try:
        found = from_struct(struct)
    except ValueError as error:
        raise ValueFormatError(str(error)) from error
    secrets = frozenset(key for key, value in found.items() if contains(value, Secret))
    return Decoded(values={key: _plain(value) for key, value in found.items()}, secrets=secrets)


def encode(values: Mapping[str, Any], *, secrets: frozenset[str] = frozenset()) -> struct_pb2.Struct:
    """Return `values` on the wire, those in `secrets` marked. Leave out absent (None) properties."""
    given = {key: _complete(value) for key, value in values.items() if value is not None}
    return to_struct({key: Secret(value) if key in secrets else value for key, value in given.items()})


def has_unknown(value: Any) -> bool:  # noqa: ANN401 - any property value
    """Tell whether `value` is, or holds at any depth, something unknown."""
    return contains(value, Unknown)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any property value
    if isinstance(value, Secret):
        return _plain(value.value)
    if isinstance(value, Reference):
        raise ValueFormatError("these resources take no reference to a resource")
    if isinstance(value, Asset | Archive) and value.uri is not None:
        raise ValueFormatError("a file from a remote address is not fetched; give a path on this machine")
    if isinstance(value, Archive) and value.assets is not None:
        members = {name: _plain(member) for name, member in value.assets.items()}
        for name, member in members.items():
            if not isinstance(member, Asset | Archive):
                raise ValueFormatError(f"the archive's member {name!r} is neither an asset nor an archive")
        return replace(value, assets=members)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def _complete(value: Any) -> Any:  # noqa: ANN401 - any property value
    """Leave out what is None. Give a file a content, even an empty one: engines take none without."""
    if isinstance(value, Asset) and value.path is None:
        return replace(value, text=value.text or "")
    if isinstance(value, Archive) and value.path is None:
        return replace(value, assets=value.assets or {})
    if isinstance(value, list):
        return [_complete(item) for item in value]
    if isinstance(value, dict):
        return {key: _complete(item) for key, item in value.items() if item is not None}
    return value
