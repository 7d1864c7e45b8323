"""Tries to break the masker with text beyond ASCII: escapes around a secret, JSON in JSON, every encoding.

`python tests/adversarial/fuzz_characters.py [SECONDS] [FIRST SEED]` runs many cases. `test_masking_characters.py` runs
a fixed set of them. A seed always makes the same text.
"""

from __future__ import annotations

import base64
import json
import quopri
import random
import re
import sys
import time
from collections.abc import Callable
from typing import NamedTuple, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from audit_core.masking import PLACEHOLDER, JsonValue, Masker

Coding: TypeAlias = "tuple[Callable[[random.Random, str], str], Callable[[str], str]]"
TOKENS = (
    "ghp_" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe",
    "AKIA" + "K3VZR7QMTZWX2LCN",
    "sk-ant-api03-" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe-k3VZr8Qm1T",
    "xoxb-" + "2349871234-k3VZr8Qm1TzWx7Lc9Nd2",
)
PASSWORDS = ("Grünkohl7mit", "kørt2Ærlig9", "пароль4Зима", "密码abc99龍", "naïve\u0301X7zq", "pw😀4u2Lng")  # noqa: RUF001 - what imitates is the point
PLACES = ("password={}", "mysql -p{} db", "postgres://app:{}@db/x", '"password": "{}"')
PIECES = (
    *("some", "words", "über", "größe", "漢字", "😀", "e\u0301", "a\u0308", "привет", "„ja“", "it’s", "\u00a0"),  # noqa: RUF001 - what imitates is the point
    *("\u200b", "\n", "\t", '"', "\\", "\\n", "ß", "👩\u200d👧", "\ufe0f", "한국어", "🇩🇪", "𝒜", "ﬁ", "²", "the", "--"),  # noqa: RUF001 - what imitates is the point
    *("[1]", "{", "}", "&", "<b>", "100%", "50%%", "+", "\x01", "\x7f", "\x1b[31m", "\uffff", "\U0010ffff"),
    *("x y " * 70, "Ein Vogel fängt den Wurm und fliegt über die Dächer der Stadt davon. " * 5),
)
MASKERS = (Masker(), Masker(personal="off"))
WORDS = "nothing to see"


def _some_escaped(source: random.Random, text: str) -> str:
    """Write the inside of a JSON literal, and escape some of its characters."""
    needed = frozenset('"\\' + "".join(map(chr, range(32))))
    return "".join(
        json.dumps(c)[1:-1] if c in needed or (not c.isascii() and source.random() < 0.5) else c for c in text
    )


def _some_percent(source: random.Random, text: str) -> str:
    return "".join(quote(c.encode(), safe="") if c in "% \"'<>\n\t\\+&" or source.random() < 0.3 else c for c in text)


def _some_entities(source: random.Random, text: str) -> str:
    return "".join(
        f"&#x{ord(c):x};" if c in "&<>\"'" or (not c.isascii() and source.random() < 0.5) else c for c in text
    )


def _from_entities(text: str) -> str:
    return re.sub(r"&#(?:x([0-9a-f]+)|(\d+));", lambda m: chr(int(m[1], 16) if m[1] else int(m[2])), text)


def _all_escaped(text: str) -> str:
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _literal(text: str) -> str:
    return str(json.loads(f'"{text}"'))


JSON: dict[str, Coding] = {
    "literal": (lambda _, text: json.dumps(text), json.loads),
    "raw literal": (lambda _, text: json.dumps(text, ensure_ascii=False), json.loads),
    "document": (
        lambda source, text: json.dumps({"a": [1, {"ü\\": text}]}, ensure_ascii=source.random() < 0.5),
        lambda text: json.loads(text)["a"][1]["ü\\"],
    ),
}
CODINGS: dict[str, Coding] = {
    "some escaped": (_some_escaped, _literal),
    "all escaped": (lambda _, text: _all_escaped(text), _literal),
    "some entities": (_some_entities, _from_entities),
    "all entities": (lambda _, text: "".join(f"&#{ord(c)};" for c in text), _from_entities),
    "some percent": (_some_percent, lambda text: unquote_to_bytes(text).decode()),
    "all percent": (lambda _, text: quote(text.encode(), safe=""), lambda text: unquote_to_bytes(text).decode()),
}
PRINTED: dict[str, Coding] = {
    "quoted-printable": (
        lambda _, text: quopri.encodestring(text.encode()).decode(),
        lambda text: quopri.decodestring(text.encode()).decode(),
    ),
}
BLOCKS: dict[str, Coding] = {
    "base64": (
        lambda _, text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.b64decode(text + "=" * (-len(text) % 4)).decode(),
    ),
    "base64 lines": (
        lambda _, text: base64.encodebytes(text.encode()).decode(),
        lambda text: base64.b64decode("".join(text.split()).rstrip("=") + "==").decode(),
    ),
    "UTF-16 in base64": (
        lambda _, text: base64.b64encode(text.encode("utf-16-le")).decode(),
        lambda text: base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-16-le"),
    ),
    "hexadecimal": (lambda _, text: text.encode().hex(), lambda text: bytes.fromhex(text).decode()),
    "bytes": (lambda _, text: text.encode().hex(" "), lambda text: bytes.fromhex(text).decode()),
}


