"""Text for people and for programs, safe to print whatever it holds.

What a record holds was written by an agent, and an agent can be made to write anything: a terminal escape that hides
the line above, a bidirectional override that turns a host name round. Everything that is printed goes through here.
"""

import json
import sys
import unicodedata
from collections.abc import Mapping
from typing import Final

from rich.console import Console
from rich.text import Text

_UNSAFE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str) -> str:
    """Return `text` with every control, format, bidirectional and unassigned character written out as an escape.

    The result is one line and holds nothing that a terminal obeys. Ordinary letters of every script pass unchanged.
    """
    return "".join(_escape(char) if unicodedata.category(char) in _UNSAFE_CATEGORIES else char for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def json_line(value: object) -> str:
    """Return `value` as one line of JSON in plain ASCII: safe on a terminal, and the same value to a program."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def emit_json(value: Mapping[str, object]) -> None:
    """Print one JSON document to standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True, indent=2) + "\n")


def stdout_console() -> Console:
    """Return a console for people: colour only on a terminal, and one line stays one line when piped."""
    return Console(highlight=False, soft_wrap=True)


def styled(text: str, style: str = "") -> Text:
    """Return `text` made printable, in `style`, with no markup read out of it."""
    return Text(printable(text), style=style)


def encodable(symbol: str, fallback: str) -> str:
    """Return `symbol` where standard output can carry it, or else its plain `fallback`."""
    try:
        symbol.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return fallback
    return symbol
