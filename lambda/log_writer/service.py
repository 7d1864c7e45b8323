"""The log writer: one request in, one response out.

Promise: a 2xx means that the records it names are durable. No input makes it fail, or come back for ever: what is wrong
with a request, or cannot be processed, gets a 4xx that holds none of it; 503 says only that the store or the keys are
away.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote

from audit_core.errors import AuditError, DecodeError
from audit_core.faults import UNPROCESSABLE, Faults
from audit_core.masking import Masker
from audit_core.record import Correlation, RecordMaker, Sender
from audit_core.times import now_timestamp
from audit_core.trace import trace_id_of
from audit_core.values import CONTROL
from aws_client.s3 import NotDurableError
from log_writer import reply, vault
from log_writer.auth import authenticate, secret_of
from log_writer.batch import CONTENT_ENCODING, CONTENT_TYPE, Batch, make_batch
from log_writer.body import GZIP_MAGIC, Allowance, TooLargeError, unzip
from log_writer.config import Agent, Config
from log_writer.intake.decoded import Decoded, TooManyError
from log_writer.intake.routes import HEALTH_PATH, METRICS_PATH, ROUTES, Intake, plain_path
from log_writer.key_source import KeySource, KeysUnavailableError
from log_writer.making import Made, encode_events
from log_writer.reply import Response, Stored
from log_writer.rules import RuleBook
from log_writer.store import Store

STORE_SECONDS = 10.0
AGENT_HEADER = "Audit-Log-Agent"
"""Whose token it was, percent-encoded: on every answer to a sender who is known."""
_MAX_HEADER_ID = 256
_SURROGATE = re.compile("[\ud800-\udfff]")  # cannot be stored
_NOWHERE = "There is nothing at this path. Events go to /v1/events."
_METRICS = "Metrics are not logged; set OTEL_METRICS_EXPORTER=none. Logs and traces are logged."
# What is left of gzip's magic number where a body was decoded as UTF-8, or as Latin-1, and encoded again.
_SPOILT_GZIP = (b"\x1f\xef\xbf\xbd", b"\x1f\xc2\x8b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request. Header names are in lower case; `deadline` is on the monotonic clock, in seconds."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    deadline: float

    @property
    def content_type(self) -> str:
        """The `Content-Type` header; empty where there is none."""
        return self.headers.get("content-type", "")


class Writer:
    """Handles requests. Safe to share between threads.

    `masker`: instead of one as configured, where no keys are needed. `keys` and `vault_store`: where the configuration
    needs them.
    """

    def __init__(
        self,
        config: Config,
        *,
        store: Store,
        masker: Masker | None = None,
        keys: KeySource | None = None,
        vault_store: Store | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._config = config
        if config.needs_keys and keys is None:
            raise ValueError("this configuration needs keys")
        if config.envelope != "off" and vault_store is None:
            raise ValueError("this configuration needs a vault")
        self._rules = RuleBook(config, keys=keys if config.needs_keys else None, masker=masker)
        self._store = store
        self._vault = vault_store
        self._now = now
        self._random_bytes = random_bytes
        names = frozenset(agent.name for agent in config.agents)
        self._senders = {
            agent.name: Sender(
                agent_id=agent.name,
                others=names - {agent.name},
                domain_only=agent.endpoint_detail == "domain",
            )
            for agent in config.agents
        }

    def prepare(self, *, deadline: float) -> None:
        """Do before the first request what it would wait for. Raises `KeysUnavailableError`."""
        self._rules.get(deadline=deadline)

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        path = plain_path(request.path)
        if path == HEALTH_PATH:
            return _health(request.method)
        route = ROUTES.get(path)
        if route is None:
            return reply.JsonAnswers().problem(HTTPStatus.NOT_FOUND, _METRICS if path == METRICS_PATH else _NOWHERE)
        intake, readable = route.choose(request.content_type)
        if request.method != "POST":
            return _method_not_allowed(intake.answers, "POST")
        agent = authenticate(request.headers.get("authorization"), self._config.agents, now=self._now())
        if agent is None:
            return intake.answers.problem(
                HTTPStatus.UNAUTHORIZED,
                "A valid token is needed: Authorization: Bearer <token>.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if not readable:
            types = " or ".join(route.typed)
            return intake.answers.problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be {types}.")
        response = self._write(request, agent, intake)
        # Clients compare this after a rotation: it differs for two agents, not for two tokens of one agent.
        response.headers[AGENT_HEADER] = quote(agent.name, safe="")
        return response

    def _write(self, request: Request, agent: Agent, intake: Intake) -> Response:
        summary: dict[str, object] = {"agent": agent.name, "raw_bytes": len(request.body)}
        faults = Faults()
        try:
            made = self._make(request, agent, intake, summary, faults)
            response = self._store_made(made, request, intake, summary)
        except (TooLargeError, TooManyError) as error:
            response = intake.answers.problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body {error.reason}.")
        except DecodeError as error:
            where = "" if error.position is None else f" (at byte {error.position})"
            response = intake.answers.problem(HTTPStatus.BAD_REQUEST, f"The body {error.reason}{where}.")
        except _UnsupportedEncodingError:
            response = intake.answers.problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "Content-Encoding may be gzip or identity.",
                headers={"Accept-Encoding": "gzip, identity"},
            )
        except KeysUnavailableError as error:
            summary["cause"] = f"keys: {error.cause}"
            response = intake.answers.unavailable()
        response.summary.update(summary | faults.summary())
        return response

    def _make(self, request: Request, agent: Agent, intake: Intake, summary: dict[str, object], faults: Faults) -> Made:
        """Make the batch of a request. Whatever fails here fails again with the same request, so the answer is final.

        Raises `AuditError`, `_UnsupportedEncodingError`, or `KeysUnavailableError`, which alone may pass.
        """
        try:
            decoded, size = self._decoded(request, intake, summary)
            received = now_timestamp(self._now())
            maker = RecordMaker(
                sender=self._senders[agent.name],
                rules=self._rules.get(deadline=min(request.deadline, time.monotonic() + STORE_SECONDS)),
                received=received,
                correlation=correlation_of(request.headers, carries_trace=intake.carries_trace),
                size=size,
                too_heavy=Allowance(self._config.limits.values).is_exceeded_by,
                faults=faults,
            )
            made = encode_events(decoded.items, maker, received=received)
            del maker  # and all that it remembers of the request
            summary |= made.summary()
            if made.encoded:
                made.batch = self._batch(made, request, agent, decoded.content_digest)
        except (AuditError, KeysUnavailableError, _UnsupportedEncodingError):
            raise
        except MemoryError as error:
            faults.note(error)
            raise TooLargeError(None) from None
        except Exception as error:  # noqa: BLE001 - the sender would send it again for ever
            faults.note(error)
            raise DecodeError(UNPROCESSABLE) from None
        return made

    def _decoded(self, request: Request, intake: Intake, summary: dict[str, object]) -> tuple[Decoded, int]:
        """Decode the body; return its size, too."""
        limits = self._config.limits
        body = self._body(request)
        summary["decoded_bytes"] = len(body)
        if intake.too_heavy(body, limits.values):
            raise TooManyError(limits.values, "values, where a text counts as two, an array as four, an object as six")
        return intake.decode(body, max_events=limits.events), len(body)

    def _body(self, request: Request) -> bytes:
        limits = self._config.limits
        if len(request.body) > limits.body_bytes:
            raise TooLargeError(limits.body_bytes)
        encoding = request.headers.get("content-encoding", "").strip().lower()
        if encoding not in {"", "identity", "gzip", "x-gzip"}:
            raise _UnsupportedEncodingError
        if request.body.startswith(_SPOILT_GZIP):
            raise DecodeError("was gzip, and was taken for text on its way: do not compress what is sent as JSON")
        if encoding.endswith("gzip") or request.body[:2] == GZIP_MAGIC:
            return unzip(request.body, limit=limits.decoded_bytes)
        if len(request.body) > limits.decoded_bytes:
            raise TooLargeError(limits.decoded_bytes)
        return request.body

    def _batch(self, made: Made, request: Request, agent: Agent, content: bytes) -> Batch:
        kept = sum(len(item.envelope.payloads) for item in made.encoded if item.envelope is not None)
        if kept > self._config.limits.kept_payloads:
            raise TooManyError(self._config.limits.kept_payloads, "payloads, each of which is to be kept")
        return make_batch(
            made.encoded,
            agent_id=agent.name,
            secret=secret_of(request.headers.get("authorization")),
            content=content,
            idempotency_key=request.headers.get("idempotency-key", "").strip(" \t") or None,
            identified=made.identified,
            random_bytes=self._random_bytes,
            vault_bucket=self._config.vault_bucket,
        )

    def _store_made(self, made: Made, request: Request, intake: Intake, summary: dict[str, object]) -> Response:
        batch, refused = made.batch, made.refused
        if batch is None:
            if not refused:
                return intake.answers.stored(Stored())
            return intake.answers.refused_all(refused)
        existed = self._store_batch(batch, made.received, request.deadline, summary)
        if existed is None:
            return intake.answers.unavailable()
        # A random key is nobody else's: what is there, an attempt of ours put there.
        duplicate = existed and batch.repeatable
        summary |= {"stored": len(batch.records), "duplicate": duplicate, "object_bytes": len(batch.body)}
        warnings = list(made.warnings.values())
        return intake.answers.stored(
            Stored(records=batch.records, refused=refused, warnings=warnings, key=batch.key, duplicate=duplicate)
        )

    def _store_batch(self, batch: Batch, received: str, deadline: float, summary: dict[str, object]) -> bool | None:
        """Whether the batch's object was there before; null when it is not known to be durable."""
        started = time.monotonic()
        deadline = min(deadline, started + STORE_SECONDS)
        try:
            if batch.vault and self._vault is not None:
                vault.keep(self._vault, batch.vault, deadline=deadline)
            put = self._store.put(
                batch.key,
                batch.body,
                headers={
                    "Content-Type": CONTENT_TYPE,
                    "Content-Encoding": CONTENT_ENCODING,
                    "x-amz-meta-received-at": received,
                },
                deadline=deadline,
            )
        except NotDurableError as error:
            summary |= {"store_ms": _since(started), "attempts": error.attempts, "cause": error.cause}
            return None
        summary |= {"store_ms": _since(started), "attempts": put.attempts}
        return put.existed


