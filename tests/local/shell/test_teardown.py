"""How a trial is taken down: everything but the locked bucket today, the bucket once its locks have ended."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.connection import Connection, Deployment
from localcloud import deployer, place, stack_config
from localcloud import emulator as emulators
from localcloud.deploy import deploy, engine
from localcloud.emulator import Emulator
from localcloud.engine import EngineError
from localcloud.provider.cloud import Cloud
from tests.local.verify.test_verify import Log

CONFIG = stack_config.read(place.STACK_FILE)
pytestmark = pytest.mark.timeout(400)  # each test deploys the stack once or more


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Emulator, Path]]:
    """Yield an emulator and the folder of the trial stack that is deployed into it, with one record.

    The tests of this file share it, in their order: the last one takes it down.
    """
    tmp_path = tmp_path_factory.mktemp("trial")
    emulator = emulators.start(state_dir=tmp_path / "emulator")
    try:
        outputs = deploy(emulator, config=CONFIG, folder=tmp_path).outputs
        httpx.post(
            f"{outputs['endpoint']}/v1/events",
            json={"endpoint": "example.com", "method": "GET", "status": 200},
            headers={"Authorization": f"Bearer {outputs['token']}"},
            timeout=60,
            trust_env=False,
        ).raise_for_status()
        yield emulator, tmp_path
    finally:
        emulators.stop(state_dir=tmp_path / "emulator")


def test_keys_of_digests_outlive_the_state(trial: tuple[Emulator, Path]) -> None:
    """What is there is taken over; the keys that are drawn anew come beside the old ones."""
    emulator, folder = trial
    session = deployer.session(emulator, region=CONFIG["aws:region"])
    cloud = Cloud(
        endpoint_url=emulator.url, region=CONFIG["aws:region"], access_key=session.access_key,
        secret_key=session.secret_key, session_token=session.session_token,
    )  # fmt: skip
    name = json.loads((folder / place.OUTPUTS.name).read_text("utf-8"))["keys_parameter"]

    def keys() -> dict[str, dict[str, str]]:
        value = json.loads(cloud.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
        return {purpose: held["keys"] for purpose, held in value.items()}

    before = keys()
    (folder / place.STATE.name).unlink()
    deploy(emulator, config=CONFIG, folder=folder)
    after = keys()
    for purpose in before:
        assert before[purpose].items() < after[purpose].items()


def test_a_trial_goes_on_where_a_destroy_stopped(trial: tuple[Emulator, Path]) -> None:
    """The bucket that is left keeps its signing key, so the sealed log continues and is verified as one."""
    emulator, folder = trial
    outputs = json.loads((folder / place.OUTPUTS.name).read_text("utf-8"))
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(Connection(Deployment.from_outputs(outputs)))
        log = Log(deploy(emulator, config=CONFIG, folder=folder), folder, connection)
        log.seal(log.post()["stored"][0]["object"])
        with pytest.raises(EngineError, match="BucketNotEmpty"):
            engine(emulator, config=CONFIG, folder=folder).destroy()
    again = deploy(emulator, config=CONFIG, folder=folder)
    assert again.outputs["seal_key_id"] == outputs["seal_key_id"]
    with Connection(Deployment.from_outputs(again.outputs)) as connection:
        log = Log(again, folder, connection)
        log.seal(log.post()["stored"][0]["object"])
        assert log.live("log").splitlines()[-1] == "verified"


def test_teardown_of_a_trial(trial: tuple[Emulator, Path]) -> None:
    """The first destroy leaves the bucket, shut, with what reads it; once it is empty, the second leaves nothing."""
    emulator, folder = trial
    session = deployer.session(emulator, region=CONFIG["aws:region"])
    cloud = Cloud(
        endpoint_url=emulator.url,
        region=CONFIG["aws:region"],
        access_key=session.access_key,
        secret_key=session.secret_key,
        session_token=session.session_token,
    )
    s3, iam = cloud.client("s3"), cloud.client("iam")
    with pytest.raises(EngineError, match="BucketNotEmpty"):
        engine(emulator, config=CONFIG, folder=folder).destroy()
    (bucket,) = [item["Name"] for item in s3.list_buckets()["Buckets"]]
    assert {role["RoleName"] for role in iam.list_roles()["Roles"]} > {deployer.ROLE}
    assert cloud.client("lambda").list_functions()["Functions"] == []
    stored = _versions(s3, bucket)
    assert stored
    for version in stored:
        with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=bucket, **version, BypassGovernanceRetention=True)
    s3.delete_bucket_policy(Bucket=bucket)
    for version in stored:
        with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=bucket, **version)
        # A day cannot pass in a test: ending the lock with the administrator's own right stands for it.
        s3.delete_object(Bucket=bucket, **version, BypassGovernanceRetention=True)
    engine(emulator, config=CONFIG, folder=folder).destroy()
    assert s3.list_buckets()["Buckets"] == []
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == [deployer.ROLE]


def _versions(s3: Any, bucket: str) -> list[dict[str, str]]:  # noqa: ANN401 - boto3 makes its clients' classes at run time
    found = s3.list_object_versions(Bucket=bucket).get("Versions", [])
    return [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
