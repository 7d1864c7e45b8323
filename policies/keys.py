"""The value of the parameter with the keys of digests and pseudonyms, as a pure function of what the keys are made of.

Guarantee: `MAX_KEY_GENERATION` keys of each kind fit a standard parameter. A key that the parameter holds stays in it,
unchanged and under its own id, even when the stack's state was lost and other keys are drawn.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_KEY_GENERATION: Final = 30
"""As many keys of each kind as fit into the 4,096 bytes of a standard parameter."""
PURPOSES: Final = ("digest", "pseudonym")
MAX_BYTES: Final = 4096
"""What a standard parameter takes. https://docs.aws.amazon.com/general/latest/gr/ssm.html"""
_ID_DIGITS: Final = 8


class KeysError(ValueError):
    """The deployed parameter does not hold keys of this kit, or holds too many; the message has no value."""


def render_keys(drawn: Mapping[str, Sequence[str]], deployed: str = "") -> str:
    """Return the parameter's value, as JSON: for each purpose `current` (a key id) and `keys` (base64 by key id).

    `drawn`: for each purpose the random ASCII text that each of its keys is made of, oldest first; the last is current.
    `deployed`: the value that the parameter holds now; its keys are kept beside the drawn ones. A key id is the
    generation and a few digits of the key's digest, so that no two keys share one. Raises KeysError.
    """
    value: dict[str, object] = {}
    for purpose, keys in _deployed(deployed).items():
        current = ""
        for generation, text in enumerate(drawn[purpose], start=1):
            key = hashlib.sha256(f"agent-audit-log {purpose} key\n{text}".encode("ascii")).digest()
            current = f"{generation}-{_fingerprint(key)}"
            keys[current] = base64.b64encode(key).decode("ascii")
        value[purpose] = {"current": current, "keys": keys}
    rendered = json.dumps(value, sort_keys=True, separators=(",", ":"))
    if len(rendered) > MAX_BYTES:
        msg = f"the deployed keys and the new ones take {len(rendered)} bytes, a parameter has {MAX_BYTES}"
        raise KeysError(msg)
    return rendered


def _deployed(value: str) -> dict[str, dict[str, str]]:
    """Return the keys that a parameter's value holds, by purpose and id."""
    if not value:
        return {purpose: {} for purpose in PURPOSES}
    try:
        document = json.loads(value)
        found = {purpose: dict(document[purpose]["keys"]) for purpose in PURPOSES}
        for keys in found.values():
            for key_id, text in keys.items():
                if key_id.partition("-")[2] != _fingerprint(base64.b64decode(text, validate=True)):
                    raise KeyError(key_id)
    except (ValueError, KeyError, TypeError, AttributeError):
        msg = "the deployed parameter does not hold keys of this kit; nothing is put over it"
        raise KeysError(msg) from None
    return found


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(b"key id\n" + key).hexdigest()[:_ID_DIGITS]
