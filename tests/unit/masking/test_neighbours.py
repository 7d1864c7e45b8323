"""A documented token is known whatever ASCII character stands before it and after it."""

from __future__ import annotations

import importlib.util
import string
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
SIGNS = [character for character in map(chr, range(1, 128)) if character not in string.ascii_letters + string.digits]
SEEDS = 12


def samples(rule: Rule) -> list[str]:
    """Give tokens of a rule that are known where they stand alone: a few look too much like words."""
    tokens = (_SAMPLES.sample(rule, mark, seed) for seed in range(SEEDS) for mark in rule.marks[:1])
    return [token for token in tokens if token not in MASKER.mask_text(f"see {token} now")[0]][:2]


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in RULES])
def test_no_neighbour_hides_a_token(rule: Rule) -> None:
    """After a word and the sign, and before the sign and a word."""
    tokens = samples(rule)
    assert tokens
    for token in tokens:
        texts = [f"config{sign}{token}" for sign in SIGNS] + [f"{token}{sign}x" for sign in SIGNS]
        texts += [f"a{sign}{token}{sign}" for sign in SIGNS] + [f"{sign}{token}" for sign in SIGNS]
        masked = [MASKER.mask_text(text)[0] for text in texts]
        left = [text for text, shown in zip(texts, masked, strict=True) if token in shown]
        assert not left
