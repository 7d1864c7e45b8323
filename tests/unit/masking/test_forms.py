"""What is a token and what only looks like one: glued marks, typed examples, session ids, ruled-out forms."""

from __future__ import annotations

import pytest

from audit_core.masking import PLACEHOLDER, Masker

MASKER = Masker(personal="off")
RANDOM = "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe"
HASH = "4ddbc191d40ee098cbaae6f3523ada2d"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"GET /botghp_{RANDOM}/x", f"GET /bot{PLACEHOLDER}/x"),
        ("botAKIAK3VZR7QMTZWX2LCN", f"bot{PLACEHOLDER}"),
        (f"tokenxoxb-2349871234-{RANDOM[:20]}", f"token{PLACEHOLDER}"),
        (f"keysk-proj-{RANDOM}", f"key{PLACEHOLDER}"),
        ("0tskey-api-AAAAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBBBB", f"0{PLACEHOLDER}"),  # a long mark needs no random part
        (
            f"https://api.telegram.org/bot110201543:A{RANDOM[:33]}/getMe",
            f"https://api.telegram.org/bot{PLACEHOLDER}/getMe",
        ),
        (
            f"https://api.telegram.org/file/bot110201543:A{RANDOM[:34]}/a.jpg",
            f"https://api.telegram.org/file/bot{PLACEHOLDER}/a.jpg",
        ),
    ],
)
def test_a_token_glued_to_a_word_vanishes(text: str, expected: str) -> None:
    """The word in front stays."""
    assert MASKER.mask_text(text)[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "https://h.example/a;jsessionid=1A2B3C4D5E6F7A8B9C0D1E2F?x=1",
            f"https://h.example/a;jsessionid={PLACEHOLDER}?x=1",
        ),
        (
            "https://h.example/a;jsessionid=1A2B3C4D5E6F7A8B9C0D1E2F.node1",
            f"https://h.example/a;jsessionid={PLACEHOLDER}",
        ),
        ("GET /x;JSESSIONID=abcDEF0123456789xyz HTTP/1.1", f"GET /x;JSESSIONID={PLACEHOLDER} HTTP/1.1"),
        ("PHPSESSID=3n4l8k2m1p9q7r5s6t0u; path=/", f"PHPSESSID={PLACEHOLDER}; path=/"),
    ],
)
def test_a_session_id_in_an_address_or_a_cookie_vanishes(text: str, expected: str) -> None:
    """Whoever has it is let in; what follows it in the address stays."""
    assert MASKER.mask_text(text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        # examples that somebody typed
        "sk-ant-api03-abcdefgh-ijklmnop-qrstuvwx-yz012345-6789abcd-efghijkl-mnopqrst",
        f'"token3": "xoxp-1234-1234-1234-{HASH}"',
        # names that deny it
        'nonMatchingToken := "hq7x1tmffiqat60y"',
        'fake_api_key = "q8Zr2Lw9Xc4Vb7Nm"',
        'error="invalid_token=q8Zr2Lw9Xc4Vb7Nm"',
        # no bot has such an id
        f'telegram_token = "12345678901234567:A{RANDOM[:34]}"',
        # identifiers of a session, not its key
        "session_id=550e8400-e29b-41d4-a716-446655440000",
        "sessionId: 550e8400-e29b-41d4-a716-446655440000",
        '{"Version": "2012-10-17", "Statement": [{"Sid": "AllowRead1469123904194", "Effect": "Allow"}]}',
        '{"sid": "CA0123456789abcdef0123456789abcdef"}',
        "https://0123456789abcdef0123456789abcdef@o123.ingest.sentry.io/456",
        # signs that assign nothing
        'x?"reset_password":"signup1":0',
        '(0,r.getCookie)("token"):null,d=(0,a.useMemo)(()=>1)',
        "<!-- pin->box12345 -->",
        'HEX_PAT = "(?:{hex}:{hex}|{ipv4})+"',
        "arn:aws:license-manager::111111111111:license:l-ecbaa94eb71a4830b6d7e49268fecaa0",
        'if key == "networkBandwidthGbps": pass',
        "trained response team, basic playbooks",
        "proxy_pass http://localhost:3000;",
        '"password": "\u5bc6\u7801"',
        # words that end like a mark
        "ask-me-anything-about-this-long-name-2024-01-02",
        "risk-management-2024-q1-final-v2-report-0123",
    ],
)
def test_what_only_looks_like_a_token_stays(text: str) -> None:
    """Stand-ins, denials and identifiers are left as they are."""
    assert MASKER.mask_text(text) == (text, ())


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("CREATE USER x IDENTIFIED BY 'hunter2'", "hunter2"),
        ("ALTER USER x WITH PASSWORD 'tr0ub4dor3';", "tr0ub4dor3"),
        ("machine api.example.com login bob password tr0ub4dor3", "tr0ub4dor3"),
        ("sshpass -p 'hunter2' ssh u@h", "hunter2"),
        ('api-key "k3VZr8Qm1TzWx7Lc9Nd2"', "k3VZr8Qm1TzWx7Lc9Nd2"),
        ("SECRET_KEY = 'django-insecure-3v(k8)r!qm1+tz_wx7l=c9nd2hs5yb4gf6jp'", "3v(k8)r"),
    ],
)
def test_what_people_type_to_get_in_vanishes(text: str, secret: str) -> None:
    """In the syntax of the tool that it is typed for."""
    assert secret not in MASKER.mask_text(text)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("use ghp_abcdefghijklmnopqrstuvwxyz0123456789 now", f"use {PLACEHOLDER} now"),
        ("use AKIA1234567890ABCDEF now", f"use {PLACEHOLDER} now"),
        ("use sk-1234567890abcdef1234567890abcdef1234567890abcdef now", f"use {PLACEHOLDER} now"),
        ("api_key=abcdef1234567890", f"api_key={PLACEHOLDER}"),
        ("X-Api-Key: 1234567890abcdef", f"X-Api-Key: {PLACEHOLDER}"),
        ("password=12345678", f"password={PLACEHOLDER}"),
    ],
)
def test_a_secret_that_counts_up_vanishes(text: str, expected: str) -> None:
    """Such tokens are typed into tests, and such passwords are chosen; only where nothing tells is it an alphabet."""
    assert MASKER.mask_text(text)[0] == expected
    assert MASKER.mask_text('const validKeyChars = "0123456789abcdefghijklmnopqrstuvwxyz_-."')[1] == ()


