"""OTLP made to break the writer: the largest, the deepest, the most, the malformed; and secrets in every place."""

import gzip
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.masking import Masker
from log_writer.config import Agent, Config, Limits
from log_writer.intake.otlp import logs_too_heavy, spans_too_heavy
from log_writer.reply import Response
from log_writer.service import Writer
from tests.unit.log_writer.harness import NOW, PLANTED, MemoryStore
from tests.unit.log_writer.otlp import (
    JSON,
    LOGS,
    PROTOBUF,
    SPAN,
    SPANS,
    START,
    TRACE,
    Sent,
    export,
    in_json,
    in_protobuf,
    log,
    post,
    span,
)
from tests.unit.log_writer.test_otlp_encodings import TOKENS

SIZE = 6_000_000
ROOT = Path(__file__).parents[2]
MASKER = Masker()
CONFIG = Config(bucket="log", region="eu-central-1", agents=(Agent(name="a", tokens=TOKENS),))
OK = {200, 400, 413}
BOTH = pytest.mark.parametrize("encoding", [JSON, PROTOBUF])


def writer(store: MemoryStore | None = None, *, events: int = 10_000) -> Writer:
    """A writer with one agent, and its usual limits."""
    config = Config(bucket="log", region="eu-central-1", agents=CONFIG.agents, limits=Limits(events=events))
    return Writer(config, store=store or MemoryStore(), masker=MASKER, now=lambda: NOW)


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    encoded = bytearray()
    while number > 127:
        encoded.append(number % 128 + 128)
        number //= 128
    return bytes([*encoded, number])


def nested(*fields: int, content: bytes) -> bytes:
    """`content` in messages inside one another, each in the given field of the one around it."""
    for number in reversed(fields):
        content = varint(number << 3 | 2) + varint(len(content)) + content
    return content


def array(depth: int) -> bytes:
    """A value of lists inside one another."""
    value = b""
    for _ in range(depth):
        value = nested(5, 1, content=value)
    return value


