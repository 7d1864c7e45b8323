"""Text beyond ASCII with escapes around a secret: no crash, no secret left, nothing beside it damaged."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.masking import PLACEHOLDER, Masker
from audit_core.masking.budget import Budget
from audit_core.masking.encoded import Codec, Places, _inline
from audit_core.masking.texts import Texts

_SPEC = importlib.util.spec_from_file_location("fuzz_characters", Path(__file__).with_name("fuzz_characters.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
fuzz = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fuzz)

MASKER = Masker()
GHP = "ghp_" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe"
PARTS = st.lists(
    st.sampled_from(
        [
            *("%41", "%", "%%", "%c3%bc", "%zz", "+", "=", "=41", "=\n", "=C3=BC"),
            *("&#65;", "&#252", "&amp;", "&", "&#x1f600;", "\\u00fc", "\\ud83d\\ude00", "\\n", "\\\\"),
            *('\\"', "\\/", "\\x41", "\\101", "\\" * 12 + "u0041", "%u0041"),
            *("ü", "漢", "😀", "e\u0301", "\u200b", "’", "㎏", "ﬁ", "\x01", "\x1b[31m", "a", " ", "x" * 300),  # noqa: RUF001
        ]
    ),
    max_size=12,
)


@pytest.mark.parametrize("first", range(0, 400, 50))
def test_no_secret_survives_and_nothing_beside_it_is_damaged(first: int) -> None:
    """Umlauts, marks, emoji and escapes stand around the secret, in JSON in JSON and in every encoding."""
    for seed in range(first, first + 50):
        fuzz.check(seed)


@pytest.mark.parametrize(
    "value",
    [
        {"x": '{"":"mysql -pGeheimnis7ü\\n"}'},
        {"x": '{"":"ü mysql -pGeheimnis7 ü\\n"}'},
        ['{"a":"\\t😀 ' + GHP + ' 😀\\n"}'],
        {"x": json.dumps({"y": json.dumps({"z": f"ü\n{GHP}\nü"}, ensure_ascii=False)}, ensure_ascii=False)},
        {"x": '{"a":"\\ud800 ü ' + GHP + '"}'},
        {"x": f"\ud800 ü\\n {GHP} \udfff"},
        {f"\udfff ü\\n {GHP}": 1},
    ],
)
def test_an_escape_beside_a_character_beyond_ascii_stops_nothing(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Such values are masked like all others, and never stop the writer."""
    masked, redactions = MASKER.mask_value(value)
    assert redactions
    assert PLACEHOLDER in repr(masked)
    assert "Geheimnis7" not in repr(masked)
    assert GHP not in repr(masked)
    assert MASKER.mask_value(masked) == (masked, ())


@pytest.mark.parametrize("codec", _inline())
@given(parts=PARTS)
def test_every_decoded_character_has_its_place(codec: Codec, parts: list[str]) -> None:
    """Each decoded character maps to the whole units and characters that decode to it."""
    raw = "".join(parts).encode()
    decoded = codec.decode(raw)
    places = Places(codec, raw)
    starts = [at for at, byte in enumerate(decoded) if not 0x80 <= byte < 0xC0]
    before = 0
    for start, end in zip(starts, [*starts[1:], len(decoded)], strict=False):
        first, last = places.find(start, end)
        assert len(codec.decode(raw[:first])) <= start < end <= len(codec.decode(raw[:last]))
        assert before <= first < last <= len(raw)
        before = first


@pytest.mark.parametrize("value", [["\ud800 ü"], {"\udfff": 10**400}, [GHP, "\ud800"]])
def test_a_value_that_json_cannot_hold_is_masked_among_others(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """A lone surrogate and a huge number do not stop the masking."""
    texts = Texts(MASKER, Budget(1000))
    masked, _ = texts.mask("", value)
    assert masked == MASKER.mask_value(value)[0]
