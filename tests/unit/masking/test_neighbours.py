"""A documented token is found between any two ASCII signs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from audit_core.masking import Masker
from audit_core.masking.rules import RULES, Rule

_SPEC = importlib.util.spec_from_file_location("masking_samples", Path(__file__).with_name("samples.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
_SAMPLES = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_SAMPLES)

MASKER = Masker(personal="off")
SIGNS = [sign for sign in map(chr, (1, 9, 10, 27, *range(32, 127))) if not sign.isalnum()]
SEEDS = 12
NEEDS_ITS_OWN_NEIGHBOURS = {"service/value"}
"""The end of its value is a quote, a sign or the end of the line."""


def samples(rule: Rule) -> list[str]:
    """Return a token of the rule that is found where it stands alone. A few look too much like words."""
    tokens = (_SAMPLES.sample(rule, mark, seed) for seed in range(SEEDS) for mark in rule.marks[:1])
    return [token for token in tokens if token not in MASKER.mask_text(f"see {token} now")[0]][:1]


@pytest.mark.parametrize(
    "rule", [pytest.param(rule, id=rule.id) for rule in RULES if rule.id not in NEEDS_ITS_OWN_NEIGHBOURS]
)
def test_no_neighbour_hides_a_token(rule: Rule) -> None:
    """The sign stands before the token, after it, or on both sides."""
    tokens = samples(rule)
    assert tokens
    for token in tokens:
        forms = (f"config{{}}{token}", f"{token}{{}}x", f"a{{}}{token}{{}}", f"{{}}{token}")
        texts = [form.replace("{}", sign) for form in forms for sign in SIGNS]
        masked, _ = MASKER.mask_value({f"k{number}": text for number, text in enumerate(texts)})
        assert isinstance(masked, dict)
        assert not [text for text, shown in zip(texts, masked.values(), strict=True) if token in str(shown)]
