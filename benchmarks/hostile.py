"""Requests made to be slow: the worst against ordinary calls of the same size, and against half of itself.

Through the whole writer; for the masker alone see `masking`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import orjson

from benchmarks.calls import make_calls
from benchmarks.measure import TIMES, Row, at_most, in_turns, ratio, seconds
from benchmarks.writing import Bench

_SIZE: Final = 6_000_000
_WORST_GOAL: Final = 3
_DOUBLE_GOAL: Final = 2.2
_ROUNDS: Final = 3
_PIECE: Final = 400

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
"""Handles an input of so many bytes."""


def rows(*, quick: bool) -> list[Row]:
    """Measure."""
    size = _SIZE // 100 if quick else _SIZE
    bench = Bench()
    ordinary = b",".join(make_calls(20 if quick else 600, seed=3).events)
    body = b"[%b]" % ordinary[: ordinary.rindex(b',{"timestamp"', 0, size)]

    def posting(unit: str, wrap: Callable[[str], bytes]) -> Work:
        made: dict[int, bytes] = {}  # making it takes time that is not the writer's

        def post(size: int) -> None:
            if size not in made:
                made[size] = _filled(unit, wrap, size)
            bench.write([made[size]])  # a hostile request that is refused at the door would seem fast

        return post

    requests = [posting(unit, wrap) for unit in _UNITS for wrap in (_in_a_payload, _in_attributes)]
    return _judged("hostile request", requests, lambda: bench.write([body]), size)


def _filled(unit: str, wrap: Callable[[str], bytes], size: int) -> bytes:
    """A body of about `size` bytes, and no more: what JSON adds to the text depends on what is in it."""
    count = size // len(unit.encode())
    while len(body := wrap(unit * count)) > size:
        count = int(count * size / len(body) * 0.99)
    return body


def _in_a_payload(text: str) -> bytes:
    return orjson.dumps({"timestamp": "2026-11-23T00:00:00Z", "request": {"content": text}})


def _in_attributes(text: str) -> bytes:
    """As many events with as many attributes as it takes, each name and each value another."""
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    events = [
        {f"{piece[:9]}{start + index}": f"{index} {piece}" for index, piece in enumerate(pieces[start : start + 20])}
        for start in range(0, len(pieces), 20)
    ]
    return orjson.dumps([{"timestamp": "2026-11-23T00:00:00Z", "attributes": event} for event in events])


def _judged(what: str, hostile: list[Work], ordinary: Callable[[], object], size: int) -> list[Row]:
    """Find the slowest input at a tenth of the size; compare that one with `ordinary`, and with half of itself."""
    slowest = max(hostile, key=lambda work: min(seconds(lambda: work(size // 10)) for _ in range(3)))
    taken = in_turns(
        _ROUNDS, ordinary=ordinary, half=lambda: slowest(size // 2), whole=lambda: slowest(size), warm_up=False
    )
    return [
        Row(name=f"worst {what}, to an ordinary one", value=ratio(taken, "whole", "ordinary"), unit=TIMES,
            goal=at_most(_WORST_GOAL)),
        Row(name=f"worst {what}, t(2n)/t(n)", value=ratio(taken, "whole", "half"), unit=TIMES,
            goal=at_most(_DOUBLE_GOAL)),
    ]  # fmt: skip
