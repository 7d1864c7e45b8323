"""Streams: the total of a body sent whole, and chunk digests that no chunk can be guessed from."""

import base64
import hashlib
import hmac
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core import digest as digests
from audit_core.digest import TOO_LARGE, HmacKey, digest_payload
from audit_core.shape import JsonShape
from audit_core.stream import GUESSABLE, StreamDigest, StreamedPayload
from audit_core.values import MAX_CHUNK_DIGESTS

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "digests.json").read_text())
KEY = HmacKey(key_id=VECTORS["hmac"]["key_id"], key=bytes.fromhex(VECTORS["hmac"]["key_hex"]))
EVENT = b'data: {"choices":[{"delta":{"content":"word"}}]}\n\n'


def streamed(chunks: list[bytes], *, key: HmacKey | None = None, text: bool = True) -> StreamedPayload:
    """What is kept of `chunks`: the same whether they come one by one or all at once."""
    digest, at_once = StreamDigest(key=key, text=text), StreamDigest(key=key, text=text)
    for chunk in chunks:
        digest.update(chunk)
    at_once.add_all(chunks)
    kept = digest.finish()
    assert at_once.finish() == kept
    return kept


def chunks_of(vector: dict[str, Any]) -> list[bytes]:
    """A vector's chunks."""
    if "repeated" in vector:
        return [vector["repeated"]["chunk"].encode()] * vector["repeated"]["times"]
    if "chunks" in vector:
        return [chunk.encode() for chunk in vector["chunks"]]
    return [base64.b64decode(chunk) for chunk in vector["chunks_base64"]]


@pytest.mark.parametrize("vector", VECTORS["streams"], ids=lambda vector: vector["name"])
@pytest.mark.parametrize("algorithm", ["sha256", "hmac-sha256"])
def test_vectors(vector: dict[str, Any], algorithm: str) -> None:
    """Every published stream comes out as published."""
    key = None if algorithm == "sha256" else KEY
    chunks = chunks_of(vector)
    kept = streamed(chunks, key=key)
    expected = vector[algorithm]
    assert kept.total.digest == expected["total"] == digest_payload(b"".join(chunks), key=key).digest
    assert (kept.chunks, kept.total.size) == (vector["count"], vector["bytes"])
    assert (kept.chunk_every, list(kept.chunk_digests)) == (expected["chunk_every"], expected["chunk_digests"])


@pytest.mark.parametrize("vector", VECTORS["large"], ids=lambda vector: vector["name"])
def test_large_vectors(vector: dict[str, Any]) -> None:
    """Beyond the cap the whole body and the streamed one have the same digest, or both have none."""
    body = (vector["before"] + vector["unit"] * vector["times"] + vector["after"]).encode()
    assert len(body) == vector["bytes"]
    assert digest_payload(body).digest == vector["sha256"]
    cut = 1024 * 1024 + 1
    kept = streamed([body[at : at + cut] for at in range(0, len(body), cut)])
    assert kept.total == digest_payload(body, text=True)
    if vector["sha256"] is None:
        assert kept.total.undigestible == TOO_LARGE
        assert not any(kept.chunk_digests)


PIECES = st.sampled_from(
    [b"{", b"}", b"[", b"]", b'"', b"\\", b" ", b"\n", b"1", b"t", b"rue", b":", b",", b"a", b"\xef\xbb\xbf", b"\0",
     b"\xff", b'"a":1', b"null", b"-", b"\xc3\xa9", b"\x01", b'{"password":"x"}', b"NaN", b"data: "]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14), st.lists(st.integers(1, 6), min_size=1, max_size=8), st.booleans(), st.booleans())
