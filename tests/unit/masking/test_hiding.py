"""A planted secret vanishes wherever it hides, and nothing else changes."""

from __future__ import annotations

import base64
import json
import quopri
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest

from audit_core.masking import PLACEHOLDER, Masker

TOKEN = "ghp_" + "k3VZr8Qm1TzWx7Lc9Nd2" + "Hs5Yb4Gf6Jp0RtAe"
PASSWORD = "tr0ub4dor&3x"
MASKER = Masker()

ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "json": lambda text: json.dumps({"note": text, "n": 1}),
    "json, indented": lambda text: json.dumps({"note": [text]}, indent=2),
    "json in json": lambda text: json.dumps({"a": json.dumps({"b": text})}),
    "json in json in json": lambda text: json.dumps(json.dumps(json.dumps([text]))),
    "ndjson": lambda text: "\n".join(json.dumps({"line": n, "text": text if n == 1 else "ok"}) for n in range(3)),
    "server-sent events": lambda text: "event: delta\ndata: " + json.dumps({"delta": text}) + "\n\ndata: [DONE]\n",
    "percent-encoded": lambda text: quote(text, safe=""),
    "percent-encoded twice": lambda text: quote(quote(text, safe=""), safe=""),
    "form": lambda text: urlencode({"q": text, "page": "2"}),
    "json in a form": lambda text: urlencode({"payload": json.dumps({"text": text})}),
    "base64": lambda text: base64.b64encode(f"some text, {text}; and more text".encode()).decode(),
    "base64 in lines": lambda text: base64.encodebytes(f"some text before it, {text}; and more text".encode()).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(f"some text: {text} and more?>".encode()).decode().rstrip("="),
    "base64 of base64": lambda text: base64.b64encode(base64.b64encode(f"x {text} y".encode())).decode(),
    "base64 of json": lambda text: base64.b64encode(json.dumps({"text": text}).encode()).decode(),
    "hexadecimal": lambda text: f"some text {text} ends".encode().hex(),
    "unicode escapes": lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    "hex escapes": lambda text: "".join(f"\\x{ord(character):02x}" for character in text),
    "octal escapes": lambda text: "".join(f"\\{ord(character):03o}" for character in text),
    "percent and u": lambda text: "".join(f"%u{ord(character):04X}" for character in text),
    "quoted-printable": lambda text: quopri.encodestring(f"{'before it, ' * 5}{text}, after".encode()).decode(),
    "quoted-printable, all": lambda text: "".join(f"={ord(character):02X}" for character in f"see: {text}"),
    "entities without ends": lambda text: "".join(f"&#{ord(character)}" for character in text),
    "csv": lambda text: '1,"' + text.replace('"', '""') + '",x',
    "entities": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "zero width": "\u200b".join,
    "soft hyphens": lambda text: text[:9] + "\u00ad" + text[9:20] + "\u2060" + text[20:],
    "html": lambda text: f"<p title='x'>Look: {text}</p>",
    "python": lambda text: f"def main():\n    return connect({text!r})\n",
    "shell": lambda text: f"curl -s https://api.example.com/v1 -H 'X-Note: {text}' | jq .",
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("planted", [f"see {TOKEN} here", f'password = "{PASSWORD}"'])
def test_a_secret_vanishes_in_every_encoding(encoding: str, planted: str) -> None:
    """Neither the output nor the redactions hold it, in any encoding, and masking again changes nothing."""
    text = ENCODINGS[encoding](planted)
    masked, redactions = MASKER.mask_value({"data": [text]})
    assert redactions
    assert {redaction.path.split("/")[1] for redaction in redactions} == {"data"}
    for secret in (TOKEN, PASSWORD):
        assert ENCODINGS[encoding](secret) not in json.dumps(masked, ensure_ascii=False)
        assert secret not in repr(masked) + repr(redactions)
    assert MASKER.mask_value(masked) == (masked, ())


