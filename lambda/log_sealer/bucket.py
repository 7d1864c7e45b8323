"""The log bucket, as the sealer sees it: versions, create-only puts, listings.

Promise: `create` never replaces anything; what a listing says comes in the order of keys, and of one key the oldest
version first. A request is tried again when nothing speaks against it, a bounded number of times, and then
`BucketError` says which kind of request failed and how.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus, urlencode
from xml.etree import ElementTree as ET

from audit_core.contents import StoredObject
from audit_core.layout import MAX_STORED_BYTES
from aws_client.s3 import NotDurableError, Put, S3Store
from aws_client.signed import TRANSPORT_ERRORS, SignedClient

if TYPE_CHECKING:
    import urllib3

_OK = 200
_MISSING = 404
_CONFLICT = 409
_THROTTLED = 429
_CLIENT_ERROR = 400
_SERVER_ERROR = 500
_ATTEMPTS = 6
_FIRST_PAUSE = 0.1
_SECONDS = 30.0
_PUT_SECONDS = 60.0
_MAX_PAGES = 1_000_000
_PIECE = 256 * 1024
_MAX_READ = 256 * 1024 * 1024
"""A larger object is not read: S3 takes up to 5 TB, and reading that would take longer than a run may."""
_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class BucketError(Exception):
    """A request to the bucket failed."""

    def __init__(self, action: str, cause: str) -> None:
        super().__init__(f"{action}: {cause}")


class RefusedError(BucketError):
    """S3 refuses the request for this object, for example because of its name or its encryption."""


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
        self._store = S3Store(bucket=name, client=client, endpoint_url=endpoint_url)

    def read(self, key: str, *, version: str | None = None, most: int = MAX_STORED_BYTES) -> StoredObject | None:
        """Return an object, or null where there is none. Without `version`: the newest.

        Of more than `most` bytes, return the digest only. Raise `RefusedError` where an object is too large to hash.
        """
        query = {"versionId": version} if version else {}
        cause = ""
        for _ in range(_ATTEMPTS):
            reply = self._send(key, query, missing=True, whole=False)
            if int(reply.headers.get("content-length") or 0) > _MAX_READ:
                reply.close()
                raise RefusedError("GET", "is too large")
            try:
                body, digest = _taken(reply, most)
            except TRANSPORT_ERRORS as error:  # it broke off
                cause = type(error).__name__
                continue
            finally:
                reply.release_conn()
            if reply.status == _MISSING:
                return None
            until = reply.headers.get("x-amz-object-lock-retain-until-date")
            return StoredObject(
                key=key,
                version=reply.headers.get("x-amz-version-id") or version or "null",
                stored_at=parsedate_to_datetime(reply.headers["last-modified"]).astimezone(UTC),
                retain_until=None if until is None else datetime.fromisoformat(until).astimezone(UTC),
                body=body,
                digest=digest,
            )
        raise BucketError("GET", cause)

    def create(self, key: str, body: bytes, *, mime: str) -> bool:
        """Create an object, and return whether it was created. An existing object stays unchanged."""
        return not self._put(key, body, mime, replace=False).existed

    def replace(self, key: str, body: bytes, *, mime: str) -> None:
        """Put an object whether or not one is there. The earlier one stays as a version."""
        self._put(key, body, mime, replace=True)

    def _put(self, key: str, body: bytes, mime: str, *, replace: bool) -> Put:
        deadline = time.monotonic() + _PUT_SECONDS
        try:
            return self._store.put(key, body, headers={"Content-Type": mime}, deadline=deadline, replace=replace)
        except NotDurableError as error:
            raise BucketError("PUT", error.cause) from None

    def keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Return the keys under `prefix` that come after `after`."""
        return self._listed("Contents", "Key", {"prefix": prefix, **({"start-after": after} if after else {})})

    def folders(self, prefix: str) -> Iterator[str]:
        """Return what comes next below `prefix`, up to a slash and with it."""
        return self._listed("CommonPrefixes", "Prefix", {"prefix": prefix, "delimiter": "/"})

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
                    key=unquote_plus(_text(item, "Key")),
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
            query["key-marker"] = unquote_plus(page.findtext(f"{_NAMESPACE}NextKeyMarker") or "")
            query["version-id-marker"] = page.findtext(f"{_NAMESPACE}NextVersionIdMarker") or ""
        if waiting:
            yield _oldest_first(waiting)

    def _listed(self, items: str, name: str, asked: Mapping[str, str]) -> Iterator[str]:
        query = {"list-type": "2", "encoding-type": "url", **asked}
        for _ in range(_MAX_PAGES):
            page = self._page(query)
            for item in page.iter(_NAMESPACE + items):
                yield unquote_plus(_text(item, name))
            token = page.findtext(f"{_NAMESPACE}NextContinuationToken")
            if not token:
                return
            query["continuation-token"] = token

    def _page(self, query: Mapping[str, str]) -> ET.Element:
        reply = self._send("", query)
        try:
            return ET.fromstring(reply.data)  # noqa: S314 - S3's own reply, over TLS and signed for
        except ET.ParseError:
            raise BucketError("LIST", "the reply is not XML") from None

    def _send(
        self, key: str, query: Mapping[str, str], *, missing: bool = False, whole: bool = True
    ) -> urllib3.BaseHTTPResponse:
        url = self._store.url_of(key)
        if query:
            url += "?" + urlencode(query, quote_via=quote, safe="")
        action = "GET" if key else "LIST"
        pause = _FIRST_PAUSE
        cause = "no reply"
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries, guards nothing
                pause *= 2
            try:
                reply = self._client.send("s3", "GET", url, body=b"", headers={}, seconds=_SECONDS, whole=whole)
            except TRANSPORT_ERRORS as error:
                cause = type(error).__name__
                continue
            status, cause = reply.status, str(reply.status)
            if status == _OK or (missing and status == _MISSING):
                return reply
            if not whole:
                reply.drain_conn()
            if status not in {_CONFLICT, _THROTTLED} and status < _SERVER_ERROR:
                raise (RefusedError if status >= _CLIENT_ERROR else BucketError)(action, cause)
        raise BucketError(action, cause)


def _taken(reply: urllib3.BaseHTTPResponse, most: int) -> tuple[bytes, str | None]:
    """Return an object's bytes; of one that is too large only its digest, so that no object exhausts the function."""
    pieces: list[bytes] = []
    digest = hashlib.sha256()
    size = 0
    for piece in reply.stream(_PIECE, decode_content=False):
        size += len(piece)
        digest.update(piece)
        if size <= most:
            pieces.append(piece)
        else:
            pieces.clear()
    return b"".join(pieces), None if size <= most else f"sha256:{digest.hexdigest()}"


def _oldest_first(rows: list[Version]) -> list[Version]:
    """S3 lists the newest version of a key first; times are whole seconds, so its order decides, not they."""
    return rows[::-1]


def _text(item: ET.Element, name: str) -> str:
    return item.findtext(f"{_NAMESPACE}{name}") or ""
