"""`make up`: the emulator, the stack in it, the checklist, and what to paste.

Guarantees: an error is one line and a non-zero exit, and the next run continues from there; a run with nothing to do
changes nothing and says so.
"""

import json
import os
import shlex
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from cli.check import print_checklist
from cli.connection import Deployment
from cli.console import stdout_console
from cli.exits import CouldNot
from components.package import WHEELS, PackageError, ensure_wheels
from localcloud import emulator as emulators
from localcloud import place, stack_config
from localcloud.deploy import deploy
from localcloud.deployer import DeployerError
from localcloud.emulator import Emulator, EmulatorError
from localcloud.engine import GONE, CancelledError, EngineError, Event, Message, Result
from localcloud.pastes import COMMAND, commands, pastes
from localcloud.telling import say

INTERRUPTED: Final = 130
_SIGNS: Final = {"create": "+", "update": "~", "replace": "±", "delete": "-"}
_DONE: Final = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}
_GROUPED: Final = ("create", "update")
_REAL: Final = ("aws:", "random:")  # components only group what is there
_PORTS: Final = range(1024, 65536)


class UsageError(Exception):
    """The command line has an invalid value."""


_FULL_VAULT: Final = (
    "the vault still holds payloads, so it cannot be removed yet; set `envelope` back to what it was and run make up "
    "again, or start with an empty log: make down, then make up"
)
ONE_LINE: Final = (
    UsageError,
    place.BusyError,
    EmulatorError,
    DeployerError,
    EngineError,
    PackageError,
    CouldNot,
)
"""Errors whose message tells a person why the command stopped."""


def main() -> int:
    """Run; return the exit code."""
    try:
        with place.alone():
            return up(
                port=_port(os.environ.get("PORT", "")),
                retention_days=os.environ.get("RETENTION_DAYS", ""),
                every=bool(os.environ.get("ALL")),
            )
    except (KeyboardInterrupt, CancelledError):
        sys.stderr.write("\nagent-audit-log: interrupted; run it again to go on\n")
        return INTERRUPTED
    except OSError as error:
        reason = f"cannot write to {error.filename} ({error.strerror})" if error.filename else str(error)
    except ONE_LINE as error:
        reason = str(error)
    return fail(_FULL_VAULT if "BucketNotEmpty" in reason and "vault" in reason else reason)


def up(*, port: int | None, retention_days: str, every: bool) -> int:
    """Start, deploy, check, print (`every`: each resource and each control). Raise what `main` turns into a line."""
    if retention_days and stack_config.set_retention_days(place.STACK_FILE, retention_days):
        say(f"{place.STACK_FILE.relative_to(place.ROOT)}: retentionDays is now {retention_days}")
    config = stack_config.read(place.STACK_FILE)
    if not WHEELS.exists():
        say("Fetching what goes into the log writer's package")
    ensure_wheels("local")
    before = emulators.running(state_dir=place.EMULATOR)
    emulator = emulators.start(state_dir=place.EMULATOR, port=port)
    is_new = emulator != before
    say(f"Emulator  {emulator.url} ({'started; everything in it is in memory' if is_new else 'running'})")
    if is_new and place.STATE.exists():
        say("The one before it took its records along; everything is made again, with the same tokens")
    if not is_new and not place.STATE.exists():
        say("The stack's state is gone: what the emulator still holds is taken over, with the keys of digests")
    say(f"Deploying stack {place.STACK}")
    printer = StepPrinter(every=every, is_new=is_new)
    try:
        deployed = deploy(emulator, config=config, folder=place.FOLDER, listener=printer)
    finally:
        printer.end()
    say(_summary(deployed.result))
    code = _check(deployed.outputs, emulator, changed=deployed.result.changed, every=every)
    _introduce(deployed.outputs, every=every)
    return fail("a control did not pass; the checklist above says which, and why") if code else 0


