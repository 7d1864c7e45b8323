"""Linear time and failing closed: the work is counted, never timed."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable

import pytest

from audit_core.masking import PLACEHOLDER, Masker, Unscannable
from audit_core.masking.budget import ALLOWANCE, PER_BYTE, Budget
from audit_core.masking.masker import MAX_BYTES
from audit_core.masking.scanner import MAX_ROUNDS, scan

MASKER = Masker()
SECRET = "ghp_" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe"

HOSTILE: dict[str, Callable[[int], str]] = {
    "one long value": lambda n: "token=" + "A" * n,
    "one long word": lambda n: "a" * n,
    "names without values": lambda n: "key" * (n // 3),
    "names and dots": lambda n: "key." * (n // 4),
    "assignments": lambda n: "key=a " * (n // 6),
    "assignments of secrets": lambda n: "token=9f8a7b6c5d4e3f2a1b0c " * (n // 27),
    "marks": lambda n: "sk-" * (n // 3),
    "long marks": lambda n: "glpat-" * (n // 6),
    "beginnings of web tokens": lambda n: "eyJ" * (n // 3),
    "beginnings of web tokens, apart": lambda n: "eyJhbGci." * (n // 9),
    "beginnings of keys": lambda n: "-----BEGIN PRIVATE KEY-----" * (n // 27),
    "addresses": lambda n: "a@" * (n // 2),
    "schemes": lambda n: "://" * (n // 3),
    "schemes and names": lambda n: "a://b:c" * (n // 7),
    "digits": lambda n: "1" * n,
    "digits and spaces": lambda n: "12 " * (n // 3),
    "colons": lambda n: "a:" * (n // 2),
    "percents": lambda n: "%41" * (n // 3),
    "percents of percents": lambda n: "%25" * (n // 3),
    "entities": lambda n: "&#65;" * (n // 5),
    "escapes": lambda n: "\\u0041" * (n // 6),
    "backslashes": lambda n: "\\" * n,
    "quotes": lambda n: 'x"' * (n // 2),
    "base64": lambda n: base64.b64encode(b"token: " * (n // 10)).decode(),
    "hexadecimal": lambda n: "6b" * (n // 2),
    "hexadecimal with spaces": lambda n: "6b 65 79 " * (n // 9),
    "base32": lambda n: base64.b32encode(b"token: " * (n // 12)).decode(),
    "UTF-16 in base64": lambda n: base64.b64encode(("token: " * (n // 20)).encode("utf-16-le")).decode(),
    "streams that unpack to much": lambda n: (base64.b64encode(zlib.compress(b"a" * 9_000)).decode() + " ") * (n // 60),
    "beginnings of streams": lambda n: "H4sIAAAAAAAA/////////////////// " * (n // 32),
    "colours": lambda n: "\x1b[31mk" * (n // 6),
    "long references": lambda n: "&#" + "1" * n + ";",
    "escaped slashes": lambda n: "\\/" * (n // 2),
    "full width": lambda n: "\uff41" * (n // 3),
    "zero width": lambda n: "\u200b" * (n // 3),
    "new lines": lambda n: "\n{" * (n // 2),
    "events": lambda n: "data: {\n" * (n // 8),
    "open brackets": lambda n: "[" * n,
    "tags": lambda n: "<key>" * (n // 5),
    "controls": lambda n: "\x01" * n,
    "byte values": lambda n: "107, 101, 121, 61, " * (n // 19),
    "byte values of compressed text": lambda n: (", ".join(map(str, gzip.compress(b"a" * 9_000))) + ". ") * (n // 160),
    "lines of a dump": lambda n: "\n0000 6b65793d 6b65793d" * (n // 23),
    "beginnings of dumps": lambda n: "\n0000 00 00 0" * (n // 13),
}


class _Counting(Budget):
    """A budget that never runs out, to see what would have been used."""

    def take(self, work: int) -> None:
        self.used += work


@pytest.mark.parametrize("kind", HOSTILE)
def test_twice_the_input_is_at_most_twice_the_work(kind: str) -> None:
    """Counted candidates and scanned bytes grow no faster than the input."""
    used = []
    for size in (20_000, 40_000):
        text = HOSTILE[kind](size).encode()
        budget = _Counting(len(text))
        for _ in scan([text], MASKER._detectors, budget):
            pass
        used.append(budget.used)
    assert used[1] <= 2.2 * used[0] + 10_000


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_input_is_masked_or_refused(kind: str) -> None:
    """A secret after it never survives: the text is masked, or refused whole."""
    text = f"{HOSTILE[kind](10_000)} {SECRET}"
    try:
        masked, _ = MASKER.mask_text(text)
    except Unscannable as error:
        assert SECRET not in str(error) + repr(error)  # noqa: PT017 - refusing is one of two right ways
    else:
        assert SECRET not in masked
        assert MASKER.mask_text(masked) == (masked, ())


def test_work_over_the_budget_is_refused() -> None:
    """An input that is nothing but candidates is not scanned to its end."""
    with pytest.raises(Unscannable):
        MASKER.mask_text("token=9f8a7b6c5d4e3f2a1b0c " * 200_000)


def test_the_budget_is_proportional() -> None:
    """A budget allows a fixed amount and so much a byte."""
    budget = Budget(1000)
    budget.take(ALLOWANCE + PER_BYTE * 1000)
    with pytest.raises(Unscannable):
        budget.take(1)


def test_nesting_over_the_cap_is_refused() -> None:
    """Objects 10,000 deep and encodings deeper than the cap are refused, not followed."""
    deep: object = SECRET
    for _ in range(300):
        deep = [deep]
    with pytest.raises(Unscannable):
        MASKER.mask_value(deep)  # type: ignore[arg-type]
    text = f"see {SECRET}"
    for _ in range(MAX_ROUNDS + 2):
        text = base64.b64encode(f"x {text}".encode()).decode()
    with pytest.raises(Unscannable):
        MASKER.mask_text(text)


def test_size_over_the_cap_is_refused() -> None:
    """The cap on size holds whatever the text."""
    with pytest.raises(Unscannable):
        MASKER.mask_value([SECRET, "a " * (MAX_BYTES // 2 + 1)])


@pytest.mark.parametrize("data", [b"\xff\xfe" + SECRET.encode(), b'{"a":"\xff"}'])
def test_bytes_that_are_no_text_are_refused(data: bytes) -> None:
    """What is not UTF-8 cannot be vouched for."""
    with pytest.raises(Unscannable) as caught:
        MASKER.mask_bytes(data)
    assert SECRET not in repr(caught.value)
    assert caught.value.__suppress_context__


def test_pictures_are_refused() -> None:
    """A media type that is no text is not scanned as text."""
    with pytest.raises(Unscannable):
        MASKER.mask_bytes(b"plain", mime="image/png")


def test_duplicate_keys_are_refused() -> None:
    """The decoded form would not say what the text says."""
    with pytest.raises(Unscannable):
        MASKER.mask_bytes(json.dumps({"a": SECRET}).encode()[:-1] + b', "a": "x"}')


def test_a_masked_text_keeps_its_placeholder_and_loses_what_is_glued_to_it() -> None:
    """A placeholder does not shield a secret that stands beside it."""
    masked, _ = MASKER.mask_text(f"token={PLACEHOLDER}9f8a7b6c5d4e3f2a1b0c")
    assert "9f8a7b6c" not in masked
