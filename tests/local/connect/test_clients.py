"""The Python client's way through a function URL, which is not any HTTP server: both of its routes arrive whole."""

import json
import subprocess
import sys
from pathlib import Path

from cli.connect_samples import sample
from cli.connect_snippets import Wire
from cli.reader import LogReader, StoredRecord
from localcloud.place import ROOT
from tests import snippets
from tests.local.check.cloud import Cloud

PROGRAM = """
import json, sys
from audit_log_client import AuditLog
from audit_log_client._batch import TRACES

with AuditLog(spool=sys.argv[1]) as log:
    log.record(endpoint="api.example.com/v1/native", method="GET", status=200, attributes={"workflow_id": sys.argv[2]})
    for item in json.loads(sys.argv[3]):
        log.put_line(TRACES, lambda item=item: item)
    print(log.flush(30))
"""


def test_both_routes_arrive(cloud: Cloud, tmp_path: Path) -> None:
    """An event and a trace that the client compresses are in the log, each once."""
    sent = sample(Wire.OPENAI_TRACES)
    stack = cloud.deployment
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"{tmp_path}/spool", sent.run, json.dumps(json.loads(sent.body)["data"])],
        env={
            **snippets.variables(endpoint=stack.endpoint, token=stack.tokens[stack.first_agent]),
            "PYTHONPATH": str(ROOT / "clients" / "python" / "src"),
            "NO_PROXY": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "True", "")
    reader = LogReader(cloud.root("s3"), stack.bucket)
    items = [item for stored in reader.objects() for item in reader.read(stored)]
    ours = [item.record for item in items if isinstance(item, StoredRecord) and sent.run in json.dumps(item.record)]
    assert sorted(str(record["source"]) for record in ours) == ["native", "openai-traces", "openai-traces"]
