"""How an OTLP exporter is answered: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response.

Promise: in the type of the request. What is refused for good is never asked for again: 200 with `partial_success`, or a
4xx that no exporter retries. What is not durable is 503 with `Retry-After`, which every exporter retries. No message
holds a value from the request.

The two messages of a few bytes are written here, so that an answer never waits for protobuf to be imported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal, TypeAlias

import orjson

from log_writer.intake.decoded import Refusal
from log_writer.reply import ALWAYS, JSON, RETRY_AFTER, UNAVAILABLE, Response, Stored

PROTOBUF: Final = "application/x-protobuf"
Rejected: TypeAlias = Literal["rejectedLogRecords", "rejectedSpans"]

# google.rpc.Code
_CODES: Final = {
    HTTPStatus.UNAUTHORIZED: 16,
    HTTPStatus.METHOD_NOT_ALLOWED: 12,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,
}
_INVALID_ARGUMENT: Final = 3
_MOST_REASONS: Final = 5
_VARINT: Final = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpAnswers:
    """Answers for one signal (`rejected`: what its response calls the number of refused items) in one encoding."""

    rejected: Rejected
    protobuf: bool

    def stored(self, stored: Stored) -> Response:
        """Answer 200. OTLP has no place for the ids of records."""
        return self._exported(stored.refused, len(stored.records) + len(stored.refused))

    def refused_all(self, refused: Sequence[Refusal]) -> Response:
        """Answer 200 as well: an error status would not say that the items themselves are invalid."""
        return self._exported(refused, len(refused))

    def problem(self, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """Answer with a `google.rpc.Status`."""
        code = _CODES.get(status, _INVALID_ARGUMENT)
        if self.protobuf:
            body = _number(1, code) + _delimited(2, detail.encode())
        else:
            body = orjson.dumps({"code": code, "message": detail})
        return self._response(status, body, headers)

    def unavailable(self) -> Response:
        """503, and when to come again."""
        return self.problem(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE, headers=RETRY_AFTER)

    def _exported(self, refused: Sequence[Refusal], total: int) -> Response:
        if not refused:
            return self._response(HTTPStatus.OK, b"" if self.protobuf else b"{}")
        message = _message(refused, total)
        if self.protobuf:
            partial = _number(1, len(refused)) + _delimited(2, message.encode())
            return self._response(HTTPStatus.OK, _delimited(1, partial))
        # Protobuf's JSON writes 64-bit numbers as texts.
        body = {"partialSuccess": {self.rejected: str(len(refused)), "errorMessage": message}}
        return self._response(HTTPStatus.OK, orjson.dumps(body))

    def _response(self, status: HTTPStatus, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
        media_type = PROTOBUF if self.protobuf else JSON
        return Response(
            status=status.value,
            body=body,
            headers={"Content-Type": media_type, **ALWAYS, **(headers or {})},
            binary=self.protobuf,
        )


def _message(refused: Sequence[Refusal], total: int) -> str:
    """How many were refused, and why: fields and reasons of ours."""
    reasons = Counter(f"{item.field} {item.reason}".strip() for item in refused)
    listed = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(_MOST_REASONS))
    return f"{len(refused)} of {total} refused: {listed}"


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= _VARINT:
        encoded.append(number % _VARINT + _VARINT)
        number //= _VARINT
    encoded.append(number)
    return bytes(encoded)


def _number(field: int, value: int) -> bytes:
    return bytes([field << 3]) + _varint(value)


def _delimited(field: int, value: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(value)) + value
