"""Personal data in text: e-mail addresses, telephone numbers, payment cards, bank accounts, network addresses.

A number is only taken for one of these where its check digits say so (cards by Luhn, IBAN by modulo 97), where it is
written the way people write telephone numbers, or where it is an address that the standards give to a host. Versions,
dates, sizes and identifiers are none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from audit_core.masking.patterns import Span, compile_bytes
from audit_core.masking.plausible import is_identifier
from audit_core.masking.rules.names import FILE_ENDINGS, IBAN_LENGTHS

DOMAIN = rb"@(?:[A-Za-z0-9\x80-\xff-]{1,63}\.){1,10}[A-Za-z\x80-\xff]{2,24}"
"""Where an e-mail address ends; what stands before it is looked at by itself."""
_LOCAL_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+~.-" + bytes(range(128, 256))
_LONGEST_LOCAL = 64
FORMS = (
    ("ip4", rb"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b"),
    # as the card networks group their digits
    (
        "card",
        (
            rb"\b[2-6]\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,4}(?:[ -]?\d{3})?\b|\b3[47]\d\d[ -]?\d{6}[ -]?\d{5}\b"
            rb"|\b3[068]\d\d[ -]?\d{6}[ -]?\d{4}\b"
        ),
    ),
    # international, or North American
    (
        "phone",
        (
            rb"\+\d{1,3}[ .\-/(]{0,2}\d[\d .\-/()]{4,18}\d\b|\(\d{3}\) ?\d{3}[-. ]\d{4}\b"
            rb"|\b\d{3}[-.]\d{3}[-.]\d{4}\b|\b\d{3} \d{3}[ -]\d{4}\b"
        ),
    ),
    # after a word that says so
    (
        "said",
        (
            rb"(?i:tel|phone|mobile?|cell|fax|whatsapp|sms|handy|telefon)(?:[ :.=#\"']|\xc2\xa0){1,4}"
            rb"[+(]?\d[\d .()/-]{5,18}\d\b"
        ),
    ),
    ("iban", rb"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
    ("ip6", rb"(?:[0-9A-Fa-f]{1,4}:){3,7}[0-9A-Fa-f:]+|[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4})*::[0-9A-Fa-f:]+"),
    ("ssn", rb"\b\d{3}-\d{2}-\d{4}\b"),
)
"""How numbers are written, by what they may be."""
_NUMBER = compile_bytes(rb"|".join(form for _, form in FORMS))
_AT = re.compile(DOMAIN)
_PREFIX = re.compile(rb"/\d{1,2}(?!\d)")
"""The length of a network's prefix: `10.0.7.0/24` is a network, and nobody's address."""
_WHICH = tuple((name, re.compile(form)) for name, form in FORMS)
_BREAKS = re.compile(rb"[\s/?#@]")
_SAID = re.compile(rb"[^\d+(]*")
_GROUP_BEFORE = re.compile(rb"(?:\A|[^\d])(\d{1,6})[ -]\Z")
_GROUP_AFTER = re.compile(rb"[ -]\d")
_LONGEST_GROUP, _CARD_GROUP = 8, 4
_CARD = re.compile(
    rb"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3(?:0[0-59]|6\d|[89]\d)\d{11}|35\d{14}"
    rb"|(?:6\d|5[06-8])\d{13,17}|81\d{14}"
)
"""Which first digits and lengths the card networks issue (ISO/IEC 7812)."""
_SEPARATORS = re.compile(rb"[ .\-/()]")
_WORD_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")


_DIGITS_OF_PHONE, _LONGEST_UNDER_NAME = 7, 64
_OUT_OF_SCALE = 100
"""Numbers of sections, versions and object identifiers rarely have a part as large as this."""
_SAID_BEFORE = re.compile(
    rb"(?i)(?:\b(?:ips?|ipv4|inet|addr\w*|hosts?|clients?|peers?|remote\w*|nameserver|gateway|ssh|ping)\b[^\n\w]{1,4}|//|@)\Z"
)
_SAID_AFTER = re.compile(rb":\d{2,5}\b|/\d{1,2}\b")
"""Show that four small numbers are an address: a word or a sign before them, a port or a network's prefix after."""


def holds_personal(kind: str, value: str) -> bool:
    """Return whether the value under a name of this kind (see `keys.KeyInfo.personal`) is personal data."""
    if kind == "ip":
        try:
            return _is_somebodys(ip_address(value.strip()))
        except ValueError:
            return False
    return len(value) <= _LONGEST_UNDER_NAME and sum(map(str.isdigit, value)) >= _DIGITS_OF_PHONE


class PersonalData:
    """The detector. `pseudonym`: what to put in place of a finding; None: the placeholder."""

    def __init__(self, pseudonym: Callable[[bytes], bytes] | None = None) -> None:
        self._pseudonym = pseudonym

    def __call__(self, text: bytes, spend: Callable[[int], None], /) -> Iterator[Span]:
        """Yield the personal data in `text`. `spend` is called for each candidate."""
        for start, end, rule in self._find(text, spend):
            yield Span(start, end, rule, self._pseudonym(text[start:end]) if self._pseudonym else None)

    def _find(self, text: bytes, spend: Callable[[int], None]) -> Iterator[tuple[int, int, str]]:
        if b"@" in text:
            for match in _AT.finditer(text):
                spend(1)
                start, end = match.span()
                window = text[max(0, start - _LONGEST_LOCAL) : start]
                start -= len(window) - len(window.rstrip(_LOCAL_BYTES))
                start += len(text[start:end]) - len(text[start:end].lstrip(b"."))
                if _is_email(text, start, end):
                    yield start, end, "personal/email"
        for match in _NUMBER.finditer(text):
            spend(1)
            start, end = match.span()
            found = text[start:end]
            form = next((name for name, pattern in _WHICH if pattern.fullmatch(found)), "")
            if form == "said":
                lead = _SAID.match(found)
                start, form = start + (lead.end() if lead else 0), "phone"
            rule = _number_rule(text, start, end, form)
            if rule is not None:
                yield start, end, rule


