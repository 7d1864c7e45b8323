"""Digests of payloads, made where the payload is: `sha256:<hex>` or `hmac-sha256:<key id>:<hex>`.

Promise: the same bytes get the same digest here, in the log's writer, and from `audit-log digest`. It is taken over the
payload's RFC 8785 form, in which the value of every key in `fields-1` is `***REDACTED***`, or over the bytes as they
are when the payload is not JSON.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from audit_log_client._core.loose import BINARY_MIME, JSON_MIME, TEXT_MIME, is_loose_json, may_be_json
from audit_log_client._core.shape import JsonShape
from audit_log_client._json import JsonValue, UndigestibleError, decode_json

_logger = logging.getLogger("audit_log_client")

MAX_JSON_BYTES = 32 * 1024 * 1024
"""A JSON payload, at most."""
TOO_LARGE = f"is larger than {MAX_JSON_BYTES} bytes, and may be JSON"

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class HmacKey:
    """A key of the agent's own for `hmac-sha256`, at least 32 bytes, and the id that records name it by."""

    key_id: str
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.key_id):
            raise ValueError("key_id must be 1 to 64 letters, digits, dots, dashes or underscores")
        if len(self.key) < hashlib.sha256().digest_size:
            raise ValueError("key must be at least 32 bytes")

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> HmacKey:
        """Read the current key of a key file, as `audit-log digest --key-file` does. Raise `ValueError`, `OSError`."""
        try:
            content = json.loads(Path(path).read_bytes())
            current = content["current"]
            return cls(key_id=current, key=base64.b64decode(content["keys"][current], validate=True))
        except (KeyError, TypeError, UnicodeDecodeError, binascii.Error, json.JSONDecodeError):
            raise ValueError('a key file holds {"current": "<key id>", "keys": {"<key id>": "<base64>"}}') from None


@dataclass(frozen=True)
class PayloadDigest:
    """The digest, size and media type of a payload. `digest` is null when `undigestible` gives a reason.

    `value`: the decoded value of JSON. The model's name is read from it; it is never kept.
    """

    digest: str | None
    size: int
    mime: str
    undigestible: str | None = None
    value: JsonValue = field(default=None, repr=False)


def digest_bytes(data: bytes, *, key: HmacKey | None = None) -> str:
    """Return the digest of `data` as it is."""
    if key is None:
        return "sha256:" + hashlib.sha256(data).hexdigest()
    return f"hmac-sha256:{key.key_id}:{hmac.digest(key.key, data, 'sha256').hex()}"


def digest_payload(data: bytes, *, key: HmacKey | None = None, text: bool = False) -> PayloadDigest:
    """Digest a payload: as JSON where it is JSON, as it is otherwise. `text`: the payload was sent as text.

    JSON that is ambiguous (a key twice), has no canonical form (NaN, a lone surrogate, too deep) or is too large gets
    no digest: one over its bytes would hold the secret fields that a digest must not hold.
    """
    form, mime = data, TEXT_MIME if text else BINARY_MIME
    value: JsonValue = None
    if len(data) > MAX_JSON_BYTES:
        shape = JsonShape()
        shape.feed(data[:MAX_JSON_BYTES])
        if shape.may_hold_fields:
            return PayloadDigest(digest=None, size=len(data), mime=JSON_MIME, undigestible=TOO_LARGE)
    elif may_be_json(data):
        try:
            decoded = decode_json(data)
            form = decoded.canonical()
        except UndigestibleError as error:
            if is_loose_json(data):
                return PayloadDigest(digest=None, size=len(data), mime=JSON_MIME, undigestible=error.reason)
        else:
            mime, value = JSON_MIME, decoded.value
    return PayloadDigest(digest=digest_bytes(form, key=key), size=len(data), mime=mime, value=value)


def bytes_of(value: object) -> tuple[bytes, bool] | None:
    """Return a payload's bytes as they are now, and whether they are text; null without a payload or a JSON form."""
    if value is None:
        return None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value), False
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass"), True
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_model).encode(), True
    except (TypeError, ValueError, RecursionError):
        _logger.warning("a payload that is not a JSON value has no digest in the audit log")
        return None


def _model(value: object) -> object:
    """Return what pydantic's models dump, which is what was sent. Nothing else has one JSON form."""
    if isinstance(value, Mapping):
        return dict(value)
    dump = getattr(value, "model_dump", None)
    if not callable(dump):
        raise TypeError("is not a JSON value")
    return dump(mode="json", exclude_unset=True)
