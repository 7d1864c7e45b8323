"""Secrets in sentences, in Markdown, in lists and in connection strings."""

from __future__ import annotations

import pytest

from audit_core.masking import PLACEHOLDER, Masker

MASKER = Masker(personal="off")
PASSWORD = "Hunter2xyz"
KEY = "k3VZr8Qm1TzWx7Lc9Nd2Hs5Y"
OTHER = "m4WAs9Rn2UaXy8Md0Oe3It6Z"


@pytest.mark.parametrize(
    "text",
    [
        "**Password:** {}",
        "__Password:__ {}",
        "*Password:* {}",
        "_Password:_ {}",
        "**Password**: {}",
        "`Password:` {}",
        "~~Password:~~ {}",
        "<b>Password:</b> {}",
        "<strong>Password</strong>: {}",
        "[b]Password:[/b] {}",
        "Password - {}",
        "Password \u2013 {}",
        "Password \u2014 {}",
        "- **Password** \u2013 {}",
        "Passwort \u2013 {}",
        "Mot de passe : {}",
        "Contrase\u00f1a: {}",
        "with password {}",
        "log in as bob with the password {} please",
        "user bob password {}",
        "username: bob and password {}",
        "changed the password to {}",
        "the password was set to {}",
        'password of "{}"',
        "password: {}, then go on",
        'if ("{}" == password) {{',
        "if ('{}' !== my_admin_password) {{",
    ],
)
def test_a_password_in_a_sentence_vanishes(text: str) -> None:
    """A password after emphasis, a dash or a word, or before a comparison."""
    assert MASKER.mask_text(text.format(PASSWORD))[0] == text.format(PLACEHOLDER)


@pytest.mark.parametrize(
    "text",
    [
        "API key - {}",
        "API key \u2013 {}",
        'API key \u2014 "{}"',
        "API key \u2192 {}",
        "| API key |{} |",
        "**Token:** {}",
    ],
)
def test_a_key_after_a_dash_vanishes(text: str) -> None:
    """A dash or an arrow between blanks is a sign."""
    assert MASKER.mask_text(text.format(KEY))[0] == text.format(PLACEHOLDER)


@pytest.mark.parametrize(
    "text",
    [
        "the password policy - at least 12 characters",
        "password - required",
        "Password \u2013 Required field 2",
        "Token - 1",
        "with password reset2 flow",
        "with password protection",
        "and password SHA-256 hashes",
        "API key - see section 4.2.1",
        "<b>Password:</b> must be long",
        "the key of build 42",
        'if ("admin" == username) {',
    ],
)
def test_a_sentence_about_passwords_stays(text: str) -> None:
    """Words, numbers and names of methods are no passwords."""
    assert MASKER.mask_text(text) == (text, ())


@pytest.mark.parametrize(
    "text",
    [
        'api_keys = ["{}", "{}"]',
        "api_keys: [{}, {}]",
        "api_keys:\n  - {}\n  - {}",
        'api_keys:\n  - "{}"\n  - "{}"',
        "API_KEYS={}, {}",
        "$api_keys = array('{}', '{}');",
        "$api_keys = ['{}', '{}'];",
        'api_keys = {"{}", "{}"};',
        'api_keys := []string{"{}", "{}"}',
        'const apiKeys = new Set(["{}", "{}"])',
        "api_keys = %w[{} {}]",
        'List<String> apiKeys = List.of("{}", "{}");',
        "api_keys=({} {})",
        'api_keys = [\n    "{}",\n    "{}",\n]',
        "api keys: {}, {}",
    ],
)
@pytest.mark.parametrize(("one", "two"), [(KEY, OTHER), ("changeme", OTHER)])
def test_every_item_of_a_list_vanishes(text: str, one: str, two: str) -> None:
    """Lists of languages, shells and settings, also after an item that is a placeholder."""
    quoted = text.replace("%", "%%").replace("{}", "%s")
    masked = MASKER.mask_text(quoted % (one, two))[0]
    assert OTHER not in masked
    if one == KEY:
        assert masked == quoted % (PLACEHOLDER, PLACEHOLDER)


def test_a_list_goes_on_after_a_mark() -> None:
    """A password may end with a mark, which is also how a sentence ends."""
    masked = MASKER.mask_text("passwords: Hunter2xyz!, winter2025?, Sommer2024")[0]
    assert masked == f"passwords: {PLACEHOLDER}!, {PLACEHOLDER}?, {PLACEHOLDER}"


