"""Setting up `.venv`: whatever goes wrong gets one clear line and a non-zero exit, and the next run recovers.

The environments here are real, made by the real venv and pip, but from a lock that holds one tiny wheel.
"""

import ast
import base64
import ctypes
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from localcloud.dependencies import ROOT, project

BOOTSTRAP = "localcloud/bootstrap.py"
BACKEND = """
import pathlib, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "kit-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as wheel:
        wheel.writestr("kit.pth", str(pathlib.Path.cwd()))
        wheel.writestr("kit-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: kit\\nVersion: 1.0\\n")
        wheel.writestr("kit-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("kit-1.0.dist-info/RECORD", "")
    return name
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "kit"
version = "1.0"
"""


def make_wheel(folder: Path, version: str, *, name: str = "tiny", **scripts: str) -> str:
    """Make a wheel of a package `tiny` that knows its version; return its line for a lock."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"print('{name} {version}')\n",
        **{f"{name}-{version}.data/scripts/{script}": text for script, text in scripts.items()},
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [
        f"{file},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}"
        for file, text in files.items()
    ]
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            entry = zipfile.ZipInfo(file)
            entry.external_attr = 0o100755 << 16
            wheel.writestr(entry, text)
        wheel.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,"]))
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """Return a checkout with this project's bootstrap, and a lock that holds one tiny wheel from `../wheels`."""
    root = tmp_path / "kit"
    (root / "localcloud").mkdir(parents=True)
    (root / "tests").mkdir()
    for name in ("__init__.py", "bootstrap.py", "dependencies.py", "telling.py"):
        shutil.copy(ROOT / "localcloud" / name, root / "localcloud" / name)
    (root / "components").mkdir()
    for name in ("__init__.py", "downloads.py"):
        shutil.copy(ROOT / "components" / name, root / "components" / name)
    (root / "requirements.lock").write_text(make_wheel(tmp_path / "wheels", "1.0"))
    (root / "tests" / "requirements.lock").write_text("")
    (root / "backend.py").write_text(BACKEND)
    (root / "pyproject.toml").write_text(PYPROJECT)
    return root


def environment(kit: Path, **more: str) -> dict[str, str]:
    """Return the environment of a person whose only package index is the folder of wheels beside the checkout."""
    return {
        "PATH": os.defpath,
        "HOME": str(kit.parent),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(kit.parent / "wheels"),
        **more,
    }


