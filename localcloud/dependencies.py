"""The environments: make, finish or remake each so that it holds what its locks say.

Guarantees: every installed package is pinned by hash; the next command notices and finishes a set-up that was cut off
anywhere, a moved checkout and a changed lock; if all is in place, this costs milliseconds.
Standard library only: it runs before anything is installed.
"""

import dataclasses
import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NoReturn

from components import downloads
from localcloud.bootstrap import OLDEST
from localcloud.telling import say

ROOT: Final = Path(__file__).resolve().parent.parent
INTERRUPTED: Final = 130
PROJECT: Final = "project"
"""The step that installs the project itself, editable."""
_UNUSABLE: Final = {":": "a colon", "\n": "a line's end"}
"""No environment can be made below a folder with one of these in its name."""
_UNQUOTED: Final = {'"': "a quotation mark", "$": "a dollar sign", "`": "a backtick", "\\": "a backslash"}
"""pip's commands do not run below a folder that has one of these in its name together with a blank, or a long name."""
_LONG: Final = 100
_UV: Final = re.compile(r"^uv==[^\\\n]*(?:\\\n[^\\\n]*)*", re.MULTILINE)
"""uv's entry in a list."""
_UV_SETTINGS: Final = {
    "cert": "SSL_CERT_FILE",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "index-url": "UV_DEFAULT_INDEX",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "trusted-host": "UV_INSECURE_HOST",
}
"""pip's settings of where to download from, as uv calls them."""
_PACKAGE: Final = re.compile(r"^[A-Za-z0-9][\w.-]*==", re.MULTILINE)
_PINNED: Final = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "-r")


