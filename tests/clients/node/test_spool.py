"""What was recorded is on disk, private, bounded, and sent by whoever comes next; processes may share a folder."""

import json
import stat
import sys
import time
from pathlib import Path

import pytest

from tests.clients.node.harness import (
    LOG,
    RECORD,
    TOKEN,
    Answer,
    Endpoint,
    Project,
    delivered_once,
    expected,
    needs_node,
    running,
    users,
)

pytestmark = needs_node
SECRET = "hunter2-in-a-body"


@pytest.mark.parametrize(
    "ending", ["process.exit(3);", "process.kill(process.pid, 'SIGKILL');", "throw new Error('end');"]
)
def test_a_sudden_end(project: Project, endpoint: Endpoint, ending: str) -> None:
    """What was recorded is on disk before the call that recorded it returns: the next process sends it."""
    ran = project.run(LOG + RECORD.format(count=5, name="u") + ending, endpoint.url)
    assert ran.code != 0
    assert not endpoint.got
    assert project.run(f"{LOG}print(await log.close());", endpoint.url).values == [True]
    assert users(endpoint.events) == expected("u", 5)
    assert not project.files


def test_files_are_private(project: Project, endpoint: Endpoint) -> None:
    """Only their owner reads the spool; there is no payload and no token in it."""
    program = f"""{LOG}
    log.record({{ endpoint: 'https://a.example/?key={SECRET}', request: {{ text: '{SECRET}' }} }});
    process.kill(process.pid, 'SIGKILL');
    """
    project.run(program, endpoint.url)
    [file] = project.files
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert SECRET not in file.read_text()
    assert TOKEN not in file.read_text()


def test_killed_in_the_middle_again_and_again(project: Project) -> None:
    """Processes that share a spool, and are killed at any moment, lose nothing that they recorded."""
    flaky = Endpoint(*[answer for _ in range(6) for answer in (Answer(), Answer(500), Answer(413), Answer(200, b"{}"))])
    counts: dict[str, int] = {}
    with running(flaky):
        for run in range(5):
            processes = []
            for name in (f"x{run}-", f"y{run}-"):
                program = f"""{LOG}
                for (let i = 0; ; i += 1) {{
                  log.record({{ userId: '{name}' + i }});
                  process.stdout.write(i + '\\n');
                  if (i % 20 === 0) await sleep(5);
                  if (i % 100 === 0) void log.flush(50);
                }}
                """
                processes.append((name, project.start(program, flaky.url)))
            for name, process in processes:
                assert process.stdout is not None
                counts[name] = process.stdout.readline().count("\n")
            time.sleep(0.4)
            for name, process in processes:
                process.kill()
                out, _ = process.communicate()
                counts[name] += out.count("\n")
        # Up to a dozen answers make the client wait for a second. A busy machine adds to that.
        ran = project.run(f"{LOG}print(await log.close(80000));", flaky.url, timeout=100)
        assert ran.values == [True], ran.err
        got = {*map(str, delivered_once(flaky))}
    refused = project.spool / "node" / "refused.ndjson"
    if refused.exists():
        # A kill during a write across a page leaves half a line: a text here, and no recorded event.
        events = [json.loads(line)["event"] for line in refused.read_text().splitlines()]
        got |= {event["user_id"] for event in events if isinstance(event, dict)}
    assert min(counts.values()) > 0
    assert {f"{name}{number}" for name, count in counts.items() for number in range(count)} <= got


def test_a_live_process_keeps_its_file(project: Project, endpoint: Endpoint) -> None:
    """A second process takes what a dead one left, never what a live one is writing."""
    program = f"{LOG}{RECORD.format(count=2, name='live')} print(1); await sleep(30000);"
    away = Endpoint()
    away.stop()
    process = project.start(program, away.url)
    assert process.stdout is not None
    process.stdout.readline()
    assert project.run(f"{LOG}print(await log.close());", endpoint.url).values == [True]
    assert not endpoint.got
    process.kill()
    process.communicate()
    assert project.run(f"{LOG}print(await log.close());", endpoint.url).values == [True]
    assert users(endpoint.events) == expected("live", 2)


def test_a_torn_line(project: Project, endpoint: Endpoint) -> None:
    """What a power cut left of a line is set aside, and hurts no other."""
    project.run(LOG + RECORD.format(count=2, name="u") + "process.exit();", endpoint.url)
    [file] = project.files
    with file.open("ab") as opened:
        opened.write(b'{"id":"cut o')
    assert project.run(f"{LOG}print(await log.close());", endpoint.url).values == [True]
    assert users(endpoint.events) == expected("u", 2)
    assert [path.name for path in project.files] == ["refused.ndjson"]


