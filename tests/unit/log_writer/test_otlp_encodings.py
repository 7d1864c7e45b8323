"""OTLP's two encodings: the same request is the same records; and what each may look like."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.event import Event
from audit_core.masking import Masker
from log_writer.config import Agent, Config, Token
from log_writer.intake.decoded import Refusal
from log_writer.intake.otlp import (
    decode_logs_json,
    decode_logs_protobuf,
    decode_spans_json,
    decode_spans_protobuf,
)
from log_writer.service import Writer
from tests.unit.log_writer.harness import AGENT, NOW, TOKEN, MemoryStore
from tests.unit.log_writer.otlp import (
    JSON,
    LOGS,
    PARENT,
    PROTOBUF,
    SPAN,
    SPANS,
    STAMP,
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

TOKENS = (Token(sha256=hashlib.sha256(TOKEN.encode()).hexdigest()),)
CONFIG = Config(bucket="log", region="eu-central-1", agents=(Agent(name=AGENT, tokens=TOKENS),))
MASKER = Masker()
DECODERS = {
    (LOGS, JSON): decode_logs_json,
    (LOGS, PROTOBUF): decode_logs_protobuf,
    (SPANS, JSON): decode_spans_json,
    (SPANS, PROTOBUF): decode_spans_protobuf,
}
NAMES = st.sampled_from([
    "gen_ai.request.model", "gen_ai.response.model", "gen_ai.usage.input_tokens", "gen_ai.input.messages",
    "gen_ai.response.finish_reasons", "http.response.status_code", "url.full", "server.address", "server.port",
    "http.request.header.authorization", "session.id", "user.id", "event.name", "duration_ms", "error.type",
    "gen_ai.prompt.0.content", "service.name", "rpc.grpc.status_code", "gen_ai.request.stream", "body", "prompt",
    "tool_input", "success", "event.sequence",
]) | st.text(max_size=12)  # fmt: skip
VALUES: st.SearchStrategy[object] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.sampled_from(["claude_code.api_request", "[1, 2", '{"a": 1}', "true", "429", "<REDACTED>"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=8)
NANOS = st.sampled_from([0, 1, START, START + 7, 2**64 - 1]) | st.integers(0, 2**64 - 1)
TRACES = st.sampled_from(["", TRACE, "0" * 32, "00" * 15 + "01"])
SPAN_IDS = st.sampled_from(["", SPAN, "0" * 16, "ab"])
RECORDS = st.builds(
    Sent,
    attributes=PAIRS,
    body=VALUES,
    more=st.fixed_dictionaries(
        {
            "time_unix_nano": NANOS,
            "observed_time_unix_nano": NANOS,
            "severity_number": st.integers(0, 24),
            "severity_text": st.text(max_size=8),
            "event_name": st.sampled_from(["", "claude_code.tool_result", "gen_ai.user.message", "other"]),
            "trace_id": TRACES,
            "span_id": SPAN_IDS,
            "dropped_attributes_count": st.integers(0, 2**32 - 1),
        }
    ),
)
SPAN_ITEMS = st.builds(
    Sent,
    attributes=PAIRS,
    events=st.lists(st.tuples(st.sampled_from(["exception", "gen_ai.choice", "x"]), PAIRS), max_size=3),
    more=st.fixed_dictionaries(
        {
            "trace_id": TRACES,
            "span_id": SPAN_IDS,
            "parent_span_id": SPAN_IDS,
            "name": st.sampled_from(["chat", "claude_code.llm_request", ""]),
            "kind": st.integers(0, 7),
            "start_time_unix_nano": NANOS,
            "end_time_unix_nano": NANOS,
            "dropped_attributes_count": st.integers(0, 9),
            "status": st.fixed_dictionaries({"code": st.integers(0, 3), "message": st.text(max_size=9)}),
            "links": st.lists(st.just({"traceId": TRACE, "spanId": SPAN}), max_size=2),
        }
    ),
)


def decoded(path: str, encoding: str, body: bytes) -> tuple[list[Event | Refusal], bytes]:
    """What a body decodes to, and the digest of its content."""
    found = DECODERS[path, encoding](body, max_events=1000)
    return list(found.items), found.content_digest


@given(
    data=st.one_of(
        st.tuples(st.just(LOGS), st.lists(st.tuples(PAIRS, st.just("s"), st.lists(RECORDS, max_size=3)), max_size=2)),
        st.tuples(
            st.just(SPANS), st.lists(st.tuples(PAIRS, st.just("s"), st.lists(SPAN_ITEMS, max_size=3)), max_size=2)
        ),
    )
)
def test_both_encodings_are_the_same_events(data: tuple[str, list[Any]]) -> None:
    """Whatever is in a request: the same events in the same order, the same refusals, the same content."""
    path, groups = data
    one, two = in_json(path, groups), in_protobuf(path, groups)
    assert decoded(path, JSON, one) == decoded(path, PROTOBUF, two)


@given(pairs=PAIRS, resource=PAIRS, item=RECORDS, other=SPAN_ITEMS)
def test_both_encodings_are_stored_as_the_same_bytes(
    pairs: list[tuple[str, object]], resource: list[tuple[str, object]], item: Sent, other: Sent
) -> None:
    """Under the same key, so that a retry in another encoding finds itself."""
    for path, sent in ((LOGS, [log(pairs), item]), (SPANS, [span(pairs), other])):
        stores = {}
        for encoding in (JSON, PROTOBUF):
            store = stores[encoding] = MemoryStore()
            writer = Writer(CONFIG, store=store, masker=MASKER, now=lambda: NOW, random_bytes=lambda size: b"r" * size)
            assert export(writer, path, *sent, encoding=encoding, resource=resource).status == 200
        assert stores[JSON].objects == stores[PROTOBUF].objects
        assert stores[JSON].records


def raw(writer: Writer, store: MemoryStore, path: str, item: dict[str, Any]) -> Any:  # noqa: ANN401 - decoded JSON
    """The record of one item, as JSON has it; null when it was refused."""
    outer, middle, inner = (
        ("resourceLogs", "scopeLogs", "logRecords") if path == LOGS else ("resourceSpans", "scopeSpans", "spans")
    )
    before = set(store.objects)
    response = post(writer, path, json.dumps({outer: [{middle: [{inner: [item]}]}]}).encode())
    assert response.status == 200
    assert ("refused" in response.body.decode()) == (set(store.objects) == before)
    return store.records[-1] if set(store.objects) - before else None


BASE = {"traceId": TRACE, "spanId": SPAN, "startTimeUnixNano": str(START), "endTimeUnixNano": str(START + 1_000_000)}


@pytest.mark.parametrize(
    "odd",
    [
        {"startTimeUnixNano": START, "endTimeUnixNano": START + 1_000_000},
        {"traceId": TRACE.upper(), "spanId": SPAN.upper()},
        {"traceId": "W47/95gDgQPSabYzgT/GDA==", "spanId": "7uGbfsPBsXQ="},
        {"parentSpanId": ""},
        {"parentSpanId": "0000000000000000"},
        {"unknown": {"deep": [1]}, "flags": 257},
        {"kind": 0, "status": None, "attributes": None, "events": None},
        {"kind": "SPAN_KIND_UNSPECIFIED", "status": {"code": "STATUS_CODE_UNSET"}},
        {"kind": "nothing of the sort", "status": {"code": 77}},
    ],
)
def test_lenient_forms_are_the_same_record(writer: Writer, store: MemoryStore, odd: dict[str, Any]) -> None:
    """What exporters write in other ways, but mean the same."""
    plain = raw(writer, store, SPANS, BASE)
    again = MemoryStore()
    other = raw(Writer(CONFIG, store=again, masker=MASKER, now=lambda: NOW), again, SPANS, {**BASE, **odd})
    assert {**other, "record_id": ""} == {**plain, "record_id": ""}


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        ({"kind": 3}, "client"),
        ({"kind": "SPAN_KIND_CLIENT"}, "client"),
        ({"kind": "client"}, "client"),
        ({"kind": "4"}, "producer"),
        ({"kind": 99}, "unspecified"),
    ],
)
def test_enumerations(writer: Writer, store: MemoryStore, odd: dict[str, Any], expected: str) -> None:
    """As numbers or by name; one that is not known is no reason to refuse."""
    assert raw(writer, store, SPANS, {**BASE, **odd})["attributes"]["kind"] == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"intValue": "17"}, 17),
        ({"intValue": 17}, 17),
        ({"intValue": 17.0}, 17),
        ({"doubleValue": 17}, 17),
        ({"doubleValue": "17.5"}, 17.5),
        ({"doubleValue": "NaN"}, "NaN"),
        ({"doubleValue": "-Infinity"}, "-Infinity"),
        ({"boolValue": False}, False),
        ({"bytesValue": "_-8"}, "/+8="),
        ({"stringValue": None, "intValue": 3}, 3),
        ({"stringValue": ""}, ""),
        ({"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "a"}]}}, [1, "a"]),
        ({"arrayValue": {}}, []),
    ],
)
def test_values(writer: Writer, store: MemoryStore, value: dict[str, Any], expected: object) -> None:
    """Every kind of value, and the ways in which 64-bit numbers are written."""
    item = {**BASE, "attributes": [{"key": "gen_ai.request.seed", "value": value}]}
    assert raw(writer, store, SPANS, item)["attributes"]["seed"] == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": -1},
        {"startTimeUnixNano": 2**64},
        {"startTimeUnixNano": 1.5},
        {"startTimeUnixNano": True},
        {"traceId": "not hex"},
        {"traceId": TRACE[:-2]},
        {"traceId": 7},
        {"name": 7},
        {"status": []},
        {"events": {}},
        {"events": [1]},
        {"links": [{"traceId": "xyz"}]},
        {"attributes": {}},
        {"attributes": ["a"]},
        {"attributes": [{"key": 1}]},
        {"attributes": [{"key": "a", "value": "bare"}]},
        {"attributes": [{"key": "a", "value": {"stringValue": 1}}]},
        {"attributes": [{"key": "a", "value": {"stringValue": "x", "intValue": 1}}]},
        {"attributes": [{"key": "a", "value": {"intValue": "1.5"}}]},
        {"attributes": [{"key": "a", "value": {"intValue": 2**63}}]},
        {"attributes": [{"key": "a", "value": {"boolValue": "true"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": "many"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": True}}]},
        {"attributes": [{"key": "a", "value": {"bytesValue": "!"}}]},
        {"attributes": [{"key": "a", "value": {"arrayValue": []}}]},
        {"attributes": [{"key": "a", "value": {"kvlistValue": {"values": 1}}}]},
        {"droppedAttributesCount": -1},
        {"traceId": None},
    ],
)
def test_what_is_refused(writer: Writer, store: MemoryStore, wrong: dict[str, Any]) -> None:
    """Values of the wrong type: that item alone, and its reason names a field."""
    assert raw(writer, store, SPANS, {**BASE, **wrong}) is None
    assert raw(writer, store, SPANS, BASE)["timestamp"] == STAMP


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"null", b"7", b"{", b"\xff", b'{"resourceSpans":{}}', b'{"resourceSpans":[1]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":{}}]}]}', b'{"resourceSpans":[{"resource":[]}]}',
        b'{"resourceSpans":[{"instrumentationLibrarySpans":[{}]}]}', b'{"resource_spans":[{}]}',
        b'{"resourceSpans":[],"resourceSpans":[{"scopeSpans":[]}]}', b"[" * 100_000,
        b'{"resourceSpans":' + b"[" * 600 + b"]" * 600 + b"}",
    ],
)  # fmt: skip
def test_what_is_no_request(writer: Writer, store: MemoryStore, body: bytes) -> None:
    """400: nothing of it is acknowledged."""
    assert post(writer, SPANS, body).status == 400
    assert not store.objects


def test_half_a_character(writer: Writer, store: MemoryStore) -> None:
    """JavaScript cuts texts between the halves of a surrogate pair; that costs no record."""
    body = in_json(LOGS, [((), "", [log({"gen_ai.request.model": "MARK"})])]).replace(b"MARK", b"m\\ud83d")
    assert post(writer, LOGS, body).status == 200
    assert [record["model"] for record in store.records] == ["m\ufffd"]
    assert post(writer, LOGS, body + b"]").status == 400


@pytest.mark.parametrize("encoding", [JSON, PROTOBUF])
def test_attributes_twice(writer: Writer, store: MemoryStore, encoding: str) -> None:
    """The first counts, the others are kept as something unknown; within a value it is refused, as in JSON."""
    twice = [("gen_ai.request.model", "one"), ("gen_ai.request.model", "two"), ("a", "b"), ("a", "b")]
    assert export(writer, LOGS, log(twice), encoding=encoding).status == 200
    (record,) = store.records
    assert (record["model"], record["attributes"]["duplicate_attributes"]["type"]) == ("one", "array")
    if encoding == PROTOBUF:
        body = in_protobuf(LOGS, [((), "", [log({"a": {"key1": 1, "key2": 2}})])]).replace(b"key2", b"key1")
        response = post(writer, LOGS, body, encoding=PROTOBUF)
        assert b"same key twice" in response.body


@pytest.mark.parametrize("encoding", [JSON, PROTOBUF])
def test_too_many_attributes_lose_nothing(writer: Writer, store: MemoryStore, encoding: str) -> None:
    """Beyond what a record holds, the rest is kept together, as type, size and digest."""
    attributes = {f"name{number}": f"value {number}" for number in range(500)}
    assert export(writer, SPANS, span(attributes), encoding=encoding).status == 200
    (record,) = store.records
    assert record["attributes"]["more_attributes"]["type"] == "object"
    assert 100 < len(record["attributes"]) <= 128


@pytest.mark.parametrize("encoding", [JSON, PROTOBUF])
def test_a_resource_that_is_too_large(writer: Writer, store: MemoryStore, encoding: str) -> None:
    """Each of its records would repeat it: they are refused, those of another resource are not."""
    groups = [({"big": "x" * 20_000}, "", [log(), log()]), ({"service.name": "small"}, "", [log()])]
    encode = in_json if encoding == JSON else in_protobuf
    response = post(writer, LOGS, encode(LOGS, groups), encoding=encoding)
    assert b"2 of 3 refused" in response.body
    assert [record["agent_name"] for record in store.records] == ["small"]


def test_ids_of_zeros_are_none(writer: Writer, store: MemoryStore) -> None:
    """A log record outside of any trace."""
    export(writer, LOGS, log(trace_id="0" * 32, span_id="0" * 16))
    (record,) = store.records
    assert (record.get("trace_id"), record.get("span_id"), record["correlation_id"]) == (None, None, None)


@pytest.mark.parametrize(
    ("nanos", "expected"),
    [
        (START, STAMP),
        (START - START % 1000, "2026-06-30T12:34:56.123456Z"),
        (START - START % 1_000_000, "2026-06-30T12:34:56.123Z"),
        (1_000_000_000, "1970-01-01T00:00:01.000Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (2**64 - 1, "2554-07-21T23:34:33.709551615Z"),
    ],
)
def test_times_are_exact(writer: Writer, store: MemoryStore, nanos: int, expected: str) -> None:
    """To the nanosecond, from the first to the last that there can be."""
    export(writer, LOGS, log(time_unix_nano=nanos))
    (record,) = store.records
    assert record["timestamp"] == expected
    assert ("timestamp" in record["inferred"]) == (nanos // 10**9 != START // 10**9)


def test_the_time_of_observation(writer: Writer, store: MemoryStore) -> None:
    """Where there is no other; with neither, it is the time of receipt, and the batch is no duplicate of another."""
    export(writer, LOGS, log(time_unix_nano=0, observed_time_unix_nano=START))
    (record,) = store.records
    assert (record["timestamp"], record["attributes"]["timestamp_source"]) == (STAMP, "observed")
    for _ in range(2):
        export(writer, LOGS, log(time_unix_nano=0))
    assert len(store.objects) == 3


def test_a_retry_finds_itself(writer: Writer, store: MemoryStore) -> None:
    """The same spans, in whichever encoding; other spans of the same trace do not."""
    for encoding in (JSON, PROTOBUF, JSON):
        assert export(writer, SPANS, span(), encoding=encoding).status == 200
    assert len(store.objects) == 1
    export(writer, SPANS, span(span_id=PARENT))
    assert len(store.objects) == 2


def test_retries_differ_in_what_is_dropped_too(writer: Writer, store: MemoryStore) -> None:
    """Two items whose records look alike, but whose content was not the same, are two."""
    for secret in ("one", "two"):
        export(writer, LOGS, log({"password": secret}))
    assert len(store.objects) == 2
