"""A PUT to a bucket of S3: checksummed, and tried again until its time is up.

Promise: `put` returns only after S3 has said, in a whole and well-formed reply, that an object with these bytes under
this key is durable, or that one is there already. Anything else is `NotDurableError`, within the time it was given.
"""

from __future__ import annotations

import base64
import hashlib
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from aws_client.services import bucket_url
from aws_client.signed import TRANSPORT_ERRORS, SignedClient

if TYPE_CHECKING:
    import urllib3

_OK = 200
_EXISTS = 412
_CONFLICT = 409
_THROTTLED = 429
_SERVER_ERROR = 500
_REQUEST_TIMEOUT = "RequestTimeout"
_LEAST_SECONDS = 0.25
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class NotDurableError(Exception):
    """It is not known that the object is stored. `attempts` were made; `cause` is a status or the kind of a failure."""

    def __init__(self, cause: str, attempts: int) -> None:
        super().__init__(cause)
        self.cause = cause
        self.attempts = attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """How a put ended. `existed`: an object was there, of an earlier request or of an attempt whose reply was lost."""

    existed: bool
    attempts: int


class S3Store:
    """A bucket. Safe to share between threads.

    `endpoint_url`: null for AWS's own regional endpoint; otherwise the bucket goes into the path.
    """

    def __init__(self, *, bucket: str, client: SignedClient, endpoint_url: str | None = None) -> None:
        self._client = client
        self._base = bucket_url(bucket, client.region, endpoint_url)

    def put(self, key: str, body: bytes, *, headers: Mapping[str, str], deadline: float, replace: bool = False) -> Put:
        """Store `body` under `key`, unless something is there; with `replace` also then, as a newer version."""
        sent = {
            **headers,
            **({} if replace else {"If-None-Match": "*"}),
            "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
        }
        attempts = 0
        pause = _FIRST_PAUSE
        cause = "no time left"
        while (left := deadline - time.monotonic()) > _LEAST_SECONDS:
            attempts += 1
            try:
                response = self._client.send("s3", "PUT", self.url_of(key), body=body, headers=sent, seconds=left)
            except TRANSPORT_ERRORS as error:
                cause = type(error).__name__
            else:
                cause = str(response.status)
                if _is_stored(response):
                    return Put(existed=False, attempts=attempts)
                if response.status == _EXISTS:
                    return Put(existed=True, attempts=attempts)
                if not _is_transient(response):
                    break
            time.sleep(max(0.0, min(pause * random.uniform(0.5, 1.0), deadline - time.monotonic())))  # noqa: S311
            pause = min(pause * 2, _LONGEST_PAUSE)
        raise NotDurableError(cause, attempts)

    def url_of(self, key: str) -> str:
        """Return where the object of `key` is put."""
        return self._base + quote(key, safe="/~")


def _is_stored(response: urllib3.BaseHTTPResponse) -> bool:
    # A reply that was cut off inside its headers still parses, and a proxy's login page is a 200 too. S3's own names
    # the object's ETag and ends with a length of zero.
    etag = response.headers.get("etag", "")
    return response.status == _OK and etag[:1] == etag[-1:] == '"' and response.headers.get("content-length") == "0"


def _is_transient(response: urllib3.BaseHTTPResponse) -> bool:
    if response.status in {_OK, _CONFLICT, _THROTTLED} or response.status >= _SERVER_ERROR:
        return True
    return _REQUEST_TIMEOUT.encode() in response.data[:2048]
