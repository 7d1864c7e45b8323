"""W3C trace context: the one header that is read.

Promise: a value that the specification does not allow counts as absent.
"""

from __future__ import annotations

import re

_TRACEPARENT = re.compile(r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?P<more>-.*)?")
_NO_TRACE = "0" * 32
_NO_SPAN = "-" + "0" * 16 + "-"


def trace_id_of(traceparent: str) -> str | None:
    """Return the trace id in a `traceparent` header (https://www.w3.org/TR/trace-context/), or null."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or match["version"] == "ff" or (match["version"] == "00" and match["more"] is not None):
        return None
    if match["trace"] == _NO_TRACE or _NO_SPAN in traceparent[35:53]:
        return None
    return match["trace"]
