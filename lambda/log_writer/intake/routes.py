"""Which path takes which format, how that is decoded, and how its senders are answered.

Promise: one table. A path that is not in it is no intake; what a path takes, and how it answers, stands here alone. The
operational log may name these paths, and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from log_writer.body import holds_more_values
from log_writer.intake.decoded import Decode
from log_writer.intake.litellm import decode_litellm
from log_writer.intake.native import decode_native
from log_writer.intake.openai_traces import decode_openai_traces
from log_writer.intake.otlp import (
    decode_logs_json,
    decode_logs_protobuf,
    decode_spans_json,
    decode_spans_protobuf,
    logs_too_heavy,
    spans_too_heavy,
)
from log_writer.intake.otlp_answers import PROTOBUF, OtlpAnswers, Rejected
from log_writer.reply import JSON, Answers, JsonAnswers

HEALTH_PATH = "/healthz"
NATIVE_PATH = "/v1/events"
OPENAI_TRACES_PATH = "/v1/traces/ingest"
LITELLM_PATH = "/v1/litellm"
METRICS_PATH = "/v1/metrics"  # of OTLP; no intake


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """One format.

    `too_heavy` returns, without decoding it, whether a body holds more values than the limit. `carries_trace`: the
    request's own trace headers are those of the calls in it; a telemetry exporter's are not.
    """

    decode: Decode
    answers: Answers
    too_heavy: Callable[[bytes, int], bool] = holds_more_values
    carries_trace: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What one path takes: a format for each media type, and one for any other.

    `strict`: a body of any other type is refused (415), and `default` only says how.
    """

    default: Intake
    typed: Mapping[str, Intake] = field(default_factory=dict)
    strict: bool = False

    def choose(self, content_type: str) -> tuple[Intake, bool]:
        """Return the format for a `Content-Type` header, and whether the route accepts that type."""
        media_type = content_type.partition(";")[0].strip().lower()
        intake = self.typed.get(media_type)
        return (self.default, not self.strict) if intake is None else (intake, True)


_NATIVE = Route(default=Intake(decode=decode_native, answers=JsonAnswers()))


def _otlp(
    rejected: Rejected, from_json: Decode, from_protobuf: Decode, too_heavy: Callable[[bytes, int], bool]
) -> Route:
    """One of OTLP's signals, in its two encodings."""
    in_json = Intake(decode=from_json, answers=OtlpAnswers(rejected=rejected, protobuf=False), carries_trace=False)
    in_protobuf = Intake(
        decode=from_protobuf,
        answers=OtlpAnswers(rejected=rejected, protobuf=True),
        too_heavy=too_heavy,
        carries_trace=False,
    )
    return Route(default=in_json, typed={JSON: in_json, PROTOBUF: in_protobuf}, strict=True)


ROUTES: Mapping[str, Route] = {
    NATIVE_PATH: _NATIVE,
    "/": _NATIVE,
    OPENAI_TRACES_PATH: Route(default=Intake(decode=decode_openai_traces, answers=JsonAnswers(), carries_trace=False)),
    LITELLM_PATH: Route(default=Intake(decode=decode_litellm, answers=JsonAnswers(), carries_trace=False)),
    "/v1/logs": _otlp("rejectedLogRecords", decode_logs_json, decode_logs_protobuf, logs_too_heavy),
    "/v1/traces": _otlp("rejectedSpans", decode_spans_json, decode_spans_protobuf, spans_too_heavy),
}


def plain_path(path: str) -> str:
    """`path` as the table has it."""
    return path.rstrip("/") or "/"


def loggable_path(path: str) -> str:
    """`path` where it is one of ours, `other` where it may hold anything."""
    path = plain_path(path)
    return path if path in ROUTES or path == HEALTH_PATH else "other"


def answers_for(path: str, content_type: str) -> Answers:
    """How the sender of a request is answered, in every case."""
    route = ROUTES.get(plain_path(path), _NATIVE)
    return route.choose(content_type)[0].answers
