"""What is acknowledged is found, once, whatever comes at the same time."""

import json
import signal
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from cli.main import main
from cli.reader import LogReader, StoredRecord
from tests.local.check.cloud import Cloud

POSTS = 64
AT_ONCE = 16
GUIDE = {
    "timestamp": "2026-06-30T12:34:56Z",
    "agent_id": "sales\u2011assistant-v1",
    "user_id": "u_12345",
    "endpoint": "api.stripe.com/v1/charges",
    "method": "POST",
    "status": 200,
    "request_hash": "a1b2c3...",
    "response_hash": "d4e5f6...",
    "outcome": "success",
    "correlation_id": "c9f8e7",
}


@pytest.fixture
def find(cloud: Cloud, tmp_path: Path) -> list[str]:
    """Return the beginning of a command that finds records of the stack."""
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps(cloud.outputs), encoding="utf-8")
    return ["find", "--json", "--outputs", str(path)]


def _event(run: str, number: int) -> dict[str, object]:
    return {
        "timestamp": f"2026-07-0{1 + number % 9}T00:00:00Z",
        "session_id": run,
        "correlation_id": f"{run}-{number}",
        "endpoint": "https://api.example.com/v1/things",
        "status": 200,
        "request": {"n": number},
    }


@pytest.mark.timeout(400)
def test_each_of_many_posts_at_once_is_found_once(cloud: Cloud) -> None:
    """Every acknowledged record is stored under the id and in the object that the answer names, and no other is."""
    run = uuid.uuid4().hex
    token = cloud.deployment.tokens[cloud.deployment.first_agent]
    with httpx.Client(timeout=90, trust_env=False, headers={"authorization": f"Bearer {token}"}) as client:

        def post(number: int) -> tuple[int, dict[str, str]]:
            reply = client.post(f"{cloud.deployment.endpoint}/v1/events", json=_event(run, number))
            assert reply.status_code == 200, reply.text
            (stored,) = reply.json()["stored"]
            return number, stored

        with ThreadPoolExecutor(AT_ONCE) as pool:
            acknowledged = dict(pool.map(post, range(POSTS)))
    found: dict[str, list[tuple[str, str]]] = {}
    reader = LogReader(cloud.root("s3"), cloud.deployment.bucket)
    for stored in reader.objects():
        for item in reader.read(stored):
            if isinstance(item, StoredRecord) and item.record.get("session_id") == run:
                correlation = str(item.record["correlation_id"])
                found.setdefault(correlation, []).append((str(item.record["record_id"]), item.key))
    assert found == {
        f"{run}-{number}": [(stored["record_id"], stored["object"])] for number, stored in acknowledged.items()
    }


def test_one_batch_retried_in_parallel_is_stored_once(cloud: Cloud) -> None:
    """Each answer names the same records; one of them stored, the others found them there."""
    batch = [_event(uuid.uuid4().hex, number) for number in range(5)]
    with ThreadPoolExecutor(8) as pool:
        replies = [reply.json() for reply in pool.map(cloud.post, [batch] * 8)]
    ids = {tuple(row["record_id"] for row in reply["stored"]) for reply in replies}
    keys = {row["object"] for reply in replies for row in reply["stored"]}
    assert len(ids) == len(keys) == 1
    duplicates = [{row["duplicate"] for row in reply["stored"]} for reply in replies]
    assert duplicates.count({False}) == 1
    assert duplicates.count({True}) == 7
    (key,) = keys
    stored = LogReader(cloud.root("s3"), cloud.deployment.bucket).object(key)
    assert stored is not None
    assert len(stored.version_ids) == 1


def test_the_guides_own_example_comes_back_unchanged(cloud: Cloud, find: list[str]) -> None:
    """But for the digests' prefix; and it is found by the name that a keyboard can type."""
    assert cloud.post(GUIDE).status_code == 200
    done = CliRunner().invoke(main, [*find, "c9f8e7", "--agent", "sales-assistant-v1", "--since", "2026-06-30"])
    assert done.exit_code == 0, done.output
    expected = {name: f"sha256:{value}" if name.endswith("_hash") else value for name, value in GUIDE.items()}
    assert expected in [
        {name: value for name, value in json.loads(line).items() if name in GUIDE} for line in done.stdout.splitlines()
    ]


def test_what_is_hidden_is_found_and_told(cloud: Cloud, find: list[str]) -> None:
    """A marker and a second version hide nothing from a reader, and the command says so with its exit code."""
    s3, bucket = cloud.root("s3"), cloud.deployment.bucket
    run = uuid.uuid4().hex
    keys = [cloud.post(_event(run, number)).json()["stored"][0]["object"] for number in range(2)]
    s3.delete_object(Bucket=bucket, Key=keys[0])
    s3.put_object(Bucket=bucket, Key=keys[1], Body=b"nothing happened")
    try:
        done = CliRunner().invoke(main, [*find, run])
        assert done.exit_code == 1
        assert {json.loads(line)["correlation_id"] for line in done.stdout.splitlines()} == {f"{run}-0", f"{run}-1"}
        assert f"tampering: delete-marker: {keys[0]}" in done.stderr
        assert f"tampering: second-version: {keys[1]}" in done.stderr
    finally:
        cloud.mend()


