"""A stack's config file belongs to people: what is wrong in it is named, and what is changed leaves the rest alone."""

import stat
from pathlib import Path

import pytest

from cli.exits import CouldNot
from cli.stack_file import StackFile

FILE = 'config:\n  aws:region: "eu-central-1"   # close to us\n  agent-audit-log:agents:\n    - one # first\n'


def test_a_change_leaves_the_rest(tmp_path: Path) -> None:
    """Comments, quotes, order and the file's mode stay, and nothing lies beside it afterwards."""
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_text(FILE, encoding="utf-8")
    path.chmod(0o640)
    file = StackFile(path)
    file.config["agent-audit-log:retentionDays"] = 30
    file.write()
    assert path.read_text(encoding="utf-8") == FILE + "  agent-audit-log:retentionDays: 30\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_one(tmp_path: Path) -> None:
    """Where the file is a link, the file that it leads to is changed."""
    path, link = tmp_path / "kept" / "prod.yaml", tmp_path / "Pulumi.prod.yaml"
    path.parent.mkdir()
    path.write_text(FILE, encoding="utf-8")
    link.symlink_to(path)
    file = StackFile(link)
    file.config["agent-audit-log:retentionDays"] = 30
    file.write()
    assert link.is_symlink()
    assert path.read_text(encoding="utf-8") == FILE + "  agent-audit-log:retentionDays: 30\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("config: " + "[" * 20_000, "is not YAML: it is nested too deep"),
        ("config: [", "is not YAML: line 1: "),
        ("config:\n  a:b: 1\n  a:b: 2\n", 'is not YAML: line 3: found duplicate key "a:b"'),
        ("config:\n", "has no `config:`"),
        ("- 1\n", "has no `config:`"),
        ("", "has no `config:`"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    """A file that cannot be read as settings is named with the line and the reason."""
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CouldNot) as caught:
        StackFile(path)
    assert caught.value.message.startswith(f"{path} ")
    assert says in caught.value.message
    assert "\n" not in caught.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is named."""
    with pytest.raises(CouldNot, match=r"cannot read .*Pulumi\.gone\.yaml"):
        StackFile(tmp_path / "Pulumi.gone.yaml")
