"""In which syntaxes a telling name introduces a secret, and what tells without one: services, prefixes, groups."""

from __future__ import annotations

import pytest

from audit_core.masking import PLACEHOLDER, Masker
from audit_core.masking.result import JsonValue

MASKER = Masker(personal="off")
SECRET = "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0"
HEX = "4ddbc191d40ee098cbaae6f3523ada2d"
UUID = "5f2c7a1e-93d4-4b06-8e1f-a7c2d9b3e604"


@pytest.mark.parametrize(
    "text",
    [
        "api_key = '{}'",
        'Dim apiKey As String = "{}"',
        'string apiKey = @"{}";',
        'NSString *apiKey = @"{}";',
        'static const char api_key[] = "{}";',
        'const API_KEY: &\'static str = "{}";',
        "apiKey = [[{}]]",
        'client.setApiKey("{}")',
        'Client.builder().apiKey("{}").build()',
        "const k = process.env.API_KEY || '{}'",
        'key = os.getenv("API_KEY") or "{}"',
        "apiKey ?? '{}'",
        'url = "?api_key=" + "{}"',
        'api_keys = ["{}"]',
        'buildConfigField "String", "API_KEY", "\\"{}\\""',
        "| API key | {} |",
        "api_token -> {}",
        "* **API key**: `{}`",
        "api_key,{}",
        "set -gx API_KEY {}",
        "az appconfig --name API_KEY --value {}",
        "api_key: str | None = '{}'",
        "Token (read-only): {}",
        "Your API key has been created: {}",
        "ENV.fetch('API_KEY') {{ '{}' }}",
        '#define API_KEY @"{}"',
        "<api-key><![CDATA[{}]]></api-key>",
        '<apiKey type="string">{}</apiKey>',
        "token: &shared {}",
    ],
)
def test_a_telling_name_introduces_a_secret(text: str) -> None:
    """In languages, shells, tables and files, the value goes and the rest stays."""
    assert MASKER.mask_text(text.format(SECRET))[0] == text.format(PLACEHOLDER)


@pytest.mark.parametrize(
    "text",
    [
        'client.get_secret("prod/orders/password-2024")',
        'translate("settings.apiKey.description1")',
        '@type_token("aws:ec2/vpcIpv4Block:VpcIpv4Block")',
        'if auth.startswith("AWS4-ECDSA-P256-SHA256"):',
        '"path_patterns": [r"^/2025-09-09/machines"],',
        "| token | required | of the last 2024 call |",
        "token -> Optional[RefreshToken2]",
        "echo $PASSWORD | base64 -d",
        "const key = process.env.API_KEY || 'your-api-key-here'",
        's3_key = "uploads/2024/01/15/IMG_20240115_093045.jpg"',
        'WORD_PAT = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"',
    ],
)
def test_what_only_stands_like_a_secret_stays(text: str) -> None:
    """What a secret is called, a type, a command, a path, an alphabet."""
    assert MASKER.mask_text(text) == (text, ())


@pytest.mark.parametrize(
    "text",
    [
        'ConvertTo-SecureString "{}" -AsPlainText -Force',
        "net user backup {} /add",
        "unzip -P {} a.zip",
        "7z x -p{} a.7z",
        "echo {} | docker login -u x --password-stdin",
        "requests.get(url, auth=('bob', '{}'))",
        'DriverManager.getConnection(url, "root", "{}")',
        "new PDO('mysql:host=db', 'root', '{}')",
        "snmp-server community {} RO",
    ],
)
def test_a_password_in_a_command_or_a_call_vanishes(text: str) -> None:
    """Where no name stands before it, its place tells."""
    assert MASKER.mask_text(text.format("Tr0ub4dor"))[0] == text.format(PLACEHOLDER)


