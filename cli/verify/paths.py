"""Where a copy keeps the object of a key: under that name, or, for a key that is not the log's own, apart."""

import hashlib
from typing import Final

from audit_core.layout import FILE_KEY, MARKERS, RECORD_KEY, RECORDS

ODD_KEYS: Final = "odd-keys"
"""The folder for keys that are not the log's own: each file is named by the SHA-256 of its key."""


def path_of(key: str) -> str:
    """Return a key's path below the folder of a copy. Every key has one, and none leads out of the folder."""
    record = RECORDS + key.removeprefix(MARKERS) if key.startswith(MARKERS) else key
    is_plain = RECORD_KEY.fullmatch(record) if record.startswith(RECORDS) else FILE_KEY.fullmatch(key)
    return key if is_plain else f"{ODD_KEYS}/{hashlib.sha256(name_of(key)).hexdigest()}"


def name_of(key: str) -> bytes:
    """Return the bytes by which S3 orders a key."""
    return key.encode("utf-8", "surrogatepass")
