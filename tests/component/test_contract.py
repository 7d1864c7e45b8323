"""What every component has in common, read from its source: one test over all of them."""

import ast
import re
from pathlib import Path

import pytest

from components.package import ROOT

RESOURCE = re.compile(r"(?:aws(?:\.\w+)+|random)\.[A-Z]\w*(?<!Args)")
FILES = sorted(path for path in (ROOT / "components" / "aws").glob("*.py") if path.name != "__init__.py")


HELPERS = [path for path in sorted((ROOT / "components").glob("*.py")) if "pulumi_aws" in path.read_text("utf-8")]
MAKERS = [*(path for path in FILES if path.stem != "seal_alarms"), *HELPERS]
"""Every file that registers resources: the components, but the one whose resources a helper registers, and helpers."""


def _name(node: ast.expr) -> str:
    """`pulumi.ComponentResource` as text."""
    return ast.unparse(node)


def _components() -> list[tuple[Path, ast.ClassDef]]:
    return [
        (path, node)
        for path in FILES
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and any(_name(base) == "pulumi.ComponentResource" for base in node.bases)
    ]


COMPONENTS = _components()
each = pytest.mark.parametrize(
    ("path", "component"), COMPONENTS, ids=[f"{path.stem}.{component.name}" for path, component in COMPONENTS]
)


def _init(component: ast.ClassDef) -> ast.FunctionDef:
    (init,) = [node for node in component.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    return init


def _calls(node: ast.AST) -> list[ast.Call]:
    return [child for child in ast.walk(node) if isinstance(child, ast.Call)]


def test_there_is_one_component_a_file() -> None:
    """Named as the file is."""
    assert [path for path, _ in COMPONENTS] == FILES
    for path, component in COMPONENTS:
        assert component.name.lower() == path.stem.replace("_", "")


@each
def test_it_takes_name_args_and_options(path: Path, component: ast.ClassDef) -> None:
    """`Name(name, args: NameArgs, opts=None)`, and nothing passed through."""
    del path
    arguments = _init(component).args
    assert [argument.arg for argument in arguments.args] == ["self", "name", "args", "opts"]
    assert arguments.args[2].annotation is not None
    assert ast.unparse(arguments.args[2].annotation) == f"{component.name}Args"
    assert [ast.unparse(default) for default in arguments.defaults] == ["None"]
    assert (arguments.vararg, arguments.kwarg, arguments.kwonlyargs) == (None, None, [])


@each
def test_its_args_are_frozen_keyword_only_and_checked(path: Path, component: ast.ClassDef) -> None:
    """Dataclasses in the same file, of which the component's own refuses what makes no sense when it is made."""
    classes = {node.name: node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef)}
    args = classes[f"{component.name}Args"]
    for name, node in classes.items():
        if name != component.name:
            (decorator,) = node.decorator_list
            assert ast.unparse(decorator) == "dataclass(frozen=True, slots=True, kw_only=True)"
    assert "__post_init__" in {node.name for node in args.body if isinstance(node, ast.FunctionDef)}


@each
def test_it_registers_its_outputs_once_and_last(path: Path, component: ast.ClassDef) -> None:
    """Two to four of them are its own; a component that registers too early would lose its children's."""
    del path
    registering = [call for call in _calls(component) if _name(call.func) == "self.register_outputs"]
    assert len(registering) == 1
    last = _init(component).body[-1]
    assert isinstance(last, ast.Expr)
    assert last.value is registering[0]
    outputs = registering[0].args[0]
    assert isinstance(outputs, ast.Dict)
    assert 1 <= len(outputs.keys) <= 4


@each
def test_it_names_its_type_after_itself(path: Path, component: ast.ClassDef) -> None:
    """The first thing that it does."""
    del path
    first = next(statement for statement in _init(component).body if _calls(statement))
    expected = f"super().__init__('agent-audit-log:aws:{component.name}', name, None, opts)"
    assert ast.unparse(first) == expected


@pytest.mark.parametrize("path", MAKERS, ids=[path.stem for path in MAKERS])
def test_every_child_has_its_component_as_parent(path: Path) -> None:
    """Nothing is taken from the caller's options, and each name starts with the component's."""
    tree = ast.parse(path.read_text("utf-8"))
    children = [call for call in _calls(tree) if RESOURCE.fullmatch(_name(call.func))]
    options = [call for call in _calls(tree) if _name(call.func) == "pulumi.ResourceOptions"]
    assert options
    for child in children:
        (given,) = [keyword.value for keyword in child.keywords if keyword.arg == "opts"]
        assert given in options
        assert ast.unparse(child.args[0]).startswith("f'{name}-")
    for made in options:
        words = {keyword.arg: ast.unparse(keyword.value) for keyword in made.keywords}
        assert words["parent"] == ("self" if path in FILES else "parent")
        assert set(words) <= {"parent", "protect", "depends_on", "deleted_with", "custom_timeouts"}


@each
def test_everything_public_says_what_it_guarantees(path: Path, component: ast.ClassDef) -> None:
    """The file begins with it; the class lists its outputs."""
    module = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    assert "Guarantee: " in module
    assert "Output" in (ast.get_docstring(component) or "")


@pytest.mark.parametrize("path", [*FILES, *HELPERS], ids=lambda path: path.stem)
def test_it_switches_no_protection_off(path: Path) -> None:
    """No such property is given at all, true or false."""
    given = {keyword.arg for call in _calls(ast.parse(path.read_text("utf-8"))) for keyword in call.keywords}
    assert not given & {"force_destroy", "retain_on_delete", "skip_destroy", "ignore_changes", "delete_before_replace"}
