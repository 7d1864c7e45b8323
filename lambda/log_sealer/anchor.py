"""Time stamps of checkpoints by an authority outside the account (RFC 3161).

Promise: what is stored as a time stamp was granted, for the checkpoint's very bytes and for this very request. A
checkpoint is stamped once. The sealer knows no roots, so only `verify` judges the authority's signature. The authority
learns a digest and nothing else of the log.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable

import urllib3
from rfc3161_client import TimestampRequestBuilder
from rfc3161_client.base import HashAlgorithm

from audit_core.layout import CHECKPOINT, anchor_key, checkpoint_key
from audit_core.notes import Checkpoint
from audit_core.timestamps import MAX_TIMESTAMP_BYTES, TimestampError, read_timestamp
from log_sealer.bucket import Bucket
from log_sealer.ledger import TamperedError

FAILED = "anchor-failed"
_MIME = "application/timestamp-query"
_REPLY_MIME = "application/timestamp-reply"
_OK = 200
_ATTEMPTS = 3
_PAUSE = 5.0
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 20.0

Alarm = Callable[[str, str], None]


class StampError(Exception):
    """The authority gave no valid time stamp. The message is in our own words."""


class Authority:
    """An authority at an address. `pause`: seconds before it is asked again."""

    def __init__(self, url: str, *, pause: float = _PAUSE) -> None:
        self._url = url
        self._pause = pause
        self._pool = urllib3.PoolManager(retries=False, cert_reqs="CERT_REQUIRED")

    def stamp(self, data: bytes) -> bytes:
        """Return the authority's response about the SHA-256 of `data`. Raise `StampError`."""
        request = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256).build()
        asked, nonce = request.as_bytes(), request.nonce
        failure = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(self._pause)
            try:
                reply = self._post(asked)
            except urllib3.exceptions.HTTPError as error:
                failure = type(error).__name__
                continue
            check(reply, data=data, nonce=nonce)
            return reply
        raise StampError(f"no answer: {failure}")

    def _post(self, asked: bytes) -> bytes:
        reply = self._pool.request(
            "POST",
            self._url,
            body=asked,
            headers={"Content-Type": _MIME, "Accept": _REPLY_MIME},
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            if reply.status != _OK:
                raise StampError(f"the authority answered {reply.status}")
            body = reply.read(MAX_TIMESTAMP_BYTES + 1)
        finally:
            reply.close()
        if len(body) > MAX_TIMESTAMP_BYTES:
            raise StampError("the answer is too large for a time stamp")
        return body


def check(reply: bytes, *, data: bytes, nonce: int | None) -> None:
    """Reject anything but a granted time stamp of `data` and of the request with `nonce`. Raise `StampError`."""
    try:
        answered = read_timestamp(reply, data).tst_info.nonce
    except TimestampError as error:
        raise StampError(f"the answer {error.reason}") from None
    except (ValueError, TypeError, OverflowError):
        raise StampError("the answer has no valid nonce") from None
    if answered != nonce:
        raise StampError("the answer is of another request")


def anchor(
    bucket: Bucket, authority: Authority, *, opened: Callable[[bytes], Checkpoint | None], alarm: Alarm
) -> tuple[int, bool]:
    """Have the newest checkpoint stamped once. Return its size, and whether it was stamped now.

    `opened`: the checkpoint in a note that the log's key has signed. Raises an alarm when there is no time stamp;
    raises `TamperedError` when the newest checkpoint is not the one that is kept of its size.
    """
    newest = bucket.read(CHECKPOINT)
    checkpoint = None if newest is None else opened(newest.body)
    if newest is None or checkpoint is None:
        raise TamperedError("edge-mismatch", CHECKPOINT)
    size = checkpoint.size
    stamp_key, kept = anchor_key(size), bucket.read(checkpoint_key(size))
    if kept is None or not hmac.compare_digest(kept.body, newest.body):
        raise TamperedError("conflict", checkpoint_key(size))
    if not size or bucket.read(stamp_key) is not None:
        return size, False
    try:
        reply = authority.stamp(kept.body)
    except StampError:
        alarm(FAILED, checkpoint_key(size))
        return size, False
    return size, bucket.create(stamp_key, reply, mime=_REPLY_MIME)
