"""What people read is plain English: pages, command help, messages and docstrings."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from localcloud.place import ROOT

PAGES: Final = ("README.md", "CHANGELOG.md", "docs/*.md", "clients/*/README.md")
DESCRIPTIONS: Final = ("Pulumi.yaml", "lambda/log_writer/openapi.json", "lambda/audit_core/record.schema.json")
FOLDERS: Final = ("lambda", "policies", "components", "stacks", "cli", "localcloud", "clients/python", "benchmarks")
DOCSTRINGS: Final = (
    "benchmarks", "cli/checks", "clients/python", "components", "lambda/aws_client", "lambda/log_sealer", "policies",
    "stacks",
)  # fmt: skip
"""Folders whose docstrings are plain; the others follow."""
LONGEST: Final = 35
"""Words in a sentence."""
WORDS: Final = 2
"""A text in code with more words than these is a sentence for people."""

INSTEAD: Final = {
    r"(?<!here )\b(is|are|was|were) (none\b|no (?!longer|more))": "say that it is invalid or missing",
    r"\bso (many|much)\b(?! that)": "give the number, or leave it out",
    r"\ball that\b": "everything that, or name it",
    r"\b(tells?|told|telling) (it |them |him )?of\b": "reports, raises an alarm",
    r"\b(is|are|was|were|be|been|being) told\b": "hears, gets, or name who reports it",
    r"\b(is|are|was|were|be|been|as|are) said\b": "states, documents, shows",
    r"\bbut for\b": "except for",
    r"(^|[.;:] )([Tt]hat|[Ww]hat|[Ww]hom) [^.,;:|]{1,60}, (it|they|he|she|we|you) \w+": "subject, verb, object",
    r"(^|[.;:] )Of [^.,;:|]{1,60} (is|are) (kept|stored|logged|shown)\b": "subject, verb, object",
    r"\b(no|any) (thing|one) (that|which) is none\b": "invalid",
}
"""A pattern of wording that readers stumble over: what to write instead."""


def faults(text: str) -> Iterator[str]:
    """Yield each wording in `text` that `INSTEAD` holds off, with its neighbourhood."""
    for pattern, instead in INSTEAD.items():
        for found in re.finditer(pattern, text, re.MULTILINE):
            yield f"{text[max(0, found.start() - 30) : found.end() + 30]!r}: {instead}"


def prose(page: str) -> str:
    """Return a page without code, addresses and what the program generates."""
    page = re.sub(r"^ *```.*?^ *```$", "", page, flags=re.MULTILINE | re.DOTALL)
    page = re.sub(r"\]\([^)]*\)", "]", page)
    return re.sub(r"`[^`\n]*`", "CODE", page)


def sentences(page: str) -> Iterator[str]:
    """Yield each sentence of a page; a list's item, a table's cell and a paragraph end one, too."""
    for block in re.split(r"\n\s*\n|^\s*(?:[-*]|\d+\.|#+) |\|", prose(page), flags=re.MULTILINE):
        yield from re.split(r"(?<=[.!?])\s+", " ".join(block.split()))


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each text of some words in a module that is not a docstring, with its line: errors, help, reports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kept: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            kept.add(node.value)
        elif isinstance(node, ast.keyword) and node.arg == "description":
            kept |= set(ast.walk(node.value))  # a wording that changes would change the deployed resource
        elif isinstance(node, ast.Constant) and node not in kept and len(str(node.value).split()) > WORDS:
            yield node.lineno, str(node.value)


@pytest.mark.parametrize("path", [path for page in PAGES for path in sorted(ROOT.glob(page))], ids=lambda it: it.name)
def test_a_page_is_plain(path: Path) -> None:
    """A page has none of the wordings above, and no sentence that is too long."""
    page = path.read_text(encoding="utf-8")
    assert not list(faults(prose(page)))
    assert not [sentence for sentence in sentences(page) if len(sentence.split()) > LONGEST]


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_descriptions_are_plain(name: str) -> None:
    """Settings and interfaces are described with none of the wordings above."""
    assert not list(faults((ROOT / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("folder", DOCSTRINGS)
def test_docstrings_are_plain(folder: str) -> None:
    """Docstrings have none of the wordings above."""
    found = [
        f"{path.relative_to(ROOT)}: {fault}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for fault in faults(str(node.value.value))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", FOLDERS)
def test_messages_are_plain(folder: str) -> None:
    """Errors, help and reports have none of the wordings above."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {fault}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, text in texts(path)
        for fault in faults(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "A line that is none is skipped.",
        "Tells of a file that is no tick.",
        "so many entries are signed",
        "What it calls, it reports.",
        "Of other agents the host alone is kept",
        "all that was stored",
        "nobody is told",
        "everything but for the last",
    ],
)
def test_odd_wordings_are_found(text: str) -> None:
    """The patterns find what they are for."""
    assert list(faults(text))


def test_plain_wordings_pass() -> None:
    """The patterns leave plain sentences alone."""
    assert not list(faults("There is no second copy. It is no longer stored. It failed so much that it stopped."))
    assert list(sentences("- One `a b`. Two\n- Three")) == ["", "One CODE.", "Two", "Three"]
