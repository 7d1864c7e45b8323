"""The pages say what the program does."""

from collections.abc import Callable

import pytest

from cli import exits, tables
from cli.check import AREAS, live_check
from cli.connection import project_root
from policies import controls
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
        for reference in (control.nist, control.owasp):
            assert any(digit.isdigit() for digit in reference.publication.edition)
        assert control.nist.item.split()[0] in {"GOVERN", "MAP", "MEASURE", "MANAGE"}
        assert control.owasp.publication.name.startswith("OWASP")
