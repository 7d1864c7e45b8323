"""Digests, against vectors that any language can read."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.canonical import JsonValue
from audit_core.digest import (
    PLACEHOLDER,
    HmacKey,
    digest_bytes,
    digest_json,
    digest_payload,
    parse_digest,
)
from audit_core.errors import AuditError
from audit_core.fields_1 import FIELDS_1, NAME, is_secret_field, normalise
from audit_core.masking import PLACEHOLDER as MASKED

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "digests.json").read_text())
KEY = HmacKey(key_id=VECTORS["hmac"]["key_id"], key=bytes.fromhex(VECTORS["hmac"]["key_hex"]))
HEX = "0123456789abcdef" * 4


def named(vectors: list[dict[str, Any]]) -> list[Any]:
    """Parametrize by the name that a vector has."""
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


@pytest.mark.parametrize("vector", named(VECTORS["vectors"]))
def test_vectors(vector: dict[str, Any]) -> None:
    """Every published vector comes out as published, keyed and not."""
    if "text" in vector:
        data, form = vector["text"].encode(), vector["form"].encode()
    else:
        data, form = base64.b64decode(vector["base64"]), base64.b64decode(vector["form_base64"])
    assert digest_payload(data).digest == vector["sha256"] == "sha256:" + hashlib.sha256(form).hexdigest()
    assert digest_payload(data, key=KEY).digest == vector["hmac-sha256"] == digest_bytes(form, key=KEY)
    assert digest_payload(data).size == len(data)


@pytest.mark.parametrize("vector", named(VECTORS["undigestible"]))
def test_undigestible(vector: dict[str, Any]) -> None:
    """Ambiguous JSON gets no digest, and a reason that holds none of it."""
    digest = digest_payload(vector["text"].encode() if "text" in vector else base64.b64decode(vector["base64"]))
    assert digest.digest is None
    assert digest.undigestible


def test_fields_1_is_frozen() -> None:
    """The list is the one that was published: a changed list has another name."""
    assert NAME == VECTORS["list"] == "fields-1"
    assert sorted(FIELDS_1) == VECTORS["fields"]
    assert hashlib.sha256("\n".join(sorted(FIELDS_1)).encode()).hexdigest() == (
        "7d863441b4205827f84c924593f5de98496b44a3787d2ad37c5d47bead5188c5"
    )
    assert all(normalise(name) == name for name in FIELDS_1)


def test_the_placeholder_is_the_maskers() -> None:
    """What stands in a digest's form is what stands in a masked record."""
    assert PLACEHOLDER == MASKED == VECTORS["placeholder"]


@pytest.mark.parametrize(
    "name", ["password", "PassWord", "pass-word", "X-API-Key", "x_api_key", "access token", "a.u.t.h"]
)
def test_spellings(name: str) -> None:
    """Case and separators do not matter."""
    assert is_secret_field(name)


SPELLINGS = st.sampled_from(["password", "apiKey", "X-Auth-Token", "client_secret", "Set-Cookie"])
PLAIN = st.sampled_from(["a", "role", "content", "é", "\U0001f600", "tokenizer"])
LEAVES = (
    st.none() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN | SPELLINGS, inner, max_size=4),
    max_leaves=15,
)


@given(TREES)
def test_the_value_of_a_secret_field_never_matters(tree: JsonValue) -> None:
    """Replacing every secret field's value by anything else leaves the digest as it was."""

    def replaced(value: JsonValue) -> JsonValue:
        if isinstance(value, dict):
            return {key: ["other"] if is_secret_field(key) else replaced(item) for key, item in value.items()}
        return [replaced(item) for item in value] if isinstance(value, list) else value

    assert digest_json(tree).digest == digest_json(replaced(tree)).digest


@given(TREES)
def test_any_spelling_of_the_same_payload(tree: JsonValue) -> None:
    """As JSON, as text with other white space and escapes, and as bytes: one digest."""
    text = json.dumps(tree, indent=2)
    digest = digest_json(tree).digest
    assert digest is not None
    assert digest == digest_payload(text.encode(), text=True).digest
    assert digest == digest_payload(json.dumps(tree, ensure_ascii=False).encode()).digest


def test_the_content_matters() -> None:
    """A changed value, key or order of a list is another digest."""
    values: list[JsonValue] = [{"a": 1}, {"a": 2}, {"b": 1}, [1, 2], [2, 1], "1", 1]
    digests = [digest_json(value).digest for value in values]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEX, f"sha256:{HEX}"),
        (HEX.upper(), f"sha256:{HEX}"),
        (f"sha256:{HEX}", f"sha256:{HEX}"),
        ("a1b2c3...", "sha256:a1b2c3..."),
        ("sha256:a1b2c3...", "sha256:a1b2c3..."),
        ("A1B2C3\u2026", "sha256:a1b2c3..."),
        (f"hmac-sha256:key.1_2-3:{HEX}", f"hmac-sha256:key.1_2-3:{HEX}"),
    ],
)
def test_ready_digests(text: str, expected: str) -> None:
    """Digests that were made elsewhere get one form."""
    assert parse_digest(text) == expected


@pytest.mark.parametrize("vector", VECTORS["ready"], ids=lambda vector: vector["given"][:24])
def test_ready_vectors(vector: dict[str, str | None]) -> None:
    """Every published digest made elsewhere is read as published, and what is none as none."""
    assert parse_digest(str(vector["given"])) == vector["read"]


@pytest.mark.parametrize(
    "text",
    ["", "a1b2c3", "...", "abc...", HEX[1:], HEX + "0", HEX + "...", f"md5:{HEX}", f"sha256:{HEX}\n", f"SHA256:{HEX}",
     f"hmac-sha256:{HEX}", f"hmac-sha256:a b:{HEX}", f"hmac-sha256:{'k' * 65}:{HEX}", "g" * 64, " " + HEX],
)  # fmt: skip
def test_what_is_no_digest(text: str) -> None:
    """Shorter hex without its dots, other algorithms and near misses are refused."""
    assert parse_digest(text) is None


def test_keys_are_checked_and_hidden() -> None:
    """A short key or an odd key id is refused; a key is never in its own repr."""
    with pytest.raises(AuditError):
        HmacKey(key_id="a", key=b"short")
    with pytest.raises(AuditError):
        HmacKey(key_id="a:b", key=bytes(32))
    assert "key=" not in repr(HmacKey(key_id="a", key=b"k" * 32))
