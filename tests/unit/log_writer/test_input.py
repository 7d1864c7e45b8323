"""What is read, and what is refused: every kind of good and bad input."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from log_writer.intake.routes import NATIVE_PATH
from tests.unit.log_writer.harness import AGENT, EVENT, GUIDE, OPENAPI, SECRET_TEXT, MemoryStore, Post


@pytest.mark.parametrize("body", ["object", "array", "ndjson", "ndjson with blank lines", "gzip", "bom", "indented"])
def test_every_form_of_a_body_is_the_same_batch(post: Post, store: MemoryStore, body: str) -> None:
    """An object, an array and a line, zipped or not: one record, with one id."""
    text = json.dumps(GUIDE)
    forms = {
        "object": text,
        "array": f"[{text}]",
        "ndjson": f"{text}\n",
        "ndjson with blank lines": f"\r\n{text}\r\n \n",
        "gzip": gzip.compress(text.encode()),
        "bom": b"\xef\xbb\xbf" + text.encode(),
        "indented": json.dumps(dict(reversed(GUIDE.items())), indent=2, ensure_ascii=False),
    }
    first = post(GUIDE).body["stored"][0]
    again = post(forms[body]).body["stored"][0]
    assert again == first | {"duplicate": True}
    assert len(store.records) == 1


@pytest.mark.parametrize("path", [NATIVE_PATH, "/"])
@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain", ""])
def test_any_content_type_is_read(post: Post, path: str, content_type: str) -> None:
    """`curl -d` says that it sends a form; the body is read for what it is."""
    assert post(GUIDE, path=path, content_type=content_type).status == 200


def test_ndjson_of_many(post: Post, store: MemoryStore) -> None:
    """Lines keep their places, also around those that are refused."""
    lines = [json.dumps(EVENT | {"user_id": f"u{number}"}) for number in range(5)]
    lines[2] = '{"user_id": '
    reply = post("\n".join(lines))
    assert reply.status == 207
    assert [item["index"] for item in reply.body["stored"]] == [0, 1, 3, 4]
    assert reply.body["refused"] == [{"index": 2, "field": "", "reason": "is not JSON"}]
    assert [record["user_id"] for record in store.records] == ["u0", "u1", "u3", "u4"]


def test_an_empty_batch(post: Post, store: MemoryStore) -> None:
    """No events, nothing stored, no failure."""
    assert post([]).body == {"stored": [], "refused": []}
    assert not store.objects


@pytest.mark.parametrize("depth", [129, 200, 253, 254, 255, 800])
@pytest.mark.parametrize("where", ['"request":%s', '"attributes":{"x":%s}', '"unknown":%s'])
@pytest.mark.parametrize("form", ["[%s,%s]", "%s\n%s"])
def test_what_nests_too_deep_hurts_nothing_beside_it(
    post: Post, store: MemoryStore, form: str, where: str, depth: int
) -> None:
    """However deep, as far as the decoder gets: the others of its batch are stored."""
    deep = "{" + where % ("[" * depth + "]" * depth) + "}"
    reply = post((form % (json.dumps(EVENT), deep)).encode())
    assert reply.status == 207
    assert reply.body["refused"] == [{"index": 1, "field": "", "reason": "is nested too deep"}]
    assert len(store.records) == 1


@pytest.mark.parametrize("form", ["[%s]", "%s\n"])
def test_a_payload_as_deep_as_a_digest_may_be(post: Post, form: str) -> None:
    """It is an event's, which is one deeper."""
    deep = '{"timestamp":"2026-11-23T00:00:00Z","request":' + "[" * 128 + "]" * 128 + "}"
    assert post((form % deep).encode()).status == 200


