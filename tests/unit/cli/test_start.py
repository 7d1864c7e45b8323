"""A command starts without what the others need."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from cli.main import main
from cli.start import COMMANDS

HEAVY = ("boto3", "botocore", "pulumi", "httpx", "ruamel", "audit_core.digest", "audit_core.masking")
NEEDED = {
    "connect": (),
    "check": (),
    "find": (),
    "digest": ("audit_core.digest",),
    "redact": ("audit_core.digest", "audit_core.masking"),
    "token": (),
    "plan": (),
}


@pytest.mark.parametrize("command", NEEDED)
def test_a_command_imports_no_more_than_it_needs(command: str) -> None:
    """`audit-log redact` in a loop must not pay for AWS."""
    code = (
        "import sys; from cli.main import main\n"
        f"try: main({[command, '--help']!r})\n"
        "except SystemExit: pass\n"
        "print(','.join(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stderr.strip().split(","))
    assert loaded.isdisjoint(set(HEAVY) - set(NEEDED[command]))


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_the_help_loads_no_library(option: str) -> None:
    """`audit-log --help` takes hardly longer than Python itself, and prints what click would print."""
    code = (
        f"import sys; before = set(sys.modules); sys.argv = ['audit-log', {option!r}]; from cli.start import main\n"
        "main(); print(*sorted(set(sys.modules) - before), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr.split() == ["cli", "cli.start"]
    assert done.stdout == CliRunner().invoke(main, [option]).stdout


def test_the_help_names_every_command_and_option() -> None:
    """It is written by hand; each line fits a terminal of 80 characters."""
    text = CliRunner().invoke(main, ["--help"]).stdout
    assert all(f"\n  {name}" in text and line in text for name, (_, _, line) in COMMANDS.items())
    assert all(option in text for parameter in main.params for option in parameter.opts)
    assert max(map(len, text.splitlines())) < 80
