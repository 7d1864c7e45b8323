"""Nothing of a request is looked at more than so many times: twice the bytes take about twice the time."""

import contextlib
import time
from collections.abc import Callable

import pytest

from audit_core.endpoint import clean_endpoint
from audit_core.errors import DecodeError
from audit_core.shape import JsonShape
from audit_core.times import utc_timestamp
from audit_core.trace import trace_id_of
from log_writer.intake import moments, openai_errors
from log_writer.intake.outline import outline
from log_writer.service import correlation_of

MOST = 3.2
"""Of t(2n) to t(n): 2 where time is linear, 4 where it is quadratic."""
LEAST_SECONDS = 0.01
SIZES = (8_000, 200_000)
UNITS = (
    "%40", "@", "a:", "a:/@", "://", "://a", ";", "/", "\\", "?#", "[", "]", "a.", "-", " ", "1", "é", "\x00", "T1:",
    "sk-", "Error: ", "Error code: 4", '{"a":', '"', '\\"', "00-", "2026-06-30T12:34:56.1", "data:", "\uff20",
)  # fmt: skip
TEXTS: dict[str, Callable[[str], object]] = {
    "an endpoint": clean_endpoint,
    "an endpoint with a scheme": lambda text: clean_endpoint("https://" + text),
    "the host of an endpoint": lambda text: clean_endpoint(text, domain_only=True),
    "a time": utc_timestamp,
    "a traceparent": trace_id_of,
    "a pair of times": lambda text: moments.milliseconds_between(text, text),
    "the text of an error": openai_errors._worded,
    "headers": lambda text: correlation_of({"x-correlation-id": text, "x-trace-id": text, "traceparent": text}),
    "the shape of JSON": lambda text: JsonShape().feed(b"[" + text.encode()),
    "the frame of a list": lambda text: _outlined(f"[{text},{text}]".encode()),
    "the frame of an export": lambda text: _outlined(f'{{"resourceLogs":[{{"scopeLogs":[{text}]}}]}}'.encode()),
}
"""What looks at a text that may be as long as a request."""


def _outlined(body: bytes) -> None:
    with contextlib.suppress(DecodeError):
        outline(body, ("resourceLogs", "scopeLogs", "logRecords"))


def _seconds(work: Callable[[], object]) -> float:
    """The least of three."""
    taken = []
    for _ in range(3):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken)


def check_linear(make: Callable[[int], Callable[[], object]]) -> None:
    """Grow until it can be measured, and compare with twice as much; what takes no time is not slow.

    A busy machine is measured again.
    """
    for size in SIZES:
        once, twice = make(size), make(2 * size)
        if _seconds(once) >= LEAST_SECONDS:
            assert any(_seconds(twice) <= MOST * _seconds(once) for _ in range(4))
            return


@pytest.mark.parametrize("what", TEXTS)
@pytest.mark.parametrize("unit", UNITS)
def test_a_text_takes_linear_time(what: str, unit: str) -> None:
    """Whatever fills a text, up to the size of the largest request."""

    def make(size: int) -> Callable[[], object]:
        text = unit * (size // len(unit))
        return lambda: TEXTS[what](text)

    check_linear(make)
