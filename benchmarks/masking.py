"""Measure the masker: recall, precision, speed, hostile inputs, memory; prints a table.

    python benchmarks/masking.py [CORPUS] [--payloads N] [--json]

CORPUS: JSON Lines (plain or gzip), each `{"label": "secret"|"clean", "text": …, "secret": …}`. Without it the rows that
need one say `not run`. Speeds are processor time, and only their ratios within one run mean anything.
"""

from __future__ import annotations

import argparse
import base64
import gc
import gzip
import hashlib
import json
import random
import re
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote, urlencode

import orjson
from isal import igzip

_ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_ROOT), str(_ROOT / "lambda")]

from audit_core.masking import Masker, Unscannable  # noqa: E402 - after the path
from audit_core.masking.rules import RULES  # noqa: E402
from benchmarks.masking_traffic import Traffic  # noqa: E402

LARGE = 6_000_000
ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw, under a neutral key": lambda text: text,
    "in JSON": lambda text: json.dumps({"note": text}),
    "in JSON in JSON": lambda text: json.dumps({"a": json.dumps({"note": text})}),
    "URL-encoded": lambda text: quote(text, safe=""),
    "in a form": lambda text: urlencode({"note": text, "page": "2"}),
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
}
HOSTILE: dict[str, Callable[[int], str]] = {
    "one long value": lambda n: "token=" + "A" * n,
    "names": lambda n: "key." * (n // 4),
    "assignments": lambda n: "key=a " * (n // 6),
    "marks": lambda n: "sk-" * (n // 3),
    "web tokens": lambda n: "eyJhbGci." * (n // 9),
    "addresses": lambda n: "a@b." * (n // 4),
    "schemes": lambda n: "a://b:c" * (n // 7),
    "digits": lambda n: "12 345 " * (n // 7),
    "percents": lambda n: "%41" * (n // 3),
    "entities": lambda n: "&#65;" * (n // 5),
    "escapes": lambda n: "\\u0041" * (n // 6),
    "base64": lambda n: base64.b64encode(b"some token: " * (n // 16)).decode(),
    "full width": lambda n: "\uff41" * (n // 3),
    "lines of JSON": lambda n: '{"a":1}\n' * (n // 8),
    "brackets": lambda n: "[" * n,
    "byte values": lambda n: "107, 101, 121, 61, " * (n // 19),
    "dumps": lambda n: "\n0000 6b65793d 6b65793d" * (n // 23),
}
HOSTILE_VALUES: dict[str, Callable[[int], object]] = {
    "many small values": lambda n: [{"a": 1, "b": "x"}] * (n // 16),
    "many secret keys": lambda n: [{"password": "x"}] * (n // 16),
}


class Row(NamedTuple):
    """One line of the table."""

    what: str
    measured: str
    goal: str


def _cpu(run: Callable[[], object], repeat: int = 3) -> float:
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return max(best, 1e-6)


def _attempt(masker: Masker, value: object) -> object:
    try:
        return masker.mask_value(value)[0]  # type: ignore[arg-type]
    except Unscannable:
        return None


def _survives(secret: str, masked: object) -> bool:
    """Return whether the secret can still be read, as it is or after decoding."""
    texts = [masked if isinstance(masked, str) else json.dumps(masked, ensure_ascii=False)]
    for text in texts:
        if secret in text:
            return True
        if len(texts) > 40:  # noqa: PLR2004 - enough to undo every encoding here
            break
        texts += [decoded for decoded in _decodings(text) if decoded not in texts]
    return False


def _decodings(text: str) -> Iterator[str]:
    if "%" in text:
        yield unquote(text)
        yield unquote(text.replace("+", " "))
    try:
        decoded = json.loads(text)
        yield from _strings(decoded)
    except ValueError:
        pass
    for run in re.findall(r"[A-Za-z0-9+/_-]{16,}", text):
        padded = run.replace("-", "+").replace("_", "/") + "=" * (-len(run) % 4)
        if len(run) % 4 != 1:
            yield base64.b64decode(padded).decode("utf-8", "replace")


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from _strings(member)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def corpus_rows(path: Path | None, masker: Masker) -> Iterator[Row]:
    """Measure recall for each encoding, and the clean texts left alone."""
    goals = dict(zip(ENCODINGS, ("99.5%", "99%", "99%", "99%", "-", "95%", "-"), strict=True))
    if path is None:
        for name, goal in goals.items():
            yield Row(f"secrets gone, {name}", "not run", f">= {goal}")
        yield Row("clean texts left untouched", "not run", ">= 90%")
        return
    data = path.read_bytes()
    cases = [json.loads(line) for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()]
    secrets = [case for case in cases if case["label"] == "secret"]
    for name, encode in ENCODINGS.items():
        kept = sum(_survives(case["secret"], _attempt(masker, {"data": encode(case["text"])})) for case in secrets)
        yield Row(f"secrets gone, {name}", f"{100 * (1 - kept / len(secrets)):.2f}%", f">= {goals[name]}")
    clean = [case["text"] for case in cases if case["label"] == "clean"]
    untouched = sum(_attempt(masker, {"data": text}) == {"data": text} for text in clean)
    yield Row("clean texts left untouched", f"{100 * untouched / len(clean):.1f}%", ">= 90%")


def traffic_rows(masker: Masker, count: int) -> Iterator[Row]:
    """Measure with ordinary traffic how much is masked wrongly, and how fast."""
    payloads = list(Traffic(1).payloads(count))
    wrong = sum(_attempt(masker, payload) != payload for payload in payloads)
    yield Row(f"ordinary payloads with anything masked, of {count:,}", f"{100 * wrong / count:.2f}%", "<= 0.5%")
    sample = [orjson.dumps(payload) for payload in payloads[: min(count, 1_000)]]
    size = sum(map(len, sample))
    floor = _cpu(lambda: [_floor(data) for data in sample])
    ours = _cpu(lambda: [_attempt(masker, orjson.loads(data)) for data in sample])
    yield Row("masking every payload whole, MB/s of processor time", f"{size / ours / 1e6:.0f}", "-")
    yield Row("its speed to the floor (orjson + SHA-256 + isal gzip)", f"{floor / ours:.2f}x", "-")
    few = [data for data in sample if len(data) < 20_000][:20]  # noqa: PLR2004 - the slow side must end
    patterns = [re.compile(f"{rule.before}(?:{'|'.join(map(re.escape, rule.marks))})(?:{rule.tail})") for rule in RULES]
    plain = _cpu(lambda: [pattern.sub("", data.decode()) for data in few for pattern in patterns], 1)
    same = _cpu(lambda: [_attempt(masker, orjson.loads(data)) for data in few])
    yield Row("its speed to the same formats as plain re, one by one", f"{plain / same:.0f}x", "-")


def _floor(data: bytes) -> bytes:
    orjson.loads(data)
    hashlib.sha256(data).digest()
    return bytes(igzip.compress(data, 2))


def hostile_rows(masker: Masker) -> Iterator[Row]:
    """Compare inputs made to be slow with ordinary ones of the same size."""
    ordinary = _ordinary(LARGE)
    base = _cpu(lambda: _attempt(masker, ordinary), 2)
    ratios: dict[str, float] = {}
    growth: dict[str, float] = {}
    texts: dict[str, Callable[[int], object]] = {**HOSTILE, **HOSTILE_VALUES}
    for name, make in texts.items():
        whole, half = make(LARGE), make(LARGE // 2)
        ratios[name] = _cpu(lambda value=whole: _attempt(masker, value), 2) / base
        growth[name] = ratios[name] * base / max(_cpu(lambda value=half: _attempt(masker, value), 2), 0.005)
    worst = max(ratios, key=ratios.__getitem__)
    yield Row(f"worst hostile 6 MB to ordinary 6 MB ({worst})", f"{ratios[worst]:.1f}x", "<= 3x")
    steepest = max(growth, key=growth.__getitem__)
    yield Row(f"time for twice the input, worst ({steepest})", f"{growth[steepest]:.1f}x", "<= 2.2x")


def _ordinary(size: int) -> list[object]:
    payloads: list[object] = []
    for payload in Traffic(2).payloads(10_000):
        payloads.append(payload)
        size -= len(orjson.dumps(payload))
        if size <= 0:
            break
    return payloads


def memory_rows(masker: Masker) -> Iterator[Row]:
    """Measure peak memory for the largest payload, and what many payloads leave behind."""
    large = _ordinary(LARGE)
    masker.mask_value(large)  # type: ignore[arg-type]
    gc.collect()
    tracemalloc.start()
    masker.mask_value(large)  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    yield Row("peak memory to the size of the largest payload", f"{peak / LARGE:.1f}x", "<= 8x")
    payloads = list(Traffic(3).payloads(200))
    _mask_all(masker, payloads)
    gc.collect()
    tracemalloc.start()
    _mask_all(masker, payloads)
    first = tracemalloc.get_traced_memory()[0]
    for _ in range(4):
        _mask_all(masker, payloads)
    gc.collect()
    last = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    yield Row("memory kept after 1,000 payloads, KB", f"{(last - first) / 1000:.0f}", "flat")


def _mask_all(masker: Masker, payloads: Iterable[object]) -> None:
    for payload in payloads:
        _attempt(masker, payload)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="?", type=Path)
    parser.add_argument("--payloads", type=int, default=5_100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    random.seed(1)
    start = time.process_time()
    masker = Masker()
    made = time.process_time() - start
    secrets_only = Masker(personal="off")
    rows = [Row("rules", str(len(RULES)), ">= 150"), Row("making a masker, ms", f"{1000 * made:.0f}", "-")]
    rows += corpus_rows(options.corpus, secrets_only)
    rows += traffic_rows(secrets_only, options.payloads)
    rows += hostile_rows(masker)
    rows += memory_rows(masker)
    if options.json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
        return
    width = max(len(row.what) for row in rows)
    print(f"| {'what':{width}} | measured | goal |\n| {'-' * width} | --- | --- |")
    for row in rows:
        print(f"| {row.what:{width}} | {row.measured} | {row.goal} |")


if __name__ == "__main__":
    main()
