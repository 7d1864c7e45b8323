"""A stack's own rules: what they add, and which are refused when they are made."""

from __future__ import annotations

import pytest

from audit_core.masking import PLACEHOLDER, CustomRuleError, CustomRules, Masker, Redaction


def test_custom_rules_add_names_patterns_and_exceptions() -> None:
    """Key names are compared without case and dashes; group 1 is the secret; what is allowed stays."""
    rules = CustomRules.from_config(
        {
            "key_names": ["Patient-Id"],
            "patterns": {"badge": r"\bbadge-([0-9]{6})\b"},
            "allow": [r"AKIA[A-Z0-9]{12}TEST"],
        }
    )
    masked, redactions = Masker(custom=rules).mask_value(
        {"patientId": "p1", "note": "badge-123456 and AKIAK3VZR8QMTZWXTEST"}
    )
    assert masked == {"patientId": PLACEHOLDER, "note": f"badge-{PLACEHOLDER} and AKIAK3VZR8QMTZWXTEST"}
    assert set(redactions) == {
        Redaction(path="/patientId", rule="key/custom"),
        Redaction(path="/note", rule="custom/badge"),
    }


def test_custom_rules_change_the_fingerprint() -> None:
    """A record says under which rules it was masked."""
    assert Masker().fingerprint == Masker().fingerprint
    assert Masker().fingerprint != Masker(custom=CustomRules(key_names=("x1",))).fingerprint
    assert Masker().fingerprint != Masker(personal="off").fingerprint


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"patterns": {"a": "("}}, "refuses"),
        ({"patterns": {"a": r"(?=x)y"}}, "refuses"),
        ({"patterns": {"a": r"(x)\1"}}, "refuses"),
        ({"patterns": {"a": ""}}, "empty"),
        ({"patterns": {"a": "x*"}}, "empty"),
        ({"patterns": {"a": ".+"}}, "everything"),
        ({"patterns": {"a": "[a-z]"}}, "everything"),
        ({"patterns": {"a": "x" * 2000}}, "longer"),
        ({"patterns": {"a": "[0-9]{1000}{1000}"}}, "refuses"),
        ({"allow": [".*"]}, "empty"),
        ({"key_names": ["--"]}, "letter"),
        ({"key_names": "password"}, "list"),
        ({"patterns": ["x"]}, "object"),
        ({"names": []}, "unknown"),
        ({"key_names": ["k"] * 200}, "at most"),
    ],
)
def test_bad_rules_are_refused_with_the_reason(config: dict[str, object], reason: str) -> None:
    """A pattern that the engine refuses, or that matches everything, fails when it is made."""
    with pytest.raises(CustomRuleError, match=reason):
        CustomRules.from_config(config)
