"""All versions of every key are read, oldest first, wherever a page of the listing ends."""

import gzip
import random
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from cli.reader import LogReader, StoredRecord
from cli.verify import source
from localcloud.emulator import Emulator

Versions = dict[str, list[str]]


@pytest.fixture(scope="module")
def s3(emulator: Emulator) -> Iterator[Any]:
    """Yield an S3 client of the emulator's root."""
    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    config = Config(proxies={}, s3={"addressing_style": "path"})
    client = session.client("s3", endpoint_url=emulator.url, config=config)
    yield client
    client.close()


@pytest.fixture(scope="module")
def bucket(s3: Any) -> tuple[str, Versions, Versions]:  # noqa: ANN401 - a boto3 client
    """Return a bucket of many keys with one to five versions and markers between, and what it holds, oldest first."""
    name = f"reader-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    chosen = random.Random(7)  # noqa: S311 - the same bucket each time
    keys = [f"records/dt=2026-07-{day:02}/{letter}\u2011{day}.jsonl.gz" for day in (1, 2, 30) for letter in "abcZ"]
    versions: Versions = {key: [] for key in keys}
    markers: Versions = {key: [] for key in keys}
    writes = [key for key in keys for _ in range(chosen.randint(1, 5))]
    chosen.shuffle(writes)
    for key in writes:
        body = gzip.compress(b'{"n":%d}\n' % len(versions[key]))
        versions[key].append(s3.put_object(Bucket=name, Key=key, Body=body)["VersionId"])
        if chosen.random() < 0.2:
            markers[key].append(s3.delete_object(Bucket=name, Key=key)["VersionId"])
    return name, versions, markers


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 1000])
def test_every_key_comes_once_with_all_its_versions(
    s3: Any,  # noqa: ANN401 - a boto3 client
    bucket: tuple[str, Versions, Versions],
    page_size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A key whose versions lie on two pages is one key still."""
    name, versions, markers = bucket
    monkeypatch.setattr(source, "_PAGE", page_size)
    found = list(LogReader(s3, name).objects())
    assert [stored.key for stored in found] == sorted(versions, key=str.encode)
    assert {stored.key: list(stored.version_ids) for stored in found} == versions
    assert {stored.key: sorted(stored.marker_ids) for stored in found} == {key: sorted(m) for key, m in markers.items()}


def test_the_first_version_is_the_record(s3: Any, bucket: tuple[str, Versions, Versions]) -> None:  # noqa: ANN401
    """What came after is a finding each, and is not read."""
    name, versions, markers = bucket
    log = LogReader(s3, name)
    for stored in log.objects():
        items = list(log.read(stored))
        records = [item for item in items if isinstance(item, StoredRecord)]
        assert [item.record for item in records] == [{"n": 0}]
        assert len(items) - 1 == len(versions[stored.key]) - 1 + len(markers[stored.key])


def test_a_listing_can_begin_later(s3: Any, bucket: tuple[str, Versions, Versions]) -> None:  # noqa: ANN401
    """`after` leaves out the days before, and no key of the day itself."""
    name, versions, _ = bucket
    found = [stored.key for stored in LogReader(s3, name).objects(after="records/dt=2026-07-02")]
    assert found == sorted((key for key in versions if "dt=2026-07-01" not in key), key=str.encode)
