"""The background thread that sends batches.

Promise: a batch leaves the spool only when the log reports each event as stored, or as refused for good. In any other
case (no answer, another server's answer, a wrong token) it stays, and is sent again under the same key. The operational
log holds nothing of an event, a token or an answer's body.
"""

from __future__ import annotations

import gzip
import ipaddress
import json
import logging
import random
import re
import threading
import time
from typing import Any

from audit_log_client._batch import EVENTS, TRACES, Batch
from audit_log_client._files import UnusableError
from audit_log_client._http import http_library
from audit_log_client._reply import Refusal, Reply, read_reply
from audit_log_client._spool import Spool

_logger = logging.getLogger("audit_log_client")

PATHS = {EVENTS: "/v1/events", TRACES: "/v1/traces/ingest"}
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 60.0
DENIED_WAIT_SECONDS = 30.0
_MAX_REPLY_BYTES = 16 * 1024 * 1024
_MAX_PORT = 65535
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_ENDPOINT = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_LABEL}(?:\.{_LABEL}){{0,30}}|\[[0-9A-Fa-f:.]{{2,45}}\])(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?P<path>(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/*)",
    re.IGNORECASE | re.ASCII,
)
_NUMERIC = re.compile(r"(?:^|\.)(?:[0-9]+|0[Xx][0-9A-Fa-f]*)$")
"""Browsers read a host with such an end as an IPv4 address."""
_LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|\[::1\]")
_TOKEN = re.compile(r"[!-~]+")
_IDLE_SECONDS = 15.0
_CONNECT_SECONDS = 5.0


class EndpointError(ValueError):
    """The endpoint or the token is malformed."""


def read_endpoint(endpoint: str, token: str) -> str:
    """Return the base of the log's address, without a slash at its end. Raise `EndpointError`.

    A grammar of our own reads it, because URL libraries disagree about unusual addresses.
    """
    match = _ENDPOINT.fullmatch(endpoint.strip(" \t\r\n"))
    host = "" if match is None else match["host"].lower()
    if match is None or not _is_host(host) or not 0 < int(match["port"] or 1) <= _MAX_PORT:
        raise EndpointError("the endpoint must be the https address that `audit-log connect` prints")
    scheme = match["scheme"].lower()
    if scheme == "http" and not _LOOPBACK.fullmatch(host):
        raise EndpointError("the endpoint must be https: a token would be readable on its way")
    if not _TOKEN.fullmatch(token):
        raise EndpointError("the token must be the text that `audit-log connect` prints")
    path = match["path"].rstrip("/").removesuffix(PATHS[EVENTS]).rstrip("/")
    port = f":{match['port']}" if match["port"] else ""
    return f"{scheme}://{host}{port}{path}"


def _is_host(host: str) -> bool:
    """Return whether a host is a name, or an address in its one unambiguous form."""
    if host.startswith("["):
        try:
            return bool(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            return False
    if not _NUMERIC.search(host):
        return True
    try:
        return str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False


class Sender:
    """Sends what is in a spool. `send_every`: how long events are collected, in seconds.

    `failed` counts the attempts that failed, ever.
    """

    def __init__(self, spool: Spool, *, base: str, token: str, send_every: float, timeout: float) -> None:
        self._spool = spool
        self._base = base
        self._token = token
        self._send_every = send_every
        self._timeout = timeout
        self._wake = threading.Event()
        self._idle = False
        self._hurry = False
        self._stopped = False
        self._passed: set[str] = set()
        self._failures = 0
        self.failed = 0
        self._not_before = 0.0
        self._reported = ""
        self._client: Any = None

    def notice(self) -> None:
        """Note that there is a new event."""
        if self._idle:
            self._wake.set()

    def hurry(self) -> None:
        """Send all events now, also if the last attempt failed a moment ago: a caller waits."""
        self._hurry = True
        self._wake.set()

    def stop(self) -> None:
        """Stop after the current batch."""
        self._stopped = True
        self._wake.set()

    def run(self) -> None:
        """Send, until stopped."""
        while not self._stopped:
            try:
                wait = self._step()
            except Exception:
                _logger.exception("the audit log's sender failed; it goes on")
                wait = self._later(None)
            if wait > 0 and not self._stopped:
                self._wake.wait(wait)
                self._wake.clear()
                self._idle = False
        if self._client is not None:
            self._client.close()

    def _step(self) -> float:
        """Send one batch, if it is time to. Return the seconds until the next step."""
        hurry, self._hurry = self._hurry, False
        if not hurry and (wait := self._not_before - time.monotonic()) > 0:
            return wait
        batch = self._spool.next_batch(seal_after=0.0 if hurry else self._send_every, passed=self._passed)
        if batch is None:
            self._idle = True  # before the last look, so that what comes after it is noticed
            return _IDLE_SECONDS if self._spool.is_empty else self._send_every / 2
        self._idle = False
        try:
            wait = self._handle(batch, self._post(batch))
        except FileNotFoundError:  # another program has removed it
            wait = 0.0
        except UnusableError:
            self._spool.set_aside_file(batch.path)
            wait = 0.0
        self._hurry = self._hurry or (hurry and wait == 0)
        return wait

    def _handle(self, batch: Batch, reply: Reply) -> float:
        if reply.verdict == "done":
            self._own(reply.agent)
            self._settle(batch, reply.refused)
            self._passed.discard(batch.key)
            self._failures = 0
            self._report("")
            return 0.0
        if reply.verdict == "split":
            lines = batch.lines()
            if len(lines) > 1:
                self._spool.split(batch)
            else:
                self._settle(batch, (Refusal(index=0, field="", reason="is too large for the log"),))
            return 0.0
        if reply.verdict == "unreadable":
            self._mend(batch)
            return 0.0
        self._passed.add(batch.key)
        if reply.verdict == "denied":
            self._report(f"the audit log refuses the token ({reply.why}); events are kept in the spool")
            return self._later(reply.wait, at_least=DENIED_WAIT_SECONDS)
        self._report(f"the audit log does not take events ({reply.why}); they are kept in the spool")
        return self._later(reply.wait)

    def _own(self, agent: str) -> None:
        """Take over what other tokens left. Done before the batch is removed: `flush` waits for those events, too."""
        try:
            self._spool.belongs_to(agent)
        except OSError:
            _logger.exception("what earlier tokens left could not be looked for")

    def _later(self, asked: float | None, *, at_least: float = 0.0) -> float:
        """Return when to retry: ever later, and not at the same time as other clients."""
        longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** min(self._failures, 10))
        self._failures += 1
        self.failed += 1
        wait = max(random.uniform(longest / 2, longest), at_least, asked or 0.0)  # noqa: S311 - jitter is no secret
        self._not_before = time.monotonic() + wait
        return wait

    def _report(self, message: str) -> None:
        """Log a state once, when it begins, and when it is over."""
        if message != self._reported:
            if message:
                _logger.warning("%s", message)
            else:
                _logger.info("the audit log takes events again")
            self._reported = message

    def _settle(self, batch: Batch, refused: tuple[Refusal, ...]) -> None:
        """Remove a batch. Keep the events that were refused."""
        if refused:
            lines = batch.lines()
            for refusal in refused:
                line = lines[refusal.index] if 0 <= refusal.index < len(lines) else b""
                about = {"field": refusal.field, "reason": refusal.reason}
                self._spool.refuse(json.dumps(about | {"event": line.decode("utf-8", "replace")}).encode())
            _logger.error("the audit log refused %d events; see refused.jsonl in the spool", len(refused))
        self._spool.remove(batch)

    def _mend(self, batch: Batch) -> None:
        """Take lines out of a batch that are not JSON: a disk or a person has damaged them."""
        lines = batch.lines()
        good = [line for line in lines if _is_object(line)]
        if 0 < len(good) < len(lines):
            bad = b"\n".join(line for line in lines if not _is_object(line))
            self._spool.set_aside(bad + b"\n", f"{batch.key}.jsonl")
            self._spool.replace(batch, [good])
        else:
            self._spool.set_aside(b"\n".join([*lines, b""]), f"{batch.key}.jsonl")
            self._spool.remove(batch)
        _logger.error("a damaged file of the audit log's spool was set aside in damaged/")

    def _post(self, batch: Batch) -> Reply:
        lines = batch.lines()
        if not lines:
            return Reply("done")
        body = b"\n".join(lines) if batch.route == EVENTS else b'{"data":[' + b",".join(lines) + b"]}"
        headers = {
            "Authorization": f"Bearer {self._token}",
            # Not application/json: a function URL takes that for text, and what is compressed does not outlive it.
            "Content-Type": "application/x-ndjson" if batch.route == EVENTS else "application/octet-stream",
            "Content-Encoding": "gzip",
            "Idempotency-Key": batch.key,
        }
        started = time.monotonic()
        try:
            with self._http().stream(
                "POST", self._base + PATHS[batch.route], content=gzip.compress(body, 6, mtime=0), headers=headers
            ) as answer:
                answered = bytearray()
                for chunk in answer.iter_bytes():
                    answered += chunk
                    if len(answered) > _MAX_REPLY_BYTES or time.monotonic() - started > self._timeout:
                        return Reply("later", why="an answer without end")
                status, got = answer.status_code, answer.headers
        except Exception as error:  # noqa: BLE001 - any of the HTTP library's, and any of the system's
            return Reply("later", why=type(error).__name__)
        return read_reply(status, got, bytes(answered), events=len(lines))

    def _http(self) -> Any:  # noqa: ANN401 - of either library
        if self._client is None:
            library = http_library()  # imported here, in the background, it delays nobody
            timeout = library.Timeout(self._timeout, connect=_CONNECT_SECONDS)
            # Only http goes to loopback. A proxy from the environment would read it.
            by_environment = self._base.startswith("https:")
            self._client = library.Client(
                timeout=timeout, follow_redirects=False, verify=True, trust_env=by_environment
            )
        return self._client


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
