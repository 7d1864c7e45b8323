"""A log's endpoint on loopback that answers as a test says, and a service for agents to call."""

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "aal_of-the-agent"
SILENCE_SECONDS = 30.0


@dataclass
class Seen:
    """A request as it came, its body unpacked."""

    path: str
    headers: dict[str, str]
    size: int
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        """What was in it."""
        if self.path == "/v1/traces/ingest":
            items: list[dict[str, Any]] = json.loads(self.body)["data"]
            return items
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass
class Answer:
    """What is sent back; `silent`: nothing, until the test is over."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    chunks: list[bytes] | None = None
    cut: bool = False


Behaviour = Callable[[Seen], Answer]


class Server(ThreadingHTTPServer):
    """Answers every request by `behaviour`, and keeps what it saw."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, behaviour: Behaviour, port: int = 0) -> None:
        self.behaviour = behaviour
        self.seen: list[Seen] = []
        self.over = threading.Event()
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Do nothing: a client that goes away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        self._answer()

    def do_POST(self) -> None:
        """Answer."""
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as the base class has it
        """Nothing is printed."""

    def _answer(self) -> None:
        data = self._read()
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = gzip.decompress(data) if headers.get("content-encoding") == "gzip" else data
        seen = Seen(path=self.path, headers=headers, size=len(data), body=body)
        server = self._owner
        server.seen.append(seen)
        answer = server.behaviour(seen)
        if answer.silent:
            server.over.wait(SILENCE_SECONDS)
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.chunks is None:
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in answer.chunks:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
        if answer.cut:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.wfile.write(b"0\r\n\r\n")

    @property
    def _owner(self) -> Server:
        assert isinstance(self.server, Server)
        return self.server

    def _read(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))


@contextmanager
def serving(behaviour: Behaviour, port: int = 0) -> Iterator[Server]:
    """Serve."""
    with Server(behaviour, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join(5)


def stored(seen: Seen, refused: dict[int, str] | None = None) -> Answer:
    """Return the log's own answer: all is stored but for what is refused, by its place in the batch."""
    refused = refused or {}
    body = {
        "stored": [
            {"index": index, "record_id": f"r-{index}"} for index in range(len(seen.events)) if index not in refused
        ],
        "refused": [{"index": index, "field": "status", "reason": reason} for index, reason in refused.items()],
    }
    status = 200 if not refused else 207 if body["stored"] else 422
    return Answer(status=status, body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
