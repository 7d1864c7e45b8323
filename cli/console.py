"""Text for people and for programs, safe to print whatever it holds.

What a record holds was written by an agent, and an agent can be made to write anything: a terminal escape that hides
the line above, a bidirectional override that turns a host name round. Everything that is printed goes through here.
"""

import json
import shlex
import shutil
import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

STATUS_STYLES: Final = {"success": "green", "throttled": "yellow", "error": "red", "policy-blocked": "magenta"}
"""The style of each outcome."""
_NAME: Final = "audit-log"
_UNSAFE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str) -> str:
    """Return `text` with every control, format, bidirectional and unassigned character written out as an escape.

    The result is one line and holds nothing that a terminal obeys. Ordinary letters of every script pass unchanged.
    """
    return "".join(_escape(char) if unicodedata.category(char) in _UNSAFE_CATEGORIES else char for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def program() -> str:
    """Return how this program was called, so that the commands that it prints can be pasted."""
    called = sys.argv[0]
    if Path(called).name != _NAME:
        return f".venv/bin/{_NAME}"
    return _NAME if shutil.which(_NAME) == called else shlex.quote(called)


def record_line(line: bytes) -> bytes:
    """Return a record's stored bytes, so that its digest and its proof fit what is printed.

    On a terminal alone, escape the characters that a terminal obeys, as JSON does.
    """
    if not sys.stdout.isatty():
        return line
    return "".join(
        json.dumps(char)[1:-1] if unicodedata.category(char) in _UNSAFE_CATEGORIES else char
        for char in line.decode("utf-8", "replace")
    ).encode()


def write_record(line: bytes) -> None:
    """Print a record's stored line."""
    sys.stdout.flush()
    sys.stdout.buffer.write(record_line(line) + b"\n")
    sys.stdout.buffer.flush()


def json_line(value: object) -> str:
    """Return `value` as one line of JSON in plain ASCII: safe on a terminal, and the same value to a program."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def emit_json(value: Mapping[str, object], *, record: bytes | None = None) -> None:
    """Print one JSON document to standard output, with the stored line `record`, if any, as its last member."""
    text = json.dumps(value, ensure_ascii=True, indent=2)
    if record is None:
        sys.stdout.write(f"{text}\n")
    else:
        sys.stdout.write(text.removesuffix("\n}") + ',\n  "record": ')
        write_record(record)
        sys.stdout.write("}\n")


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
