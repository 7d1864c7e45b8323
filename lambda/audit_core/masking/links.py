"""Paths that are themselves the permission, whatever service they are of: a telling segment, then one by chance.

`/webhook/…`, `/reset-password/…`, `/apikey/…`, `/unsubscribe/…`: what follows lets in whoever has it. Services that are
known stand in `rules.links`. Identifiers of resources stay: `/v1/webhooks/<uuid>`, `/tokens/tok_…`, `/keys/<hex>`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from audit_core.masking.patterns import Span, compile_bytes
from audit_core.masking.plausible import counts_up, is_identifier, is_placeholder, is_random
from audit_core.masking.wordlist import words

_HOOKS = words("""
    hook hooks webhook webhook-test webhook-waiting webhookb2 incoming incoming-webhook incoming-webhooks
    webhook-trigger generic-webhook-trigger build-hook build_hook build-hooks build_hooks buildhook deploy-hook
    deploy_hook deploy-hooks deploy_hooks deployhook
""")
"""After these anything by chance lets in, also after words that say what is called."""
_TELLING = words("""
    trigger callback inbound ingest heartbeat ping mcp mcp-test
    api-token api_token apitoken access-token access_token accesstoken auth-token auth_token authtoken
    apikey api-key api_key accesskey access-key access_key license-key licensekey
    magic magic-link magic_link magiclink magic-login login login-link signin sign-in passwordless one-time otp
    reset reset-password reset_password resetpassword password-reset password_reset passwordreset set-password
    change-password forgot-password recover recovery account-recovery activate activation verify verification
    verify-email verify_email email-verification email_verification confirm confirmation confirm-email confirm_email
    invite invitation invited join join-team accept-invite accept-invitation accept_invitation
    unsubscribe unsub optout opt-out email-preferences share shared sharing share-link guest-access
    feed ical ics
""")
"""After these so does what comes next; further on are identifiers of resources. Names of collections are not here."""
_COLLECTIONS = words("webhooks")
"""After these come identifiers of resources as well: they stay."""
_OF_RESOURCES = words("token key secret password passwd license")
"""After these UUIDs stay, which is what a secret that is kept somewhere is called."""
_ALL = sorted(_HOOKS | _TELLING | _COLLECTIONS | _OF_RESOURCES, reverse=True)
_CANDIDATE = compile_bytes(
    rb"(?i)(?:^|[/\s\"'(\x00])(?:" + "|".join(map(re.escape, _ALL)).encode() + rb")(?:/[\w.~=@-]+){1,3}"
)
_SEGMENT = re.compile(rb"[\w.~=@-]+")
_ID = re.compile(r"(?!(?:sk|tok|token|key|secret|api|pat)_)[A-Za-z]{2,12}_[A-Za-z0-9]+\Z")
"""An identifier with the letters of its kind before it, as Stripe and others have them."""
_ULID = re.compile(r"(?i)[0-7][0-9a-hjkmnp-tv-z]{25}\Z")
_ENDING = re.compile(r"\.[a-z]{2,5}\Z")
_SHORTEST, _SHORTEST_IN_COLLECTION, _LONGEST = 16, 20, 512
_WEIGHT = 2


def find_links(text: bytes, spend: Callable[[int], None]) -> Iterator[Span]:
    """Yield the segments of paths that let in whoever has them. `spend` is called with the work of each candidate."""
    if b"/" not in text:
        return
    for found in _CANDIDATE.finditer(text):
        spend(_WEIGHT)
        before, *others = _SEGMENT.finditer(text, found.start(), found.end())
        is_hook = False
        for segment in others:
            name = before.group().decode("utf-8", "replace").lower()
            is_hook = is_hook or name in _HOOKS
            value = segment.group().decode("utf-8", "replace")
            named = is_hook or name in _TELLING or (name in _OF_RESOURCES and "-" not in value)
            if _opens(value, identifiers=named):
                yield Span(*segment.span(), "link/path")
            before = segment


def _opens(segment: str, *, identifiers: bool) -> bool:
    """Whether nobody could guess the segment, and it names nothing. `identifiers`: whether one of these opens, too."""
    value = _ENDING.sub("", segment)
    if not _SHORTEST <= len(value) <= _LONGEST or _ID.match(value) or is_placeholder(value) or counts_up(value):
        return False
    if is_identifier(value) or _ULID.match(value):
        return identifiers and not value.isdigit()
    return is_random(value, shortest=_SHORTEST if identifiers else _SHORTEST_IN_COLLECTION)
