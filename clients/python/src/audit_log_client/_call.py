"""One call, from the request to its events.

Promise: within the agent's call this code only keeps references. Digests, names and numbers are worked out later, in
the background.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from audit_log_client import _context, _event, _provider
from audit_log_client._body import Body, Digested
from audit_log_client._core.digest import HmacKey, PayloadDigest, digest_payload
from audit_log_client._events import READ_TYPES
from audit_log_client._http import plain_headers
from audit_log_client._json import JsonValue

TRACE_HEADER = "X-Trace-ID"
STREAMED_TYPES = READ_TYPES | {"multipart/x-mixed-replace"}
"""Media types of streams. The start of a stream has its own record."""
_CLIENT_ERROR = 400
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}.*")

Event = dict[str, JsonValue]


class Url(Protocol):
    """The parts of an HTTP library's URL that are read."""

    scheme: str
    netloc: bytes
    raw_path: bytes


@dataclass(frozen=True)
class Common:
    """What all events of one log have in common."""

    key: HmacKey | None
    fields: Mapping[str, JsonValue]
    attributes: Mapping[str, JsonValue]


class Call:
    """One call that is being made. `hand_over` takes a function that makes an event, in the background, or null."""

    def __init__(
        self,
        common: Common,
        hand_over: Callable[[Callable[[], Event], int], None],
        *,
        method: str,
        url: Url,
        headers: object,
        correlation_id: str,
    ) -> None:
        self._common = common
        self._hand_over = hand_over
        self._method = method
        self._url = url
        self._headers = headers
        self._correlation_id = correlation_id
        self._user_id = _context.current_user()
        self._session_id = _context.current_session()
        self._started = time.time_ns()
        self._clock = time.perf_counter_ns()
        self._duration_ms: float | None = None
        self._id = _event.new_id()
        self._status: int | None = None
        self._answer: Mapping[str, str] = {}
        self._error: str | None = None
        self._request: bytes | Body | None = None
        self._request_complete = True
        self._request_digest: PayloadDigest | None = None
        self._body: Body | None = None
        self._content: bytes | None = None
        self._streamed = False
        self._complete = False
        self._over = False

    @property
    def key(self) -> HmacKey | None:
        """The key of its digests."""
        return self._common.key

    def sends(self, content: bytes | None) -> Body | None:
        """Take what is sent: `content`, or, where that is null, the chunks that the returned body is given."""
        if content is not None:
            self._request = content
            return None
        self._request = Body(key=self._common.key)
        self._request_complete = False
        return self._request

    def sent(self) -> None:
        """Note that the streamed request was read to its end."""
        self._request_complete = True

    def answered(self, status: int, headers: Mapping[str, str], body: Body | None, content: bytes | None) -> None:
        """Take the start of the answer: `content` where all of it is there, else the `body` that takes its chunks."""
        self._status = status
        self._answer = headers
        if content is not None or body is None:
            self._content = content
            self.end(complete=True)
            return
        self._body = body
        if _event.media_type(headers.get("content-type")) in STREAMED_TYPES:
            self._streamed = True
            self._hand_over(self._start_event, 0)

    def received(self, chunk: bytes) -> None:
        """Take the next bytes of the answer."""
        if self._body is not None and not self._over:
            self._body.add(chunk)

    def end(self, *, complete: bool) -> None:
        """End the answer. `complete`: it was read to its end. Only the first end counts."""
        if self._over:
            return
        self._over = True
        self._complete = complete
        self._duration_ms = (time.perf_counter_ns() - self._clock) / 1e6
        self._hand_over(self._end_event, self._held)

    def give_up(self) -> None:
        """Stop, because the log is closed: an answer that has begun is as complete as it is now."""
        if self._status is not None:
            self.end(complete=False)

    def fail(self, error: BaseException) -> None:
        """End a call that was not answered, or whose answer was cut off."""
        if not self._over:
            self._error = type(error).__name__
            self.end(complete=False)

    @property
    def _held(self) -> int:
        """Return the bytes that wait for the background thread."""
        sizes = (
            part.waiting_bytes if isinstance(part, Body) else len(part or b"")
            for part in (self._request, self._body, self._content)
        )
        return sum(sizes)

    def _start_event(self) -> Event:
        event = self._event()
        event["stream"] = {"id": self._id, "phase": "start"}
        return event

    def _end_event(self) -> Event:
        event = self._event()
        event["duration_ms"] = round(self._duration_ms or 0.0, 3)
        attributes: dict[str, JsonValue] = {}
        events = None if self._body is None else self._body.events
        summary = _provider.AnswerSummary() if events is None else events.summary
        if self._status is not None:
            self._add_response(event, attributes, summary)
        self._add_end(event, attributes, summary)
        sent = self._request_digest
        if sent is not None and isinstance(sent.value, dict):
            asked = sent.value.get("model")
            if summary.model is None and isinstance(asked, str):
                summary.model = asked
        event["model"] = summary.model
        if sent is not None and sent.undigestible is not None:
            attributes["request_undigestible"] = sent.undigestible
        if summary.tokens:
            event["tokens"] = {**summary.tokens}
        if attributes:
            event["attributes"] = {**self._common.attributes, **attributes}
        self._request = self._body = self._content = self._request_digest = None
        return event

    def _add_end(self, event: Event, attributes: dict[str, JsonValue], summary: _provider.AnswerSummary) -> None:
        """Add how the call ended. The log itself derives an outcome from the status."""
        if self._error is not None:
            event["outcome"] = summary.outcome or _provider.ERROR
            attributes["error_type"] = self._error
        elif summary.outcome == _provider.BLOCKED or (self._status or 0) < _CLIENT_ERROR:
            event["outcome"] = summary.outcome
        if summary.code is not None:
            attributes["error_code"] = summary.code
        if summary.reason is not None:
            attributes["finish_reason"] = summary.reason

    def _event(self) -> Event:
        """Return what is known when the call is made, and from the head of its answer."""
        event: Event = {
            "id": _event.new_id(),
            "timestamp": _event.time_of(self._started),
            **self._common.fields,
            "endpoint": _event.clean_endpoint(_written(self._url)),
            "method": self._method,
            "status": self._status,
            "correlation_id": self._correlation_id,
            "attributes": {**self._common.attributes},
        }
        if self._user_id is not None:
            event["user_id"] = self._user_id
        if self._session_id is not None:
            event["session_id"] = self._session_id
        headers = plain_headers(self._headers)
        traceparent = headers.get("traceparent")
        if traceparent is not None and (match := _TRACEPARENT.fullmatch(traceparent)):
            event["trace_id"], event["span_id"] = match.groups()
        self._add_request(event, headers.get("content-type"))
        event["provider_request_id"] = _provider.request_id(self._answer)
        return event

    def _add_request(self, event: Event, content_type: str | None) -> None:
        if self._request_digest is None:
            if isinstance(self._request, Body):
                self._request_digest = self._request.finish(streamed=False).total
            else:
                self._request_digest = digest_payload(self._request or b"", key=self._common.key)
        digest = self._request_digest
        event["request_bytes"] = digest.size
        event["request_hash"] = digest.digest if self._request_complete else None
        mime = _event.media_type(content_type)
        event["request_mime"] = mime or (digest.mime if digest.size else None)

    def _add_response(self, event: Event, attributes: dict[str, JsonValue], summary: _provider.AnswerSummary) -> None:
        mime = _event.media_type(self._answer.get("content-type"))
        if self._body is None:
            digested = Digested(total=digest_payload(self._content or b"", key=self._common.key))
        else:
            digested = self._body.finish(streamed=self._streamed or not self._complete)
        total = digested.total
        summary.read(total.value)
        complete = self._is_complete()
        event["response_bytes"] = total.size
        event["response_mime"] = mime or (total.mime if total.size else None)
        if complete:
            event["response_hash"] = total.digest
        if self._streamed or not complete:
            event["stream"] = _event.stream_part(self._id, digested.stream, size=total.size, complete=complete)
        if total.undigestible is not None:
            attributes["response_undigestible"] = total.undigestible

    def _is_complete(self) -> bool:
        """Return whether the answer is complete. A model's stream is complete once its last event has come."""
        events = None if self._body is None else self._body.events
        if self._complete:
            return events is None or not events.is_cut
        if self._error is not None:
            return False
        length = self._answer.get("content-length", "")
        if self._body is not None and length.isdigit() and int(length) == self._body.raw_bytes:
            return True
        return events is not None and events.is_over


def _written(url: Url) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}{url.raw_path.decode('ascii', 'replace')}"
