"""Requests made to be slow: the worst against an ordinary one of the same size and kind, and against half of itself.

Through the whole writer; for the masker alone see `masking`. There are two kinds: payloads are digested, metadata is
masked and stored, which takes longer a byte, in an ordinary request too. So hostile metadata, and as many small calls
as a request may hold, are compared with ordinary metadata; and with payloads, of which no goal can be asked: ordinary
metadata would miss it.
"""

from __future__ import annotations

import base64
import random
import uuid
from bisect import bisect_right
from collections.abc import Callable, Container
from functools import partial
from itertools import accumulate
from typing import Final
from urllib.parse import quote

import orjson

from benchmarks.calls import make_calls
from benchmarks.measure import TIMES, Row, at_most, in_turns, ratio, seconds
from benchmarks.writing import Bench
from log_writer.config import Limits

_SIZE: Final = 6_000_000
_WORST_GOAL: Final = 3
_DOUBLE_GOAL: Final = 2.2
_ROUNDS: Final = 3
_PIECE: Final = 400
_MOST: Final = Limits().values - 1_000
"""The values that the writer takes, less a few for what is around them."""
_TELEMETRY: Final = 620
"""Bytes of one call of telemetry, generously: a request may hold 10,000 calls."""

# Texts that cost somebody's engine a second a kilobyte, once.
_UNITS: Final = (
    "token=" + "A" * 58,
    "sk-ghp_AKIAxoxb-eyJAIzaSG.",
    "a@b.c@d.e@",
    "4111 1111 1111 111 ",
    "%25%32%35",
    '{"a":[{"',
    base64.b64encode(base64.b64encode(b"password=" + b"B" * 40)).decode(),
    "https://u:p@h/?k=v&token=x#",
    orjson.dumps(orjson.dumps({"key": "value"}).decode()).decode(),
    "\uff50\uff41\uff53\u200bs=",
    "secret password token key ",
    quote("password=secret&token=", safe=""),
)


Work = Callable[[int], object]
"""Handles an input of the given size in bytes."""
Make = Callable[[int], bytes]
"""Makes a request of about the given size in bytes."""


