"""What is printed obeys nobody but us."""

import unicodedata

import pytest

from cli.console import json_line, printable


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


def test_json_lines_are_ascii_and_one_line() -> None:
    """A program gets the same value, a terminal nothing to obey."""
    line = json_line({"endpoint": "\u202e\x1b\n\x9b"})
    assert line.isascii()
    assert line.isprintable()
