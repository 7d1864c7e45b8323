"""An exception that nobody expected costs one event at most, raises an alarm, and says nothing of the event."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from audit_core import attributes, canonical, digest, record, stream
from audit_core.masking import Masker
from log_writer import making, service
from log_writer.config import Config
from log_writer.intake import (
    event_builder,
    exported,
    litellm,
    native,
    openai_traces,
    otlp_events,
    otlp_frame,
    otlp_reader,
    routes,
)
from log_writer.intake.decoded import Decoded
from log_writer.intake.routes import ROUTES
from log_writer.reply import Response
from log_writer.service import Request, Writer
from tests.unit.log_writer.harness import NOW, TOKEN, MemoryStore
from tests.unit.log_writer.otlp import JSON, LOGS, PROTOBUF, SPANS, in_json, in_protobuf, log, span

MARK = "marzipan"
"""Every wrapped function fails when it is given this."""
NATIVE = [
    {"timestamp": "2026-06-30T12:34:56Z", "status": 200, "endpoint": f"https://{name}.example/{name}",
     "user_id": name, "request": {"prompt": name}, "response_chunks": [name, name],
     "attributes": {f"x_{name}": {"y": name}}}
    for name in ("before", MARK, "after")
]  # fmt: skip
LITELLM = [
    {"id": name, "startTime": 1782822896.5, "status": "success", "end_user": name, "messages": [{"content": name}]}
    for name in ("before", MARK, "after")
]
TRACES = {
    "data": [
        {"object": "trace.span", "id": name, "started_at": "2026-06-30T12:34:56Z", "metadata": {"user_id": name}}
        for name in ("before", MARK, "after")
    ]
}
OTLP = [{"user.id": name} for name in ("before", MARK, "after")]
BODIES: dict[str, tuple[str, str, bytes]] = {
    "native": ("/v1/events", JSON, json.dumps(NATIVE).encode()),
    "native lines": ("/v1/events", JSON, b"\n".join(json.dumps(event).encode() for event in NATIVE)),
    "litellm": ("/v1/litellm", JSON, json.dumps(LITELLM).encode()),
    "traces": ("/v1/traces/ingest", JSON, json.dumps(TRACES).encode()),
    "logs": (LOGS, JSON, in_json(LOGS, [((), "", [log(pairs) for pairs in OTLP])])),
    "spans": (SPANS, JSON, in_json(SPANS, [((), "", [span(pairs) for pairs in OTLP])])),
    "logs, protobuf": (LOGS, PROTOBUF, in_protobuf(LOGS, [((), "", [log(pairs) for pairs in OTLP])])),
    "spans, protobuf": (SPANS, PROTOBUF, in_protobuf(SPANS, [((), "", [span(pairs) for pairs in OTLP])])),
}
PLACES: dict[str, tuple[str, Any, str]] = {
    "an event of the native format": ("native", native, "_event"),
    "an event of a line": ("native lines", native, "_event"),
    "an event of LiteLLM's": ("litellm", litellm, "_event"),
    "what no field can hold": ("litellm", exported, "_set_aside"),
    "an event of OpenAI's": ("traces", openai_traces, "_event"),
    "a log record in JSON": ("logs", otlp_reader, "_natural"),
    "a span in JSON": ("spans", otlp_reader, "_inner"),
    "a span in protobuf": ("spans, protobuf", otlp_reader, "_attributes"),
    "an event of a log record": ("logs, protobuf", otlp_events.EventMaker, "make"),
    "an event builder": ("spans", event_builder.EventBuilder, "take"),
    "what is masked at once": ("native", record.RecordMaker, "_prefetch"),
    "the masker": ("native", Masker, "mask_each"),
    "the masker, of a name": ("native", Masker, "names_secret"),
    "attributes": ("native", attributes.AttributeReader, "read"),
    "a digest": ("native", record, "digest_json"),
    "the canonical form": ("native", digest, "canonical_pieces"),
    "what encodes a payload": ("native", native, "encode"),
    "a check of a whole request": ("native", native, "has_duplicate_key"),
    "a check of an export": ("litellm", exported, "has_duplicate_key"),
    "a check of one event": ("native lines", canonical, "has_duplicate_key"),
    "a check of a log record": ("logs", otlp_frame, "has_duplicate_key"),
    "a stream": ("native", stream.StreamDigest, "add_all"),
    "an endpoint": ("native", record, "clean_endpoint"),
    "a record": ("native", record.RecordMaker, "make"),
    "a line": ("native", making, "encode_record"),
    "a record of OTLP's": ("spans", record.RecordMaker, "_mask"),
}
QUIET = {"what is masked at once", "what encodes a payload", "a check of a whole request", "a check of an export"}
"""Where only something faster fails, and all is stored as it should be."""
FAULTS = (ValueError, KeyError, MemoryError, RecursionError, AssertionError, UnicodeError)


def _failing(place: tuple[str, Any, str], error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a function of ours fail when it sees the mark."""
    _, owner, name = place
    real: Callable[..., Any] = getattr(owner, name)
    first = 1 if isinstance(owner, type) else 0

    def fail(*args: object, **kwargs: object) -> object:
        if MARK in repr((args[first:], kwargs)):
            raise error(f"cannot take {MARK}")
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, fail)


