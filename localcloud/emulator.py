"""The AWS emulator as one background process of ours: started, found again, stopped.

Guarantees: it listens on 127.0.0.1 only; it keeps everything in memory and writes below its state folder only; nothing
of the caller's environment reaches it, or the functions that it runs; a function's URL is the same after a restart on
the same port; only a process that this module started is ever signalled (its pid *and* its start time must match what
was written down).
"""

import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
ACCOUNT: Final = "000000000000"
READY_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 5.0
STOP_SECONDS: Final = 5.0
_PORT_TRIES: Final = 5
_PORT_SECONDS: Final = 1.0

_PROGRAM: Final = Path(__file__).with_name("emulator_process.py")

_children: Final[dict[int, subprocess.Popen[bytes]]] = {}
"""What this very process started: an ended child stays in the table of processes until its parent asked for its end."""


class EmulatorError(Exception):
    """The emulator could not be started, or not be stopped; the message is one line for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """A running emulator. Opaque texts: `started` with `pid` identifies the process, `folder` its state folder."""

    port: int
    pid: int
    started: str
    folder: str

    @property
    def url(self) -> str:
        """The endpoint for every AWS API, without a trailing slash."""
        return f"http://{HOST}:{self.port}"


def start(*, state_dir: Path, port: int | None = None, settings: Mapping[str, str] | None = None) -> Emulator:
    """Return the emulator of `state_dir`, started if it does not run (or no longer answers).

    The port is `port`, else the one used last time in this folder, else a free one. `settings` are further ones of the
    emulator's own, for when it has to be started. Raises EmulatorError when the port belongs to another program, or
    when the emulator does not come up.
    """
    further = settings or {}
    known = _read(state_dir)
    if known is not None and _is_ours(known):
        if _healthy(known.port) and port in (None, known.port):
            return known
        if port is not None and port != known.port:
            _require_free(port, asked=f"PORT={port}")  # before the one that runs is given up for it
        stop(state_dir=state_dir)
    if port is not None:
        return _start_on(port, state_dir, further, asked=f"PORT={port}")
    if known is not None:
        asked = f"port {known.port}, which this local cloud had before,"
        return _start_on(known.port, state_dir, further, asked=asked)
    for _ in range(_PORT_TRIES - 1):
        with suppress(EmulatorError):
            return _start_on(free_port(), state_dir, further, asked="a free port")
    return _start_on(free_port(), state_dir, further, asked="a free port")


def running(*, state_dir: Path) -> Emulator | None:
    """Return the emulator of `state_dir` if it is running and answers, else None."""
    known = _read(state_dir)
    return known if known is not None and _is_ours(known) and _healthy(known.port) else None


def stop(*, state_dir: Path) -> bool:
    """Stop the emulator of `state_dir` with all that it started; False when there was none. Raises EmulatorError."""
    known = _read(state_dir)
    if known is None or not _is_ours(known):
        return False
    for sent in (signal.SIGTERM, signal.SIGKILL):
        # It leads a session and group of its own, so this reaches the functions that it runs, and nothing else.
        with suppress(ProcessLookupError):
            os.killpg(known.pid, sent)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if not _is_ours(known):
                # A function's process may outlive the leader; the group is still ours alone while it has members.
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(known.pid, signal.SIGKILL)
                _reap(known.pid)
                return True
            time.sleep(0.05)
    raise EmulatorError(f"the emulator (process {known.pid}) does not stop")


def free_port() -> int:
    """Return a TCP port on which nothing listens right now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def environment(port: int, state_dir: Path) -> dict[str, str]:
    """Return everything that the emulator's process has in its environment, and hands on to the functions it runs."""
    home, tmp = state_dir / "home", state_dir / "tmp"
    return {
        "PATH": os.defpath,
        "HOME": str(home),
        "TMPDIR": str(tmp),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "AUTH": "true",  # every call is checked against IAM, functions run with their role
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",  # would listen on 0.0.0.0:8883
        "SFTP_ENABLED": "0",
        "S3_DATA_DIR": str(tmp / "s3"),
        "STATE_DIR": str(tmp / "state"),
        # At start it removes every container with its label: there is none of ours, and others' are not ours to remove.
        "DOCKER_HOST": f"unix://{home}/no-docker",
        # An SDK in a function must never ask the machine's own metadata service for credentials.
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _start_on(port: int, state_dir: Path, settings: Mapping[str, str], *, asked: str) -> Emulator:
    _require_free(port, asked=asked)
    shutil.rmtree(state_dir / "tmp", ignore_errors=True)  # one that was killed did not tidy up
    for folder in (state_dir, state_dir / "home", state_dir / "tmp"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = state_dir / "emulator.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-I", str(_PROGRAM), _url_id(state_dir)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=state_dir / "home",
            env={**settings, **environment(port, state_dir)},
            start_new_session=True,
        )
    try:
        started = _start_time(process.pid)
        if started is None:
            raise EmulatorError(f"the emulator ended at once: {_last_line(log)}")
        emulator = Emulator(port=port, pid=process.pid, started=started, folder=_identity(state_dir))
        _write(state_dir, emulator)
        deadline = time.monotonic() + READY_SECONDS
        while not _healthy(port):
            if process.poll() is not None:
                raise EmulatorError(f"the emulator ended while starting: {_last_line(log)}")
            if time.monotonic() > deadline:
                raise EmulatorError(f"the emulator did not answer within {READY_SECONDS:.0f} s; its log is {log}")
            time.sleep(0.05)
        if process.poll() is not None:  # what answered is another program, which took the port in between
            raise EmulatorError(f"{asked} was taken by another program while the emulator started")
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    _children[process.pid] = process
    return emulator


def _require_free(port: int, *, asked: str) -> None:
    deadline = time.monotonic() + _PORT_SECONDS
    while _taken(port):
        if time.monotonic() > deadline:
            msg = f"{asked} is in use by another program; stop that one, or choose a port: make up PORT={port + 1}"
            raise EmulatorError(msg)
        time.sleep(0.05)  # an emulator that was just killed may not have let go of it yet


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        # Connections of an emulator that just ended linger; they are no listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError as error:
            msg = f"port {port} is not allowed for an ordinary program; choose one from 1024 to 65535"
            raise EmulatorError(msg) from error
        except OSError:
            return True
    return False


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/_ministack/health")
        answer = connection.getresponse()
        body = json.loads(answer.read(1 << 20))
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return answer.status == http.HTTPStatus.OK and isinstance(body, dict) and "services" in body


def _start_time(pid: int) -> str | None:
    """Return a text that no other process with this pid can have, or None when there is no such (living) process."""
    try:
        # The name, in parentheses, may hold spaces; after it: state, and as the 20th field the start in clock ticks.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
        shown = subprocess.run(
            ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=10
        ).stdout.strip()
        state, _, begun = shown.partition(" ")
        return begun.strip() if begun and not state.startswith("Z") else None
    if fields[0] in {"Z", "X"}:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}:{fields[19]}"


