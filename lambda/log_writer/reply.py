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
    """Something about events that are stored: `events` so many, the first of them `index`. Names of ours alone."""

    index: int
    field: str
    reason: str
    events: int = 0


class Answers(Protocol):
    """How one format's senders are told what became of a request: in words that they understand."""

    def stored(
        self,
        records: Sequence[StoredRecord],
        refused: Sequence[Refusal],
        warnings: Sequence[Warned],
        *,
        key: str,
        duplicate: bool,
        ours: bool,
    ) -> Response:
        """The records are durable, in the object `key`; what is refused is refused for good. See `stored`."""
        ...

    def refused_all(self, refused: Sequence[Refusal]) -> Response:
        """Each of one or more events is refused for good."""
        ...

    def problem(self, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """The request as a whole is refused for good: a 4xx."""
        ...

    def unavailable(self) -> Response:
        """503: it is not known that anything is stored; the same request may be sent again."""
        ...


class JsonAnswers:
    """The writer's own way: a list of what is stored and what is refused, and problem documents."""

    def stored(
        self,
        records: Sequence[StoredRecord],
        refused: Sequence[Refusal],
        warnings: Sequence[Warned],
        *,
        key: str,
        duplicate: bool,
        ours: bool,
    ) -> Response:
        """200 or 207."""
        return stored(records, refused, warnings, key=key, duplicate=duplicate, ours=ours)

    def refused_all(self, refused: Sequence[Refusal]) -> Response:
        """403 or 422."""
        return refused_all(refused)

    def problem(self, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """A problem document."""
        return problem(status, detail, headers=headers)

    def unavailable(self) -> Response:
        """A problem document, and when to come again."""
        return unavailable()


def stored(
    records: Sequence[StoredRecord],
    refused: Sequence[Refusal],
    warnings: Sequence[Warned],
    *,
    key: str,
    duplicate: bool,
    ours: bool,
) -> Response:
    """200 when all were stored, 207 when some were refused.

    A leaf is null where the stored bytes depend on a clock and are not ours: those of a request before this one.
    """
    status = HTTPStatus.MULTI_STATUS if refused else HTTPStatus.OK
    body: dict[str, object] = {
        "stored": [
            {
                "index": record.index,
                "record_id": record.record_id,
                "leaf": None if record.timed and not ours else record.leaf,
                "object": key,
                "duplicate": duplicate,
            }
            for record in records
        ],
        "refused": _refused(refused),
    }
    if warnings:
        body["warnings"] = [asdict(warned) for warned in warnings]
    return Response(status=status, body=orjson.dumps(body), headers={"Content-Type": JSON, **ALWAYS})


def refused_all(refused: Sequence[Refusal]) -> Response:
    """403 when each event claims to be another agent's, 422 otherwise."""
    if all(refusal.forbidden for refusal in refused):
        return problem(HTTPStatus.FORBIDDEN, "Every event is another agent's.", refused=refused)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "No event could be stored.", refused=refused)


def problem(
    status: HTTPStatus,
    detail: str,
    *,
    refused: Sequence[Refusal] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document. `index`, `field` and `reason` are those of the first refusal."""
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


def unavailable() -> Response:
    """503: it is not known that anything is stored; the same request may be sent again."""
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE, headers=RETRY_AFTER)


def _refused(refused: Sequence[Refusal]) -> list[dict[str, object]]:
    return [{"index": item.index, "field": item.field, "reason": item.reason} for item in refused]
