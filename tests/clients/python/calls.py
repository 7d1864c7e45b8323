"""What services answer in tests of the hook, and what was logged of it."""

import json
from typing import Any

from audit_log_client import AuditLog
from tests.clients.python.endpoint import Answer, Server

REPLY: dict[str, object] = {
    "model": "m-1",
    "choices": [],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
}
EVENTS = [b'data: {"model":"m-1","n":%d,"text":"%s"}\n\n' % (number, b"x" * 300) for number in range(8)]
USAGE = b'data: {"model":"m-1","usage":{"input_tokens":5,"output_tokens":6}}\n\n'
DONE = b"data: [DONE]\n\n"


def json_answer(value: object = REPLY, status: int = 200, **headers: str) -> Answer:
    """Return an answer in JSON."""
    sent = {"Content-Type": "application/json; charset=utf-8"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return Answer(status=status, body=json.dumps(value).encode(), headers=sent)


def streamed(*chunks: bytes, cut: bool = False) -> Answer:
    """Server-sent events, each a chunk of its own."""
    return Answer(headers={"Content-Type": "text/event-stream"}, chunks=[*chunks], cut=cut)


def logged(log: AuditLog, endpoint: Server) -> list[dict[str, Any]]:
    """Return what the endpoint was sent, once all of it was."""
    assert log.flush(10)
    return [event for seen in endpoint.seen for event in seen.events]


def only(log: AuditLog, endpoint: Server) -> dict[str, Any]:
    """Return the one event that was sent."""
    (event,) = logged(log, endpoint)
    return event


def end_of(log: AuditLog, endpoint: Server) -> dict[str, Any]:
    """Return the end of the one stream that was logged, whose start is as it should be."""
    start, end = logged(log, endpoint)
    assert start["stream"] == {"id": end["stream"]["id"], "phase": "start"}
    assert start["id"] != end["id"]
    assert "response_hash" not in start
    assert end["stream"]["phase"] == "end"
    return end
