"""The envelope: a payload kept for hours in a vault of its own, and what the record says of it.

Promise: in `masked` mode nothing leaves here that has not been through the masker; what that cannot scan is not kept,
and the record says so. No digest is taken of a raw copy, as its secret fields would be in it: `request_hash` says
already what the payload was. The record has sizes, types and references; nothing of the content, not even its names.
"""

from __future__ import annotations

from dataclasses import dataclass

from audit_core.canonical import JsonValue
from audit_core.digest import HmacKey, digest_bytes, media_type
from audit_core.event import Payload
from audit_core.layout import EnvelopeMode
from audit_core.masking import Masker, Redaction, Unscannable
from audit_core.masking.budget import Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPayload:
    """One payload for the vault."""

    side: str
    data: bytes
    mime: str


class Envelope:
    """What is kept of one event's payloads: `payloads` for the vault, `parts` for the record, by side."""

    def __init__(self, mode: EnvelopeMode) -> None:
        self.mode = mode
        self.payloads: list[KeptPayload] = []
        self.parts: dict[str, dict[str, JsonValue]] = {}

    def keep(
        self, side: str, payload: Payload, *, masker: Masker, key: HmacKey | None, budget: Budget
    ) -> list[Redaction]:
        """Keep one payload: the rules by which something in it was masked, which `budget` pays for."""
        data = payload.content
        mime = media_type(data, text=payload.text)
        part: dict[str, JsonValue] = {"bytes": len(data), "mime": mime}
        self.parts[side] = part
        rules: dict[str, None] = {}
        if self.mode == "masked":
            try:
                masked = masker.mask_bytes(data, within=budget)
            except Unscannable:
                return [Redaction(path=f"/envelope/{side}", rule="unscannable")]
            data = masked.data
            rules = dict.fromkeys(redaction.rule for redaction in masked.redactions)
            part |= {"bytes": len(data), "digest": digest_bytes(data, key=key)}
        self.payloads.append(KeptPayload(side=side, data=data, mime=mime))
        return [Redaction(path=f"/envelope/{side}", rule=rule) for rule in rules]

    def described(self, address: str) -> dict[str, JsonValue]:
        """Return the record's `envelope`. `address`: what comes before the side in a reference."""
        kept = {payload.side for payload in self.payloads}
        parts: dict[str, JsonValue] = {
            side: {"ref": address + side, **part} if side in kept else part for side, part in self.parts.items()
        }
        return {"mode": self.mode, **parts}
