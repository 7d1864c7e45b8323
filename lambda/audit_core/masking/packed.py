"""Compressed text in a run of digits. It cannot be put back as it was: where it hides anything, the whole run goes."""

from __future__ import annotations

import codecs
import contextlib
import zlib
from collections.abc import Iterable, Iterator

from audit_core.masking.budget import CANDIDATE
from audit_core.masking.patterns import Span
from audit_core.masking.region import Region, Spend, hidden

MAX_BYTES = 4 * 1024 * 1024
"""What is more than this when it is unpacked is not looked at: the run goes."""
_CHUNK = 64 * 1024
_UNSCANNABLE = "unscannable"
_WITH_HEADER = 32 + zlib.MAX_WBITS
"""Either gzip or zlib, as the header says."""
_BARE = -zlib.MAX_WBITS
"""Deflate alone, as SAML sends it in an address: only what it gives tells that it is one."""
_LEAST_BARE = 40
_CONTROLS = bytes((*range(9), 11, 12, *range(14, 32), 127))


def opens(data: bytes) -> bool:
    """Whether these bytes are the beginning of a stream that can be unpacked."""
    try:
        return bool(zlib.decompressobj(_WITH_HEADER).decompress(data, 64))
    except zlib.error:
        return False


def opens_bare(data: bytes) -> bool:
    """Whether these bytes are the beginning of a stream without a header, of text. Text itself often unpacks, too."""
    with contextlib.suppress(UnicodeDecodeError):
        codecs.getincrementaldecoder("utf-8")().decode(data)
        return False
    try:
        text = zlib.decompressobj(_BARE).decompress(data, 2 * _LEAST_BARE)
    except zlib.error:
        return False
    return len(text) >= _LEAST_BARE and len(text.translate(None, _CONTROLS)) == len(text)


def region(start: int, end: int, data: bytes, spend: Spend, *, is_bare: bool = False) -> Region:
    """Unpack a stream. What is damaged, or too large, goes unseen. `is_bare`: it has no header, and may be none."""

    def lift(spans: Iterable[Span]) -> Iterator[Span]:
        for span in spans:
            yield Span(0, end - start, span.rule)
            return

    text = _unpack(data, spend, is_bare=is_bare)
    if text is None:
        return Region(start, end, b"", lift, (Span(0, 0, _UNSCANNABLE),))
    return Region(start, end, hidden(text), lift)


def _unpack(data: bytes, spend: Spend, *, is_bare: bool) -> bytes | None:
    """Unpack all members of a stream, as far as they are there; None where that fails, or gives more than the cap.

    Without a header it may be no stream at all: what it gives up to a failure is all that it says.
    """
    text = bytearray()
    while data:
        stream = zlib.decompressobj(_BARE if is_bare else _WITH_HEADER)
        try:
            while data and not stream.eof:
                spend(_CHUNK // CANDIDATE)
                text += stream.decompress(data, _CHUNK)
                data = stream.unconsumed_tail
                if len(text) > MAX_BYTES:
                    return None
        except zlib.error:
            return bytes(text) if is_bare else None
        data = b"" if is_bare else stream.unused_data
    return bytes(text)
