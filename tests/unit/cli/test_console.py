"""What is printed obeys nobody but us."""

import json
import sys
import unicodedata
from pathlib import Path

import pytest

from cli.console import json_line, printable, program, record_line


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("api.example\u202emoc.live", "api.example\\u202emoc.live"),
        ("two\r\nlines", "two\\r\\nlines"),
        ("\x9b31m", "\\x9b31m"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("half \ud800 pair", "half \\ud800 pair"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("line\u2028end", "line\\u2028end"),
    ],
)
def test_what_a_terminal_obeys_is_written_out(hostile: str, shown: str) -> None:
    """Escapes, overrides, invisible and broken characters appear as what they are."""
    assert printable(hostile) == shown


def test_ordinary_letters_of_every_script_pass() -> None:
    """Names are readable as they were written."""
    text = "sales\u2011assistant-v1 Ünïcode 日本語 עברית ✓ 🙂"
    assert printable(text) == text


def test_nothing_unsafe_survives_in_any_character() -> None:
    """Of all characters that there are, none comes out as a control or format character."""
    for start in range(0, 0x110000, 0x1000):
        shown = printable("".join(map(chr, range(start, start + 0x1000))))
        assert {"Cc", "Cf", "Cs", "Zl", "Zp"}.isdisjoint(map(unicodedata.category, shown))


def test_a_record_is_its_stored_line_unless_a_terminal_would_obey_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file or a pipe gets the bytes; a terminal gets the same value, with the dangerous characters escaped."""
    line = '{"agent_id":"sales\u2011bot","endpoint":"a\u202eb\x9b"}'.encode()
    assert record_line(line) == line
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = record_line(line)
    assert shown == '{"agent_id":"sales\u2011bot","endpoint":"a\\u202eb\\u009b"}'.encode()
    assert json.loads(shown) == json.loads(line)


@pytest.mark.parametrize(
    ("called", "shown"),
    [
        (".venv/bin/audit-log", ".venv/bin/audit-log"),
        ("/home/me/my kit/.venv/bin/audit-log", "'/home/me/my kit/.venv/bin/audit-log'"),
        ("/x/cli/main.py", ".venv/bin/audit-log"),
    ],
)
def test_commands_are_printed_as_this_one_was_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, called: str, shown: str
) -> None:
    """Printed commands have the program's path, or its name alone where PATH finds it."""
    monkeypatch.setattr(sys, "argv", [called])
    assert program() == shown
    found = tmp_path / "audit-log"
    found.write_text("")
    found.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(found)])
    assert program() == "audit-log"


def test_json_lines_are_ascii_and_one_line() -> None:
    """A program gets the same value, a terminal nothing to obey."""
    line = json_line({"endpoint": "\u202e\x1b\n\x9b"})
    assert line.isascii()
    assert line.isprintable()
