"""Attributes that are described: how many of a request one by one, and what becomes of the others."""

from __future__ import annotations

from typing import Any

import pytest

from audit_core.attributes import BYTES_PER_DESCRIBED, DESCRIBED, MORE, AttributeReader, described_of
from audit_core.canonical import JsonValue
from audit_core.digest import digest_json
from audit_core.masking import PLACEHOLDER, Masker, Redaction
from audit_core.masking.budget import Budget
from audit_core.masking.texts import Texts

MASKER = Masker()
TOKEN = "ghp_" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe"
LARGEST = 8 * 1024 * 1024
EVENTS = 10_000


class CountingTexts(Texts):
    """Counts what it is asked to look at."""

    expected = 0

    def prefetch(self, path: str, value: JsonValue) -> None:
        """Count it."""
        self.expected += 1
        super().prefetch(path, value)


def reader(described: int) -> AttributeReader:
    """For a request of which so many are described."""
    return AttributeReader(texts=CountingTexts(MASKER, Budget(0, 10**9)), key=None, described=described)


def read_by(reader: AttributeReader, given: dict[str, Any]) -> tuple[dict[str, Any], list[Redaction]]:
    """What a record keeps, as the JSON that it is."""
    kept, redactions = reader.read(given)
    return dict(kept), redactions


def test_beyond_the_bound_they_are_described_together() -> None:
    """The first stand alone, in the order of events; each later event's are one, of which size and digest are kept."""
    read = reader(3)
    first, _ = read_by(read, {"a": "x", "tool": "search", "b": 1, "gone": None})
    second, _ = read_by(read, {"c": [1], "d": "y" * 2000, "tool": "search", "e": {"z": 1}})
    third, _ = read_by(read, {"f": "z", "step": "one"})
    assert list(first) == ["a", "tool", "b"]
    folded: dict[str, Any] = {"d": "y" * 2000, "e": {"z": 1}}
    together = digest_json(folded)
    assert second == {
        "c": {"type": "array", "bytes": 3, "digest": digest_json([1]).digest},
        "tool": "search",
        MORE: {"type": "object", "bytes": together.size, "digest": together.digest},
    }
    assert third == {"step": "one", MORE: {"type": "object", "bytes": 9, "digest": digest_json({"f": "z"}).digest}}


def test_what_is_described_together_hides_secrets() -> None:
    """A secret name's value is out of the digest; small ones in which a secret is found have none."""
    read = reader(0)
    large: dict[str, Any] = {"password": "hunter2", "note": "y" * 2000}
    kept, redactions = read_by(read, large)
    assert kept[MORE] == {
        "type": "object",
        "bytes": digest_json(large).size,
        "digest": digest_json({**large, "password": PLACEHOLDER}).digest,
    }
    assert not redactions
    kept, redactions = read_by(read, {"note": f"see {TOKEN}"})
    assert kept == {MORE: {"type": "object", "digest": None}}
    assert [redaction.path for redaction in redactions] == [f"/attributes/{MORE}"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("note", "password=hunter2xyz9"),
        ("note", "ü" * 480 + " password=hunter2xyz9"),
        ("argv", ["curl -u app:hunter2xyz9"]),
        ("settings", {"db": {"pin": 1234}}),
        ("card", 4111111111111111),
        ("phone", 4915112345678),
        ("home.phone", "0151 12345678"),
        ("login.session_token", "abc123def"),
        ("tool", "call +49 151 12345678 " + "about it " * 40),
        ("tags", {"password": "x"}),
    ],
)
@pytest.mark.parametrize("ready", [False, True])
def test_a_small_value_that_holds_a_finding_has_no_digest(name: str, value: JsonValue, *, ready: bool) -> None:
    """Neither size nor digest is kept: a person who guesses the rest could try values until the digest fits."""
    read = reader(10)
    if ready:
        read.prefetch({name: value})
        read.texts.fetch()
    kept, redactions = read_by(read, {name: value})
    assert kept[name]["digest"] is None
    assert set(kept[name]) == {"type", "digest"}
    assert {redaction.path for redaction in redactions} == {f"/attributes/{name}"}


@pytest.mark.parametrize("name", ["call +49 151 12345678", f"see {TOKEN}", "{password=hunter2xyz9}"])
def test_a_short_odd_name_that_holds_a_finding_is_not_shown(name: str) -> None:
    """No digest of it is kept, because one could guess the name. Of other odd names the digest is kept."""
    kept, redactions = read_by(reader(10), {name: 1})
    assert list(kept) == [f"name:{PLACEHOLDER}"]
    assert redactions
    kept, redactions = read_by(reader(10), {"two words": 1})
    assert "name:" in next(iter(kept))
    assert PLACEHOLDER not in next(iter(kept))
    assert not redactions


def test_many_odd_names_that_are_not_shown_stay_short() -> None:
    """A number makes each of them unique, so the names do not grow."""
    kept, _ = read_by(reader(100), {f"x {TOKEN} {number}": 1 for number in range(100)})
    assert len(kept) == 100
    assert max(map(len, kept)) <= len(f"name:{PLACEHOLDER}_99")


def test_an_attribute_of_that_name_stays() -> None:
    """What a sender calls by that name is kept beside it."""
    kept, _ = read_by(reader(1), {MORE: 1, "b": 2})
    assert kept[MORE]["type"] == "number"
    assert kept[f"{MORE}_"]["type"] == "object"


def test_announced_is_no_more_than_is_described() -> None:
    """No more names and values are looked at than stand alone, whatever the number that came."""
    read = reader(10)
    events: list[dict[str, Any]] = [
        {f"k{event}_{number}": f"v{event}_{number}" for number in range(100)} for event in range(20)
    ]
    for event in events:
        read.prefetch(event)
    assert isinstance(read.texts, CountingTexts)
    assert read.texts.expected == 20
    read.texts.fetch()
    for event in events:
        read_by(read, event)
    assert read.texts.expected == 21  # and the name of what is described together


def test_ordinary_requests_never_meet_the_bound() -> None:
    """As many events as a request may hold have three each in the smallest of bodies, and nine in the largest."""
    assert DESCRIBED >= 3 * EVENTS
    assert described_of(LARGEST) >= 9 * EVENTS
    assert described_of(BYTES_PER_DESCRIBED) == DESCRIBED + 1
