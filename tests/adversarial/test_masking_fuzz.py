"""The fuzzer's check over generated input, and what it once found."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

_SPEC = importlib.util.spec_from_file_location("fuzz_masking", Path(__file__).with_name("fuzz_masking.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
fuzz = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fuzz)

PIECES = st.sampled_from(
    [
        *(b"token=", b"password: ", b"Bearer ", b"Basic ", b";jsessionid=", b"bot", b"key", b"<pwd>", b"</pwd>"),
        *(b'{"a":', b"data: {", b"\n[1]\n", b"'", b'"', b'""', b"\\", b"\0", b"?", b"://", b"@", b"=\n", b"=3D"),
        *(b"%41%20", b"%u0041", b"\\u0041", b"\\x41", b"\\101", b"&amp;", b"&#65", b"=41=42"),
        *(b"4111 1111 1111 1111", b"jane@example.com", b"-----BEGIN PRIVATE KEY-----", b"eyJ"),
        *(
            b"\x1b[31m",
            b"\xcc\xb2",
            b"\\/",
            b"\\\n",
            b"&#0;",
            b"H4sIAAAAAAAAA",
            b"103, 104, 112, 95, 107, 51, 86, 90",
            b"\n0000: 6768 705f 6b33 565a",
            b"6b 65 79 ",
            b"ONXW2ZJAORSXQ5BANBSXEZJA",
        ),
        *(b"c29tZSB0ZXh0IGhlcmUgYW5kIHRoZXJl", b"***REDACTED***", b"***RED", b"\xe2\x80\x8b", b"\xef\xbc\x9f"),
    ]
)
INPUTS = st.tuples(
    st.binary(min_size=3, max_size=3),
    st.lists(PIECES | st.binary(max_size=12) | st.text(max_size=12).map(str.encode), max_size=12),
).map(lambda parts: parts[0] + b"".join(parts[1]))


@given(INPUTS)
@example(b"\x00\xdd\xc5token=token=token=-----BEGIN PRIVATE KEY-----c29tZSB0ZXh0IGhlcmUgYW5kIHRoZXJl")
def test_nothing_breaks_the_masker(data: bytes) -> None:
    """No crash, no hang, no planted secret in output, redactions or error; masking twice is masking once."""
    fuzz.check(data)


@pytest.mark.parametrize("order", range(len(fuzz.ENCODINGS)))
@pytest.mark.parametrize("secret", range(len(fuzz.SECRETS)))
def test_each_secret_vanishes_in_each_encoding(secret: int, order: int) -> None:
    """With ordinary text around it, as value and as key."""
    fuzz.check(bytes((secret, order, 128)) + b"some words before it and some words that come after it")