def rows(*, quick: bool) -> list[Row]:
    """Measure."""
    size = _SIZE // 100 if quick else _SIZE
    bench = Bench()
    calls = make_calls(20 if quick else 600, seed=3).events

    def posting(make: Make) -> Work:
        made: dict[int, bytes] = {}  # making it takes time that is not the writer's

        def post(size: int) -> None:
            if size not in made:
                made[size] = make(size)
            bench.write([made[size]])  # a hostile request that is refused at the door would seem fast

        return post

    def ordinary(events: list[bytes]) -> Callable[[], object]:
        body = _array(events, size)
        return lambda: bench.write([body])

    with_payloads = ordinary(calls)
    payloads = [posting(make) for make in (*_filled_with(_in_a_payload), *DENSE)]
    metadata = [posting(make) for make in (*_filled_with(_in_attributes), tiny_attributes, small_calls)]
    return [
        *_judged("hostile payloads", payloads, {"to ordinary ones": with_payloads}, size, goals=("to ordinary ones",)),
        *_judged(
            "hostile metadata",
            metadata,
            {
                "to ordinary metadata": ordinary(_telemetry(size // _TELEMETRY)),
                "to ordinary calls with payloads": with_payloads,
            },
            size,
            goals=("to ordinary metadata",),
        ),
    ]


def _telemetry(count: int) -> list[bytes]:
    """Return what an exporter of telemetry sends, each call different: ids, names, counts, a line of text."""
    chance = random.Random(4)  # noqa: S311 - a generator of test data
    return [
        orjson.dumps({
            "timestamp": "2026-11-23T00:00:00Z",
            "endpoint": "https://api.example.com/v1/chat/completions",
            "method": "POST",
            "status": 200,
            "user_id": f"u_{index}",
            "trace_id": f"{chance.getrandbits(128):032x}",
            "span_id": f"{chance.getrandbits(64):016x}",
            "correlation_id": str(uuid.UUID(int=chance.getrandbits(128))),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.response.id": f"chatcmpl-{chance.getrandbits(120):030x}",
                "service_name": "shop",
                "request_id": f"req_{chance.getrandbits(96):024x}",
                "summary": f"the customer asked about order {index} and heard when it comes",
                "finish_reasons": ["stop"],
            },
        })
        for index in range(count)
    ]  # fmt: skip


def _array(events: list[bytes], size: int) -> bytes:
    """Return as many of the events as make a request of about `size` bytes."""
    taken = list(accumulate(map(len, events)))
    return b"[%b]" % b",".join(events[: max(1, bisect_right(taken, size))])


def _filled_with(wrap: Callable[[str], bytes]) -> list[Make]:
    return [partial(_filled, unit, wrap) for unit in _UNITS]


def dense(unit: bytes, weight: int, size: int) -> bytes:
    """Return a call with as many small values as the writer takes, and a text. `weight`: what one value counts."""
    return _call(b"[" + unit * min(size // len(unit), _MOST // weight) + b"1]", size)


def names(prefix: str, size: int) -> bytes:
    """Return an object with as many members as the writer takes, each with another name."""
    count = min(size // 12, _MOST // 3)
    return _call(b"{%b}" % ",".join(f'"{prefix}{number:x}":1' for number in range(count)).encode(), size)


def small_calls(size: int) -> bytes:
    """Return as many calls as a request may hold, each with a few odd numbers."""
    count = 9_900
    each = max(1, min((size // count - 60) // 7, _MOST // count - 20))
    call = b'{"timestamp":"2026-11-23T00:00:00Z","request":[%b1]}' % (b"9.1e-6," * each)
    return b"[%b]" % b",".join([call] * min(count, 1 + size // len(call)))


def chunks(size: int) -> bytes:
    """Return a stream of as many chunks as the writer takes, which may be JSON until its end."""
    pieces = b'"1,",' * min(size // 5, _MOST // 2)
    call = b'{"timestamp":"2026-11-23T00:00:00Z","response_chunks":["[",%b"1]"]}' % pieces
    return b"[%b,%b]" % (call, _call(b"1", size - len(call)))


def texts_of_arrays(size: int) -> bytes:
    """Return payloads of text with nothing but arrays, as many as one payload may hold."""
    arrays = "[" + "[]," * min(_MOST // 4, size // 30) + "1]"
    event = orjson.dumps({"timestamp": "2026-11-23T00:00:00Z", "request": arrays})
    return b"[%b]" % b",".join([event] * max(1, size // len(event)))


def tiny_attributes(size: int) -> bytes:
    """Return as many attributes as the writer takes, each with another name."""
    body = bytearray(b"[")
    for start in range(0, min(size // 18, _MOST // 5), 100):
        pairs = ",".join(f'"k{number:x}":"v{number:x}"' for number in range(start, start + 100))
        body += b'{"timestamp":"2026-11-23T00:00:00Z","attributes":{%b}},' % pairs.encode()
    return bytes(body) + _call(b"1", size - len(body)) + b"]"


def _call(request: bytes, size: int) -> bytes:
    """Return a call that brings `request`, and text up to `size` bytes."""
    rest = b"all is well " * max(0, (size - len(request) - 80) // 12)
    return b'{"timestamp":"2026-11-23T00:00:00Z","request":%b,"response":"%b"}' % (request, rest)


def _filled(unit: str, wrap: Callable[[str], bytes], size: int) -> bytes:
    """Return a body of at most about `size` bytes: what JSON adds to the text depends on the text."""
    count = size // len(unit.encode())
    while len(body := wrap(unit * count)) > size:
        count = int(count * size / len(body) * 0.99)
    return body


def _in_a_payload(text: str) -> bytes:
    return orjson.dumps({"timestamp": "2026-11-23T00:00:00Z", "request": {"content": text}})


def _in_attributes(text: str) -> bytes:
    """Return as many events and attributes as the writer takes, each name and value different."""
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    events = [
        {f"{piece[:9]}{start + index}": f"{index} {piece}" for index, piece in enumerate(pieces[start : start + 20])}
        for start in range(0, len(pieces), 20)
    ]
    return orjson.dumps([{"timestamp": "2026-11-23T00:00:00Z", "attributes": event} for event in events])


DENSE: Final[tuple[Make, ...]] = (
    partial(dense, b"9.1e-6,", 1),
    partial(dense, b"1e17,", 1),
    partial(dense, b"-0.0,", 1),
    partial(dense, b"12345678901234567890,", 1),
    partial(dense, b'"ab",9.1e-6,', 3),
    partial(dense, b'{"a":9.1e-6},', 6),
    partial(dense, b'{"token":[]},', 9),
    partial(dense, b"[-0.0],", 4),
    partial(names, "k"),
    partial(names, "\U0001f600\ue000"),
    chunks,
    texts_of_arrays,
)
"""Requests of small values: numbers that ECMAScript writes otherwise, secret fields, odd keys, chunks."""


def _judged(
    what: str, hostile: list[Work], ordinary: dict[str, Callable[[], object]], size: int, *, goals: Container[str]
) -> list[Row]:
    """Find the slowest input at half the size, as bounds are met late; compare it with ordinary ones and its half."""
    slowest = max(hostile, key=lambda work: min(seconds(lambda: work(size // 2)) for _ in range(2)))
    taken = in_turns(_ROUNDS, half=lambda: slowest(size // 2), whole=lambda: slowest(size), warm_up=False, **ordinary)
    return [
        *(
            Row(name=f"worst {what}, {compared}", value=ratio(taken, "whole", compared), unit=TIMES,
                goal=at_most(_WORST_GOAL) if compared in goals else None)
            for compared in ordinary
        ),
        Row(name=f"worst {what}, t(2n)/t(n)", value=ratio(taken, "whole", "half"), unit=TIMES,
            goal=at_most(_DOUBLE_GOAL)),
    ]  # fmt: skip
