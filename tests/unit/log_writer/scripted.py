"""A server on loopback that answers as it is told."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

OK = b'HTTP/1.1 200 OK\r\nETag: "0"\r\nContent-Length: 0\r\n\r\n'


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    """A whole HTTP response."""
    lines = [f"HTTP/1.1 {status} X", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass
class Server:
    """A server of scripted bytes: one script entry a request; empty bytes hang up, null stays silent."""

    listener: socket.socket
    script: list[bytes | None] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    connections: list[socket.socket] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        """Answer until the listener is closed."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of one connection."""
        with connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                headers: dict[str, str] = {}
                while (header := stream.readline().decode().strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = stream.read(int(headers.get("content-length", "0")))
                self.requests.append((line.decode().split()[1], headers, body))
                reply = self.script.pop(0) if self.script else OK
                if reply is None:
                    self.done.wait(10)
                if not reply:
                    return
                connection.sendall(reply)
                if reply.endswith(b"cut"):
                    return


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield server
        server.done.set()
        listener.shutdown(socket.SHUT_RDWR)
    for connection in server.connections:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    thread.join(5)
