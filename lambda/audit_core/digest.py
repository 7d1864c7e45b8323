"""Digests of payloads: `sha256:<hex>` or `hmac-sha256:<key id>:<hex>`.

Promise: a digest can be recomputed from the payload alone, in any language, for as long as anyone keeps the payload. It
is taken over the payload's RFC 8785 form, in which the value of every key in `fields-1` is `***REDACTED***`, or over
the bytes as they are when the payload is not JSON. No masking pattern ever touches it.

Reading a payload shows whether it is JSON, up to `MAX_JSON_BYTES`. What may still be an object or an array after that
many bytes has no digest, and anything else is digested as it is: so that a stream, of which no more is ever kept, has
the digest of the same body sent whole.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from audit_core.canonical import Encoded, JsonValue, canonical, canonical_pieces, decode_json, encode
from audit_core.errors import AuditError, DecodeError
from audit_core.fields_1 import SecretFields
from audit_core.loose import BINARY_MIME, JSON_MIME, TEXT_MIME, is_loose_json, may_be_json
from audit_core.shape import JSON_SPACE, JsonShape

PLACEHOLDER = "***REDACTED***"

MAX_JSON_BYTES = 32 * 1024 * 1024
"""A JSON payload, at most."""
TOO_LARGE = f"is larger than {MAX_JSON_BYTES} bytes, and may be JSON"

_SECRET_FIELDS = SecretFields()
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST = re.compile(
    r"(?:(?P<algorithm>sha256):|(?P<keyed>hmac-sha256:[A-Za-z0-9._-]{1,64}):)?"
    r"(?:(?P<full>[0-9a-fA-F]{64})|(?P<start>[0-9a-fA-F]{4,63})(?P<rest>\.\.\.|\u2026))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacKey:
    """A key for `hmac-sha256`, and the id that records name it by."""

    key_id: str
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.key_id):
            raise AuditError("must be 1 to 64 letters, digits, dots, dashes or underscores", field="key_id")
        if len(self.key) < hashlib.sha256().digest_size:
            raise AuditError("must be at least 32 bytes", field="key")


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadDigest:
    """What is kept of a payload: `digest` (null when `undigestible` says why there is none), bytes, media type."""

    digest: str | None
    size: int
    mime: str
    undigestible: str | None = None


def digest_bytes(data: bytes, *, key: HmacKey | None = None) -> str:
    """Return the digest of `data` as it is."""
    if key is None:
        return "sha256:" + hashlib.sha256(data).hexdigest()
    return f"hmac-sha256:{key.key_id}:{hmac.digest(key.key, data, 'sha256').hex()}"


def digest_form(value: JsonValue) -> bytes:
    """Return the bytes that a JSON payload's digest is taken over. Raise `DecodeError` when there is no such form."""
    return canonical(value, hides=_SECRET_FIELDS, stand_in=PLACEHOLDER)


def digest_json(value: JsonValue, encoded: Encoded | None = None, *, key: HmacKey | None = None) -> PayloadDigest:
    """Digest a decoded JSON payload. `size` is that of its shortest JSON text.

    A value without a canonical form gets no digest. `encoded`: what `encode` makes of it, where that is known already.
    """
    try:
        encoded = encoded or encode(value)
        digest = _digest_of(value, encoded, key)
    except DecodeError as error:
        size = _size_of(value) if encoded is None else len(encoded.text)
        return PayloadDigest(digest=None, size=size, mime=JSON_MIME, undigestible=error.reason)
    return PayloadDigest(digest=digest, size=len(encoded.text), mime=JSON_MIME)


def _size_of(value: JsonValue) -> int:
    """Return the size of the shortest JSON text of a value that has no canonical form."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode("utf-8", "surrogatepass"))


def digest_payload(
    data: bytes,
    *,
    key: HmacKey | None = None,
    text: bool = False,
    on_json: Callable[[JsonValue], None] | None = None,
) -> PayloadDigest:
    """Digest a payload given as bytes: as JSON where it is JSON, as it is otherwise. `size` is the number of bytes.

    JSON that is ambiguous (a key twice), has no canonical form (NaN, a lone surrogate, too deep) or is too large gets
    no digest: one over its bytes would hold the secret fields that a digest must not hold. `text` sets the media type
    of what is not JSON. `on_json` is called with the decoded JSON.
    """
    if len(data) > MAX_JSON_BYTES:
        shape = JsonShape()
        shape.feed(data[:MAX_JSON_BYTES])
        if shape.may_hold_fields:
            return PayloadDigest(digest=None, size=len(data), mime=JSON_MIME, undigestible=TOO_LARGE)
    elif may_be_json(data):
        try:
            value = decode_json(data)
            if on_json is not None:
                on_json(value)
            digest = _digest_of(value, encode(value), key)
        except DecodeError as error:
            if is_loose_json(data):
                return PayloadDigest(digest=None, size=len(data), mime=JSON_MIME, undigestible=error.reason)
        else:
            return PayloadDigest(digest=digest, size=len(data), mime=JSON_MIME)
    mime = TEXT_MIME if text else BINARY_MIME
    return PayloadDigest(digest=digest_bytes(data, key=key), size=len(data), mime=mime)


def media_type(data: bytes, *, text: bool = False) -> str:
    """Return the media type of `data`, judged by its first byte. `text`: it was sent as text."""
    if data.lstrip(JSON_SPACE)[:1] in {b"{", b"["}:
        return JSON_MIME
    return TEXT_MIME if text else BINARY_MIME


def parse_digest(text: str) -> str | None:
    """Return a digest made elsewhere in the form that records use, or null when `text` is malformed.

    Takes `sha256:<hex>`, `hmac-sha256:<key id>:<hex>` and bare hex (64 digits, read as SHA-256), each also abbreviated
    to at least four digits followed by `...`, as people paste them. Hex becomes lower case.
    """
    match = _DIGEST.fullmatch(text)
    if match is None:
        return None
    digits = (match["full"] or match["start"]).lower() + ("..." if match["rest"] else "")
    return f"{match['keyed'] or 'sha256'}:{digits}"


def _digest_of(value: JsonValue, encoded: Encoded, key: HmacKey | None) -> str:
    pieces = canonical_pieces(value, encoded, hides=_SECRET_FIELDS, stand_in=PLACEHOLDER)
    if isinstance(pieces, tuple):
        return digest_bytes(pieces[0], key=key)
    running = hashlib.sha256() if key is None else hmac.new(key.key, digestmod=hashlib.sha256)
    for piece in pieces:
        running.update(piece)
    return f"{'sha256' if key is None else f'hmac-sha256:{key.key_id}'}:{running.hexdigest()}"