@pytest.mark.parametrize("encoding", ["base64", "base64url", "base64 in lines", "base64 of json", "hexadecimal"])
def test_a_run_of_digits_that_hides_a_secret_goes_whole(encoding: str) -> None:
    """Nothing is edited inside it; the text around it stays."""
    masked, _ = MASKER.mask_text(f"it is {ENCODINGS[encoding](f'see {TOKEN} here').strip()}, says he")
    assert masked == f"it is {PLACEHOLDER}, says he"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '{"a" :  1.50,\n "token_note": "x \\u00e9\\/ TOKEN"}',
            '{"a" :  1.50,\n "token_note": "x é/ PLACEHOLDER"}',
        ),
        ('{"password":   12345 , "b":[true,null]}', '{"password":   "PLACEHOLDER" , "b":[true,null]}'),
        ('[ "{\\"api_key\\": \\"k\\", \\"n\\":1e3}" ]', '[ "{\\"api_key\\": \\"PLACEHOLDER\\", \\"n\\":1e3}" ]'),
        ('{"TOKEN": 1}', '{"PLACEHOLDER": 1}'),
        ('data: {"x": "TOKEN"}\r\n\r\ndata: [DONE]\r\n', 'data: {"x": "PLACEHOLDER"}\r\n\r\ndata: [DONE]\r\n'),
        ("q=a%20b&t=TOKEN&z=%C3%A9", "q=a%20b&t=PLACEHOLDER&z=%C3%A9"),
    ],
)
def test_the_rest_of_a_payload_stays_byte_for_byte(before: str, after: str) -> None:
    """White space, spelling and order survive; only a string that holds a finding is written anew."""
    masked = MASKER.mask_bytes(before.replace("TOKEN", TOKEN).encode())
    assert masked.data.decode() == after.replace("PLACEHOLDER", PLACEHOLDER)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"https://bob:{PASSWORD.replace('&', '')}@db.example.com/x?y=1",
            f"https://{PLACEHOLDER}@db.example.com/x?y=1",
        ),
        (
            "https://h.example/cb?access_token=9f8a7b6c5d4e3f2a1b0c&x=1#f",
            f"https://h.example/cb?access_token={PLACEHOLDER}&x=1#f",
        ),
        (
            "https://hooks.slack.com/services/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",
            f"https://hooks.slack.com/{PLACEHOLDER}",
        ),
        ("Authorization: Bearer mF_9.B5f-4.1JqM.x8", f"Authorization: Bearer {PLACEHOLDER}"),
        ("authorization: Basic Ym9iOnRyMHViNGRvcg==", f"authorization: Basic {PLACEHOLDER}"),
        ("X-Api-Key: 9f8a7b6c5d4e3f2a1b0c", f"X-Api-Key: {PLACEHOLDER}"),
        ("DB_PASSWORD=letmein", f"DB_PASSWORD={PLACEHOLDER}"),
        ('client_secret := "q8Zr2Lw9Xc4Vb7Nm"', f'client_secret := "{PLACEHOLDER}"'),
        ("<Password>q8Zr2Lw9</Password>", f"<Password>{PLACEHOLDER}</Password>"),
        ('System.setProperty("db.password", "q8Zr2Lw9")', f'System.setProperty("db.password", "{PLACEHOLDER}")'),
        ("mysql --password q8Zr2Lw9 --host db", f"mysql --password {PLACEHOLDER} --host db"),
    ],
)
def test_addresses_headers_and_settings_keep_all_but_the_secret(text: str, expected: str) -> None:
    """What names the secret stays readable."""
    assert MASKER.mask_text(text)[0] == expected


@pytest.mark.parametrize(
    "password", ["hunter2", "correct-horse", "password1", "guest", "12345678", "hunter-tTIokksExQ!x"]
)
@pytest.mark.parametrize("scheme", ["postgres", "https", "amqp"])
def test_a_password_in_an_address_vanishes_however_plain(scheme: str, password: str) -> None:
    """People choose them, so they need not look machine-made."""
    text = f"see {scheme}://u:{password}@db.example.com:5432/x"
    assert MASKER.mask_text(text)[0] == f"see {scheme}://{PLACEHOLDER}@db.example.com:5432/x"


@pytest.mark.parametrize("password", ["${PASS}", "{password}", "password", "xxxx", "***", "your-password"])
def test_an_empty_place_for_a_password_stays(password: str) -> None:
    """Documentation is full of them."""
    text = f"postgres://u:{password}@db.example.com/x"
    assert MASKER.mask_text(text)[0] == text


def test_a_private_key_vanishes_whole() -> None:
    """Header, body and footer, with real or escaped line ends."""
    body = "MC4CAQAwBQYDK2VwBCIEIB7vKZt1m0Xy9uJf2hQpR8sWnLcDgEaTbUvOiYxMzP4k"
    for line_end in ("\n", "\\n"):
        key = line_end.join(("-----BEGIN PRIVATE KEY-----", body, "-----END PRIVATE KEY-----"))
        assert MASKER.mask_text(f"key: {key} end")[0].count(body[:12]) == 0


def test_a_connection_string_keeps_its_server() -> None:
    """Only the account key goes."""
    text = (
        "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=" + "k3VZr8Qm1TzWx7Lc" * 5 + "==;EndpointSuffix=x"
    )
    masked, _ = MASKER.mask_text(text)
    assert masked == f"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={PLACEHOLDER};EndpointSuffix=x"


def test_a_finding_never_ends_inside_a_character() -> None:
    """Patterns count bytes; what is replaced are whole characters."""
    text = f"jane@example.{'é' * 40} and 0@0.{'A' * 21}𐀀"
    masked, redactions = MASKER.mask_text(text)
    assert redactions
    assert MASKER.mask_text(masked) == (masked, ())
