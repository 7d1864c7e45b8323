"""Copies, and what S3 hands out of the seal, by somebody who wants verification to pass, to stop or to end early."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from audit_core.layout import CHECKPOINT, KEY, RECORDS, RULES
from cli.verify.copying import copy_log
from cli.verify.findings import Finding
from cli.verify.folder import FolderSource
from cli.verify.log import VerifyOptions, verify_log
from cli.verify.source import BrokenCopyError, BucketSource
from tests.adversarial.sealed_log import SealedLog, made, verified, write_listing


@pytest.fixture
def log() -> SealedLog:
    """Return a log of a few objects."""
    return made(5, 12, per_seal=2)


def test_a_copy_from_the_future(log: SealedLog, tmp_path: Path) -> None:
    """A copy that says it was made later than now is refused: what was removed from it would pass for expired."""
    gone = next(key for key in log.files if key.startswith(RECORDS))
    del log.files[gone], log.versions[gone]
    folder = log.write(tmp_path)
    assert [finding.kind for finding in verified(folder, log.key).findings] == ["missing"]
    write_listing(folder, log.versions, datetime.now(UTC) + timedelta(days=400))
    with pytest.raises(BrokenCopyError, match="is in the future"):
        verified(folder, log.key)


@pytest.mark.parametrize("body", [b"", b"garbage", b'{"retention_days":0}', b'{"retention_days":1}\n'])
def test_a_rule_that_is_not_one(log: SealedLog, tmp_path: Path, body: bytes) -> None:
    """A file among the rules that says nothing is found."""
    log.put(f"{RULES}0001", body)
    found = verified(log.write(tmp_path), log.key).findings
    assert found == [Finding(kind="unexpected", where=f"{RULES}0001")]


class _S3:
    """S3 with the files of a log, as far as verification asks; some it does not hand out."""

    def __init__(self, log: SealedLog, refused: dict[str, str] | None = None) -> None:
        self._log = log
        self._refused = refused or {}

    def get_paginator(self, _: str) -> "_S3":
        return self

    def paginate(self, *, Prefix: str, **_: object) -> Iterator[dict[str, Any]]:  # noqa: N803 - S3's name
        yield {
            "Versions": [
                {"Key": key, "VersionId": row.version, "LastModified": row.stored_at, "Size": row.size}
                for key, rows in self._log.versions.items()
                if key.startswith(Prefix)
                for row in reversed(rows)
            ]
        }

    def get_object(self, *, Key: str, **_: object) -> dict[str, Any]:  # noqa: N803 - S3's name
        if Key in self._refused:
            raise ClientError({"Error": {"Code": self._refused[Key]}}, "GetObject")
        return {
            "Body": _Stream(self._log.files[Key]),
            "ObjectLockMode": "GOVERNANCE",
            "ObjectLockRetainUntilDate": self._log.versions[Key][0].retain_until,
        }


class _Stream(io.BytesIO):
    def iter_chunks(self, size: int) -> Iterator[bytes]:
        while piece := self.read(size):
            yield piece


@pytest.mark.parametrize(
    "key",
    [
        f"{KEY}/x",
        f"{CHECKPOINT}/x",
        "seal/tile/0/000.p/2/x",
        "seal/checkpoints/0/1",
        "seal/rules/0000/0000",
        "seal/sequence/0000000000000000/x",
        "seal/tile/entries/000.p",
        "seal",
        "seal/KEY",
    ],
)
def test_a_key_below_a_file_of_the_seal(log: SealedLog, tmp_path: Path, key: str) -> None:
    """No file is also a folder: the key has another place in the copy. It is found there and in the bucket."""
    log.put(key, b"x")
    source = BucketSource(_S3(log), "log")
    copy_log(source, tmp_path / "copy", copied=lambda _: None)
    for place in (source, FolderSource(tmp_path / "copy")):
        report = verify_log(place, VerifyOptions(key=log.key, now=log.now))
        found = {finding.where for finding in report.findings}
        assert found == ({key} if key.startswith("seal/") else set())


@pytest.mark.parametrize("code", ["InvalidRequest", "InvalidObjectState", "KMS.DisabledException"])
def test_a_file_that_s3_does_not_hand_out(log: SealedLog, tmp_path: Path, code: str) -> None:
    """It is named, whichever it is; a record is a finding, and the others are verified."""
    record, tile = (next(key for key in log.files if key.startswith(prefix)) for prefix in (RECORDS, "seal/tile/"))
    report = verify_log(BucketSource(_S3(log, {record: code}), "log"), VerifyOptions(key=log.key, now=log.now))
    assert [(finding.kind, finding.where) for finding in report.findings] == [("copy-broken", record)]
    with pytest.raises(BrokenCopyError, match=tile):
        verify_log(BucketSource(_S3(log, {tile: code}), "log"), VerifyOptions(key=log.key, now=log.now))
    with pytest.raises(BrokenCopyError, match=tile):
        copy_log(BucketSource(_S3(log, {tile: code}), "log"), tmp_path / "copy", copied=lambda _: None)
