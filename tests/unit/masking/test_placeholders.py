"""Only a whole value is a placeholder. A password that contains such a word is masked."""

from __future__ import annotations

import pytest

from audit_core.masking import PLACEHOLDER, Masker

MASKER = Masker(personal="off")


@pytest.mark.parametrize(
    "secret",
    [
        "MyPassword2024!",
        "Changeme2024!",
        "Example2024!",
        "Your-Horse7Battery",
        "Dummy-Str0ng9!",
        "Todo4Lorem!",
        "Undefined77x!",
        "Sample...Pass77",
        "PlaceHolder!99",
        "Replace-This99",
        "insert-Coin88",
        "my-Secret-Garden7",
        "Redacted!2024",
        "xxxxK9zQ2mT7vB4n",
        "$ecret2024!",
        "%Summer%2024",
        "keyVault2024!",
    ],
)
@pytest.mark.parametrize(
    "text", ["password={}", 'PASSWORD="{}"', "password: {}", "password = '{}'", 'x = {{"password": "{}"}}']
)
def test_a_password_that_holds_a_placeholder_word_vanishes(text: str, secret: str) -> None:
    """A password may also begin like a variable or a template."""
    masked = MASKER.mask_text(text.format(secret))[0]
    assert secret not in masked
    assert PLACEHOLDER in masked


@pytest.mark.parametrize(
    "value",
    [
        "your-api-key-here",
        "YOUR_API_KEY",
        "yourApiKeyHere",
        "your-openai-api-key",
        "replace-with-your-key",
        "change-me",
        "ChangeMe",
        "changeme",
        "example-api-key",
        "example-key-2",
        "my-secret-token",
        "<your password>",
        "<your-password-1>",
        "${DB_PASSWORD}",
        "$DB_PASSWORD",
        "{{ secrets.DB_PASSWORD_2 }}",
        "%DB_PASSWORD%",
        "process.env.API_KEY_2",
        "xxxxxxxxxxxx",
        "********",
        "xxxx-xxxx-xxxx",
    ],
)
@pytest.mark.parametrize("text", ["password={}", 'api_key = "{}"', 'token: "{}"', '"client_secret": "{}"'])
def test_a_placeholder_stays(text: str, value: str) -> None:
    """Words of placeholders, variables, templates and blanked values stay."""
    assert MASKER.mask_text(text.format(value)) == (text.format(value), ())


@pytest.mark.parametrize(
    "token",
    ["sk-12ab...89ef", "abc1****************", "sha256~XXXXXXXXXX_PUT_YOUR_TOKEN_HERE_XXXXXXXXXXXX", "abcd1xxxx"],
)
def test_a_shortened_token_stays(token: str) -> None:
    """No machine writes such signs into a token."""
    assert MASKER.mask_text(f'token = "{token}"') == (f'token = "{token}"', ())


@pytest.mark.parametrize("secret", ["m{{h}o)p$1e]nob(ody", "b(a{c)d}9xyz"])
def test_a_secret_whose_brackets_do_not_nest_is_no_program(secret: str) -> None:
    """Calls and templates close only the brackets that they open."""
    for text in ('api_key = "{}"', "password = {}", "secret: '{}'"):
        assert MASKER.mask_text(text.replace("{}", secret))[0] == text.replace("{}", PLACEHOLDER)
