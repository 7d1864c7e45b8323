"""Encodings inside encodings: nothing planted survives, and what surrounds it is read as before."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from urllib.parse import quote, unquote

from hypothesis import example, given
from hypothesis import strategies as st

from audit_core.masking import PLACEHOLDER, Masker, Unscannable

TOKEN = "ghp_" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe"
MASKER = Masker()
DIGITS: dict[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 in lines": lambda text: base64.encodebytes(text.encode()).decode().rstrip(),
    "UTF-16 in base64": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal with spaces": lambda text: text.encode().hex(" "),
}
IN_PLACE: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "nothing": (str, str),
    "JSON": (lambda text: json.dumps({"note": text}), lambda text: str(json.loads(text)["note"])),
    "percent": (lambda text: quote(text, safe=""), unquote),
}
"""Encodings that show most characters as they are, and how a reader undoes them."""
ONE_WAY: dict[str, Callable[[str], str]] = {
    "gzip in base64": lambda text: base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode(),
    "references": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "escapes": lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    "server-sent events": lambda text: f"event: delta\ndata: {json.dumps({'delta': text})}\n\n",
    "header": lambda text: f"Authorization: Basic {base64.b64encode(f'user:{text}'.encode()).decode()}",
    "address": lambda text: f"https://example.com/a?state={quote(text, safe='')}&page=2#top",
    "data address": lambda text: f"data:text/plain;base64,{base64.b64encode(text.encode()).decode()}",
}
ENCODERS = {**ONE_WAY, **DIGITS, **{name: encode for name, (encode, _) in IN_PLACE.items()}}
AROUND = st.text("abcdefgh ", max_size=12)
OUTER = st.sampled_from(sorted(IN_PLACE))


@given(OUTER, st.sampled_from(sorted(DIGITS)), OUTER, AROUND, AROUND)
def test_digits_go_whole_and_what_is_around_them_stays(
    inner: str, digits: str, outer: str, before: str, after: str
) -> None:
    """Digits of a text that holds a secret, in JSON or an address, and the other way round."""
    run = DIGITS[digits](IN_PLACE[inner][0](f"{before}: {TOKEN} {after}"))
    encode, decode = IN_PLACE[outer]
    masked, redactions = MASKER.mask_value({"data": [encode(f"<{run}> ends")]})
    assert [redaction.rule for redaction in redactions] == ["github/token"]
    assert MASKER.mask_value(masked) == (masked, ())
    assert isinstance(masked, dict)
    assert isinstance(masked["data"], list)
    assert decode(str(masked["data"][0])) == f"<{PLACEHOLDER}> ends"


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
