"""Runs of digits, compressed streams and tricks of characters hide no secret; what is not text is left alone."""

from __future__ import annotations

import base64
import gzip
import json
import random
import textwrap
import zlib
from collections.abc import Callable

import pytest

from audit_core.masking import PLACEHOLDER, JsonValue, Masker, Redaction
from audit_core.masking.budget import Budget
from audit_core.masking.custom import CustomRules

TOKEN = "ghp_" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe"
MASKER = Masker()
BINARY = bytes(range(128, 170))


def in_base64(data: bytes) -> str:
    """Digits of base64, without line ends."""
    return base64.b64encode(data).decode()


def in_lines(digits: str, width: int, end: str) -> str:
    """Break digits into lines."""
    return end.join(textwrap.wrap(digits, width))


DIGITS: dict[str, Callable[[str], str]] = {
    "UTF-16 in base64": lambda text: in_base64(text.encode("utf-16-le")),
    "UTF-16 in base64, the other way round": lambda text: in_base64(text.encode("utf-16-be")),
    "UTF-16 in base64, marked": lambda text: in_base64(b"\xff\xfe" + text.encode("utf-16-le")),
    "UTF-16 in hexadecimal": lambda text: text.encode("utf-16-le").hex(),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "base32 in small letters, without padding": lambda text: (
        base64.b32encode(text.encode()).decode().lower().rstrip("=")
    ),
    "base32 in lines": lambda text: in_lines(base64.b32encode(text.encode()).decode(), 64, "\n"),
    "base64 in indented lines": lambda text: in_lines(in_base64(text.encode()), 60, "\r\n    "),
    "hexadecimal in lines": lambda text: in_lines(text.encode().hex(), 60, "\n"),
    "hexadecimal with spaces": lambda text: text.encode().hex(" "),
    "hexadecimal with colons": lambda text: text.encode().hex(":").upper(),
    "an array in C": lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode()),
}


@pytest.mark.parametrize("encoding", DIGITS)
@pytest.mark.parametrize("shift", range(8))
def test_a_run_of_digits_goes_whole(encoding: str, shift: int) -> None:
    """Wherever in a group of digits the secret begins, and with all that the run says beside it."""
    text = f"{'before it, '[shift:]}see {TOKEN} and some words after it"
    masked, redactions = MASKER.mask_value({"note": [DIGITS[encoding](text)]})
    assert masked == {"note": [PLACEHOLDER]}
    assert [redaction.rule for redaction in redactions] == ["github/token"]
    assert MASKER.mask_value(masked) == (masked, ())


SPELLED: dict[str, Callable[[str], str]] = {
    "a colour amid it": lambda text: text[:12] + "\x1b[38;5;196m" + text[12:20] + "\x1b[0m" + text[20:],
    "a colour around it": lambda text: f"\x1b[31m{text}\x1b[0m",
    "a colour as it is written": lambda text: f"{text[:12]}\\x1b[1m{text[12:]}",
    "marks on letters": "\u0332".join,
    "NULs": "\x00".join,
    "NULs as escapes": "\\x00".join,
    "NULs as references": "&#0;".join,
    "letters of Lisu": lambda text: text.translate(
        str.maketrans("VZTWLNH", "\ua4e6\ua4dc\ua4d4\ua4ea\ua4e1\ua4e0\ua4e7")
    ),
    "letters of Armenian and Cyrillic": lambda text: text.translate(str.maketrans("hgkw", "\u0570\u0581\u043a\u051d")),
    "digits of Arabic": lambda text: text.translate({ord("0") + n: 0x660 + n for n in range(10)}),
    "raised letters": lambda text: text.translate(str.maketrans("hx", "\u02b0\u02e3")),
    "escapes in braces": lambda text: "".join(f"\\x{{{ord(letter):x}}}" for letter in text),
    "octal digits without zeros": lambda text: "".join(f"\\{ord(letter):o}" for letter in text),
    "octal digits with a zero": lambda text: "".join(f"\\0{ord(letter):03o}" for letter in text),
    "bytes as escapes": lambda text: "".join(f"\\x{byte:02x}" for byte in "\u200b".join(text).encode()),
    "a line that goes on": lambda text: f"{text[:14]}\\\n    {text[14:]}",
    "references by name": lambda text: text.replace("_", "&UnderBar;"),
    "long references": lambda text: "".join(f"&#{ord(letter):010d};" for letter in text),
    "quoted-printable without signs": lambda text: "".join(f"={ord(letter):02X}" for letter in text),
    "percent in quoted-printable": lambda text: "".join(
        f"={ord(c):02X}" for c in "".join(f"%{ord(c):02X}" for c in text)
    ),
    "hexadecimal in a form": lambda text: text.encode().hex("+"),
    "base64 in lines, in JSON amid text": lambda text: (
        "got " + json.dumps({"a": in_lines(in_base64(f"some words before it, {text}".encode()), 24, "\r\n\t")})
    ),
    "base64 with escaped slashes": lambda text: in_base64(f"? {text} ?>?".encode() * 3).replace("/", "\\/"),
}


