"""HTTP servers on loopback that answer as they are told, and keep what they were sent.

One server class for all parts: model APIs (`models.py` makes the answers), endpoints that fail, listeners that capture.
A behaviour is an `Answer`: a whole reply, a stream, a stream that is cut, or silence.
"""

import gzip
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

LONGEST_SILENCE = 60.0


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request as it came; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=time.time)

    @property
    def content(self) -> bytes:
        """The body, unzipped."""
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body

    @property
    def route(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is sent back.

    `chunks`: a streamed body, in pieces; `cut`: the connection ends after them without the end of the body;
    `silent`: nothing is sent (after the chunks, if there are any) until the client goes away.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    mime: str = "application/json"
    chunks: Iterable[bytes] | None = None
    cut: bool = False
    silent: bool = False


Behaviour = Callable[[Seen], Answer]


class Server:
    """Serves on a free loopback port from `with` on; `seen` holds every request, in order of arrival."""

    def __init__(self, behaviour: Behaviour, *, port: int = 0) -> None:
        self.behaviour = behaviour
        self.seen: list[Seen] = []
        self._stopping = threading.Event()
        self._http = _Http(self, port)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """The port."""
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and end every silence."""
        self._stopping.set()
        self._http.shutdown()
        self.close()
        self._thread.join(10)

    def close(self) -> None:
        """Listen no more: whoever connects is refused."""
        self._http.server_close()

    def wait(self) -> None:
        """Stay silent until the server is stopped."""
        self._stopping.wait(LONGEST_SILENCE)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner: Server, port: int) -> None:
        handler = type("_HandlerOf", (_Handler,), {"owner": owner})
        super().__init__(("127.0.0.1", port), handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that go away are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(method=self.command, path=self.path, headers=headers, body=self._body(headers))
        owner = self.owner
        owner.seen.append(seen)
        answer = owner.behaviour(seen)
        if answer.silent and answer.chunks is None:
            self.close_connection = True
            owner.wait()
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.mime)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.chunks is None:
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in answer.chunks:
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            self.wfile.flush()
        if answer.silent:
            owner.wait()
        if answer.cut or answer.silent:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(headers.get("content-length", "0")))
        pieces: list[bytes] = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _serve  # noqa: N815 - the protocol's names
