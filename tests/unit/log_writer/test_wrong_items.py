"""An item that is wrong is refused alone, or stored without what is wrong in it: every intake, every kind of wrong."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from log_writer.reply import Response
from log_writer.service import Request, Writer
from tests.unit.log_writer.harness import TOKEN, MemoryStore
from tests.unit.log_writer.otlp import JSON, LOGS, PROTOBUF, SPAN, SPANS, START, TRACE, in_protobuf, log, span

GOOD = ("u_before", "u_after")

Join = Callable[[list[bytes]], bytes]


def _array(items: list[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"


def _resources(outer: str, middle: str, inner: str) -> Join:
    def join(items: list[bytes]) -> bytes:
        resource = b'{"resource":{"attributes":[]},"%b":[{"scope":{},"%b":[%%b]}]}' % (middle.encode(), inner.encode())
        return b'{"%b":[%b]}' % (outer.encode(), b",".join(resource % item for item in items))

    return join


def _attribute(key: str, value: str) -> str:
    return f'{{"key":"{key}","value":{value}}}'


def _otlp(rest: str, *places: str) -> tuple[str, tuple[str, ...]]:
    user = _attribute("user.id", '{"stringValue":"USER"}')
    good = '{"attributes":[' + user + "]" + rest + "}"
    texts = ("stringValue", "intValue", "doubleValue", "boolValue", "bytesValue", "arrayValue", "kvlistValue")
    values = ["WRONG", *(f'{{"{kind}":WRONG}}' for kind in texts), '{"arrayValue":{"values":[WRONG]}}']
    values += ['{"arrayValue":{"values":[{"stringValue":WRONG}]}}', '{"kvlistValue":{"values":[WRONG]}}']
    values += ['{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":WRONG}}]}}']
    attributes = ['{"attributes":[' + _attribute("k", value) + "]" + rest + "}" for value in values]
    known = ['{"attributes":[' + _attribute(key, '{"stringValue":WRONG}') + "]" + rest + "}" for key in _OTLP_KEYS]
    lists = ['{"attributes":WRONG' + rest + "}", '{"attributes":[WRONG]' + rest + "}"]
    keys = ['{"attributes":[{"key":WRONG,"value":{"stringValue":"x"}}]' + rest + "}"]
    fields = [f'{{"attributes":[],"{place}":WRONG{rest}}}' for place in places]
    return good, (*attributes, *known, *lists, *keys, *fields)


_OTLP_KEYS = (
    "url.full", "server.address", "http.request.method", "http.response.status_code", "gen_ai.request.model",
    "gen_ai.usage.input_tokens", "gen_ai.input.messages", "gen_ai.output.messages", "session.id", "error.type",
)  # fmt: skip
_NATIVE = '{"timestamp":"2026-06-30T12:34:56Z","user_id":"USER","status":200'
_LITELLM = '{"id":"x","startTime":1782822896.5,"endTime":1782822897.5,"status":"success","end_user":"USER"'
_SPAN = '{"object":"trace.span","id":"span_1","trace_id":"trace_1","started_at":"2026-06-30T12:34:56Z"'
_LOGS, _LOG_PLACES = _otlp(
    f',"timeUnixNano":"{START}"', "body", "observedTimeUnixNano", "severityNumber", "traceId", "unknown"
)
_SPANS, _SPAN_PLACES = _otlp(
    f',"traceId":"{TRACE}","spanId":"{SPAN}","startTimeUnixNano":"{START}"',
    "name", "kind", "status", "events", "links", "endTimeUnixNano", "parentSpanId", "unknown",
)  # fmt: skip
FIELDS = (
    "timestamp", "agent_id", "user_id", "endpoint", "method", "status", "request_hash", "outcome", "correlation_id",
    "session_id", "agent_name", "trace_id", "request_bytes", "request_mime", "envelope", "stream", "duration_ms",
    "model", "tokens", "attributes", "request", "response", "request_base64", "response_chunks", "unknown",
)  # fmt: skip
LITELLM_MEMBERS = (
    "id", "trace_id", "call_type", "stream", "response_cost", "status", "status_fields", "startTime", "endTime",
    "completionStartTime", "model", "api_base", "metadata", "cache_hit", "request_tags", "end_user", "messages",
    "response", "error_str", "error_information", "model_parameters", "hidden_params", "guardrail_information", "usage",
    "prompt_tokens", "unknown",
)  # fmt: skip
SPAN_MEMBERS = ("object", "id", "trace_id", "parent_id", "started_at", "ended_at", "error", "metadata", "group_id", "x")
DATA_MEMBERS = ("type", "name", "input", "output", "model", "usage", "model_config", "response_id", "tools", "mcp_data")


@dataclass(frozen=True, kw_only=True)
class Intake:
    """How items become a body, a good item, and items with a place for what is wrong."""

    path: str
    join: Join
    good: str
    places: tuple[str, ...]
    alone: bool = False


def _intakes(path: str, good: str, places: tuple[str, ...], **joins: Join) -> dict[str, Intake]:
    return {
        f"{path} {name}": Intake(path=path, join=join, good=good, places=places, alone=name == "single")
        for name, join in joins.items()
    }


def _single(items: list[bytes]) -> bytes:
    return items[1]


INTAKES: dict[str, Intake] = {
    **_intakes(
        "/v1/events",
        _NATIVE + "}",
        (
            *(f'{{"user_id":"x","{field}":WRONG}}' for field in FIELDS if field != "user_id"),
            *('{"status":200,"user_id":WRONG}', '{"status":200,"request":{"a":[WRONG]}}', "WRONG"),
            *('{"status":200,"attributes":{"tool":WRONG}}', '{"status":200,"attributes":{"x":WRONG}}'),
        ),
        array=_array,
        lines=b"\n".join,
        single=_single,
    ),
    **_intakes(
        "/v1/litellm",
        _LITELLM + "}",
        (
            *(f'{{"id":"y","{name}":WRONG}}' for name in LITELLM_MEMBERS if name != "id"),
            *('{"id":WRONG}', '{"id":"y","messages":[{"role":"user","content":WRONG}]}', "WRONG"),
            '{"id":"y","metadata":{"usage_object":WRONG,"requester_metadata":WRONG}}',
            '{"id":"y","error_information":{"error_code":WRONG,"error_class":WRONG},"status":"failure"}',
        ),
        array=_array,
        lines=b"\n".join,
        single=_single,
    ),
    **_intakes(
        "/v1/traces/ingest",
        _SPAN + ',"metadata":{"user_id":"USER"},"span_data":{"type":"function"}}',
        (
            *(f'{{"span_data":{{"type":"generation"}},"{name}":WRONG}}' for name in SPAN_MEMBERS),
            *(f'{_SPAN},"span_data":{{"{name}":WRONG}}}}' for name in DATA_MEMBERS),
            *(_SPAN + ',"span_data":WRONG}', _SPAN + ',"error":{"message":"x","data":WRONG}}', "WRONG"),
        ),
        data=lambda items: b'{"object":1,"data":' + _array(items) + b',"more":[1]}',
        array=_array,
        single=lambda items: b'{"data":[' + items[1] + b"]}",
    ),
    **_intakes("/v1/logs", _LOGS, (*_LOG_PLACES, "WRONG"), json=_resources("resourceLogs", "scopeLogs", "logRecords")),
    **_intakes("/v1/traces", _SPANS, (*_SPAN_PLACES, "WRONG"), json=_resources("resourceSpans", "scopeSpans", "spans")),
}
QUICK_DEPTHS = (24, 25, 128, 129, 252, 254, 1024, 5000)
DEPTHS = (20, 24, 25, 40, 127, 128, 129, 130, 200, 249, 250, 251, 252, 253, 254, 255, 500, 980, 1023, 1024, 1025, 5000)
WRONG: dict[str, bytes] = {
    **{f"{depth} lists": b"[" * depth + b"]" * depth for depth in DEPTHS},
    **{f"{depth} objects": b'{"a":' * depth + b"1" + b"}" * depth for depth in DEPTHS},
    "a key twice": b'{"a":1,"a":2}',
    "a key twice, deep": b'[[[{"b":[{"a":1,"c":2,"\\u0061":2}]}]]]',
    "half a character, escaped": b'"x\\ud800"',
    "half a character, escaped, as a key": b'{"\\udfff":1}',
    "half a character, raw": b'"\xed\xa0\x80"',
    "half a character, raw, as a key": b'{"\xed\xbf\xbf":1}',
    "two halves the wrong way round": b'["\\udc00\\ud800"]',
    "invalid UTF-8": b'"\xff"',
    "invalid UTF-8 as a key": b'{"\xc3(":1}',
    "overlong UTF-8": b'"\xc0\xaf"',
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "-Infinity in a list": b"[-Infinity]",
    "1e400": b"1e400",
    "-1e400 in an object": b'{"a":-1e400}',
    "a number of 400 digits": b"9" * 400,
    "a number of 5,000 digits": b"-" + b"9" * 5000,
    "minus zero": b"-0",
    "minus zero as a double": b"-0.0",
    "a tiny double": b"5e-324",
    "2^53 + 1": b"9007199254740993",
    "2^64": b"18446744073709551616",
    "null": b"null",
    "true": b"true",
    "zero": b"0",
    "a fraction": b"0.5",
    "a text": b'"x"',
    "an empty text": b'""',
    "an empty list": b"[]",
    "an empty object": b"{}",
    "a list of nothing": b"[null,[],{}]",
    "an empty key": b'{"":1}',
    "10,000 keys": json.dumps({f"k{number}": number for number in range(10_000)}).encode(),
    "10,000 texts": json.dumps(["x"] * 10_000).encode(),
    "a text of 300 KB": b'"' + b"x " * 150_000 + b'"',
    "a key of 300 KB": b'{"' + b"x" * 300_000 + b'":1}',
    "NUL": b'"a\\u0000b"',
    "NUL as a key": b'{"\\u0000":1}',
    "control characters": b'"\\u0001\\u001b[2J\\u007f\\u0085\\u2028\\u202e"',
    "a raw control character": b'"a\x01b"',
    "a raw tab": b'"a\tb"',
    "brackets and quotes in a text": b'"]}[{\\"\\\\,:"',
    "JSON in a text": json.dumps(json.dumps({"a": [1, {"b": "\ud800"}]})).encode(),
    "a mark of ours": b'{"\\u0000twice":1}',
    "a digest that is none": b'{"$digest":{"digest":1,"bytes":-1,"mime":[]}}',
    "a trailing comma": b"[1,]",
    "no value": b'{"a":}',
    "no colon": b'{"a"}',
    "no key": b"{1:2}",
    "single quotes": b"'x'",
    "a word": b"nul",
    "a leading zero": b"007",
    "a comment": b"/* x */1",
    "an escape that is none": b'"\\x41"',
    "brackets that do not fit": b"[1}",
}

FURTHER_DEPTHS = {f"{depth} {kind}" for depth in {*DEPTHS}.difference(QUICK_DEPTHS) for kind in ("lists", "objects")}
EACH_WRONG = [pytest.param(name, marks=[pytest.mark.long] if name in FURTHER_DEPTHS else []) for name in WRONG]


def _post(writer: Writer, path: str, body: bytes, content_type: str = JSON) -> Response:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": content_type}
    return writer.handle(Request(method="POST", path=path, headers=headers, body=body, deadline=time.monotonic() + 60))


def _check_neighbours(store: MemoryStore, response: Response, users: tuple[str, ...] = GOOD) -> None:
    """The good items are stored, and the wrong one is stored too or refused with a reason."""
    assert response.status in {200, 207}
    records = store.records  # each checked against the schema
    assert set(users) <= {record["user_id"] for record in records}
    summary: dict[str, Any] = response.summary
    assert (summary["events"], len(records) + summary["refused"]) == (len(users) + 1, len(users) + 1)
    assert "faults" not in summary
    if response.status == 207:
        (refused,) = json.loads(response.body)["refused"]
        assert refused["index"] == 1
        assert refused["reason"]


@pytest.mark.parametrize("wrong", EACH_WRONG)
@pytest.mark.parametrize("name", INTAKES)
def test_a_wrong_item_costs_itself_alone(writer: Writer, store: MemoryStore, name: str, wrong: str) -> None:
    """Wherever it stands in an item: the items before and behind are stored; nothing is answered with a failure."""
    intake = INTAKES[name]
    before, after = (intake.good.replace("USER", user).encode() for user in GOOD)
    for place in intake.places:
        store.objects.clear()
        item = place.encode().replace(b"WRONG", WRONG[wrong])
        response = _post(writer, intake.path, intake.join([before, item, after]))
        if intake.alone:
            assert response.status in {200, 207, 400, 403, 422}, place
            assert "faults" not in response.summary, place
        else:
            _check_neighbours(store, response)


def _nested(*fields: int, content: bytes = b"") -> bytes:
    """`content` in messages inside one another, each in the given field of the one around it."""
    for number in reversed(fields):
        content = _varint(number << 3 | 2) + _varint(len(content)) + content
    return content


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number % 128 + 128)
        number //= 128
    return bytes([*encoded, number])


def _value(content: bytes) -> bytes:
    """An attribute with the encoded value."""
    return _nested(1, content=b"k") + _nested(2, content=content)


def _deep(depth: int, field: int) -> bytes:
    value = b""
    for _ in range(depth):
        value = _nested(field, 1, content=value) if field == 5 else _nested(6, 1, 2, content=value)
    return value


PROTO_DEPTHS = (20, 23, 24, 25, 33, 34, 50, 99, 100, 101, 500, 3000)
PROTO_ATTRIBUTES: dict[str, bytes] = {
    **{f"{depth} lists": _value(_deep(depth, 5)) for depth in PROTO_DEPTHS},
    **{f"{depth} maps": _value(_deep(depth, 6)) for depth in PROTO_DEPTHS},
    "a map with a key twice": _value(_nested(6, content=_nested(1, 1, content=b"a") * 2)),
    "an attribute twice": _nested(1, content=b"user.email"),
    "text that is not UTF-8": _value(_nested(1, content=b"\xff\xfe")),
    "half a character": _value(_nested(1, content=b"\xed\xa0\x80")),
    "a key that is not UTF-8": _nested(1, content=b"\xc3("),
    "a key of a map that is not UTF-8": _value(_nested(6, 1, 1, content=b"\xff")),
    "NUL": _value(_nested(1, content=b"a\0b")),
    "an empty key": _nested(1, content=b"") + _nested(2, 1, content=b"x"),
    "control characters": _value(_nested(1, content="\x01\x1b[2J\x85\u2028".encode())),
    "NaN": _value(b"\x21" + bytes.fromhex("000000000000f87f")),
    "Infinity": _value(b"\x21" + bytes.fromhex("000000000000f07f")),
    "a long integer": _value(b"\x18" + b"\xff" * 9 + b"\x01"),
    "a longer integer": _value(b"\x18" + b"\xff" * 20),
    "a text of 300 KB": _value(_nested(1, content=b"x " * 150_000)),
    "a key of 300 KB": _nested(1, content=b"x" * 300_000),
    "10,000 attributes in a map": _value(
        _nested(6, content=b"".join(_nested(1, 1, content=b"%d" % number) for number in range(10_000)))
    ),
    "a group": b"\x0b",
    "cut off": b"\x0a\x7f",
    "field 0": b"\x02\x00",
    "bytes": _value(_nested(7, content=b"\xff\0")),
    "two values": _value(_nested(1, content=b"a") + b"\x18\x01"),
    "nothing": b"",
}
PROTO_ITEMS: dict[str, bytes] = {
    "an empty item": b"",
    "noise": b"\xff\xff\xff",
    "a text": b"hello, protobuf",
    "a trace id of 3 bytes": _nested(9, content=b"abc"),
    "a span id of 3 bytes": _nested(2, content=b"abc") + _nested(10, content=b"abc"),
    "a time beyond 64 bits": b"\x09" + b"\xff" * 8 + b"\x59" + b"\xff" * 8,
    "a negative enumeration": b"\x10" + b"\xff" * 9 + b"\x01" + b"\x30" + b"\xff" * 9 + b"\x01",
}


@pytest.mark.parametrize("path", [LOGS, SPANS])
@pytest.mark.parametrize("where", ["item", "attribute", "resource", "scope"])
@pytest.mark.parametrize("wrong", [*PROTO_ATTRIBUTES, *PROTO_ITEMS])
def test_a_wrong_message_costs_itself_alone(
    writer: Writer, store: MemoryStore, path: str, where: str, wrong: str
) -> None:
    """The same of OTLP in protobuf, where a resource or a scope costs its own items, and no other's."""
    make = log if path == LOGS else span
    good = [in_protobuf(path, [((), "", [make({"user.id": user})])]) for user in GOOD]
    content = PROTO_ATTRIBUTES.get(wrong, PROTO_ITEMS.get(wrong, b""))
    attributes = 6 if path == LOGS else 9
    body = {
        "item": _nested(1, 2, 2, content=content),
        "attribute": _nested(1, 2, 2, attributes, content=content),
        "resource": _nested(1, content=_nested(1, 1, content=content) + _nested(2, 2)),
        "scope": _nested(1, 2, content=_nested(1, 3, content=content) + _nested(2)),
    }[where]
    _check_neighbours(store, _post(writer, path, good[0] + body + good[1], PROTOBUF))


