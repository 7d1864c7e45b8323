"""Keyed digests and pseudonyms, with everything real: the parameter, the function's role, the caller's credentials."""

import contextlib
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit_core.keys import Keys, parse_keys
from cli.check import run_controls
from cli.checks.probe import Outcome
from cli.main import main
from cli.reader import LogReader, StoredRecord
from policies.controls import CONTROLS
from tests.local.check.cloud import Cloud
from tests.local.stack import deployed_alone

FORM = b'{"amount":5,"api_key":"***REDACTED***"}'
EVENT = {
    "timestamp": "2026-07-02T00:00:00Z",
    "endpoint": "https://api.example.com/v1/things",
    "status": 200,
    "user_id": "ada@example.com",
    "request": {"amount": 5, "api_key": "one"},
    "response": "done",
}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A stack of its own whose digests are keyed."""
    with (
        deployed_alone(tmp_path_factory.mktemp("keyed"), digest="hmac-sha256") as stack,
        contextlib.closing(Cloud(outputs=stack.outputs)) as cloud,
    ):
        yield cloud


def keys_of(cloud: Cloud) -> Keys:
    """The stack's keys, as the account's root reads them."""
    held = cloud.root("ssm").get_parameter(Name=cloud.deployment.keys_parameter, WithDecryption=True)
    return parse_keys(held["Parameter"]["Value"])


def stored(cloud: Cloud, record_id: str) -> StoredRecord:
    """A record, read back."""
    reader = LogReader(cloud.root("s3"), cloud.deployment.bucket)
    holding = reader.holding(record_id)
    assert holding is not None
    (record,) = (item for item in reader.read(holding) if isinstance(item, StoredRecord))
    return record


@pytest.mark.timeout(300)
def test_digests_are_keyed_and_can_be_checked(keyed: Cloud, tmp_path: Path) -> None:
    """The function reads the key as its role; who may read it too recognises the payload, and nobody else does."""
    posted = keyed.post(EVENT)
    assert posted.status_code == 200, posted.text
    record_id = posted.json()["stored"][0]["record_id"]
    record = stored(keyed, record_id).record
    key = keys_of(keyed).digest.key
    assert record["request_hash"] == f"hmac-sha256:{key.key_id}:{hmac.digest(key.key, FORM, 'sha256').hex()}"
    assert str(record["user_id"]).startswith("pseudonym-")
    assert str(record["masking"]).endswith(f"+{keys_of(keyed).pseudonym.current}")
    outputs, payload, key_file = tmp_path / "outputs.json", tmp_path / "payload", tmp_path / "keys.json"
    outputs.write_text(json.dumps(keyed.outputs))
    ring = {"current": "other", "keys": {"other": "b" * 43 + "="}}
    key_file.write_text(json.dumps(ring))
    asked = ["digest", str(payload), "--record", record_id, "--outputs", str(outputs)]
    others = ("--key-file", str(key_file))
    for content, more, code, words in (
        ('{"api_key": "two", "amount": 5}', (), 0, "is the request of"),
        ("done\n", (), 0, "without its last newline is the response of"),
        ("other", (), 1, "neither"),
        ("done", others, 2, f"no key {key.key_id}"),
    ):
        payload.write_text(content)
        done = CliRunner().invoke(main, [*asked, *more])
        assert (done.exit_code, words in done.output) == (code, True), done.output
    payload.write_text("done")
    printed = CliRunner().invoke(main, ["digest", str(payload), "--keyed", "--outputs", str(outputs)])
    assert printed.output == f"{record['response_hash']}\n"
    plain = CliRunner().invoke(main, ["digest", str(payload)])
    assert plain.output == f"sha256:{hashlib.sha256(b'done').hexdigest()}\n"


@pytest.mark.timeout(300)
def test_the_checklist_recomputes_keyed_digests(keyed: Cloud) -> None:
    """With the keys that the caller may read; a stack with keyed digests passes as any other."""
    controls = [row for row in CONTROLS if row.id in {"known-call-recorded", "digests-recomputable"}]
    assert len(controls) == 2
    for line in run_controls(keyed.deployment, controls):
        assert line.verdict.outcome is Outcome.PASSED, line.verdict.detail


@pytest.mark.timeout(300)
def test_without_the_parameter_nothing_is_stored(keyed: Cloud) -> None:
    """A function that cannot read its keys answers 503; whoever checks a digest is told why not."""
    name = keyed.deployment.keys_parameter
    held = keyed.root("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    keyed.root("ssm").delete_parameter(Name=name)
    function = keyed.deployment.function_name
    # Another environment variable is another environment: what was read before is forgotten.
    keyed.root("lambda").update_function_configuration(FunctionName=function, Environment={"Variables": {"ANEW": "1"}})
    try:
        posted = keyed.post(EVENT | {"timestamp": "2026-07-03T00:00:00Z"})
        assert posted.status_code == 503, posted.text
    finally:
        keyed.root("ssm").put_parameter(Name=name, Value=held, Type="SecureString")
    assert keyed.post(EVENT | {"timestamp": "2026-07-03T00:00:00Z"}).status_code == 200
