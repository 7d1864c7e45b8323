"""The Lambda entry point: a schedule's event in, one run, one line of operational log and one for each finding.

Promise: the log holds keys of objects, counts and kinds of findings; nothing of a record.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from aws_client.signed import Credentials, SignedClient
from log_sealer.bucket import Bucket
from log_sealer.config import Config, load_config
from log_sealer.ledger import Ledger, TamperedError
from log_sealer.sealer import Sealer
from log_sealer.services import JsonService, KmsSigner, Notices

CONFIG_FILE = "config.json"
_CONNECTIONS = 20
_SPARE_SECONDS = 30.0


class Context(Protocol):
    """What the sealer uses of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the platform ends the invocation."""
        ...


def handler(event: Mapping[str, object], context: Context) -> dict[str, object]:
    """One run. `event`: `{"task": "seal"}`, as without one, or `{"task": "reconcile"}`. Raises what it failed with."""
    started = time.monotonic()
    deadline = started + context.get_remaining_time_in_millis() / 1000 - _SPARE_SECONDS
    task = event.get("task", "seal")
    sealer = _sealer()
    try:
        sealed = sealer.reconcile(deadline=deadline) if task == "reconcile" else sealer.seal(deadline=deadline)
    except TamperedError as error:
        alarm(error.kind, error.key)
        raise
    done: dict[str, object] = {
        "event": "sealed",
        "task": "reconcile" if task == "reconcile" else "seal",
        "size": sealed.size,
        "entries": sealed.entries,
        "objects": sealed.objects,
        "duration_ms": round((time.monotonic() - started) * 1000, 1),
    }
    _write(done)
    return done


def alarm(kind: str, key: str) -> None:
    """Write down a finding; a metric filter makes an alarm of it."""
    _write({"event": "alarm", "kind": kind, "object": key})


def make_sealer(config: Config) -> Sealer:
    """The sealer of this environment: its role's credentials, and AWS at `AWS_ENDPOINT_URL` where that is set."""
    client = SignedClient(region=config.region, credentials=_credentials, connections=_CONNECTIONS)
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    bucket = Bucket(name=config.bucket, client=client, endpoint_url=os.environ.get("AWS_ENDPOINT_URL_S3") or endpoint)
    kms = JsonService("kms", client=client, endpoint_url=os.environ.get("AWS_ENDPOINT_URL_KMS") or endpoint)
    sqs = JsonService("sqs", client=client, endpoint_url=os.environ.get("AWS_ENDPOINT_URL_SQS") or endpoint)
    signer = KmsSigner(key_id=config.key_id, origin=config.origin, kms=kms)
    return Sealer(
        bucket=bucket,
        ledger=Ledger(bucket, signer, alarm=alarm),
        notices=Notices(queue_url=config.queue_url, sqs=sqs),
        retention_days=config.retention_days,
        alarm=alarm,
    )


@functools.cache
def _sealer() -> Sealer:
    root = Path(os.environ.get("LAMBDA_TASK_ROOT") or Path(__file__).parent.parent)
    return make_sealer(load_config(root / CONFIG_FILE))


def _credentials() -> Credentials:
    return Credentials(
        access_key=os.environ["AWS_ACCESS_KEY_ID"],
        secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        token=os.environ.get("AWS_SESSION_TOKEN"),
    )


def _write(entry: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(entry, ensure_ascii=True) + "\n")
    sys.stdout.flush()
