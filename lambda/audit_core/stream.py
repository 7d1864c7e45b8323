"""Digests of bodies that arrive in chunks, none of which is kept.

Promise: the total digest is that of the same body sent whole, however it was cut. No chunk is ever digested alone: a
chunk's digest is that of the body up to its end, so that to guess a short chunk one has to know all that came before.
There is none where that would not be enough: inside a JSON document, whose secret fields are in no digest and which is
known only at its end; and, without a key, in a body's first `GUESSABLE` bytes.

Memory: what may still be one JSON document is held, up to `MAX_JSON_BYTES`; of anything else (server-sent events,
NDJSON, text, media) nothing is.

The Python client ships this module beside a `digest` of its own: hence the relative imports.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import digest as payload_digest
from .digest import BINARY_MIME, JSON_MIME, TEXT_MIME, TOO_LARGE, HmacKey, PayloadDigest, digest_payload
from .shape import JsonShape

if TYPE_CHECKING:
    from hashlib import _Hash

GUESSABLE = 1024
"""Bytes. What is shorter can be found from an unkeyed digest by trying what it may be."""
MAX_CHUNK_DIGESTS = 128
"""Kept of a stream, at most: of each chunk, and when there are more, of every second, fourth, eighth …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedPayload:
    """What is kept of a stream.

    `total`: as of the same body sent whole. `chunk_digests`: one for each `chunk_every`-th chunk, of the body up to
    that chunk's end; null where there is none. `chunks` counts those that held something.
    """

    total: PayloadDigest
    chunks: int
    chunk_every: int
    chunk_digests: tuple[str | None, ...]


class StreamDigest:
    """Digests one body, chunk by chunk. `text`: what the media type is when it is not JSON."""

    def __init__(self, *, key: HmacKey | None = None, text: bool = False) -> None:
        self._key = key
        self._text = text
        self._running: _Hash | hmac.HMAC = (
            hashlib.sha256() if key is None else hmac.new(key.key, digestmod=hashlib.sha256)
        )
        self._shape: JsonShape | None = JsonShape()
        self._held: list[bytes] = []
        self._too_large = False
        self._size = 0
        self._chunks = 0
        self._every = 1
        self._digests: list[str | None] = []

    @property
    def may_be_json(self) -> bool:
        """Whether the body may still be one JSON document, and is held for that."""
        return self._shape is not None

    def update(self, chunk: bytes) -> str | None:
        """Take the next chunk. Return the digest of the body up to its end, or null. An empty chunk does not count."""
        self.add(chunk)
        return self._so_far() if chunk else None

    def add(self, chunk: bytes) -> None:
        """Take the next chunk, and work out no digest but those that are kept."""
        if not chunk:
            return
        self._take(chunk)
        self._chunks += 1
        if self._chunks % self._every == 0:
            self._digests.append(self._so_far())
            if len(self._digests) > MAX_CHUNK_DIGESTS:
                self._digests = self._digests[1::2]
                self._every *= 2

    def add_all(self, chunks: Iterable[bytes]) -> None:
        """Take all chunks of a body at once, which comes to the same: what lies between two digests is one piece."""
        given = [chunk for chunk in chunks if chunk]
        while len(given) // self._every > MAX_CHUNK_DIGESTS:
            self._every *= 2
        for start in range(0, len(given), self._every):
            some = given[start : start + self._every]
            self._take(b"".join(some))
            if len(some) == self._every:
                self._digests.append(self._so_far())
        self._chunks = len(given)

    def _take(self, piece: bytes) -> None:
        before, self._size = self._size, self._size + len(piece)
        if self._shape is not None:
            self._held.append(piece)
            self._decide(self._shape, piece, before)
        elif not self._too_large:
            self._running.update(piece)

    def finish(self) -> StreamedPayload:
        """Return what is kept of the body. Call it once, at the end."""
        if self._shape is not None:
            total = digest_payload(b"".join(self._held), key=self._key, text=self._text)
            self._held.clear()
        elif self._too_large:
            total = PayloadDigest(digest=None, size=self._size, mime=JSON_MIME, undigestible=TOO_LARGE)
        else:
            mime = TEXT_MIME if self._text else BINARY_MIME
            total = PayloadDigest(digest=self._written(), size=self._size, mime=mime)
        return StreamedPayload(
            total=total, chunks=self._chunks, chunk_every=self._every, chunk_digests=tuple(self._digests)
        )

    def _decide(self, shape: JsonShape, chunk: bytes, before: int) -> None:
        """Let go of what is held as soon as it cannot be JSON, or has become too large."""
        limit = payload_digest.MAX_JSON_BYTES
        shape.feed(chunk[: max(0, limit - before)])
        if shape.may_be_json and self._size <= limit:
            return
        self._too_large = shape.may_hold_fields
        if not self._too_large:
            for held in self._held:
                self._running.update(held)
        self._held.clear()
        self._shape = None

    def _so_far(self) -> str | None:
        if self._shape is not None or self._too_large or (self._key is None and self._size < GUESSABLE):
            return None
        return self._written()

    def _written(self) -> str:
        prefix = "sha256" if self._key is None else f"hmac-sha256:{self._key.key_id}"
        return f"{prefix}:{self._running.hexdigest()}"
