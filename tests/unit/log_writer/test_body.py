"""Unzipping within bounds."""

import gzip
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.errors import DecodeError
from log_writer.body import Allowance, TooLargeError, holds_more_values, unzip

LIMIT = 1_000_000


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_members_are_one_text(parts: list[bytes]) -> None:
    """Any number of members reads as what they hold, one after the other."""
    assert unzip(b"".join(gzip.compress(part) for part in parts), limit=LIMIT) == b"".join(parts)


def test_headers_with_everything() -> None:
    """Name, comment, extra field and header checksum are legal and skipped."""
    raw = zlib.compressobj(wbits=-15)
    content = raw.compress(b"{}") + raw.flush()
    header = b"\x1f\x8b\x08\x1e" + bytes(6)  # every flag but text
    fields = b"\x02\x00ab" + b"name\x00" + b"comment\x00"
    checksum = (zlib.crc32(header + fields) & 0xFFFF).to_bytes(2, "little")
    trailer = zlib.crc32(b"{}").to_bytes(4, "little") + (2).to_bytes(4, "little")
    assert unzip(header + fields + checksum + content + trailer, limit=LIMIT) == b"{}"


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_a_cut_is_found(content: bytes, data: st.DataObject) -> None:
    """A stream that ends anywhere before its end is refused."""
    zipped = gzip.compress(content)
    with pytest.raises(DecodeError):
        unzip(zipped[: data.draw(st.integers(0, len(zipped) - 1))], limit=LIMIT)


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=20))
def test_rubbish_behind_is_found(content: bytes, rubbish: bytes) -> None:
    """Anything behind the last member is refused, zeros too."""
    with pytest.raises(DecodeError):
        unzip(gzip.compress(content) + rubbish, limit=LIMIT)


@pytest.mark.parametrize("offset", [-8, -7, -5, -4, -1])
def test_a_wrong_trailer_is_found(offset: int) -> None:
    """Checksum and length are checked."""
    zipped = bytearray(gzip.compress(b"some content"))
    zipped[offset] ^= 1
    with pytest.raises(DecodeError):
        unzip(bytes(zipped), limit=LIMIT)


def test_the_limit_is_exact() -> None:
    """As many bytes as the limit are read; one more is not."""
    assert len(unzip(gzip.compress(b"x" * LIMIT), limit=LIMIT)) == LIMIT
    with pytest.raises(TooLargeError):
        unzip(gzip.compress(b"x" * (LIMIT + 1)), limit=LIMIT)
    with pytest.raises(TooLargeError):
        unzip(gzip.compress(b"x" * LIMIT) + gzip.compress(b"x"), limit=LIMIT)


def test_a_bomb_takes_no_memory() -> None:
    """A gigabyte in a megabyte is refused on the way, with little more than the limit in memory."""
    bomb = gzip.compress(bytes(50_000_000), 9) * 20
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            unzip(bomb, limit=LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 4 * LIMIT
    finally:
        tracemalloc.stop()


def test_many_members_take_no_time() -> None:
    """Six megabytes of empty members are refused early."""
    started = time.monotonic()
    with pytest.raises(DecodeError):
        unzip(gzip.compress(b"") * 300_000, limit=LIMIT)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b"[1,2,3]", 5),
        (b"[]" * 3, 9),
        (b'{"a":{"b":[1,"x,y,z[[{{"]}}', 19),
        (b'["\\\\",",,,",[]]', 10),
        (b'["\\"[,",[]]', 8),
        (b'["an unfinished text ,,,', 6),
        (b",".join([b'"[{,"'] * 5000), 9999),
        (b'"\n' + b"[]\n" * 9 + b'"', 28),
        (b'"' + b"x" * 300_000 + b'",[]' + b'"' + b"[," * 200_000 + b'"', 6),
        (b'[{"a":1},{"a":"a"}]', 17),
        (b'{"a":1, "b" : 2}', 10),
        (b'{"a":1,"b":2},' * 10_000, 70_004),
    ],
)
def test_values_are_counted(body: bytes, values: int) -> None:
    """Commas, brackets and texts, each by what it weighs, a name once in a stretch; what stands in a text does not."""
    assert not holds_more_values(body, values)
    assert holds_more_values(body, values - 1)


def test_an_allowance_is_used_up() -> None:
    """Texts count together; one that is too much is not counted, so that a smaller one still finds room."""
    allowance = Allowance(100)
    answers = [allowance.is_exceeded_by(text) for text in (b"[" + b"1," * 93 + b"1]", b"[1,2,3]", b"[1,2]", b"[]")]
    assert answers == [False, True, False, True]


def test_prose_in_texts_is_not_counted_where_it_matters() -> None:
    """What commas and brackets stand inside texts uses up half of an allowance at most."""
    allowance = Allowance(1000)
    code = b'["' + b"f(a, [b], {c});" * 20 + b'"]'
    assert not any(allowance.is_exceeded_by(code) for _ in range(100))
    assert Allowance(100).is_exceeded_by(b'["' + code)  # a quote too many: nobody can tell


def test_whole_requests_of_vectors_are_within_the_bound() -> None:
    """A hundred embeddings of 3,072 numbers each, sent as text, are digested all."""
    allowance = Allowance(500_000)
    vector = b"[" + b",".join([b"0.0123"] * 3072) + b"]"
    assert not any(allowance.is_exceeded_by(b'{"embedding":' + vector + b"}") for _ in range(100))
