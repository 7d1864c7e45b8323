"""The vault, with a real bucket and a real key: encrypted as the bucket says, refused without its consent."""

import gzip
import hashlib
import json
import time
import uuid
from typing import Any

import boto3
import pytest
from botocore.config import Config as ClientConfig

from audit_core.masking import PLACEHOLDER
from localcloud.emulator import Emulator
from log_writer.config import Agent, Config, Token
from log_writer.handler import make_writer
from log_writer.reply import Response
from log_writer.service import Request

TOKEN = "aal_vault"
REGION = "us-east-1"
PLANTED = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"  # invented, in the form of a real vendor's
EVENT = {"timestamp": "2026-06-30T12:34:56Z", "request": {"api_key": PLANTED, "q": "where?"}, "response": "there"}


def client(emulator: Emulator, service: str) -> Any:  # noqa: ANN401 - a boto3 client is made at run time
    """A client of the account's root."""
    config = ClientConfig(proxies={}, s3={"addressing_style": "path"})
    session: Any = boto3.Session(region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    return session.client(service, endpoint_url=emulator.url, config=config)


@pytest.fixture
def names(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A log, a vault under a customer key, and the function's environment."""
    for name, value in {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    s3 = client(emulator, "s3")
    run = uuid.uuid4().hex[:12]
    for kind in ("log", "vault"):
        s3.create_bucket(Bucket=f"{kind}-{run}")
    key = client(emulator, "kms").create_key()["KeyMetadata"]["Arn"]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket=f"vault-{run}", ServerSideEncryptionConfiguration={"Rules": [rule]})
    return {"log": f"log-{run}", "vault": f"vault-{run}", "key": key}


def post(names: dict[str, str], *, vault: str) -> Response:
    """Post the event to a writer that keeps masked payloads in `vault`."""
    token = Token(sha256=hashlib.sha256(TOKEN.encode()).hexdigest())
    agents = (Agent(name="my-agent", tokens=(token,)),)
    config = Config(bucket=names["log"], region=REGION, agents=agents, envelope="masked", vault_bucket=vault)
    headers = {"authorization": f"Bearer {TOKEN}"}
    body = json.dumps(EVENT).encode()
    return make_writer(config).handle(
        Request(method="POST", path="/", headers=headers, body=body, deadline=time.monotonic() + 3)
    )


def test_kept_where_the_record_says(names: dict[str, str], emulator: Emulator) -> None:
    """What `ref` names is there, masked, under the vault's own key; sent again it is the same object."""
    assert [post(names, vault=names["vault"]).status for _ in range(2)] == [200, 200]
    s3 = client(emulator, "s3")
    (logged,) = s3.list_objects_v2(Bucket=names["log"])["Contents"]
    record = json.loads(gzip.decompress(s3.get_object(Bucket=names["log"], Key=logged["Key"])["Body"].read()))
    assert len(s3.list_objects_v2(Bucket=names["vault"])["Contents"]) == 2
    bucket, _, key = record["envelope"]["request"]["ref"].removeprefix("s3://").partition("/")
    kept = s3.get_object(Bucket=bucket, Key=key)
    assert json.loads(kept["Body"].read()) == {"api_key": PLACEHOLDER, "q": "where?"}
    assert (kept["ServerSideEncryption"], kept["SSEKMSKeyId"]) == ("aws:kms", names["key"])
    assert kept["ContentType"] == "application/json"


def test_a_vault_that_is_not_there(names: dict[str, str], emulator: Emulator) -> None:
    """503, and no record of a payload that is nowhere."""
    assert post(names, vault="nowhere-" + names["vault"]).status == 503
    assert "Contents" not in client(emulator, "s3").list_objects_v2(Bucket=names["log"])
