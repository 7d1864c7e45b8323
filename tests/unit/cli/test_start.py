"""A command starts without what the others need."""

import subprocess
import sys

import pytest

HEAVY = ("boto3", "botocore", "pulumi", "httpx", "ruamel", "audit_core.digest", "audit_core.masking")
NEEDED = {
    "--help": (),
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
    arguments = [command] if command == "--help" else [command, "--help"]
    code = (
        "import sys; from cli.main import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit: pass\n"
        "print(','.join(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stderr.strip().split(","))
    assert loaded.isdisjoint(set(HEAVY) - set(NEEDED[command]))