class _UnsupportedEncodingError(Exception):
    """The body is compressed in a way that the writer does not read."""


def correlation_of(headers: Mapping[str, str], *, carries_trace: bool = True) -> Correlation:
    """Return the ids that came with a request. Ignore a malformed id: a proxy may have added it.

    `carries_trace`: whether its trace headers are those of the calls in it.
    """
    shared = _header_id(headers, "x-trace-id")
    trace = trace_id_of(headers.get("traceparent", "").strip()) if carries_trace else None
    return Correlation(
        correlation_id=_header_id(headers, "x-correlation-id") or shared or trace,
        trace_id=trace or shared,
    )


def _header_id(headers: Mapping[str, str], name: str) -> str | None:
    value = headers.get(name, "").strip()
    if not value or len(value) > _MAX_HEADER_ID or CONTROL.search(value) or _SURROGATE.search(value):
        return None
    return value


def _health(method: str) -> Response:
    if method != "GET":
        return _method_not_allowed(reply.JsonAnswers(), "GET")
    return Response(status=HTTPStatus.OK, body=b'{"status":"ok"}', headers={"Content-Type": reply.JSON})


def _method_not_allowed(answers: reply.Answers, allowed: str) -> Response:
    return answers.problem(HTTPStatus.METHOD_NOT_ALLOWED, f"The method must be {allowed}.", headers={"Allow": allowed})


def _since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
