"""`audit-log verify` against a deployed stack, and against what the account's root does to its bucket."""

import contextlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from audit_core.layout import RECORDS, marker_key
from cli.connection import Connection, Deployment
from cli.main import main
from localcloud.deploy import Deployed
from tests.local.stack import deployed_alone


class Log:
    """The deployed log: what is posted to it, sealed and verified, and the root's client."""

    def __init__(self, deployed: Deployed, folder: Path, connection: Connection) -> None:
        self.deployment = Deployment.from_outputs(deployed.outputs)
        self.outputs = folder / "outputs.json"
        self.outputs.write_text(json.dumps(dict(deployed.outputs)), encoding="utf-8")
        self._connection = connection
        self.s3: Any = connection.client("s3")
        self.bucket = self.deployment.bucket

    def post(self) -> dict[str, Any]:
        """Post two events; return what the writer says of them."""
        token = self.deployment.tokens[self.deployment.first_agent]
        events = [{"endpoint": "https://api.example.com/v1/x", "status": 200, "request": {"n": n}} for n in range(2)]
        reply = httpx.post(
            f"{self.deployment.endpoint}/v1/events",
            json=events,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )
        assert reply.status_code == 200, reply.text
        return reply.json()

    def seal(self, key: str) -> None:
        """Ask the sealer to run, until an object is sealed."""
        functions = self._connection.client("lambda", role_arn=self._connection.administrator_arn)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            functions.invoke(FunctionName=self.deployment.sealer_function_name, Payload=json.dumps({"task": "seal"}))
            if self.s3.list_objects_v2(Bucket=self.bucket, Prefix=marker_key(key)).get("KeyCount"):
                return
            time.sleep(0.5)
        pytest.fail("the object was not sealed")

    def run(self, *arguments: str | Path, code: int = 0) -> str:
        """Run `audit-log verify`."""
        done = CliRunner().invoke(main, ["verify", *map(str, arguments)])
        assert done.exit_code == code, done.output
        return done.stdout

    def live(self, *arguments: str | Path, code: int = 0) -> str:
        """Run one of its commands against the bucket."""
        return self.run(*arguments, "--outputs", self.outputs, code=code)

    def found(self) -> set[tuple[str, str]]:
        """Return what verifying the bucket finds: kinds, and where."""
        said = json.loads(CliRunner().invoke(main, ["verify", "log", "--json", "--outputs", str(self.outputs)]).stdout)
        return {(finding["kind"], finding["where"]) for finding in said["findings"]}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Yield a stack that no other test has been at: what they plant would be found here."""
    with deployed_alone(tmp_path_factory.mktemp("own")) as stack:
        yield stack


@pytest.fixture(scope="module")
def log(own: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    """Yield the deployed log."""
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(Connection(Deployment.from_outputs(own.outputs)))
        yield Log(own, tmp_path_factory.mktemp("log"), connection)


def test_bucket_and_copy(log: Log, tmp_path: Path) -> None:
    """What was posted is sealed, verified in the bucket and in a copy, and proved to whoever has the key."""
    for _ in range(3):
        stored = log.post()["stored"]
        log.seal(stored[0]["object"])
    assert log.live("log").splitlines()[-1] == "verified"
    (tmp_path / "key").write_text(log.live("key"))
    log.live("copy", tmp_path / "copy")
    trusted = ("--dir", tmp_path / "copy", "--public-key", tmp_path / "key")
    said = json.loads(log.run("log", *trusted, "--json"))
    assert (said["ok"], said["records"]) == (True, said["size"])
    assert said["size"] >= 6
    log.live("prove", stored[1]["record_id"], "--out", tmp_path / "proof")
    proved = json.loads(log.run("proof", tmp_path / "proof", "--public-key", tmp_path / "key", "--json"))
    assert proved["digest"] == stored[1]["leaf"]
    # The agent's name has a character that JSON may write in two ways: what `find` prints is the stored line.
    found = CliRunner().invoke(main, ["find", stored[1]["record_id"], "--json", "--outputs", str(log.outputs)])
    (tmp_path / "record").write_bytes(found.stdout_bytes)
    assert "\u2011".encode() in found.stdout_bytes
    log.run("proof", tmp_path / "proof", "--public-key", tmp_path / "key", "--record", tmp_path / "record")
    log.live("log", "--against", tmp_path / "proof")


def test_what_the_root_does_is_found(log: Log) -> None:
    """A second version, a delete marker, a shortened lock are found where they are; what was just planted waits."""
    keys = []
    for _ in range(3):
        keys.append(log.post()["stored"][0]["object"])
        log.seal(keys[-1])
    again, hidden, short = keys
    planted = f"{RECORDS}dt=2026-01-01/planted.jsonl.gz"
    stranger = "seal/tile/0/x999/000"
    assert log.found() == set()

    log.s3.put_object(Bucket=log.bucket, Key=again, Body=b"forged", ChecksumAlgorithm="SHA256")
    log.s3.delete_object(Bucket=log.bucket, Key=hidden)
    version = log.s3.list_object_versions(Bucket=log.bucket, Prefix=short)["Versions"][0]["VersionId"]
    log.s3.put_object_retention(
        Bucket=log.bucket, Key=short, VersionId=version, BypassGovernanceRetention=True,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(minutes=5)},
    )  # fmt: skip
    for key in (planted, stranger):
        log.s3.put_object(Bucket=log.bucket, Key=key, Body=b"x", ChecksumAlgorithm="SHA256")

    expected = {("second-version", again), ("delete-marker", hidden), ("lock-shortened", short)}
    assert log.found() == expected
    assert "wait to be sealed" in log.live("log", code=1)


def test_odd_keys_are_copied_and_found(log: Log, tmp_path: Path) -> None:
    """No key makes a copy fail or leads out of it; what is no file of the log is found, by its key."""
    stored = log.post()["stored"]
    log.seal(stored[0]["object"])
    odd = [
        f"{RECORDS}dt=2026-06-30/{end}"
        for end in ("./y", "../../../../y", "a", "a/b", "z/", "x\\y", "\u00fc \U0001f600", "k" * 300, "large")
    ]
    for key in odd:
        body = bytes(25 << 20) if key.endswith("large") else b"x"
        log.s3.put_object(Bucket=log.bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256")
    log.seal(odd[-1])
    (tmp_path / "key").write_text(log.live("key"))
    log.live("copy", tmp_path / "copy")
    said = json.loads(log.run("log", "--dir", tmp_path / "copy", "--public-key", tmp_path / "key", "--json", code=1))
    assert {(finding["kind"], finding["where"]) for finding in said["findings"]} >= {("unreadable", key) for key in odd}
    assert log.found() >= {("unreadable", key) for key in odd}
    assert not [path for path in tmp_path.iterdir() if path.name not in {"key", "copy"}]
