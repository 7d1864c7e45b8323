"""The envelope: payloads in the vault, references in the record, and never the one without the other."""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from audit_core.digest import digest_bytes
from audit_core.layout import EnvelopeMode
from audit_core.masking import PLACEHOLDER, Masker
from aws_client.s3 import Put
from log_writer.config import Config, Limits
from log_writer.reply import Response
from log_writer.service import Request, Writer
from tests.unit.log_writer.harness import EVENT, GUIDE, NOW, PLANTED, SECRET_TEXT, TOKEN, MemoryStore


@dataclass
class Both:
    """A writer with a log and a vault."""

    writer: Writer
    log: MemoryStore
    vault: MemoryStore

    def post(self, *events: dict[str, Any]) -> Response:
        """Post `events`."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        body = json.dumps(events).encode()
        deadline = time.monotonic() + 10
        return self.writer.handle(Request(method="POST", path="/", headers=headers, body=body, deadline=deadline))


def make(config: Config, masker: Masker, mode: EnvelopeMode, *, limits: Limits | None = None) -> Both:
    """A writer in `mode`."""
    log, vault = MemoryStore(), MemoryStore()
    settings = replace(config, envelope=mode, vault_bucket="the-vault", limits=limits or config.limits)
    return Both(Writer(settings, masker=masker, store=log, vault_store=vault, now=lambda: NOW), log, vault)


EVENT_WITH_PAYLOADS = EVENT | {
    "request": {"prompt": SECRET_TEXT, "api_key": PLANTED},
    "response": f"the answer {PLANTED}",
}


def test_masked(config: Config, masker: Masker) -> None:
    """What is kept has been through the masker; the record refers to it, with its size, type and digest."""
    both = make(config, masker, "masked")
    assert both.post(EVENT_WITH_PAYLOADS).status == 200
    (record,) = both.log.records
    folder = f"payloads/{record['record_id']}/"
    kept = {key.removeprefix(folder): data for key, data in both.vault.objects.items()}
    assert json.loads(kept["request"]) == {"prompt": SECRET_TEXT, "api_key": PLACEHOLDER}
    assert kept["response"] == f"the answer {PLACEHOLDER}".encode()
    assert record["envelope"] == {
        "mode": "masked",
        **{
            side: {
                "ref": f"s3://the-vault/{folder}{side}",
                "bytes": len(kept[side]),
                "mime": mime,
                "digest": digest_bytes(kept[side]),
            }
            for side, mime in (("request", "application/json"), ("response", "text/plain"))
        },
    }
    assert both.vault.headers[folder + "request"] == {"Content-Type": "application/json"}
    assert {item["path"] for item in record["redactions"]} == {"/envelope/request", "/envelope/response"}
    assert SECRET_TEXT.encode() not in b"".join(both.log.lines)


def test_raw(config: Config, masker: Masker) -> None:
    """The payload as it came; the record has no digest of it, as its secrets would be in that."""
    both = make(config, masker, "raw")
    both.post(EVENT_WITH_PAYLOADS | {"response": None, "response_base64": base64.b64encode(b"\xff\x00").decode()})
    (record,) = both.log.records
    folder = f"payloads/{record['record_id']}/"
    assert json.loads(both.vault.objects[folder + "request"]) == EVENT_WITH_PAYLOADS["request"]
    assert both.vault.objects[folder + "response"] == b"\xff\x00"
    assert record["envelope"]["response"] == {
        "ref": f"s3://the-vault/{folder}response",
        "bytes": 2,
        "mime": "application/octet-stream",
    }
    assert "digest" not in record["envelope"]["request"]
    assert PLANTED.encode() not in b"".join(both.log.lines)


def test_a_streamed_payload_is_kept_whole(config: Config, masker: Masker) -> None:
    """Its chunks in one piece."""
    both = make(config, masker, "masked")
    both.post(EVENT | {"response_chunks": ["the ans", f"wer {PLANTED}", ", too"]})
    assert list(both.vault.objects.values()) == [f"the answer {PLACEHOLDER}, too".encode()]


def test_what_cannot_be_masked_is_not_kept(config: Config, masker: Masker) -> None:
    """Size and type alone, and it says so; the other side is kept."""
    both = make(config, masker, "masked")
    both.post(EVENT | {"request_base64": base64.b64encode(b"\xff\xfe\x00" * 9).decode(), "response": "fine"})
    (record,) = both.log.records
    assert record["envelope"]["request"] == {"bytes": 27, "mime": "application/octet-stream"}
    assert {"path": "/envelope/request", "rule": "unscannable"} in record["redactions"]
    assert [key.rpartition("/")[2] for key in both.vault.objects] == ["response"]


def test_nothing_to_keep(config: Config, masker: Masker) -> None:
    """Ready digests bring no payload, and their record no envelope."""
    both = make(config, masker, "raw")
    both.post(GUIDE)
    assert "envelope" not in both.log.records[0]
    assert both.vault.puts == 0


def test_off(config: Config, masker: Masker) -> None:
    """The default: payloads go nowhere."""
    log = MemoryStore()
    both = Both(Writer(config, masker=masker, store=log, now=lambda: NOW), log, MemoryStore())
    both.post(EVENT_WITH_PAYLOADS)
    assert "envelope" not in both.log.records[0]


def test_the_vault_comes_first(config: Config, masker: Masker) -> None:
    """No record refers to what is not there: a vault that fails is 503, and nothing is logged."""
    both = make(config, masker, "masked")
    both.vault.failing = True
    assert both.post(EVENT_WITH_PAYLOADS).status == 503
    assert both.log.puts == 0
    both.vault.failing = False
    assert both.post(EVENT_WITH_PAYLOADS).status == 200
    assert len(both.log.records) == 1


@pytest.mark.parametrize("events", [1, 3])
def test_one_failure_among_many(config: Config, masker: Masker, events: int) -> None:
    """Every payload must be durable before the record is."""

    class Flaky(MemoryStore):
        def put(self, key: str, body: bytes, *, headers: Mapping[str, str], deadline: float) -> Put:
            self.failing = self.puts == events  # the second payload of one event, one in the middle of more
            return super().put(key, body, headers=headers, deadline=deadline)

    both = make(config, masker, "raw")
    both.writer._vault = Flaky()
    sent = [EVENT_WITH_PAYLOADS | {"id": str(number)} for number in range(events)]
    assert both.post(*sent).status == 503
    assert both.log.puts == 0


def test_a_retry_finds_itself(config: Config, masker: Masker) -> None:
    """The same keys in both buckets, and nothing stored twice."""
    both = make(config, masker, "masked")
    first, again = both.post(EVENT_WITH_PAYLOADS), both.post(EVENT_WITH_PAYLOADS)
    assert json.loads(again.body)["stored"][0]["duplicate"]
    assert json.loads(first.body)["stored"][0]["record_id"] == json.loads(again.body)["stored"][0]["record_id"]
    assert (len(both.log.objects), len(both.vault.objects)) == (1, 2)


def test_the_mode_is_part_of_the_record(config: Config, masker: Masker) -> None:
    """Under another mode the same batch is another record: it refers to something else."""
    ids = {json.loads(make(config, masker, mode).post(EVENT_WITH_PAYLOADS).body)["stored"][0]["record_id"]
           for mode in ("off", "masked", "raw")}  # fmt: skip
    assert len(ids) == 3


def test_more_than_can_be_kept_in_time(config: Config, masker: Masker) -> None:
    """So many payloads that the time would not do are refused for good, not put off for ever."""
    both = make(config, masker, "raw", limits=Limits(kept_payloads=4))
    sent = [EVENT_WITH_PAYLOADS | {"id": str(number)} for number in range(3)]
    response = both.post(*sent)
    assert response.status == 413
    assert "payloads" in json.loads(response.body)["detail"]
    assert both.post(*sent[:2]).status == 200
    assert len(both.vault.objects) == 4


def test_an_agents_own_envelope(config: Config, masker: Masker) -> None:
    """References of its own are kept as such, and come back as they went; beside ours they are an attribute."""
    both = make(config, masker, "raw")
    both.post(GUIDE | {"envelope": {"request": "s3://mine/a"}})
    (record,) = both.log.records
    assert record["envelope"] == {"mode": "external", "request": {"ref": "s3://mine/a"}}
    assert both.post(record).status == 200
    assert [item["envelope"] for item in both.log.records] == [record["envelope"]] * 2
    both.post(EVENT_WITH_PAYLOADS | {"envelope": {"request": "s3://mine/a"}})
    (mixed,) = (item for item in both.log.records if item["envelope"]["mode"] == "raw")
    assert mixed["attributes"]["sent_envelope"]["type"] == "object"
