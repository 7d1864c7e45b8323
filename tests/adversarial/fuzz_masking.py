"""Tries to break the masker with made-up input: no crash, no hang, no planted secret left, twice is once.

`python tests/adversarial/fuzz_masking.py [libFuzzer options]` runs it guided by coverage, where `atheris` is installed;
`test_masking_fuzz.py` runs the same check over generated input, always.
"""

from __future__ import annotations

import base64
import gzip
import html
import importlib
import importlib.util
import json
import quopri
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from audit_core.masking import JsonValue, Masker, Unscannable

SECRETS = (
    "ghp_" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe",
    "AKIA" + "K3VZR7QMTZWX2LCN",
    "sk-ant-api03-" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe-k3VZr8Qm1T",
    "xoxb-" + "2349871234-k3VZr8Qm1TzWx7Lc9Nd2",
    "glpat-" + "k3VZr8Qm1TzWx7Lc9Nd2",
)
LONGEST = 4096
SECONDS = 5.0
"""Far more than any input of `LONGEST` bytes takes, even on a busy machine."""
MASKERS = (Masker(), Masker(personal="off"))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode()


def _percent(text: str) -> str:
    return quote(text.encode("utf-8", "replace"), safe="")


def _dump(text: str) -> str:
    data = text.encode("utf-8", "replace")
    return "\n".join(f"{at:08x}: {data[at : at + 16].hex(' ', 2)}" for at in range(0, len(data), 16))


ENCODINGS: tuple[Callable[[str], str], ...] = (
    str,
    json.dumps,
    lambda text: json.dumps({"a": [json.dumps({"b": text})]}),
    _percent,
    lambda text: _percent(_percent(text)),
    _base64,
    lambda text: base64.encodebytes(text.encode("utf-8", "replace")).decode(),
    lambda text: text.encode("utf-8", "replace").hex(),
    lambda text: "".join(f"\\u{ord(character):04x}" if ord(character) < 1 << 16 else "?" for character in text),
    lambda text: "".join(f"&#{ord(character)};" for character in text),
    html.escape,
    lambda text: quopri.encodestring(text.encode("utf-8", "replace")).decode(),
    lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    lambda text: base64.b32encode(text.encode("utf-8", "replace")).decode(),
    lambda text: text.encode("utf-8", "replace").hex(" "),
    lambda text: base64.b64encode(text.encode("utf-16-le", "replace")).decode(),
    lambda text: base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), mtime=0)).decode(),
    "\x00".join,
    lambda text: str(list(text.encode("utf-8", "replace"))),
    lambda text: " + ".join(f"chr({byte})" for byte in text.encode("utf-8", "replace")),
    _dump,
)
IN_BLOCKS = (5, 6, 7, 13, 14, 15, 16, 18, 19, 20)
"""These encode several characters at once, so what is beside the secret is kept to letters that they can show."""
CONTROLS = 3


def check(data: bytes) -> None:
    """Take choices from the first bytes and the surroundings from the rest; raises `AssertionError` on a find."""
    choice = data[:CONTROLS].ljust(CONTROLS, b"\0")
    secret = SECRETS[choice[0] % len(SECRETS)]
    order = choice[1] % len(ENCODINGS)
    masker = MASKERS[choice[2] & 1]
    text = data[CONTROLS:LONGEST].decode("utf-8", "replace")
    if order in IN_BLOCKS:
        text = "".join(character for character in text if " " <= character <= "~")
    middle = choice[2] * len(text) // 256
    planted = ENCODINGS[order](f"{text[:middle]} {secret} {text[middle:]}")
    values: tuple[JsonValue, ...] = (text, {"note": planted}, {planted: 1}, [[planted, text]])
    started = time.monotonic()
    for value in values:
        _check_value(masker, value, secret)
    _check_bytes(masker, planted.encode("utf-8", "replace"), secret)
    _check_bytes(masker, data, "")
    assert time.monotonic() - started < SECONDS, f"slow: {data!r}"


def _check_value(masker: Masker, value: JsonValue, secret: str) -> None:
    try:
        masked, redactions = masker.mask_value(value)
    except Unscannable as error:
        _check_refusal(error, secret)
        return
    shown = json.dumps(masked, ensure_ascii=False) + repr(masked) + repr(redactions)
    if isinstance(value, (dict, list)):
        assert not any(form in shown for form in _forms(secret)), f"left in {shown!r}"
    assert masker.mask_value(masked) == (masked, ()), f"not at rest: {value!r}"


def _check_bytes(masker: Masker, data: bytes, secret: str) -> None:
    try:
        masked = masker.mask_bytes(data)
    except Unscannable as error:
        _check_refusal(error, secret)
        return
    shown = masked.data.decode("utf-8", "replace") + repr(masked.redactions)
    assert not secret or not any(form in shown for form in _forms(secret)), f"left in {shown!r}"
    assert masked.redactions or masked.data == data, f"changed: {data!r}"


def _check_refusal(error: Unscannable, secret: str) -> None:
    assert not secret or secret not in repr(error) + repr(error.__cause__) + repr(error.__context__)


def _forms(secret: str) -> list[str]:
    """Spell the secret in every encoding; of base64, what its inner groups look like wherever it begins."""
    forms = [encode(secret) for order, encode in enumerate(ENCODINGS) if order not in (1, 2, *IN_BLOCKS)]
    return [*forms, secret.encode().hex(), *(_base64("x" * shift + secret)[4:-4] for shift in range(3))]


def main() -> None:
    """Fuzz under libFuzzer, or say why not."""
    if importlib.util.find_spec("atheris") is None:
        sys.exit("fuzz_masking: atheris is not installed here; the same check runs in test_masking_fuzz.py")
    atheris: Any = importlib.import_module("atheris")
    atheris.instrument_all()
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
