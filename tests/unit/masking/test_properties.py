"""Properties over generated values: nothing planted survives, nothing else changes, twice is once."""

from __future__ import annotations

import json
import string
from typing import Any

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from audit_core.masking import PLACEHOLDER, Masker, Unscannable
from audit_core.masking.document import Walk
from audit_core.masking.keys import classify
from audit_core.masking.quick import Quick

MASKER = Masker()
SECRETS = (
    "ghp_" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe",
    "AKIA" + "K3VZR7QMTZWX2LCN",
    "sk-ant-api03-" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe-k3VZr8Qm1T",
    "xoxb-" + "2349871234-k3VZr8Qm1TzWx7Lc9Nd2",
)
TEXTS = st.text(max_size=40) | st.sampled_from(
    [
        "token=",
        "password: ",
        '{"a":',
        "%41%20",
        "\\u0041",
        "&amp;",
        "data: {",
        "\n[1]\n",
        "Bearer ",
        "key",
        "://",
        "\u200b",
        "4111 1111 1111 1111",
        "c29tZSB0ZXh0IGhlcmUgYW5kIHRoZXJl",
        "***REDACTED***",
        PLACEHOLDER[:6],
        "'",
        '"',
        "\\",
        "\x00",
        "jane@example.com",
    ]
)
NAMES = st.sampled_from(
    ["a", "note", "password", "max_tokens", "user_id", "value", "name", "x-api-key", "type"]
) | st.text(max_size=12)
PIECES = st.lists(TEXTS, max_size=6).map("".join)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | PIECES
    | PIECES.map(json.dumps),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(NAMES, children, max_size=4),
    max_leaves=12,
)


@given(VALUES)
@example({' -u"': ":000"})
def test_masking_twice_changes_nothing(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """The output of the masker is clean to the masker."""
    try:
        masked, _ = MASKER.mask_value(value)
    except Unscannable:
        return
    assert MASKER.mask_value(masked) == (masked, ())


@given(VALUES, st.sampled_from(SECRETS), PIECES, PIECES)
def test_a_planted_secret_never_survives(value: Any, secret: str, before: str, after: str) -> None:  # noqa: ANN401
    """Not in the output, not in the redactions, not in an error."""
    planted: Any = {"v": value, "s": [f"{before} {secret} {after}"]}
    try:
        masked, redactions = MASKER.mask_value(planted)
    except Unscannable as error:
        assert secret not in repr(error)  # noqa: PT017 - refusing is one of two right ways
    else:
        assert secret not in repr(masked) + repr(redactions)


@given(VALUES)
@example(["\\\U00010000@0.AA"])
@example("\\\U00010000@0.AA")
@example(["\\\\\U0001f600\\ jane@example.com"])
def test_bytes_and_values_agree(value: Any) -> None:  # noqa: ANN401
    """A JSON payload masked as bytes decodes to the same as its value masked."""
    data = json.dumps(value).encode()
    try:
        masked = MASKER.mask_bytes(data)
        expected, redactions = MASKER.mask_value(value)
    except (Unscannable, UnicodeEncodeError):
        return
    if isinstance(value, (dict, list)):
        assert json.loads(masked.data) == expected
        assert set(masked.redactions) == set(redactions)
    if not masked.redactions:
        assert masked.data == data


@given(VALUES)
def test_the_quick_check_never_calls_clean_what_the_walk_masks(value: Any) -> None:  # noqa: ANN401
    """Where the quick check says clean, the walk finds nothing."""
    quick = Quick(classify, MASKER._detectors)
    if quick.is_clean(value):
        walk = Walk()
        masked = walk.look(value)
        MASKER._scan(walk, None, None)
        assert not masked.found


@given(st.text(string.ascii_letters + " .,", max_size=200))
def test_prose_is_returned_as_it_is(text: str) -> None:
    """Letters, spaces and stops hold no secret; the value handed in is never changed."""
    value: Any = {"text": text}
    before = orjson.dumps(value)
    MASKER.mask_value(value)
    assert orjson.dumps(value) == before