@pytest.mark.parametrize("place", ["resource", "scope", "resources", "scopes", "items"])
@pytest.mark.parametrize("wrong", EACH_WRONG)
def test_what_is_wrong_around_items_costs_no_others(writer: Writer, store: MemoryStore, place: str, wrong: str) -> None:
    """A resource or a scope of OTLP in JSON that is wrong: the items of the others are stored."""
    texts = {
        "resource": '{"resource":{"attributes":[{"key":"k","value":{"stringValue":WRONG}}]},'
        '"scopeLogs":[{"logRecords":[ITEM]}]}',
        "scope": '{"scopeLogs":[{"scope":{"name":WRONG,"attributes":WRONG},"logRecords":[ITEM]}]}',
        "resources": "WRONG",
        "scopes": '{"scopeLogs":[WRONG]}',
        "items": '{"scopeLogs":[{"logRecords":[ITEM],"unknown":WRONG}]}',
    }
    good = ['{"scopeLogs":[{"logRecords":[' + _LOGS.replace("USER", user) + "]}]}" for user in GOOD]
    body = '{"resourceLogs":[' + ",".join([good[0], texts[place].replace("ITEM", _LOGS), good[1]]) + "]}"
    response = _post(writer, LOGS, body.encode().replace(b"WRONG", WRONG[wrong]))
    assert response.status == 200
    assert set(GOOD) <= {record["user_id"] for record in store.records}
    assert "faults" not in response.summary
