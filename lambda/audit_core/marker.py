"""A digest in the place of a value: `{"$digest": {"digest": …, "bytes": …, "mime": …}}`, made where the value is.

Promise: what is malformed in any part is digested like any other value, so that no text gets into a record as
a digest.
"""

from __future__ import annotations

from audit_core.canonical import JsonValue
from audit_core.digest import parse_digest
from audit_core.errors import FieldError
from audit_core.values import count

_NAME = "$digest"
_MEMBERS = frozenset({"digest", "bytes", "mime"})


def read_marker(value: JsonValue) -> dict[str, JsonValue] | None:
    """Return a marker's `digest` (null without one), `bytes` and `mime`, or null when `value` is not a marker.

    `mime` is any text: it is to be read like other texts of a sender.
    """
    inner = value.get(_NAME) if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(inner, dict) or "digest" not in inner or not inner.keys() <= _MEMBERS:
        return None
    digest, size, mime = inner["digest"], inner.get("bytes"), inner.get("mime")
    if digest is not None:
        digest = parse_digest(digest) if isinstance(digest, str) else None
        if digest is None:
            return None
    try:
        size = None if size is None else count("bytes", size)
    except FieldError:
        return None
    if mime is not None and not isinstance(mime, str):
        return None
    return {"digest": digest, "bytes": size, "mime": mime}
