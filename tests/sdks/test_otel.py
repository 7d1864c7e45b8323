"""OpenTelemetry's Python SDK and its OTLP/HTTP exporter, pointed at the endpoint by environment alone."""

from typing import Any

import pytest

from tests.sdks import models, scenarios
from tests.sdks.backend import Backend
from tests.sdks.conftest import PlaceOf
from tests.sdks.kits import OTEL
from tests.sdks.scenarios import Place


@pytest.fixture
def place(place_of: PlaceOf) -> Place:
    """Return where the instrumented agent runs."""
    return place_of(OTEL)


def spans(backend: Backend) -> list[dict[str, Any]]:
    """What came as spans."""
    return [record for record in backend.records if record["source"] == "otlp-traces"]


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_workflow_of_spans(backend: Backend, place: Place, compression: str) -> None:
    """GenAI and HTTP client spans fill the guide's fields; what was said and every secret is nowhere."""
    ended = scenarios.otel(place, more={"OTEL_EXPORTER_OTLP_COMPRESSION": compression})
    assert ended.code == 0, ended.err
    assert {status for _, status, _ in backend.replies} == {200}, backend.told
    backend.assert_clean()
    records = spans(backend)
    assert len(records) == 6
    assert len({record["span_id"] for record in records}) == 6
    assert len({record["trace_id"] for record in records}) == 1
    assert {record["agent_name"] for record in records} <= {"concierge", "Concierge"}
    assert {record["agent_version"] for record in records} == {"1.4.0"}
    assert {record["deployment_id"] for record in records} == {"deploy-3"}

    chats = [record for record in records if record["model"] == models.OPENAI_MODEL]
    new, old = sorted(chats, key=lambda record: record["outcome"] == "error")
    assert new["endpoint"].startswith("api.openai.com")
    assert (new["outcome"], new["session_id"]) == ("success", scenarios.GROUP)
    assert new["tokens"]["input"] == 21
    assert new["tokens"]["output"] == 7
    assert new["request_hash"]
    assert new["response_hash"]
    assert old["outcome"] == "error"
    assert old["tokens"]["input"] == 5
    assert old["tokens"]["output"] == 6

    by_status = {record["status"]: record for record in records if record["status"]}
    assert by_status[200]["endpoint"] == "https://api.example.com/orders/7"
    assert by_status[200]["method"] == "GET"
    assert by_status[200]["outcome"] == "success"
    assert by_status[429]["endpoint"] == "https://api.example.com/v1/charges"
    assert by_status[429]["outcome"] == "throttled"

    tool = next(record for record in records if record["attributes"].get("tool_name") == "look_up_order")
    assert tool["request_hash"]
    assert tool["response_hash"]
    assert tool["attributes"]["tool_call_id"] == "call_1"
    assert len({record["correlation_id"] for record in records}) == 1
    assert len(backend.calls) == 6


def test_logs_beside_spans(backend: Backend, place: Place) -> None:
    """A log record is tied to the span in which it was written, and keeps nothing of its text."""
    scenarios.otel(place)
    (log,) = [record for record in backend.records if record["source"] == "otlp-logs"]
    assert log["span_id"] in {record["span_id"] for record in spans(backend)}
    assert log["trace_id"] == spans(backend)[0]["trace_id"]
    backend.assert_clean()


def test_a_second_export_is_stored_once(backend: Backend, place: Place) -> None:
    """An answer that got lost makes the exporter send again; the log has each span once."""
    backend.store.losing_replies = True

    def found_again(_: object) -> None:
        backend.store.losing_replies = False

    backend.on_reply = found_again
    scenarios.otel(place)
    assert len(spans(backend)) == 6
    assert [status for seen, status, _ in backend.replies if seen.route == "/v1/traces"] == [503, 200]
