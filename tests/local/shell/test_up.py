"""`make up` and `make down`: what they print is true, every failure is one clear line, and the next run recovers.

One checkout goes through all of it in the order of this file, as a person's does.
"""

import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.check import AREAS
from cli.connect_snippets import find_form
from localcloud import emulator as emulators
from localcloud.pastes import AGENTS, COMMAND, pastes
from tests.local.shell.person import Place

PLANTED = "sk_live_51H"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, fresh_checkout: Callable[[Path], Path]) -> Iterator[Place]:
    """Yield a checkout with a local cloud that is up, each of whose API calls is recorded."""
    found = Place(checkout=fresh_checkout(tmp_path_factory.mktemp("up")))
    state_dir = found.checkout / ".local" / "emulator"
    emulators.start(state_dir=state_dir, settings={"CLOUDTRAIL_RECORDING": "1"})
    try:
        found.first = found.up()
        yield found
    finally:
        emulators.stop(state_dir=state_dir)


def test_first_run_ticks_every_line(place: Place) -> None:
    """The first run deploys, and its checklist has nothing but ticks and the emulator's named gaps."""
    assert re.search(r"^Deployed: \d+ created$", place.first, re.MULTILINE)
    signs = re.findall(r"^  (\S) ", place.first.partition("Deployed:")[2], re.MULTILINE)
    assert set(signs) == {"✓", "\N{EN DASH}"}
    assert len(signs) == len(AREAS)
    made = re.findall(r"^  \+ (?:[\w:]+: (\d+) resources|aws:\S+ \S+)$", place.first, re.MULTILINE)
    (total,) = re.findall(r"^Deployed: (\d+) created$", place.first, re.MULTILINE)
    assert sum(int(count or 1) for count in made) == int(total)
    assert len(made) < 15
    assert re.search(r"^\d+ controls: \d+ passed, \d+ not enforced here$", place.first, re.MULTILINE)


def test_outputs_are_complete_and_private(place: Place) -> None:
    """The outputs file holds what every other command needs, and nobody else can read it."""
    assert {
        "endpoint", "token", "bucket", "region", "emulator_url", "agent", "tokens", "account", "writer_role_arn",
        "auditor_role_arn", "retention_admin_role_arn", "hold_releaser_role_arn", "package_sha256",
    } <= place.outputs.keys()  # fmt: skip
    for name in ("outputs.json", "state.json"):
        assert stat.S_IMODE((place.checkout / ".local" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((place.checkout / ".local").stat().st_mode) == 0o700
    assert place.outputs["token"] in place.first
    assert place.outputs["endpoint"] in place.first


def test_every_listener_is_loopback(place: Place) -> None:
    """Neither the emulator nor a function that it runs listens on anything but 127.0.0.1."""
    session = place.emulator()["pid"]
    ours = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and _session(entry) == session]
    assert len(ours) > 1  # the emulator, and a function's process at least
    sockets = {str(link.readlink()) for process in ours for link in _links(process / "fd")}
    listening = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and f"socket:[{line.split()[9]}]" in sockets
    ]
    assert {row[1].partition(":")[0] for row in listening} == {"0100007F"}


def test_pastes_run_as_they_are_printed(place: Place) -> None:
    """What is printed to be pasted works as it stands, and the secret in it is not stored."""
    (place.checkout / ".venv").symlink_to(sys.prefix)
    # The pastes are for ordinary clients, which would ask a proxy even about this machine.
    environment = place.environment(http_proxy="", HTTP_PROXY="")
    said = ""
    for name, text in pastes(place.outputs).items():
        assert f"{name}:\n\n{text}" in place.first
        answer = subprocess.run(
            ["bash", "-eu"], input=f"{text}\nexport -p", cwd=place.checkout, env=environment, capture_output=True,
            text=True, check=False, timeout=60,
        )  # fmt: skip
        assert answer.returncode == 0, answer.stderr
        said += answer.stdout
    assert '"duplicate":false' in said.replace(": ", ":")
    assert f'OTEL_EXPORTER_OTLP_ENDPOINT="{place.outputs["endpoint"]}"' in said
    stored = place.stored()
    assert b"api.stripe.com/v1/charges" in stored
    assert PLANTED in place.first
    assert PLANTED.encode() not in stored


def test_commands_to_connect_agents_are_there(place: Place) -> None:
    """Each command that is named prints something to paste."""
    named = re.findall(r"^  \.venv/bin/audit-log connect (\w+) ", place.first, re.MULTILINE)
    assert named == list(AGENTS)
    for platform in named:
        assert find_form(platform)


