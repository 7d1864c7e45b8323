"""The stack's keys: rings of them, by key id, as the cloud's secret store holds them.

Promise: a key is in no `repr` and no message; what does not fit is refused by name, never shown.

    {"digest": {"current": "<key id>", "keys": {"<key id>": "<base64 of 32 bytes>"}}, "pseudonym": {...}}

To rotate is to add a key and to name it current. Earlier ones stay, so that old digests can be checked.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from audit_core.digest import HmacKey
from audit_core.errors import AuditError

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """Keys of one purpose: the `current` one's id, and all of them by id."""

    current: str
    keys: Mapping[str, HmacKey] = field(repr=False, compare=False)

    @property
    def key(self) -> HmacKey:
        """The current key."""
        return self.keys[self.current]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """All of a stack's keys: for digests, and for the pseudonyms of personal data."""

    digest: KeyRing
    pseudonym: KeyRing


def parse_keys(text: str | bytes) -> Keys:
    """Parse the keys in a secret store's JSON. Raise `AuditError`, which names a field and a rule, never a value."""
    try:
        raw: object = json.loads(text)
    except (ValueError, RecursionError):
        raise AuditError("is not JSON", field="keys") from None
    if not isinstance(raw, dict):
        raise AuditError("must be an object", field="keys")
    return Keys(digest=parse_ring(raw.get("digest"), "digest"), pseudonym=parse_ring(raw.get("pseudonym"), "pseudonym"))


def parse_ring(ring: object, name: str) -> KeyRing:
    """One ring, from decoded JSON; `name` is what errors call it. Raises `AuditError`."""
    keys = ring.get("keys") if isinstance(ring, dict) else None
    if not isinstance(ring, dict) or not isinstance(keys, dict):
        raise AuditError("must be an object of current and keys", field=f"keys.{name}")
    known = {str(key_id): _key(str(key_id), text, name) for key_id, text in keys.items()}
    current = ring.get("current")
    if not isinstance(current, str) or current not in known:
        raise AuditError("must be the id of one of the keys", field=f"keys.{name}.current")
    return KeyRing(current=current, keys=known)


def _key(key_id: str, text: object, name: str) -> HmacKey:
    try:
        key = binascii.a2b_base64(text.encode(), strict_mode=True) if isinstance(text, str) else b""
    except (binascii.Error, UnicodeEncodeError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise AuditError(f"must be base64 of {_KEY_BYTES} bytes", field=f"keys.{name}.keys")
    try:
        return HmacKey(key_id=key_id, key=key)
    except AuditError as error:
        raise AuditError(error.reason, field=f"keys.{name}.keys") from None
