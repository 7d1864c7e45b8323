"""A writer over a store in memory; every response is checked against the OpenAPI document."""

import hashlib
import json
import time
from typing import Any

import pytest

from audit_core.masking import Masker
from log_writer.config import Agent, Config, Token
from log_writer.service import Request, Writer
from tests.unit.log_writer.harness import AGENT, NOW, TOKEN, MemoryStore, Post, Record, Reply, check_against_openapi
from tests.unit.log_writer.otlp import SPANS, Pairs, Sent, export


@pytest.fixture
def config() -> Config:
    """Two agents; the first has a token."""
    return Config(
        bucket="log",
        region="eu-central-1",
        agents=(
            Agent(name=AGENT, tokens=(Token(sha256=hashlib.sha256(TOKEN.encode()).hexdigest()),)),
            Agent(name="support", tokens=(Token(sha256="0" * 64),), endpoint_detail="domain"),
        ),
    )


@pytest.fixture(scope="session")
def masker() -> Masker:
    """The masker of the default configuration."""
    return Masker()


@pytest.fixture
def store() -> MemoryStore:
    """An empty store."""
    return MemoryStore()


@pytest.fixture
def writer(config: Config, masker: Masker, store: MemoryStore) -> Writer:
    """The writer, at a fixed time."""
    return Writer(config, masker=masker, store=store, now=lambda: NOW)


@pytest.fixture
def post(writer: Writer) -> Post:
    """Post a body (text, bytes, or anything that JSON can say) and check the response against the OpenAPI document."""

    def call(body: object = b"", *, path: str = "/v1/events", method: str = "POST", **headers: str) -> Reply:
        data = (
            body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        )
        sent = {"authorization": f"Bearer {TOKEN}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(method=method, path=path, headers=sent, body=data, deadline=time.monotonic() + 10)
        response = writer.handle(request)
        decoded = json.loads(response.body)
        check_against_openapi(method, path, response, decoded)
        return Reply(int(response.status), response.headers, decoded, response)

    return call


@pytest.fixture
def record(writer: Writer, store: MemoryStore) -> Record:
    """Export one item of OpenTelemetry's; its record."""

    def call(item: Sent, *, path: str = SPANS, resource: Pairs = (), scope: str = "") -> Any:  # noqa: ANN401 - JSON
        before = set(store.objects)
        assert export(writer, path, item, resource=resource, scope=scope).status == 200
        (key,) = set(store.objects) - before
        lone = MemoryStore(objects={key: store.objects[key]})
        (made,) = lone.records
        return made

    return call