def test_other_files_are_left_alone(project: Project, endpoint: Endpoint) -> None:
    """The folder may be shared with whatever else: what is not a batch is not touched."""
    folder = project.spool / "node"
    folder.mkdir(parents=True)
    for name in ("notes.txt", "x.batch", "0000000000000-00000000-1.0-x.batch"):
        (folder / name).write_text("mine")
    assert project.run(LOG + RECORD.format(count=1, name="u") + "print(await log.close());", endpoint.url).values == [
        True
    ]
    assert users(endpoint.events) == ["u0"]
    assert len(project.files) == 3


@pytest.mark.parametrize("spool", ["/proc/nowhere", "/dev/null/spool"])
@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_no_disk(project: Project, endpoint: Endpoint, spool: str) -> None:
    """Where nothing can be written, events wait in memory, and one warning says so."""
    endpoint.script = [Answer(500), Answer(413)]
    program = (
        f"{LOG}{RECORD.format(count=4, name='u')} print(await log.flush(8000)); {RECORD.format(count=2, name='v')}"
    )
    ran = project.run(program, endpoint.url, {"AUDIT_LOG_SPOOL": spool})
    assert ran.values == [True], ran.err
    assert ran.seconds < 20
    assert ran.err.count("no spool on disk") == 1
    assert {*delivered_once(endpoint)} == {*expected("u", 4), *expected("v", 2)}


def test_a_disk_that_fills_up(project: Project, endpoint: Endpoint) -> None:
    """The folder goes away under a running program: what comes then is sent from memory, or a new folder."""
    program = f"""{LOG}
    import fs from 'node:fs';
    {RECORD.format(count=2, name="u")}
    print(await log.flush());
    fs.rmSync({json.dumps(str(project.spool))}, {{ recursive: true }});
    fs.writeFileSync({json.dumps(str(project.spool))}, '');
    {RECORD.format(count=2, name="v")}
    print(await log.close());
    """
    ran = project.run(program, endpoint.url)
    assert ran.values == [True, True], ran.err
    assert users(endpoint.events) == [*expected("u", 2), *expected("v", 2)]


def test_bounded(project: Project) -> None:
    """A full spool takes no more; when there is room again, a record tells how many are missing."""
    away = Endpoint()
    away.stop()
    options = "const log = createAuditLog({ maxSpoolBytes: 20000 });\n"
    ran = project.run(options + RECORD.format(count=1000, name="u"), away.url)
    assert ran.err.count("the spool is full") == 1
    assert sum(path.stat().st_size for path in project.files) <= 20_000
    back = Endpoint(Answer(500, b""))
    with running(back):
        first, last = RECORD.format(count=1000, name="v"), RECORD.format(count=1, name="w")
        ran = project.run(f"{options}{first}print(await log.flush(8000));{last}", back.url)
        assert ran.values == [True]
        told = [event for event in back.events if event["attributes"].get("event_name") == "events_dropped"]
        taken = {user for user in map(str, delivered_once_users(back)) if user.startswith("v")}
        assert sum(event["attributes"]["dropped_events"] for event in told) == 1000 - len(taken)
    assert not project.files


def delivered_once_users(endpoint: Endpoint) -> list[object]:
    """Return the users of all events that have one."""
    return [event["user_id"] for event in endpoint.events if "user_id" in event]


def test_where_the_spool_is(project: Project) -> None:
    """By default in the user's state folder, a folder for each token: nothing goes out with another agent's token."""
    away = Endpoint()
    away.stop()
    state = project.folder / "state"
    environment = {"AUDIT_LOG_SPOOL": "", "XDG_STATE_HOME": str(state)}
    for token in ("aal_one", "aal_two"):
        project.run(LOG + RECORD.format(count=1, name=token), away.url, {**environment, "AUDIT_LOG_TOKEN": token})
    folders = list((state / "agent-audit-log").iterdir())
    assert len(folders) == 2
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o700 for path in folders)
    assert not any(token in path.read_text() for path in state.rglob("*.batch") for token in ("Bearer", away.url))


def _left_behind(project: Project, endpoint: Endpoint, environment: dict[str, str], *tokens: str) -> Path:
    """Each token in turn logs two events, of which the endpoint takes the first, or none; then a third token comes."""
    for token in tokens:
        endpoint.script = [Answer(), *[Answer(500)] * 9] if token in endpoint.agents else [Answer(500)] * 10
        first, second = RECORD.format(count=1, name=f"{token}-a"), RECORD.format(count=1, name=f"{token}-b")
        program = f"{LOG}{first} await log.flush(400); {second} await log.close(100);"
        project.run(program, endpoint.url, {**environment, "AUDIT_LOG_TOKEN": token})
    endpoint.script = []
    endpoint.got.clear()
    return Path(environment["XDG_STATE_HOME"]) / "agent-audit-log"


