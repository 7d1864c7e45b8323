"""A function's package: a zip whose bytes depend only on its sources, its pinned wheels and its configuration.

Guarantee: the same inputs give the same bytes, whatever the path, the umask, the clock, the order of files in a folder,
the Python or the zlib that builds it. So its SHA-256, compared with Lambda's CodeSha256, shows which code runs. It
holds the sources, what they import with its licences, and the configuration: no caches, no tests, no service data.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sys
import sysconfig
import tempfile
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Literal

from audit_core.layout import CONFIG_FILE
from components import downloads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCES: Final = ROOT / "lambda"
LOCK: Final = SOURCES / "requirements.lock"
WHEELS: Final = ROOT / ".cache" / "wheels"
_MB: Final = 1024 * 1024

Target = Literal["aws", "local"]

_PYTHON: Final = "3.13"
"""The runtime that the function declares."""
_GLIBC_MINORS: Final = range(17, 35)
"""Wheels built for glibc 2.17 to 2.34, which is what the runtime's Amazon Linux 2023 has.

https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html
"""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_FILE_MODE: Final = 0o100644
_ENTRY: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)[ \t]*(?:;[ \t]*([^\\\n]+?))?[ \t]*\\?$", re.MULTILINE)
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_MARKER: Final = re.compile(r"python_(?:full_)?version (<|>=) '(\d+)\.(\d+)'")
_CPYTHON: Final = re.compile("(?:platform_python_implementation|implementation_name) != 'PyPy'")
_LICENCE: Final = re.compile(r"(?:^|/)(?:licen[cs]es?|copying|notice|authors)", re.IGNORECASE)
_UNNEEDED: Final = ("botocore/data/", "botocore/docs/")
"""What signing a request does without: 90 MB of service models, and the generator of their documentation."""
_KEPT_PACKAGES: Final = 10


class PackageError(RuntimeError):
    """The package cannot be built; one line that says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a function's package is made of: our packages, and the distributions of the lock that these import.

    `distributions` are all of them, with what they need in turn. `max_bytes` is what the package may weigh; Lambda
    itself would take 50 MB.
    """

    name: str
    packages: tuple[str, ...]
    distributions: frozenset[str]
    max_bytes: int


_SIGNED_REQUESTS: Final = frozenset({"botocore", "jmespath", "python-dateutil", "six", "urllib3"})
WRITER: Final = Contents(
    name="log_writer",
    packages=("audit_core", "aws_client", "log_writer"),
    distributions=_SIGNED_REQUESTS | {"ahocorasick-rs", "google-re2", "isal", "orjson", "typing-extensions"},
    max_bytes=15 * _MB,
)
SEALER: Final = Contents(
    name="log_sealer",
    packages=("audit_core", "aws_client", "log_sealer"),
    distributions=_SIGNED_REQUESTS | {"isal", "orjson"},
    max_bytes=10 * _MB,
)
ANCHORING_SEALER: Final = Contents(
    name="log_sealer",
    packages=SEALER.packages,
    distributions=SEALER.distributions | {"cffi", "cryptography", "pycparser", "rfc3161-client"},
    max_bytes=40 * _MB,
)
"""The sealer where its checkpoints are time-stamped, which takes a library of three times its own weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A built package: where it is, its digest in the two spellings in use, and its size in bytes."""

    path: Path
    sha256_hex: str
    sha256_base64: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One pinned distribution and the digests of the files it may come as."""

    name: str
    version: str
    hashes: frozenset[str]

    def line(self) -> str:
        """Return the requirement as pip reads it."""
        return " ".join(
            [f"{self.name}=={self.version}", *(f"--hash=sha256:{digest}" for digest in sorted(self.hashes))]
        )


