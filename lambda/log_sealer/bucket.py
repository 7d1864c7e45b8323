"""The log bucket, as the sealer sees it: versions, create-only puts, listings.

Promise: `create` never replaces anything; what a listing says comes in the order of keys, and of one key the oldest
version first. A request is tried again when nothing speaks against it, a bounded number of times, and then
`BucketError` says which kind of request failed and how.
"""

from __future__ import annotations

import base64
import hashlib
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlencode
from xml.etree import ElementTree as ET

from aws_client.signed import TRANSPORT_ERRORS, SignedClient, domain_of
from log_sealer.contents import StoredObject

if TYPE_CHECKING:
    import urllib3

_OK = 200
_MISSING = 404
_EXISTS = 412
_CONFLICT = 409
_THROTTLED = 429
_SERVER_ERROR = 500
_ATTEMPTS = 6
_FIRST_PAUSE = 0.1
_SECONDS = 30.0
_MAX_PAGES = 1_000_000
_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class BucketError(Exception):
    """The bucket could not be asked. `status` is the last reply's, 0 where none came."""

    def __init__(self, action: str, status: int, cause: str) -> None:
        super().__init__(f"{action}: {cause}")
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One row of a listing of versions. `marker`: a delete marker, and not an object."""

    key: str
    version: str
    stored_at: datetime
    marker: bool


class Bucket:
    """A bucket. Safe to share between threads. `endpoint_url`: null for AWS's own regional endpoint."""

    def __init__(self, *, name: str, client: SignedClient, endpoint_url: str | None = None) -> None:
        self._client = client
        self._base = (
            f"{endpoint_url.rstrip('/')}/{name}"
            if endpoint_url
            else f"https://{name}.s3.{client.region}.{domain_of(client.region)}"
        )

    def read(self, key: str, *, version: str | None = None) -> StoredObject | None:
        """An object, or null where there is none. Without `version`: the newest."""
        query = {"versionId": version} if version else {}
        reply = self._send("GET", key, query, missing=True)
        if reply.status == _MISSING:
            return None
        until = reply.headers.get("x-amz-object-lock-retain-until-date")
        return StoredObject(
            key=key,
            version=reply.headers.get("x-amz-version-id") or version or "null",
            stored_at=parsedate_to_datetime(reply.headers["last-modified"]).astimezone(UTC),
            retain_until=None if until is None else datetime.fromisoformat(until).astimezone(UTC),
            body=reply.data,
        )

    def create(self, key: str, body: bytes, *, mime: str) -> bool:
        """Put an object where none is: whether it was put. False: one was there, and is left as it is."""
        reply = self._send("PUT", key, {}, body=body, headers={"Content-Type": mime, "If-None-Match": "*"}, exists=True)
        return reply.status != _EXISTS

    def replace(self, key: str, body: bytes, *, mime: str) -> None:
        """Put an object whether or not one is there; the one before stays as a version."""
        self._send("PUT", key, {}, body=body, headers={"Content-Type": mime})

    def keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """The keys under `prefix` that come after `after`."""
        query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
        if after:
            query["start-after"] = after
        for _ in range(_MAX_PAGES):
            page = self._page(query)
            for item in page.iter(f"{_NAMESPACE}Contents"):
                yield unquote(_text(item, "Key"))
            token = page.findtext(f"{_NAMESPACE}NextContinuationToken")
            if not token:
                return
            query["continuation-token"] = token

    def folders(self, prefix: str) -> Iterator[str]:
        """What comes next below `prefix`, up to a slash and with it."""
        query = {"list-type": "2", "prefix": prefix, "delimiter": "/", "encoding-type": "url"}
        for _ in range(_MAX_PAGES):
            page = self._page(query)
            for item in page.iter(f"{_NAMESPACE}CommonPrefixes"):
                yield unquote(_text(item, "Prefix"))
            token = page.findtext(f"{_NAMESPACE}NextContinuationToken")
            if not token:
                return
            query["continuation-token"] = token

    def versions(self, prefix: str) -> Iterator[list[Version]]:
        """Every version and delete marker under `prefix`, a list for each key, the oldest first."""
        query = {"versions": "", "prefix": prefix, "encoding-type": "url"}
        waiting: list[Version] = []
        for _ in range(_MAX_PAGES):
            page = self._page(query)
            for item in page:
                if item.tag not in {f"{_NAMESPACE}Version", f"{_NAMESPACE}DeleteMarker"}:
                    continue
                row = Version(
                    key=unquote(_text(item, "Key")),
                    version=_text(item, "VersionId"),
                    stored_at=datetime.fromisoformat(_text(item, "LastModified")).astimezone(UTC),
                    marker=item.tag == f"{_NAMESPACE}DeleteMarker",
                )
                if waiting and waiting[0].key != row.key:
                    yield _oldest_first(waiting)
                    waiting = []
                waiting.append(row)
            if page.findtext(f"{_NAMESPACE}IsTruncated") != "true":
                break
            query["key-marker"] = unquote(page.findtext(f"{_NAMESPACE}NextKeyMarker") or "")
            query["version-id-marker"] = page.findtext(f"{_NAMESPACE}NextVersionIdMarker") or ""
        if waiting:
            yield _oldest_first(waiting)

    def _page(self, query: Mapping[str, str]) -> ET.Element:
        reply = self._send("GET", "", query)
        try:
            return ET.fromstring(reply.data)  # noqa: S314 - S3's own reply, over TLS and signed for
        except ET.ParseError:
            raise BucketError("LIST", reply.status, "the reply is none") from None

    def _send(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        missing: bool = False,
        exists: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        url = f"{self._base}/{quote(key, safe='/~')}"
        if query:
            url += "?" + urlencode(query, quote_via=quote, safe="")
        sent = dict(headers or {})
        if method == "PUT":
            sent["x-amz-checksum-sha256"] = base64.b64encode(hashlib.sha256(body).digest()).decode()
        action = method if key else "LIST"
        pause = _FIRST_PAUSE
        cause, status = "no reply", 0
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries, guards nothing
                pause *= 2
            try:
                reply = self._client.send("s3", method, url, body=body, headers=sent, seconds=_SECONDS)
            except TRANSPORT_ERRORS as error:
                cause, status = type(error).__name__, 0
                continue
            status, cause = reply.status, str(reply.status)
            if status == _OK or (missing and status == _MISSING) or (exists and status == _EXISTS):
                return reply
            if status not in {_CONFLICT, _THROTTLED} and status < _SERVER_ERROR:
                break
        raise BucketError(action, status, cause)


def _oldest_first(rows: list[Version]) -> list[Version]:
    """S3 lists the newest version of a key first; times are whole seconds, so its order decides, not they."""
    return rows[::-1]


def _text(item: ET.Element, name: str) -> str:
    return item.findtext(f"{_NAMESPACE}{name}") or ""
