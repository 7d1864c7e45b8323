"""An endpoint that is away, slow or refusing loses nothing, across restarts; what is sent twice has one key."""

import json
import signal
import stat
import sys
import time

import pytest

from tests.clients.node.harness import (
    LOG,
    RECORD,
    TOKEN,
    Answer,
    Endpoint,
    Project,
    WriterEndpoint,
    delivered_once,
    expected,
    needs_node,
    running,
    until,
    users,
)

pytestmark = needs_node


def test_in_batches(project: Project, endpoint: Endpoint) -> None:
    """Many events are few requests; nothing is left in the spool."""
    ran = project.run(LOG + RECORD.format(count=3000, name="u") + "print(await log.close());", endpoint.url)
    assert ran.values == [True], ran.err
    assert users(endpoint.events) == expected("u", 3000)
    assert len(endpoint.got) == 1
    assert endpoint.got[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert not project.files


def test_a_busy_program_sends_in_batches(project: Project, endpoint: Endpoint) -> None:
    """What comes while a batch is on its way waits for the next one: few requests, however fast the endpoint is."""
    loop = "for (let i = 0; i < 300; i += 1) { log.record({ userId: 'u' + i }); await sleep(5); }"
    ran = project.run(f"{LOG}{loop} print(await log.close());", endpoint.url)
    assert ran.values == [True], ran.err
    assert users(endpoint.events) == expected("u", 300)
    assert len(endpoint.got) <= 5


def test_batches_are_small(project: Project, endpoint: Endpoint) -> None:
    """No request comes near what the endpoint takes at most."""
    program = f"""{LOG}
    const note = 'x'.repeat(30000);
    for (let i = 0; i < 400; i += 1) log.record({{ endpoint: 'a.example', attributes: {{ note, i }} }});
    print(await log.close());
    """
    assert project.run(program, endpoint.url).values == [True]
    assert len(endpoint.events) == 400
    assert all(len(delivered.body) < 4_000_000 for delivered in endpoint.got)


def test_at_the_end_of_a_program(project: Project, endpoint: Endpoint) -> None:
    """A program that just ends sends what waits, and is not kept from ending; its token may end with a line's end."""
    ran = project.run(LOG + RECORD.format(count=3, name="u"), endpoint.url, {"AUDIT_LOG_TOKEN": f" {TOKEN}\n"})
    assert ran.code == 0
    assert users(endpoint.events) == expected("u", 3)
    assert endpoint.got[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert ran.seconds < 5
    assert not project.files


def test_in_the_background(project: Project, endpoint: Endpoint) -> None:
    """A program that goes on sends within seconds."""
    process = project.start(LOG + RECORD.format(count=3, name="u") + "await sleep(30000);", endpoint.url)
    until(lambda: endpoint.got)
    process.kill()
    process.communicate()
    assert users(endpoint.events) == expected("u", 3)


def test_refused_connections_and_a_restart(project: Project) -> None:
    """An endpoint that is away keeps nobody; a later process, or two, send each event once."""
    away = Endpoint()
    away.stop()
    for name in ("a", "b"):
        ran = project.run(LOG + RECORD.format(count=4, name=name), away.url)
        assert ran.code == 0
        assert ran.seconds < 5
        assert ran.err.count("cannot be reached (ECONNREFUSED)") == 1
    assert project.files
    back = Endpoint()
    with running(back):
        assert project.run(f"{LOG}print(await log.close());", back.url).values == [True]
        assert delivered_once(back) == [*expected("a", 4), *expected("b", 4)]
    assert not project.files


def test_hanging(project: Project, endpoint: Endpoint) -> None:
    """An endpoint that never answers delays the end of a program by a few seconds, and its calls by nothing."""
    endpoint.script = [Answer(hang=True)] * 3
    program = f"""{LOG}
    const began = performance.now();
    {RECORD.format(count=4, name="u")}
    print(performance.now() - began < 200);
    print(await log.flush(300));
    """
    ran = project.run(program, endpoint.url)
    assert ran.values == [True, False]
    assert ran.seconds < 8
    endpoint.script = []
    assert project.run(f"{LOG}print(await log.close());", endpoint.url).values == [True]
    assert delivered_once(endpoint) == expected("u", 4)


def test_hanging_keeps_no_process(project: Project, endpoint: Endpoint) -> None:
    """While a request hangs in the background, a program that has nothing else to do ends."""
    endpoint.script = [Answer(hang=True)] * 3
    ran = project.run(LOG + RECORD.format(count=4, name="u") + "await sleep(700); print(1);", endpoint.url)
    assert ran.values == [1]
    assert ran.seconds < 8


@pytest.mark.parametrize(
    "answer",
    [
        Answer(503, b"", {"Retry-After": "1"}),
        Answer(500, b"oops"),
        Answer(429, b"{}"),
        Answer(401, b'{"stored":[],"refused":[]}'),
        Answer(403, b"Forbidden"),
        Answer(404, b"not here"),
        Answer(302, b"", {"Location": "http://127.0.0.1:9/"}),
        Answer(200, b"<html>a portal of some hotel</html>"),
        Answer(200, b'{"stored":[],"refused":[]}'),
        Answer(200, b""),
    ],
    ids=lambda answer: f"{answer.status} {answer.body.decode()[:12]}",
)
def test_not_taken(project: Project, endpoint: Endpoint, answer: Answer) -> None:
    """Whatever is not the log's word that all is stored keeps the batch, and its key."""
    endpoint.script = [answer]
    ran = project.run(
        f"{LOG}{RECORD.format(count=4, name='u')} print(await log.flush(8000)); await log.close();", endpoint.url
    )
    assert ran.values == [True], ran.err
    assert len(endpoint.got) == 2
    assert delivered_once(endpoint) == expected("u", 4)
    assert TOKEN not in ran.err
    if answer.status in {401, 403}:
        assert f"does not take the token ({answer.status})" in ran.err
    assert not project.files


def test_retry_after(project: Project, endpoint: Endpoint) -> None:
    """Nobody asks again before the endpoint said they might."""
    endpoint.script = [Answer(503, b"", {"Retry-After": "2"})]
    process = project.start(LOG + RECORD.format(count=1, name="u") + "await sleep(30000);", endpoint.url)
    until(lambda: endpoint.got)
    first = time.monotonic()
    until(lambda: len(endpoint.got) == 2)
    process.kill()
    process.communicate()
    assert 1.5 < time.monotonic() - first < 8


def test_backing_off(project: Project, endpoint: Endpoint) -> None:
    """An endpoint that fails is asked ever less often, and new events collect in few files meanwhile."""
    endpoint.script = [Answer(500)] * 100
    loop = "for (let i = 0; i < 350; i += 1) { log.record({ userId: 'u' + i }); await sleep(10); }"
    project.run(f"{LOG}{loop}process.exit();", endpoint.url)
    assert 2 <= len(endpoint.got) <= 6
    assert len(project.files) <= 3


def test_refused_for_good(project: Project, writer: WriterEndpoint) -> None:
    """The real writer's refusals are set aside with field and reason; the others are stored."""
    program = f"""{LOG}
    log.record({{ status: 7, userId: 'wrong' }});
    log.record({{ status: 200, userId: 'right' }});
    print(await log.flush());
    log.record({{ status: 8, userId: 'also wrong' }});
    print(await log.close());
    """
    ran = project.run(program, writer.url)
    assert ran.values == [True, True]
    assert users(writer.records) == ["right"]
    [file] = project.files
    refused = [json.loads(line) for line in file.read_text().splitlines()]
    assert file.name == "refused.ndjson"
    assert [(entry["field"], entry["event"]["user_id"]) for entry in refused] == [
        ("status", "wrong"),
        ("status", "also wrong"),
    ]
    assert all(entry["reason"] for entry in refused)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "refused.ndjson" in ran.err


def test_too_large_is_split(project: Project, endpoint: Endpoint) -> None:
    """A batch that is too large is sent in halves, whose keys follow from its own; one event too large is set aside."""
    endpoint.script = [Answer(413), Answer(413), Answer(), Answer(413)]
    ran = project.run(LOG + RECORD.format(count=4, name="u") + "print(await log.close());", endpoint.url)
    assert ran.values == [True]
    first = endpoint.got[0].key
    assert [(delivered.key.removeprefix(first), len(delivered.events)) for delivered in endpoint.got] == [
        ("", 4), ("_0", 2), ("_1", 2), ("_0_0", 1), ("_0_1", 1)
    ]  # fmt: skip
    [file] = project.files
    assert json.loads(file.read_text())["event"]["user_id"] == "u0"


def test_another_agents_events_block_nobody(project: Project, endpoint: Endpoint) -> None:
    """A batch that this token may not send waits for another one; the next batches go."""
    refusal = {"index": 0, "field": "agent_id", "reason": "is another agent's"}
    endpoint.script = [Answer(403, json.dumps({"stored": [], "refused": [refusal]}).encode())]
    program = f"""{LOG}
    {RECORD.format(count=1, name="a")}
    print(await log.flush(500));
    {RECORD.format(count=1, name="b")}
    print(await log.flush(500));
    process.exit();
    """
    ran = project.run(program, endpoint.url)
    assert ran.values == [False, False]
    assert [users(delivered.events) for delivered in endpoint.got] == [["a0"], ["b0"]]
    assert project.run(f"{LOG}print(await log.close());", endpoint.url).values == [True]
    assert delivered_once(endpoint) == ["a0", "b0"]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_asked_to_end(project: Project, endpoint: Endpoint) -> None:
    """SIGTERM ends a program as it would without a log, after what waits was sent; its streams were cut."""
    process = project.start(LOG + RECORD.format(count=3, name="u") + "print(1); await sleep(30000);", endpoint.url)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == -signal.SIGTERM
    process.communicate()
    assert users(endpoint.events) == expected("u", 3)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_a_handler_of_the_programs_own(project: Project, endpoint: Endpoint) -> None:
    """A program that handles SIGTERM itself ends when it says so."""
    program = f"""{LOG}
    process.on('SIGTERM', () => setTimeout(() => {{ print('own'); process.exit(7); }}, 500));
    {RECORD.format(count=3, name="u")}
    print(1);
    await sleep(30000);
    """
    process = project.start(program, endpoint.url)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=5)
    assert (process.returncode, out) == (7, '"own"\n')
    assert users(endpoint.events) == expected("u", 3)


def test_a_mended_token(project: Project) -> None:
    """In a folder that the program names, what one token could not send, the next one does."""
    endpoint = Endpoint(Answer(401, b""))
    with running(endpoint):
        project.run(LOG + RECORD.format(count=2, name="u"), endpoint.url, {"AUDIT_LOG_TOKEN": "aal_mistyped"})
        assert project.run(f"{LOG}print(await log.close());", endpoint.url).values == [True]
        assert delivered_once(endpoint) == expected("u", 2)
        assert endpoint.got[1].headers["authorization"] == f"Bearer {TOKEN}"


def test_the_writer_stores_a_batch_once(project: Project, writer: WriterEndpoint) -> None:
    """The real writer knows a batch again: an answer that got lost leaves one record of each event."""
    project.run(LOG + RECORD.format(count=3, name="u") + "process.exit();", writer.url)
    [file] = project.files
    kept = file.read_bytes()
    assert project.run(f"{LOG}print(await log.close());", writer.url).values == [True]
    file.with_suffix(".batch").write_bytes(kept)
    assert project.run(f"{LOG}print(await log.close());", writer.url).values == [True]
    assert len(writer.raw) == 2
    assert users(writer.records) == expected("u", 3)
