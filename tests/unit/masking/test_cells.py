"""Bytes spelled one by one hide no secret: lists of numbers, calls of `chr`, Node's `Buffer`, dumps with offsets."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.masking import PLACEHOLDER, JsonValue, Masker, Redaction
from audit_core.masking.blocks import find_runs
from audit_core.masking.cells import byte_values

TOKEN = "ghp_" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe"
MASKER = Masker()


def _rows(data: bytes, width: int = 16) -> list[tuple[int, bytes]]:
    return [(at, data[at : at + width]) for at in range(0, len(data), width)]


def _column(row: bytes) -> str:
    return "".join(chr(byte) if byte in range(32, 127) else "." for byte in row)


def xxd(data: bytes) -> str:
    """What `xxd` prints."""
    return "\n".join(f"{at:08x}: {row.hex(' ', -2):<39}  {_column(row)}" for at, row in _rows(data))


def hexdump(data: bytes) -> str:
    """What `hexdump -C` prints."""
    lines = [f"{at:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |{_column(row)}|" for at, row in _rows(data)]
    return "\n".join([*lines, f"{len(data):08x}"])


def words(data: bytes) -> str:
    """What `hexdump` prints: words whose last byte comes first."""
    data += bytes(len(data) % 2)
    return "\n".join(
        f"{at:07x} " + " ".join(row[n : n + 2][::-1].hex() for n in range(0, len(row), 2)) for at, row in _rows(data)
    )


def octal(data: bytes) -> str:
    """What `od -b` prints."""
    return "\n".join(f"{at:07o} " + " ".join(f"{byte:03o}" for byte in row) for at, row in _rows(data))


def characters(data: bytes) -> str:
    """What `od -c` prints."""
    named = {0: "\\0", 9: "\\t", 10: "\\n", 13: "\\r"}
    return "\n".join(
        f"{at:07o}" + "".join(f"{named.get(b, chr(b) if b in range(32, 127) else f'{b:03o}'):>4}" for b in row)
        for at, row in _rows(data)
    )


DUMPS: dict[str, Callable[[bytes], str]] = {
    "xxd": xxd,
    "hexdump -C": hexdump,
    "hexdump": words,
    "od -b": octal,
    "od -c": characters,
    "xxd, capital": lambda data: "\n".join(
        line[:9].lower() + line[9:50].upper() + line[50:] for line in xxd(data).split("\n")
    ),
    "tcpdump -x": lambda data: re.sub(r"(?m)^", "\t0x", xxd(data)).replace("0x0000", "0x"),
}
NUMBERS: dict[str, Callable[[bytes], str]] = {
    "a list": lambda data: "it is " + str(list(data)),
    "a list without spaces": lambda data: f"({','.join(map(str, data))})",
    "a slice": lambda data: "[" + " ".join(map(str, data)) + "]",
    "lines": lambda data: "Uint8Array(99) [\n  " + ",\n  ".join(map(str, data)) + "\n]",
    "calls": lambda data: "+".join(f"chr({byte})" for byte in data),
    "casts": lambda data: " + ".join(f"[char]{byte}" for byte in data),
    "arguments": lambda data: "String.fromCharCode(" + ", ".join(map(str, data)) + ")",
}


@pytest.mark.parametrize("spelling", [*DUMPS, *NUMBERS])
@pytest.mark.parametrize("shift", range(0, 16, 3))
def test_bytes_that_spell_a_secret_go_whole(spelling: str, shift: int) -> None:
    """The text around them stays."""
    encode = {**DUMPS, **NUMBERS}[spelling]
    data = f"{'some text'[:shift]} see {TOKEN} and\nsome more words".encode()
    planted = f"x\n{encode(data)}\nends"
    masked, redactions = MASKER.mask_text(planted)
    assert [redaction.rule for redaction in redactions] == ["github/token"]
    around = masked.replace(PLACEHOLDER, "")
    assert masked != around
    assert around.startswith("x\n")
    assert around.endswith("ends")
    assert (
        len(around) < len("String.fromCharCode(Uint8Array(99)") + 10
    )  # no byte is left; a call or a last offset may be
    assert MASKER.mask_text(masked) == (masked, ())
    assert MASKER.mask_value({"a": [planted]})[0] == {"a": [masked]}


def test_a_column_out_of_step_goes_with_its_line() -> None:
    """Where it cannot be said which character stands for which byte."""
    line = f"00000000: {TOKEN[:16].encode().hex(' ')}  {TOKEN[:14]}"
    masked, _ = MASKER.mask_text(
        f"{line}\n00000010: {TOKEN[16:32].encode().hex(' ')}\n00000020: {TOKEN[32:].encode().hex(' ')}"
    )
    assert masked == PLACEHOLDER


def _numbered(data: bytes) -> JsonValue:
    return {str(place): byte for place, byte in enumerate(data)}


def _buffer(data: bytes) -> JsonValue:
    return {"type": "Buffer", "data": [*data]}


def _listed(data: bytes) -> JsonValue:
    return [*data]


@pytest.mark.parametrize("wrap", [_listed, _buffer, _numbered])
@pytest.mark.parametrize("before", [b"", b"\xff\x00\x80 "])
def test_a_value_of_bytes_goes_whole(wrap: Callable[[bytes], JsonValue], before: bytes) -> None:
    """As a value, in JSON as it is written, and in JSON in a string; other numbers stay as they are."""
    value = wrap(before + f"see {TOKEN} x".encode())
    expected: JsonValue = {"type": "Buffer", "data": PLACEHOLDER} if wrap is _buffer else PLACEHOLDER
    planted: JsonValue = {"n": [1, 2.50, {"v": value}], "m": [[*range(255)]]}
    masked, redactions = MASKER.mask_value(planted)
    assert masked == {"n": [1, 2.5, {"v": expected}], "m": [[*range(255)]]}
    assert [redaction.rule for redaction in redactions] == ["github/token"]
    text = json.dumps(planted).replace("2.5", "2.50").replace('"m": ', '"m" :\t')
    shown = MASKER.mask_bytes(text.encode())
    assert shown.data.decode() == json.dumps(masked).replace("2.5", "2.50").replace('"m": ', '"m" :\t')
    assert shown.redactions == redactions
    assert MASKER.mask_value({"a": text})[0] == {"a": shown.data.decode()}
    assert MASKER.mask_value(masked) == (masked, ())


def test_compressed_bytes_go_whole() -> None:
    """They are unpacked to look at them."""
    masked, redactions = MASKER.mask_value({"data": _listed(gzip.compress(f"some text, {TOKEN}".encode()))})
    assert masked == {"data": PLACEHOLDER}
    assert redactions == (Redaction(path="/data", rule="github/token"),)


def test_a_key_decides_over_bytes_too() -> None:
    """Under a password each number goes, under a token all of them together."""
    masked, redactions = MASKER.mask_value(
        {key: _listed(b"9f8a7b6c5d4e3f2a1b0c") for key in ("session_token", "password")}
    )
    assert masked == {"session_token": PLACEHOLDER, "password": [PLACEHOLDER] * 20}
    assert redactions[0] == Redaction(path="/session_token", rule="key/token")
    assert MASKER.mask_value(masked) == (masked, ())


def test_numbers_that_say_nothing_stay() -> None:
    """Measurements, tables, pictures, lines of hashes."""
    values: list[JsonValue] = [
        [*range(256)] * 9,
        " ".join(map(str, range(300))),
        "\n".join(f"{n:08x} {n * 977 % 65536:04x} {n * 313 % 65536:04x} line" for n in range(40)),
        xxd(bytes(range(256)) * 3),
        words(b"nothing but ordinary words in here, and a few more"),
        [0.5, 104, 112],
        [True] * 20,
        {"0": 1, "2": 3},
        [300, *range(20)],
        [-1, *range(20)],
    ]
    for value in values:
        assert MASKER.mask_value({"note": value}) == ({"note": value}, ())


@given(st.binary(min_size=8, max_size=99), st.sampled_from(sorted(DUMPS)))
def test_a_dump_is_read_as_it_was_written(data: bytes, tool: str) -> None:
    """Every byte, whatever its column looks like; words also in the other order."""
    data += b" and text"
    planted = DUMPS[tool](data).encode()
    (run,) = find_runs(planted, lambda _: None)
    assert (run.read(planted[run.start : run.end], lambda _: None) or b"").startswith(data)


@given(st.text("abcXYZ019 -_=", min_size=8, max_size=60), st.sampled_from(sorted(NUMBERS)))
def test_numbers_are_read_as_they_were_written(text: str, spelling: str) -> None:
    """All of them, as one run."""
    planted = NUMBERS[spelling](text.encode()).encode()
    (run,) = find_runs(planted, lambda _: None)
    assert run.read(planted[run.start : run.end], lambda _: None) == text.encode()


@pytest.mark.parametrize("value", [list(b"printable"), dict(zip("01234567", b"in words", strict=True))])
def test_which_values_are_bytes(value: JsonValue) -> None:
    """A list of them, or an object that counts them; nothing shorter, and no other number."""
    assert byte_values(value) in (b"printable", b"in words")
    assert byte_values([1] * 7) is None
    assert byte_values([*b"printable", 256]) is None
    assert byte_values({**dict.fromkeys("0123456", 1), "8": 1}) is None
