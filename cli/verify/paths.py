"""Where a copy has what lies under a key: as a file of that name, or, where the key is not one of ours, apart."""

import hashlib
import re
from typing import Final

from audit_core.sealing import MARKERS, RECORD_KEY, RECORDS

ODD_KEYS: Final = "odd-keys"
"""Where a copy has what lies under a key that is no path: a file named by the SHA-256 of the key."""
_OF_SEAL: Final = re.compile(
    r"seal/(?:key|checkpoint|checkpoints/[0-9]{1,18}|sequence/[0-9]{16}|rules/[0-9]{4}|anchors/[0-9]{1,18}\.tsr"
    r"|tile/(?:[0-9]|entries)/(?:x[0-9]{3}/){0,6}[0-9]{3}(?:\.p/[0-9]{1,3})?)"
)
"""None of these is a file where another one is a folder."""


def path_of(key: str) -> str:
    """Return where below the folder a copy has a key: no key leads out of it, and every key has a place."""
    record = RECORDS + key.removeprefix(MARKERS) if key.startswith(MARKERS) else key
    is_plain = RECORD_KEY.fullmatch(record) if record.startswith(RECORDS) else _OF_SEAL.fullmatch(key)
    return key if is_plain else f"{ODD_KEYS}/{hashlib.sha256(name_of(key)).hexdigest()}"


def name_of(key: str) -> bytes:
    """Return a key as S3 orders it."""
    return key.encode("utf-8", "surrogatepass")
