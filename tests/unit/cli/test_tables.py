"""The pages say what the program does."""

from collections.abc import Callable

import pytest

from cli import exits, tables
from cli.check import AREAS, live_check
from cli.connection import project_root
from policies import controls, references
from policies.controls import CONTROLS


@pytest.mark.parametrize("page", tables.TABLES)
def test_a_page_is_as_it_would_be_made(page: str) -> None:
    """`python -m cli.tables` changes nothing."""
    text = (project_root() / page).read_text(encoding="utf-8")
    assert text == tables.filled(page, text), "run: .venv/bin/python -m cli.tables"


def test_exit_codes_are_those_of_the_page() -> None:
    """Scripts rely on them."""
    text = (project_root() / "docs" / "cli.md").read_text(encoding="utf-8")
    assert (exits.DONE, exits.FOUND, exits.COULD_NOT) == (0, 1, 2)
    for code, words in ((0, "done"), (1, "something is wrong"), (2, "could not do its work")):
        assert f"| {code} | {words}" in text


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.id)
def test_every_control_has_a_live_check(control: controls.Control) -> None:
    """A promise without one is none; the check's own docstring says what it does."""
    live: Callable[..., object] = live_check(control)
    assert live.__doc__


def test_controls_are_told_apart_and_stand_by_area() -> None:
    """No id, statement or check stands twice; the table's order is the checklist's."""
    for values in zip(*((c.id, c.statement, c.check) for c in CONTROLS), strict=True):
        assert len(set(values)) == len(CONTROLS)
    assert list(dict.fromkeys(control.area for control in CONTROLS)) == list(AREAS)


def test_every_reference_names_its_edition() -> None:
    """A number in a framework means nothing without the year."""
    for control in CONTROLS:
        for reference in control.basis.items:
            assert any(digit.isdigit() for digit in reference.publication.edition)
        assert control.basis.nist.item.split()[0] in {"GOVERN", "MAP", "MEASURE", "MANAGE"}
        assert control.basis.owasp.publication in {references.LLM_TOP_10, references.AGENTIC_TOP_10}
        assert {item.publication for item in control.basis.also} <= {references.AISVS, references.AI_ACT}


def test_items_carry_the_names_of_their_publications() -> None:
    """The names are those of the tables of contents of OWASP's two lists of 2026."""
    names = {
        "LLM01:2026": "Prompt Injection",
        "LLM02:2026": "Sensitive Information Disclosure",
        "LLM03:2026": "Excessive Agency",
        "LLM04:2026": "Supply Chain",
        "LLM05:2026": "Data and Model Poisoning",
        "LLM06:2026": "Unbounded Consumption",
        "LLM07:2026": "Misinformation",
        "LLM08:2026": "Hidden Context Exposure",
        "LLM09:2026": "Vector and Embedding Weaknesses",
        "LLM10:2026": "Improper Output Handling",
        "ASI01": "Agent Goal Hijack",
        "ASI02": "Tool Misuse and Exploitation",
        "ASI03": "Identity and Privilege Abuse",
        "ASI04": "Agentic Supply Chain Vulnerabilities",
        "ASI05": "Unexpected Code Execution (RCE)",
        "ASI06": "Memory & Context Poisoning",
        "ASI07": "Insecure Inter-Agent Communication",
        "ASI08": "Cascading Failures",
        "ASI09": "Human-Agent Trust Exploitation",
        "ASI10": "Rogue Agents",
    }
    for control in CONTROLS:
        assert names[control.basis.owasp.item] == control.basis.owasp.title


def test_the_ai_act_is_cited_for_what_it_asks() -> None:
    """The Act requires to record events, keep logs and monitor. It has no clause on tampering, so no seal cites it."""
    for control in CONTROLS:
        cited = {item.item for item in control.basis.also if item.publication is references.AI_ACT}
        assert cited <= {"AI Act Art. 12(1)", "AI Act Art. 19(1)", "AI Act Art. 26(5)", "AI Act Art. 26(6)"}
        if control.area == "seal":
            assert not cited
