"""Personal data: what is taken for it, what is not, and the three ways to treat it."""

from __future__ import annotations

import pytest

from audit_core.masking import PLACEHOLDER, Masker

MASKER = Masker()
FOUND = {
    "write to jane.doe+x@mail.example.co.uk today": "personal/email",
    "<bob@example.org>": "personal/email",
    "https://x.example/?to=jane@example.com&n=1": "personal/email",
    "call +49 30 123456-78": "personal/phone",
    "(415) 555-2671": "personal/phone",
    "Tel.: 030 / 1234567": "personal/phone",
    "4242 4242 4242 4242": "personal/card",
    "card 5555555555554444 exp": "personal/card",
    "3782 822463 10005": "personal/card",
    "10 4242 4242 4242 4242": "personal/card",
    "4222222222222": "personal/card",
    "1 415 555 2671": "personal/phone",
    "10.0.174.9/24": "personal/ip",
    "DE89 3704 0044 0532 0130 00": "personal/iban",
    "GB82WEST12345698765432": "personal/iban",
    "from 203.0.113.7:443": "personal/ip",
    "http://192.168.1.20/admin": "personal/ip",
    "2001:db8::8a2e:370:7334": "personal/ip",
}
NOT_FOUND = [
    "4242 4242 4242 4241",
    "DE89 3704 0044 0532 0130 01",
    "1700000000000000",
    "2026-11-23T10:11:12.123456+00:00",
    "v1.2.3.4",
    "127.0.0.1",
    "Chrome/120.0.0.0 Safari/537.36",
    "std::vec::Vec",
    "10:20:30",
    "git@github.com:acme/app.git",
    "logo@2x.png",
    "550e8400-e29b-41d4-a716-446655440000",
    "0.12345678901234567",
    "1.2.840.113549.1.1.11",
    "user@{host}",
    "@app.route('/x')",
    "pkg@1.2.3",
    "255.255.255.0",
    "version 10.20.30.40",
    "chatcmpl-123456789012345678",
    "1,234,567.89",
    "12345678901234567890",
    "10.0.174.0/24",
    "9400 1569 4942 2750 3046 76",
    "6716737452495",
    "4 107 4143 15 7161 350 766 7285",
    "https://ea9a4e333e0f1987e651f4f8394abbe0@o63204.ingest.sentry.io/169942",
]


@pytest.mark.parametrize("text", FOUND)
def test_personal_data_is_masked(text: str) -> None:
    """Each kind in the forms that people and programs write it in."""
    masked, redactions = MASKER.mask_text(text)
    assert PLACEHOLDER in masked
    assert [redaction.rule for redaction in redactions] == [FOUND[text]]
    assert MASKER.mask_text(masked) == (masked, ())


@pytest.mark.parametrize("text", NOT_FOUND)
def test_numbers_that_are_not_personal_stay(text: str) -> None:
    """Wrong check digits, versions, times, identifiers, program text."""
    assert MASKER.mask_text(text) == (text, ())


@pytest.mark.parametrize("text", FOUND)
def test_off_leaves_personal_data(text: str) -> None:
    """Secrets are still masked; personal data is not."""
    assert Masker(personal="off").mask_text(text) == (text, ())


def test_hmac_gives_the_same_pseudonym_for_the_same_person() -> None:
    """Under one key: equal where the data is equal, different otherwise, and stable when masked again."""
    masker = Masker(personal="hmac", pseudonym_key=b"key one")
    first, _ = masker.mask_text("jane@example.com")
    again, _ = masker.mask_text("Jane@Example.com")
    other, _ = masker.mask_text("bob@example.com")
    elsewhere, _ = Masker(personal="hmac", pseudonym_key=b"key two").mask_text("jane@example.com")
    assert first == again
    assert len({first, other, elsewhere}) == 3
    assert masker.mask_text(first) == (first, ())


def test_a_user_id_that_is_an_address_becomes_a_pseudonym() -> None:
    """Where there is a key, the log can still tell users apart."""
    masked, redactions = Masker(pseudonym_key=b"k").mask_value(
        {"user_id": "jane@example.com", "note": "jane@example.com"}
    )
    assert isinstance(masked, dict)
    assert str(masked["user_id"]).startswith("pseudonym-")
    assert masked["note"] == PLACEHOLDER
    assert {redaction.rule for redaction in redactions} == {"personal/email"}


def test_hmac_needs_a_key() -> None:
    """A pseudonym without a key could be undone by anyone."""
    with pytest.raises(ValueError, match="pseudonym_key"):
        Masker(personal="hmac")