def build_package(
    contents: Contents, *, target: Target, config: bytes, out_dir: Path, wheels_dir: Path = WHEELS
) -> Package:
    """Build a function's package for `target` around `config` (the bytes of config.json) and put it into `out_dir`.

    The file is named by its digest and appears whole or not at all. Wheels come from `wheels_dir`, and are fetched
    there when they are missing. Raises PackageError.
    """
    wheels = ensure_wheels(target, contents, wheels_dir=wheels_dir)
    data = _zip(_files(contents, wheels, config))
    if len(data) > contents.max_bytes:
        msg = (
            f"package {contents.name}: must be at most {contents.max_bytes} bytes, got {len(data)}; "
            "a runtime dependency has grown"
        )
        raise PackageError(msg)
    digest = hashlib.sha256(data)
    path = out_dir / f"{contents.name}-{target}-{digest.hexdigest()[:16]}.zip"
    if path.is_file() and path.stat().st_size == len(data):
        path.touch()  # it is in use again, so not among the oldest
    else:
        _write(path, data)
        _forget_oldest(out_dir, f"{contents.name}-{target}")
    return Package(
        path=path,
        sha256_hex=digest.hexdigest(),
        sha256_base64=base64.b64encode(digest.digest()).decode("ascii"),
        size=len(data),
    )


def ensure_wheels(target: Target, *contents: Contents, wheels_dir: Path = WHEELS) -> tuple[Path, ...]:
    """Return the wheels that the packages need for `target`, each checked against the lock, in the lock's order.

    Without `contents`: those of every stack, time stamps aside. What is missing is fetched. Raises PackageError when
    they are neither there nor to be had.
    """
    folder = wheels_dir / _target_name(target)
    names = frozenset[str]().union(*(item.distributions for item in contents or (WRITER, SEALER)))
    pinned = requirements(LOCK.read_text("utf-8"), _target_python(target))
    wanted = tuple(item for item in pinned if item.name in names)
    found = _match(wanted, folder)
    if len(found) < len(wanted):
        try:
            with downloads.one_at_a_time(wheels_dir.parent):
                found = _match(wanted, folder)  # another process may have fetched them meanwhile
                if missing := [item for item in wanted if item.name not in found]:
                    _fetch(missing, folder, target)
                    found = _match(wanted, folder)
        except OSError as error:
            msg = f"package: cannot fetch the function's wheels into {folder}: {error}"
            raise PackageError(msg) from error
    if missing := [item for item in wanted if item.name not in found]:
        msg = f"package: no wheel of {missing[0].name} {missing[0].version} for {_target_name(target)}"
        raise PackageError(msg)
    return tuple(found[item.name] for item in wanted)


def requirements(lock: str, python: tuple[int, int]) -> tuple[Requirement, ...]:
    """Return what the lock pins for a Python version.

    Markers are read for the target: pip would read them for the Python that runs it. Raises PackageError for a marker
    that this does not understand.
    """
    entries = list(_ENTRY.finditer(lock))
    ends = [entry.start() for entry in entries[1:]] + [len(lock)]
    result: list[Requirement] = []
    for entry, end in zip(entries, ends, strict=True):
        name, version, marker = entry.groups()
        if marker is not None and not _applies(marker, python):
            continue
        hashes = frozenset(_HASH.findall(lock, entry.end(), end))
        if not hashes:
            msg = f"package: {name} has no digest in {LOCK.name}"
            raise PackageError(msg)
        result.append(Requirement(name=name, version=version, hashes=hashes))
    return tuple(result)


def _applies(marker: str, python: tuple[int, int]) -> bool:
    """Return whether a marker holds for the target's Python, which is CPython."""
    for term in marker.split(" and "):
        match = _MARKER.fullmatch(term)
        if match is None:
            if _CPYTHON.fullmatch(term):
                continue
            msg = f"package: {LOCK.name} has a marker other than on the Python version, got {marker!r}"
            raise PackageError(msg)
        operator, major, minor = match.groups()
        bound = (int(major), int(minor))
        if not (python < bound if operator == "<" else python >= bound):
            return False
    return True


def _target_python(target: Target) -> tuple[int, int]:
    """Return the Python that will run the package."""
    if target == "local":
        return sys.version_info[:2]
    major, minor = _PYTHON.split(".")
    return int(major), int(minor)


