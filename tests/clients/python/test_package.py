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
    """Build the wheel, without the network, from a copy: a build leaves files behind."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "python"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    command = (
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
        "--wheel-dir", str(folder), str(copy),
    )  # fmt: skip
    subprocess.run(command, check=True, timeout=100, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel(wheel: Path) -> None:
    """It holds the package, its type marker and nothing else, is small, and says which version it is."""
    assert wheel.name == f"agent_audit_log_client-{__version__}-py3-none-any.whl"
    assert wheel.stat().st_size < MAX_BYTES
    names = zipfile.ZipFile(wheel).namelist()
    sources = {f"audit_log_client/{path.name}" for path in (PROJECT / "src" / "audit_log_client").glob("*.py")}
    packaged = {name for name in names if ".dist-info/" not in name}
    assert packaged == sources | {"audit_log_client/py.typed"}
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
