"""Compressed text in a run of digits."""

from __future__ import annotations

import codecs
import contextlib
import zlib

from audit_core.masking.budget import CANDIDATE
from audit_core.masking.patterns import Spend

MAX_BYTES = 4 * 1024 * 1024
"""What is more than this when it is unpacked is not looked at: the run goes."""
_CHUNK = 64 * 1024
_WITH_HEADER = 32 + zlib.MAX_WBITS
"""Either gzip or zlib, as the header says."""
_BARE = -zlib.MAX_WBITS
"""Deflate alone, as SAML sends it in an address: only what it gives tells that it is one."""
_LEAST_BARE = 40
_CONTROLS = bytes((*range(9), 11, 12, *range(14, 32), 127))


def opens(data: bytes) -> bool:
    """Return whether these bytes are the beginning of a stream that can be unpacked."""
    try:
        return bool(zlib.decompressobj(_WITH_HEADER).decompress(data, 64))
    except zlib.error:
        return False


def opens_bare(data: bytes) -> bool:
    """Return whether a stream of text without a header begins with these bytes. Text itself often unpacks, too."""
    with contextlib.suppress(UnicodeDecodeError):
        codecs.getincrementaldecoder("utf-8")().decode(data)
        return False
    try:
        text = zlib.decompressobj(_BARE).decompress(data, 2 * _LEAST_BARE)
    except zlib.error:
        return False
    return len(text) >= _LEAST_BARE and len(text.translate(None, _CONTROLS)) == len(text)


def unpack(data: bytes, spend: Spend, *, is_bare: bool = False) -> bytes | None:
    """Unpack all members of a stream, as far as they are there; None where that fails, or gives more than the cap.

    `is_bare`: it has no header, so these bytes may not be a stream. What unpacks before a failure is kept.
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
