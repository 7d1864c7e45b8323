"""The tables and blocks of some pages of docs/, made from what they describe.

`python -m cli.tables` writes them anew, between the markers that stand in the pages; a test fails when one is behind.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import click

from cli.check import AREAS
from cli.checks.emulator import GAPS
from cli.connect_snippets import FORMS, Form, shown
from cli.connection import project_root
from cli.main import main
from cli.start import COMMANDS
from cli.verify.findings import KINDS
from policies.controls import CONTROLS, Control
from policies.references import MISNOMERS, Publication

_END: Final = "<!-- end -->"
_SHARED: Final = frozenset({"--outputs", "--stack", "--json", "--help"})
"""Options that the page describes once, because most commands have them."""


def controls() -> str:
    """Return every control and its promise, by area."""
    return "\n\n".join(
        f"### {title}\n\n" + _list((f"`{item.id}`", item.statement) for item in CONTROLS if item.area == area)
        for area, title in AREAS.items()
    )


def items() -> str:
    """Return every item that a control refers to, with the controls that give evidence for it."""
    cited = ((item, control) for control in CONTROLS for item in control.basis.items)
    return _list(sorted(_inverted((str(item), control) for item, control in cited)))


def publications() -> str:
    """Return every publication that a control refers to, with the edition that was read."""
    cited: dict[Publication, None] = {}
    for control in CONTROLS:
        cited |= {item.publication: None for item in control.basis.items}
    return _list((item.name, item.edition) for item in cited)


def misnomers() -> str:
    """Return what the guide names that does not exist, and the nearest items that do."""
    rows = [(row.guide, row.actual, ", ".join(item.item for item in row.nearest)) for row in MISNOMERS]
    return _table(("the guide says", "what there is", "nearest items"), rows)


def gaps() -> str:
    """Return what the emulator does not enforce."""
    return _list((f"`{name}`", reason) for name, reason in GAPS.items())


def commands() -> str:
    """Return every command, what it does, and the options of its own."""
    context = click.Context(main, info_name="audit-log", **main.context_settings)
    rows = []
    for name, command in _all(main, context):
        own = click.Context(command, info_name=name, parent=context)
        arguments = [
            parameter.make_metavar(own) for parameter in command.params if isinstance(parameter, click.Argument)
        ]
        options = [
            f"`{parameter.opts[-1]}`"
            for parameter in command.params
            if isinstance(parameter, click.Option) and parameter.opts[-1] not in _SHARED
        ]
        does = command.get_short_help_str(limit=1000)
        rows.append((f"`{' '.join([name, *arguments])}`", f"{does} {' '.join(options)}".strip()))
    return _list(rows)


def findings() -> str:
    """Return every kind of finding, and what it means."""
    return _list((f"`{kind}`", meaning) for kind, meaning in KINDS.items())


def snippet(form: Form) -> str:
    """Return what to paste, as a block."""
    return f"```{form.language}\n{shown(form)}```"


TABLES: Final[Mapping[str, Mapping[str, Callable[[], str]]]] = {
    "docs/controls.md": {
        "controls": controls,
        "items": items,
        "publications": publications,
        "misnomers": misnomers,
        "gaps": gaps,
    },
    "docs/cli.md": {"commands": commands},
    "docs/verify.md": {"findings": findings},
    "docs/agents.md": {form.command: functools.partial(snippet, form) for form in FORMS},
}
"""By page, then by the name in the page's markers."""


def filled(page: str, text: str) -> str:
    """Return a page's text with all of its tables as they should be; raise ValueError when a marker is missing."""
    for name, make in TABLES[page].items():
        begin = f"<!-- table: {name} -->\n"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(_END)
        if not found or not ended or begin in after:
            raise ValueError(f"{page}: must hold {begin.strip()} and {_END} once")
        text = f"{before}{begin}{make()}\n{_END}{after}"
    return text


def _inverted(pairs: Iterable[tuple[str, Control]]) -> list[tuple[str, str]]:
    """Return each name with the controls that it was paired with."""
    found: dict[str, list[str]] = {}
    for name, control in pairs:
        found.setdefault(name, []).append(f"`{control.id}`")
    return [(name, " ".join(ids)) for name, ids in found.items()]


def _list(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- {name}: {text}" for name, text in rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _all(group: click.Group, context: click.Context) -> Iterable[tuple[str, click.Command]]:
    for name in COMMANDS if group is main else group.commands:
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", found) for inner, found in _all(command, context))
        elif command is not None:
            yield name, command


if __name__ == "__main__":
    for page_name in TABLES:
        path = project_root() / Path(page_name)
        path.write_text(filled(page_name, path.read_text(encoding="utf-8")), encoding="utf-8")