def _identity(folder: Path) -> str:
    status = folder.stat()
    return f"{status.st_dev}:{status.st_ino}"  # stays when the checkout is moved, differs in a copy of it


def _is_ours(emulator: Emulator) -> bool:
    return _start_time(emulator.pid) == emulator.started


def _reap(pid: int) -> None:
    # One that an earlier command started is not our child, and gone as soon as it ended. Ours has ended, but stays in
    # the table of processes until it is asked for, which it cannot be before the last of its threads is gone.
    if (child := _children.pop(pid, None)) is not None:
        with suppress(subprocess.TimeoutExpired):
            child.wait(STOP_SECONDS)


def _url_id(state_dir: Path) -> str:
    """Return the id of the first function URL: agents hold it, so it stays when the emulator is started again."""
    path = state_dir / "url-id"
    if not path.exists():
        path.write_text(secrets.token_hex(16), encoding="ascii")
    return path.read_text(encoding="ascii")


def _record_file(state_dir: Path) -> Path:
    return state_dir / "emulator.json"


def _read(state_dir: Path) -> Emulator | None:
    try:
        found = json.loads(_record_file(state_dir).read_text(encoding="utf-8"))
        emulator = Emulator(
            port=int(found["port"]), pid=int(found["pid"]), started=str(found["started"]), folder=str(found["folder"])
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    # A copy of the checkout holds a copy of the note, about a process that belongs to the original.
    return emulator if emulator.folder == _identity(state_dir) else None


def _write(state_dir: Path, emulator: Emulator) -> None:
    target = _record_file(state_dir)
    draft = target.with_suffix(".new")
    draft.write_text(json.dumps(asdict(emulator)), encoding="utf-8")
    draft.replace(target)


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it wrote nothing"
