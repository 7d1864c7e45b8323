"""What `audit-log connect` prints works on a deployed stack, and `--check` tells what became of a call."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from cli.connect_check import FIELDS, check_sample
from cli.connect_samples import Sample, sample
from cli.connect_snippets import FORMS, PLATFORMS, Form, Wire, find_form
from cli.connection import Connection
from cli.main import main
from cli.reader import LogReader, StoredRecord
from tests import snippets
from tests.local.check.cloud import Cloud

Connect = Callable[..., Result]
GETTERS = (snippets.printed, snippets.documented)


@pytest.fixture
def connect(outputs: Path) -> Connect:
    """Return a function that runs `audit-log connect` on the stack."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["connect", *arguments, "--outputs", str(outputs)])

    return run


def _stored(cloud: Cloud) -> list[Mapping[str, Any]]:
    reader = LogReader(cloud.root("s3"), cloud.deployment.bucket)
    items = [item for stored in reader.objects() for item in reader.read(stored)]
    return [item.record for item in items if isinstance(item, StoredRecord)]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.command)
def test_a_call_sent_the_platforms_way_is_recorded(connect: Connect, form: Form) -> None:
    """Every field that the platform reports is in the record as it was sent; the secret and the text are nowhere."""
    done = connect(form.platform, form.name, "--check", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["leaks"] == []
    assert list(document["fields"]) == list(FIELDS)
    states = {name: field["state"] for name, field in document["fields"].items()}
    assert "wrong" not in states.values()
    expected = sample(form.wire)
    assert {name for name, state in states.items() if state == "not reported"} <= expected.absent.keys()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_people_see_a_line_a_field(connect: Connect, platform: str) -> None:
    """Each with its sign, and no cross; the record can be found again with the word that is shown."""
    done = connect(platform, "--check")
    assert done.exit_code == 0, done.output
    lines = [line for line in done.stdout.splitlines() if line.startswith("  ")]
    assert len(lines) == len(FIELDS) + 1
    assert {line[2] for line in lines} <= {"✓", "\N{EN DASH}"}
    assert ("pulumi up" in done.stderr) == find_form(platform).hosted


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (("Bearer ", "Bearer "), 0, "'s token"),
        (("aal_", "aal_x"), 1, "is not a token of this stack"),
        (("Authorization=Bearer ", "api-key="), 1, "is not what the snippet sets"),
        (("127.0.0.1", "127.0.0.2"), 1, "is not what the snippet sets"),
    ],
)
@pytest.mark.parametrize("where", ["this shell", "settings.json"])
def test_wrong_settings_on_this_machine_are_found(
    cloud: Cloud, connect: Connect, where: str, change: tuple[str, str], code: int, says: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Claude Code with a wrong token says nothing, so the check of the connection does; no value is shown."""
    values = {"endpoint": cloud.deployment.endpoint, "token": cloud.deployment.tokens[cloud.deployment.first_agent]}
    found = json.loads(snippets.printed("claude", "settings", **values).replace(*change))
    if where == "this shell":
        for name, value in found["env"].items():
            monkeypatch.setenv(name, value)
    else:
        monkeypatch.chdir(tmp_path)
        (tmp_path / ".claude").mkdir()
        (tmp_path / ".claude" / where).write_text(json.dumps(found))
    done = connect("claude", "--check")
    assert done.exit_code == code, done.output
    (line,) = [line for line in done.stdout.splitlines() if says in line]
    assert line.startswith("  ✓" if code == 0 else "  ✗")
    assert where in line
    assert values["token"] not in done.output
    document = json.loads(connect("claude", "--check", "--json").stdout)
    assert document["exit_code"] == code
    assert any(setting["is_wrong"] for setting in document["settings"]) == bool(code)


@pytest.mark.parametrize("platform", ["claude", "otel", "openai"])
def test_a_wrong_token_that_a_snippet_would_read_is_found(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    """With --no-token, what is pasted reads it from the environment; the stack's own token proves nothing then."""
    monkeypatch.setenv("AUDIT_LOG_TOKEN", "aal_wrong")
    done = connect(platform, "--no-token", "--check")
    assert done.exit_code == 1, done.output
    assert "✗ AUDIT_LOG_TOKEN in this shell is not a token of this stack" in done.stdout
    assert "aal_wrong" not in done.output


def test_a_checked_record_is_the_stored_line(cloud: Cloud, connect: Connect) -> None:
    """Byte for byte, in the JSON that is printed, so that its digest is that of the sealed log."""
    done = connect("openai", "--check", "--json")
    reader = LogReader(cloud.root("s3"), cloud.deployment.bucket)
    stored = reader.object(json.loads(done.stdout)["object"])
    assert stored is not None
    assert any(isinstance(item, StoredRecord) and item.line in done.stdout_bytes for item in reader.read(stored))


@pytest.mark.parametrize("wire", Wire)
def test_a_sample_is_stored_once_however_often_it_is_sent(cloud: Cloud, wire: Wire) -> None:
    """Exporters send again what they are not sure of."""
    sent = sample(wire)
    with Connection(cloud.deployment) as connection:
        first = check_sample(connection, sent, agent=cloud.deployment.first_agent)
        again = check_sample(connection, sent, agent=cloud.deployment.first_agent)
    assert again == first
    assert _count(cloud, sent) == _count_in(cloud, first.key)


def _count(cloud: Cloud, sent: Sample) -> int:
    return sum(sent.run in json.dumps(record).replace("-", "") for record in _stored(cloud))


def _count_in(cloud: Cloud, key: str) -> int:
    reader = LogReader(cloud.root("s3"), cloud.deployment.bucket)
    stored = reader.object(key)
    assert stored is not None
    assert len(stored.version_ids) == 1
    return sum(isinstance(item, StoredRecord) for item in reader.read(stored))


@pytest.mark.parametrize("get", GETTERS, ids=lambda get: get.__name__)
def test_calls_posted_by_hand(cloud: Cloud, get: Callable[..., str]) -> None:
    """Both snippets run as they are, in bash and in Python, and each leaves one record without the secret in it."""
    before = {record["record_id"] for record in _stored(cloud)}
    values = {"endpoint": cloud.deployment.endpoint, "token": cloud.deployment.tokens[cloud.deployment.first_agent]}
    environment = {"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1", **snippets.variables(**values)}
    for platform, interpreter in (("shell", ["bash", "-eu"]), ("python", [sys.executable, "-"])):
        done = subprocess.run(
            interpreter, input=get(platform, **values), env=environment, capture_output=True, text=True, check=False,
            timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "stored" in done.stdout
    new = [record for record in _stored(cloud) if record["record_id"] not in before]
    assert len(new) == 2
    assert {record["endpoint"] for record in new} <= {"https://api.stripe.com/v1/charges", "api.stripe.com/v1/charges"}
    assert "sk_live" not in json.dumps(_stored(cloud))


@pytest.mark.parametrize("get", GETTERS, ids=lambda get: get.__name__)
def test_settings_of_what_runs_elsewhere(cloud: Cloud, get: Callable[..., str]) -> None:
    """What is entered in the Claude Console, and what a Collector is told: a request made just so is recorded.

    Neither can be run here, so the request is made as their documentation says that they make it.
    """
    values = {"endpoint": cloud.deployment.endpoint, "token": cloud.deployment.tokens[cloud.deployment.first_agent]}
    lines = dict(line.split(None, 1) for line in get("claude", "platform", **values).splitlines())
    name, _, value = lines["Header"].partition(": ")
    text = get("otel", "collector", **values)
    for variable, real in snippets.variables(**values).items():
        text = text.replace(f"${{env:{variable}}}", real)
    document = YAML(typ="safe", pure=True).load(text)
    (exporter,) = document["exporters"].values()
    for pipeline in document["service"]["pipelines"].values():
        assert pipeline["exporters"] == list(document["exporters"])
    requests = [
        (Wire.CLAUDE_PLATFORM, lines["Endpoint"], {name: value}),
        (Wire.OTEL_SPANS, f"{exporter['endpoint']}/v1/traces", exporter["headers"]),
        (Wire.CLAUDE_EVENTS, f"{exporter['endpoint']}/v1/logs", exporter["headers"]),
    ]
    for wire, url, headers in requests:
        sent = sample(wire)
        # Both compress protobuf. JSON must not be: a function URL takes it for text, and hands it on destroyed.
        zipped = sent.content_type != "application/json"
        more = {"content-type": sent.content_type, **({"content-encoding": "gzip"} if zipped else {})}
        body = gzip.compress(sent.body) if zipped else sent.body
        reply = httpx.post(url, content=body, headers={**headers, **more}, timeout=60, trust_env=False)
        assert reply.status_code == 200, reply.text
        assert _count(cloud, sent) >= 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tokens": {"my-agent": "aal_" + 43 * "x"}}, "does not know my-agent's token: run `make up`"),
        ({"endpoint": "http://127.0.0.1:9/nothing"}, "start the local cloud with `make up`"),
        ({"auditor_role_arn": "arn:aws:iam::000000000000:role/nobody"}, "role nobody"),
    ],
)  # fmt: skip
def test_what_stands_in_the_way_is_told_with_what_to_do(
    cloud: Cloud, tmp_path: Path, change: Mapping[str, Any], says: str
) -> None:
    """A token of another time, nobody listening, nobody who may read: exit code 2, one line, and no traceback."""
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps({**cloud.outputs, **change}), encoding="utf-8")
    done = CliRunner().invoke(main, ["connect", "openai", "--check", "--outputs", str(path)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr
    assert "aal_" not in done.output