class Case(NamedTuple):
    """A secret, the text around it, and how both are encoded, the innermost first."""

    left: str
    secret: str
    place: str
    right: str
    codings: list[Coding]
    is_block: bool
    seed: int

    def encode(self, secret: str) -> str:
        """Return the encoded text, with this secret in its place."""
        source = random.Random(self.seed)  # noqa: S311 - test data
        text = f"{self.left} {self.place.format(secret)} {self.right}"
        for encode, _ in self.codings:
            text = encode(source, text)
        return text

    def decode(self, text: str) -> str:
        """Undo `encode`."""
        for _, decode in reversed(self.codings):
            text = decode(text)
        return text


def make(seed: int) -> Case:
    """Make the case of a seed."""
    source = random.Random(seed)  # noqa: S311 - test data

    def around() -> str:
        return source.choice(("", " ")).join(source.choices(PIECES, k=source.choice((0, 1, 2, 3, 5, 8))))

    def layers() -> list[Coding]:
        return source.choices(list(JSON.values()), k=source.choice((0, 0, 1, 2)))

    is_block = source.random() < 0.15
    textual = CODINGS if is_block else {**CODINGS, **PRINTED}
    codings = [*layers(), *source.choices(list(textual.values()), k=source.choice((0, 1, 1))), *layers()]
    if is_block:
        codings.append(source.choice(list(BLOCKS.values())))
    token = is_block or source.random() < 0.7
    secret, place = source.choice(TOKENS if token else PASSWORDS), "{}" if token else source.choice(PLACES)
    return Case(around(), secret, place, around(), codings, is_block, seed)


def check(seed: int) -> None:
    """Raise `AssertionError` where a secret survives, the text beside it is damaged, or JSON becomes invalid."""
    case, masker = make(seed), MASKERS[seed % len(MASKERS)]
    planted = case.encode(case.secret)
    masked, _ = masker.mask_value({"note": planted})
    assert isinstance(masked, dict)
    shown = str(masked["note"])
    assert case.secret not in shown, f"{seed}: survives"
    assert masker.mask_value(masked) == (masked, ()), f"{seed}: not at rest"
    if case.place == "{}":  # with a password, text that looks like a part of it is masked too
        _check_decoded(case, masker, shown)
    as_key, redactions = masker.mask_value({planted: 1})
    assert case.secret not in repr(as_key) + repr(redactions), f"{seed}: survives in a key"
    values: tuple[JsonValue, ...] = ({"x": planted}, [planted, {"password": "ü"}])
    for value in values:
        data = json.dumps(value, ensure_ascii=bool(seed % 3)).encode()
        fresh = masker.mask_bytes(data).data
        assert json.loads(fresh) == masker.mask_value(value)[0], f"{seed}: bytes and values differ"
    assert case.secret.encode() not in masker.mask_bytes(planted.encode()).data, f"{seed}: survives in bytes"


def _check_decoded(case: Case, masker: Masker, shown: str) -> None:
    """Check that the decoded text has changed in nothing but the secret; a run of digits goes whole."""
    if case.is_block:
        assert PLACEHOLDER in shown, f"{case.seed}: survives"
        return
    decoded = case.decode(shown)
    assert case.secret not in decoded, f"{case.seed}: survives when it is decoded"
    if masker.mask_value({"note": case.encode(WORDS)})[1]:
        return  # something beside the secret is masked as well
    assert decoded == f"{case.left} {PLACEHOLDER} {case.right}", f"{case.seed}: damaged: {decoded!r}"


def main() -> None:
    """Check seeds for the given time and print those that fail."""
    seconds, seed = float(sys.argv[1] if len(sys.argv) > 1 else 60), int(sys.argv[2] if len(sys.argv) > 2 else 0)
    until, first, failed = time.monotonic() + seconds, seed, 0
    while time.monotonic() < until:
        try:
            check(seed)
        except Exception as error:  # noqa: BLE001 - a crash counts as a failure
            failed += 1
            sys.stdout.write(f"{type(error).__name__} {seed}: {str(error)[:300]}\n")
        seed += 1
    sys.stdout.write(f"{seed - first} texts, {failed} failed\n")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