BAD_BODIES = {
    "empty": (b"", 400),
    "blank": (b" \n ", 400),
    "not JSON": (SECRET_TEXT.encode(), 400),
    "cut off": (b'{"user_id": "' + SECRET_TEXT.encode(), 400),
    "an array over lines, cut off": (b'[\n{"status": 200},\n{"status": 200}\n', 400),
    "an object over lines, cut off": (b'{\n"request": [\n{"status": 200}\n', 400),
    "NaN": (b'{"status": NaN}', 400),
    "Infinity": (b'{"status": -Infinity}', 400),
    "lone surrogate": (b'{"user_id": "\\ud800"}', 400),
    "lone surrogate in a key": (b'{"\\udfff": 1}', 400),
    "encoded surrogate": (b'{"user_id": "\xed\xa0\x80"}', 400),
    "not UTF-8": (b'{"user_id": "\xff"}', 400),
    "UTF-16": ('{"a":1}'.encode("utf-16"), 400),
    "nested 10,000 deep": (b"[" * 10_000 + b"]" * 10_000, 400),
    "nested 10,000 deep in a field": (b'{"request":' * 10_000 + b"1" + b"}" * 10_000, 400),
    "nested 10,000 deep, open": (b'{"a":' * 10_000, 400),
    "nested 300 deep": (b"[" * 300 + b"]" * 300, 422),
    "nested 1,000 deep": (b"[" * 1000 + b"]" * 1000, 422),
    "nested 300 deep in a field": (b'{"request":' + b'{"a":' * 300 + b"1" + b"}" * 301, 422),
    "a number beyond a double": (b'{"status": 1e999}', 400),
    "a raw control character": (b'{"user_id": "a\nb"}', 400),
    "trailing text": (b"{} x", 400),
    "a key twice": (b'{"status": 200, "status": 500}', 422),
    "a key twice, deep": (b'{"request": [{"a": {"b": 1, "b": 2}}]}', 422),
    "a string": (f'"{SECRET_TEXT}"'.encode(), 422),
    "a number": (b"42", 422),
    "null": (b"null", 422),
    "an array in an array": (b"[[{}]]", 422),
    "gzip, cut off": (gzip.compress(b"{}")[:-1], 400),
    "gzip, with rubbish behind": (gzip.compress(b"{}") + b"rubbish", 400),
    "gzip, broken checksum": (gzip.compress(b"{}")[:-8] + b"\0\0\0\0" + gzip.compress(b"{}")[-4:], 400),
    "gzip of rubbish": (gzip.compress(SECRET_TEXT.encode()), 400),
    "gzip bomb": (gzip.compress(b"0" * 64_000_000, 9), 413),
    "gzip bomb in many members": (gzip.compress(b" " * 1_000_000, 9) * 64, 413),
    "too many gzip members": (gzip.compress(b"") * 10_000 + gzip.compress(b"{}"), 400),
    "too large": (b" " * (6 * 1024 * 1024 + 1), 413),
    "too many events": (b"[" + b"{}," * 10_000 + b"{}]", 413),
    "too many lines": (b"{}\n" * 10_001, 413),
    "too many empty lines": (b"{}\n" + b"\n" * 100_000 + b"{}", 413),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_bad_bodies(post: Post, store: MemoryStore, name: str) -> None:
    """Each gets its status and a problem document, stores nothing and says nothing of the input."""
    body, status = BAD_BODIES[name]
    reply = post(body)
    assert reply.status == status
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.body["status"] == status
    assert (reply.body["index"] is None) == (status != 422)
    assert not store.objects
    assert SECRET_TEXT not in reply.response.body.decode() + repr(reply.response.summary)


BAD_FIELDS: dict[str, tuple[str, Any]] = {
    "timestamp: not a time": ("timestamp", SECRET_TEXT),
    "timestamp: no offset": ("timestamp", "2026-06-30T12:34:56"),
    "timestamp: a number": ("timestamp", 1751286896),
    "agent_id: a number": ("agent_id", 1),
    "user_id: a fraction": ("user_id", 1.5),
    "user_id: a rounded number": ("user_id", 1e22),
    "user_id: true": ("user_id", True),
    "session_id: false": ("session_id", False),
    "trace_id: a list": ("trace_id", [1]),
    "user_id: an object": ("user_id", {"id": SECRET_TEXT}),
    "user_id: too long": ("user_id", SECRET_TEXT * 20),
    "user_id: a line end": ("user_id", "a\r\nSet-Cookie: " + SECRET_TEXT),
    "user_id: a terminal escape": ("user_id", "\x1b[2J" + SECRET_TEXT),
    "user_id: a C1 escape": ("user_id", "\x9b2J" + SECRET_TEXT),
    "user_id: a NUL": ("user_id", "a\x00b"),
    "user_id: turned text": ("user_id", "a\u202eb"),
    "user_id: a mark of direction": ("user_id", "a\u200fb"),
    "user_id: an Arabic one": ("user_id", "a\u061cb"),
    "endpoint: a line end": ("endpoint", "https://x.example/\n" + SECRET_TEXT),
    "endpoint: a list": ("endpoint", ["https://x.example"]),
    "endpoint: too long": ("endpoint", "https://x.example/" + "a" * 8192),
    "method: not a method": ("method", "GET /" + SECRET_TEXT),
    "method: a number": ("method", 1),
    "status: text": ("status", "200"),
    "status: true": ("status", True),
    "status: a fraction": ("status", 200.5),
    "request_bytes: a fraction": ("request_bytes", 0.5),
    "tokens: a fraction in it": ("tokens", {"input": 1.5}),
    "status: out of range": ("status", 99),
    "status: huge": ("status", 10**30),
    "request_hash: not a digest": ("request_hash", SECRET_TEXT),
    "response_hash: MD5": ("response_hash", "d41d8cd98f00b204e9800998ecf8427e"),
    "outcome: unknown": ("outcome", SECRET_TEXT),
    "outcome: other case": ("outcome", "Success"),
    "outcome: a list": ("outcome", ["success"]),
    "correlation_id: a separator": ("correlation_id", "a\u2028b"),
    "request_bytes: negative": ("request_bytes", -1),
    "response_bytes: text": ("response_bytes", "12"),
    "request_bytes: huge": ("request_bytes", 2**60),
    "duration_ms: negative": ("duration_ms", -0.5),
    "duration_ms: text": ("duration_ms", "5"),
    "tokens: a number": ("tokens", 5),
    "tokens: text in it": ("tokens", {"input": SECRET_TEXT}),
    "tokens: odd key": ("tokens", {SECRET_TEXT: 5}),
    "tokens: too many": ("tokens", {f"k{number}": 1 for number in range(17)}),
    "stream: text": ("stream", "yes"),
    "stream: unknown key": ("stream", {SECRET_TEXT: 1}),
    "envelope: text": ("envelope", "s3://vault/x"),
    "attributes: a list": ("attributes", [SECRET_TEXT]),
    "attributes: too many": ("attributes", {f"k{number}": 1 for number in range(129)}),
    "request_base64: not base64": ("request_base64", SECRET_TEXT + "!"),
    "request_base64: more behind its end": ("request_base64", "YQ==YQ=="),
    "request_base64: a number": ("request_base64", 5),
}


@pytest.mark.parametrize("name", BAD_FIELDS)
def test_bad_fields(post: Post, store: MemoryStore, name: str) -> None:
    """Each names index and field; the good events around it are stored; no value comes back, nor into the log."""
    field, value = BAD_FIELDS[name]
    reply = post([EVENT, EVENT | {field: value}, EVENT])
    assert reply.status == 207
    (refused,) = reply.body["refused"]
    assert (refused["index"], refused["field"]) == (1, field)
    assert [item["index"] for item in reply.body["stored"]] == [0, 2]
    assert len(store.records) == 2
    alone = post(EVENT | {field: value})
    assert alone.status == 422
    assert (alone.body["index"], alone.body["field"]) == (0, field)
    for response in (reply.response, alone.response):
        assert SECRET_TEXT not in response.body.decode() + repr(response.summary)


EMPTY: tuple[dict[str, Any], ...] = (
    {},
    {"endpiont": "https://api.example.com", "statuss": 200},
    {"request_hash": "a1b2c3...", "response_hash": "d4e5f6..."},
    {"agent_id": AGENT, "request": {"a": 1}, "response": "x"},
    {"timestamp": None, "endpoint": "", "status": None, "id": "x", "attributes": {"tool": "search"}},
)


@pytest.mark.parametrize("event", EMPTY)
def test_an_event_that_says_nothing_of_a_call_is_refused(post: Post, store: MemoryStore, event: dict[str, Any]) -> None:
    """No field of the guide but digests: it would be an empty record. The events around it are stored."""
    reply = post([EVENT, event, EVENT])
    assert reply.status == 207
    (refused,) = reply.body["refused"]
    assert refused["index"] == 1
    assert "timestamp, user_id, endpoint, method, status, outcome, correlation_id" in refused["reason"]
    assert refused["field"] in ({"endpoint", "status"} if "endpiont" in event else {""})
    assert len(store.records) == 2


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("endpiont", "endpoint"), ("statuss", "status"), ("Endpoint", "endpoint"), ("userId", "user_id"),
        ("outcom", "outcome"), ("reponse_hash", "response_hash"), ("correlationid", "correlation_id"),
        ("requst", "request"), ("duration", "duration_ms"), ("tokns", "tokens"),
    ],
)  # fmt: skip
def test_a_name_that_is_almost_a_fields_is_told(post: Post, store: MemoryStore, name: str, field: str) -> None:
    """The event is stored, and the answer names the field that was meant; never the name that was sent."""
    reply = post([EVENT, {"timestamp": "2026-06-30T12:34:56Z", name: "x"}, {"method": "GET", name: 5}])
    assert reply.status == 200
    (warned,) = reply.body["warnings"]
    assert (warned["index"], warned["field"], warned["events"]) == (1, field, 2)
    assert name == field or f'"{name}"' not in reply.response.body.decode()
    assert reply.response.summary["warnings"] == {field: 2}
    assert len(store.records) == 3


