"""`AuditLog`: what an agent's program makes once, at its start."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from audit_log_client import _context, _ends, _event, _transport
from audit_log_client._batch import EVENTS
from audit_log_client._call import TRACE_HEADER, Call, Common
from audit_log_client._core.digest import HmacKey, PayloadDigest, bytes_of, digest_payload
from audit_log_client._folders import choose_folder
from audit_log_client._http import http_library
from audit_log_client._json import JsonValue
from audit_log_client._sender import EndpointError, Sender, read_endpoint
from audit_log_client._spool import Spool
from audit_log_client._version import VERSION
from audit_log_client._worker import Make, Worker

if TYPE_CHECKING:
    from typing import Self  # from Python 3.11 on

_logger = logging.getLogger("audit_log_client")

MAX_SPOOL_BYTES = 256 * 1024 * 1024
_LIMITS = {"max_connections": 1000, "max_keepalive_connections": 100}


class AuditLog:
    """Logs the calls of one agent.

    Guarantees: an agent's call has the same result as without it, and waits for neither disk nor network. Payloads are
    digested in this process and never leave it. An event is on disk within milliseconds, and stays there until the log
    confirms it, across restarts. Threads, tasks and forked processes may share one.

    `endpoint`, `token`: as `audit-log connect` prints them; by default `AUDIT_LOG_ENDPOINT` and `AUDIT_LOG_TOKEN`.
    `spool`: the agent's own folder for what waits, by default `AUDIT_LOG_SPOOL`, else one in the user's state folder
    that belongs to this endpoint and token; what an earlier token of the same agent left is sent too. `user_id`,
    `correlation_id`: for calls outside of `user()` and `correlation()`; by default `AUDIT_LOG_USER` and
    `AUDIT_LOG_CORRELATION`. `digest_key`: makes digests keyed, see `HmacKey.from_file`; by default the file in
    `AUDIT_LOG_DIGEST_KEY_FILE`. `trace_header`: whether requests get an `X-Trace-ID`. `max_spool_bytes`: beyond it new
    events are dropped, and counted. `send_every`, `timeout` (of one request to the log), `exit_timeout` (how long the
    end of the program may wait to send the rest): seconds.

    Raises `EndpointError`, a `ValueError`, when the endpoint or the token is missing or malformed.
    """

    def __init__(  # noqa: PLR0913 - each has a default that suits
        self,
        endpoint: str | None = None,
        token: str | None = None,
        *,
        spool: str | os.PathLike[str] | None = None,
        user_id: str | int | None = None,
        correlation_id: str | int | None = None,
        agent_name: str | None = None,
        agent_version: str | None = None,
        deployment_id: str | None = None,
        digest_key: HmacKey | None = None,
        trace_header: bool = True,
        max_spool_bytes: int = MAX_SPOOL_BYTES,
        send_every: float = 1.0,
        timeout: float = 30.0,
        exit_timeout: float = 3.0,
    ) -> None:
        endpoint = endpoint or os.environ.get("AUDIT_LOG_ENDPOINT")
        self._token = (token or os.environ.get("AUDIT_LOG_TOKEN") or "").strip()  # as it was pasted
        if not endpoint or not self._token:
            raise EndpointError("set AUDIT_LOG_ENDPOINT and AUDIT_LOG_TOKEN, as `audit-log connect` prints them")
        self._base = read_endpoint(endpoint, self._token)
        parts = urlsplit(self._base)
        self._own_netloc, self._own_path = parts.netloc.encode(), parts.path.encode()
        key_file = os.environ.get("AUDIT_LOG_DIGEST_KEY_FILE")
        if digest_key is None and key_file:
            digest_key = HmacKey.from_file(key_file)
        self._correlation_id = _event.id_text(correlation_id) or os.environ.get("AUDIT_LOG_CORRELATION") or None
        fields: dict[str, JsonValue] = {
            "user_id": user_id or os.environ.get("AUDIT_LOG_USER") or None,
            "agent_name": agent_name,
            "agent_version": agent_version,
            "deployment_id": deployment_id,
        }
        self._common = Common(
            key=digest_key,
            fields={name: text for name, value in fields.items() if (text := _event.id_text(value))},
            attributes={"sdk_name": "agent-audit-log-client", "sdk_version": VERSION},
        )
        self._trace_header = trace_header
        self._folder = choose_folder(spool, self._base, self._token)
        self._max_spool_bytes = max_spool_bytes
        self._send_every = send_every
        self._timeout = timeout
        self.exit_timeout = exit_timeout
        self._closed = False
        self._begin_anew()
        _ends.watch(self)
        if self._spool.has_leftovers:
            self._start()

    def _begin_anew(self) -> None:
        """Make a queue, a place in the spool and threads for this process."""
        self._pid = os.getpid()
        self._starting = threading.Lock()
        self._started = False
        self._spool = Spool(self._folder, max_bytes=self._max_spool_bytes)
        self._sender = Sender(
            self._spool, base=self._base, token=self._token, send_every=self._send_every, timeout=self._timeout
        )
        self._calls: weakref.WeakSet[Call] = weakref.WeakSet()
        self._worker = Worker(self._spool, notice=self._sender.notice)

    # What an agent's program uses

    def http_client(self, *, library: str | None = None, **options: Any) -> Any:  # noqa: ANN401 - of either library
        """Make a client whose calls are logged, for `OpenAI(http_client=…)`, `Anthropic(http_client=…)` and others.

        `library`: "httpx" or "httpx2", by default the latter where it is installed, as current SDKs need it.
        `options`: as that library's `Client` takes them; by default redirects are followed and there may be as many
        connections as with those SDKs' own clients.
        """
        return self.instrument(http_library(library).Client(**_defaults(library, options)))

    def async_http_client(self, *, library: str | None = None, **options: Any) -> Any:  # noqa: ANN401 - of either
        """Do the same as `http_client`, with an `AsyncClient`."""
        return self.instrument(http_library(library).AsyncClient(**_defaults(library, options)))

    def instrument(self, client: Any) -> Any:  # noqa: ANN401 - of either library
        """Log the calls of a client that is already there, sync or async, of `httpx` or `httpx2`: returns it.

        Raises `TypeError` for any other object.
        """
        return _transport.instrument(self, client)

    def transport(self, inner: Any = None) -> Any:  # noqa: ANN401 - of either library
        """Make a logging transport around `inner` or the library's own: `httpx.Client(transport=log.transport())`."""
        return _transport.LoggedTransport(self, inner)

    def async_transport(self, inner: Any = None) -> Any:  # noqa: ANN401 - of either library
        """Do the same as `transport`, for an `AsyncClient`."""
        return _transport.AsyncLoggedTransport(self, inner)

    def record(
        self,
        *,
        endpoint: str,
        method: str | None = None,
        status: int | None = None,
        request: object = None,
        response: object = None,
        outcome: str | None = None,
        duration_ms: float | None = None,
        attributes: Mapping[str, JsonValue] | None = None,
        **fields: JsonValue,
    ) -> None:
        """Log one call by hand.

        `request`, `response`: JSON values, text or bytes, to be digested here and dropped. `outcome`: by default it
        follows from the status. `fields`: other fields of the record, by name; an id that is a number becomes its
        decimal text. `attributes`: metadata, never content.
        """
        event: dict[str, JsonValue] = {
            "id": _event.new_id(),
            "timestamp": _event.time_of(time.time_ns()),
            **self._common.fields,
            "correlation_id": _context.current_correlation() or self._correlation_id,
            "endpoint": _event.clean_endpoint(endpoint),
            "method": method,
            "status": status,
            "outcome": outcome,
            "duration_ms": duration_ms,
            **fields,
            "attributes": {**self._common.attributes, **(attributes or {})},
        }
        here = {"user_id": _context.current_user(), "session_id": _context.current_session()}
        event |= {name: value for name, value in here.items() if value is not None and name not in fields}
        event |= {name: _event.id_text(event[name]) for name in _event.IDS if name in event}
        payloads = {side: bytes_of(value) for side, value in (("request", request), ("response", response))}
        size = sum(len(payload[0]) for payload in payloads.values() if payload is not None)
        key = self._common.key

        def make() -> dict[str, JsonValue]:
            for side, payload in payloads.items():
                if payload is not None:
                    _add_digest(event, side, digest_payload(payload[0], key=key, text=payload[1]))
            return event

        self._put(EVENTS, make, size)

    def user(self, user_id: str | int | None) -> AbstractContextManager[None]:
        """`with log.user("u_123"):` calls in here are made on that user's behalf, in this task, thread or generator."""
        return _context.user(user_id)

    def correlation(self, correlation_id: str | int | None) -> AbstractContextManager[None]:
        """`with log.correlation("order-17"):` calls in here belong to one workflow, and carry it as `X-Trace-ID`."""
        return _context.correlation(correlation_id)

    def session(self, session_id: str | int | None) -> AbstractContextManager[None]:
        """`with log.session("s_9"):` calls in here belong to one session."""
        return _context.session(session_id)

    def flush(self, timeout: float = 10.0) -> bool:
        """Send what was logged so far, now: whether the log has confirmed all of it within `timeout` seconds."""
        return self._flush(timeout, patient=True)

    def _flush(self, timeout: float, *, patient: bool) -> bool:
        """`patient`: also when the first attempt fails."""
        deadline = time.monotonic() + timeout
        if self._closed or not self._start():
            self._worker.drain()
            return self._is_sent
        if not self._worker.marker().wait(timeout):
            return False
        failed = self._sender.failed
        self._sender.hurry()
        while not self._is_sent:
            if time.monotonic() >= deadline or self._closed or not (patient or self._sender.failed == failed):
                return False
            time.sleep(0.005)
        return True

    @property
    def _is_sent(self) -> bool:
        """Whether all is with the log that was worked off: nothing waits in the spool, nor to get there."""
        return self._spool.is_empty and not self._worker.holds_any

    def close(self) -> None:
        """Send what can be sent within `exit_timeout`; the rest waits on disk for the next start of the agent."""
        if self._closed or self._pid != os.getpid():
            return
        self._end_calls()
        if self._started or self._worker.has_work:
            self._flush(self.exit_timeout, patient=False)
        self._closed = True
        _ends.forget(self)
        self._sender.stop()
        self._worker.stop()
        if self._started:
            self._writing.join(self.exit_timeout)
        self._started = False
        self._worker.drain()
        try:
            self._spool.close()
        except OSError:
            _logger.exception("the audit log's spool could not be closed")

    def _end_calls(self) -> None:
        """Answers that are still being read, or were forgotten, are not complete."""
        try:
            for call in [*self._calls]:
                call.give_up()
        except RuntimeError:  # other threads are still calling
            _logger.warning("calls that were made while the audit log was closed are not logged")

    @property
    def dropped(self) -> int:
        """Events of this process that could not be kept: the spool was full, or could not be written."""
        return self._worker.dropped

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What the hook and the exporter use

    def begin(self, request: Any) -> Call | None:  # noqa: ANN401 - of either library
        """Start to log a call; null for one to the log itself."""
        url = request.url
        if url.netloc == self._own_netloc and url.raw_path.startswith(self._own_path):
            return None
        headers = request.headers
        correlation_id = headers.get(TRACE_HEADER)
        if not correlation_id:
            correlation_id = _context.current_correlation() or self._correlation_id or _event.new_id()
            if self._trace_header and correlation_id.isascii() and correlation_id.isprintable():
                headers[TRACE_HEADER] = correlation_id
        elif explicit := _context.current_correlation():
            correlation_id = explicit
        call = Call(
            self._common,
            self._put_event,
            method=request.method,
            url=url,
            headers=headers,
            correlation_id=correlation_id,
        )
        self._calls.add(call)
        return call

    def put_line(self, route: str, make: Make) -> None:
        """Hand over what makes one line for a route, or null for none."""
        self._put(route, make, 0)

    @property
    def digest_key(self) -> HmacKey | None:
        """The key of its digests, if they are keyed."""
        return self._common.key

    def _put_event(self, make: Make, size: int) -> None:
        self._put(EVENTS, make, size)

    def _put(self, route: str, make: Make, size: int) -> None:
        if self._pid != os.getpid():
            self.after_fork()
        self._worker.put(route, make, size)
        if not self._started and not self._start():
            self._worker.drain()  # there are no threads: at the end of the program, or where none may be started

    def _start(self) -> bool:
        """Start the threads, if they do not run: whether they do."""
        if self._started:
            return True
        with self._starting:
            if self._started or self._closed:
                return self._started
            self._writing = threading.Thread(target=self._worker.run, name="audit-log-spool", daemon=True)
            self._sending = threading.Thread(target=self._sender.run, name="audit-log-send", daemon=True)
            try:
                self._writing.start()
                self._sending.start()
            except RuntimeError:  # the interpreter is about to end
                return False
            self._started = True
        _ends.watch_child()
        return True

    def keep(self) -> None:
        """Write to disk what is in memory only, also of unfinished answers: the process is about to end."""
        if not self._closed and self._pid == os.getpid():
            self._end_calls()
            if self._started:
                self._worker.marker().wait(_ends.DISK_SECONDS)  # the thread may be writing an event
            else:
                self._worker.drain()

    def after_fork(self) -> None:
        """Begin anew in a forked child. The parent sends its own events."""
        if self._pid != os.getpid():
            self._spool.abandon()
            self._begin_anew()


def _defaults(name: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    return {"follow_redirects": True, "limits": http_library(name).Limits(**_LIMITS), **options}


def _add_digest(event: dict[str, JsonValue], side: str, digest: PayloadDigest) -> None:
    event[f"{side}_hash"] = digest.digest
    event.setdefault(f"{side}_bytes", digest.size)
    event.setdefault(f"{side}_mime", digest.mime)