def _post(writer: Writer, path: str, content_type: str, body: bytes) -> Response:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": content_type}
    return writer.handle(Request(method="POST", path=path, headers=headers, body=body, deadline=time.monotonic() + 60))


def _check_summary(response: Response) -> None:
    """What a metric filter counts is there; type and place of the fault are told, and nothing else."""
    assert response.summary["faults"]
    places: Any = response.summary["fault_at"]
    pattern = r"[A-Z][A-Za-z]+ at ((log_writer|audit_core)/[a-z_/0-9]+\.py:[0-9]+( > )?)+"
    assert all(re.fullmatch(pattern, place) for place in places)
    assert MARK not in response.body.decode(errors="replace") + repr(response.summary)


@pytest.mark.parametrize("error", FAULTS)
@pytest.mark.parametrize("place", PLACES)
def test_a_fault_costs_one_event(
    config: Config, monkeypatch: pytest.MonkeyPatch, place: str, error: type[Exception]
) -> None:
    """Whatever fails at one event: the others are stored, the answer is final, an alarm is raised."""
    store = MemoryStore()
    writer = Writer(config, masker=Masker(), store=store, now=lambda: NOW)
    path, content_type, body = BODIES[PLACES[place][0]]
    with monkeypatch.context() as patched:
        _failing(PLACES[place], error, patched)
        response = _post(writer, path, content_type, body)
    assert response.status in {200, 207}
    assert {"before", "after"} <= {made["user_id"] for made in store.records}
    if place not in QUIET:
        _check_summary(response)


@pytest.mark.parametrize("name", BODIES)
def test_a_fault_of_the_whole_is_final(config: Config, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What fails with the whole of a request would fail again: no 5xx, which would be sent again for ever."""
    path, content_type, body = BODIES[name]
    intake, _ = ROUTES[path].choose(content_type)
    for error, status in ((RecursionError, 400), (MemoryError, 413), (TypeError, 400)):

        def fail(body: bytes, *, max_events: int, error: type[Exception] = error) -> Decoded:
            raise error(MARK, body, max_events)

        failing = type(intake)(
            decode=fail, answers=intake.answers, too_heavy=intake.too_heavy, carries_trace=intake.carries_trace
        )
        with monkeypatch.context() as patched:
            patched.setattr(service, "ROUTES", {path: routes.Route(default=failing)})
            response = _post(Writer(config, masker=Masker(), store=MemoryStore()), path, content_type, body)
        assert response.status == status
        _check_summary(response)


def test_what_made_the_masker_fail(writer: Writer, store: MemoryStore) -> None:
    """JSON in a text, with an escape, a character that is not ASCII, and a finding, made a whole batch come back."""
    text = json.dumps({"": "mysql -psecret-of-önly-one\n"}, ensure_ascii=False)
    events = [{"status": 200, "user_id": name, "attributes": {"x": text}} for name in ("a", "b")]
    assert _post(writer, "/v1/events", JSON, json.dumps(events).encode()).status == 200
    assert [made["user_id"] for made in store.records] == ["a", "b"]


def test_a_masker_that_fails_often_hides_no_neighbour(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2,000 events a third makes the masker fail: the texts of the others are stored as they are."""
    store = MemoryStore()
    writer = Writer(config, masker=Masker(), store=store, now=lambda: NOW)
    events = [
        {"status": 200, "user_id": f"{MARK if number % 3 == 0 else 'u'}-{number}", "session_id": f"s{number}"}
        for number in range(2_000)
    ]
    _failing(PLACES["the masker"], ValueError, monkeypatch)
    assert _post(writer, "/v1/events", JSON, json.dumps(events).encode()).status == 200
    users = [made["user_id"] for made in store.records]
    hidden = [made["record_id"] for made in store.records if made["redactions"]]
    assert users == [f"u-{number}" if number % 3 else "***REDACTED***" for number in range(2_000)]
    assert len(hidden) == 667
