"""The largest and the oddest requests: bounded in memory, and flat over many."""

import gc
import gzip
import hashlib
import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from audit_core.masking import Masker
from aws_client.s3 import Put
from log_writer.config import Agent, Config, Token
from log_writer.service import Request, Writer

TOKEN = "aal_hostile"
SIZE = 6_000_000
ROOT = Path(__file__).parents[2]
EVENT = {
    "timestamp": "2026-06-30T12:34:56Z",
    "user_id": "u_12345",
    "endpoint": "https://api.example.com/v1/chat/completions",
    "method": "POST",
    "status": 200,
    "request": {"model": "m", "messages": [{"role": "user", "content": "Where is my order? " * 20}]},
}


class Nowhere:
    """A store that keeps nothing: what is measured is the writer."""

    def put(self, key: str, body: bytes, *, headers: Mapping[str, str], deadline: float) -> Put:
        """Say that it is stored."""
        assert key
        assert body
        assert headers
        assert deadline
        return Put(existed=False, attempts=1)


def writer() -> Writer:
    """A writer with one agent."""
    token = Token(sha256=hashlib.sha256(TOKEN.encode()).hexdigest())
    config = Config(bucket="log", region="eu-central-1", agents=(Agent(name="a", tokens=(token,)),))
    return Writer(config, masker=Masker(), store=Nowhere())


def post(to: Writer, body: bytes) -> int:
    """Post `body`: the status."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    deadline = time.monotonic() + 60
    return int(to.handle(Request(method="POST", path="/", headers=headers, body=body, deadline=deadline)).status)


def filled(unit: str, *, before: str = '{"status":200,"request":[', after: str = "]}") -> bytes:
    """As many of `unit`, with commas between, as the largest request holds."""
    count = (SIZE - len(before + after)) // (len(unit.encode()) + 1)
    return (before + ",".join([unit] * count) + after).encode()


PEAK = """
import json, re, sys
from pathlib import Path
from tests.adversarial.test_writer_hostile import filled, post, writer, EVENT

def memory(name):
    return 1024 * int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

to = writer()
body = filled(json.dumps(EVENT), before="[", after="]")
assert post(to, b"[" + json.dumps(EVENT).encode() + b"]") == 200
Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS") - len(body)
assert post(to, body) == 200
print((memory("VmHWM") - before) / len(body))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_the_largest_request_fits() -> None:
    """The peak over idle is at most eight times the body, the body itself included."""
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True, cwd=ROOT)
    assert float(done.stdout) <= 8


def test_memory_is_flat() -> None:
    """A thousand requests, each different, leave nothing behind but names, of which a bounded number is remembered."""
    to = writer()

    def requests(first: int, count: int) -> None:
        for number in range(first, first + count):
            event = EVENT | {
                "user_id": f"u{number}",
                "attributes": {f"k{number % 100}": f"v{number}"},
                "session_id": str(number),
            }
            assert post(to, json.dumps(event).encode()) == 200
        gc.collect()

    requests(0, 300)
    tracemalloc.start()
    try:
        requests(300, 100)
        before = tracemalloc.get_traced_memory()[0]
        requests(400, 1_000)
        assert tracemalloc.get_traced_memory()[0] - before < 400_000
    finally:
        tracemalloc.stop()


TAKEN = {"a" + "_" * count: 1 for count in range(2_400)}
FEWER = {"a" + "_" * count: 1 for count in range(60)}
HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty objects": lambda: filled("{}"),
    "secret fields": lambda: filled('{"password":1}'),
    "whole doubles": lambda: filled("1.0"),
    "odd doubles": lambda: filled("0.00001"),
    "keys beyond the BMP": lambda: filled('{"\U0001f600":1}'),
    "escaped colons": lambda: filled('{"\\u003a":1}'),
    "tiny lists": lambda: filled("[]"),
    "tiny chunks": lambda: filled('"a"', before='{"status":200,"response_chunks":['),
    "lines in one text": lambda: filled("{}", before='{"status":200,"response_chunks":["[', after=']"]}'),
    "text that looks like JSON": lambda: filled("{}", before='{"status":200,"request":"[', after=']"}'),
    "brackets in text": lambda: b'{"status":200,"request":"' + b"[" * 5_900_000 + b'"}',
    "colons in an endpoint": lambda: filled('{"endpoint":"' + "a:/@" * 2000 + '"}', before="[", after="]"),
    "an endpoint of megabytes": lambda: filled(
        json.dumps(EVENT), before='[{"status":200,"endpoint":"' + "a.%4" * 500_000 + '"},', after="]"
    ),
    "long endpoints": lambda: filled('{"endpoint":"' + "a.%4" * 2000 + '"}', before="[", after="]"),
    "names that are taken": lambda: json.dumps({"status": 200, "attributes": TAKEN, **TAKEN}).encode(),
    "names that are taken, often": lambda: filled(
        json.dumps({"status": 200, "attributes": FEWER, **FEWER}), before="[", after="]"
    ),
    "unknown names": lambda: b"[%b]" % b",".join(b'{"method":"A","statu%d":1}' % number for number in range(9_900)),
    "a bomb": lambda: gzip.compress(bytes(100_000_000), 9),
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_requests_end(name: str) -> None:
    """Whatever fills a request, it is answered within some seconds."""
    to = writer()
    started = time.monotonic()
    assert post(to, HOSTILE[name]()) in {200, 207, 413, 422}
    assert time.monotonic() - started < 20
