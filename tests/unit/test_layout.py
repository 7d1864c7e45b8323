"""The house rules, over the whole repository: imports point one way, nothing is shadowed, no file is too long."""

import ast
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from audit_core import layout
from localcloud.place import ROOT

# What each top-level package may import of the others: a package, or one module of it.
MAY_IMPORT = {
    "audit_core": set(),
    "aws_client": {"audit_core"},
    "log_sealer": {"audit_core", "aws_client"},
    "log_writer": {"audit_core", "aws_client"},
    "audit_log_client": set(),
    "policies": {"audit_core.layout"},
    "components": {"audit_core.layout", "policies"},
    "stacks": {"audit_core.layout", "components", "policies"},
    "cli": {"audit_core", "components", "policies", "stacks"},
    "localcloud": {"audit_core", "cli", "components", "policies", "stacks"},
    "benchmarks": {
        "audit_core",
        "aws_client",
        "cli",
        "components",
        "localcloud",
        "log_sealer",
        "log_writer",
        "policies",
        "stacks",
    },
    "tests": {
        "audit_core",
        "audit_log_client",
        "aws_client",
        "benchmarks",
        "cli",
        "components",
        "localcloud",
        "log_sealer",
        "log_writer",
        "policies",
        "stacks",
    },
}
# The one component that runs the function's code: a stack's own masking rules are tried on the engine that will run
# them. A second implementation of the check would one day accept, at preview, what the function then rejects.
EXCEPTIONS = {Path("components/mask_rules.py"): {"audit_core.masking"}}
IN_THE_FUNCTION = ("audit_core", "aws_client", "log_sealer", "log_writer")
# What runs in the function: the standard library, and what lambda/requirements.in declares, under its import names.
RUNTIME = {
    "ahocorasick_rs",
    "botocore",
    "isal",
    "orjson",
    "re2",
    "rfc3161_client",
    "urllib3",
}
IMPORTED_AS = {"google_re2": "re2"}
# What else each package may import. Whoever is not named here may import anything that is installed.
THIRD_PARTY = {
    **dict.fromkeys(IN_THE_FUNCTION, RUNTIME),
    "audit_log_client": {"agents", "httpx", "httpx2"},
    "policies": {"pulumi_policy"},
    "components": {"pulumi", "pulumi_aws", "pulumi_random"},
    "stacks": {"pulumi", "pulumi_aws"},
}
# The one file of `policies` with an SDK in sight.
ADAPTER = Path("policies/__main__.py")
# A distribution of its own, for the agent's side.
CLIENT = ("clients", "python", "src")
MAX_LINES = 420
# Longer files, and why they are one.
LONG_FILES: dict[str, str] = {
    "benchmarks/masking_traffic.py": "one generator of ordinary payloads, a function for each kind of them",
    "tests/adversarial/test_sealed_log.py": "one list of attacks, each a few lines over the same log",
    "tests/local/check/test_checklist.py": "one list of sabotages, each a few lines against the same stack",
    "tests/local/engine/test_programs.py": "one test a thing that the engine does, over programs of a few lines",
    "tests/local/provider/cases.py": "one table: for each resource type how it is made, changed and replaced",
}


def _package(path: Path) -> str:
    """The package that a file belongs to: under `lambda/` and the Python client's `src/`, its folder there."""
    parts = path.relative_to(ROOT).parts
    for source in (("lambda",), CLIENT):
        if parts[: len(source)] == source:
            return parts[len(source)]
    return parts[0]


