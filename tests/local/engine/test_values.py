"""Property values keep what they are on the way through the wire and the state."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.engine.assets import forget_places, resolve
from localcloud.engine.errors import EngineError
from localcloud.values import (
    SIGNATURE,
    UNKNOWN,
    UNKNOWN_TEXT,
    Archive,
    Asset,
    Reference,
    Secret,
    Unknown,
    Value,
    contains,
    decode,
    encode,
    from_struct,
    mark_secrets,
    plain,
    same,
    secret,
    to_struct,
)

TEXT = st.text(max_size=8).filter(lambda text: text not in (SIGNATURE, UNKNOWN_TEXT))
LEAVES: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False),
    TEXT,
    st.just(UNKNOWN),
    st.builds(Reference, TEXT, st.one_of(st.none(), TEXT, st.just(UNKNOWN))),
    st.builds(Asset, TEXT),
    st.builds(Archive, TEXT),
)
VALUES: st.SearchStrategy[Value] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3), inner.map(secret)),
    max_leaves=8,
)


@given(VALUES)
def test_values_survive_the_wire_and_the_state(value: Value) -> None:
    """What is written as a message or as JSON is read back as it was."""
    assert decode(json.loads(json.dumps(encode(value)))) == value
    assert from_struct(to_struct({"key": value})) == {"key": value}


@given(VALUES)
def test_marks_come_back(value: Value) -> None:
    """Secrets that a provider returned bare are marked again wherever they were marked before."""
    bare = decode(encode(value, secrets=False))
    assert mark_secrets({"key": bare}, {"key": value}) == {"key": value}
    assert same({"key": bare}, {"key": value})


def test_a_whole_number_is_an_integer() -> None:
    """The wire has only floats; a port is still a port, and what is not exact stays a float."""
    assert from_struct(to_struct({"a": 8080.0, "b": 0.5, "c": 2.0**60})) == {"a": 8080, "b": 0.5, "c": 2.0**60}
    assert isinstance(from_struct(to_struct({"a": 8080}))["a"], int)


def test_a_secret_is_never_wrapped_twice() -> None:
    """Marking what is marked changes nothing."""
    assert secret(Secret(1)) == Secret(1)
    assert decode(encode(Secret([Secret(1)]))) == Secret([Secret(1)])


def test_plain_values_are_for_people() -> None:
    """Secrets are hidden or bare, unknowns null, files their hash, resources their id."""
    value: Value = {
        "s": Secret("hush"),
        "u": UNKNOWN,
        "f": Asset("ab"),
        "r": Reference("urn", "id"),
        "c": Reference("urn"),
    }
    shown = {"s": "[secret]", "u": None, "f": "sha256:ab", "r": "id", "c": "urn"}
    assert plain(value, hide_secrets=True) == shown
    assert plain(value) == shown | {"s": "hush"}


def test_unknowns_are_found_at_any_depth() -> None:
    """In lists, objects, secrets and references."""
    values: list[Value] = [UNKNOWN, [UNKNOWN], {"a": UNKNOWN}, Secret([UNKNOWN]), Reference("urn", UNKNOWN)]
    for value in values:
        assert contains(value, Unknown)
    assert not contains({"a": [1, Secret(None), Reference("urn", "id")]}, Unknown)


def test_references_become_ids_for_who_does_not_know_them() -> None:
    """A resource without an id is named by its URN."""
    assert encode([Reference("urn", "id"), Reference("urn")], references=False) == ["id", "urn"]


def test_an_unknown_signature_is_an_error() -> None:
    """A newer protocol is not misread."""
    with pytest.raises(ValueError, match="unknown signature"):
        decode({SIGNATURE: "something new"})


def test_archives_are_hashed_by_names_and_contents(tmp_path: Path) -> None:
    """Time, mode and place do not count; content, names and what lies where do."""

    def hashed(**files: str) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, content in files.items():
            path = folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            os.utime(path, (len(list(tmp_path.iterdir())), 0))
        archive = resolve({"a": Archive(path=folder.name)}, tmp_path)["a"]
        assert isinstance(archive, Archive)
        assert archive.path == str(folder)
        return archive.hash

    first = hashed(x="1", y="2")
    assert hashed(y="2", x="1") == first
    assert len({first, hashed(x="2", y="1"), hashed(x="12"), hashed(xy="12"), hashed(d__x="1", d__y="2")}) == 5


def test_what_is_stored_has_no_places() -> None:
    """Neither paths nor contents are kept, at any depth."""
    inner = Archive("h", assets={"f": Asset("g", path="/x")})
    (kept,) = forget_places({"k": [Secret(inner)]}).values()
    assert encode(kept) == encode([Secret(Archive("h"))])


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    """The error says which."""
    with pytest.raises(EngineError, match=r"absent.*No such file"):
        resolve({"a": Archive(path="absent")}, tmp_path)
