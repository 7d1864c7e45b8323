"""What the parameter with the keys of digests and pseudonyms holds, as a pure function of what the keys are made of.

Guarantee: the value of `MAX_KEY_GENERATION` keys of each kind fits a standard parameter; older keys stay in it, as they
were and under their own ids.
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
_ID_DIGITS: Final = 8


def render_keys(drawn: Mapping[str, Sequence[str]]) -> str:
    """The parameter's value, as JSON: for each purpose `current` (a key id) and `keys` (base64 of 32 bytes by key id).

    `drawn`: for each purpose the random ASCII text that each of its keys is made of, oldest first; the last is current.
    A key id is the generation and a few digits of the key's digest, so that a key of a stack that was made anew never
    passes for one of the stack before.
    """
    value: dict[str, object] = {}
    for purpose in PURPOSES:
        keys: dict[str, str] = {}
        current = ""
        for generation, text in enumerate(drawn[purpose], start=1):
            key = hashlib.sha256(f"agent-audit-log {purpose} key\n{text}".encode("ascii")).digest()
            fingerprint = hashlib.sha256(b"key id\n" + key).hexdigest()
            current = f"{generation}-{fingerprint[:_ID_DIGITS]}"
            keys[current] = base64.b64encode(key).decode("ascii")
        value[purpose] = {"current": current, "keys": keys}
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
