"""Tokens that no rule's letters mark: a prefix of their own and a long run by chance, or groups of hexadecimal digits.

Most services that issue tokens today begin them with letters of their own, so that they are recognised where they
leak. Identifiers are made in the same way, but are shorter, or have prefixes that say what they identify. A few have
no letters of their own, but groups of lengths that nothing else has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from audit_core.masking.patterns import Span, compile_bytes
from audit_core.masking.placeholder import is_placeholder
from audit_core.masking.plausible import counts_up, is_identifier, is_random
from audit_core.masking.rules import RULES
from audit_core.masking.rules.names import NAMES_NO_TOKEN

_SHORTEST, _SHORTEST_OF_ONE_CASE = 32, 40
_FEWEST_DIGITS = 3
_SURE_MARK = 4
_PREFIXED = (
    rb"((?:(?:[a-z][a-z0-9]{1,9}|[A-Z][A-Z0-9]{1,9})[_-]){1,4})([A-Za-z0-9]{32,512})(?:[_.][A-Za-z0-9]{4,128}){0,3}"
)
_GROUPS = rb"|".join(
    (
        rb"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}",  # Mailgun's API keys
        rb"[0-9a-f]{24}:[0-9a-f]{64}",  # Ghost's Admin API keys
        rb"[0-9a-f]{24}\.[0-9a-f]{32}",  # Codefresh's API keys
        rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}:[0-9a-f]{32}",  # fal's keys
    )
)
_CANDIDATE = compile_bytes(rb"(?:^|[^\w\-])(?:" + _PREFIXED + rb"|(" + _GROUPS + rb")\b)")
_KNOWN = frozenset(mark for rule in RULES if not rule.random for mark in rule.marks if mark.endswith(("_", "-")))
_GOES_ON = (b"-", b"_")
_WEIGHT = 3


def find_prefixed(text: bytes, spend: Callable[[int], None]) -> Iterator[Span]:
    """Yield what looks like a token whatever vendor it is of. `spend` is called with the work of each candidate."""
    for found in _CANDIDATE.finditer(text):
        spend(_WEIGHT)
        if found.start(3) >= 0:
            yield Span(found.start(3), found.end(3), "grouped/token")
            continue
        prefix = found.group(1).decode("ascii")
        body = found.group(2).decode("ascii")
        if text[found.end() : found.end() + 1] in _GOES_ON:  # base64url, which begins with a prefix by chance
            continue
        if not _is_known(prefix) and not _names_no_token(prefix) and _is_by_chance(body):
            yield Span(found.start(1), found.end(), "prefixed/token")


def _is_known(prefix: str) -> bool:
    """Whether a rule knows what such tokens look like: then that rule has decided, also about one glued to a word."""
    ends = range(1, len(prefix) + 1)
    return any(prefix[:end] in _KNOWN for end in ends) or any(
        prefix[start:end] in _KNOWN for end in ends for start in range(1, end - _SURE_MARK + 1)
    )


def _names_no_token(prefix: str) -> bool:
    return not NAMES_NO_TOKEN.isdisjoint(prefix.lower().replace("-", "_").split("_"))


def _is_by_chance(body: str) -> bool:
    if sum(map(str.isdigit, body)) < _FEWEST_DIGITS or is_identifier(body):
        return False
    mixed = not body.isupper() and not body.islower()
    shortest = _SHORTEST if mixed else _SHORTEST_OF_ONE_CASE
    return is_random(body, shortest=shortest) and not counts_up(body) and not is_placeholder(body)