def _number_rule(text: bytes, start: int, end: int, form: str) -> str | None:  # noqa: PLR0911 - one form a line
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if (before[-1:] and before[-1] in _WORD_BYTES) or (after[:1] and after[0] in _WORD_BYTES):
        return None
    found = text[start:end]
    if form == "ip4":
        return "personal/ip" if _is_host4(text, start, end) else None
    if form == "ip6":
        return "personal/ip" if _is_host6(found) else None
    if form == "iban":
        return "personal/iban" if _is_iban(found) else None
    if (before[-1:] in b".-" and before[-1:]) or (after[:1] in (b"-", b".") and after[1:2].isalnum()):
        return None
    digits = _SEPARATORS.sub(b"", found).lstrip(b"+")
    if form in ("card", "phone") and not found.startswith((b"+", b"(")) and _in_list(text, start, end, form):
        return None
    if form == "card":
        return "personal/card" if _CARD.fullmatch(digits) and _luhn(digits) else None
    if form == "ssn":
        return (
            "personal/id" if found[:3] not in (b"000", b"666") and found[:1] != b"9" and found[4:6] != b"00" else None
        )
    return "personal/phone" if 7 <= len(digits) <= 15 and len(set(digits)) > 2 else None  # noqa: PLR2004 - ITU-T E.164


def _in_list(text: bytes, start: int, end: int, form: str) -> bool:
    """Whether groups of digits go on before it, or after a telephone number: a row of numbers, a longer number."""
    before = _GROUP_BEFORE.search(text[max(0, start - _LONGEST_GROUP) : start])
    if before is not None and before[1] != b"1":  # the country code of North America
        return form == "phone" or len(before[1]) == _CARD_GROUP
    return form == "phone" and _GROUP_AFTER.match(text, end) is not None


def _is_email(text: bytes, start: int, end: int) -> bool:
    before = text[max(0, start - 256) : start]
    if (
        b":" in before.rpartition(b"://")[2]
        and before.rpartition(b"://")[1]
        and not _BREAKS.search(before.rpartition(b"://")[2])
    ):
        return False  # a password in an address, which is another rule's
    local, _, domain = text[start:end].partition(b"@")
    if before.endswith(b"://") and is_identifier(local.decode("utf-8", "replace")):
        return False  # the key of a client that reports to this host
    ending = domain.rpartition(b".")[2].decode("utf-8", "replace").lower()
    following = text[end : end + 1]
    if not local or local in (b"git", b"hg", b"svn") or ending in FILE_ENDINGS or following in (b"(", b"_", b"["):
        return False
    return not (following == b"." and text[end + 1 : end + 2].isalnum() and text[end + 1 : end + 2].isdigit())


def _is_host4(text: bytes, start: int, end: int) -> bool:  # noqa: PLR0911 - one reason a line
    before, after = text[max(0, start - 24) : start], text[end : end + 2]
    if after[:1] in (b".", b"-", b"+") and after[1:2].isalnum():
        return False
    if before[-1:] in (b".", b"-", b"^", b"~", b"<", b">", b"v") or before[-2:] == b"==":
        return False
    if before[-1:] == b"/" and before[-2:] != b"//":
        return False
    if any(word in before.lower() for word in (b"version", b"release", b"build", b"ver.", b"section", b"chapter")):
        return False
    parts = text[start:end].split(b".")
    numbers = [int(part) for part in parts]
    if any(number > 255 for number in numbers) or any(len(part) > 1 and part[:1] == b"0" for part in parts):  # noqa: PLR2004
        return False
    if _PREFIX.match(text, end) and numbers[3] == 0:
        return False
    said = _SAID_BEFORE.search(before) or _SAID_AFTER.match(text, end)
    if not said and numbers[0] < 10 and max(numbers) < _OUT_OF_SCALE:  # noqa: PLR2004 - numbering
        return False
    if max(numbers) < 10 or numbers[0] == 255 or numbers[1:] == [0, 0, 0]:  # noqa: PLR2004 - numbering, a mask, a network
        return False
    return _is_somebodys(ip_address(text[start:end].decode()))


def _is_host6(found: bytes) -> bool:
    groups = [group for group in found.split(b":") if group]
    if len(groups) < 3 or not any(map(str.isdigit, found.decode())):  # noqa: PLR2004 - fewer is C++ more often
        return False
    try:
        return _is_somebodys(ip_address(found.rstrip(b":").decode() if not found.endswith(b"::") else found.decode()))
    except ValueError:
        return False


def _is_somebodys(address: IPv4Address | IPv6Address) -> bool:
    return not (address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local)


def _luhn(digits: bytes) -> bool:
    if len(set(digits)) == 1:
        return False
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = digit - 0x30
        if index % 2:
            value = value * 2 - 9 * (value > 4)  # noqa: PLR2004 - the cross sum
        total += value
    return total % 10 == 0


def _is_iban(found: bytes) -> bool:
    compact = found.replace(b" ", b"").decode()
    if IBAN_LENGTHS.get(compact[:2]) != len(compact):
        return False
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1