class StepPrinter:
    """Print the steps: for each service how many resources were made or changed, and the rest one by one.

    `every` prints each resource. `is_new`: the emulator was just started, and an earlier line says that it is empty.
    """

    def __init__(self, *, every: bool, is_new: bool) -> None:
        self._every = every
        self._is_new = is_new
        self._groups: dict[tuple[str, str], list[str]] = {}
        self._progress = sys.stdout.isatty() and not every

    def __call__(self, event: Event) -> None:
        """Print an event, or count it for its group."""
        if isinstance(event, Message):
            if (
                event.severity in {"output", "warning"}
                and event.text.strip()
                and not (self._is_new and event.text == GONE)
            ):
                about = f"{event.urn.rpartition('::')[2]} " if event.urn else ""
                self._say(f"  ! {about}{event.text}")
        elif event.step.action in _SIGNS and event.status == "done" and event.step.type.startswith(_REAL):
            line = f"{_SIGNS[event.step.action]} {event.step.type} {event.step.name}"
            if self._every or event.step.action not in _GROUPED:
                self._say(f"  {line}")
                return
            service = ":".join(event.step.type.split(":")[:2]).partition("/")[0]
            self._groups.setdefault((event.step.action, service), []).append(line)
            if self._progress:
                sys.stdout.write(f"\r\x1b[K  {line}")
                sys.stdout.flush()

    def end(self) -> None:
        """Print the groups."""
        for (action, service), lines in self._groups.items():
            self._say(f"  {lines[0] if len(lines) == 1 else f'{_SIGNS[action]} {service}: {len(lines)} resources'}")

    def _say(self, line: str) -> None:
        say(f"\r\x1b[K{line}" if self._progress else line)


def fail(reason: str) -> int:
    """Say in one line what went wrong; return the exit code."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()] or ["it failed without a reason"]
    sys.stdout.flush()
    sys.stderr.write(f"agent-audit-log: {lines[-1]}\n")
    return 1


def _port(given: str) -> int | None:
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or int(given) not in _PORTS:
        raise UsageError(f"PORT={given}: must be a number from {_PORTS.start} to {_PORTS.stop - 1}")
    return int(given)


def _summary(result: Result) -> str:
    counts = Counter[str](step.action for step in result.steps if step.type.startswith(_REAL))
    if not result.changed:
        return f"Nothing changed: all {counts.total()} resources are as they should be."
    return "Deployed: " + ", ".join(f"{counts[action]} {done}" for action, done in _DONE.items() if counts[action])


def _check(outputs: Mapping[str, Any], emulator: Emulator, *, changed: bool, every: bool) -> int:
    """Run the checklist, unless it passed on just this: it posts records, and a run with nothing to do must not."""
    passed = place.FOLDER / "checked"
    stamp = emulator.started
    if not changed and passed.exists() and passed.read_text(encoding="utf-8") == stamp:
        say(f"The checklist passed after the last change made here; to run it again: {COMMAND} check")
        return 0
    passed.unlink(missing_ok=True)
    say("")
    code = print_checklist(Deployment.from_outputs(outputs), stdout_console(), every=every)
    if code == 0:
        passed.write_text(stamp, encoding="utf-8")
    if not every:
        say(f"Each control: {COMMAND} check --all; each resource: make up ALL=1")
    return code


def _introduce(outputs: Mapping[str, Any], *, every: bool) -> None:
    """Print where the log is and who may write. Print what to paste only once for an endpoint and its agents."""
    retention = outputs["retention"]
    days = "day" if retention["days"] == 1 else "days"
    agents = outputs["agents"]
    several = len(agents) > 1
    say(f"""
Endpoint   {outputs["endpoint"]}
{f"Agents     {', '.join(agents)}" if several else f"Agent      {outputs['agent']}"}
Token      {outputs["token"]}{f" (of {outputs['agent']}, whom commands speak for by default)" if several else ""}
Bucket     {outputs["bucket"]} ({retention["mode"].lower()}, {retention["days"]} {days})
All of it  {place.OUTPUTS.relative_to(place.ROOT)} (only you can read it)
""")
    if several:
        show = f"{COMMAND} token show {shlex.quote(agents[1])}"
        say(f"Another agent's token: {show}; other commands take --agent.\n")
    introduced = place.FOLDER / "introduced"
    about = json.dumps([outputs["endpoint"], agents])
    if not every and introduced.exists() and introduced.read_text(encoding="utf-8") == about:
        say(f"What to paste into an agent: {COMMAND} connect")
        return
    say(f"""\
Watch      {COMMAND} find --tail
Stop       make down (the records here live in memory and go with it)

Point an agent at it. Each of these prints what to paste, and with --check sends a call that way and shows its record:

{commands()}
""")
    for name, text in pastes(outputs).items():
        say(f"{name}:\n\n{text}")
    introduced.write_text(about, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
