"""The floor: the least that any writer in Python has to do with a request, by the fastest libraries there are.

Fixed, so that ratios to it compare over the years: decode by orjson, SHA-256, gzip by isal, over the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import orjson
from isal import isal_zlib

_LEVEL: Final = 2
_GZIP: Final = 31


def floor(bodies: Iterable[bytes]) -> int:
    """Do it to each body; return how many bytes came out."""
    written = 0
    for body in bodies:
        orjson.loads(body)
        hashlib.sha256(body).digest()
        written += len(isal_zlib.compress(body, _LEVEL, _GZIP))
    return written
