"""The client's digests are the writer's, whatever the payload and however it is cut."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.digest import HmacKey, digest_payload
from audit_core.fields_1 import FIELDS_1
from audit_core.stream import StreamDigest
from tests.clients.node.harness import CLIENT, NODE, needs_node

pytestmark = needs_node
VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "digests.json").read_text())
KEY = HmacKey(key_id=VECTORS["hmac"]["key_id"], key=bytes.fromhex(VECTORS["hmac"]["key_hex"]))


class Driver:
    """A Node process that digests what it is given."""

    def __init__(self) -> None:
        assert NODE is not None
        program = Path(__file__).with_name("digest_driver.mjs")
        command = [NODE, program, CLIENT, KEY.key_id, KEY.key.hex()]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def digest(self, chunks: list[bytes], *, keyed: bool = False, text: bool = False) -> dict[str, Any]:
        """Return what the client makes of a body."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"chunks": [base64.b64encode(chunk).decode() for chunk in chunks], "keyed": keyed, "text": text}
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    """One process for all tests."""
    started = Driver()
    yield started
    started.stop()


def agree(driver: Driver, chunks: list[bytes], *, keyed: bool = False, text: bool = False) -> None:
    """Client and writer make the same of a body, whole and in chunks."""
    key = KEY if keyed else None
    got = driver.digest(chunks, keyed=keyed, text=text)
    expected = digest_payload(b"".join(chunks), key=key, text=text)
    for kept in (got["whole"], got["total"]):
        assert _of(kept) == expected.digest, (chunks, kept, expected)
        assert (kept["size"], kept["mime"]) == (expected.size, expected.mime)
        assert ("undigestible" in kept) == (expected.undigestible is not None)
    stream = StreamDigest(key=key, text=text)
    for chunk in chunks:
        stream.add(chunk)
    streamed = stream.finish()
    assert (got["chunks"], got["chunkEvery"]) == (streamed.chunks, streamed.chunk_every)
    assert got["chunkDigests"] == list(streamed.chunk_digests)


def _of(kept: dict[str, Any]) -> str | None:
    digest: str | None = kept["digest"]
    return digest


def body_of(vector: dict[str, Any]) -> bytes:
    """Return a vector's payload."""
    return vector["text"].encode() if "text" in vector else base64.b64decode(vector["base64"])


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_vectors(driver: Driver, vector: dict[str, Any]) -> None:
    """Every published vector comes out as published, keyed and not."""
    assert driver.digest([body_of(vector)])["whole"]["digest"] == vector["sha256"]
    assert driver.digest([body_of(vector)], keyed=True)["whole"]["digest"] == vector["hmac-sha256"]


@pytest.mark.parametrize("vector", VECTORS["undigestible"], ids=lambda vector: vector["name"])
def test_undigestible(driver: Driver, vector: dict[str, Any]) -> None:
    """Ambiguous JSON gets no digest, and a reason."""
    kept = driver.digest([body_of(vector)])["whole"]
    assert kept["digest"] is None
    assert kept["undigestible"]


@pytest.mark.parametrize("vector", VECTORS["streams"], ids=lambda vector: vector["name"])
@pytest.mark.parametrize("algorithm", ["sha256", "hmac-sha256"])
def test_streams(driver: Driver, vector: dict[str, Any], algorithm: str) -> None:
    """Every published stream comes out as published."""
    if "repeated" in vector:
        chunks = [vector["repeated"]["chunk"].encode()] * vector["repeated"]["times"]
    elif "chunks" in vector:
        chunks = [chunk.encode() for chunk in vector["chunks"]]
    else:
        chunks = [base64.b64decode(chunk) for chunk in vector["chunks_base64"]]
    got = driver.digest(chunks, keyed=algorithm != "sha256")
    expected = vector[algorithm]
    assert (got["chunks"], got["total"]["size"]) == (vector["count"], vector["bytes"])
    assert (got["total"]["digest"], got["chunkEvery"], got["chunkDigests"]) == (
        expected["total"], expected["chunk_every"], expected["chunk_digests"],
    )  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS["large"], ids=lambda vector: vector["name"])
def test_large(driver: Driver, vector: dict[str, Any]) -> None:
    """Beyond the cap too, whole and in chunks."""
    body = (vector["before"] + vector["unit"] * vector["times"] + vector["after"]).encode()
    cut = 1024 * 1024 + 1
    got = driver.digest([body[at : at + cut] for at in range(0, len(body), cut)])
    assert got["whole"]["digest"] == got["total"]["digest"] == vector["sha256"]


