"""Pulumi's property values on the wire: the part of the protocol that the engine and the providers share.

Guarantee: a protobuf `Struct` and the JSON made of it hold the same; a number stays a float, as protobuf has it.

What JSON cannot say is an object that carries `SIGNATURE`: its value tells whether the object is a secret, a file, an
archive, a resource or an output with its dependencies. The signatures and the texts that stand for unknown values are
fixed by Pulumi's protocol (github.com/pulumi/pulumi, sdk/go/common/resource/properties.go).
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from google.protobuf import struct_pb2

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
ASSET_SIGNATURE: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE_SIGNATURE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's mark of a secret, not one
REFERENCE_SIGNATURE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What an unknown value is written as, and what SDKs write for one of any type."""
UNKNOWN_TEXTS: Final = frozenset(
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

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


def json_from_struct(struct: struct_pb2.Struct) -> dict[str, Json]:
    """Read the properties of a gRPC message."""
    return {key: json_from_proto(item) for key, item in struct.fields.items()}


def json_from_proto(value: struct_pb2.Value) -> Json:
    """Read a single property of a gRPC message."""
    match value.WhichOneof("kind"):
        case "struct_value":
            return json_from_struct(value.struct_value)
        case "list_value":
            return [json_from_proto(item) for item in value.list_value.values]
        case "string_value":
            return value.string_value
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def struct_from_json(wire: Mapping[str, Json]) -> struct_pb2.Struct:
    """Write properties for a gRPC message."""
    return struct_pb2.Struct(fields={key: proto_from_json(item) for key, item in wire.items()})


def proto_from_json(wire: Json) -> struct_pb2.Value:
    """Write a single property for a gRPC message."""
    if wire is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(wire, bool):
        return struct_pb2.Value(bool_value=wire)
    if isinstance(wire, (int, float)):
        return struct_pb2.Value(number_value=wire)
    if isinstance(wire, str):
        return struct_pb2.Value(string_value=wire)
    if isinstance(wire, list):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[proto_from_json(item) for item in wire]))
    return struct_pb2.Value(struct_value=struct_from_json(wire))


def special(signature: str, **fields: Json) -> dict[str, Json]:
    """Return a special value; a field that is None is left out."""
    given: dict[str, Json] = {key: item for key, item in fields.items() if item is not None}
    return {SIGNATURE: signature, **given}
