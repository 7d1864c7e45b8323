"""The vendors' formats: each is documented, compiles, and finds its own kind."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path

import pytest
import re2

from audit_core.masking import PLACEHOLDER, Masker
from audit_core.masking.patterns import compile_bytes
from audit_core.masking.rules import RULES, Rule
from localcloud.place import ROOT

_SPEC = importlib.util.spec_from_file_location("masking_samples", Path(__file__).with_name("samples.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
_SAMPLES = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_SAMPLES)

MASKER = Masker(personal="off")
ENOUGH_FORMATS = 150
MOST_MARKS = 12
JUDGED_BY_MORE_THAN_ITS_PATTERN = {"link/path"}
"""`test_links.py` tests these."""
ONE = [pytest.param(rule, id=rule.id) for rule in RULES]


def test_there_are_at_least_150_formats_with_ids_of_their_own() -> None:
    """No two rules share an id, and there are as many as promised."""
    assert len({rule.id for rule in RULES}) == len(RULES) >= ENOUGH_FORMATS


@pytest.mark.parametrize("rule", ONE)
def test_a_rule_names_its_source_and_compiles(rule: Rule) -> None:
    """Each rule says whose document it was written from, and the engine takes its patterns."""
    assert rule.source
    assert rule.marks
    assert all(rule.marks)
    re2.compile(rule.tail)
    re2.compile(rule.before)


def test_each_rule_masks_its_sample_and_leaves_the_text_like_it() -> None:
    """`tests/vectors/token_formats.toml` has one of both for each rule, and for no other."""
    samples = tomllib.loads((ROOT / "tests" / "vectors" / "token_formats.toml").read_text())
    rules = {rule.id: rule for rule in RULES if rule.id not in JUDGED_BY_MORE_THAN_ITS_PATTERN}
    assert samples.keys() == rules.keys()
    for rule, (token, like_it) in samples.items():
        token, like_it = (text.replace("{}", rules[rule].marks[0], 1) for text in (token, like_it))  # noqa: PLW2901
        masked, _ = MASKER.mask_text(f"see {token} here")
        assert PLACEHOLDER in masked, rule
        assert token not in masked, rule
        assert MASKER.mask_text(f"see {like_it} here")[1] == (), rule


@pytest.mark.parametrize("rule", ONE)
def test_a_rule_never_matches_across_texts(rule: Rule) -> None:
    """No pattern matches the byte that texts are joined with."""
    pattern = compile_bytes(rule.tail.encode())
    for count in range(1, 80):
        match = pattern.match(b"a1B2" * count + b"\x00" + b"a1B2" * 80)
        assert match is None or match.end() <= 4 * count


@pytest.mark.parametrize("rule", [param for param in ONE if param.id not in JUDGED_BY_MORE_THAN_ITS_PATTERN])
def test_a_token_of_the_documented_shape_vanishes(rule: Rule) -> None:
    """A token made from the rule's own pattern is masked in plain text, nearly always whatever its letters."""
    found = total = 0
    for mark in rule.marks[:MOST_MARKS]:
        for seed in range(8):
            token = _SAMPLES.sample(rule, mark, seed)
            masked, redactions = MASKER.mask_text(f"see {token} here")
            total += 1
            found += bool(redactions) and PLACEHOLDER in masked and token not in masked
    assert found >= 0.9 * total
