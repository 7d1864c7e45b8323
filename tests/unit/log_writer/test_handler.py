"""The Lambda entry point: events in, responses and one line of log out."""

import base64
import hashlib
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from log_writer import handler as module
from log_writer.handler import handler, request_of
from tests.unit.log_writer.harness import GUIDE, PLANTED, SECRET_TEXT, TOKEN
from tests.unit.log_writer.scripted import Server, answer, serving


@dataclass(frozen=True)
class Context:
    """What Lambda hands in."""

    milliseconds: int = 10_000
    aws_request_id: str = "11111111-2222"

    def get_remaining_time_in_millis(self) -> int:
        """So much is left."""
        return self.milliseconds


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A function's environment: its configuration file, its credentials, a store that answers as it is told."""
    config = {
        "schema": 1,
        "bucket": "log",
        "region": "eu-central-1",
        "agents": [{"name": "my-agent", "tokens": [{"sha256": hashlib.sha256(TOKEN.encode()).hexdigest()}]}],
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    with serving() as server:
        for name, value in {
            "LAMBDA_TASK_ROOT": str(tmp_path),
            "AWS_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "key",
            "AWS_SESSION_TOKEN": "session",
        }.items():
            monkeypatch.setenv(name, value)
        module._writer.cache_clear()
        yield server
    module._writer.cache_clear()


def event(
    body: str | None, *, encoded: bool = False, method: str = "POST", path: str = "/v1/events"
) -> dict[str, object]:
    """A function URL's event."""
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": {"Authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
        "requestContext": {"http": {"method": method, "path": path, "sourceIp": "192.0.2.1"}},
        "body": body,
        "isBase64Encoded": encoded,
    }


def log_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one line that was logged."""
    output = capsys.readouterr()
    assert output.err == ""
    (line,) = output.out.splitlines()
    return json.loads(line)


def test_a_stored_event(s3: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """Answered, stored with the role's credentials, and logged by counts."""
    response = handler(event(json.dumps(GUIDE | {"agent_id": "my-agent"})), Context())
    assert response["statusCode"] == 200
    assert json.loads(str(response["body"]))["stored"][0]["index"] == 0
    assert response["isBase64Encoded"] is False
    assert "Credential=id/" in s3.requests[0][1]["authorization"]
    line = log_line(capsys)
    timed = {line.pop(name) for name in ("duration_ms", "store_ms", "object_bytes", "raw_bytes", "decoded_bytes")}
    assert all(isinstance(number, int | float) and number > 0 for number in timed)
    assert line == {
        "event": "request",
        "request_id": "11111111-2222",
        "method": "POST",
        "path": "/v1/events",
        "status": 200,
        "agent": "my-agent",
        "events": 1,
        "stored": 1,
        "refused": 0,
        "reasons": {},
        "duplicate": False,
        "attempts": 1,
    }


def test_a_binary_body(s3: Server) -> None:
    """What is no text comes in base64."""
    body = base64.b64encode(json.dumps(GUIDE | {"agent_id": "my-agent"}).encode()).decode()
    assert handler(event(body, encoded=True), Context())["statusCode"] == 200
    assert s3.requests


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"requestContext": None, "headers": None, "body": None, "rawPath": None},
        {"requestContext": {"http": []}, "headers": [], "body": 5, "rawPath": 5},
        {"requestContext": {"http": {"method": 5}}, "headers": {"a": None}},
    ],
)
def test_odd_events(given: dict[str, object]) -> None:
    """Whatever the platform leaves out, there is a request."""
    request = request_of(given, deadline=1.0)
    assert (request.method, request.path, request.body) == ("GET", "/", b"")


@pytest.mark.parametrize(
    "sent",
    [
        event("not json " + SECRET_TEXT),
        event(json.dumps([{SECRET_TEXT: SECRET_TEXT, "status": SECRET_TEXT}, {"user_id": SECRET_TEXT, "status": 200}])),
        event(json.dumps({"attributes": {PLANTED: PLANTED}, "user_id": PLANTED, "request": PLANTED})),
        event("x", path="/" + SECRET_TEXT, method=SECRET_TEXT),
        event("\ud800" + SECRET_TEXT),
        event("!" + SECRET_TEXT, encoded=True),
        event(SECRET_TEXT) | {"headers": {"authorization": "Bearer " + SECRET_TEXT, SECRET_TEXT: SECRET_TEXT}},
    ],
    ids=range(7),
)
def test_nothing_of_a_request_is_logged(
    s3: Server, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, sent: dict[str, object]
) -> None:
    """No value, name, path, method, header or token gets into the operational log, whatever is wrong with them."""
    caplog.set_level(logging.DEBUG)
    s3.script = [answer(500), answer(403)]
    response = handler(sent, Context())
    output = capsys.readouterr().out
    for text in (SECRET_TEXT, PLANTED, TOKEN):
        assert text not in output + str(response) + caplog.text
    assert response["statusCode"] in {400, 401, 404, 422, 503, 207}
    json.loads(output)


def test_a_body_that_is_not_base64_is_refused(s3: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """It would not become base64 by being sent again."""
    response = handler(event("!" + SECRET_TEXT, encoded=True), Context())
    assert (response["statusCode"], log_line(capsys)["status"]) == (400, 400)
    assert SECRET_TEXT not in str(response["body"])
    assert not s3.requests


def test_a_failing_store_is_logged(s3: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """503 says to come back; the log says what S3 said, and how often it was asked."""
    s3.script = [answer(403, SECRET_TEXT.encode())]
    assert handler(event('{"status": 200}'), Context())["statusCode"] == 503
    line = log_line(capsys)
    assert (line["cause"], line["attempts"], line["status"]) == ("403", 1, 503)


def test_the_answer_comes_before_the_platform_ends_it(s3: Server) -> None:
    """A store that stays silent costs the function's time but for what the answer takes."""
    s3.script = [None] * 20
    response = handler(event('{"status": 200}'), Context(milliseconds=1800))
    assert response["statusCode"] == 503


def test_a_fault_of_ours_is_no_500(s3: Server, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Whatever fails on this side, the sender keeps its records; the log says where, and not what with."""
    (tmp_path / "config.json").write_text(SECRET_TEXT)
    response = handler(event(SECRET_TEXT), Context())
    assert response["statusCode"] == 503
    line = log_line(capsys)
    assert line["failure"] == "AuditError"
    assert any(place.startswith("log_writer/config.py:") for place in line["at"])
    assert SECRET_TEXT not in json.dumps(line) + str(response)
    assert not s3.requests


def test_a_cold_start_imports_little() -> None:
    """What only some requests need is not there before one comes, and nothing that only tools need."""
    code = "import log_writer.handler, sys; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    unwanted = {
        "boto3",
        "botocore.session",
        "botocore.credentials",
        "botocore.client",
        "requests",
        "pydantic",
    }
    unwanted |= {"audit_core.schema", "audit_core.record_type", "asyncio", "localcloud", "pulumi"}
    assert "botocore.auth" in loaded
    assert sorted(unwanted & set(loaded)) == []