def test_however_it_is_cut(pieces: list[bytes], cuts: list[int], keyed: bool, small: bool) -> None:  # noqa: FBT001
    """Any body, cut anywhere, within the cap or beyond it: the digest, type and reason of the same body sent whole."""
    body = b"".join(pieces)
    chunks: list[bytes] = []
    at = 0
    while at < len(body):
        size = cuts[len(chunks) % len(cuts)]
        chunks.append(body[at : at + size])
        at += size
    key = KEY if keyed else None
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(digests, "MAX_JSON_BYTES", 9)
        assert streamed(chunks, key=key).total == digest_payload(body, key=key, text=True)


@given(st.recursive(st.none() | st.text(max_size=4) | st.integers(), lambda inner: st.lists(inner, max_size=3)))
def test_a_document_is_never_taken_for_something_else(value: object) -> None:
    """Of JSON the shape is always in doubt until the end."""
    shape = JsonShape()
    for byte in json.dumps(value, ensure_ascii=False, indent=1).encode():
        assert shape.may_be_json
        shape.feed(bytes([byte]))
    assert shape.may_be_json
    shape.feed(b" \n")
    assert shape.may_be_json
    shape.feed(b"{")
    assert not shape.may_be_json


def test_a_chunks_digest_is_the_bodys_so_far() -> None:
    """Each is over everything up to the chunk's end: to guess a short chunk takes all that came before."""
    digest = StreamDigest()
    body = b""
    for number in range(60):
        chunk = EVENT + str(number).encode()
        body += chunk
        expected = None if len(body) < GUESSABLE else "sha256:" + hashlib.sha256(body).hexdigest()
        assert digest.update(chunk) == expected


def test_with_a_key_even_the_first_chunk_has_one() -> None:
    """A keyed digest tells nothing to who lacks the key."""
    expected = hmac.digest(KEY.key, b"data: 1\n\n", "sha256").hex()
    assert StreamDigest(key=KEY).update(b"data: 1\n\n") == f"hmac-sha256:{KEY.key_id}:{expected}"


@pytest.mark.parametrize("key", [None, KEY])
def test_no_chunk_of_a_document_is_digested(key: HmacKey | None) -> None:
    """A secret field would be in it. The total leaves it out."""
    document = json.dumps({"password": "hunter2", "text": "x" * 5000}).encode()
    kept = streamed([document[at : at + 700] for at in range(0, len(document), 700)], key=key)
    assert not any(kept.chunk_digests)
    other = document.replace(b"hunter2", b"another")
    assert kept.total.digest == digest_payload(other, key=key).digest


def test_many_chunks_leave_few_digests() -> None:
    """Their number is bounded, and they reach over the whole stream."""
    count = 10_000
    kept = streamed([b"some words"] * count)
    assert kept.chunks == count
    assert MAX_CHUNK_DIGESTS // 2 <= len(kept.chunk_digests) <= MAX_CHUNK_DIGESTS
    assert len(kept.chunk_digests) == count // kept.chunk_every
    last = b"some words" * (len(kept.chunk_digests) * kept.chunk_every)
    assert kept.chunk_digests[-1] == "sha256:" + hashlib.sha256(last).hexdigest()


@pytest.mark.parametrize("count", [127, 128, 129, 130, 255, 256, 257, 258, 259, 511, 515, 1030])
def test_all_at_once_is_one_by_one(count: int) -> None:
    """About each number of chunks at which fewer of their digests are kept; empty ones do not count."""
    assert streamed([b"some words", b""] * count, key=KEY).chunks == count


def test_no_chunk_is_kept() -> None:
    """A long stream of events takes no more memory than a short one."""
    digest = StreamDigest()
    for _ in range(200):
        digest.update(EVENT * 100)
    tracemalloc.start()
    try:
        for _ in range(2_000):
            digest.update(EVENT * 100)
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()


def test_what_is_held_is_let_go() -> None:
    """At the cap a document is given up, and its chunks are gone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digests, "MAX_JSON_BYTES", 100_000)
        digest = StreamDigest()
        digest.update(b"[")
        for _ in range(200):
            digest.update(b'"' + b"x" * 998 + b'",')
        assert digest._held == []
        assert digest.finish().total.undigestible == TOO_LARGE