def test_an_object_that_is_no_record_is_told(cloud: Cloud, find: list[str]) -> None:
    """What somebody with the root's power put there is a finding, never a traceback."""
    s3, bucket = cloud.root("s3"), cloud.deployment.bucket
    key = f"records/dt=2026-07-01/{uuid.uuid4().hex}.jsonl.gz"
    version = s3.put_object(Bucket=bucket, Key=key, Body=b"\x1b[2J not gzip")["VersionId"]
    try:
        done = CliRunner().invoke(main, find)
        assert done.exit_code == 1
        assert f"tampering: undecodable: {key}" in done.stderr
        assert "\x1b" not in done.output
    finally:
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version, BypassGovernanceRetention=True)


def test_records_are_shown_as_they_arrive(cloud: Cloud, find: list[str]) -> None:
    """Only what arrives from now on, once each, whatever day it is of; and it ends when the time is up."""
    run = uuid.uuid4().hex
    cloud.post(_event(run, 0))
    with ThreadPoolExecutor(1) as pool:
        tail = pool.submit(
            CliRunner().invoke, main, [*find, run, "--tail", "--for", "5", "--interval", "0.5", "--since", "10m"]
        )
        for number in (1, 2):
            cloud.post({**_event(run, number), "timestamp": datetime.now(UTC).isoformat()})
        done = tail.result(timeout=60)
    assert done.exit_code == 0, done.output
    shown = [json.loads(line)["correlation_id"] for line in done.stdout.splitlines()]
    assert sorted(shown) == [f"{run}-1", f"{run}-2"]


def test_following_ends_cleanly_when_interrupted(cloud: Cloud, find: list[str]) -> None:
    """Ctrl-C is how one stops: what came is shown, nothing is complained about, the exit code is 0."""
    run = uuid.uuid4().hex
    command = [sys.executable, "-u", "-m", "cli.main", *find, run, "--tail", "--interval", "0.5", "--since", "1h"]
    event = {**_event(run, 1), "timestamp": datetime.now(UTC).isoformat()}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tail:
        try:
            assert tail.stdout is not None
            cloud.post(event)
            line = tail.stdout.readline()
            tail.send_signal(signal.SIGINT)
            rest, errors = tail.communicate(timeout=30)
        finally:
            tail.kill()
    assert json.loads(line)["correlation_id"] == f"{run}-1"
    assert (tail.returncode, rest, errors) == (0, "", "")


def test_the_digest_command_knows_what_was_logged(cloud: Cloud, find: list[str], tmp_path: Path) -> None:
    """The very request is recognised, with other secrets and other spacing too; another is not."""
    event = {**_event(uuid.uuid4().hex, 7), "request": {"amount": 5, "api_key": "one"}, "response": "done"}
    record = cloud.post(event).json()["stored"][0]["record_id"]
    outputs = find[-2:]
    payload = tmp_path / "payload"
    for content, code, words in (
        ('{ "api_key": "another", "amount": 5 }\n', 0, f"is the request of record {record}"),
        ("done\n", 0, f"without its last newline is the response of record {record}"),
        ('{"amount": 6, "api_key": "one"}', 1, "neither"),
    ):
        payload.write_text(content, encoding="utf-8")
        done = CliRunner().invoke(main, ["digest", str(payload), "--record", record, *outputs])
        assert (done.exit_code, words in done.stdout) == (code, True), done.output
    assert CliRunner().invoke(main, ["digest", str(payload), "--record", "0-0", *outputs]).exit_code == 2


def test_a_record_is_kept_for_longer_held_and_released(cloud: Cloud, find: list[str]) -> None:
    """Each as the role whose it is; what would shorten or go past the maximum is refused with the reason."""
    record = cloud.post(_event(uuid.uuid4().hex, 8)).json()["stored"][0]["record_id"]

    def retain(*options: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["retain", record, *find[-2:], *options])
        return done.exit_code, done.output

    assert "no legal hold" in retain()[1]
    code, output = retain("--until", "20d", "--hold", "--json")
    assert (code, json.loads(output)["legal_hold"]) == (0, True)
    code, output = retain("--until", "2d")
    assert (code, "can only be extended" in output) == (2, True)
    code, output = retain("--until", "400d")
    assert (code, "at most 30 days" in output) == (2, True)
    assert "no legal hold" in retain("--release")[1]
    assert retain("--until", "soon")[0] == 2
    assert retain("--hold", "--release")[0] == 2