@pytest.mark.parametrize("text", ['passwords = ["password", "secret"]', 'auth_tokens = ["a", "quarterly2", "report"]'])
def test_words_in_a_list_stay(text: str) -> None:
    """Each item is judged by itself."""
    assert MASKER.mask_text(text) == (text, ())


def test_a_long_sentence_is_no_list() -> None:
    """The masker stops early, so that the text stays within its budget."""
    text = "passwords: " + "lorem ipsum " * 30_000
    assert MASKER.mask_text(text) == (text, ())
    secrets = "api_keys: " + ", ".join(KEY[at:] + KEY[:at] for at in range(20)) + " " + "lorem " * 50 + OTHER
    assert MASKER.mask_text(secrets)[0].count(PLACEHOLDER) == 21


@pytest.mark.parametrize("text", ['password = "{} "', "password = ' {}'", 'api_key: "{} "'])
def test_blanks_inside_quotes_do_not_hide_a_secret(text: str) -> None:
    """A blank before the closing quote or after the opening one."""
    assert KEY not in MASKER.mask_text(text.format(KEY))[0]


@pytest.mark.parametrize(
    "text",
    [
        "host=db port=5432 user=app password={} dbname=x",
        "user=app password={} host=db",
        "dbname=x user=app password='{}'",
        "Server=db;Database=x;User Id=app;Password={};",
        "Driver={{ODBC}};UID=app;PWD={};DATABASE=x",
        "app:{}@tcp(db:3306)/x",
        "app:{}@unix(/tmp/mysql.sock)/x",
        "app:{}@/x",
        "scott/{}@//db:1521/ORCL",
        "scott/{}@db.example.com:1521/ORCL",
    ],
)
@pytest.mark.parametrize("password", ["sunflower", "S3cr-t9"])
def test_the_password_of_a_connection_string_vanishes(text: str, password: str) -> None:
    """Its place tells, not its letters."""
    assert MASKER.mask_text(text.format(password))[0] == text.format(PLACEHOLDER)


def test_a_login_before_a_host_and_a_port_vanishes() -> None:
    """A host without a port may be part of anything, such as an e-mail address."""
    assert MASKER.mask_text("app:s3cr3tpw@db.example.com:3306/x")[0] == f"app:{PLACEHOLDER}@db.example.com:3306/x"
    for text in ("git@github.com:acme/app.git", "app:latest@sha256:abc", "to:bob@example.com", "10:30@office/x"):
        assert MASKER.mask_text(text) == (text, ())


def test_an_encrypted_value_in_brackets_vanishes() -> None:
    """Jenkins writes such values into its files of credentials."""
    assert MASKER.mask_text(f"<secret>{{AQAAABAAA{KEY}}}</secret>")[0].count(KEY) == 0
    assert MASKER.mask_text(f"<secret>{{acme AQAAABAAA {KEY}}}</secret>")[0].count(KEY) == 0
    assert MASKER.mask_text("<secret>{apiKeyFromVault}</secret>")[1] == ()


@pytest.mark.parametrize(
    "token",
    [
        "shpat_r8TRc9ZXAvcVvcrmtr7qoVw69WeeY1ex",
        "shpss_QlRSJy5AXX1cILNjVatTsEIhFxuPF5ex",
        "tskey-future-k3VZr8Qm1TzW-x7Lc9Nd2Hs5Yb4Gf6Jp0aB",
        "BBDC-MTk4MDE0MzAyMDIzOvvP+lDf5edYvDgggvyzpmiXkF0A",
        "sk_live_" + "A" * 24,
    ],
)
def test_a_widened_format_vanishes(token: str) -> None:
    """Letters of both cases, new kinds of a vendor, a made-up tail of one letter."""
    assert MASKER.mask_text(f"see {token} here")[0] == f"see {PLACEHOLDER} here"


@pytest.mark.parametrize(
    "text", ["sk_live_" + "x" * 24, "ghp_" + "X" * 36, "sk_live_" + "*" * 24, "AKIAIOSFODNN7EXAMPLE"]
)
def test_a_blanked_token_stays(text: str) -> None:
    """The tail is blanked out, or the token is a vendor's printed example."""
    assert MASKER.mask_text(text) == (text, ())
