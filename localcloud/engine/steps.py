"""From what is and what is wanted to what is to be done, without doing anything.

Guarantee: pure. The same old entry, goal and provider's diff always lead to the same decision, in preview and for real.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from localcloud.engine.goals import Goal
from localcloud.engine.state import Entry
from localcloud.values import Properties, Value, same, unwrap

Action = Literal["create", "update", "replace", "same", "delete", "read"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """A provider's comparison of a resource with what is wanted of it.

    Attributes:
        changed: whether anything differs; None when the provider cannot say.
        paths: the properties that differ, as paths.
        replaces: those among them that cannot change in place.
        delete_first: the successor cannot exist beside the old one.
    """

    changed: bool | None
    paths: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    delete_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do about one goal, and because of which properties."""

    action: Action
    paths: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    delete_first: bool = False


def decide(old: Entry | None, goal: Goal, inputs: Properties, diff: Diff, replaced: Collection[str] = ()) -> Decision:
    """Choose between create, same, update and replace for a resource of a provider.

    `inputs` are the checked ones, `diff` what the provider said of them (ignored if there is no old entry), `replaced`
    the URNs that this run replaced already.
    """
    if old is None or old.external:
        return Decision(action="create")
    paths = diff.paths
    changed = diff.changed
    if changed is None:
        changed = not same(old.inputs, inputs)
    if changed and not paths:
        paths = tuple(sorted(key for key in old.inputs.keys() | inputs.keys() if _differs(key, old.inputs, inputs)))
    replaces = [path for path in diff.replaces if changed]
    replaces += [path for path in paths if changed and _matches_any(path, goal.replace_on_changes)]
    if old.provider != goal.provider:
        replaces.append("provider")
    if old.replacement_trigger is not None and unwrap(old.replacement_trigger) != unwrap(goal.replacement_trigger):
        replaces.append("replacementTrigger")
    replaces += [f"replaceWith {urn}" for urn in goal.replace_with if urn in replaced]
    if replaces:
        first = diff.delete_first if goal.delete_before_replace is None else goal.delete_before_replace
        return Decision(action="replace", paths=paths, replaces=tuple(dict.fromkeys(replaces)), delete_first=first)
    return Decision(action="update" if changed or old.dirty else "same", paths=paths)


def _differs(key: str, old: Mapping[str, Value], new: Mapping[str, Value]) -> bool:
    return unwrap(old.get(key)) != unwrap(new.get(key))


_SEGMENT = re.compile(r'\[(?:"((?:[^"\\]|\\.)*)"|(\d+|\*))\]|([^.\[\]]+)')


def split_path(path: str) -> list[str]:
    """Take a property path such as `tags["a.b"][0].c` apart into its keys and indices."""
    return [quoted.replace('\\"', '"') if quoted else index or name for quoted, index, name in _SEGMENT.findall(path)]


def _matches_any(path: str, patterns: Collection[str]) -> bool:
    segments = split_path(path)
    return any(
        all(left in ("*", right) for left, right in zip(split_path(pattern), segments, strict=False))
        for pattern in patterns
    )


def ignore_changes(new: Properties, old: Mapping[str, Value], paths: Collection[str]) -> Properties:
    """Put the old value back at every path whose changes the program ignores."""
    for path in paths:
        segments = split_path(path)
        restored = _restore(new, dict(old), segments)
        new = restored if isinstance(restored, dict) else new
    return new


_ABSENT = object()


def _restore(new: Value | object, old: Value | object, segments: list[str]) -> Value | object:
    if not segments:
        return old
    head, rest = segments[0], segments[1:]
    if isinstance(new, dict) or (new is _ABSENT and isinstance(old, dict)):
        result = dict(new) if isinstance(new, dict) else {}
        below = old if isinstance(old, dict) else {}
        for key in sorted({*result, *below}) if head == "*" else (head,):
            value = _restore(result.get(key, _ABSENT), below.get(key, _ABSENT), rest)
            if value is _ABSENT:
                result.pop(key, None)
            else:
                result[key] = value  # pyrefly: ignore
        return result
    if isinstance(new, list) and isinstance(old, list):
        items = list(new)
        for index in range(min(len(items), len(old))):
            if head in ("*", str(index)):
                items[index] = _restore(items[index], old[index], rest)  # pyrefly: ignore
        return items
    return new
