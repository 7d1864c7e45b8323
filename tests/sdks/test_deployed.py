"""Each platform once through the whole stack: its real SDK, the function's URL, the packaged writer, the bucket."""

import gzip
import json
from pathlib import Path

import boto3
import pytest

from localcloud.deploy import Deployed
from tests.sdks import fields, scenarios
from tests.sdks.backend import assert_none_planted, calls_of
from tests.sdks.conftest import Python
from tests.sdks.fields import PLATFORMS, Platform

BY_NAME = {platform.name: platform for platform in PLATFORMS}


def stored(deployed: Deployed) -> dict[str, bytes]:
    """Every object under `records/`, unzipped, by key, as the account's root sees it."""
    s3 = boto3.client(
        "s3",
        endpoint_url=deployed.emulator.url,
        region_name=deployed.outputs["region"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    bucket = deployed.outputs["bucket"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="records/")
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return {key: gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys}


@pytest.mark.parametrize(
    ("platform", "source", "count"),
    [
        pytest.param(BY_NAME[name], source, count, id=name)
        for name, source, count in (
            ("Python client", "native", 2),
            ("Node client", "native", 2),
            ("OpenAI Agents, its own exporter", "openai-traces", 1),
            ("Claude Code, bodies on", "otlp-logs", 2),
            ("LiteLLM", "litellm", 1),
            ("OpenTelemetry, GenAI span", "otlp-traces", 2),
        )
    ],
)
def test_from_the_sdk_to_the_locked_bucket(
    deployed: Deployed, python_of: Python, tmp_path: Path, platform: Platform, source: str, count: int
) -> None:
    """What the agent did is in the bucket, in its agent's name, each call once, and nothing of what was said."""
    if platform.kit is not None:
        python_of(platform.kit)
    interpreter = fields.interpreter(platform)
    if interpreter is None:
        pytest.skip("not run: there is no Node here")
    before = stored(deployed)
    endpoint, token = deployed.outputs["endpoint"], deployed.outputs["token"]
    platform.run(scenarios.place_at(interpreter, tmp_path / "home", endpoint=endpoint, token=token))
    new = {key: body for key, body in stored(deployed).items() if key not in before}
    assert_none_planted([*new.values(), *(key.encode() for key in new)], token)
    records = [json.loads(line) for body in new.values() for line in body.splitlines()]
    assert source in {record["source"] for record in records}
    assert {record["agent_id"] for record in records} == {deployed.outputs["agent"]}
    assert len([call for call in calls_of(records) if platform.means(call)]) == count
