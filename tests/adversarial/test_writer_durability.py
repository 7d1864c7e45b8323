"""Nothing acknowledged is lost: the writer in front of a store that is cut off at any point.

The store is the real emulator. Between it and the writer stands a proxy on loopback that hangs up before, while and
after a request or its reply passes, at a place that a seed chose for each request and attempt.
"""

import gzip
import hashlib
import json
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config as ClientConfig

from audit_core.masking import Masker
from audit_core.merkle import leaf_digest
from aws_client.s3 import S3Store
from aws_client.signed import Credentials, SignedClient
from localcloud.emulator import Emulator
from log_writer.config import Agent, Config, Token
from log_writer.service import Request, Writer

SEED = 20_260_630
WORKERS = 8
REGION = "us-east-1"
TOKEN = "aal_adversary"
START = datetime(2026, 6, 30, tzinfo=UTC)
RECEIVED = re.compile(rb"x-amz-meta-received-at: ([^\r]*)\r\n", re.IGNORECASE)
LENGTH = re.compile(rb"content-length: *([0-9]+)\r\n", re.IGNORECASE)
FOREVER = 99


@dataclass(frozen=True)
class Cut:
    """Where to hang up: after so large a part of the request, or of the reply; a part over 1 is past its end."""

    request: float = 2.0
    reply: float = 2.0


PASS = Cut()


def plan_of(point: int) -> list[Cut]:
    """The cuts of one request's attempts, in order; after them everything passes."""
    choice = random.Random(SEED + point)  # noqa: S311 - a seed, not a secret
    attempts = choice.choice([1, 1, 2, 3, FOREVER])
    return [draw(choice) for _ in range(attempts)]


def draw(choice: random.Random) -> Cut:
    """One place to hang up."""
    match choice.randrange(5):
        case 0:
            return Cut(request=0.0)
        case 1:
            return Cut(request=choice.random())
        case 2:
            return Cut(reply=0.0)  # all of it arrived, nothing comes back
        case 3:
            return Cut(reply=choice.random())
        case _:
            return Cut(reply=1.0)  # the whole reply, then nothing


