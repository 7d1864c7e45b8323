"""Programs for Node that use the client as a project would, and servers on loopback that answer as they are told."""

import hashlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from audit_core.masking import Masker
from localcloud.place import ROOT
from log_writer.config import Agent, Config, Token
from log_writer.service import Request, Writer
from tests.unit.log_writer.harness import MemoryStore

CLIENT = ROOT / "clients" / "node" / "audit-log.mjs"
TOKEN = "aal_of-the-node-agent"
LOG = "const log = createAuditLog();\n"
# An event for each number, told apart by its user.
RECORD = (
    "for (let i = 0; i < {count}; i += 1) log.record({{ endpoint: 'a.example', status: 200, userId: '{name}' + i }});"
)
# What must be nowhere: in no payload's place, in no file, in no message.
PLANTED = ["sk_live_4eC39HqLyjWDarjtT1zdp7dc", "hunter2", "the customer said", "word number", "s3cr3t-in-query"]
AGENT = "node-agent"
_OLDEST = 20


def _node() -> str | None:
    """Where a Node is that is new enough."""
    found = shutil.which("node")
    if found is None:
        return None
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    major = version.removeprefix("v").partition(".")[0]
    return found if major.isdigit() and int(major) >= _OLDEST else None


NODE = _node()
needs_node = pytest.mark.skipif(NODE is None, reason="not run: node >= 20 is not installed")


@dataclass
class Answer:
    """What an endpoint answers. `hang`: nothing at all."""

    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False


@dataclass
class Delivered:
    """One request that an endpoint got."""

    headers: dict[str, str]
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        """Its events."""
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def key(self) -> str:
        """Its Idempotency-Key."""
        return self.headers["idempotency-key"]


class Server:
    """An HTTP server on loopback; `answer` writes the whole response."""

    def __init__(self, answer: "Callable[[BaseHTTPRequestHandler, bytes], None]") -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                size = self.headers.get("content-length")
                body = self.rfile.read(int(size)) if size is not None else self.read_chunks()
                if size is None or len(body) == int(size):  # else whoever sent it was killed meanwhile
                    answer(self, body)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_one  # noqa: N815 - the names are the library's

            def read_chunks(self) -> bytes:
                if self.headers.get("transfer-encoding") != "chunked":
                    return b""
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: object, client_address: object) -> None:
                """Clients that are killed leave their connections behind."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    """Write a whole response."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


class Endpoint:
    """An endpoint that answers as `script` says, one entry a request, and then as the log does when all is well."""

    def __init__(self, *script: Answer) -> None:
        self.script = list(script)
        self.agents: dict[str, str] = {}
        """Whose each token is, where the answers say so."""
        self.got: list[Delivered] = []
        self._stopped = threading.Event()
        self._server = Server(self._answer)
        self.url = self._server.url

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        delivered = Delivered({name.lower(): value for name, value in handler.headers.items()}, body)
        answer = self.script.pop(0) if self.script else Answer()
        self.got.append(delivered)
        if answer.hang:
            self._stopped.wait(30)
            return
        content = answer.body if answer.body is not None else stored(len(delivered.events))
        agent = self.agents.get(delivered.headers.get("authorization", "").removeprefix("Bearer "))
        told = {} if agent is None else {"Audit_Log_Agent": agent}
        reply(handler, answer.status, content, **answer.headers, **told)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events of all requests."""
        return [event for delivered in self.got for event in delivered.events]

    def stop(self) -> None:
        """Refuse connections from now on."""
        self._stopped.set()
        self._server.stop()


def stored(count: int) -> bytes:
    """Return what the log answers when it has stored `count` events."""
    return json.dumps({"stored": [{"index": index} for index in range(count)], "refused": []}).encode()


class WriterEndpoint:
    """The real writer, over a store in memory."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        config = Config(
            bucket="log",
            region="eu-central-1",
            agents=(Agent(name=AGENT, tokens=(Token(sha256=hashlib.sha256(TOKEN.encode()).hexdigest()),)),),
        )
        self._writer = Writer(config, store=self.store, masker=Masker())
        self._server = Server(self._answer)
        self.url = self._server.url
        self.raw: list[bytes] = []

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self.raw.append(body)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        response = self._writer.handle(
            Request(method="POST", path=handler.path, headers=headers, body=body, deadline=time.monotonic() + 10)
        )
        reply(handler, int(response.status), response.body, **response.headers)

    @property
    def records(self) -> list[dict[str, Any]]:
        """What is stored, in the order of what happened; each record is checked against its schema."""
        return sorted(self.store.records, key=lambda record: str(record["timestamp"]))

    def stop(self) -> None:
        """Refuse connections from now on."""
        self._server.stop()


