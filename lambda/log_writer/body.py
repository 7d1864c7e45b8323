"""The request's body: as it came, or unzipped.

Promise: never more than the limit is in memory, whatever a few bytes claim to unpack to; anything that is not one or
more complete gzip members, and nothing else, is refused.
"""

from __future__ import annotations

from isal import isal_zlib

from audit_core.errors import DecodeError

GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 31  # zlib's name for: 32 KiB window, gzip header and trailer
_CHUNK = 64 * 1024
_MAX_MEMBERS = 256


_CONTAINER_WEIGHT = 4  # what an empty one takes in memory is that much more than a number
_PIECE = 256 * 1024


class TooLargeError(DecodeError):
    """More bytes than the writer takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"is larger than {limit} bytes")


def unzip(data: bytes, *, limit: int) -> bytes:
    """The content of the gzip members in `data`. Raises `TooLargeError` beyond `limit` bytes, or `DecodeError`."""
    pieces: list[bytes] = []
    size = 0
    offset = 0
    for _ in range(_MAX_MEMBERS):
        stream = isal_zlib.decompressobj(wbits=_GZIP)
        feed = b""
        while not stream.eof:
            if not feed and offset < len(data):
                feed = data[offset : offset + _CHUNK]
                offset += len(feed)
            elif not feed:
                raise DecodeError("is gzip that ends too early")
            try:
                piece = stream.decompress(feed, limit - size + 1)
            except isal_zlib.IsalError:  # pyrefly: ignore[not-a-type] - its stub declares an instance
                raise DecodeError("is not gzip") from None
            feed = stream.unconsumed_tail
            size += len(piece)
            if size > limit:
                raise TooLargeError(limit)
            pieces.append(piece)
        offset -= len(stream.unused_data)
        if offset == len(data):
            return b"".join(pieces)
    raise DecodeError("has too many gzip members")


def holds_more_values(body: bytes, limit: int) -> bool:
    """Whether the JSON in `body` has more than `limit` values, an array or an object counting as several.

    So many small values take up to a hundred times the memory, and many times the time, of ordinary ones.
    """
    if len(body) <= limit // _CONTAINER_WEIGHT or _weight(body) <= limit:
        return False
    return _weight_outside_texts(body, limit) > limit


class Allowance:
    """How many values the JSON texts in one request may hold together: as many as one of them alone."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._cheap = limit // 2

    def is_exceeded_by(self, text: bytes) -> bool:
        """Whether `text` holds more than is left. If not, it is counted."""
        # Up to half of the limit, what stands in its own texts counts as well: it seldom matters, and takes no time.
        weight = _weight(text)
        if weight > self._left - self._cheap:
            weight = _weight_outside_texts(text, self._left)
        if weight > self._left:
            return True
        self._left -= weight
        return False


def _weight_outside_texts(body: bytes, limit: int) -> int:
    """The weight of the JSON in `body`; some number above `limit` when it is larger, or cannot be told."""
    # Without escapes each quote begins or ends a string. Some at a time, as the pieces take memory too.
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    weight = quotes = 0
    for start in range(0, len(bare), _PIECE):
        pieces = bare[start : start + _PIECE].split(b'"')
        weight += _weight(b" ".join(pieces[quotes % 2 :: 2]))
        # No text goes over a line's end: a quote that is none hides what follows.
        if weight > limit or any(b"\n" in text for text in pieces[1 - quotes % 2 :: 2]):
            return limit + 1
        quotes += len(pieces) - 1
    return limit + 1 if quotes % 2 else weight


def _weight(body: bytes) -> int:
    return body.count(b",") + _CONTAINER_WEIGHT * (body.count(b"[") + body.count(b"{"))