def test_second_run_changes_nothing(place: Place) -> None:
    """A second run says that nothing changed, and the emulator saw no call that changes anything."""
    assert {"CreateRole", "PutBucketPolicy", "CreateFunction"} & _changing_calls(place, since=0.0)
    since = time.time()
    said = place.up()
    assert re.search(r"^Nothing changed: all \d+ resources are as they should be\.$", said, re.MULTILINE)
    assert place.outputs["token"] in said
    assert "What to paste into an agent: .venv/bin/audit-log connect" in said
    assert "curl" not in said, "what to paste is printed once"
    assert _changing_calls(place, since=since) == set()


def test_retention_is_changed_and_in_force(place: Place) -> None:
    """`make up RETENTION_DAYS=30` is kept in the stack's file, comments and all, and is what the bucket enforces."""
    file = place.checkout / "stacks/Pulumi.local.yaml"
    before = file.read_text(encoding="utf-8")
    said = place.up(RETENTION_DAYS="30")
    assert "retentionDays is now 30" in said
    after = file.read_text(encoding="utf-8")
    assert after.replace("  agent-audit-log:retentionDays: 30\n", "") == before
    rule = place.client("s3").get_object_lock_configuration(Bucket=place.outputs["bucket"])
    assert rule["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 30}


def test_a_second_agent(place: Place) -> None:
    """The first in the list stays the default, for every command; each agent is listed, and can be chosen."""
    file = place.checkout / "stacks/Pulumi.local.yaml"
    before = file.read_text(encoding="utf-8")
    agent, token = place.outputs["agent"], place.outputs["token"]
    file.write_text(before.replace(f"    - {agent}\n", f"    - {agent}\n    - a-second-one\n"), encoding="utf-8")
    try:
        said = place.up()
        assert f"Agents     {agent}, a-second-one\n" in said
        assert f"Token      {token} (of {agent}, " in said
        assert f"Checked as agent {agent} (there are 2)" in said
        assert (place.outputs["agent"], place.outputs["token"]) == (agent, token)
        shown = re.findall(r"^Another agent's token: (\S+ token show \S+);", said, re.MULTILINE)
        other = place.run_command(shown[0].split()).stdout.strip()
        assert other == place.outputs["tokens"]["a-second-one"]
        default, chosen = (
            place.run_command([COMMAND, "connect", "shell", *more]) for more in ((), ("--agent", "a-second-one"))
        )
        assert f"For agent {agent}, the first (--agent chooses another: a-second-one)" in default.stderr
        assert token in default.stdout
        assert other in chosen.stdout
        (again,) = re.findall(r"^# Try it: (.+)$", chosen.stderr, re.MULTILINE)
        assert " as agent a-second-one: " in place.run_command(shlex.split(again)).stdout
    finally:
        file.write_text(before, encoding="utf-8")


@pytest.mark.parametrize("days", ["0", "36501", "1.5"])
def test_retention_that_cannot_be(place: Place, days: str) -> None:
    """A retention out of range is refused by name and value, and nothing is written."""
    file = place.checkout / "stacks/Pulumi.local.yaml"
    before = file.read_bytes()
    line = place.fails(RETENTION_DAYS=days)
    assert f"RETENTION_DAYS={days}" in line
    assert file.read_bytes() == before


@pytest.mark.parametrize("port", ["80", "65536", "\uff14\uff15\uff16\uff16"])
def test_port_that_cannot_be(place: Place, port: str) -> None:
    """A port that no ordinary program can have is refused by value."""
    assert f"PORT={port}: must be a number from 1024 to 65535" in place.fails(PORT=port)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("agent-audit-log:retentionDay: 3", "retentionDay: is not a setting"),
        ("agent-audit-log:acknowledgeCompliance: compliance-30", "acknowledgeCompliance: "),
    ],
)
def test_setting_that_cannot_be(place: Place, line: str, says: str) -> None:
    """A setting that the program refuses is named with its rule, in one line."""
    file = place.checkout / "stacks/Pulumi.local.yaml"
    before = file.read_text(encoding="utf-8")
    file.write_text(f"{before}  {line}\n", encoding="utf-8")
    try:
        assert says in place.fails()
    finally:
        file.write_text(before, encoding="utf-8")


def test_port_in_use(place: Place) -> None:
    """A port that another program has is named, another is offered, and what is stored stays where it was."""
    before = place.emulator()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        line = place.fails(PORT=str(port))
    assert f"PORT={port} is in use by another program" in line
    assert f"make up PORT={port + 1}" in line
    assert place.emulator() == before


