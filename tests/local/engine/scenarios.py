"""Pairs of programs for the kill tests: what stands, and what a run that is killed was about to make of it."""

from __future__ import annotations

from tests.local.engine.harness import Spec

SCENARIOS: dict[str, tuple[tuple[Spec, ...], tuple[Spec, ...]]] = {
    "first run": (
        (),
        (
            Spec(name="a"),
            Spec(name="auto", named=False, soft=("a",)),
            Spec(name="b", hard="a", soft=("auto",)),
        ),
    ),
    "changes": (
        (
            Spec(name="stays"),
            Spec(name="updated", value=1, soft=("stays",)),
            Spec(name="auto", named=False, kind="x"),
            Spec(name="first", kind="x"),
            Spec(name="holds", hard="first"),
            Spec(name="user", soft=("auto",)),
            Spec(name="leaves", soft=("user",)),
            Spec(name="goes too", soft=("leaves",)),
        ),
        (
            Spec(name="stays"),
            Spec(name="updated", value=2, soft=("stays",)),
            Spec(name="auto", named=False, kind="y"),
            Spec(name="first", kind="y"),
            Spec(name="holds", hard="first"),
            Spec(name="user", soft=("auto",)),
            Spec(name="comes", soft=("user", "updated")),
        ),
    ),
    "all goes": (
        (Spec(name="a"), Spec(name="b", hard="a"), Spec(name="c", soft=("a", "b"), named=False)),
        (),
    ),
}
