"""The real writer behind HTTP on loopback, with its objects in memory, and an endpoint that can be away."""

import base64
import gzip
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from audit_core.masking import Masker
from audit_core.record import FIELDS
from cli.joining import join
from log_writer.config import Agent, Config, Token
from log_writer.service import Request, Writer
from tests.sdks.models import PLANTED
from tests.sdks.stubs import Answer, Behaviour, Seen, Server
from tests.unit.log_writer.harness import MemoryStore

AGENT = "sales-assistant"
TOKEN = "aal_" + "x" * 43
_MASKER = Masker()  # compiled once for all tests


class Backend:
    """A writer and its store, served from `with` on.

    `away` answers in the writer's place while it is set; `on_reply` hears of each request that the writer has answered.
    """

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.away: Behaviour | None = None
        self.on_reply: Callable[[Seen], None] | None = None
        self.replies: list[tuple[Seen, int, bytes]] = []
        self._summaries: list[str] = []
        self.rotate(TOKEN)
        self._server = Server(self._answer)
        self.url = self._server.url

    def __enter__(self) -> Self:
        """Start to serve."""
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._server.__exit__(kind, error, trace)

    def rotate(self, token: str) -> None:
        """Give the agent another token; the one before ends."""
        self.token = token
        known = Token(sha256=hashlib.sha256(token.encode()).hexdigest())
        config = Config(bucket="log", region="eu-central-1", agents=(Agent(name=AGENT, tokens=(known,)),))
        self._writer = Writer(config, store=self.store, masker=_MASKER)

    @property
    def records(self) -> list[dict[str, Any]]:
        """Every stored record, checked against the published schema, by time; a field that it lacks is null here."""
        lacking: dict[str, Any] = {**dict.fromkeys(FIELDS), "attributes": {}}
        return sorted(({**lacking, **record} for record in self.store.records), key=lambda kept: str(kept["timestamp"]))

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls that the records make up; see `calls_of`."""
        return calls_of(self.store.records)

    def wait_for(self, count: int, *, seconds: float = 15.0) -> list[dict[str, Any]]:
        """The records, once there are `count` of them."""
        deadline = time.monotonic() + seconds
        while len(self.records) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(self.records) >= count, self.told
        return self.records

    @property
    def told(self) -> list[tuple[str, int, bytes]]:
        """What was asked of the writer, and what it answered, for a failing test to show."""
        return [(seen.path, status, body[:400]) for seen, status, body in self.replies]

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Nothing listens at the endpoint for a while."""
        port = self._server.port
        self._server.__exit__(None, None, None)
        try:
            yield
        finally:
            self._server = Server(self._answer, port=port).__enter__()

    def assert_clean(self) -> None:
        """No planted text is in what was stored, told or logged, whatever it was wrapped in."""
        kept = [
            *(gzip.decompress(body) for body in self.store.objects.values()),
            *(key.encode() for key in self.store.objects),
            *(json.dumps(dict(headers)).encode() for headers in self.store.headers.values()),
            *(body for _, _, body in self.replies),
            *(line.encode() for line in self._summaries),
        ]
        assert_none_planted(kept, self.token)

    def _answer(self, seen: Seen) -> Answer:
        return self.answer(seen) if self.away is None else self.away(seen)

    def answer(self, seen: Seen) -> Answer:
        """The writer's answer to a request."""
        request = Request(
            method=seen.method,
            path=seen.route,
            headers=seen.headers,
            body=seen.body,
            deadline=time.monotonic() + 10,
        )
        response = self._writer.handle(request)
        self.replies.append((seen, int(response.status), response.body))
        self._summaries.append(json.dumps(response.summary))
        if self.on_reply is not None:
            self.on_reply(seen)
        headers = {name: value for name, value in response.headers.items() if name != "Content-Type"}
        return Answer(
            status=int(response.status), headers=headers, body=response.body, mime=response.headers["Content-Type"]
        )


def calls_of(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The calls that records make up, each with its `parent`'s place in the list; a field that it lacks is null.

    Nothing may be missing, there twice, or contradict itself.
    """
    joined = join(records)
    wrong = (joined.gaps, joined.missing_parents, joined.circles, joined.duplicate_ids)
    assert not any(wrong), wrong
    assert not [call.conflicts for call in joined.calls if call.conflicts]
    lacking: dict[str, Any] = {**dict.fromkeys(FIELDS), "attributes": {}}
    return [{**lacking, **call.fields, "parent": call.parent} for call in joined.calls]


def assert_none_planted(pieces: Iterable[bytes], token: str) -> None:
    """No planted text is in any of the pieces, nor is the token, whatever it is wrapped in."""
    kept = list(pieces)
    for planted in (*PLANTED, token):
        for form in _forms(planted):
            assert not any(form in piece for piece in kept), form


def _forms(text: str) -> Iterator[bytes]:
    data = text.encode()
    yield data
    yield quote(text).encode()
    # In base64 a text has three looks, by what stands before it; the ends depend on the neighbours.
    for before in range(3):
        encoded = base64.b64encode(b"." * before + data)
        yield encoded[4 if before else 0 : -4]
