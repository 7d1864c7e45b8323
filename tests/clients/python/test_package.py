"""The distribution: built with what is locked, and installed into a project that has nothing but httpx."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from audit_log_client import __version__
from localcloud.dependencies import ROOT
from tests.clients.python.endpoint import TOKEN, serving, stored

PROJECT = ROOT / "clients" / "python"
CORE = ROOT / "lambda" / "audit_core"
SHARED = ("fields_1", "finish_reasons", "loose", "shape", "stream")
# What an agent's program needs to log its calls, and nothing of this project in sight.
PROGRAM = """
import sys
import httpx
import audit_log_client

assert audit_log_client.__file__.startswith(sys.prefix), audit_log_client.__file__
loaded = {name.partition(".")[0] for name in sys.modules}
assert not loaded & {"agents", "openai", "orjson", "rfc8785", "audit_core", "log_writer"}, loaded
with audit_log_client.AuditLog(sys.argv[1], sys.argv[2], spool=sys.argv[3]) as log:
    client = log.instrument(httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"a": 1}))))
    client.get("https://api.example.com/x")
    assert log.flush(10)
"""
MAX_BYTES = 68_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, without the network, from a copy of a checkout: a build leaves files behind."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "clients" / "python"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    shutil.copytree(CORE, folder / "lambda" / "audit_core")
    command = (
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
        "--wheel-dir", str(folder), str(copy),
    )  # fmt: skip
    subprocess.run(command, check=True, timeout=100, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel(wheel: Path) -> None:
    """It holds the package, what it shares with the log's core and nothing else, is small, and names its version."""
    assert wheel.name == f"agent_audit_log_client-{__version__}-py3-none-any.whl"
    assert wheel.stat().st_size < MAX_BYTES
    names = zipfile.ZipFile(wheel).namelist()
    source = PROJECT / "src"
    own = {path.relative_to(source).as_posix() for path in (source / "audit_log_client").rglob("*.py")}
    data = {"audit_log_client/answers.json", "audit_log_client/py.typed"}
    shared = {f"audit_log_client/_core/{name}.py" for name in SHARED}
    assert {name for name in names if ".dist-info/" not in name} == own | data | shared
    for name in SHARED:
        assert zipfile.ZipFile(wheel).read(f"audit_log_client/_core/{name}.py") == (CORE / f"{name}.py").read_bytes()
    assert b"lambda" not in zipfile.ZipFile(wheel).read("audit_log_client/_core/__init__.py")
    metadata = zipfile.ZipFile(wheel).read(next(name for name in names if name.endswith("/METADATA"))).decode()
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
    assert required == ["Requires-Dist: httpx>=0.27"]


def test_an_empty_project(wheel: Path, tmp_path: Path) -> None:
    """Installed where nothing else is but httpx, it logs a call."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    command = (
        sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index",
        str(wheel),
    )  # fmt: skip
    subprocess.run(command, check=True, timeout=100, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    for name in ("httpx", "httpcore", "anyio", "h11", "idna", "certifi", "sniffio", "typing_extensions"):
        _lend(name, site)
    with serving(stored) as endpoint:
        done = subprocess.run(
            [str(python), "-I", "-c", PROGRAM, endpoint.url, TOKEN, str(tmp_path / "spool")],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        (event,) = endpoint.seen[0].events
    assert event["endpoint"] == "https://api.example.com/x"


def _lend(name: str, site: Path) -> None:
    """Put one of this environment's packages into another, as it is."""
    folder = Path(sysconfig.get_path("purelib"))
    for found in (folder / name, folder / f"{name}.py"):
        if found.exists():
            (site / found.name).symlink_to(found)