def test_fields_1(driver: Driver) -> None:
    """Every name of the list is in the client's, and no other of these."""
    names = sorted(FIELDS_1)
    others = [name + "x" for name in names] + ["tokens", "key", "code", "url"]
    agree(driver, [json.dumps(dict.fromkeys([*names, *others], 1)).encode()])
    agree(driver, [json.dumps({name.upper(): [{name[:1] + "-_. " + name[1:]: {}}] for name in names}).encode()])


SECRETS = st.sampled_from(
    ["password", "apiKey", "X-Auth-Token", "client_secret", "Set-Cookie", "to.ken", "\u212apikey"]
)
KEYS = SECRETS | st.sampled_from(
    ["a", "", "1", "10", "2", "__proto__", "constructor", "toJSON", "é", "\U0001f600", "\ufb33"]
)
KEYS = KEYS | st.text(max_size=4)
NUMBERS = (
    st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, -0.0, 1e21, 1e-7, 2**53, 2**53 + 1, 5e-324, 1e23, 0.1 + 0.2, 9007199254740993, 10**22])
)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=6)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20
)


@given(TREES, st.booleans(), st.booleans())
def test_any_document(driver: Driver, tree: object, ascii_only: bool, keyed: bool) -> None:  # noqa: FBT001
    """Any JSON, with any numbers and keys, written in two ways."""
    agree(driver, [json.dumps(tree, ensure_ascii=ascii_only, indent=1).encode()], keyed=keyed)
    agree(driver, [json.dumps(tree, ensure_ascii=not ascii_only).encode()], text=True)


PIECES = st.sampled_from(
    [b"{", b"}", b"[", b"]", b'"', b"\\", b" ", b"\n", b"1", b"-", b"0", b".5", b"e9", b"e400", b"t", b"rue", b"true",
     b":", b",", b"a", b"\xef\xbb\xbf", b"\0", b"\xff", b"\xed\xa0\x80", b'"a":1', b'"a":2', b'"\\u0061":3',
     b'"\\u003a":4', b"null", b"\xc3\xa9", b"\x01", b"\\ud800", b"\\udc00", b"\\u00", b"\\/", b'{"password":"x"}',
     b'"token":[', b"NaN", b"-Infinity", b"Infinity", b"data: ", b'"\\ud83d\\ude00"', b"\x0b", b"//"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14), st.lists(st.integers(1, 6), min_size=1, max_size=8), st.booleans(), st.booleans())
def test_any_bytes(driver: Driver, pieces: list[bytes], cuts: list[int], keyed: bool, text: bool) -> None:  # noqa: FBT001
    """Anything that looks like JSON and may not be it, cut anywhere."""
    body = b"".join(pieces)
    chunks: list[bytes] = []
    at = 0
    while at < len(body):
        size = cuts[len(chunks) % len(cuts)]
        chunks.append(body[at : at + size])
        at += size
    agree(driver, chunks, keyed=keyed, text=text)


@given(TREES, st.data())
def test_any_damaged_document(driver: Driver, tree: object, data: st.DataObject) -> None:
    """A document in which something was put, left out or doubled."""
    body = json.dumps({"password": tree, "b": [tree]}).encode()
    at = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(at, min(len(body), at + 12)))
    put = data.draw(st.sampled_from([b"", body[at:end] * 2, b"\xff", b"\x00", b"\n", b",", b"NaN"]) | PIECES)
    agree(driver, [body[:at] + put + body[end:]])
    agree(driver, [(body[:at] + put + body[end:]).decode("utf-8", "replace").encode("utf-16-le")])


@pytest.mark.parametrize("depth", [127, 128, 129, 500, 3000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"token":', "}]")])
def test_depth(driver: Driver, depth: int, opening: str, closing: str) -> None:
    """Nesting up to the cap is a document, beyond it has no digest."""
    agree(driver, [(opening * depth + "1" + closing * depth).encode()])


@pytest.mark.parametrize("unit", ['\\"', "\\\\", '"', "{", "[", '{"a":', '"a",', "9", "NaN", ":", "\\u003a"])
def test_no_text_takes_long(driver: Driver, unit: str) -> None:
    """A service cannot keep the agent busy with a text that is nearly JSON."""
    body = ('["' + unit * (2_000_000 // len(unit))).encode()
    assert driver.digest([body])["whole"]["size"] == len(body)


def test_what_a_digest_tells(driver: Driver) -> None:
    """Nothing but digest, size, media type and reason."""
    kept = driver.digest([b'{"a":1,"a":2}'])["whole"]
    assert set(kept) == {"digest", "size", "mime", "undigestible"}
