"""A spool that somebody else has changed: only the agent's own events are sent, nothing is lost, and nothing stops."""

import json
import os
import stat
import uuid

import pytest

from tests.clients.node.harness import (
    LOG,
    RECORD,
    Answer,
    Endpoint,
    Project,
    WriterEndpoint,
    expected,
    needs_node,
    users,
)
from tests.clients.poison import GARBAGE, IS_ROOT, KINDS, PLANT, SECRET

pytestmark = needs_node


def _name(state: str = "batch") -> str:
    return f"{1:013}-00000000-1.0.1-{uuid.uuid4()}.{state}"


def _names() -> list[str]:
    return [_name(), _name("open")]


ODD_NAMES = ("1.batch", f"{1:013}-0-1.0.1-x.batch", f"{1:013}-00000000-1.0.1-a\nb: c.batch", ".open")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_batch(project: Project, endpoint: Endpoint, kind: str) -> None:
    """Links, pipes, other users' files, huge files and odd names are not sent."""
    secret = project.folder / "secret.json"
    secret.write_bytes(SECRET)
    place = project.spool / "node"
    place.mkdir(parents=True)
    for name in ODD_NAMES if kind == "odd names" else _names():
        PLANT[kind](place / name, secret)
    ran = project.run(f"{LOG}{RECORD.format(count=2, name='u')} print(await log.close());", endpoint.url, timeout=20)
    assert ran.values == [True], ran.err
    assert users(endpoint.events) == expected("u", 2)
    assert not [got for got in endpoint.got if SECRET.strip() in got.body]
    assert "in memory" not in ran.err
    assert secret.read_bytes() == SECRET


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_costs_no_neighbour(project: Project, writer: WriterEndpoint, kind: str) -> None:
    """Damaged files are set aside. The good lines in them and all later events are stored."""
    place = project.spool / "node"
    place.mkdir(parents=True)
    good = b'{"endpoint": "a.example", "user_id": "good"}\n'
    (place / _name()).write_bytes(good + GARBAGE[kind] + b"\n" + good)
    (place / _name("open")).write_bytes(good + GARBAGE[kind])
    ran = project.run(f"{LOG}{RECORD.format(count=1, name='u')} print(await log.close());", writer.url)
    assert ran.values == [True], ran.err
    assert {str(user) for user in users(writer.records)} >= {"good", "u0"}
    assert not [*place.glob("*.batch"), *place.glob("*.open")]


@pytest.mark.parametrize("kind", ["link", "file", "foreign"])
def test_a_place_that_is_somebody_elses(project: Project, endpoint: Endpoint, kind: str) -> None:
    """The client does not use it: events wait in memory, and it logs a warning."""
    if kind == "foreign" and not IS_ROOT:
        pytest.skip("not run: only root can give a folder away")
    elsewhere = project.folder / "elsewhere"
    elsewhere.mkdir()
    project.spool.mkdir(mode=0o777)
    place = project.spool / "node"
    if kind == "link":
        place.symlink_to(elsewhere)
    elif kind == "file":
        place.touch()
    else:
        place.mkdir()
        os.chown(place, 65534, 65534)
    ran = project.run(f"{LOG}{RECORD.format(count=1, name='u')} print(await log.close());", endpoint.url)
    assert ran.values == [True], ran.err
    assert users(endpoint.events) == ["u0"]
    assert ran.err.count("no spool on disk") == 1
    assert not [*elsewhere.iterdir()]


def test_a_spool_that_all_may_write(project: Project, endpoint: Endpoint) -> None:
    """The client makes its folder in it readable for the owner alone."""
    place = project.spool / "node"
    place.mkdir(parents=True)
    place.chmod(0o777)
    project.run(f"{LOG}{RECORD.format(count=1, name='u')} print(await log.close());", endpoint.url)
    assert users(endpoint.events) == ["u0"]
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_links_in_the_place_of_its_own_files(project: Project) -> None:
    """The client writes nothing through a link."""
    victim = project.folder / "victim"
    victim.write_bytes(b"mine")
    (project.spool / "node").mkdir(parents=True)
    (project.spool / "node" / "refused.ndjson").symlink_to(victim)
    refusing = Endpoint(
        Answer(422, json.dumps({"stored": [], "refused": [{"index": 0, "field": "x", "reason": "y"}]}).encode())
    )
    try:
        project.run(f"{LOG}{RECORD.format(count=1, name='u')} print(await log.close());", refusing.url)
    finally:
        refusing.stop()
    assert len(refusing.got) == 1
    assert victim.read_bytes() == b"mine"


def test_an_owner_that_is_a_pipe(project: Project, endpoint: Endpoint) -> None:
    """The agent starts without waiting for a pipe in the folder."""
    environment = {"AUDIT_LOG_SPOOL": "", "XDG_STATE_HOME": str(project.folder / "state")}
    program = f"{LOG}{RECORD.format(count=1, name='u')} print(await log.close());"
    assert project.run(program, endpoint.url, environment).values == [True]
    (folder,) = (project.folder / "state" / "agent-audit-log").iterdir()
    other = folder.with_name(f"{folder.name.partition('-')[0]}-other")
    other.mkdir()
    for place in (folder, other):
        os.mkfifo(place / "agent")
    ran = project.run(program, endpoint.url, environment, timeout=20)
    assert ran.values == [True], ran.err
    assert len(endpoint.events) == 2
