"""Key names: which hold secrets, however they are spelled, and which only talk about them."""

from __future__ import annotations

import json

import pytest

from audit_core.masking import PLACEHOLDER, JsonValue, Masker, Redaction
from audit_core.masking.keys import secret_kind

MASKER = Masker()


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "PASSWORD",
        "Password",
        "db_password",
        "dbPassword",
        "DB-PASSWORD",
        "user.password",
        "passwd",
        "pwd",
        "passphrase",
        "X-Api-Key",
        "x_api_key",
        "apiKey",
        "APIKey",
        "stripeAPIKey",
        "OPENAI_API_KEY",
        "api_key_2",
        "apikey",
        "secret",
        "client_secret",
        "clientSecret",
        "CLIENT-SECRET",
        "webhook_signing_secret",
        "access_token",
        "refreshToken",
        "id_token",
        "bearer_token",
        "authToken",
        "csrf_token",
        "token",
        "gh_token",
        "Authorization",
        "proxy-authorization",
        "Cookie",
        "set-cookie",
        "private_key",
        "privateKey",
        "secret_access_key",
        "aws_secret_access_key",
        "encryption_key",
        "license-key",
        "credentials",
        "".join(chr(ord(letter) + 0xFEE0) for letter in "password"),
        "contraseña",
        "пароль",
        "accesstoken",
        "mysqlpassword",
        "secret_key_base64",
        "old_password",
        "passwordPlain",
    ],
)
def test_names_that_hold_secrets(name: str) -> None:
    """Case, dashes, dots, camelCase, prefixes and suffixes make no difference."""
    masked, redactions = MASKER.mask_value({name: "q8Zr2Lw9Xc4Vb7Nm"})
    assert list(masked.values()) == [PLACEHOLDER] if isinstance(masked, dict) else False
    assert len(redactions) == 1


@pytest.mark.parametrize(
    "name",
    [
        "max_tokens",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "next_token",
        "nextPageToken",
        "token_count",
        "token_type",
        "tokenizer",
        "password_policy",
        "passwordLength",
        "secret_name",
        "secretArn",
        "key",
        "primary_key",
        "foreign_key",
        "public_key",
        "sort_key",
        "cache_key",
        "idempotency_key",
        "keyword",
        "keyboard",
        "author",
        "authority",
        "passenger",
        "compass",
        "bypass",
        "signature",
        "session_id",
        "trace_id",
        "request_hash",
        "secretary",
        "monkey",
        "node_modules/jsonwebtoken",
        "credentials_url",
    ],
)
def test_names_that_hold_none(name: str) -> None:
    """Names that only contain such a word, or are about a secret, are left alone."""
    assert secret_kind(name) is None
    assert MASKER.mask_value({name: "a plain value"}) == ({name: "a plain value"}, ())


def test_everything_under_a_secret_key_goes() -> None:
    """Nested objects and lists, strings and numbers; truth values and null stay."""
    value: JsonValue = {"a": [{"credentials": {"user": "bob", "parts": ["x1", 22, None, True]}}, {"pin": 4711}]}
    masked, redactions = MASKER.mask_value(value)
    assert masked == {
        "a": [{"credentials": {"user": "bob", "parts": [PLACEHOLDER, 22, None, True]}}, {"pin": PLACEHOLDER}]
    }
    assert redactions[0] == Redaction(path="/a/0/credentials/parts/0", rule="key/credentials")


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        (["-y", "server", "--api-key", "abc123", "--port", "8080"], {3}),
        (["mysql", "-password", "hunter2", "shop"], {2}),
        (["--client-secret", "a b c", "--client-secret", "d e f"], {1, 3}),
        (["--password", "--verbose", "shop"], set()),
        (["--max-tokens", "100", "--key", "server.pem", "--token-limit", "4000"], set()),
        (["password", "email", "-p", "8080"], set()),
    ],
)
def test_an_option_counts_as_the_key_of_its_argument(value: list[str], masked: set[int]) -> None:
    """Also in JSON that is text, of which the rest stays as it is; the names of members that are listed say nothing."""
    expected: list[JsonValue] = [PLACEHOLDER if index in masked else item for index, item in enumerate(value)]
    assert MASKER.mask_value({"args": [*value]})[0] == {"args": expected}
    text = json.dumps({"args": value}, indent=1)
    done = MASKER.mask_bytes(text.encode())
    assert done.data.decode() == json.dumps({"args": expected}, indent=1)
    assert {redaction.path for redaction in done.redactions} == {f"/args/{index}" for index in masked}