def bootstrap(kit: Path, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the bootstrap of `kit` with this Python."""
    command = [sys.executable, BOOTSTRAP, *(arguments or ("tiny",))]
    given = environment(kit) if env is None else env
    return subprocess.run(command, cwd=kit, env=given, capture_output=True, text=True, check=False, timeout=100)


def only_line(answer: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that a failed run said to its person; assert that it is one, and that the run failed."""
    assert answer.returncode == 1, answer
    lines = answer.stderr.splitlines()
    assert len(lines) == 1, answer.stderr
    assert lines[0].startswith("agent-audit-log: ")
    return lines[0]


def test_life_of_an_environment(kit: Path) -> None:
    """It is installed once, follows its lock, and is made anew when its interpreter went or the checkout was moved."""
    # What a person has set for pip elsewhere does not send the packages elsewhere.
    first = bootstrap(kit, env=environment(kit, PIP_USER="1", PIP_TARGET=str(kit / "x")))
    assert first.returncode == 0, first
    assert "installing 1 packages" in first.stdout
    assert first.stdout.endswith("tiny 1.0\n")
    assert not (kit / "x").exists()

    notes = (kit / ".venv/agent-audit-log.json").stat().st_mtime_ns
    second = bootstrap(kit)
    assert (second.stdout, second.stderr) == ("tiny 1.0\n", "")
    assert (kit / ".venv/agent-audit-log.json").stat().st_mtime_ns == notes

    (kit / "requirements.lock").write_text(make_wheel(kit.parent / "wheels", "2.0"))
    assert bootstrap(kit).stdout.endswith("tiny 2.0\n")

    (kit / ".venv/bin/python").unlink()
    (kit / ".venv/bin/python").symlink_to(kit / "gone")
    assert bootstrap(kit).stdout.endswith("tiny 2.0\n")

    moved = kit.rename(kit.with_name("moved"))
    assert bootstrap(moved).stdout.endswith("tiny 2.0\n")
    assert str(moved) in (moved / ".venv/bin/activate").read_text()


@pytest.mark.parametrize("name", ["-a it's two co[x] %41#;& (\u00e9\u4e2d\U0001f600)", "x" * 200])
def test_a_checkout_under_any_name(kit: Path, name: str) -> None:
    """Spaces, quotes, brackets and whatever else a folder's name may hold change nothing."""
    moved = kit.rename(kit.with_name(name))
    answer = bootstrap(moved)
    assert (answer.returncode, answer.stdout.splitlines()[-1:]) == (0, ["tiny 1.0"]), answer.stderr


@pytest.mark.parametrize("name", ["a:b", "a\nb", 'a "b"', "a $HOME", "a `id`", "a \\b"])
def test_a_checkout_whose_commands_would_not_run(kit: Path, name: str) -> None:
    """The name is refused before anything is installed."""
    moved = kit.rename(kit.with_name(name))
    assert "move the project to a folder with a plainer name" in only_line(bootstrap(moved))
    assert not (moved / ".venv").exists()


def test_callers_settings(kit: Path) -> None:
    """No target sees the caller's settings for AWS, nor for Python, which could make it import other code."""
    elsewhere = kit.parent / "elsewhere"
    elsewhere.mkdir()
    for name in ("json", "subprocess", "sitecustomize"):
        (elsewhere / f"{name}.py").write_text("raise SystemExit('elsewhere')\n")
    shutil.copy(ROOT / "Makefile", kit)
    (kit / "localcloud" / "up.py").write_text("import json, os\nprint([key for key in os.environ if 'AWS' in key])\n")
    answer = subprocess.run(
        ["make", f"PYTHON={sys.executable}", "up"], cwd=kit, capture_output=True, text=True, check=False, timeout=100,
        env=environment(
            kit, PYTHONPATH=str(elsewhere), PYTHONWARNINGS="error", AWS_PROFILE="x", AWS_STS_REGIONAL_ENDPOINTS="zz"
        ),
    )  # fmt: skip
    assert answer.stdout.endswith("[]\n"), answer


def test_other_bytes_than_the_locks_are_refused(kit: Path) -> None:
    """A package whose bytes are not those that the lock names is not installed."""
    make_wheel(kit.parent / "wheels", "1.0")
    path = kit.parent / "wheels" / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "a") as wheel:
        wheel.writestr("evil.py", "")
    assert "DO NOT MATCH THE HASHES" in only_line(bootstrap(kit))


@pytest.mark.parametrize("code", [0, 1])
def test_uv_installs_what_the_lock_says(kit: Path, code: int) -> None:
    """It gets the list, and pip's settings. If it fails, pip does the work."""
    wheels = kit.parent / "wheels"
    script = f'#!/bin/sh\necho "$UV_FIND_LINKS" "$@" >> "$HOME/uv"\n[ {code} = 1 ] || touch tiny.py\nexit {code}\n'
    with (kit / "requirements.lock").open("a") as lock:
        lock.write(make_wheel(wheels, "9", name="uv", uv=script))
    answer = bootstrap(kit)
    assert answer.returncode == 0, answer
    assert answer.stdout.endswith("tiny 1.0\n" if code else "download\n")
    assert "installing 2 packages" in answer.stdout
    listed, editable = (kit.parent / "uv").read_text().splitlines()
    python = kit / ".venv/bin/python"
    assert listed == (
        f"{wheels} pip install --python {python} --no-index --no-deps --require-hashes --only-binary :all: "
        f"-r {kit / 'requirements.lock'}"
    )
    assert editable.endswith("--no-deps --no-build-isolation --no-index --editable .")


def test_no_network_on_first_install(kit: Path) -> None:
    """Without a network the first install says so in one line; with one, the next run succeeds."""
    cut_off = environment(kit, PIP_INDEX_URL="http://127.0.0.1:9/", PIP_RETRIES="1")
    del cut_off["PIP_NO_INDEX"], cut_off["PIP_FIND_LINKS"]
    assert "the package index does not answer" in only_line(bootstrap(kit, env=cut_off))
    assert bootstrap(kit).returncode == 0


