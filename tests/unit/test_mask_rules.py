"""A stack's own masking rules, as its settings spell them."""

import pytest

from audit_core.masking import CustomRules
from components.mask_rules import MaskRuleError, MaskRules, read_mask_rules, rules_config
from localcloud.place import ROOT

RULES = [
    "key customer number",
    "pattern shop/order ORD-([0-9]{8})",
    r"pattern spaced A [0-9]+ B",
    "allow ORD-00000000",
]


def test_rules_are_read_as_they_are_spelled() -> None:
    """What follows the kind is taken whole, spaces too."""
    assert read_mask_rules(RULES) == MaskRules(
        key_names=("customer number",),
        patterns=(("shop/order", "ORD-([0-9]{8})"), ("spaced", "A [0-9]+ B")),
        allow=("ORD-00000000",),
    )


def test_the_pages_example_is_taken_as_it_stands() -> None:
    """docs/masking.md shows rules as a stack's file holds them."""
    page = (ROOT / "docs" / "masking.md").read_text("utf-8").partition("agent-audit-log:maskRules:\n")[2]
    lines = page.partition("\n\n")[0].splitlines()
    rules = read_mask_rules([line.strip().removeprefix("- ") for line in lines])
    assert (rules.key_names, [name for name, _ in rules.patterns], len(rules.allow)) == (("patientId",), ["badge"], 1)


def test_the_function_reads_back_what_the_settings_said() -> None:
    """The configuration file's form and the settings' are the same rules."""
    rules = read_mask_rules(RULES)
    read = CustomRules.from_config(rules_config(rules))
    assert (read.key_names, read.patterns, read.allow) == (rules.key_names, rules.patterns, rules.allow)
    assert rules_config(read_mask_rules([])) == {}


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["secret"], "must be 'key <name>', 'pattern <rule id> <pattern>' or 'allow <pattern>', got 'secret'"),
        (["key "], "must be 'key <name>'"),
        (["KEY a"], "must be 'key <name>'"),
        (["pattern only-an-id"], "must be 'key <name>'"),
        (["allow"], "must be 'key <name>'"),
        (["key --"], "needs at least one letter or digit, got 'key --'"),
        (["pattern Order ORD-[0-9]+"], "a rule id must match "),
        (["pattern a X-[0-9]", "pattern a Y-[0-9]"], "names the rule 'a' twice, got 'pattern a Y-[0-9]'"),
        (["pattern broken ([0-9]"], "'broken': the engine refuses the pattern: missing ): ([0-9], got 'pattern"),
        ([r"pattern back (a)\1"], "the engine refuses the pattern"),
        (["pattern ahead (?=x)y"], "the engine refuses the pattern"),
        (["pattern all .*"], "'all': matches the empty text, so it would match everywhere, got 'pattern all .*'"),
        (["pattern any ."], "'any': matches ordinary text"),
        (["pattern words [a-z]+"], "'words': matches ordinary text"),
        (["pattern long " + "x" * 1001], "'long': longer than 1000 characters"),
        (["allow .*"], "would match everywhere, got 'allow .*'"),
        ([f"key name{n}" for n in range(101)], "at most 100 in all, got '101 rules'"),
    ],
)
def test_a_rule_that_the_function_would_refuse_is_refused_here(texts: list[str], says: str) -> None:
    """With the reason and the rule as it was given."""
    with pytest.raises(MaskRuleError) as error:
        read_mask_rules(texts)
    assert says in str(error.value)
