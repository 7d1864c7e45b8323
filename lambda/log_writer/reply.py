"""What goes back to the sender.

Promise: names of ours, ids and digests; never a value from the request. Failures are problem documents (RFC 9457).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Protocol

import orjson

from log_writer.batch import StoredRecord
from log_writer.intake.decoded import Refusal

JSON = "application/json"
PROBLEM = "application/problem+json"
RETRY_AFTER_SECONDS = 5

UNAVAILABLE = "The records are not known to be durable. Send the same request again."
RETRY_AFTER = {"Retry-After": str(RETRY_AFTER_SECONDS)}
ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP response. `binary`: its body is no text. `summary` is what the operational log may say about it."""

    status: int
    body: bytes
    headers: dict[str, str]
    binary: bool = False
    summary: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Warned:
    """A warning about `events` stored events, of which `index` is the first. Holds our own names only."""

    index: int
    field: str
    reason: str
    events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The result of a request: `records` are durable, in the object `key`; `refused` are refused for good.

    `duplicate`: an earlier request stored them.
    """

    records: Sequence[StoredRecord] = ()
    refused: Sequence[Refusal] = ()
    warnings: Sequence[Warned] = ()
    key: str = ""
    duplicate: bool = False


class Answers(Protocol):
    """The answers to the senders of one format, in the form that they understand."""

    def stored(self, stored: Stored) -> Response:
        """Answer a request whose records are stored."""
        ...

    def refused_all(self, refused: Sequence[Refusal]) -> Response:
        """Answer a request whose events, one or more, are all refused for good."""
        ...

    def problem(self, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """Refuse the request as a whole, for good: a 4xx."""
        ...

    def unavailable(self) -> Response:
        """Answer 503: nothing is known to be stored; the sender may send the same request again."""
        ...


class JsonAnswers:
    """The writer's own answers: a list of what is stored and what is refused, and problem documents."""

    def stored(self, stored: Stored) -> Response:
        """Answer 200 when all were stored, 207 when some were refused.

        A leaf is null where an earlier request stored the record and its bytes depend on that request's time.
        """
        status = HTTPStatus.MULTI_STATUS if stored.refused else HTTPStatus.OK
        body: dict[str, object] = {
            "stored": [
                {
                    "index": record.index,
                    "record_id": record.record_id,
                    "leaf": None if record.timed and stored.duplicate else record.leaf,
                    "object": stored.key,
                    "duplicate": stored.duplicate,
                }
                for record in stored.records
            ],
            "refused": _refused(stored.refused),
        }
        if stored.warnings:
            body["warnings"] = [asdict(warned) for warned in stored.warnings]
        return Response(status=status, body=orjson.dumps(body), headers={"Content-Type": JSON, **ALWAYS})

    def refused_all(self, refused: Sequence[Refusal]) -> Response:
        """Answer 403 when each event claims to be another agent's, 422 otherwise."""
        if all(refusal.forbidden for refusal in refused):
            return _problem(HTTPStatus.FORBIDDEN, "Every event is another agent's.", refused=refused)
        return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, "No event could be stored.", refused=refused)

    def problem(self, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """Answer with a problem document."""
        return _problem(status, detail, headers=headers)

    def unavailable(self) -> Response:
        """Answer with a problem document that says when to send the request again."""
        return _problem(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE, headers=RETRY_AFTER)


def _problem(
    status: HTTPStatus,
    detail: str,
    *,
    refused: Sequence[Refusal] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document. `index`, `field` and `reason` are those of the first refusal."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "index": refused[0].index if refused else None,
        "field": refused[0].field if refused else "",
        "reason": refused[0].reason if refused else detail,
        "stored": [],
        "refused": _refused(refused),
    }
    return Response(
        status=status.value, body=orjson.dumps(body), headers={"Content-Type": PROBLEM, **ALWAYS, **(headers or {})}
    )


def _refused(refused: Sequence[Refusal]) -> list[dict[str, object]]:
    return [{"index": item.index, "field": item.field, "reason": item.reason} for item in refused]
