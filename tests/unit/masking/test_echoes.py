"""A value that is masked in one place is masked in all other places of the same text or document."""

from __future__ import annotations

import json

import pytest

from audit_core.masking import PLACEHOLDER, Masker
from audit_core.masking.budget import Budget
from audit_core.masking.custom import CustomRules
from audit_core.masking.echoes import Echoes, taken
from audit_core.masking.result import JsonValue

MASKER = Masker(personal="off")
SECRET = "Hunter2xyz"


@pytest.mark.parametrize(
    "text",
    [
        "password={} and later {} again",
        "password: {}\n$ mysql -u app\nEnter it: {}",
        'first "{}", then password = "{}"',
        "api token = '{}' | '{}'",
        "password={}. Once more: {}!",
    ],
)
def test_a_value_found_once_vanishes_from_the_whole_text(text: str) -> None:
    """It vanishes before and after the place where a name introduces it."""
    assert SECRET not in MASKER.mask_text(text.replace("{}", SECRET))[0]


VALUE: JsonValue = {
    "password": SECRET,
    "steps": [f"typed {SECRET}", {"deep": {"note": f"it was {SECRET}"}}],
    SECRET: 1,
    "text": json.dumps({"used": SECRET}),
}


@pytest.mark.parametrize("how", ["value", "bytes", "each"])
def test_a_value_found_once_vanishes_from_the_whole_document(how: str) -> None:
    """It vanishes from other members, keys, JSON in strings, and the paths of the redactions."""
    if how == "value":
        masked, redactions = MASKER.mask_value(VALUE)
    elif how == "each":
        (masked, redactions), _ = MASKER.mask_each([("", VALUE), ("", "other")], Budget(1000))
    else:
        found = MASKER.mask_bytes(json.dumps(VALUE).encode())
        masked, redactions = json.loads(found.data), found.redactions
    assert SECRET not in json.dumps(masked)
    assert SECRET not in repr(redactions)
    assert masked["steps"] == [f"typed {PLACEHOLDER}", {"deep": {"note": f"it was {PLACEHOLDER}"}}]  # type: ignore[index, call-overload]
    assert {redaction.rule for redaction in redactions} == {"key/password", "repeated"}
    assert MASKER.mask_value(masked) == (masked, ())


@pytest.mark.parametrize("key", ["Hunter2/xyz7", "Hunter2~xyz7"])
def test_the_path_of_a_redaction_shows_no_escaped_secret(key: str) -> None:
    """A JSON pointer writes `/` and `~` in a key as `~1` and `~0`."""
    masked, redactions = MASKER.mask_value({"password": key, key: {"password": SECRET}})
    assert masked == {"password": PLACEHOLDER, PLACEHOLDER: {"password": PLACEHOLDER}}
    assert "xyz7" not in repr(redactions)


def test_an_allowed_value_stays_elsewhere() -> None:
    """A key name decides over `allow`, but only for the value under that key."""
    masker = Masker(custom=CustomRules(allow=("badge-[0-9]{6}",)))
    assert masker.mask_value({"password": "badge-123456", "note": "badge-123456"})[0] == {
        "password": PLACEHOLDER,
        "note": "badge-123456",
    }


def test_the_password_of_an_address_vanishes_elsewhere() -> None:
    """The address masks the name and the password together; elsewhere the password stands alone."""
    text = f"postgres://app:{SECRET}@db/x failed; tried {SECRET}"
    assert MASKER.mask_text(text)[0] == f"postgres://{PLACEHOLDER}@db/x failed; tried {PLACEHOLDER}"


@pytest.mark.parametrize(
    ("value", "rest"),
    [
        ("sunflower", "a sunflower in the garden"),
        ("hello", "hello world"),
        ("12345678", "order 12345678"),
        ("2026-01-02", "on 2026-01-02"),
        (SECRET, f"{SECRET}abc is another word"),
        ("a1b2", "group a1b2"),
    ],
)
def test_ordinary_words_stay(value: str, rest: str) -> None:
    """Words, numbers, dates, short values and parts of longer words are masked only where a name introduces them."""
    masked, _ = MASKER.mask_value({"password": value, "note": rest})
    assert masked == {"password": PLACEHOLDER, "note": rest}


def test_one_items_secret_does_not_touch_another_item() -> None:
    """Each value comes out as if it were masked alone."""
    items: list[tuple[str, JsonValue]] = [("", f"password={SECRET}"), ("", f"see {SECRET}")]
    assert [value for value, _ in MASKER.mask_each(items, Budget(1000))] == [MASKER.mask_value(v)[0] for _, v in items]


def test_what_was_taken_is_read_off_the_masked_value() -> None:
    """Where the two texts do not match, nothing is taken."""
    assert taken({"a": ["x k3VZr8Qm y"]}, {"a": [f"x {PLACEHOLDER} y"]}) == {"k3VZr8Qm"}
    assert taken("unlike k3VZr8Qm", f"other {PLACEHOLDER}") == set()
    assert Echoes({"k3VZr8Qm"}).hide("/a/k3VZr8Qm/b") == f"/a/{PLACEHOLDER}/b"
