"""No pattern of the functions can be made slow: what Python's own engine runs never backtracks over more than it must.

RE2's patterns are linear by construction. `re` backtracks: a prefix such as `.*` that is tried at each place of a text,
or a repetition of repetitions, costs the square of the text or worse.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.place import ROOT

LAMBDA = ROOT / "lambda"
PACKAGES = ("audit_core", "aws_client", "log_sealer", "log_writer")
FUNCTIONS = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
ops = importlib.import_module("re._constants")
parser = importlib.import_module("re._parser")


def modules() -> Iterator[str]:
    """Name every module that runs in a function."""
    for package in PACKAGES:
        yield package
        found = importlib.import_module(package)
        yield from (module.name for module in pkgutil.walk_packages(found.__path__, f"{package}."))


def compiled() -> dict[str, re.Pattern[Any]]:
    """Give the patterns that the modules hold, also those inside their tables."""
    found: dict[str, re.Pattern[Any]] = {}
    for name in modules():
        for attribute, value in vars(importlib.import_module(name)).items():
            for number, pattern in enumerate(_patterns_in(value, 3)):
                found.setdefault(f"{name}.{attribute}[{number}]", pattern)
    return found


def _patterns_in(value: object, depth: int) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, (tuple, list, set, frozenset)) and depth:
        for item in value:
            yield from _patterns_in(item, depth - 1)
    elif isinstance(value, dict) and depth:
        yield from _patterns_in(list(value.values()), depth)


def written() -> dict[str, str | bytes]:
    """Give the patterns that stand in a call, as `re.sub(r"...", ...)`."""
    found: dict[str, str | bytes] = {}
    for path in sorted(LAMBDA.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and (node.func.value.id, node.func.attr in FUNCTIONS) == ("re", True)
                and node.args
                and isinstance(node.args[0], ast.Constant)
                and isinstance(node.args[0].value, (str, bytes))
            ):
                found[f"{path.relative_to(ROOT)}:{node.lineno}"] = node.args[0].value
    return found


def fault(pattern: str | bytes, flags: int = 0) -> str | None:
    """Say what is wrong with the shape of a pattern, or None."""
    tree = list(parser.parse(pattern, flags))
    first, alone = tree[0] if tree else None, len(tree) == 1
    while first is not None and first[0] is ops.SUBPATTERN:
        inner = list(first[1][3])
        first, alone = inner[0] if inner else None, alone and len(inner) == 1
    if first is not None and not alone and _is_endless(first) and _is_broad(first[1][2]):
        return "an endless prefix is tried at each place"
    return "a repetition of repetitions" if any(map(_is_nested, _nodes(tree))) else None


def _is_endless(node: Any) -> bool:  # noqa: ANN401 - the parser's own trees
    return node[0] in (ops.MAX_REPEAT, ops.MIN_REPEAT) and node[1][1] is ops.MAXREPEAT


def _is_broad(inner: Any) -> bool:  # noqa: ANN401
    """Whether the repeated thing is any character, or any but a few."""
    (op, value), *others = list(inner)
    return not others and (op is ops.ANY or op is ops.NOT_LITERAL or (op is ops.IN and value[0][0] is ops.NEGATE))


def _is_nested(node: Any) -> bool:  # noqa: ANN401
    """Whether an endless repetition repeats what can itself be of any length, and nothing must stand between."""
    if not _is_endless(node):
        return False
    inner = list(node[1][2])
    while len(inner) == 1 and inner[0][0] is ops.SUBPATTERN:
        inner = list(inner[0][1][3])
    branches = [list(branch) for branch in inner[0][1][1]] if len(inner) == 1 and inner[0][0] is ops.BRANCH else [inner]
    return any(branch and all(_may_be_endless(part) for part in branch) for branch in branches)


def _may_be_endless(node: Any) -> bool:  # noqa: ANN401
    """Whether a part repeats without end, or may be left out."""
    return _is_endless(node) or (node[0] in (ops.MAX_REPEAT, ops.MIN_REPEAT) and node[1][0] == 0)


def _nodes(tree: Any) -> Iterator[Any]:  # noqa: ANN401
    for node in tree:
        yield node
        op, value = node
        if op is ops.SUBPATTERN:
            yield from _nodes(value[3])
        elif op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
            yield from _nodes(value[2])
        elif op is ops.BRANCH:
            for branch in value[1]:
                yield from _nodes(branch)
        elif op in (ops.ASSERT, ops.ASSERT_NOT):
            yield from _nodes(value[1])
        elif op is ops.ATOMIC_GROUP:
            yield from _nodes(value)


@pytest.mark.parametrize("pattern", [r".*%40", r"[^@]*@", r"(?:a+)+b", r"(\w*\s*)*x", r"(?:(?:ab)*|c)+d", r"(?s:.+)x"])
def test_a_slow_shape_is_seen(pattern: str) -> None:
    """What the next test looks for."""
    assert fault(pattern)
    assert fault(pattern.encode())


@pytest.mark.parametrize(
    "pattern", [r"[^@]*+@", r"(?:a+b)+", r"\w{1,64}@", r"x[^@]*@", r"[^/]*", r"(?:[^\"\\]++|\\.)*+x"]
)
def test_a_quick_shape_is_not(pattern: str) -> None:
    """Possessive, bounded, anchored by what stands before it, or with nothing after it."""
    assert fault(pattern) is None


def test_no_pattern_can_be_made_slow() -> None:
    """Every pattern of `re` in the functions, wherever it is written."""
    patterns = compiled()
    assert len(patterns) > 80
    slow = {name: fault(pattern.pattern, pattern.flags & ~re.DEBUG) for name, pattern in patterns.items()}
    slow |= {place: fault(pattern) for place, pattern in written().items()}
    assert {name: reason for name, reason in slow.items() if reason is not None} == {}
