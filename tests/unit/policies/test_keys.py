"""What the keys' parameter holds."""

import base64
import json
import re

import pytest

from policies.keys import MAX_KEY_GENERATION, KeysError, render_keys

DRAWN = [f"{number:02}" + "Z" * 41 for number in range(1, MAX_KEY_GENERATION + 1)]


def _keys(digest: int, pseudonym: int) -> dict[str, dict[str, dict[str, str]]]:
    loaded = json.loads(render_keys({"digest": DRAWN[:digest], "pseudonym": DRAWN[:pseudonym]}))
    assert set(loaded) == {"digest", "pseudonym"}
    return {purpose: loaded[purpose] for purpose in loaded}


def test_each_key_is_32_bytes_under_an_id_that_a_record_can_name() -> None:
    """In base64; the current one is the newest."""
    for purpose, held in _keys(3, 2).items():
        assert len(held["keys"]) == {"digest": 3, "pseudonym": 2}[purpose]
        assert held["current"] == max(held["keys"])
        for key_id, text in held["keys"].items():
            assert re.fullmatch("[1-9][0-9]?-[0-9a-f]{8}", key_id)
            assert len(base64.b64decode(text, validate=True)) == 32


def test_a_new_generation_keeps_the_older_keys() -> None:
    """Under the ids that records name them by."""
    older, newer = _keys(2, 1)["digest"], _keys(3, 1)["digest"]
    assert older["keys"].items() < newer["keys"].items()
    assert newer["current"] not in older["keys"]


def test_no_two_keys_are_alike() -> None:
    """Neither of two generations nor, made of the same, of two purposes; and what they are made of is not in sight."""
    held = _keys(MAX_KEY_GENERATION, MAX_KEY_GENERATION)
    keys = [key for purpose in held.values() for key in purpose["keys"].values()]
    assert len(set(keys)) == 2 * MAX_KEY_GENERATION
    assert not any(text in render_keys({"digest": DRAWN, "pseudonym": DRAWN}) for text in DRAWN)


def test_a_stack_made_anew_has_other_ids() -> None:
    """Its first key is not taken for the first of the stack before."""
    again = json.loads(render_keys({"digest": ["other"], "pseudonym": ["other"]}))
    assert again["digest"]["current"] != _keys(1, 1)["digest"]["current"]


def test_the_most_keys_fit_a_standard_parameter() -> None:
    """4,096 bytes, and one key more of each kind would not fit for long."""
    assert len(render_keys({"digest": DRAWN, "pseudonym": DRAWN})) <= 4096


def test_the_same_keys_make_the_same_text() -> None:
    """A rerun changes nothing; the vector holds the format still, since records name keys by it."""
    assert render_keys({"digest": ["a" * 43], "pseudonym": ["b" * 43]}) == VECTOR


def test_keys_that_are_deployed_are_never_lost() -> None:
    """A stack whose state was lost draws other keys: they become current, and digests under the old ones stay good."""
    lost = render_keys({"digest": ["a", "b"], "pseudonym": ["c"]})
    again = render_keys({"digest": ["x"], "pseudonym": ["y"]}, lost)
    before, after = json.loads(lost), json.loads(again)
    for purpose in before:
        assert before[purpose]["keys"].items() < after[purpose]["keys"].items()
        assert after[purpose]["current"] not in before[purpose]["keys"]
    assert render_keys({"digest": ["x"], "pseudonym": ["y"]}, again) == again


def test_deployed_keys_that_are_the_same_change_nothing() -> None:
    """An ordinary rerun; and one with a generation taken back, whose key stays."""
    two = render_keys({"digest": ["a", "b"], "pseudonym": ["c"]})
    assert render_keys({"digest": ["a", "b"], "pseudonym": ["c"]}, two) == two
    back = json.loads(render_keys({"digest": ["a"], "pseudonym": ["c"]}, two))
    assert back["digest"]["keys"] == json.loads(two)["digest"]["keys"]
    assert back["digest"]["current"].startswith("1-")


@pytest.mark.parametrize(
    "deployed",
    [
        "somebody's own value",
        "{}",
        "[]",
        '{"digest":{"keys":["a"]},"pseudonym":{"keys":{}}}',
        '{"digest":{"keys":{"1-00000000":"c2VjcmV0"}},"pseudonym":{"keys":{}}}',
        '{"digest":{"keys":{"1-00000000":7}},"pseudonym":{"keys":{}}}',
    ],
)
def test_a_parameter_of_somebody_else_is_not_overwritten(deployed: str) -> None:
    """The error does not tell what is in it."""
    with pytest.raises(KeysError, match="does not hold keys of this kit") as caught:
        render_keys({"digest": ["a"], "pseudonym": ["b"]}, deployed)
    assert deployed not in str(caught.value)


def test_more_keys_than_fit_are_refused() -> None:
    """Before the parameter store refuses them half-way."""
    full = render_keys({"digest": DRAWN, "pseudonym": DRAWN})
    with pytest.raises(KeysError, match="a parameter has 4096"):
        render_keys({"digest": ["a"] * 5, "pseudonym": ["b"] * 5}, full)


VECTOR = (
    '{"digest":{"current":"1-5f1c80ca","keys":{"1-5f1c80ca":"cK5Ywg/OhD52NxhNOTDGq7D43qUd9x/eclI9fIbSQ6w="}}'
    ',"pseudonym":{"current":"1-794fd21b","keys":{"1-794fd21b":"38C4j6OWVNpJdui/fhawoEGfPe4tIQ1sl7w0CTGTBhQ="}}}'
)
