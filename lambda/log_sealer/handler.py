"""The Lambda entry point: a schedule's event in, one run, one line of operational log and one for each finding.

Promise: the log holds keys of objects, counts and kinds of findings; nothing of a record.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from audit_core.config import config_path
from audit_core.errors import AuditError
from audit_core.layout import CHECKPOINT
from aws_client.services import JsonService, Topic, endpoint_of
from aws_client.signed import SignedClient, role_credentials
from log_sealer.bucket import Bucket
from log_sealer.config import Config, load_config
from log_sealer.ledger import Ledger, TamperedError
from log_sealer.sealer import Sealed, Sealer
from log_sealer.services import KmsSigner, Notices

_CONNECTIONS = 20
_SPARE_SECONDS = 30.0
MAIL = """\
Keep this message. It is the audit log's checkpoint over its first {size} entries. Put the lines between the rules into
a file, and `audit-log verify log --against FILE` says whether the log still begins with exactly these entries,
whoever has changed it since.

----------------------------------------------------------------------
{checkpoint}----------------------------------------------------------------------

The key that signed it, as `audit-log verify key` prints it:

{key}
"""


class Context(Protocol):
    """What the sealer uses of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the platform ends the invocation."""
        ...


def handler(event: Mapping[str, object], context: Context) -> dict[str, object]:
    """Do one run and return its line of log. Raise the cause of a failure.

    `event`: `{"task": …}` with `seal` (as without one), `reconcile`, `mail` (publishes the newest checkpoint) or
    `anchor` (has it time-stamped).
    """
    started = time.monotonic()
    deadline = started + context.get_remaining_time_in_millis() / 1000 - _SPARE_SECONDS
    task = event.get("task", "seal")
    run = _TASKS.get(task) if isinstance(task, str) else None
    if run is None:
        raise AuditError(f"must be one of {', '.join(_TASKS)}", field="task")
    try:
        done = run(_parts(), deadline)
    except TamperedError as error:
        alarm(error.kind, error.key)
        raise
    line: dict[str, object] = {**done, "duration_ms": round((time.monotonic() - started) * 1000, 1)}
    _write(line)
    return line


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a run is done with."""

    config: Config
    bucket: Bucket
    signer: KmsSigner
    sealer: Sealer
    topic: Topic


def _seal(parts: Parts, deadline: float) -> dict[str, object]:
    return _sealed("seal", parts.sealer.seal(deadline=deadline))


def _reconcile(parts: Parts, deadline: float) -> dict[str, object]:
    return _sealed("reconcile", parts.sealer.reconcile(deadline=deadline))


def _sealed(task: str, sealed: Sealed) -> dict[str, object]:
    return {
        "event": "sealed",
        "task": task,
        "size": sealed.size,
        "entries": sealed.entries,
        "objects": sealed.objects,
    }


def _mail(parts: Parts, _: float) -> dict[str, object]:
    """Send the newest checkpoint to where nobody in this account can change it."""
    newest = parts.bucket.read(CHECKPOINT)
    checkpoint = None if newest is None else parts.signer.opened(newest.body)
    if newest is None or checkpoint is None:
        raise TamperedError("edge-mismatch", CHECKPOINT)
    text = MAIL.format(size=checkpoint.size, checkpoint=newest.body.decode(), key=parts.signer.key.text)
    parts.topic.publish(f"Audit log: checkpoint of {checkpoint.size} entries", text)
    return {"event": "mailed", "size": checkpoint.size}


def _anchor(parts: Parts, _: float) -> dict[str, object]:
    from log_sealer.anchor import Authority, anchor  # noqa: PLC0415 - its library is packaged only where it is used

    if not parts.config.anchor_url:
        raise AuditError("must not be empty where checkpoints are time-stamped", field="anchor_url")
    authority = Authority(parts.config.anchor_url)
    size, new = anchor(parts.bucket, authority, opened=parts.signer.opened, alarm=alarm)
    return {"event": "anchored", "size": size, "new": new}


_TASKS: dict[str, Callable[[Parts, float], dict[str, object]]] = {
    "seal": _seal,
    "reconcile": _reconcile,
    "mail": _mail,
    "anchor": _anchor,
}


def alarm(kind: str, key: str) -> None:
    """Write down a finding; a metric filter makes an alarm of it."""
    _write({"event": "alarm", "kind": kind, "object": key})


def make_parts(config: Config) -> Parts:
    """Make the parts of this environment: its role's credentials, and AWS at `AWS_ENDPOINT_URL` where that is set."""
    client = SignedClient(region=config.region, credentials=role_credentials, connections=_CONNECTIONS)
    bucket = Bucket(name=config.bucket, client=client, endpoint_url=endpoint_of("s3"))
    kms = JsonService("kms", client=client, endpoint_url=endpoint_of("kms"))
    sqs = JsonService("sqs", client=client, endpoint_url=endpoint_of("sqs"))
    signer = KmsSigner(key_id=config.key_id, origin=config.origin, kms=kms)
    sealer = Sealer(
        bucket=bucket,
        ledger=Ledger(bucket, signer, alarm=alarm),
        notices=Notices(queue_url=config.queue_url, sqs=sqs),
        retention_days=config.retention_days,
        alarm=alarm,
    )
    topic = Topic(config.topic_arn, client=client, endpoint_url=endpoint_of("sns"))
    return Parts(config=config, bucket=bucket, signer=signer, sealer=sealer, topic=topic)


@functools.cache
def _parts() -> Parts:
    return make_parts(load_config(config_path()))


def _write(entry: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(entry, ensure_ascii=True) + "\n")
    sys.stdout.flush()
