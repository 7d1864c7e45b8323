"""OTLP in protobuf: the decoder reads what Google's runtime reads, and refuses what is malformed alone."""

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from log_writer.service import Writer
from tests.unit.log_writer.harness import MemoryStore
from tests.unit.log_writer.otlp import LOGS, PROTOBUF, SPANS, in_protobuf, log, post, proto_value, span


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a", b"\x0a\x05\x12", b"\x0b", b"\x0f", b"\x00\x00", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x0a\x03\x0a\x05\x00", b"{}", b"\x0a\x06\x0a\x02\x0a\x09\x12\x00",
    ],
)  # fmt: skip
def test_what_is_no_protobuf(writer: Writer, store: MemoryStore, body: bytes) -> None:
    """400 as well."""
    assert post(writer, SPANS, body, encoding=PROTOBUF).status == 400
    assert not store.objects


def test_one_bad_message_hurts_no_other(writer: Writer, store: MemoryStore) -> None:
    """A record that is not UTF-8 is refused; the others of its request are stored."""
    body = in_protobuf(LOGS, [((), "", [log({"marker": "AAAA"}), log({"other": "BBBB"})])])
    response = post(writer, LOGS, body.replace(b"AAAA", b"\xff\xfeAA"), encoding=PROTOBUF)
    assert response.status == 200
    assert b"is not protobuf" in response.body
    assert [sorted(record["attributes"]) for record in store.records] == [["kind", "other"]]


def test_unknown_fields_in_protobuf(writer: Writer, store: MemoryStore) -> None:
    """A newer exporter's fields, of any wire type, are passed over at every level."""
    body = in_protobuf(LOGS, [((), "", [log({"gen_ai.request.model": "m"})])])
    extra = b"\xf8\x06\x01" + b"\xf9\x06" + b"8" * 8 + b"\xfd\x06" + b"4" * 4 + b"\xfa\x06\x02hi"
    assert post(writer, LOGS, extra + body + extra, encoding=PROTOBUF).status == 200
    assert [record["model"] for record in store.records] == ["m"]


def test_a_resource_in_two_parts(writer: Writer, store: MemoryStore) -> None:
    """Protobuf merges a message that comes twice."""
    one = in_protobuf(LOGS, [({"service.name": "shop"}, "", [log()])])
    two = in_protobuf(LOGS, [({"service.version": "2"}, "", [])])
    inner = one[2:] + two[2:]
    assert (one[0], one[1], two[1]) == (0x0A, len(one) - 2, len(two) - 2)
    assert post(writer, LOGS, b"\x0a" + bytes([len(inner)]) + inner, encoding=PROTOBUF).status == 200
    (record,) = store.records
    assert (record["agent_name"], record["agent_version"]) == ("shop", "2")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"\x0a\x01a\x18\x07", 7),
        (b"\x18\x07\x0a\x01a", "a"),
        (b"\x2a\x04\x0a\x02\x18\x01\x2a\x04\x0a\x02\x18\x02", [1, 2]),
        (b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", -1),
        (b"\x0d\x00\x00\x00\x00\x18\x07", 7),
    ],
)
def test_values_in_protobuf_are_read_as_its_runtime_does(
    writer: Writer, store: MemoryStore, value: bytes, expected: object
) -> None:
    """Of two kinds the last counts, lists are joined, and a known number with another wire type is skipped."""
    empty = in_protobuf(SPANS, [((), "", [span({"gen_ai.request.seed": "x" * (len(value) - 2)})])])
    usual = b"\x0a" + bytes([len(value) - 2]) + b"x" * (len(value) - 2)
    assert post(writer, SPANS, empty.replace(usual, value), encoding=PROTOBUF).status == 200
    seed = AnyValue.FromString(value)
    seed.DiscardUnknownFields()
    assert seed == proto_value(expected)
    assert [record["attributes"]["seed"] for record in store.records] == [expected]
