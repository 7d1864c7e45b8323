"""Paths that are themselves the permission, whatever service they are of: a telling segment, then one by chance.

`/webhook/…`, `/reset-password/…`, `/apikey/…`, `/unsubscribe/…`: what follows lets in whoever has it. Services that are
known, and the telling segments, stand in `rules.links`. Identifiers of resources stay: `/v1/webhooks/<uuid>`,
`/tokens/tok_…`, `/keys/<hex>`.
"""

from __future__ import annotations

import re

from audit_core.masking.placeholder import is_placeholder
from audit_core.masking.plausible import counts_up, is_identifier, is_random
from audit_core.masking.rules.links import HOOKS, OF_RESOURCES, TELLING

_SEGMENT = re.compile(rb"[^/]+")
_ID = re.compile(r"(?!(?:sk|tok|token|key|secret|api|pat)_)[A-Za-z]{2,12}_[A-Za-z0-9]+\Z")
"""An identifier with the letters of its kind before it, as Stripe and others have them."""
_ULID = re.compile(r"(?i)[0-7][0-9a-hjkmnp-tv-z]{25}\Z")
_ENDING = re.compile(r"\.[a-z]{2,5}\Z")
_SHORTEST, _SHORTEST_IN_COLLECTION, _LONGEST = 16, 20, 512


def opening(name: str, path: bytes) -> tuple[int, int] | None:
    """Give the part of a path, after a segment of this name, that lets in whoever has it."""
    before, is_hook = name.lower(), False
    found: list[tuple[int, int]] = []
    for segment in _SEGMENT.finditer(path):
        value = segment.group().decode("utf-8", "replace")
        is_hook = is_hook or before in HOOKS
        named = is_hook or before in TELLING or (before in OF_RESOURCES and "-" not in value)
        if _opens(value, identifiers=named):
            found.append(segment.span())
        before = value.lower()
    return (found[0][0], found[-1][1]) if found else None


def _opens(segment: str, *, identifiers: bool) -> bool:
    """Whether nobody could guess the segment, and it names nothing. `identifiers`: whether one of these opens, too."""
    value = _ENDING.sub("", segment)
    if not _SHORTEST <= len(value) <= _LONGEST or _ID.match(value) or is_placeholder(value) or counts_up(value):
        return False
    if is_identifier(value) or _ULID.match(value):
        return identifiers and not value.isdigit()
    return is_random(value, shortest=_SHORTEST if identifiers else _SHORTEST_IN_COLLECTION)
