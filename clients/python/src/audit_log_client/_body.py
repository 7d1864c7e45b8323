"""One body on its way through the hook.

Promise: taking a chunk costs the agent's call an append to a list. The background thread digests the body. A body of
more than a megabyte is digested as it passes, so that memory stays small. The result is the same: it follows from the
chunks.

The digest is of the bytes that the agent's own code reads: a compressed body is unpacked first.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

from audit_log_client._core.digest import MAX_JSON_BYTES, HmacKey, PayloadDigest, digest_payload
from audit_log_client._core.stream import StreamDigest, StreamedPayload
from audit_log_client._events import Events

EAGER_BYTES = 1024 * 1024
"""Up to this size a body waits for the background thread. Then it is digested on the way."""
_UNREADABLE = "is compressed in a way that cannot be followed"

Unpack = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Digested:
    """What is known of a body. `stream`: only for a streamed body."""

    total: PayloadDigest
    stream: StreamedPayload | None = None


class Body:
    """Takes the chunks of one body. `add` belongs to the agent's call; `finish` comes after it, in the background.

    `events`: reads a streamed body's events as they are digested.
    """

    def __init__(
        self,
        *,
        key: HmacKey | None,
        encoding: str = "",
        unpack: Unpack | None = None,
        events: Events | None = None,
    ) -> None:
        self._key = key
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._limit = EAGER_BYTES
        self._digest: StreamDigest | None = None
        self.events = events
        self._decoder = decoder_for(encoding)
        self._unpack = unpack if self._decoder is None else None
        self._dropped: str | None = None
        self.raw_bytes = 0

    @property
    def waiting_bytes(self) -> int:
        """The bytes that are held for the background thread."""
        return self._waiting_bytes

    def add(self, chunk: bytes) -> None:
        """Take the next chunk."""
        self._waiting.append(chunk)
        size = len(chunk)
        self.raw_bytes += size
        self._waiting_bytes += size
        if self._waiting_bytes > self._limit:
            self._work()

    def finish(self, *, streamed: bool, text: bool = False) -> Digested:
        """Return what is known of the body. Call it once."""
        if self._unpack is not None:
            return self._finish_packed(self._unpack)
        if self._digest is None and not streamed:
            total = self._whole(b"".join(self._waiting), text=text)
            self._waiting.clear()
            return Digested(total=total)
        self._work()
        digest = self._digest or StreamDigest(key=self._key)
        result = digest.finish()
        total = result.total
        if self._dropped is not None:
            total = PayloadDigest(digest=None, size=total.size, mime=total.mime, undigestible=self._dropped)
        if self.events is not None:
            self.events.finish()
        return Digested(total=total, stream=result)

    def _whole(self, data: bytes, *, text: bool) -> PayloadDigest:
        if self._decoder is not None and data:
            try:
                data = self._decoder.decode(data)
            except zlib.error:
                return PayloadDigest(digest=None, size=len(data), mime="", undigestible=_UNREADABLE)
        return digest_payload(data, key=self._key, text=text)

    def _finish_packed(self, unpack: Unpack) -> Digested:
        """Digest a body in an encoding that only the HTTP library reads: it was held, as far as that is allowed."""
        data = b"".join(self._waiting)
        self._waiting.clear()
        if self._dropped is None and data:
            try:
                data = unpack(data)
            except Exception:  # noqa: BLE001 - whatever the library raises: the agent sees it too
                self._dropped = _UNREADABLE
        if self._dropped is not None:
            return Digested(total=PayloadDigest(digest=None, size=self.raw_bytes, mime="", undigestible=self._dropped))
        if self.events is not None:
            self.events.feed(data)
            self.events.finish()
        return Digested(total=digest_payload(data, key=self._key))

    def _work(self) -> None:
        """Digest the chunks that wait."""
        if self._unpack is not None:
            if self.raw_bytes > MAX_JSON_BYTES:
                self._dropped = _UNREADABLE
                self._waiting.clear()
            return
        digest = self._digest = self._digest or StreamDigest(key=self._key)
        for chunk in self._waiting:
            data = self._read(chunk)
            digest.add(data)
            if self.events is not None:
                self.events.feed(data)
        self._waiting.clear()
        self._waiting_bytes = 0
        # What has shown no end after a megabyte is one large document, most likely: following it further costs more
        # than holding it.
        self._limit = MAX_JSON_BYTES if digest.may_be_json else EAGER_BYTES

    def _read(self, chunk: bytes) -> bytes:
        if self._decoder is None or self._dropped is not None:
            return chunk
        try:
            return self._decoder.decode(chunk)
        except zlib.error:
            self._dropped = _UNREADABLE
            return b""


class ZlibDecoder:
    """`gzip` and `deflate`; the latter with or without its header, as servers send both."""

    def __init__(self, window_bits: int) -> None:
        self._decompressor = zlib.decompressobj(window_bits)
        self._may_be_raw = window_bits == zlib.MAX_WBITS

    def decode(self, data: bytes) -> bytes:
        """Unpack the next bytes. Raise `zlib.error`."""
        if not data:
            return data
        may_be_raw, self._may_be_raw = self._may_be_raw, False
        try:
            return self._decompressor.decompress(data)
        except zlib.error:
            if not may_be_raw:
                raise
            self._decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
            return self._decompressor.decompress(data)


def decoder_for(encoding: str) -> ZlibDecoder | None:
    """Return a decoder for this content encoding; null where there is nothing to decode, or no way to."""
    name = encoding.strip().lower()
    if name in {"gzip", "x-gzip"}:
        return ZlibDecoder(zlib.MAX_WBITS | 16)
    if name == "deflate":
        return ZlibDecoder(zlib.MAX_WBITS)
    return None