def _target_name(target: Target) -> str:
    """Return the folder of a target's wheels. That of `local` names the machine and the Python."""
    if target == "aws":
        return "aws"
    machine = re.sub(r"[^A-Za-z0-9_]", "_", sysconfig.get_platform())
    return f"local-{sys.implementation.cache_tag}-{machine}"


def _match(wanted: tuple[Requirement, ...], folder: Path) -> Mapping[str, Path]:
    """Return the wheels in `folder` whose bytes the lock knows, by distribution."""
    by_digest = {digest: item.name for item in wanted for digest in item.hashes}
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.whl")):
        name = by_digest.get(hashlib.sha256(path.read_bytes()).hexdigest())
        if name is not None:
            found.setdefault(name, path)
    return found


def _fetch(missing: list[Requirement], folder: Path, target: Target) -> None:
    """Have pip download wheels, checking their digests itself as well."""
    command = [sys.executable, "-I", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", os.fspath(folder)]
    if target == "aws":
        version = _PYTHON.replace(".", "")
        command += ["--implementation=cp", f"--python-version={version}", f"--abi=cp{version}"]
        command += [f"--platform=manylinux_2_{minor}_aarch64" for minor in reversed(_GLIBC_MINORS)]
        command += ["--platform=manylinux2014_aarch64"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            lines = Path(scratch) / "requirements.txt"
            lines.write_text("".join(f"{item.line()}\n" for item in missing), "utf-8")
            downloads.pip([*command, "--requirement", os.fspath(lines)], log=Path(scratch) / "pip.log")
    except downloads.DownloadError as error:
        names = ", ".join(item.name for item in missing)
        msg = f"package: cannot fetch {names} for {_target_name(target)}; the first build needs the network ({error})"
        raise PackageError(msg) from error


def _files(contents: Contents, wheels: tuple[Path, ...], config: bytes) -> Mapping[str, bytes]:
    """Return every file of the package, by its name in the zip."""
    files: dict[str, bytes] = {CONFIG_FILE: config}
    for name, data in (*_from_sources(contents), *(entry for wheel in wheels for entry in _from_wheel(wheel))):
        if name in files:
            msg = f"package: two of its parts bring {name}"
            raise PackageError(msg)
        files[name] = data
    return files


def _from_sources(contents: Contents) -> Iterator[tuple[str, bytes]]:
    """Yield the files of our own packages, without caches."""
    for package in contents.packages:
        for path in (SOURCES / package).rglob("*"):
            relative = path.relative_to(SOURCES)
            if path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in relative.parts):
                yield relative.as_posix(), path.read_bytes()


def _from_wheel(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a wheel that importing it needs, and its licences."""
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            if not info.is_dir() and _keeps(info.filename):
                yield info.filename, archive.read(info)


def _keeps(name: str) -> bool:
    """Return whether a wheel's file belongs into the package."""
    parts = PurePosixPath(name).parts
    if parts[0].endswith(".dist-info"):
        return _LICENCE.search("/".join(parts[1:])) is not None
    if parts[0].endswith(".data") or name.startswith(_UNNEEDED):
        return False
    return not (name.endswith((".pyi", ".pyc")) or "tests" in parts or "__pycache__" in parts)


def _zip(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of `files`: sorted, undated, with one mode, and uncompressed, as zlib differs between machines."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3
            info.external_attr = _FILE_MODE << 16
            archive.writestr(info, files[name])
    return buffer.getvalue()


def _forget_oldest(out_dir: Path, prefix: str) -> None:
    """Leave the few packages that were used last, so that a year of runs does not fill the disk."""
    packages = sorted(out_dir.glob(f"{prefix}-*.zip"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in packages[_KEPT_PACKAGES:]:
        path.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    """Put a file in place whole."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(data)
        Path(file.name).replace(path)
    except OSError as error:
        msg = f"package: cannot write {path}: {error}"
        raise PackageError(msg) from error
