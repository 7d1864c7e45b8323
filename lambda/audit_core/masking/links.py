"""Finds the secret in paths that grant access by themselves, for any service.

A telling segment comes first, then a random one: `/webhook/…`, `/reset-password/…`, `/apikey/…`, `/unsubscribe/…`.
`rules.links` lists the telling segments and the known services. Identifiers of resources stay: `/v1/webhooks/<uuid>`,
`/tokens/tok_…`, `/keys/<hex>`.
"""

from __future__ import annotations

import re

from audit_core.masking.placeholder import is_placeholder
from audit_core.masking.plausible import counts_up, is_identifier, is_random
from audit_core.masking.rules.links import HOOKS, OF_RESOURCES, TELLING

_SEGMENT = re.compile(rb"[^/]+")
_ID = re.compile(r"(?!(?:sk|tok|token|key|secret|api|pat)_)[A-Za-z]{2,12}_[A-Za-z0-9]+\Z")
"""An identifier that begins with its kind, as in Stripe: `we_1MgnNUEeb8a0`."""
_ULID = re.compile(r"(?i)[0-7][0-9a-hjkmnp-tv-z]{25}\Z")
_ENDING = re.compile(r"\.[a-z]{2,5}\Z")
_SHORTEST, _SHORTEST_IN_COLLECTION, _LONGEST = 16, 20, 512
_MIXED = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])[A-Za-z0-9_-]{12,15}\Z")
"""A shorter segment must mix letters of both cases and digits: `booking-8841273` does not."""


def opening(name: str, path: bytes) -> tuple[int, int] | None:
    """Return where the secret part of a path begins and ends, after a segment of this name."""
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
    """Return whether nobody can guess the segment. `identifiers`: whether an identifier is a secret here, too."""
    value = _ENDING.sub("", segment)
    if identifiers and _MIXED.match(value):
        return is_random(value, shortest=0)
    if not _SHORTEST <= len(value) <= _LONGEST or _ID.match(value) or is_placeholder(value) or counts_up(value):
        return False
    if is_identifier(value) or _ULID.match(value):
        return identifiers and not value.isdigit()
    return is_random(value, shortest=_SHORTEST if identifiers else _SHORTEST_IN_COLLECTION)
