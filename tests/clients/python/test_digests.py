"""The client's digests are the writer's: by the vectors, and by whatever hypothesis comes up with."""

import base64
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from audit_log_client._core.stream import StreamDigest
from hypothesis import given
from hypothesis import strategies as st

from audit_core import canonical as core_canonical
from audit_core import digest as core_digest
from audit_core import stream as core_stream
from audit_log_client import HmacKey
from audit_log_client._core.digest import MAX_JSON_BYTES, bytes_of, digest_payload
from audit_log_client._json import UndigestibleError, decode_json

VECTORS: dict[str, Any] = json.loads((Path(__file__).resolve().parents[2] / "vectors" / "digests.json").read_bytes())
KEY = HmacKey(VECTORS["hmac"]["key_id"], bytes.fromhex(VECTORS["hmac"]["key_hex"]))
CORE_KEY = core_digest.HmacKey(key_id=KEY.key_id, key=KEY.key)
KEYS = ("sha256", "hmac-sha256")

names = st.one_of(
    st.sampled_from(["password", "API-Key", "token", "tokens", "a", "b", "\ue000", "\U0001f600"]), st.text()
)
numbers = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1.0, -0.0, 1e21]),
)
documents = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=20,
)
near_json = st.one_of(
    st.binary(max_size=60),
    st.text(alphabet='{}[]":,\\ \n0123456789.eE+-tfnulras\ufeff\x00u', max_size=40).map(str.encode),
    documents.map(lambda value: json.dumps(value).encode()),
    documents.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")),
)


def _key(name: str) -> HmacKey | None:
    return KEY if name == "hmac-sha256" else None


def _data(vector: dict[str, Any]) -> bytes:
    if "text" in vector:
        text: str = vector["text"]
        return text.encode()
    return base64.b64decode(vector["base64"])


def _chunks(vector: dict[str, Any]) -> list[bytes]:
    if "repeated" in vector:
        return [vector["repeated"]["chunk"].encode()] * vector["repeated"]["times"]
    if "chunks" in vector:
        return [chunk.encode() for chunk in vector["chunks"]]
    return [base64.b64decode(chunk) for chunk in vector["chunks_base64"]]


def test_the_limit_is_the_writers() -> None:
    """The client reads as much as JSON as the writer does."""
    assert VECTORS["max_json_bytes"] == MAX_JSON_BYTES == core_digest.MAX_JSON_BYTES


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, Any], key: str) -> None:
    """Each payload has the digest that the vectors say, keyed and not."""
    assert digest_payload(_data(vector), key=_key(key)).digest == vector[key]


@pytest.mark.parametrize("vector", VECTORS["undigestible"], ids=lambda vector: vector["name"])
def test_undigestible(vector: dict[str, Any]) -> None:
    """What is ambiguous has no digest, and a reason."""
    found = digest_payload(_data(vector))
    assert found.digest is None
    assert found.undigestible


@pytest.mark.parametrize("vector", VECTORS["large"], ids=lambda vector: vector["name"])
def test_large(vector: dict[str, Any]) -> None:
    """What is larger than JSON may be is digested as the vectors say, whole and in chunks."""
    data = (vector["before"] + vector["unit"] * vector["times"] + vector["after"]).encode()
    assert len(data) == vector["bytes"]
    assert digest_payload(data).digest == vector["sha256"]
    stream = StreamDigest()
    for start in range(0, len(data), 4_000_000):
        stream.add(data[start : start + 4_000_000])
    assert stream.finish().total.digest == vector["sha256"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("vector", VECTORS["streams"], ids=lambda vector: vector["name"])
def test_streams(vector: dict[str, Any], key: str) -> None:
    """A stream's digests are those that the vectors say."""
    stream = StreamDigest(key=_key(key))
    for chunk in _chunks(vector):
        stream.add(chunk)
    found = stream.finish()
    assert found.chunks == vector["count"]
    assert found.total.size == vector["bytes"]
    assert found.total.digest == vector[key]["total"]
    assert found.chunk_every == vector[key]["chunk_every"]
    assert list(found.chunk_digests) == vector[key]["chunk_digests"]


@given(documents)
def test_any_document_has_the_writers_form(value: object) -> None:
    """RFC 8785 without secret fields, byte for byte, of any JSON that has such a form."""
    data = json.dumps(value).encode()
    try:
        expected = core_digest.digest_form(core_canonical.decode_json(data))
    except core_canonical.DecodeError:
        with pytest.raises(UndigestibleError):
            decode_json(data).canonical()
        return
    assert decode_json(data).canonical() == expected


@given(near_json)
def test_any_bytes_have_the_writers_digest(data: bytes) -> None:
    """Digest or none, size and media type: of anything at all."""
    found = digest_payload(data, key=KEY, text=True)
    expected = core_digest.digest_payload(data, key=CORE_KEY, text=True)
    assert (found.digest, found.size, found.mime) == (expected.digest, expected.size, expected.mime)
    assert (found.undigestible is None) == (expected.undigestible is None)


@given(documents)
def test_a_value_has_the_digest_that_the_writer_would_give_it(value: object) -> None:
    """What is recorded by hand is digested as if it had been posted."""
    payload = bytes_of(value)
    if payload is None:
        return
    expected = (
        core_digest.digest_payload(value.encode(), text=True)
        if isinstance(value, str)
        else core_digest.digest_json(orjson.loads(payload[0]))
    )
    assert digest_payload(payload[0], text=payload[1]).digest == expected.digest


@given(st.lists(near_json, max_size=8), st.booleans())
def test_any_stream_has_the_writers_digests(chunks: list[bytes], keyed: bool) -> None:  # noqa: FBT001 - drawn
    """Total and chunks' digests, however a body is cut."""
    ours = StreamDigest(key=KEY if keyed else None)
    theirs = core_stream.StreamDigest(key=CORE_KEY if keyed else None)
    for chunk in [*chunks, b" " * 600, *chunks]:
        ours.add(chunk)
        theirs.add(chunk)
    found, expected = ours.finish(), theirs.finish()
    assert found.total.digest == expected.total.digest
    assert found.chunk_digests == expected.chunk_digests
    assert (found.chunks, found.chunk_every) == (expected.chunks, expected.chunk_every)


def test_a_key_file_is_the_one_that_the_command_line_reads(tmp_path: Path) -> None:
    """`HmacKey.from_file` takes the current key; anything else is refused without a word of what was in it."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"current": "k1", "keys": {"k1": "A" * 43 + "="}}))
    assert HmacKey.from_file(path).key == bytes(32)
    for wrong in ("{}", "[]", '{"current":"k1","keys":{}}', '{"current":"k1","keys":{"k1":"%%%"}}', "\x80"):
        path.write_text(wrong)
        with pytest.raises(ValueError, match="a key file holds"):
            HmacKey.from_file(path)
    with pytest.raises(ValueError, match="32 bytes"):
        HmacKey("k1", b"short")
    with pytest.raises(ValueError, match="key_id"):
        HmacKey("k 1", bytes(32))
    assert "0, 0" not in repr(KEY)