def test_old_python() -> None:
    """An old Python can read the bootstrap, and is told which one is needed."""
    ast.parse((ROOT / BOOTSTRAP).read_text(encoding="utf-8"), feature_version=(3, 6))
    pretend = "import runpy, sys; sys.version_info = (3, 8, 18, 'final', 0); sys.argv = ['x', 'tiny']"
    command = [sys.executable, "-c", f"{pretend}; runpy.run_path({str(ROOT / BOOTSTRAP)!r}, run_name='__main__')"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "Python 3.11 or newer is needed" in only_line(answer)


def test_no_ensurepip(kit: Path) -> None:
    """A Python without ensurepip (Debian splits it off) is told which package to install; with it, all is well."""
    shim = kit.parent / "shim"
    shim.mkdir()
    (shim / "sitecustomize.py").write_text("import sys\nsys.modules['ensurepip'] = None\n")
    line = only_line(bootstrap(kit, env=environment(kit, PYTHONPATH=str(shim))))
    assert "comes without ensurepip" in line
    assert f"python3.{sys.version_info.minor}-venv" in line
    assert bootstrap(kit).returncode == 0


def forbid_overriding_permissions() -> None:
    """Drop root's right to write where the permissions say no (capability CAP_DAC_OVERRIDE), in a child of the test."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="not run: root's capabilities can be dropped on Linux only"
)
def test_read_only_folder(kit: Path) -> None:
    """A folder that cannot be written to is named in one line; once it can be, the run succeeds."""
    kit.chmod(0o555)
    try:
        command = [sys.executable, BOOTSTRAP, "tiny"]
        answer = subprocess.run(
            command, cwd=kit, env=environment(kit), capture_output=True, text=True, check=False, timeout=60,
            preexec_fn=forbid_overriding_permissions if os.geteuid() == 0 else None,
        )  # fmt: skip
    finally:
        kit.chmod(0o755)
    assert f"cannot write to {kit}" in only_line(answer)
    assert bootstrap(kit).returncode == 0


def test_killed_in_the_middle(kit: Path) -> None:
    """A set-up that was killed leaves a half-finished environment, which the next run makes anew."""
    command = [sys.executable, BOOTSTRAP, "tiny"]
    with subprocess.Popen(
        command, cwd=kit, env=environment(kit), stdout=subprocess.DEVNULL, start_new_session=True
    ) as run:
        deadline = time.monotonic() + 60
        while not (kit / ".venv/bin").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(run.pid, signal.SIGKILL)
    assert "unfinished" in json.loads((kit / ".venv/agent-audit-log.json").read_text())
    (kit / ".venv" / "left-over").mkdir()
    assert bootstrap(kit).stdout.endswith("tiny 1.0\n")
    assert not (kit / ".venv" / "left-over").exists()


def test_made_by_hand_is_completed(kit: Path) -> None:
    """An environment that somebody made by hand is completed and keeps what is in it."""
    subprocess.run([sys.executable, "-m", "venv", str(kit / ".venv")], check=True, timeout=100)
    (kit / ".venv" / "mine").touch()
    assert bootstrap(kit).stdout.endswith("tiny 1.0\n")
    assert (kit / ".venv" / "mine").exists()


def test_a_half_made_one_is_made_anew(kit: Path) -> None:
    """One without pip, as other programs make it, and one that another program's set-up left behind half-way."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(kit / ".venv")], check=True, timeout=100)
    assert bootstrap(kit).stdout.endswith("tiny 1.0\n")
    shutil.rmtree(kit / ".venv")
    (kit / ".venv" / "bin").mkdir(parents=True)
    assert bootstrap(kit).stdout.endswith("tiny 1.0\n")


def test_two_at_once(kit: Path) -> None:
    """Two first runs at the same time both succeed, and the packages are installed once."""
    command = [sys.executable, BOOTSTRAP, "tiny"]
    runs = [
        subprocess.Popen(command, cwd=kit, env=environment(kit), stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [run.communicate(timeout=100)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sum("installing" in text for text in said) == 1


def test_locks_are_hashed_and_hold_no_addresses() -> None:
    """Every package of every lock is pinned with hashes, and no lock records where to download from."""
    for lock in project().locks.values():
        text = lock.path.read_text(encoding="utf-8")
        assert lock.packages > 1
        assert "://" not in text
        entries = [entry for entry in text.replace("\\\n", "").splitlines() if entry and not entry.startswith("#")]
        assert len(entries) == lock.packages
        assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
