"""Encodings inside encodings: nothing planted survives, and what surrounds it is read as before."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import quote, unquote

from hypothesis import example, given
from hypothesis import strategies as st

from audit_core.masking import PLACEHOLDER, Masker, Unscannable

TOKEN = "ghp_" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe"
MASKER = Masker()


Layer: TypeAlias = tuple[Callable[[str], str], Callable[[str], str]]
"""An encoding, and how its reader undoes it."""

EXACT: dict[str, Layer] = {
    "base64": (lambda text: base64.b64encode(text.encode()).decode(), lambda text: base64.b64decode(text).decode()),
    "base64 for addresses": (
        lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
        lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode(),
    ),
    "base64 in lines": (
        lambda text: base64.encodebytes(text.encode()).decode(),
        lambda text: base64.b64decode(text).decode(),
    ),
    "UTF-16 in base64": (
        lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
        lambda text: base64.b64decode(text).decode("utf-16-le"),
    ),
    "base32": (lambda text: base64.b32encode(text.encode()).decode(), lambda text: base64.b32decode(text).decode()),
    "hexadecimal": (lambda text: text.encode().hex(), lambda text: bytes.fromhex(text).decode()),
    "hexadecimal with spaces": (lambda text: text.encode().hex(" "), lambda text: bytes.fromhex(text).decode()),
}
IN_PLACE: dict[str, Layer] = {
    "nothing": (str, str),
    "JSON": (lambda text: json.dumps({"note": text}), lambda text: str(json.loads(text)["note"])),
    "percent": (lambda text: quote(text, safe=""), unquote),
}
ONE_WAY: dict[str, Callable[[str], str]] = {
    "gzip in base64": lambda text: base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode(),
    "references": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "escapes": lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    "server-sent events": lambda text: f"event: delta\ndata: {json.dumps({'delta': text})}\n\n",
    "header": lambda text: f"Authorization: Basic {base64.b64encode(f'user:{text}'.encode()).decode()}",
    "address": lambda text: f"https://example.com/a?state={quote(text, safe='')}&page=2#top",
    "data address": lambda text: f"data:text/plain;base64,{base64.b64encode(text.encode()).decode()}",
}
ENCODERS = {**ONE_WAY, **{name: encode for name, (encode, _) in (*EXACT.items(), *IN_PLACE.items())}}
AROUND = st.text("abcdefgh ", max_size=12)
OUTER = st.sampled_from(sorted(IN_PLACE))


@given(OUTER, st.sampled_from(sorted(EXACT)), OUTER, AROUND, AROUND)
def test_the_reader_sees_the_placeholder_and_all_that_surrounds_it(
    inner: str, digits: str, outer: str, before: str, after: str
) -> None:
    """Of a secret in digits, in JSON or an address, and the other way round."""
    chain = (IN_PLACE[inner], EXACT[digits], IN_PLACE[outer])
    text = f"{before}: {TOKEN} {after}"
    for encode, _ in chain:
        text = encode(text)
    masked, redactions = MASKER.mask_value({"data": [text]})
    assert [redaction.rule for redaction in redactions] == ["github/token"]
    assert MASKER.mask_value(masked) == (masked, ())
    assert isinstance(masked, dict)
    assert isinstance(masked["data"], list)
    shown = str(masked["data"][0])
    for _, decode in reversed(chain):
        shown = decode(shown)
    assert re.fullmatch(rf"{before}: {re.escape(PLACEHOLDER)}\**+ {after}", shown)


@given(st.lists(st.sampled_from(sorted(ENCODERS)), min_size=1, max_size=4), AROUND, AROUND)
@example(["hexadecimal", "hexadecimal", "base64"], "", "")  # whose bytes unpack as deflate without a header, too
@example(["base32", "references", "hexadecimal"], "ab", "cd")  # the same, with its digits taken for base64
def test_a_secret_in_any_nesting_goes(chain: list[str], before: str, after: str) -> None:
    """The innermost encoding that shows it is nowhere in the output, nor in a refusal; twice is once."""
    text = f"{before}: {TOKEN} {after}"
    forms = {TOKEN}
    for name in chain:
        text = ENCODERS[name](text)
        forms.add(text)
    try:
        masked, redactions = MASKER.mask_value({"data": [text], text: 1})
    except Unscannable as error:
        assert TOKEN not in repr(error)  # noqa: PT017 - refusing is one of two right ways
        return
    assert redactions
    shown = json.dumps(masked, ensure_ascii=False) + repr(masked) + repr(redactions)
    assert not any(form in shown for form in forms)
    assert MASKER.mask_value(masked) == (masked, ())
