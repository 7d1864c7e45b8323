"""The start of `audit-log`: its list of commands, and its help without a library.

Guarantee: `audit-log --help` loads this module and nothing else, not even `typing`.
"""

import sys

COMMANDS: dict[str, tuple[str, str, str]] = {
    "connect": ("cli.connect", "connect", "Print what to paste into an agent, and try it."),
    "check": ("cli.check", "check", "Try every promise against a deployed stack."),
    "find": ("cli.find", "find", "Show records, or follow them as they arrive."),
    "digest": ("cli.digests", "digest", "Compute a payload's digest, or say whether it was logged."),
    "redact": ("cli.redact", "redact", "Show what masking leaves of a payload."),
    "verify": ("cli.verify.commands", "verify", "Verify the sealed log, copy it, prove single records."),
    "retain": ("cli.retain", "retain", "Keep records for longer, hold them, release holds."),
    "token": ("cli.tokens", "token", "Show, list and rotate agents' tokens."),
    "plan": ("cli.plan", "plan", "Show what a deployment makes, or which permissions it needs."),
}
"""Name: module, attribute, and the line for `--help`."""

HELP: str = """\
Usage: audit-log [OPTIONS] COMMAND [ARGS]...

  Check, read and keep the immutable log of what your AI agents call.

  Every command exits with 0 (done, nothing wrong), 1 (something is wrong: a
  failed control, a digest that differs) or 2 (could not do its work: wrong
  usage, no deployment, no credentials).

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Commands:
""" + "\n".join(f"  {name:<7}  {line}" for name, (_, _, line) in COMMANDS.items())


def main() -> None:
    """Print the help, or run the command that is named on the command line."""
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(HELP)
        return
    from cli.main import main as group  # noqa: PLC0415 - click takes three times as long as the rest of --help

    group()


if __name__ == "__main__":
    main()
