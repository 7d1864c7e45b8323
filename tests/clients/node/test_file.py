"""The client is one file that can be copied: built from its modules, it stands alone, is valid and is typed."""

import re
import subprocess

from clients.node.build import build
from tests.clients.node.harness import CLIENT, NODE, needs_node

SOURCE = CLIENT.read_text("utf-8")


def test_it_is_built_from_the_modules() -> None:
    """The file in git is what `python clients/node/build.py` writes."""
    assert build() == SOURCE


def test_it_stands_alone() -> None:
    """It imports Node's own modules, under names that bundlers leave alone, and nothing else."""
    imported = re.findall(r"^import .* from '(.*)';$", SOURCE, re.MULTILINE)
    assert imported
    assert all(name.startswith("node:") for name in imported)
    assert not re.search(r"\brequire\(|\bimport\.meta\b|await import\(", SOURCE)


def test_what_it_exports_is_typed() -> None:
    """Whoever checks a project's types finds those of what it imports."""
    exported = list(re.finditer(r"^export (?:class|function) (\w+)", SOURCE, re.MULTILINE))
    assert {found[1] for found in exported} >= {"createAuditLog", "fetchWithLog"}
    assert all(SOURCE[: found.start()].rstrip().endswith("*/") for found in exported)


@needs_node
def test_it_is_valid() -> None:
    """Node reads it as a module."""
    assert NODE is not None
    subprocess.run([NODE, "--check", CLIENT], check=True)
