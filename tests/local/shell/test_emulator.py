"""The emulator's process: loopback only, nothing of the caller's environment, and only ever our own process."""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from localcloud import emulator as emulators
from localcloud.emulator import Emulator, EmulatorError
from localcloud.provider.cloud import Cloud


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder whose emulator is stopped at the end, whatever happened."""
    folder = tmp_path / "emulator"
    yield folder
    if folder.exists():
        emulators.stop(state_dir=folder)


@pytest.fixture
def occupied() -> Iterator[int]:
    """Yield a port on which another program listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_second_start_finds_the_first(state_dir: Path) -> None:
    """Starting again gives the process that runs already."""
    first = emulators.start(state_dir=state_dir)
    assert emulators.start(state_dir=state_dir) == first
    assert emulators.running(state_dir=state_dir) == first


def test_nothing_of_the_caller_reaches_it(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator, and so every function that it runs, sees its own few settings and no variable of the caller's."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the caller's own")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    found = emulators.start(state_dir=state_dir)
    variables = dict(
        entry.split("=", 1) for entry in Path(f"/proc/{found.pid}/environ").read_text().split("\0") if entry
    )
    assert variables == emulators.environment(found.port, state_dir)
    assert variables["BIND_HOST"] == "127.0.0.1"


def test_dead_one_comes_back_on_its_port(state_dir: Path) -> None:
    """An emulator that died is started again, on the same port, so that what was pasted stays right."""
    first = emulators.start(state_dir=state_dir)
    os.killpg(first.pid, signal.SIGKILL)
    second = emulators.start(state_dir=state_dir)
    assert (second.port, second.pid != first.pid) == (first.port, True)


def test_what_a_dead_one_left_is_removed(state_dir: Path) -> None:
    """The temporary files of an emulator that was killed, code of functions among them, do not pile up."""
    first = emulators.start(state_dir=state_dir)
    left = state_dir / "tmp" / "left"
    left.touch()
    os.killpg(first.pid, signal.SIGKILL)
    emulators.start(state_dir=state_dir)
    assert not left.exists()


def test_hung_one_is_replaced(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator that runs but does not answer is replaced."""
    first = emulators.start(state_dir=state_dir)
    os.killpg(first.pid, signal.SIGSTOP)
    monkeypatch.setattr(emulators, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(emulators, "STOP_SECONDS", 0.5)
    assert emulators.start(state_dir=state_dir).pid != first.pid


def test_port_in_use(state_dir: Path, occupied: int) -> None:
    """A port that another program has is refused in one line, which names it and offers another."""
    with pytest.raises(EmulatorError, match=rf"^PORT={occupied} is in use by another program; .*make up PORT=\d+$"):
        emulators.start(state_dir=state_dir, port=occupied)
    assert emulators.start(state_dir=state_dir).port != occupied


def test_earlier_port_in_use(state_dir: Path) -> None:
    """The port of last time is not given up silently when another program took it."""
    first = emulators.start(state_dir=state_dir)
    emulators.stop(state_dir=state_dir)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", first.port))
        other.listen()
        with pytest.raises(EmulatorError, match="which this local cloud had before, is in use"):
            emulators.start(state_dir=state_dir)
    assert emulators.start(state_dir=state_dir).port == first.port


def test_port_in_use_costs_nothing(state_dir: Path, occupied: int) -> None:
    """Asking for a port that another program has leaves the emulator that runs, and its records, alone."""
    first = emulators.start(state_dir=state_dir)
    with pytest.raises(EmulatorError, match=f"^PORT={occupied} is in use"):
        emulators.start(state_dir=state_dir, port=occupied)
    assert emulators.running(state_dir=state_dir) == first


def test_other_port_moves_it(state_dir: Path) -> None:
    """Asking for another port moves the emulator there."""
    first = emulators.start(state_dir=state_dir)
    port = emulators.free_port()
    assert emulators.start(state_dir=state_dir, port=port).port == port
    assert not _alive(first)


def test_stop_ends_it_once(state_dir: Path) -> None:
    """Stopping ends the process and says whether there was one."""
    found = emulators.start(state_dir=state_dir)
    assert emulators.stop(state_dir=state_dir)
    assert not _alive(found)
    assert not emulators.stop(state_dir=state_dir)
    assert emulators.running(state_dir=state_dir) is None


def test_only_our_own_process_is_ended(state_dir: Path) -> None:
    """A process that has the pid of an emulator long gone is left alone."""
    emulators.start(state_dir=state_dir)
    emulators.stop(state_dir=state_dir)
    note = state_dir / "emulator.json"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as other:
        note.write_text(json.dumps({**json.loads(note.read_text()), "pid": other.pid}))
        assert not emulators.stop(state_dir=state_dir)
        assert other.poll() is None
        other.communicate(b"\n", timeout=10)


def test_a_copy_leaves_the_original_alone(state_dir: Path, tmp_path: Path) -> None:
    """A copied checkout holds a note about the original's emulator, and does not touch it."""
    original = emulators.start(state_dir=state_dir)
    copied = tmp_path / "copy"
    shutil.copytree(state_dir, copied)
    assert emulators.running(state_dir=copied) is None
    assert not emulators.stop(state_dir=copied)
    assert _alive(original)


def _alive(emulator: Emulator) -> bool:
    try:
        os.kill(emulator.pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_urls_of_functions_stay(state_dir: Path) -> None:
    """After a restart the first URL is the one before; two at once differ, and what is deleted is free again."""

    def made(emulator: Emulator, name: str) -> str:
        root = Cloud(endpoint_url=emulator.url, region="us-east-1", access_key="test", secret_key="test")
        role = root.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("a.py", "def b(*_):\n    return {}\n")
        functions = root.client("lambda")
        functions.create_function(
            FunctionName=name, Runtime="python3.13", Role=role, Handler="a.b", Code={"ZipFile": packed.getvalue()}
        )
        return urlsplit(functions.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]).netloc

    first = emulators.start(state_dir=state_dir)
    one, two = made(first, "one"), made(first, "two")
    assert one != two
    os.killpg(first.pid, signal.SIGKILL)
    second = emulators.start(state_dir=state_dir)
    assert made(second, "one") == one
    assert made(second, "two") == two
