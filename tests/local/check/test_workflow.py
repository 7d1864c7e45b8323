"""A workflow that was sent in pieces, in three formats, is found whole."""

import json
import uuid
from pathlib import Path

from click.testing import CliRunner

from cli.main import main
from tests.local.check.cloud import Cloud

START = "2026-06-30T12:34:56.100000+00:00"
LATER = "2026-06-30T12:34:56.200000+00:00"
END = "2026-06-30T12:34:56.350000+00:00"


def test_a_workflow_is_shown_as_a_timeline(cloud: Cloud, tmp_path: Path) -> None:
    """Its trace, its spans and the call that another exporter told of; as lines and as JSON for scripts."""
    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps(cloud.outputs), encoding="utf-8")
    trace, request = f"trace_{uuid.uuid4().hex}", f"req_{uuid.uuid4().hex}"
    span = {"object": "trace.span", "trace_id": trace, "started_at": START, "ended_at": END, "error": None}
    agent = {**span, "id": "s1", "parent_id": None, "span_data": {"type": "agent", "name": "Triage"}}
    model = {
        **span,
        "started_at": LATER,
        "id": "s2",
        "parent_id": "s1",
        "span_data": {"type": "response", "response_id": request},
    }
    said = {"object": "trace", "id": trace, "workflow_name": "support", "group_id": None, "metadata": None}
    logged = {"id": request, "startTime": 1782822896.2, "endTime": 1782822896.3, "status": "success", "model": "m-1"}
    sent = [
        ("/v1/traces/ingest", {"data": [model]}),
        ("/v1/litellm", [logged]),
        ("/v1/traces/ingest", {"data": [said, agent]}),
    ]
    for path, body in sent:
        assert cloud.post(body, path=path).status_code == 200

    def find(*options: str) -> str:
        done = CliRunner().invoke(main, ["find", "--outputs", str(outputs), trace, *options])
        assert done.exit_code == 0, done.output
        return done.stdout

    heading, *lines = find().splitlines()
    assert heading.startswith(f"{trace}  3 calls in 4 records, 250 ms")
    assert [line[30:].split()[:2] for line in lines] == [["trace", "support"], ["agent", "Triage"], ["response", "m-1"]]
    told = json.loads(find("--timeline", "--json"))
    assert [call["parent"] for call in told["calls"]] == [2, 0, None]
    assert [len(call["record_ids"]) for call in told["calls"]] == [1, 2, 1]
    assert len(find("--lines").splitlines()) == len(find("--json").splitlines()) == 3
