"""A service that agents call, with every bad habit that services have."""

import json
import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from tests.clients.node.harness import Server, reply

ANSWER = {"ok": True, "id": "ch_1", "api_key": "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "model": "gpt-5.1-mini",
          "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}}  # fmt: skip
EVENTS = [
    f'data: {{"choices":[{{"delta":{{"content":"word number {number}"}}}}]}}\n\n'.encode() for number in range(40)
]
LAST_EVENTS = [b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":40}}\n\n', b"data: [DONE]\n\n"]
LARGE = b"0123456789abcdef" * 65536  # a megabyte


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Target(Server):
    """The service. Its paths say what it does."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._stopped = threading.Event()
        super().__init__(self._answer)

    def stop(self) -> None:
        """Let go of everybody."""
        self._stopped.set()
        super().stop()

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        path = handler.path.partition("?")[0]
        self.seen.append(Seen(handler.command, handler.path, headers, body))
        if path.startswith("/status/"):
            status = int(path.rpartition("/")[2])
            more = {"retry_after": "7"} if status == 429 else {}
            reply(
                handler,
                status,
                b"" if status in {204, 304} else b'{"error":"no"}',
                content_type="application/json",
                **more,
            )
        elif path == "/redirect":
            reply(handler, 302, location="/moved?key=secret")
        elif path == "/large":
            reply(handler, 200, LARGE, content_type="application/octet-stream")
        elif path == "/echo":
            reply(handler, 200, body, content_type=headers.get("content-type", "text/plain"))
        elif path == "/cut":
            handler.send_response(200)
            handler.send_header("content-length", "1000")
            handler.end_headers()
            handler.wfile.write(b'{"half":')
            handler.wfile.flush()
            _hang_up(handler)
        elif path == "/silent":
            self._stopped.wait(30)
        elif path.startswith("/events"):
            self._stream(handler, path)
        else:
            answer = json.dumps(ANSWER).encode()
            reply(handler, 200, answer, content_type="application/json; charset=utf-8", x_request_id="req_of_service")

    def _stream(self, handler: BaseHTTPRequestHandler, path: str) -> None:
        """Server-sent events: whole, `/events/cut` in the middle, or `/events/silent` after the first few."""
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        events = [*EVENTS, *LAST_EVENTS] if path == "/events" else EVENTS[:20]
        for event in events:
            handler.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
            handler.wfile.flush()
        if path == "/events":
            handler.wfile.write(b"0\r\n\r\n")
        elif path == "/events/cut":
            _hang_up(handler)
        else:
            self._stopped.wait(30)


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection in the middle of it all."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)
