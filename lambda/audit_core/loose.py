"""Whether bytes look like JSON, to our decoder or to a lenient one.

Promise: no decoder finds an object or an array in bytes for which `is_loose_json` is false: a digest of those bytes as
they are holds no secret field.

The Python client ships this module: standard library only, as in Python 3.10.
"""

from __future__ import annotations

import json

from .shape import BYTE_ORDER_MARK, JSON_SPACE

JSON_MIME = "application/json"
TEXT_MIME = "text/plain"
BINARY_MIME = "application/octet-stream"

_BEFORE_JSON = JSON_SPACE + BYTE_ORDER_MARK
_TEXT_BEFORE_JSON = _BEFORE_JSON.decode()
_JSON_STARTS = frozenset(bytes([byte]) for byte in b'{["-0123456789')
_WORDS = frozenset((b"true", b"false", b"null"))
_WORD_STARTS = frozenset(word[:1] for word in _WORDS)


def may_be_json(data: bytes) -> bool:
    """Return whether it is worth reading `data` as JSON: not prose that begins as `true`, `false` and `null` do."""
    first = data.lstrip(_BEFORE_JSON)[:1]
    return first in _JSON_STARTS or (first in _WORD_STARTS and data.strip(_BEFORE_JSON) in _WORDS)


def is_loose_json(data: bytes) -> bool:
    """Return whether a decoder less strict than ours would find an object or an array in `data`."""
    if data.lstrip(_BEFORE_JSON)[:1] not in {b"{", b"["}:
        return False
    readings = [data.decode("utf-8", "replace")]
    if data[1:2] == b"\0":
        readings.append(data.decode("utf-16-le", "replace"))
    return any(map(_is_read_by_python, readings))


def _is_read_by_python(text: str) -> bool:
    try:
        json.loads(text.lstrip(_TEXT_BEFORE_JSON), parse_int=float, strict=False)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True