@pytest.mark.parametrize("name", ["id", "request_id", "tool", "status_message", "my_own_name", "x" * 5000, ""])
def test_other_names_are_not_warned_of(post: Post, name: str) -> None:
    """What is known metadata, or like no field, is nobody's mistake."""
    assert "warnings" not in post(EVENT | {name: "x"}).body


def test_only_some_unknown_names_are_compared(post: Post) -> None:
    """Comparing takes time: a request that holds nothing but unknown names is warned of the first of them."""
    events = [EVENT | {f"status{number}": 1} for number in range(10, 510)]
    assert post(events).body["warnings"][0]["events"] == 200


@pytest.mark.parametrize("part", [{"phase": "middle"}, {"chunks": -1}, {"id": 5}])
def test_bad_parts_of_a_stream(post: Post, part: dict[str, object]) -> None:
    """A field inside a field is named with its path."""
    assert post(EVENT | {"stream": part}).body["field"] == f"stream.{next(iter(part))}"


def test_a_payload_twice(post: Post) -> None:
    """Both forms of one payload at once is a mistake, not a choice for the writer."""
    reply = post(EVENT | {"request": "a", "request_base64": "YQ=="})
    assert (reply.status, reply.body["field"]) == (422, "request_base64")


def test_a_record_too_long(post: Post, store: MemoryStore) -> None:
    """A record that no line may hold is refused; nothing is cut off."""
    names = sorted({"id", "tool", "step", "kind", "target", "operation", "provider", "workflow"})
    attributes = {name: ["x y " * 60] * 32 for name in names} | {"tags": ["z " * 120] * 32}
    reply = post(EVENT | {"attributes": attributes})
    assert reply.status == 422
    assert reply.body["field"] == ""
    assert not store.objects