def test_a_denying_name_keeps_no_documented_format() -> None:
    """The name may say `fake`; the vendor's own mark says otherwise."""
    assert MASKER.mask_text(f'fake_token = "ghp_{RANDOM}"')[0] == f'fake_token = "{PLACEHOLDER}"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("setx DB_PASSWORD tr0ub4dor", f"setx DB_PASSWORD {PLACEHOLDER}"),
        ("FROM x\nENV DB_PASSWORD tr0ub4dor\nRUN y", f"FROM x\nENV DB_PASSWORD {PLACEHOLDER}\nRUN y"),
        ("port 6379\nrequirepass tr0ub4dor\n", f"port 6379\nrequirepass {PLACEHOLDER}\n"),
        (
            "machine h\n  login bob\n  password tr0ub4dor\n",
            f"machine h\n  login bob\n  password {PLACEHOLDER}\n",
        ),
        ('    storePassword "tr0ub4dor"', f'    storePassword "{PLACEHOLDER}"'),
        ("wachtwoord: tr0ub4dor", f"wachtwoord: {PLACEHOLDER}"),
        ("lösenord=tr0ub4dor", f"lösenord={PLACEHOLDER}"),
        ("请输入密码\uff1atr0ub4dor", f"请输入密码\uff1a{PLACEHOLDER}"),
        ("wpa_psk=tr0ub4dor", f"wpa_psk={PLACEHOLDER}"),
        ("password: qXzWvTrMkPb", f"password: {PLACEHOLDER}"),
        ("password: q8(Zr2)Lw9$x", f"password: {PLACEHOLDER}"),
        ("tool --password qXzWvTrMkPb run", f"tool --password {PLACEHOLDER} run"),
    ],
)
def test_directives_and_other_languages(text: str, expected: str) -> None:
    """A name and a value without a sign, a password of letters alone, names that are not English."""
    assert MASKER.mask_text(text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "password resets are easy",
        "Key points are listed below",
        "set token limits to 300 per minute",
        "token bucket2",
        "password: getPassword(user)",
        "password: settings.database",
        "password: {{ vault_password }}",
        'the password "field" is required',
    ],
)
def test_sentences_and_expressions_stay(text: str) -> None:
    """What reads like a directive and is none, and what stands for a value in a program."""
    assert MASKER.mask_text(text) == (text, ())