def test_an_option_that_tells_nothing_leaves_the_key_of_its_list() -> None:
    """A random value is suspect under such a key, behind an option too."""
    given: JsonValue = {"order_key": ["--region", "q7Xw2mZp9Lk4Vb8Nc3Rt6Yh1", "--port", "8080"]}
    masked, _ = MASKER.mask_value(given)
    assert masked == {"order_key": ["--region", PLACEHOLDER, "--port", "8080"]}


def test_a_name_beside_a_value_counts_as_its_key() -> None:
    """Lists of headers, variables and attributes say the name in a member of its own."""
    value: JsonValue = [
        {"name": "Authorization", "value": "Bearer abc"},
        {"key": "db.password", "value": {"stringValue": "hunter2"}},
        {"name": "colour", "value": "blue"},
    ]
    masked, _ = MASKER.mask_value(value)
    assert masked == [
        {"name": "Authorization", "value": PLACEHOLDER},
        {"key": "db.password", "value": {"stringValue": PLACEHOLDER}},
        {"name": "colour", "value": "blue"},
    ]


def test_a_schema_that_describes_a_password_is_not_one() -> None:
    """Tool definitions keep their text; a default or an example in them does not."""
    schema: JsonValue = {
        "properties": {"password": {"type": "string", "description": "The password", "default": "hunter2"}}
    }
    masked, redactions = MASKER.mask_value(schema)
    assert masked == {
        "properties": {"password": {"type": "string", "description": "The password", "default": PLACEHOLDER}}
    }
    assert [redaction.path for redaction in redactions] == ["/properties/password/default"]


def test_tokens_of_text_are_not_secrets() -> None:
    """Log probabilities and streamed words have a key called token."""
    value: JsonValue = [{"token": "Hello42", "logprob": -0.1}, {"token": " world"}]
    assert MASKER.mask_value(value) == (value, ())


def test_keys_that_are_secrets_are_masked_too_and_stay_apart() -> None:
    """Two secret keys of one object stay two members, and the paths do not tell them."""
    first, second = "ghp_" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe", "ghp_" + "Hs5Yb4Gf6Jp0RtAek3VZr8Qm1TzWx7Lc9Nd2"
    masked, redactions = MASKER.mask_value({first: 1, second: {"a": "b"}, "c": 3})
    assert masked == {PLACEHOLDER: 1, f"{PLACEHOLDER}#2": {"a": "b"}, "c": 3}
    assert first not in repr(redactions)
    assert second not in repr(redactions)
    assert MASKER.mask_value(masked) == (masked, ())


def test_the_last_part_of_a_path_is_the_key() -> None:
    """A caller that masks field by field gets the same as one that masks the whole."""
    assert MASKER.mask_text("hunter2", path="/attributes/password") == (
        PLACEHOLDER,
        (Redaction(path="/attributes/password", rule="key/password"),),
    )


def test_a_json_web_key_keeps_its_public_part() -> None:
    """Its private members go, whatever they are called; the same names elsewhere stay."""
    public: dict[str, JsonValue] = {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}
    private: JsonValue = {**public, "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}
    masked = {**public, "d": PLACEHOLDER}
    assert Masker().mask_value({"keys": [private, {"d": "12", "k": "x"}]})[0] == {
        "keys": [masked, {"d": "12", "k": "x"}]
    }
    assert Masker().mask_text(json.dumps(private))[0] == json.dumps(masked)