@pytest.mark.parametrize("spelling", SPELLED)
@pytest.mark.parametrize("masker", [MASKER, Masker(personal="off")], ids=["all", "secrets"])
def test_no_spelling_hides_a_token(spelling: str, masker: Masker) -> None:
    """The quick check sees it as well; as a value, among others, and as a key."""
    planted = SPELLED[spelling](TOKEN)
    values: list[JsonValue] = [{"note": [planted]}, [{"a": "x"}, {planted: 1}], planted]
    for value in values:
        masked, redactions = masker.mask_value(value)
        assert {redaction.rule for redaction in redactions} == {"github/token"}
        assert planted[len(planted) // 2 :] not in json.dumps(masked, ensure_ascii=False).replace("\\\\", "\\")
        assert masker.mask_value(masked) == (masked, ())


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (r"https:\/\/hooks.slack.com\/services\/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", "slack/webhook"),
        (r"postgres:\/\/bob:tr0ub4dor3x@db.example.com\/x", "url/userinfo"),
    ],
)
def test_an_address_in_json_that_was_cut_off(text: str, rule: str) -> None:
    """Some encoders put a backslash before each slash, and what is no whole document is not decoded as one."""
    masked, redactions = MASKER.mask_text(f'{{"a": "{text}", "b": [1, 2')
    assert [redaction.rule for redaction in redactions] == [rule]
    assert masked.endswith(', "b": [1, 2')


@pytest.mark.parametrize("reference", ["&#" + "1" * 5000 + ";", "&#x" + "f" * 5000 + ";", "&#1114112;", "&#xD800;"])
def test_a_reference_to_no_character_breaks_nothing(reference: str) -> None:
    """However long; what stands beside it is still found."""
    masked, _ = MASKER.mask_text(f"see {reference} {TOKEN} &#103;")
    assert masked == f"see {reference} {PLACEHOLDER} &#103;"


COMPRESSED: dict[str, Callable[[bytes], str]] = {
    "gzip": lambda data: in_base64(gzip.compress(data)),
    "gzip, in two members": lambda data: in_base64(gzip.compress(b"first") + gzip.compress(data)),
    "gzip with a name": lambda data: in_base64(b"\x1f\x8b\x08\x08\0\0\0\0\0\xffa\0" + gzip.compress(data)[10:]),
    "gzip for addresses": lambda data: base64.urlsafe_b64encode(gzip.compress(data)).decode().rstrip("="),
    "gzip in lines": lambda data: base64.encodebytes(gzip.compress(data + bytes(range(99)))).decode().rstrip("\n"),
    "gzip in hexadecimal": lambda data: gzip.compress(data).hex(),
    "gzip, cut off": lambda data: in_base64(gzip.compress(data + random.Random(1).randbytes(99))[:-60]),  # noqa: S311
    "zlib": lambda data: in_base64(zlib.compress(data)),
    "zlib, fast": lambda data: in_base64(zlib.compress(data, 1)),
    "zlib, best": lambda data: in_base64(zlib.compress(data, 9)),
    "deflate alone": lambda data: in_base64(zlib.compress(b"<some> markup " + data, wbits=-15)),
    "deflate alone, in small blocks": lambda data: in_base64(zlib.compress(data * 3, 1, wbits=-15)),
    "deflate alone, cut off": lambda data: in_base64(
        zlib.compress(data + random.Random(1).randbytes(99), wbits=-15)[:-60]  # noqa: S311
    ),
    "Helm": lambda data: in_base64(in_base64(gzip.compress(json.dumps({"chart": data.decode()}).encode())).encode()),
}


@pytest.mark.parametrize("packing", COMPRESSED)
def test_a_compressed_run_goes_whole(packing: str) -> None:
    """Where there is a secret in it; the text around it stays."""
    run = COMPRESSED[packing](f"some text, {TOKEN}; more text".encode())
    masked, redactions = MASKER.mask_text(f"release: {run} ends")
    assert masked == f"release: {PLACEHOLDER} ends"
    assert [redaction.rule for redaction in redactions] == ["github/token"]
    assert MASKER.mask_text(masked) == (masked, ())


@pytest.mark.parametrize("packing", COMPRESSED)
def test_a_compressed_run_without_a_secret_stays(packing: str) -> None:
    """Byte for byte."""
    text = f"release: {COMPRESSED[packing](b'nothing but ordinary words in here')} ends"
    assert MASKER.mask_text(text) == (text, ())


