"""The decision what to do follows from the old entry, the goal and the provider's diff alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from localcloud.engine.goals import Goal
from localcloud.engine.state import Entry
from localcloud.engine.steps import Decision, Diff, decide, ignore_changes, split_path
from localcloud.values import Properties, Secret
from tests.local.engine.harness import ITEM, urn

OLD = Entry(urn=urn("a"), type=ITEM, custom=True, id="1", provider="p::1", inputs={"x": 1, "y": Secret(2)})
GOAL = Goal(urn=urn("a"), type=ITEM, name="a", custom=True, provider="p::1", inputs={"x": 1, "y": Secret(2)})
NONE = Diff(changed=False)
SOME = Diff(changed=True, paths=("x",))
CANNOT_SAY = Diff(changed=None)


@pytest.mark.parametrize(
    ("old", "goal", "diff", "expected"),
    [
        (None, GOAL, NONE, Decision(action="create")),
        (replace(OLD, external=True), GOAL, NONE, Decision(action="create")),
        (OLD, GOAL, NONE, Decision(action="same")),
        (replace(OLD, dirty=True), GOAL, NONE, Decision(action="update")),
        (OLD, GOAL, SOME, Decision(action="update", paths=("x",))),
        (OLD, GOAL, CANNOT_SAY, Decision(action="same")),
        (replace(OLD, inputs={"x": 2, "y": 2}), GOAL, CANNOT_SAY, Decision(action="update", paths=("x",))),
        (replace(OLD, inputs={"x": 1, "y": 2, "z": None}), GOAL, CANNOT_SAY, Decision(action="same")),
        (
            OLD,
            GOAL,
            Diff(changed=True, paths=("x",), replaces=("x",), delete_first=True),
            Decision(action="replace", paths=("x",), replaces=("x",), delete_first=True),
        ),
        (
            OLD,
            replace(GOAL, delete_before_replace=False),
            Diff(changed=True, paths=("x",), replaces=("x",), delete_first=True),
            Decision(action="replace", paths=("x",), replaces=("x",)),
        ),
        (
            OLD,
            replace(GOAL, replace_on_changes=("*",)),
            SOME,
            Decision(action="replace", paths=("x",), replaces=("x",)),
        ),
        (OLD, replace(GOAL, replace_on_changes=("other",)), SOME, Decision(action="update", paths=("x",))),
        (OLD, replace(GOAL, provider="p::2"), NONE, Decision(action="replace", replaces=("provider",))),
        (
            replace(OLD, replacement_trigger=1),
            replace(GOAL, replacement_trigger=Secret(1)),
            NONE,
            Decision(action="same"),
        ),
        (
            replace(OLD, replacement_trigger=1),
            replace(GOAL, replacement_trigger=2),
            NONE,
            Decision(action="replace", replaces=("replacementTrigger",)),
        ),
        (
            OLD,
            replace(GOAL, replace_with=(urn("b"), urn("c"))),
            NONE,
            Decision(action="replace", replaces=(f"replaceWith {urn('b')}",)),
        ),
    ],
)
def test_decisions(old: Entry | None, goal: Goal, diff: Diff, expected: Decision) -> None:
    """Every row of the table."""
    assert decide(old, goal, goal.inputs, diff, {urn("b")}) == expected


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("a", ["a"]),
        ("a.b[0].c", ["a", "b", "0", "c"]),
        ('tags["x.y"]', ["tags", "x.y"]),
        ("list[*].name", ["list", "*", "name"]),
    ],
)
def test_property_paths(path: str, segments: list[str]) -> None:
    """Names, indices, quoted names and wildcards."""
    assert split_path(path) == segments


@pytest.mark.parametrize(
    ("new", "old", "path", "expected"),
    [
        ({"a": 2}, {"a": 1}, "a", {"a": 1}),
        ({"a": 2}, {}, "a", {}),
        ({}, {"a": 1}, "a", {"a": 1}),
        ({"a": {"b": 2, "c": 2}}, {"a": {"b": 1, "c": 1}}, "a.b", {"a": {"b": 1, "c": 2}}),
        ({"a": [{"b": 2}, {"b": 2}]}, {"a": [{"b": 1}, {"b": 1}]}, "a[*].b", {"a": [{"b": 1}, {"b": 1}]}),
        ({"a": [2, 2]}, {"a": [1, 1]}, "a[1]", {"a": [2, 1]}),
        ({"a": 2, "b": 2}, {"a": 1, "c": 1}, "*", {"a": 1, "c": 1}),
        ({"a": "text"}, {"a": {"b": 1}}, "a.b", {"a": "text"}),
    ],
)
def test_ignored_changes(new: Properties, old: Properties, path: str, expected: Properties) -> None:
    """The old value stands at the ignored place, and nowhere else; what was absent stays absent."""
    assert ignore_changes(new, old, [path]) == expected