def test_base64_that_begins_with_a_slash_is_no_path() -> None:
    """One key in 64 begins so."""
    secret = "/k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe1Bq="
    assert MASKER.mask_text(f'SECRET_KEY = "{secret}"')[0] == f'SECRET_KEY = "{PLACEHOLDER}"'
    assert MASKER.mask_text('key_file = "/etc/Ssl/Private/Server2/Current/Certificates/Tls"')[1] == ()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (f"datadog_key = '{HEX}'", "assigned/service"),
        (f"NEW_RELIC_API: {SECRET}", "service/value"),
        (f"finnhub: {SECRET}", "service/value"),
        (f"const Algolia = '{HEX}';", "service/value"),
    ],
)
def test_the_name_of_a_service_introduces_a_key(text: str, rule: str) -> None:
    """Before a word that says no more than that it opens something, or alone."""
    masked, redactions = MASKER.mask_text(text)
    assert masked == text.replace(HEX, PLACEHOLDER).replace(SECRET, PLACEHOLDER)
    assert [redaction.rule for redaction in redactions] == [rule]


def test_the_name_of_a_service_tells_in_json() -> None:
    """As the key of a member, whose value is random; what lies under it as an object is looked at by itself."""
    value: dict[str, JsonValue] = {
        "mailgun_key": HEX,
        "finnhub": SECRET,
        "stripe": {"customer": SECRET[::-1]},
        "jira_key": "PROJ-123",
    }
    masked = MASKER.mask_value(value)[0]
    assert masked == {**value, "mailgun_key": PLACEHOLDER, "finnhub": PLACEHOLDER}


@pytest.mark.parametrize(
    "text",
    [
        f"heroku: {UUID}",
        "github: 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "stripe: 12.4.0-beta.20240115",
        "openai: gpt-4o-mini-2024-07-18",
        "jira_key = PROJ-12345",
        f"twilio_sid = AC{HEX}",
        "slack_channel = C024BE91LDQ7F3H5J8K2M",
    ],
)
def test_what_a_service_names_its_things_stays(text: str) -> None:
    """Identifiers, commits, versions, models."""
    assert MASKER.mask_text(text) == (text, ())


@pytest.mark.parametrize(
    ("token", "rule"),
    [
        (f"acme_{SECRET}", "prefixed/token"),
        (f"acme-live-{SECRET}", "prefixed/token"),
        (f"ACME_CI_{SECRET}", "prefixed/token"),
        (f"acme_{SECRET.lower()}{SECRET[:12].lower()}", "prefixed/token"),
        (f"sk_{SECRET[:24]}", "prefixed/secret"),
        (f"{HEX}-0a1b2c3d-9f8e7d6c", "grouped/token"),
        (f"{UUID}:{HEX}", "grouped/token"),
    ],
)
def test_a_token_that_no_rule_knows_vanishes(token: str, rule: str) -> None:
    """Whatever stands around it, as long as it is no part of a longer word."""
    assert MASKER.mask_text(f"see {token} here") == (f"see {PLACEHOLDER} here", MASKER.mask_text(token)[1])
    assert [redaction.rule for redaction in MASKER.mask_text(token)[1]] == [rule]


@pytest.mark.parametrize(
    "text",
    [
        f"build_{HEX}{HEX}",
        f"toolu_{SECRET}",
        f"sha512-{SECRET}",
        f"blob-{SECRET}",
        "image_20240115093045123456789012345678901234",
        "customer_AuthenticationMiddlewareFactoryBeanConfig",
        f"x-acme_{SECRET}",
        f"{HEX}-0a1b2c3d-9f8e",
    ],
)
def test_what_has_a_prefix_and_is_no_token_stays(text: str) -> None:
    """Digests, identifiers, numbers, words, parts of longer words."""
    assert MASKER.mask_text(text) == (text, ())


def test_a_format_that_a_rule_knows_is_left_to_that_rule() -> None:
    """What has a vendor's prefix and not its shape is no token of that vendor, nor of another."""
    assert MASKER.mask_text(f"sgp_local_{SECRET}")[1] == ()


def test_the_secret_beside_an_access_key_vanishes() -> None:
    """In the file that the console hands out, where no name stands before it."""
    secret = "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe1BqX"
    masked = MASKER.mask_text(f"AKIAK3VZR7QMTZWX2LCN,{secret}\n")[0]
    assert masked == f"{PLACEHOLDER},{PLACEHOLDER}\n"
