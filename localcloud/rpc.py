"""gRPC servers on loopback, for the engine and the providers alike."""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures
from typing import Any, Final

import grpc

OPTIONS: Final = (
    # A function's package is a message of tens of megabytes when it comes as assets.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),
)
STOP_SECONDS: Final = 1.0
"""How long a server waits for calls in flight; stopping at once would cut them off with a line on stderr."""
_THREADS: Final = 8


def serve(
    *services: tuple[Callable[[Any, grpc.Server], None], object], threads: int = _THREADS
) -> tuple[grpc.Server, str]:
    """Serve on a free loopback port; return the running server and its address. The caller stops it.

    `services`: for each the generated function that adds it to a server, and the servicer.
    """
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=threads), options=OPTIONS)
    for add, servicer in services:
        add(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"