@pytest.mark.parametrize(
    "stream",
    [
        gzip.compress(b"a" * 5_000_000),
        zlib.compress(b"a" * 5_000_000),
        zlib.compress(TOKEN.encode() * 2)[:-1] + b"?",
        gzip.compress(f"{TOKEN}".encode() * 2)[:-8] + b"damaged!",
    ],
    ids=["large", "large, zlib", "damaged, zlib", "damaged"],
)
def test_a_stream_that_cannot_be_unpacked_goes_unseen(stream: bytes) -> None:
    """One that is damaged or gives more than the cap; the rest of the text stays."""
    masked, redactions = MASKER.mask_text(f"release: {in_base64(stream)} ends")
    assert masked == f"release: {PLACEHOLDER} ends"
    assert [redaction.rule for redaction in redactions] == ["unscannable"]


@pytest.mark.parametrize("shift", range(3))
def test_text_amid_bytes_is_found(shift: int) -> None:
    """In base64 of a message in binary form, wherever in a group the text begins."""
    digits = in_base64(BINARY + b"\xff" * shift + TOKEN.encode() + BINARY)
    masked, redactions = MASKER.mask_text(digits)
    assert [redaction.rule for redaction in redactions] == ["github/token"]
    assert PLACEHOLDER in masked
    assert masked.startswith(in_base64(BINARY)[:40])
    assert masked.endswith(digits[-40:])


@pytest.mark.parametrize("word", ["/", "/p/", "/pa/", "/pat/", "/path/", "state_", "blob-", "cursor"])
def test_digits_glued_to_a_word_are_decoded(word: str) -> None:
    """A path or a name in front of them, in letters that might be digits too, hides nothing."""
    digits = base64.urlsafe_b64encode(f"password={TOKEN[4:]}".encode()).decode()
    masked, redactions = MASKER.mask_text(f"https://h.example{word}{digits}")
    assert redactions
    assert digits[20:40] not in masked


def test_what_is_no_text_is_left_alone() -> None:
    """Pictures, digests, identifiers and vectors, in every spelling."""
    chance = random.Random(7)  # noqa: S311 - test data
    data = chance.randbytes(6000)
    values: list[JsonValue] = [
        in_base64(data),
        base64.encodebytes(data).decode(),
        base64.b32encode(data).decode(),
        base64.b32encode(data).decode().lower(),
        data.hex(),
        data.hex(":"),
        ", ".join(f"0x{byte:02x}" for byte in data),
        *(in_base64(chance.randbytes(64)) for _ in range(300)),
        *(base64.b32encode(chance.randbytes(20)).decode() for _ in range(300)),
        *(chance.randbytes(20).hex() for _ in range(300)),
        in_base64(gzip.compress(data)),
        in_base64(zlib.compress(data)),
        in_base64(bytes(2000)),
        in_base64(b"".join(value.to_bytes(2, "little") for value in range(0x20, 0x7F) for _ in range(9))),
    ]
    for value in values:
        assert MASKER.mask_value({"note": value}) == ({"note": value}, ())


def test_a_key_without_an_end_takes_no_half_of_a_token_with_it() -> None:
    """What would be left of the token is masked as well."""
    assert MASKER.mask_text(f"-----BEGIN PRIVATE KEY-----c29tZSB0ZXh0IGhlcmUg {TOKEN} x")[0] == f"{PLACEHOLDER} x"


def test_what_a_later_pass_finds_in_a_key_is_in_no_earlier_redaction() -> None:
    """Paths are those of the keys as they are shown in the end, for a value, for many and for bytes."""
    masker = Masker(custom=CustomRules(patterns=(("rest", r"REDACTED\*{3}!(k[0-9]{6})"),)))
    value: JsonValue = {f"see {TOKEN}!k123456 ~/": {"a": f"is {TOKEN}"}}
    masked = {f"see {PLACEHOLDER}!{PLACEHOLDER} ~/": {"a": f"is {PLACEHOLDER}"}}
    shown = f"/see {PLACEHOLDER}!{PLACEHOLDER} ~0~1"
    redactions = {
        Redaction(path=shown, rule="github/token"),
        Redaction(path=f"{shown}/a", rule="github/token"),
        Redaction(path=shown, rule="custom/rest"),
    }
    found = masker.mask_value(value)
    assert (found[0], set(found[1])) == (masked, redactions)
    (found,) = masker.mask_each([("", value)], Budget(0))
    assert (found[0], set(found[1])) == (masked, redactions)
    data = masker.mask_bytes(json.dumps(value).encode())
    assert (json.loads(data.data), set(data.redactions)) == (masked, redactions)