class SetUpError(Exception):
    """The environment could not be made ready; the message is one line for a person."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """One hash-locked list of packages. `megabytes` is the download, measured for Linux on x86-64."""

    path: Path
    purpose: str
    megabytes: int

    @property
    def packages(self) -> int:
        """Return the number of packages."""
        return len(_PACKAGE.findall(self.path.read_text(encoding="utf-8")))

    @property
    def digest(self) -> str:
        """Return what changes when the list changes."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One environment of the checkout at `root`.

    `name`: its folder there. `locks`: the lists that may go in, by name. `is_remade`: a changed list makes it anew, so
    that nothing of the old list stays.
    """

    root: Path = ROOT
    name: str = ".venv"
    locks: Mapping[str, Lock]
    is_remade: bool = False

    @property
    def folder(self) -> Path:
        """Return where it is."""
        return self.root / self.name

    @property
    def python(self) -> Path:
        """Return its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def notes(self) -> Path:
        """Return the file that lists the finished steps; nothing else about the environment is trusted."""
        return self.folder / "agent-audit-log.json"

    @property
    def log(self) -> Path:
        """Return the file with pip's last output."""
        return self.root / ".cache" / f"set-up{'' if self.name == '.venv' else f'-{self.folder.name}'}.log"

    def announcement(self, step: str) -> str:
        """Return the line that comes before a list is installed."""
        lock = self.locks[step]
        what = f"installing {lock.packages} packages ({lock.purpose}) into {self.name}"
        return f"{what}; about {lock.megabytes} MB to download"

    def make_ready(self, wanted: Sequence[str]) -> Path:
        """Do the steps that are missing: locks by name, or PROJECT. Return its interpreter.

        Raises SetUpError; prints only if there is something to do.
        """
        if self._steps(wanted):
            self._check_name()
            waiting = f"waiting for another command that is downloading; {self.name} comes next"
            with downloads.one_at_a_time(self.log.parent, waiting=lambda: say(waiting)):
                for step in self._steps(wanted):  # another command may have done some meanwhile
                    self._do(step)
        return self.python

    def _check_name(self) -> None:
        name = str(self.root)
        is_quoted = " " in name or len(name) > _LONG
        for letter, called in (_UNUSABLE | _UNQUOTED if is_quoted else _UNUSABLE).items():
            if letter in name:
                why = f"the folder's name {name!r} holds {called}, with which its commands do not run"
                raise SetUpError(f"{why}; move the project to a folder with a plainer name")

    def _state(self, step: str) -> str:
        """Return what a step depends on. It is done again when this differs from the notes."""
        if step == "environment":
            # Its commands hold absolute paths: a moved checkout needs a new one.
            return " ".join([str(self.root), *(lock.digest for lock in self.locks.values() if self.is_remade)])
        if step == PROJECT:
            return hashlib.sha256((self.root / "pyproject.toml").read_bytes()).hexdigest()
        return self.locks[step].digest

    def _known(self) -> dict[str, str]:
        try:
            known = json.loads(self.notes.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(key): str(value) for key, value in known.items()} if isinstance(known, dict) else {}

    def _steps(self, wanted: Sequence[str]) -> list[str]:
        known = self._known()
        # One that was made by hand, or by Pulumi, has no notes; it is completed, if it has a pip.
        is_whole = known.get("environment", self._state("environment")) == self._state("environment")
        if "unfinished" in known or not is_whole or not self._runs():
            return ["environment", *wanted]
        return [step for step in wanted if known.get(step) != self._state(step)]

    def _runs(self) -> bool:
        # The interpreter that it points to may be gone, too old, or a newer one that does not look into its packages.
        check = (
            f"import sys, pathlib, pip; sys.exit(sys.version_info < {OLDEST!r} or "
            "not any(pathlib.Path(p).is_relative_to(sys.prefix) for p in sys.path))"
        )
        command = [str(self.python), "-I", "-c", check]
        try:
            return subprocess.run(command, check=False, stderr=subprocess.DEVNULL, timeout=60).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False

    def _do(self, step: str) -> None:
        """Do one step, noted as unfinished until it is done."""
        # Made by hand or by us, from here on it is ours to keep in order.
        known = {"environment": self._state("environment"), **self._known()}
        self._note({**known, "unfinished": step})
        if step == "environment":
            known = dict[str, str]()
            self._make()
        elif step == PROJECT:
            # Without isolation it is built with the locked setuptools, and needs no network.
            # Named by a dot, since pip takes brackets at the end of a folder's name for extras of the project.
            self._install(["--no-deps", "--no-build-isolation", "--no-index", "--editable", "."])
        else:
            say(self.announcement(step))
            self._bring_uv(self.locks[step])
            self._install([*_PINNED, str(self.locks[step].path)])
        known.pop("unfinished", None)
        self._note({**known, step: self._state(step)})

    def _note(self, known: Mapping[str, str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.notes.with_suffix(".new")
        draft.write_text(json.dumps(known, indent=1), encoding="utf-8")
        draft.replace(self.notes)

    def _make(self) -> None:
        pip = _bundled_pip()
        for found in list(self.folder.iterdir()):
            if found == self.notes:
                continue
            if found.is_dir() and not found.is_symlink():
                shutil.rmtree(found)
            else:
                found.unlink()
        venv.EnvBuilder(symlinks=True).create(self.folder)
        # All that `ensurepip` would do, but for compiling a pip that the lock's own replaces at once.
        with zipfile.ZipFile(pip) as wheel:
            wheel.extractall(next(self.folder.glob("lib/python*/site-packages")))

    def _bring_uv(self, lock: Lock) -> None:
        """Install uv alone, if it is in the list: it installs the others in a tenth of pip's time."""
        if found := _UV.search(lock.path.read_text(encoding="utf-8")):
            alone = self.log.with_name("uv.lock")
            alone.write_text(found.group(), encoding="utf-8")
            self._pip([*_PINNED, str(alone)])

    def _install(self, arguments: Sequence[str]) -> None:
        """Install with uv. If there is no uv, or it fails, install with pip, which retries and gives the reason."""
        if not self._uv(arguments):
            self._pip(arguments)

    def _uv(self, arguments: Sequence[str]) -> bool:
        """Return whether uv installed it. On a terminal, uv shows its progress."""
        uv = self.root / ".venv" / "bin" / "uv"
        if not uv.exists():
            return False
        given = self._pip_settings()
        settings = {_UV_SETTINGS[name]: value for name, value in given.items() if name in _UV_SETTINGS}
        no_index = ["--no-index"] if "no-index" in given else []
        command = [str(uv), "pip", "install", "--python", str(self.python), *no_index, *arguments]
        try:
            with self.log.open("w", encoding="utf-8") as log:
                done = subprocess.run(
                    command, check=False, cwd=self.root, env={**os.environ, **settings}, stdout=log,
                    stderr=None if sys.stderr.isatty() else subprocess.STDOUT, timeout=downloads.ATTEMPT_SECONDS,
                )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0

    def _pip_settings(self) -> dict[str, str]:
        """Return what the person has set for pip."""
        listed = subprocess.run([*self._runner(), "config", "list"], capture_output=True, text=True, check=False).stdout
        return dict(re.findall(r"^\S+\.([\w-]+)='(.*)'$", listed.replace("\\n", " "), re.MULTILINE))

    def _runner(self) -> list[str]:
        return [str(self.python), "-I", "-m", "pip"]

    def _pip(self, arguments: Sequence[str]) -> None:
        # Not compiled: nine tenths of it is never imported, and the rest is compiled when it first is.
        options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--no-compile"]
        command = [*self._runner(), "install", *options, *arguments]
        try:
            downloads.pip(command, log=self.log, folder=self.root, see=_report)
        except downloads.DownloadError as error:
            raise SetUpError(f"cannot install the packages: {error} (pip's output: .cache/{self.log.name})") from error


def project(root: Path = ROOT) -> Environment:
    """Return the project's own environment."""
    run = Lock(path=root / "requirements.lock", purpose="what runs here", megabytes=77)
    tests = Lock(path=root / "tests" / "requirements.lock", purpose="the tests' tools", megabytes=33)
    return Environment(root=root, locks={"run": run, "tests": tests})


def _report(line: str) -> None:
    """Print the line that announces another attempt; everything else is in the log."""
    if line.startswith(downloads.AGAIN):
        say(f"  {line.rstrip()}")


def fail(line: str) -> NoReturn:
    """End with one clear line and exit code 1."""
    sys.stdout.flush()
    sys.exit(f"agent-audit-log: {line}")


def run(arguments: list[str]) -> NoReturn:
    """Become the module that `arguments` name, in the environment that it needs. Never returns."""
    how = arguments.pop(0) if arguments[0].startswith("--") else ""
    # The caller's Python settings must not change what gets imported: by pip's children, or by the module. No target
    # calls AWS: what is set for it could only lead requests away from the emulator.
    for setting in [name for name in os.environ if name.startswith(("PYTHON", "AWS_"))]:
        del os.environ[setting]
    python = Path(sys.executable)
    try:
        if how != "--bare":
            python = project().make_ready(["run", *(["tests"] if how == "--tests" else []), PROJECT])
    except SetUpError as error:
        fail(str(error))
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            fail(f"cannot write to {error.filename} ({error.strerror}); move the project to a folder of your own")
        fail(f"cannot set up .venv: {error.strerror}: {error.filename}")
    except KeyboardInterrupt:
        say("\ninterrupted; the next command goes on from here")
        sys.exit(INTERRUPTED)
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(python, [str(python), "-m", *arguments])  # noqa: S606 - this program ends here; no shell is involved


def _bundled_pip() -> Path:
    """Return the wheel of pip that comes with Python."""
    spec = find_spec("ensurepip")
    beside = Path(spec.origin).with_name("_bundled") if spec is not None and spec.origin is not None else None
    folder = sysconfig.get_config_var("WHEEL_PKG_DIR") or beside
    found = None if spec is None or folder is None else max(Path(folder).glob("pip-*.whl"), default=None)
    if found is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        name = f"python{version}-venv"
        try:
            release = Path("/etc/os-release").read_text(encoding="utf-8")
        except OSError:
            release = ""
        debian = re.search(r"^ID(_LIKE)?=.*(debian|ubuntu)", release, re.MULTILINE)
        cure = f"sudo apt-get install {name}" if debian else f"install your system's package for it (often {name})"
        raise SetUpError(
            f"{sys.executable} cannot make environments: it comes without ensurepip; {cure}, then run this again"
        )
    return found
