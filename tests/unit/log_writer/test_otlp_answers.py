"""How OTLP exporters are answered: in the type of the request, and so that only what may succeed is retried."""

import base64
import gzip
import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from log_writer import handler as handler_module
from log_writer.config import Config, Limits
from log_writer.handler import handler
from log_writer.intake.routes import answers_for, loggable_path
from log_writer.reply import Response
from log_writer.service import Writer
from tests.unit.log_writer.harness import NOW, OPENAPI, PLANTED, SECRET_TEXT, TOKEN, MemoryStore
from tests.unit.log_writer.otlp import (
    JSON,
    LOGS,
    PROTOBUF,
    SPANS,
    TRACE,
    Sent,
    export,
    in_json,
    log,
    post,
    span,
    status,
)
from tests.unit.log_writer.scripted import serving

BOTH = pytest.mark.parametrize("encoding", [JSON, PROTOBUF])
PATHS = pytest.mark.parametrize("path", [LOGS, SPANS])
REJECTED = {LOGS: "rejected_log_records", SPANS: "rejected_spans"}
GOOD = {LOGS: log(), SPANS: span()}
BAD = {
    LOGS: log({"nested": {"key": "x"}, "deep": [[[[[[[[[[[[[[[[[[[[[[[[[[SECRET_TEXT]]]]]]]]]]]]]]]]]]]]]]]]]]}),
    SPANS: span(trace_id=""),
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an exporter reads in an answer."""

    rejected: int = 0
    reason: str = ""
    code: int = 0
    message: str = ""


def read(path: str, response: Response) -> Answer:
    """The decoded answer, held against the OpenAPI document: a response for 200, a status otherwise."""
    media = response.headers["Content-Type"]
    described = OPENAPI["paths"][path]["post"]["responses"][str(response.status)]
    if "$ref" in described:
        described = OPENAPI["components"]["responses"][described["$ref"].rpartition("/")[2]]
    for name in described.get("headers", {}):
        assert response.headers[name]
    schema = {**described["content"][media]["schema"], "components": OPENAPI["components"]}
    assert response.binary == (media == PROTOBUF)
    if media == PROTOBUF and response.status != 200:
        code, message = status(response.body)
        return Answer(code=code, message=message)
    if media == PROTOBUF:
        kind = ExportLogsServiceResponse if path == LOGS else ExportTraceServiceResponse
        partial: Any = kind.FromString(response.body).partial_success
        return Answer(rejected=getattr(partial, REJECTED[path]), reason=partial.error_message)
    decoded = json.loads(response.body)
    jsonschema.Draft202012Validator(schema).validate(decoded)
    if response.status != 200:
        return Answer(code=decoded["code"], message=decoded["message"])
    counted = decoded.get("partialSuccess", {})
    return Answer(
        rejected=int(counted.get("rejectedLogRecords" if path == LOGS else "rejectedSpans", 0)),
        reason=counted.get("errorMessage", ""),
    )


@BOTH
@PATHS
def test_all_stored(writer: Writer, store: MemoryStore, path: str, encoding: str) -> None:
    """200 with an empty response: nothing was rejected."""
    response = export(writer, path, GOOD[path], encoding=encoding)
    assert (response.status, response.headers["Content-Type"]) == (200, encoding)
    assert read(path, response) == Answer()
    assert response.body == (b"{}" if encoding == JSON else b"")
    assert len(store.records) == 1


@PATHS
@pytest.mark.parametrize(
    ("encoding", "body"),
    [(JSON, b"{}"), (JSON, b'{"resource%b":[]}'), (JSON, b'{"resource%b":[{}]}'), (PROTOBUF, b""), (PROTOBUF, b"\n\0")],
)
def test_an_empty_request(writer: Writer, store: MemoryStore, path: str, encoding: str, body: bytes) -> None:
    """No items is no failure, whatever is left out."""
    body = body.replace(b"%b", b"Logs" if path == LOGS else b"Spans")
    response = post(writer, path, body, encoding=encoding)
    assert (response.status, read(path, response)) == (200, Answer())
    assert not store.objects


@BOTH
@PATHS
def test_some_refused(writer: Writer, store: MemoryStore, path: str, encoding: str) -> None:
    """200; how many were rejected, and why, without a value."""
    response = export(writer, path, GOOD[path], BAD[path], GOOD[path], encoding=encoding)
    answer = read(path, response)
    assert (response.status, answer.rejected) == (200, 1)
    assert answer.reason.startswith("1 of 3 refused: ")
    assert SECRET_TEXT not in answer.reason
    assert len(store.records) == 2


@BOTH
@PATHS
def test_all_refused(writer: Writer, store: MemoryStore, path: str, encoding: str) -> None:
    """200 as well: there is nothing to try again."""
    response = export(writer, path, BAD[path], BAD[path], encoding=encoding)
    assert (response.status, read(path, response).rejected) == (200, 2)
    assert not store.objects


@BOTH
@PATHS
@pytest.mark.parametrize(
    ("body", "headers", "expected", "code"),
    [
        (b"\xff\xff\xff", {}, 400, 3),
        (b"", {"authorization": "Bearer nobody's"}, 401, 16),
        (b"x" * 20_000, {}, 413, 3),
        (b"", {"content_encoding": "zstd"}, 415, 3),
    ],
    ids=["undecodable", "unknown token", "too large", "other encoding"],
)
def test_final_failures(
    config: Config, path: str, encoding: str, body: bytes, headers: dict[str, str], expected: int, code: int
) -> None:
    """A status that no exporter retries, with a google.rpc.Status in the request's type."""
    small = Config(bucket="log", region="eu-central-1", agents=config.agents, limits=Limits(body_bytes=10_000))
    writer = Writer(small, store=MemoryStore(), now=lambda: NOW)
    response = post(writer, path, body, encoding=encoding, **headers)
    assert (response.status, response.headers["Content-Type"]) == (expected, encoding)
    assert read(path, response).code == code
    assert read(path, response).message


@BOTH
@PATHS
def test_not_a_post(writer: Writer, path: str, encoding: str) -> None:
    """405, and what would be right."""
    response = post(writer, path, b"", encoding=encoding, method="GET")
    assert (response.status, response.headers["Allow"], read(path, response).code) == (405, "POST", 12)


@PATHS
@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/grpc"])
def test_another_content_type(writer: Writer, path: str, media_type: str) -> None:
    """415, in JSON; the two that are read are named."""
    response = post(writer, path, b"{}", encoding=media_type)
    assert response.status == 415
    assert PROTOBUF in read(path, response).message


@PATHS
@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;a=b"])
def test_parameters_of_a_content_type(writer: Writer, path: str, media_type: str) -> None:
    """The type is what counts."""
    assert post(writer, path, b"{}", encoding=media_type).status == 200


@BOTH
@PATHS
def test_not_durable(config: Config, path: str, encoding: str) -> None:
    """503 with Retry-After, which every exporter retries; nothing was stored, and the retry is."""
    store = MemoryStore(failing=True)
    writer = Writer(config, store=store, now=lambda: NOW)
    response = export(writer, path, GOOD[path], encoding=encoding)
    assert (response.status, response.headers["Retry-After"], read(path, response).code) == (503, "5", 14)
    store.failing = False
    assert export(writer, path, GOOD[path], encoding=encoding).status == 200
    assert len(store.records) == 1


@BOTH
@PATHS
def test_gzip(writer: Writer, store: MemoryStore, path: str, encoding: str) -> None:
    """A zipped request is the same request."""
    export(writer, path, GOOD[path], encoding=encoding)
    assert export(writer, path, GOOD[path], encoding=encoding, content_encoding="gzip").status == 200
    assert len(store.objects) == 1


@BOTH
@PATHS
def test_too_many_items(config: Config, path: str, encoding: str) -> None:
    """413, and nothing is stored: an exporter has to send less at once."""
    small = Config(bucket="log", region="eu-central-1", agents=config.agents, limits=Limits(events=2))
    store = MemoryStore()
    writer = Writer(small, store=store, now=lambda: NOW)
    assert export(writer, path, *[GOOD[path]] * 2, encoding=encoding).status == 200
    assert export(writer, path, *[GOOD[path]] * 3, encoding=encoding).status == 413
    assert len(store.objects) == 1


@PATHS
def test_what_is_another_signals(writer: Writer, store: MemoryStore, path: str) -> None:
    """Spans sent to where logs go are not acknowledged as an empty request; neither is anything else with content."""
    other = SPANS if path == LOGS else LOGS
    assert post(writer, path, in_json(other, [((), "", [GOOD[other]])])).status == 400
    assert post(writer, path, b'{"endpoint": "api.example.com", "tags": ["x"]}').status == 400
    response = export(writer, other, GOOD[other], encoding=PROTOBUF)
    assert response.status == 200
    assert len(store.records) == 1


def test_no_metrics(writer: Writer) -> None:
    """There is no intake of metrics: no audit record is made of them, and the answer says how to send none."""
    response = post(writer, "/v1/metrics", b"{}")
    assert (response.status, b"OTEL_METRICS_EXPORTER=none" in response.body) == (404, True)


@pytest.mark.parametrize("errors", ["utf-8", "latin-1"])
@pytest.mark.parametrize("headers", [{}, {"content_encoding": "x-gzip"}])
def test_gzip_that_was_taken_for_text(writer: Writer, errors: str, headers: dict[str, str]) -> None:
    """A function URL hands JSON on as text, and what was compressed is lost: 400, and what to do instead."""
    body = gzip.compress(in_json(SPANS, [((), "", [GOOD[SPANS]])])).decode(errors, "replace").encode()
    response = post(writer, SPANS, body, **headers)
    assert (response.status, b"do not compress" in response.body) == (400, True)


def test_the_export_requests_own_trace_is_not_the_calls(writer: Writer, store: MemoryStore) -> None:
    """An exporter that is traced itself sends a traceparent; it says nothing of what it exports."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    export(writer, LOGS, log(), traceparent=f"00-{trace}-b7ad6b7169203331-01")
    export(writer, LOGS, log({"id": 1}), x_correlation_id="wf-1")
    first, second = sorted(store.records, key=lambda record: str(record["correlation_id"]))
    assert (first["correlation_id"], first.get("trace_id")) == (None, None)
    assert (second["correlation_id"], second["inferred"]) == ("wf-1", ["correlation_id"])


def test_no_runtime_of_protobuf_is_imported() -> None:
    """The package does not carry Google's: neither encoding needs it."""
    code = """
import sys
sys.path.insert(0, '.')
from tests.unit.log_writer.otlp_lean import answer
for path in ("/v1/logs", "/v1/traces"):
    assert answer(path, "application/json", b"{}") == 200
    assert answer(path, "application/x-protobuf", b"") == 200
assert not {"google.protobuf", "opentelemetry"} & set(sys.modules), sorted(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_operational_log_names_the_paths() -> None:
    """Ours by name, any other as `other`."""
    assert [loggable_path(path) for path in (LOGS, f"{SPANS}/", "/v1/metrics", f"/{SECRET_TEXT}")] == [
        LOGS, SPANS, "other", "other",
    ]  # fmt: skip


def test_through_the_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A protobuf answer leaves the function in base64; when all fails, it is still a Status, and retryable."""

    class Context:
        aws_request_id = "1"

        def get_remaining_time_in_millis(self) -> int:
            return 10_000

    token = hashlib.sha256(TOKEN.encode()).hexdigest()
    config = {
        "schema": 1,
        "bucket": "log",
        "region": "eu-central-1",
        "agents": [{"name": "my-agent", "tokens": [{"sha256": token}]}],
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    event: dict[str, object] = {
        "rawPath": LOGS,
        "headers": {"Authorization": f"Bearer {TOKEN}", "Content-Type": PROTOBUF},
        "requestContext": {"http": {"method": "POST"}},
        "body": base64.b64encode(b"").decode(),
        "isBase64Encoded": True,
    }
    with serving() as server:
        for name, value in {
            "LAMBDA_TASK_ROOT": str(tmp_path),
            "AWS_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "key",
        }.items():
            monkeypatch.setenv(name, value)
        handler_module._writer.cache_clear()
        stored = handler(event, Context())
        handler_module._writer.cache_clear()
        (tmp_path / "config.json").write_text("{")
        failed = handler(event, Context())
    handler_module._writer.cache_clear()
    assert (stored["statusCode"], stored["body"], stored["isBase64Encoded"]) == (200, "", True)
    assert (failed["statusCode"], failed["isBase64Encoded"]) == (503, True)
    assert status(base64.b64decode(str(failed["body"])))[0] == 14
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["path"] for entry in logged] == [LOGS, LOGS]


def test_answers_of_a_path_that_is_none() -> None:
    """Whatever fails before a path is known is answered as the writer does."""
    assert answers_for("/nowhere", PROTOBUF).unavailable().headers["Content-Type"] == "application/problem+json"


@BOTH
def test_an_answer_holds_nothing_of_the_request(writer: Writer, encoding: str) -> None:
    """Not in what is refused, not in what the operational log would say."""
    bad = Sent(
        attributes={PLANTED: PLANTED, "x": [[[[[[[[[[[[[[[[[[[[[[[[[PLANTED]]]]]]]]]]]]]]]]]]]]]]]]]}, body=PLANTED
    )
    response = export(writer, LOGS, bad, encoding=encoding, resource={"service.name": SECRET_TEXT}, scope=TRACE)
    told = response.body.decode() + repr(response.summary)
    assert response.status == 200
    assert "24 levels" in told
    assert PLANTED not in told
    assert SECRET_TEXT not in told