def test_dead_emulator(place: Place) -> None:
    """An emulator that died is started again on its port; all is deployed again, and the token stays what it was."""
    before, token, endpoint = place.emulator(), place.outputs["token"], place.outputs["endpoint"]
    os.killpg(before["pid"], signal.SIGKILL)
    said = place.up()
    assert "started; everything in it is in memory" in said
    assert "The one before it took its records along" in said
    assert "nobody here deleted it" not in said
    assert "controls:" in said
    assert (place.emulator()["port"], place.outputs["token"]) == (before["port"], token)
    assert place.outputs["endpoint"] == endpoint, "agents hold it in their settings"


def test_emulator_that_lost_its_memory(place: Place) -> None:
    """An emulator that was reset gets everything again, under the same endpoint."""
    endpoint = place.outputs["endpoint"]
    import httpx  # noqa: PLC0415 - used once

    httpx.post(f"{place.outputs['emulator_url']}/_ministack/reset", trust_env=False, timeout=30).raise_for_status()
    said = place.up()
    assert re.search(r"^Deployed: \d+ created", said, re.MULTILINE)
    assert place.outputs["endpoint"] == endpoint
    assert place.stored()


def test_two_at_once(place: Place) -> None:
    """Of two runs at the same time one does the work, and the other says that it is being done."""
    runs = [
        subprocess.Popen(
            place.command("localcloud.up"), cwd=place.checkout, env=place.environment(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    said = [run.communicate(timeout=110)[1] for run in runs]
    assert sorted(run.returncode for run in runs) == [0, 1]
    assert "another command is working on this local cloud" in "".join(said)


def test_cut_off_in_the_middle(place: Place) -> None:
    """Runs that are interrupted and killed in the middle of deploying, one after another, are finished by the next."""
    assert place.run("localcloud.down").returncode == 0
    for sent in (signal.SIGINT, signal.SIGKILL):
        with subprocess.Popen(
            place.command("localcloud.up"), cwd=place.checkout, env=place.environment(ALL="1"), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        ) as run:  # fmt: skip
            for line in run.stdout or ():
                if line.startswith("  + "):
                    break
            os.killpg(run.pid, sent)
            rest = run.communicate(timeout=60)[1]
        if sent == signal.SIGINT:
            assert run.returncode == 130
            assert [line for line in rest.splitlines() if line] == [
                "agent-audit-log: interrupted; run it again to go on"
            ]
        else:
            assert run.returncode == -signal.SIGKILL
    assert "controls:" in place.up()


def test_unreadable_notes_and_state(place: Place) -> None:
    """A state that is damaged is named, with what to do; nothing is deployed over it."""
    state = place.checkout / ".local/state.json"
    kept = state.read_bytes()
    state.write_text("{")
    assert "state.json" in place.fails()
    state.write_bytes(kept)
    assert "Nothing changed" in place.up(), "what the runs before this one finished, cut off as they were, is whole"


def test_down_stops_and_removes(place: Place) -> None:
    """`make down` ends the emulator and leaves nothing; a second one says that there was nothing."""
    pid = place.emulator()["pid"]
    answer = place.run("localcloud.down")
    assert answer.returncode == 0
    assert "is stopped" in answer.stdout
    assert not (place.checkout / ".local").exists()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
    modified = place.checkout.stat().st_mtime_ns
    assert "There was no local cloud here." in place.run("localcloud.down").stdout
    assert place.checkout.stat().st_mtime_ns == modified, "a folder that holds no local cloud need not be written to"


def _changing_calls(place: Place, *, since: float) -> set[str]:
    """Return the names of the calls after `since` that are none of reading, nor of taking on a role."""
    found: set[str] = set()
    for service in ("s3", "iam", "sts", "lambda", "logs", "sns", "monitoring", "cloudwatch", "events", "cloudtrail"):
        events = place.client("cloudtrail").lookup_events(
            LookupAttributes=[
                {"AttributeKey": "EventSource", "AttributeValue": f"{service}.amazonaws.com"},
                {"AttributeKey": "ReadOnly", "AttributeValue": "false"},
            ],
            StartTime=since,
        )["Events"]
        assert len(events) < 50 or not since, "the emulator gives no more than 50 at once"
        for event in events:
            request = json.loads(event["CloudTrailEvent"])
            # Services with a query protocol take reads by POST too; the emulator names those calls after the method.
            name = request["requestParameters"].get("Action", request["eventName"])
            if not re.match("Get|List|Describe|Filter|Lookup|AssumeRole", name):
                found.add(name)
    return found


def _session(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except (OSError, IndexError):
        return 0


def _links(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