AZURE = {
    "storage": RANDOM * 2 + "k3VZ+ASt" + "Qm1Tz" + "A==",
    "service bus": RANDOM[:33] + "+ASb" + "Dqm1Tz" + "=",
    "cache": RANDOM[:33] + "AzCa" + "Dqm1Tz" + "=",
    "registry": RANDOM + "k3VZr8" + "+ACR" + "Bqm1Tz",
    "functions": RANDOM + "k3-Z_8Qm" + "AzFu" + "Qm-_z" + "w==",
    "annotated": RANDOM + RANDOM[:16] + "JQQJ99" + "BKACAAAAAAAAAAAAASAZDO1234",
}
"""Of the lengths that Microsoft documents; the signatures stand where it puts them."""


@pytest.mark.parametrize("kind", AZURE)
def test_an_identifiable_key_of_azure_vanishes(kind: str) -> None:
    """The signature alone makes no key: one character more in front and it is any base64."""
    assert MASKER.mask_text(f"see {AZURE[kind]} here")[0] == f"see {PLACEHOLDER} here"
    longer = f"see x{AZURE[kind]} here"
    assert MASKER.mask_text(longer) == (longer, ())


@pytest.mark.parametrize(
    "planted",
    [
        "mysql -u root -p{} shop",
        "docker login -u bob -p {} registry.example",
        "redis-cli -h cache -a {} ping",
        "sqlcmd -S db -U sa -P {}",
        "ldapsearch -x -D cn=admin -w {} uid=bob",
        "jdbc:oracle:thin:scott/{}@//db:1521/x",
        "db.example:5432:shop:bob:{}",
        "Authorization: ApiKey {}",
        "my api key is {}",
        'variable "db_password" {{\n  type = string\n  default = "{}"\n}}',
    ],
)
def test_a_password_vanishes_from_a_command_or_a_file(planted: str) -> None:
    """What stands around it stays, and masking again changes nothing."""
    masked, _ = MASKER.mask_text(planted.format("q8Zr2Lw9Xc4Vb7Nm"))
    assert masked == planted.format(PLACEHOLDER)
    assert MASKER.mask_text(masked) == (masked, ())


def test_a_mnemonic_and_a_pin_vanish() -> None:
    """Words and digits that would be nothing elsewhere."""
    words = "zoo yard wrong write wrist wreck wrap worth worry world work word"
    assert MASKER.mask_text(f"seed phrase: {words}")[0] == f"seed phrase: {PLACEHOLDER}"
    assert MASKER.mask_text("PIN: 4711")[0] == f"PIN: {PLACEHOLDER}"
    assert MASKER.mask_text(words) == (words, ())


@pytest.mark.parametrize(
    "text",
    [
        "mysql -u root -p shop",
        "mysql --port 3306 --host db",
        "docker run -p 8080:80 web",
        "docker login -u bob -p $PASSWORD registry.example",
        'ports:\n  - "127.0.0.1:5432:5432"',
        "Authorization: required for everyone",
        "the primary key is composite",
        "text = str(pat, 'ISO-8859-1')",
        "pin: 13",
    ],
)
def test_commands_without_a_password_stay(text: str) -> None:
    """Options that look alike, references, and a pin of a board."""
    assert MASKER.mask_text(text) == (text, ())
