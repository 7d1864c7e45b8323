"""Requests of OTLP in both encodings, from plain Python values."""

import base64
import gzip
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from log_writer.reply import Response
from log_writer.service import Request, Writer
from tests.unit.log_writer.harness import TOKEN

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
LOGS = "/v1/logs"
SPANS = "/v1/traces"
TRACE = "5b8efff798038103d269b633813fc60c"
SPAN = "eee19b7ec3c1b174"
PARENT = "aaaabbbbccccdddd"
START = 1_782_822_896_123_456_789  # 2026-06-30T12:34:56.123456789Z
STAMP = "2026-06-30T12:34:56.123456789Z"

Pairs: TypeAlias = "Sequence[tuple[str, Any]] | Mapping[str, Any]"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A log record or a span, whichever its path makes of it; `more` holds fields of protobuf's names."""

    attributes: Pairs = ()
    body: Any = None
    events: Sequence[tuple[str, Pairs]] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


def log(attributes: Pairs = (), *, body: object = None, **more: object) -> Sent:
    """A log record, some time in the past."""
    return Sent(attributes=attributes, body=body, more={"time_unix_nano": START, **more})


def span(attributes: Pairs = (), *, events: Sequence[tuple[str, Pairs]] = (), **more: object) -> Sent:
    """A client span of a quarter of a second."""
    known: dict[str, object] = {
        "trace_id": TRACE,
        "span_id": SPAN,
        "name": "a span",
        "kind": 3,
        "start_time_unix_nano": START,
        "end_time_unix_nano": START + 250_000_000,
    }
    return Sent(attributes=attributes, events=events, more={**known, **more})


def export(
    writer: Writer,
    path: str,
    *items: Sent,
    encoding: str = JSON,
    resource: Pairs = (),
    scope: str = "",
    **headers: str,
) -> Response:
    """Post one request with these items."""
    encode = in_json if encoding == JSON else in_protobuf
    return post(writer, path, encode(path, [(resource, scope, items)]), encoding=encoding, **headers)


def post(
    writer: Writer, path: str, body: bytes, *, encoding: str = JSON, method: str = "POST", **headers: str
) -> Response:
    """Post a body."""
    sent = {"authorization": f"Bearer {TOKEN}", "content-type": encoding}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    if sent.get("content-encoding") == "gzip" and not body.startswith(b"\x1f\x8b"):
        body = gzip.compress(body)
    return writer.handle(Request(method=method, path=path, headers=sent, body=body, deadline=time.monotonic() + 10))


def in_json(path: str, groups: Sequence[tuple[Pairs, str, Sequence[Sent]]]) -> bytes:
    """A request in JSON, as OpenTelemetry's own exporters write it."""
    outer, middle, inner = (
        ("resourceLogs", "scopeLogs", "logRecords") if path == LOGS else ("resourceSpans", "scopeSpans", "spans")
    )
    request = {
        outer: [
            {
                "resource": {"attributes": json_pairs(resource)},
                middle: [{"scope": {"name": scope}, inner: [_item_in_json(item) for item in items]}],
            }
            for resource, scope, items in groups
        ]
    }
    return json.dumps(request).encode()


def _item_in_json(item: Sent) -> dict[str, Any]:
    made: dict[str, Any] = {"attributes": json_pairs(item.attributes)}
    if item.body is not None:
        made["body"] = json_value(item.body)
    if item.events:
        made["events"] = [{"name": name, "attributes": json_pairs(pairs)} for name, pairs in item.events]
    for name, value in item.more.items():
        first, *rest = name.split("_")
        key = first + "".join(part.capitalize() for part in rest)
        made[key] = str(value) if name.endswith("nano") else value
    return made


def status(data: bytes) -> tuple[int, str]:
    """Code and message of a google.rpc.Status in protobuf."""
    message: Any = _STATUS.FromString(data)
    return message.code, message.message


def _status_type() -> type[Message]:
    """In a pool of its own: two packages here bring that message, and clash."""
    file = FileDescriptorProto(name="status.proto", package="google.rpc", syntax="proto3")
    described = file.message_type.add(name="Status")
    described.field.add(name="code", number=1, type=5, label=1)
    described.field.add(name="message", number=2, type=9, label=1)
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("google.rpc.Status"))


_STATUS = _status_type()


def json_pairs(pairs: Pairs) -> list[dict[str, Any]]:
    """Attributes in JSON."""
    listed = pairs.items() if isinstance(pairs, Mapping) else pairs
    return [{"key": key, "value": json_value(value)} for key, value in listed]


def json_value(value: object) -> dict[str, Any]:  # noqa: PLR0911 - one for each kind
    """A value in JSON."""
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            odd = {float("inf"): "Infinity", float("-inf"): "-Infinity"}
            return {"doubleValue": "NaN" if value != value else odd.get(value, value)}  # noqa: PLR0124 - NaN
        case str():
            return {"stringValue": value}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode()}
        case list():
            return {"arrayValue": {"values": [json_value(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": json_pairs(value)}}
    raise TypeError


def in_protobuf(path: str, groups: Sequence[tuple[Pairs, str, Sequence[Sent]]]) -> bytes:
    """The same request in protobuf."""
    request: Any = ExportLogsServiceRequest() if path == LOGS else ExportTraceServiceRequest()
    for resource, scope, items in groups:
        outer = (request.resource_logs if path == LOGS else request.resource_spans).add()
        outer.resource.attributes.extend(proto_pairs(resource))
        middle = (outer.scope_logs if path == LOGS else outer.scope_spans).add()
        middle.scope.name = scope
        records = middle.log_records if path == LOGS else middle.spans
        records.extend(_item_in_protobuf(item, LogRecord() if path == LOGS else Span()) for item in items)
    return request.SerializeToString()


def _item_in_protobuf(item: Sent, empty: Message) -> Message:
    made: Any = empty
    made.attributes.extend(proto_pairs(item.attributes))
    if item.body is not None:
        made.body.CopyFrom(proto_value(item.body))
    for name, pairs in item.events:
        made.events.add(name=name).attributes.extend(proto_pairs(pairs))
    for name, value in item.more.items():
        if name == "status":
            made.status.code, made.status.message = value.get("code", 0), value.get("message", "")
        elif name == "links":
            for link in value:
                made.links.add(trace_id=bytes.fromhex(link["traceId"]), span_id=bytes.fromhex(link["spanId"]))
        else:
            setattr(made, name, bytes.fromhex(value) if name.endswith("_id") else value)
    return made


def proto_pairs(pairs: Pairs) -> list[KeyValue]:
    """Attributes in protobuf."""
    listed = pairs.items() if isinstance(pairs, Mapping) else pairs
    return [KeyValue(key=key, value=proto_value(value)) for key, value in listed]


def proto_value(value: object) -> AnyValue:  # noqa: PLR0911 - one for each kind
    """A value in protobuf."""
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            made = AnyValue()
            made.array_value.SetInParent()
            made.array_value.values.extend(proto_value(item) for item in value)
            return made
        case dict():
            made = AnyValue()
            made.kvlist_value.SetInParent()
            made.kvlist_value.values.extend(proto_pairs(value))
            return made
    raise TypeError