@dataclass
class Ran:
    """A program that has ended. `values`: what it printed, one JSON text a line."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def values(self) -> list[Any]:
        """What was printed."""
        return [json.loads(line) for line in self.out.splitlines()]


class Project:
    """A folder with a copy of the client in it, and programs beside that."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self._count = 0
        shutil.copy(CLIENT, folder / CLIENT.name)

    @property
    def files(self) -> list[Path]:
        """The files of the spool."""
        return sorted(path for path in self.spool.rglob("*") if path.is_file())

    def start(self, program: str, endpoint: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        """Start a program, an ES module that may use `log`, `fetchWithLog`, `createAuditLog`, `print` and `sleep`."""
        assert NODE is not None
        self._count += 1
        path = self.folder / f"program_{self._count}.mjs"
        path.write_text(_PRELUDE + program, "utf-8")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "AUDIT_LOG_ENDPOINT": endpoint,
            "AUDIT_LOG_TOKEN": TOKEN,
            "AUDIT_LOG_SPOOL": str(self.spool),
            **(env or {}),
        }
        return subprocess.Popen(
            [NODE, path], env=environment, cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, program: str, endpoint: str, env: Mapping[str, str] | None = None, *, timeout: float = 60) -> Ran:
        """Run a program to its end."""
        started = time.monotonic()
        process = self.start(program, endpoint, env)
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
        return Ran(process.returncode, out, err, time.monotonic() - started)


_PRELUDE = """\
import audit, { createAuditLog, fetchWithLog } from './audit-log.mjs';
const print = (value) => console.log(JSON.stringify(value ?? null));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
"""


@contextmanager
def running(*servers: "Server | Endpoint | WriterEndpoint") -> "Iterator[None]":
    """Stop servers in the end."""
    try:
        yield
    finally:
        for server in servers:
            server.stop()


def until(condition: Callable[[], object], *, seconds: float = 10) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def logged(
    project: Project, writer: WriterEndpoint, program: str, env: dict[str, str] | None = None
) -> tuple[Ran, list[dict[str, Any]]]:
    """Run a program that holds a `log`, and see what is stored: nothing planted, in no place."""
    start = "const log = createAuditLog();\n"
    ran = project.run(f"{start}{program}\nprint(await log.close());", writer.url, env)
    assert ran.code == 0, ran.err
    assert ran.values[-1] is True
    for kept in [*writer.raw, *writer.store.lines, ran.err.encode(), *(path.read_bytes() for path in project.files)]:
        assert not [planted for planted in PLANTED if planted.encode() in kept]
    assert all(record["agent_id"] == AGENT for record in writer.records)
    return ran, writer.records


def users(events: list[dict[str, object]]) -> list[object]:
    """Who the events are about."""
    return [event["user_id"] for event in events]


def expected(name: str, count: int) -> list[str]:
    """Who they should be about."""
    return [f"{name}{number}" for number in range(count)]


def delivered_once(endpoint: Endpoint) -> list[object]:
    """Return the users of each batch, however often it was sent: what is sent again is the same under the same key."""
    by_key: dict[str, Delivered] = {}
    for delivered in endpoint.got:
        assert by_key.setdefault(delivered.key, delivered).body == delivered.body
    return [user for delivered in by_key.values() for user in users(delivered.events)]