# The limit of protobuf's own can be lifted, and here it is: Pulumi's SDK is imported by other tests.
# One record's worth of each; field numbers: 1.2.2 leads to a log record, 6 to its attributes, 2 to a value.
PROTOBUFS: dict[str, Callable[[], bytes]] = {
    "empty resources": lambda: b"\x0a\x00" * (SIZE // 2),
    "empty scopes": lambda: nested(1, content=b"\x12\x00" * (SIZE // 2)),
    "empty records": lambda: nested(1, 2, content=b"\x12\x00" * (SIZE // 2)),
    "empty attributes": lambda: nested(1, 2, 2, content=b"\x32\x00" * (SIZE // 2)),
    "attributes of one letter": lambda: nested(1, 2, 2, content=b"\x32\x03\x0a\x01a" * (SIZE // 5)),
    "attributes of a resource": lambda: nested(1, 1, content=b"\x0a\x00" * (SIZE // 2)),
    "attributes of a scope": lambda: nested(1, 2, 1, content=b"\x1a\x00" * (SIZE // 2)),
    "values of a list": lambda: nested(1, 2, 2, 6, 2, 5, content=b"\x0a\x00" * (SIZE // 2)),
    "members of a map": lambda: nested(1, 2, 2, 6, 2, 6, content=b"\x0a\x00" * (SIZE // 2)),
    "values of a body": lambda: nested(1, 2, 2, 5, 5, content=b"\x0a\x00" * (SIZE // 2)),
    "a deep value": lambda: nested(1, 2, 2, 6, 2, content=array(20_000)),
    "many deep values": lambda: nested(1, 2, content=nested(2, 6, 2, content=array(48)) * 20_000),
    "a long varint": lambda: b"\x0a" + b"\xff" * SIZE,
    "unknown fields": lambda: nested(1, 2, 2, content=b"\xf8\x06\x01" * (SIZE // 3)),
    "groups": lambda: b"\x0b" * SIZE,
    "one long text": lambda: nested(1, 2, 2, 6, content=nested(1, content=b"k") + nested(2, 1, content=b"x" * SIZE)),
    "a shared resource": lambda: nested(
        1,
        content=nested(1, 1, content=nested(1, content=b"k") + nested(2, 1, content=b"x" * 10_000))
        + nested(2, content=b"\x12\x00" * 9_999),
    ),
    "a large resource of many scopes": lambda: nested(
        1, content=nested(1, content=b"\x0a\x03\x0a\x01a" * 40_000) + b"\x12\x02\x12\x00" * 9_999
    ),
}  # fmt: skip


@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", [LOGS, SPANS])
@pytest.mark.parametrize("name", PROTOBUFS)
def test_hostile_protobuf_ends(name: str, path: str) -> None:
    """Whatever fills a request, it is answered within some seconds, and never with a failure of ours."""
    body = PROTOBUFS[name]()
    started = time.monotonic()
    assert post(writer(), path, body, encoding=PROTOBUF).status in OK
    assert time.monotonic() - started < 20


def filled(unit: str, before: str, after: str, *, most: int = SIZE) -> bytes:
    """As many of `unit`, with commas between, as the largest request holds; at most `most`."""
    count = min(most, (SIZE - len(before + after)) // (len(unit) + 1))
    return (before + ",".join([unit] * count) + after).encode()


TO_RECORD = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{'
FROM_RECORD = "}]}]}]}"
TO_VALUES = TO_RECORD + '"attributes":[{"key":"a","value":{"arrayValue":{"values":['
FROM_VALUES = "]}}}]" + FROM_RECORD
SHARED = json.dumps({"key": "k", "value": {"stringValue": "x" * 10_000}})


def one(value: str) -> bytes:
    """A request with one value."""
    return (TO_VALUES + value + FROM_VALUES).encode()


def shared(count: int) -> bytes:
    """So many records of one large resource."""
    resource = '{"resourceLogs":[{"resource":{"attributes":[' + SHARED + ']},"scopeLogs":[{"logRecords":['
    return (resource + ",".join(["{}"] * count) + FROM_RECORD[1:]).encode()


JSONS: dict[str, Callable[[], bytes]] = {
    "empty resources": lambda: filled("{}", '{"resourceLogs":[', "]}"),
    "empty records": lambda: filled("{}", TO_RECORD[:-1], FROM_RECORD[1:]),
    "empty attributes": lambda: filled("{}", TO_RECORD + '"attributes":[', "]" + FROM_RECORD),
    "attributes of one letter": lambda: filled('{"key":"a"}', TO_RECORD + '"attributes":[', "]" + FROM_RECORD),
    "empty values": lambda: filled("{}", TO_VALUES, FROM_VALUES),
    "numbers as texts": lambda: filled('{"intValue":"9"}', TO_VALUES, FROM_VALUES),
    "a deep value": lambda: one('{"arrayValue":{"values":[' * 200 + "]}}" * 200),
    "a deeper value": lambda: one("[" * 500 + "]" * 500),
    "brackets": lambda: b"[" * SIZE,
    "halves of characters": lambda: filled('{"stringValue":"\\ud800"}', TO_VALUES, FROM_VALUES),
    "halves in no JSON": lambda: b'{"a":"' + b"\\ud800" * (SIZE // 6),
    "a long number": lambda: one('{"intValue":"' + "9" * SIZE + '"}'),
    "a longer number": lambda: one('{"intValue":' + "9" * SIZE + "}"),
    "escaped colons": lambda: filled('{"stringValue":"\\u003a"}', TO_VALUES, FROM_VALUES),
    "a shared resource": lambda: shared(9_999),
    "a large resource of many scopes": lambda: filled(
        '{"logRecords":[{}]}',
        '{"resourceLogs":[{"resource":{"attributes":[' + ",".join(['{"key":"a"}'] * 20_000) + ']},"scopeLogs":[',
        "]}]}",
        most=9_999,
    ),
    "a bomb": lambda: gzip.compress(bytes(100_000_000), 9),
}  # fmt: skip


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", JSONS)
def test_hostile_json_ends(name: str) -> None:
    """The same in JSON."""
    body = JSONS[name]()
    started = time.monotonic()
    assert post(writer(), LOGS, body).status in OK
    assert time.monotonic() - started < 20


PEAK = """
import re, sys
from pathlib import Path
from tests.adversarial.test_otlp_hostile import PROTOBUFS, JSONS, PROTOBUF, JSON, LOGS, post, writer, export, log

def memory(name):
    return 1024 * int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

kind, name = sys.argv[1:]
encoding, body = (PROTOBUF, PROTOBUFS[name]()) if kind == "protobuf" else (JSON, JSONS[name]())
to = writer()
export(to, LOGS, log(), encoding=encoding)
Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS")
post(to, LOGS, body, encoding=encoding)
print((memory("VmHWM") - before) // 1_000_000)
"""


@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(
            ("protobuf", name)
            for name in ("empty records", "empty attributes", "values of a list", "a shared resource")
        ),
        *(("json", name) for name in ("empty attributes", "empty values", "halves of characters", "a shared resource")),
    ],
)
def test_memory_is_bounded(kind: str, name: str) -> None:
    """Millions of tiny messages take no more than the function has: a third of its gigabyte, at most."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, kind, name], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert int(done.stdout) < 340


def test_weighing_counts_what_the_limit_counts() -> None:
    """A small record weighs as one message, four values; in a large one every message counts, and every field."""
    small = nested(1, 2, 2, content=b"\x32\x00" * 1000)
    large = nested(1, 2, 2, content=b"\x32\x00" * 20_000)
    for weigh in (logs_too_heavy, spans_too_heavy):
        assert not weigh(small, 4 * 3)
        assert weigh(small, 4 * 3 - 1)
    assert not logs_too_heavy(large, 4 * 20_003)
    assert logs_too_heavy(large, 4 * 20_003 - 1)
    assert not spans_too_heavy(large, 4 * 3 + 20_000)  # no messages there, as spans have none in that field
    assert spans_too_heavy(large, 4 * 3 + 20_000 - 1)


MUTATIONS = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "insert", "double"]), st.integers(0, 10_000), st.binary(max_size=6)),
    max_size=6,
)


def mutated(body: bytes, mutations: list[tuple[str, int, bytes]]) -> bytes:
    """`body` after some accidents."""
    for kind, where, what in mutations:
        place = where % (len(body) + 1)
        if kind == "flip" and body:
            place %= len(body)
            body = body[:place] + bytes([body[place] ^ (1 << where % 8)]) + body[place + 1 :]
        elif kind == "cut":
            body = body[:place] + body[place + len(what) :]
        elif kind == "insert":
            body = body[:place] + what + body[place:]
        elif kind == "double":
            body = body[:place] + body[place // 2 :]
    return body


RICH = {
    LOGS: log(
        {"event.name": "api_request", "body": {"a": [1, 2.5, None, b"x"]}, "input_tokens": 7},
        body="claude_code.api_request", trace_id=TRACE, span_id=SPAN, severity_number=9, severity_text="INFO",
    ),
    SPANS: span(
        {"gen_ai.request.model": "m", "gen_ai.input.messages": [{"role": "user"}], "url.full": "https://h/p?q"},
        events=[("exception", {"exception.type": "E"})], status={"code": 2, "message": "m"},
        links=[{"traceId": TRACE, "spanId": SPAN}],
    ),
}  # fmt: skip


@BOTH
@given(path=st.sampled_from([LOGS, SPANS]), mutations=MUTATIONS)
def test_accidents_are_answered(encoding: str, path: str, mutations: list[tuple[str, int, bytes]]) -> None:
    """Requests that were damaged on the way are stored, refused in part or as a whole: nothing else happens."""
    encode = in_json if encoding == JSON else in_protobuf
    body = encode(path, [({"service.name": "shop"}, "com.anthropic.claude_code.events", [RICH[path], RICH[path]])])
    store = MemoryStore()
    assert post(writer(store), path, mutated(body, mutations), encoding=encoding).status in OK
    assert store.records is not None  # each checked against the schema


@given(path=st.sampled_from([LOGS, SPANS]), encoding=st.sampled_from([JSON, PROTOBUF]), body=st.binary(max_size=200))
def test_noise_is_answered(path: str, encoding: str, body: bytes) -> None:
    """Any bytes at all."""
    assert post(writer(), path, body, encoding=encoding).status in OK


ODD_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from([
            "resourceLogs", "scopeLogs", "logRecords", "resource", "scope", "attributes", "key", "value", "body",
            "stringValue", "intValue", "kvlistValue", "arrayValue", "values", "timeUnixNano", "traceId", "name",
        ]),
        inner,
        max_size=4,
    ),
    max_leaves=25,
)  # fmt: skip


@given(body=ODD_JSON)
def test_wrong_types_everywhere_are_answered(body: object) -> None:
    """OTLP's own names with anything in the place of anything."""
    assert post(writer(), LOGS, json.dumps(body).encode()).status in OK


PLACES: dict[str, tuple[str, Sent, dict[str, str], str]] = {
    "attribute": (LOGS, log({"note": f"see {PLANTED}"}), {}, ""),
    "attribute of a known name": (SPANS, span({"gen_ai.operation.name": PLANTED, "error.type": PLANTED}), {}, ""),
    "attribute name": (LOGS, log({PLANTED: 1}), {}, ""),
    "nested": (SPANS, span({"a": {"b": [{"c": PLANTED}]}}), {}, ""),
    "bytes": (LOGS, log({"a": PLANTED.encode()}), {}, ""),
    "body": (LOGS, log(body=f"token {PLANTED}"), {}, ""),
    "structured body": (LOGS, log(body={"password": PLANTED}), {}, ""),
    "event name": (LOGS, log(event_name=PLANTED), {}, ""),
    "severity": (LOGS, log(severity_text=PLANTED), {}, ""),
    "span name": (SPANS, span(name=f"GET /?key={PLANTED}"), {}, ""),
    "status message": (SPANS, span(status={"code": 2, "message": f"refused {PLANTED}"}), {}, ""),
    "span event": (SPANS, span(events=[(f"retry {PLANTED}", {"exception.message": PLANTED})]), {}, ""),
    "exception": (SPANS, span(events=[("exception", {"exception.type": PLANTED})]), {}, ""),
    "url": (SPANS, span({"url.full": f"https://u:{PLANTED}@api.example.com/v1/{PLANTED}?k={PLANTED}"}), {}, ""),
    "target": (SPANS, span({"server.address": "h", "http.target": f"/x?key={PLANTED}", "url.query": PLANTED}), {}, ""),
    "header": (SPANS, span({"http.request.header.x-custom": [PLANTED], "rpc.request.metadata.k": [PLANTED]}), {}, ""),
    "header name": (SPANS, span({f"http.request.header.{PLANTED}": ["x"]}), {}, ""),
    "messages": (SPANS, span({"gen_ai.input.messages": [{"content": PLANTED}]}), {}, ""),
    "tool arguments": (SPANS, span({"gen_ai.tool.call.arguments": json.dumps({"key": PLANTED})}), {}, ""),
    "user": (LOGS, log({"user.id": PLANTED, "user.email": "somebody@example.com"}), {}, ""),
    "model": (LOGS, log({"gen_ai.request.model": PLANTED, "gen_ai.response.model": PLANTED + "x"}), {}, ""),
    "resource": (LOGS, log(), {"service.name": PLANTED, "x": PLANTED}, ""),
    "scope": (LOGS, log(), {}, PLANTED),
    "too many": (LOGS, log({f"a{n}": PLANTED for n in range(300)}), {}, ""),
    "claude's prompt": (LOGS, log({"prompt": PLANTED, "prompt_text": PLANTED}, body="claude_code.user_prompt"), {}, ""),
    "claude's error": (LOGS, log({"error": f"key {PLANTED}"}, body="claude_code.api_error"), {}, ""),
    "claude's parameters": (
        LOGS,
        log({"tool_parameters": json.dumps({"full_command": PLANTED, "mcp_server_name": PLANTED})},
            body="claude_code.tool_result"),
        {},
        "",
    ),
    "claude's odd values": (LOGS, log({"prompt": [PLANTED], "response": {"a": PLANTED}, "body": [PLANTED],
                                       "tool_input": {"a": PLANTED}}, body="claude_code.x"), {}, ""),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("place", PLACES)
def test_no_secret_is_stored(place: str, encoding: str) -> None:
    """Wherever it stands in a request: it is not in what is stored, answered or logged, nor its plain digest."""
    path, item, resource, scope = PLACES[place]
    store = MemoryStore()
    response = export(writer(store), path, item, encoding=encoding, resource=resource, scope=scope)
    assert response.status == 200
    assert store.records
    assert PLANTED not in shown(store, response)


def shown(store: MemoryStore, response: Response) -> str:
    """All that remains of a request."""
    return "\n".join([
        *(line.decode() for line in store.lines), *store.objects, repr(store.headers), repr(response),
    ])  # fmt: skip


def test_the_operational_summary_holds_counts_alone() -> None:
    """Refused items are told by field and reason, never by what they were."""
    bad = span({"k": [[[[[[[[[[[[[[[[[[[[[[[[[PLANTED]]]]]]]]]]]]]]]]]]]]]]]]]})
    response = export(writer(), SPANS, bad, span(trace_id=""), span())
    reasons = response.summary["reasons"]
    assert isinstance(reasons, dict)
    assert all(re.fullmatch(r"[A-Za-z]*: [a-zA-Z0-9 ,]+", reason) for reason in reasons)
    assert (response.summary["events"], response.summary["refused"]) == (3, 2)
    assert str(START) not in repr(response.summary)
