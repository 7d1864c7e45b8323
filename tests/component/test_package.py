"""The log writer's package: the same bytes anywhere, nothing that does not belong, and complete by itself."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from components import package
from components.package import (
    LOCK,
    ROOT,
    SOURCES,
    WRITER,
    Package,
    PackageError,
    Target,
    build_package,
    ensure_wheels,
    requirements,
)

CONFIG = b'{"schema":1}'
TARGETS: tuple[Target, ...] = ("aws", "local")


@pytest.fixture(scope="module", params=TARGETS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package for each target."""
    return build_package(WRITER, target=request.param, config=CONFIG, out_dir=tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package for AWS."""
    return build_package(WRITER, target="aws", config=CONFIG, out_dir=tmp_path_factory.mktemp("aws"))


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package for this machine."""
    return build_package(WRITER, target="local", config=CONFIG, out_dir=tmp_path_factory.mktemp("local"))


def _names(built: Package) -> list[str]:
    with zipfile.ZipFile(built.path) as archive:
        return archive.namelist()


def test_its_digest_is_that_of_its_bytes(built: Package) -> None:
    """In the two spellings in use, and in its name."""
    data = built.path.read_bytes()
    digest = hashlib.sha256(data)
    assert built.sha256_hex == digest.hexdigest()
    assert built.sha256_base64 == base64.b64encode(digest.digest()).decode()
    assert built.size == len(data) < WRITER.max_bytes
    assert built.sha256_hex[:16] in built.path.name


REBUILD = """
import hashlib, os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
os.umask(int(sys.argv[2], 8))
time.time = lambda: 4102444800.0
backwards = sys.argv[3] == "backwards"
listed = Path.rglob
Path.rglob = lambda self, pattern: sorted(listed(self, pattern), reverse=backwards)
from components.package import WRITER, build_package
out, wheels = Path(sys.argv[4]), Path(sys.argv[5])
built = build_package(WRITER, target="aws", config=b'{"schema":1}', out_dir=out, wheels_dir=wheels)
print(built.sha256_hex)
"""


@pytest.mark.parametrize(("umask", "order"), [("077", "backwards"), ("000", "forwards")])
def test_the_bytes_are_the_same_elsewhere(aws: Package, tmp_path: Path, umask: str, order: str) -> None:
    """Under another path, umask, clock and order of files; and with what running the sources leaves behind."""
    copy = tmp_path / "another place" / "kit"
    for folder in ("components", "lambda"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
    litter = copy / "lambda" / "audit_core" / "__pycache__"
    litter.mkdir()
    (litter / "record.cpython-313.pyc").write_bytes(b"cached")
    (copy / "lambda" / "log_writer" / ".DS_Store").write_bytes(b"hidden")
    arguments = [str(copy), umask, order, str(tmp_path / "out"), str(package.WHEELS)]
    result = subprocess.run(
        [sys.executable, "-c", REBUILD, *arguments], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert result.stdout.strip() == aws.sha256_hex


def test_another_configuration_is_another_package(aws: Package, tmp_path: Path) -> None:
    """The configuration is part of what the digest stands for."""
    other = build_package(WRITER, target="aws", config=b'{"schema":2}', out_dir=tmp_path)
    assert other.sha256_hex != aws.sha256_hex


def test_building_twice_writes_once(tmp_path: Path) -> None:
    """The same package is left as it lies, and counts as used again."""
    first = build_package(WRITER, target="aws", config=CONFIG, out_dir=tmp_path)
    os.utime(first.path, (1, 1))
    inode = first.path.stat().st_ino
    assert build_package(WRITER, target="aws", config=CONFIG, out_dir=tmp_path) == first
    assert first.path.stat().st_ino == inode
    assert first.path.stat().st_mtime > 1


def test_old_packages_go(tmp_path: Path) -> None:
    """A year of runs does not fill the disk."""
    for number in range(12):
        newest = build_package(WRITER, target="aws", config=str(number).encode(), out_dir=tmp_path)
    assert len(list(tmp_path.iterdir())) == 10
    assert newest.path.is_file()


def test_every_entry_is_sorted_undated_and_plain(built: Package) -> None:
    """Nothing of this machine is in the zip's own fields."""
    with zipfile.ZipFile(built.path) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {entry.create_system for entry in entries} == {3}


def test_it_ships_no_caches_tests_data_or_records(built: Package) -> None:
    """What a function never reads would only be something to break, or to wait for."""
    names = _names(built)
    unwanted = re.compile(
        r"(^|/)(__pycache__|tests?)(/|$)|\.py[ci]$|^botocore/(data|docs)/|(^|/)\.|\.dist-info/(RECORD|METADATA|WHEEL)$"
    )
    assert [name for name in names if unwanted.search(name)] == []
    assert {"config.json", "log_writer/handler.py", "audit_core/record.py"} <= set(names)


def test_it_ships_the_licence_of_everything_in_it(built: Package) -> None:
    """Each of them asks for that."""
    names = _names(built)
    locked = {
        item.name.lower().replace("-", "_")
        for item in requirements(LOCK.read_text("utf-8"), (3, 13))
        if item.name in WRITER.distributions
    }
    licensed = {name.split("-")[0].lower().replace("-", "_") for name in names if ".dist-info/" in name}
    assert locked <= licensed


def test_the_aws_package_has_binaries_for_the_functions_machine_alone(aws: Package) -> None:
    """ELF, aarch64, and built for CPython 3.13 or for any version."""
    with zipfile.ZipFile(aws.path) as archive:
        binaries = {name: archive.read(name)[:20] for name in archive.namelist() if re.search(r"\.so(\.|$)", name)}
    assert len(binaries) >= 5
    for name, head in binaries.items():
        assert head[:4] == b"\x7fELF", name
        assert head[18:20] == b"\xb7\x00", f"{name} is not for aarch64"
        assert re.search(r"\.(cpython-313-aarch64-linux-gnu|abi3)\.so$", name), name


def test_the_wheels_fit_the_functions_system() -> None:
    """Nothing asks for a newer C library than Amazon Linux 2023 has."""
    for wheel in ensure_wheels("aws"):
        tags = [int(minor) for minor in re.findall(r"manylinux_2_(\d+)_aarch64", wheel.name)]
        assert min(tags, default=17) <= 34, wheel.name


def test_it_runs_with_nothing_else_in_sight(local: Package, tmp_path: Path) -> None:
    """Unpacked, isolated from this machine's packages, its entry point imports, and so does what it imports later."""
    with zipfile.ZipFile(local.path) as archive:
        archive.extractall(tmp_path)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import log_writer.handler as h; "
        "print(h.handler.__name__, [m.__file__ for m in sys.modules.values() "
        "if 'site-packages' in (getattr(m, '__file__', None) or '')])"
    )
    environment = {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False, env=environment
    )
    assert result.stderr == ""
    assert result.stdout == "handler []\n"


def test_the_lock_is_read_for_the_target_and_not_for_this_python() -> None:
    """What a marker asks for is asked of the Python that will run the package."""
    lock = (
        "always==1.0 \\\n    --hash=sha256:" + "a" * 64 + "\n"
        "old==2.0 ; python_full_version < '3.12' \\\n    --hash=sha256:" + "b" * 64 + "\n"
        "new==3.0 ; python_version >= '3.12' \\\n    --hash=sha256:" + "c" * 64 + " \\\n    --hash=sha256:" + "d" * 64
    )
    assert [item.name for item in requirements(lock, (3, 11))] == ["always", "old"]
    newer = requirements(lock, (3, 13))
    assert [item.name for item in newer] == ["always", "new"]
    assert newer[1].hashes == {"c" * 64, "d" * 64}
    assert newer[1].line() == f"new==3.0 --hash=sha256:{'c' * 64} --hash=sha256:{'d' * 64}"


def test_the_lock_pins_everything_that_is_asked_for() -> None:
    """Each of the declared packages, with digests."""
    declared = (SOURCES / "requirements.in").read_text("utf-8")
    asked = {line.split("#")[0].strip() for line in declared.splitlines()} - {""}
    assert asked <= {item.name for item in requirements(LOCK.read_text("utf-8"), (3, 13))}


@pytest.mark.parametrize(
    ("lock", "says"),
    [
        ("a==1 ; sys_platform == 'win32' \\\n    --hash=sha256:" + "a" * 64, "has a marker other than on the Python"),
        ("a==1\n", "a has no digest in requirements.lock"),
    ],
)
def test_a_lock_that_is_not_understood_is_refused(lock: str, says: str) -> None:
    """Nothing is packaged on a guess."""
    with pytest.raises(PackageError, match=says):
        requirements(lock, (3, 13))


def test_a_wheel_that_the_lock_does_not_know_is_never_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed wheel counts as missing, and without a network that is one line."""
    folder = tmp_path / "aws"
    folder.mkdir()
    for wheel in ensure_wheels("aws"):
        shutil.copy(wheel, folder)
    (changed,) = folder.glob("isal-*.whl")
    with changed.open("ab") as file:
        file.write(b"x")
    _cut_the_network(monkeypatch)
    with pytest.raises(PackageError) as error:
        ensure_wheels("aws", wheels_dir=tmp_path)
    assert str(error.value).startswith("package: cannot fetch isal for aws; the first build needs the network (")
    assert "\n" not in str(error.value)


def _cut_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pip find no index, whatever this machine's configuration says, and give up at once."""
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """In one line, with the path."""
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(PackageError, match="package: cannot write "):
        build_package(WRITER, target="aws", config=CONFIG, out_dir=blocked / "out")