def test_a_token_that_was_replaced(project: Project, endpoint: Endpoint) -> None:
    """What the old token left goes out with the new one of the same agent, and never with another agent's."""
    environment = {"AUDIT_LOG_SPOOL": "", "XDG_STATE_HOME": str(project.folder / "state")}
    endpoint.agents = {"aal_old": "one", "aal_other": "two", "aal_new": "one"}
    state = _left_behind(project, endpoint, environment, "aal_old", "aal_other")
    assert sorted((path / "agent").read_text() for path in state.iterdir()) == ["one", "two"]
    last = f"{LOG}{RECORD.format(count=1, name='new')} print(await log.close());"
    ran = project.run(last, endpoint.url, {**environment, "AUDIT_LOG_TOKEN": "aal_new"})
    assert ran.values == [True], ran.err
    assert "another token" not in ran.err
    assert sorted(map(str, users(endpoint.events))) == ["aal_old-b0", "new0"]
    assert {delivered.headers["authorization"] for delivered in endpoint.got} == {"Bearer aal_new"}
    project.run(LOG + "await log.close();", endpoint.url, {**environment, "AUDIT_LOG_TOKEN": "aal_other"})
    assert sorted(map(str, users(endpoint.events))) == ["aal_old-b0", "aal_other-b0", "new0"]


def test_a_token_that_nobody_knows(project: Project, endpoint: Endpoint) -> None:
    """What waits under a token that the endpoint never took stays; a warning says where, and how it is sent."""
    environment = {"AUDIT_LOG_SPOOL": "", "XDG_STATE_HOME": str(project.folder / "state")}
    state = _left_behind(project, endpoint, environment, "aal_old")
    (left,) = state.iterdir()
    endpoint.agents = {"aal_new": "one"}
    last = f"{LOG}{RECORD.format(count=1, name='new')} print(await log.close());"
    ran = project.run(last, endpoint.url, {**environment, "AUDIT_LOG_TOKEN": "aal_new"})
    assert ran.values == [True], ran.err
    assert users(endpoint.events) == ["new0"]
    assert ran.err.count(str(left)) == 1
    named = {"AUDIT_LOG_SPOOL": str(left), "AUDIT_LOG_TOKEN": "aal_new"}
    assert project.run(LOG + "print(await log.close());", endpoint.url, named).values == [True]
    assert sorted(map(str, users(endpoint.events))) == ["aal_old-a0", "aal_old-b0", "new0"]


def test_many_at_once(project: Project, endpoint: Endpoint) -> None:
    """Several processes share a folder: each event arrives, and no file is left."""
    names = [f"p{number}-" for number in range(4)]
    processes = [
        project.start(
            LOG + RECORD.format(count=300, name=name) + "await sleep(20); print(await log.close());", endpoint.url
        )
        for name in names
    ]
    for process in processes:
        out, err = process.communicate(timeout=30)
        assert out == "true\n", err
    assert sorted(map(str, delivered_once(endpoint))) == sorted(user for name in names for user in expected(name, 300))
    assert not project.files


_CHILD = """
import { createAuditLog } from './audit-log.mjs';
const log = createAuditLog();
for (let i = 0; i < 3; i += 1) log.record({ endpoint: 'a.example', userId: 'c' + i });
const call = log.fetchWithLog(process.env.NOBODY).catch(() => {});
if (import.meta.url.endsWith('?exit')) process.exit(2);
await call;
process.disconnect?.();
"""
CHILDREN = {
    "worker": "new Worker(new URL(child))",
    "worker that exits": "new Worker(new URL(child + '?exit'))",
    "process of a cluster": "(cluster.setupPrimary({ exec: fileURLToPath(child) }), cluster.fork())",
    "forked process": "fork(fileURLToPath(child))",
}


@pytest.mark.parametrize("kind", CHILDREN)
def test_children(project: Project, endpoint: Endpoint, kind: str) -> None:
    """When a thread or process of a program ends, its events are on disk or sent."""
    child = project.folder / "child.mjs"
    child.write_text(_CHILD, "utf-8")
    program = f"""
    import cluster from 'node:cluster';
    import {{ fork }} from 'node:child_process';
    import {{ fileURLToPath }} from 'node:url';
    import {{ Worker }} from 'node:worker_threads';
    const child = {json.dumps(child.as_uri())};
    const started = {CHILDREN[kind]};
    await new Promise((done) => started.on('exit', done));
    """
    ran = project.run(program, endpoint.url, {"NOBODY": "http://127.0.0.1:9/x"})
    assert ran.code == 0, ran.err
    assert project.run(f"{LOG}print(await log.close());", endpoint.url).values == [True]
    assert sorted(event.get("user_id", "") for event in endpoint.events) == ["", *expected("c", 3)]