@pytest.mark.parametrize(
    ("encoding", "status"), [("gzip", 200), ("x-gzip", 200), ("GZIP", 200), ("br", 415), ("gzip, gzip", 415)]
)
def test_content_encodings(post: Post, encoding: str, status: int) -> None:
    """Gzip is read, and named when something else comes."""
    assert post(gzip.compress(json.dumps(GUIDE).encode()), content_encoding=encoding).status == status
    assert post(GUIDE, content_encoding="identity").status == 200
    assert post(GUIDE, content_encoding="gzip").status == 400


KEYS = st.sampled_from([*GUIDE, "request", "response", "request_base64", "attributes", "stream", "tokens", "id", "x"])
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(list(GUIDE.values())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)


@given(ANY)
def test_any_json(post: Post, store: MemoryStore, value: object) -> None:
    """Any JSON, and what only looks like it: a documented response, and every stored record fits its schema."""
    store.objects.clear()
    reply = post(json.dumps(value))
    assert reply.status in {200, 207, 400, 403, 422}
    stored = {item["record_id"] for item in reply.body["stored"]}
    assert {record["record_id"] for record in store.records} == stored


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda data: b"\x1f\x8b\x08" + data))
def test_any_bytes(post: Post, data: bytes) -> None:
    """Any bytes: a documented response."""
    assert post(data).status in {200, 207, 400, 422}


@given(st.data())
def test_any_damage(post: Post, data: st.DataObject) -> None:
    """A good body with any byte changed, inserted or removed, zipped or not: a documented response."""
    body = bytearray(json.dumps([GUIDE, EVENT]).encode())
    if data.draw(st.booleans()):
        body = bytearray(gzip.compress(bytes(body), mtime=0))
    position = data.draw(st.integers(0, len(body) - 1))
    body[position : position + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    assert post(bytes(body)).status in {200, 207, 400, 413, 422}


def test_the_openapi_document_is_one() -> None:
    """It is valid OpenAPI 3.1, and its limits are the code's."""
    validate(OPENAPI)