def _files() -> Iterator[Path]:
    client = "/".join(CLIENT)
    for folder in ("benchmarks", "cli", client, "components", "lambda", "localcloud", "policies", "stacks", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not {"__pycache__", "node_modules"} & set(path.parts):
                yield path


FILES = list(_files())


def _modules(path: Path) -> set[str]:
    """What a file imports, wherever in it: dotted names of modules, with the name where one is taken from a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"), path.name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _imports(path: Path) -> set[str]:
    """The top-level names that a file imports."""
    return {name.split(".")[0] for name in _modules(path)}


def test_every_package_has_its_rule() -> None:
    """A new top-level package needs a line in the table."""
    assert {_package(path) for path in FILES} <= set(MAY_IMPORT)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package: str) -> None:
    """Stacks → components → policies → the core's layout; log_* → audit_core, never each other; nobody the tests."""
    wrong = {
        (str(path.relative_to(ROOT)), name)
        for path in FILES
        if _package(path) == package
        for name in _modules(path)
        if name.split(".")[0] in MAY_IMPORT
        and not any(
            f"{name}.".startswith(f"{allowed}.")
            for allowed in {package} | MAY_IMPORT[package] | EXCEPTIONS.get(path.relative_to(ROOT), set())
        )
    }
    assert not wrong


@pytest.mark.parametrize("package", THIRD_PARTY)
def test_what_is_imported_from_elsewhere_is_declared(package: str) -> None:
    """The function imports its few runtime packages, the policies none."""
    allowed = THIRD_PARTY[package] | set(MAY_IMPORT) | sys.stdlib_module_names
    wrong = {
        (str(path.relative_to(ROOT)), name)
        for path in FILES
        if _package(path) == package
        for name in _imports(path) - allowed
    }
    assert not wrong


def test_policies_are_free_of_any_sdk() -> None:
    """But for the adapter, they are plain data and pure functions."""
    allowed = {"audit_core", "policies"} | sys.stdlib_module_names
    for path in FILES:
        if _package(path) == "policies" and path.relative_to(ROOT) != ADAPTER:
            assert _imports(path) <= allowed, path


def test_the_functions_packages_are_the_declared_ones() -> None:
    """The table above and lambda/requirements.in name the same distributions."""
    declared = (ROOT / "lambda" / "requirements.in").read_text("utf-8")
    names = {line.split("#")[0].strip().lower().replace("-", "_") for line in declared.splitlines()} - {""}
    assert {IMPORTED_AS.get(name, name) for name in names} == RUNTIME


def test_no_top_level_name_shadows_another() -> None:
    """No folder here is named as a module of Python or of an installed package."""
    own = {"audit-log", "agent-audit-log", "agent_audit_log"}
    installed = {
        name for name, distributions in metadata.packages_distributions().items() if not set(distributions) <= own
    }
    top = {_package(path) for path in FILES} - {"tests", "benchmarks"}
    assert not top & (installed | sys.stdlib_module_names)


def test_no_program_file_shadows_a_module() -> None:
    """Running a folder puts it on the path: none of its files may be named as a module of Python."""
    for folder in ("stacks", "policies"):
        names = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__", "__main__"}
        installed = set(metadata.packages_distributions()) | sys.stdlib_module_names
        assert not names & installed, folder


def test_lambda_is_never_a_package() -> None:
    """It is a keyword; what is under it is imported by its own name."""
    assert not (ROOT / "lambda" / "__init__.py").exists()


def test_every_package_is_one() -> None:
    """A folder of modules without __init__.py would be left out of the installation without a word."""
    for path in FILES:
        if _package(path) not in ("tests", "benchmarks"):
            assert (path.parent / "__init__.py").is_file(), path.parent


def test_no_file_is_long_without_a_reason() -> None:
    """What has grown past one screenful of screenfuls is two things."""
    long = {str(path.relative_to(ROOT)) for path in FILES if len(path.read_text("utf-8").splitlines()) > MAX_LINES}
    assert long <= set(LONG_FILES)
    assert all(LONG_FILES[name] for name in long)


def test_prefixes_and_choices_stand_in_one_place() -> None:
    """Only the core's layout states where things are in the buckets and what a stack may choose."""
    prefixes = (layout.RECORDS, layout.SEAL, layout.PAYLOADS)
    choices = (layout.PERSONAL, layout.ENVELOPES, layout.ENDPOINT_DETAILS, layout.DIGESTS, layout.OUTCOMES)
    for path in FILES:
        if _package(path) in ("tests", "audit_log_client") or path == Path(layout.__file__):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"), path.name)):
            if isinstance(node, ast.Tuple):
                stated = tuple(item.value if isinstance(item, ast.Constant) else None for item in node.elts)
                assert stated not in choices, (path, node.lineno)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not node.value.startswith(prefixes), (path, node.lineno)
