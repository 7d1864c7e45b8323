"""Leaves of the Merkle tree (RFC 6962): how a record is named in a receipt and in a proof.

Promise: a leaf digest can be recomputed from the stored line alone.
"""

from __future__ import annotations

import hashlib

_LEAF = b"\x00"


def leaf_digest(line: bytes) -> str:
    """`sha256:<hex>` of a stored line (without its newline) as a leaf: the hash starts with a zero byte."""
    return "sha256:" + hashlib.sha256(_LEAF + line).hexdigest()
