"""Stored bytes are somebody else's until they are decoded."""

import gzip
import json
import tracemalloc

import pytest

from cli.reader import Undecodable, decode, decode_line


def test_lines_come_back_byte_for_byte() -> None:
    """A leaf is over the exact bytes of a line."""
    lines = [b'{"a":1}', b'{"b": 2.0}', '{"c":"\u2011"}'.encode()]
    assert [*decode(gzip.compress(b"\n".join(lines) + b"\n", mtime=0))] == lines


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not gzip",
        gzip.compress(b"{}\n", mtime=0)[:-1],
        gzip.compress(b"{}\n", mtime=0) + b"more",
        gzip.compress(b"{}\n", mtime=0) + gzip.compress(b"{}\n", mtime=0),
        gzip.compress(b"{}", mtime=0),
        gzip.compress(b"", mtime=0),
        gzip.compress(b"{}\n", mtime=0)[:-6] + b"\0\0\0\0\0\0",
    ],
)
def test_what_the_writer_does_not_store_is_not_read(data: bytes) -> None:
    """Cut, continued, corrupted and unfinished objects are findings."""
    with pytest.raises(Undecodable):
        [*decode(data)]


@pytest.mark.parametrize(
    "text",
    [b"\n" * 200_000, b"\n" * 100_000_000, bytes(50_000_000), b"{}\n" * 100_001, b"x" * 65_536 + b"\n"],
    ids=["many empty lines", "bomb of lines", "bomb without a line", "many lines", "long line"],
)
def test_a_bomb_is_refused_before_it_is_unpacked(text: bytes) -> None:
    """Memory does not grow with the size to which a small object unpacks."""
    packed = gzip.compress(text, mtime=0)
    tracemalloc.start()
    try:
        with pytest.raises(Undecodable, match=r"too m|too long"):
            sum(map(len, decode(packed)))
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("line", [b"", b"[]", b"null", b"{", b'{"a":1}x', b"\xff", b"[" * 100_000])
def test_a_line_that_is_no_record_is_a_finding(line: bytes) -> None:
    """Whatever stands there, it is no traceback."""
    with pytest.raises(Undecodable):
        decode_line(line)


def test_a_record_is_read() -> None:
    """A JSON object is a record."""
    assert decode_line(json.dumps({"status": 200}).encode()) == {"status": 200}
