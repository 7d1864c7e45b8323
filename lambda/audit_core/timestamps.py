"""Time stamps by an authority (RFC 3161): whether a response is a granted time stamp of given bytes.

Promise: `read_timestamp` never fails in another way, whatever the response holds. It does not check the signature.
Only the sealer that anchors checkpoints, and `verify`, have the library that this module imports.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from rfc3161_client import PKIStatus, TimeStampResponse, decode_timestamp_response

from audit_core.errors import AuditError

MAX_TIMESTAMP_BYTES: Final = 64 * 1024
"""A time stamp with its certificates is a few kilobytes."""
_SHA256: Final = "2.16.840.1.101.3.4.2.1"
_WITH_TOKEN: Final = frozenset({PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS})
"""Statuses under which a response holds a time stamp. https://www.rfc-editor.org/rfc/rfc3161#section-2.4.2"""


class TimestampError(AuditError):
    """A response is not a granted time stamp of these bytes."""


def read_timestamp(response: bytes, data: bytes) -> TimeStampResponse:
    """Return the time stamp of `data` in an authority's response. Raise `TimestampError`."""
    if len(response) > MAX_TIMESTAMP_BYTES:
        raise TimestampError("is too large for a time stamp")
    try:
        read = decode_timestamp_response(response)
        if read.status not in _WITH_TOKEN:
            raise TimestampError("was not granted")
        imprint = read.tst_info.message_imprint
        algorithm, digest = imprint.hash_algorithm.dotted_string, imprint.message
    except (ValueError, TypeError, OverflowError):
        raise TimestampError("is not a time stamp") from None
    if algorithm != _SHA256 or not hmac.compare_digest(digest, hashlib.sha256(data).digest()):
        raise TimestampError("is of something else")
    return read
