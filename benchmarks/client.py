"""The Python client's hook: what it adds to an agent's call, while the log does not answer.

A model's server on loopback answers both sides, a client with the hook and one without, in turns of many calls each: so
what the hook leaves to the background falls on calls that have it. The log's endpoint takes connections and never says
a word: whatever waited for it would wait for ever.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from benchmarks.measure import ROOT, BenchmarkError, Row, at_most, in_fresh_process

GOAL_MS: Final = 0.3
_SOURCES: Final = ROOT / "clients" / "python" / "src"
_SECONDS: Final = 30

_MODEL: Final = """
import asyncio, json

WORDS = "so they say, and write it down for whoever asks later " * 40
ANSWER = json.dumps({"model": "m", "choices": [{"message": {"role": "assistant", "content": WORDS}}],
                     "usage": {"prompt_tokens": 400, "completion_tokens": 500, "total_tokens": 900}}).encode()
HEAD = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(ANSWER)

async def answer(reader, writer):
    try:
        await serve(reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def serve(reader, writer):
    while head := await reader.readuntil(b"\\r\\n\\r\\n"):
        size = next(line for line in head.lower().split(b"\\r\\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(size.split(b":")[1]))
        writer.write(HEAD + ANSWER)

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
_AGENT: Final = """
import json, sys, time
from statistics import median, quantiles
model, log_port, spool, calls, sources = sys.argv[1:]
sys.path.insert(0, sources)
import httpx
from audit_log_client import AuditLog

log = AuditLog(f"http://127.0.0.1:{log_port}", "token", spool=spool, exit_timeout=0.1)
plain, hooked = httpx.Client(), log.instrument(httpx.Client())
question = {"model": "m", "messages": [{"role": "user", "content": "who did what, and when? " * 80}]}
url = f"http://127.0.0.1:{model}/v1/chat/completions"

def took(client):
    started = time.perf_counter()
    client.post(url, json=question)
    return 1000 * (time.perf_counter() - started)

for client in (plain, hooked) * 20:
    took(client)
without, with_hook, added = [], [], []
for _ in range(int(calls) // 20):
    one, other = [took(plain) for _ in range(20)], [took(hooked) for _ in range(20)]
    added.append(median(other) - median(one))
    without += one
    with_hook += other
print(json.dumps({
    "p50": median(added),
    "p99": quantiles(with_hook, n=100)[98] - quantiles(without, n=100)[98],
    "dropped": log.dropped,
}))
"""


def rows(*, quick: bool) -> list[Row]:
    """Measure. Raises `BenchmarkError` when a call is lost on the way."""
    spool = tempfile.mkdtemp()
    try:
        with _model() as model, socket.create_server(("127.0.0.1", 0)) as log:
            arguments = (model, str(log.getsockname()[1]), spool, str(20 if quick else 3000), str(_SOURCES))
            found = json.loads(in_fresh_process(_AGENT, *arguments))
    finally:
        shutil.rmtree(spool, ignore_errors=True)
    if found["dropped"]:
        raise BenchmarkError("the client dropped a call")
    # With `--quick` a figure may be below nothing: so few calls tell noise.
    return [
        Row(name="Python client's hook, added to a call, p50", value=max(0.0, found["p50"]), unit="ms",
            goal=at_most(GOAL_MS)),
        Row(name="Python client's hook, added to a call, p99", value=max(0.0, found["p99"]), unit="ms"),
    ]  # fmt: skip


@contextmanager
def _model() -> Iterator[str]:
    """Serve a model's answers in another process; yield its port."""
    with subprocess.Popen([sys.executable, "-c", _MODEL], stdout=subprocess.PIPE, text=True) as server:
        try:
            if server.stdout is None:
                raise BenchmarkError("the model's server has no output")
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
            server.wait(_SECONDS)
