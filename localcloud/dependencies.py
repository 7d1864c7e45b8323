"""The project's own environment, `.venv`: made, finished or made anew so that it holds exactly what the locks say.

Guarantees: nothing is installed that is not pinned by hash; a set-up that was cut off anywhere, a checkout that was
moved and a changed lock are noticed and mended by the next command; when all is in place this costs milliseconds.
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
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NoReturn, TextIO

from components import downloads
from localcloud.bootstrap import OLDEST
from localcloud.telling import say

ROOT: Final = Path(__file__).resolve().parent.parent
INTERRUPTED: Final = 130
_PIP_SECONDS: Final = 300
_UNUSABLE: Final = {":": "a colon", "\n": "a line's end"}
"""No environment can be made below a folder with one of these in its name."""
_UNQUOTED: Final = {'"': "a quotation mark", "$": "a dollar sign", "`": "a backtick", "\\": "a backslash"}
"""pip's commands do not run below a folder that has one of these in its name together with a blank, or a long name."""
_LONG: Final = 100


class SetUpError(Exception):
    """The environment could not be made ready; the message is one line for a person."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """One hash-locked list of packages. `megabytes` is the download, measured for Linux on x86-64."""

    path: Path
    purpose: str
    megabytes: int
    into: str = ".venv"

    @property
    def packages(self) -> int:
        """How many packages it lists."""
        return len(re.findall(r"^[A-Za-z0-9][\w.-]*==", self.path.read_text(encoding="utf-8"), re.MULTILINE))

    @property
    def announcement(self) -> str:
        """What is said before it is installed."""
        what = f"installing {self.packages} packages ({self.purpose}) into {self.into}"
        return f"{what}; about {self.megabytes} MB to download"

    @property
    def digest(self) -> str:
        """What changes when the list changes."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The environment of the checkout at `root`."""

    root: Path = ROOT

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def notes(self) -> Path:
        """What is known to be in it; nothing else about it is believed."""
        return self.folder / "agent-audit-log.json"

    @property
    def log(self) -> Path:
        """All that pip said last."""
        return self.root / ".cache" / "set-up.log"

    @property
    def installer(self) -> list[str]:
        """The pip that installs into it."""
        return [str(self.python), "-I", "-m", "pip"]

    @property
    def locks(self) -> dict[str, Lock]:
        """The lists that may go in, by the name under which the notes know them."""
        return {
            "run": Lock(path=self.root / "requirements.lock", purpose="what runs here", megabytes=59),
            "tests": Lock(path=self.root / "tests" / "requirements.lock", purpose="the tests' tools", megabytes=33),
        }

    def make_ready(self, *, tests: bool) -> None:
        """Install what is missing. Raises SetUpError; prints only when there is something to do."""
        self._bring(["run", "tests", "project"] if tests else ["run", "project"])

    def _bring(self, wanted: list[str]) -> None:
        if not self._steps(wanted):
            return
        self._check_name()
        folder = self.folder.relative_to(self.root)
        waiting = f"waiting for another command that is downloading; {folder} comes next"
        with downloads.one_at_a_time(self.log.parent, waiting=lambda: say(waiting)):
            steps = self._steps(wanted)  # another command may have done it meanwhile
            for step in steps:
                self._note(unfinished=step)
                if step == "environment":
                    self._make()
                elif step == "project":
                    self._install_project()
                else:
                    self._install(self.locks[step])
                self._note(unfinished=None, done=step)

    def _check_name(self) -> None:
        name = str(self.root)
        is_quoted = " " in name or len(name) > _LONG
        for letter, called in (_UNUSABLE | _UNQUOTED if is_quoted else _UNUSABLE).items():
            if letter in name:
                why = f"the folder's name {name!r} holds {called}, with which its commands do not run"
                raise SetUpError(f"{why}; move the project to a folder with a plainer name")

    def state(self, step: str) -> str:
        """What a step of the set-up depends on: it is done again when this is no longer what was noted."""
        if step == "environment":
            return str(self.root)  # its commands hold absolute paths: a moved checkout needs a new one
        if step == "project":
            return hashlib.sha256((self.root / "pyproject.toml").read_bytes()).hexdigest()
        return self.locks[step].digest

    def _known(self) -> dict[str, str]:
        try:
            known = json.loads(self.notes.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(key): str(value) for key, value in known.items()} if isinstance(known, dict) else {}

    def _steps(self, wanted: list[str]) -> list[str]:
        known = self._known()
        if "unfinished" in known or known.get("environment") != self.state("environment") or not self._runs():
            # One that was made by hand, or by Pulumi (no notes), is completed; one without pip cannot be.
            by_hand = not known and (self.folder / "pyvenv.cfg").exists() and self._runs(module="pip")
            return wanted if by_hand else ["environment", *wanted]
        return [step for step in wanted if known.get(step) != self.state(step)]

    def _runs(self, *, module: str = "sys") -> bool:
        # The interpreter that it points to may be gone, too old, or a newer one that does not look into its packages.
        check = (
            f"import sys, pathlib, {module}; sys.exit(sys.version_info < {OLDEST!r} or "
            "not any(pathlib.Path(p).is_relative_to(sys.prefix) for p in sys.path))"
        )
        command = [str(self.python), "-I", "-c", check]
        try:
            return subprocess.run(command, check=False, stderr=subprocess.DEVNULL, timeout=60).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False

    def _note(self, *, unfinished: str | None, done: str | None = None) -> None:
        known = self._known()
        known.pop("unfinished", None)
        # Made by hand or by us, from here on it is ours to keep in order.
        known.setdefault("environment", self.state("environment"))
        if unfinished is not None:
            known["unfinished"] = unfinished
        if done is not None:
            known[done] = self.state(done)
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.notes.with_suffix(".new")
        draft.write_text(json.dumps(known, indent=1), encoding="utf-8")
        draft.replace(self.notes)

    def _make(self) -> None:
        if find_spec("ensurepip") is None or find_spec("venv") is None:
            raise SetUpError(_without_ensurepip())
        kept = {self.notes.name}
        for found in list(self.folder.iterdir()):
            if found.name in kept:
                continue
            if found.is_dir() and not found.is_symlink():
                shutil.rmtree(found)
            else:
                found.unlink()
        venv.EnvBuilder(symlinks=True).create(self.folder)
        pip = _bundled_pip()
        if pip is not None:
            # All that `ensurepip` would do, but for compiling a pip that the lock's own takes the place of at once.
            with zipfile.ZipFile(pip) as wheel:
                wheel.extractall(next(self.folder.glob("lib/python*/site-packages")))
        elif subprocess.run([str(self.python), "-I", "-m", "ensurepip"], check=False, timeout=_PIP_SECONDS).returncode:
            raise SetUpError(_without_ensurepip())

    def _install(self, lock: Lock) -> None:
        say(lock.announcement)
        # Not compiled: nine tenths of it is never imported, and the rest is compiled when it first is.
        listed = ["--no-compile", "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(lock.path)]
        self._pip(listed, progress=Progress(total=lock.packages, out=sys.stdout))

    def _install_project(self) -> None:
        # Without isolation it is built with the locked setuptools, and needs no network.
        # Named by a dot, since pip takes brackets at the end of a folder's name for extras of the project.
        self._pip(["--no-deps", "--no-build-isolation", "--no-index", "--editable", "."], progress=None)

    def _pip(self, arguments: list[str], *, progress: "Progress | None") -> None:
        options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
        command = [*self.installer, "install", *options, *arguments]
        try:
            downloads.pip(command, log=self.log, folder=self.root, see=progress.see if progress else lambda _: None)
        except downloads.DownloadError as error:
            raise SetUpError(f"cannot install the packages: {error} (pip's output: .cache/{self.log.name})") from error
        finally:
            if progress is not None:
                progress.end()


@dataclasses.dataclass(slots=True, kw_only=True)
class Progress:
    """Show how far pip is: as one changing line on a terminal, else as a few lines."""

    total: int
    out: TextIO
    count: int = 0

    def see(self, line: str) -> None:
        """Take in one line of pip's output."""
        words = line.split()
        if line.startswith(("Collecting ", "Requirement already satisfied: ")):
            self.count += 1
            # Collecting NAME==VERSION (from -r FILE (line 9)) / Requirement already satisfied: NAME==VERSION in FOLDER
            package = words[1 if line.startswith("Collecting") else 3].partition("==")[0]
            if self.out.isatty():
                self._show(f"\r\x1b[K  {self.count}/{self.total} {package}")
            elif self.count % 20 == 0:
                self._show(f"  {self.count}/{self.total}\n")
        elif line.startswith("Installing collected packages"):
            self._show("\r\x1b[K  unpacking" if self.out.isatty() else "  unpacking\n")
        elif line.startswith(downloads.AGAIN):
            self.count = 0
            self._show(f"\r\x1b[K  {line}\n" if self.out.isatty() else f"  {line}\n")

    def end(self) -> None:
        """Leave the line."""
        if self.out.isatty():
            self._show("\r\x1b[K")

    def _show(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()


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
    environment = Environment()
    try:
        if how != "--bare":
            environment.make_ready(tests=how == "--tests")
        python = Path(sys.executable) if how == "--bare" else environment.python
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


def _bundled_pip() -> Path | None:
    """Return the wheel of pip that Python brings along, where it lies where Python itself puts it."""
    spec = find_spec("ensurepip")
    beside = Path(spec.origin).with_name("_bundled") if spec is not None and spec.origin is not None else None
    folder = sysconfig.get_config_var("WHEEL_PKG_DIR") or beside
    return None if folder is None else max(Path(folder).glob("pip-*.whl"), default=None)


def _without_ensurepip() -> str:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = f"python{version}-venv"
    try:
        release = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        release = ""
    debian = re.search(r"^ID(_LIKE)?=.*(debian|ubuntu)", release, re.MULTILINE)
    cure = f"sudo apt-get install {name}" if debian else f"install your system's package for it (often {name})"
    return f"{sys.executable} cannot make environments: it comes without ensurepip; {cure}, then run this again"