@dataclass
class Proxy:
    """Passes HTTP requests on, one upstream connection each, and cuts as planned."""

    upstream: tuple[str, int]
    listener: socket.socket
    plans: dict[bytes, list[Cut]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    cuts: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        """Accept until the listener is closed."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        """Pass the requests of one connection on until one is cut."""
        with closing(connection), suppress(OSError):
            connection.settimeout(10)
            while request := read_message(connection):
                cut = self.next_cut(request)
                sent = request[: int(len(request) * cut.request)]
                if len(sent) < len(request):
                    if sent:
                        self.half(sent)
                    return
                with socket.create_connection(self.upstream, timeout=10) as upstream:
                    upstream.sendall(request)
                    reply = read_message(upstream)
                connection.sendall(reply[: int(len(reply) * cut.reply)])
                if cut.reply <= 1:
                    return

    def half(self, sent: bytes) -> None:
        """Let the store see the beginning of a request, and the end of its connection."""
        with socket.create_connection(self.upstream, timeout=10) as upstream:
            upstream.sendall(sent)

    def next_cut(self, request: bytes) -> Cut:
        """The plan for this attempt of the request, which is known by its time of receipt."""
        match = RECEIVED.search(request)
        assert match is not None
        with self.lock:
            plan = self.plans.get(match[1])
            if not plan:
                return PASS
            self.cuts += 1
            return plan.pop(0)


def read_message(connection: socket.socket) -> bytes:
    """One HTTP message, whole; empty when the connection ends."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (chunk := connection.recv(65536)):
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    match = LENGTH.search(head + b"\r\n")
    length = int(match[1]) if match else 0
    while len(body) < length:
        if not (chunk := connection.recv(65536)):
            return b""
        body += chunk
    return head + b"\r\n\r\n" + body


@pytest.fixture
def bucket(emulator: Emulator) -> Iterator[Any]:
    """A fresh locked bucket of the emulator."""
    client = boto3.client(
        "s3",
        endpoint_url=emulator.url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=ClientConfig(s3={"addressing_style": "path"}),
    )
    name = f"durability-{time.time_ns()}"
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    yield Bucket(client, name)
    client.close()


@dataclass(frozen=True)
class Bucket:
    """What is really stored, read past the writer."""

    client: Any
    name: str

    def lines(self) -> dict[str, bytes]:
        """Every stored line by record id. Fails when a key has two versions, or a record two lines."""
        lines: dict[str, bytes] = {}
        keys: set[str] = set()
        for page in self.client.get_paginator("list_object_versions").paginate(Bucket=self.name):
            assert not page.get("DeleteMarkers")
            for version in page.get("Versions", []):
                assert version["Key"] not in keys
                keys.add(version["Key"])
                body = self.client.get_object(Bucket=self.name, Key=version["Key"])["Body"].read()
                for line in gzip.decompress(body).splitlines():
                    record_id = json.loads(line)["record_id"]
                    assert record_id not in lines
                    lines[record_id] = line
        return lines


@pytest.fixture
def proxy(emulator: Emulator) -> Iterator[Proxy]:
    """A proxy in front of the emulator."""
    parts = urlsplit(emulator.url)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        running = Proxy((str(parts.hostname), int(parts.port or 0)), listener)
        thread = threading.Thread(target=running.run, daemon=True)
        thread.start()
        yield running
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def writer_of(
    bucket: Bucket, url: str, *, masker: Masker, now: Callable[[], datetime], store: S3Store | None = None
) -> Writer:
    """A writer into `bucket` through `url`."""
    config = Config(
        bucket=bucket.name,
        region=REGION,
        agents=(Agent(name="my-agent", tokens=(Token(sha256=hashlib.sha256(TOKEN.encode()).hexdigest()),)),),
    )
    return Writer(config, masker=masker, store=store or store_of(bucket, url), now=now)


def store_of(bucket: Bucket, url: str) -> S3Store:
    """The store behind `url`."""
    client = SignedClient(
        region=REGION,
        credentials=lambda: Credentials(access_key="test", secret_key="test"),
        connections=WORKERS,
    )
    return S3Store(bucket=bucket.name, client=client, endpoint_url=url)


def post(writer: Writer, events: list[dict[str, object]], *, seconds: float) -> tuple[int, list[dict[str, Any]]]:
    """Post `events`: the status, and what the reply calls stored."""
    response = writer.handle(
        Request(
            method="POST",
            path="/v1/events",
            headers={"authorization": f"Bearer {TOKEN}"},
            body=json.dumps(events).encode(),
            deadline=time.monotonic() + seconds,
        )
    )
    return int(response.status), json.loads(response.body)["stored"]


def events_of(point: int) -> list[dict[str, object]]:
    """Some calls; every third batch has one whose time is inferred."""
    events: list[dict[str, object]] = [
        {"id": f"{point}-{number}", "timestamp": START.isoformat(), "endpoint": "api.example.com", "status": 200}
        for number in range(1 + point % 3)
    ]
    if point % 3 == 0:
        del events[0]["timestamp"]
    return events


@pytest.mark.timeout(180)
@pytest.mark.parametrize("points", [240, pytest.param(1_200, marks=pytest.mark.long)])
def test_acknowledged_is_stored_wherever_the_connection_is_cut(
    bucket: Bucket, proxy: Proxy, emulator: Emulator, points: int
) -> None:
    """At every point: 200 and stored, byte for byte as the receipt says, or 503; once retried, stored exactly once."""
    masker = Masker()
    store = store_of(bucket, proxy.url)

    def attempt(point: int) -> tuple[int, int, list[dict[str, Any]]]:
        received = START + timedelta(seconds=point)
        proxy.plans[f"{received:%Y-%m-%dT%H:%M:%S}.000Z".encode()] = plan_of(point)
        writer = writer_of(bucket, proxy.url, masker=masker, now=lambda: received, store=store)
        return point, *post(writer, events_of(point), seconds=0.6)

    with ThreadPoolExecutor(WORKERS) as pool:
        outcomes = list(pool.map(attempt, range(points)))
    assert proxy.cuts >= points
    assert {status for _, status, _ in outcomes} == {200, 503}

    lines = bucket.lines()
    acknowledged = {item["record_id"]: item for _, _, stored in outcomes for item in stored}
    for record_id, item in acknowledged.items():
        assert item["leaf"] in {None, leaf_digest(lines[record_id])}
        assert item["leaf"] is not None or b'"inferred":["timestamp"' in lines[record_id]

    direct = store_of(bucket, emulator.url)
    for point, status, stored in outcomes:
        if status == 503:
            assert stored == []
            later = START + timedelta(hours=6, seconds=point)
            writer = writer_of(bucket, emulator.url, masker=masker, now=lambda moment=later: moment, store=direct)
            again, receipts = post(writer, events_of(point), seconds=5)
            assert again == 200
            acknowledged |= {item["record_id"]: item for item in receipts}
    lines = bucket.lines()
    assert set(lines) == set(acknowledged)
    assert len(lines) == sum(len(events_of(point)) for point in range(points))
    assert all(item["leaf"] in {None, leaf_digest(lines[record_id])} for record_id, item in acknowledged.items())


def test_parallel_retries_are_stored_once(bucket: Bucket, emulator: Emulator) -> None:
    """The same batches from many threads at once: everyone gets the same receipt, and there is one object each."""
    masker = Masker()
    writer = writer_of(bucket, emulator.url, masker=masker, now=lambda: START)
    batches = [events_of(point) for point in (1, 2, 4, 5)] * 16

    with ThreadPoolExecutor(WORKERS) as pool:
        replies = list(pool.map(partial(post, writer, seconds=10), batches))
    assert {status for status, _ in replies} == {200}
    lines = bucket.lines()
    assert len(lines) == sum(len(events_of(point)) for point in (1, 2, 4, 5))
    for _, stored in replies:
        assert all(item["leaf"] == leaf_digest(lines[item["record_id"]]) for item in stored)
    first_hand = [stored[0]["record_id"] for _, stored in replies if not stored[0]["duplicate"]]
    assert len(first_hand) == len(set(first_hand)) == 4
