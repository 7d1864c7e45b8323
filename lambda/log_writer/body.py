"""The request's body: as it came, or unzipped.

Promise: never more than the limit is in memory, whatever a few bytes claim to unpack to; anything that is not one or
more complete gzip members, and nothing else, is refused.
"""

from __future__ import annotations

import re
from itertools import compress

from isal import isal_zlib

from audit_core.errors import DecodeError

GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 31  # zlib's name for: 32 KiB window, gzip header and trailer
_CHUNK = 64 * 1024
_MAX_MEMBERS = 256


# What each takes in memory, decoded, counted in numbers, beside the comma before or behind it. A name counts where it
# is another one than those near it: the decoder has each of those once.
ARRAY_WEIGHT, OBJECT_WEIGHT, NAME_WEIGHT = 3, 5, 2
_NO_MARKS = bytes(set(range(256)) - set(b',[{":'))
_PIECE = 256 * 1024
_BEFORE_VALUE = re.compile(rb"\s*+:").match


class TooLargeError(DecodeError):
    """Raised for a body of more than `limit` bytes; without a `limit`, for one that does not fit into memory."""

    def __init__(self, limit: int | None) -> None:
        super().__init__("needs more memory than there is" if limit is None else f"is larger than {limit} bytes")


def unzip(data: bytes, *, limit: int) -> bytes:
    """Unzip the gzip members in `data`. Raises `TooLargeError` beyond `limit` bytes, or `DecodeError`."""
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
    """Whether the JSON in `body` has more than `limit` values: each counts as the numbers that take as much memory.

    So many small values take up to thirty times the memory, and many times the time, of ordinary ones.
    """
    if len(body) <= limit // OBJECT_WEIGHT or _most(body, limit) <= limit:
        return False
    return _weight(body, limit) > limit


class Allowance:
    """How many values the JSON texts in one request may hold together: as many as one of them alone."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._cheap = limit // 2

    def is_exceeded_by(self, text: bytes) -> bool:
        """Whether `text` holds more than is left. If not, it is counted."""
        # Up to half of the limit, what stands in its own texts counts as well: it seldom matters, and takes no time.
        cheap = self._left - self._cheap
        weight = _most(text, cheap)
        if weight > cheap:
            weight = _weight(text, self._left)
        if weight > self._left:
            return True
        self._left -= weight
        return False


def _weight(body: bytes, limit: int) -> int:
    """Return the weight of the JSON in `body`; a number above `limit` when it is larger or unknown."""
    # Without escapes each quote begins or ends a string. Some at a time, as the pieces take memory too.
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    weight = quotes = 0
    for start in range(0, len(bare), _PIECE):
        pieces = bare[start : start + _PIECE].split(b'"')
        outside = b" ".join(pieces[quotes % 2 :: 2])
        first = 1 + quotes % 2  # of the texts that begin here
        texts = pieces[first::2]
        names = list(compress(texts, map(_BEFORE_VALUE, pieces[first + 1 :: 2])))
        weight += _brackets(outside) + len(texts) - len(names) + NAME_WEIGHT * len(set(names))
        # No text goes over a line's end: a malformed quote hides what follows.
        if weight > limit or b"\n" in b"".join(pieces[1 - quotes % 2 :: 2]):
            return limit + 1
        quotes += len(pieces) - 1
    return limit + 1 if quotes % 2 else weight


def _most(body: bytes, enough: int) -> int:
    """Return at most what the JSON in `body` can weigh, counting marks in texts too. Stop when `enough` is certain."""
    body = body.translate(None, _NO_MARKS)  # once over all of it, where counting each mark would go over it five times
    commas, arrays, objects = body.count(b","), body.count(b"["), body.count(b"{")
    weight = commas + ARRAY_WEIGHT * arrays + OBJECT_WEIGHT * objects
    loosely = weight + (NAME_WEIGHT + 1) * (commas + arrays + objects + 1)  # a name and a text at each of them
    if loosely <= enough:
        return loosely
    return weight + body.count(b'"') // 2 + (NAME_WEIGHT - 1) * body.count(b":")


def _brackets(body: bytes) -> int:
    return body.count(b",") + ARRAY_WEIGHT * body.count(b"[") + OBJECT_WEIGHT * body.count(b"{")
