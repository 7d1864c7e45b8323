"""An environment for each kit of SDKs, outside `.venv`: their pins and the project's exclude each other.

Guarantee: it holds exactly what its hash-locked list says, from the project's own set-up code; made on first use, kept
between runs in `.venv-sdks/`. After a change of an `.in` file lock again, in its folder:

    uv pip compile --universal --generate-hashes --no-annotate --no-header --python-version 3.11 NAME.in -o NAME.lock
"""

import dataclasses
import sys
import venv
from pathlib import Path
from typing import Final

from localcloud.dependencies import ROOT, Environment, Lock

_LOCKS: Final = Path(__file__).parent / "locks"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What is installed together. `locks`: the folder that its list is in."""

    name: str
    purpose: str
    megabytes: int
    locks: Path = _LOCKS

    @property
    def lock(self) -> Lock:
        """Its list."""
        return Lock(
            path=self.locks / f"{self.name}.lock",
            purpose=self.purpose,
            megabytes=self.megabytes,
            into=f".venv-sdks/{self.name}",
        )


DEMO: Final = Kit(name="demo", purpose="OpenAI's client, which the demo calls a model with", megabytes=6)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SdkEnvironment(Environment):
    """The environment of one kit. Made anew when its list changes."""

    kit: Kit

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.root / ".venv-sdks" / self.kit.name

    @property
    def log(self) -> Path:
        """All that pip said last."""
        return self.root / ".cache" / f"set-up-{self.kit.name}.log"

    @property
    def installer(self) -> list[str]:
        """The project's own pip: the kits have none."""
        return [sys.executable, "-I", "-m", "pip", "--python", str(self.python)]

    @property
    def locks(self) -> dict[str, Lock]:
        """The kit's list."""
        return {self.kit.name: self.kit.lock}

    def bring(self) -> Path:
        """Make it, if it is not as its list says. Returns its interpreter; raises SetUpError."""
        self._bring([self.kit.name])
        return self.python

    def state(self, step: str) -> str:
        """As of any environment; and one whose list has changed is made anew."""
        state = Environment.state(self, step)  # a dataclass with slots is a new class, which super() does not know
        return f"{state} {self.locks[self.kit.name].digest}" if step == "environment" else state

    def _make(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        notes = self.notes.read_bytes()
        venv.EnvBuilder(clear=True, symlinks=True, with_pip=False).create(self.folder)
        self.notes.write_bytes(notes)


def environment(kit: Kit) -> SdkEnvironment:
    """The environment of a kit in this checkout."""
    return SdkEnvironment(root=ROOT, kit=kit)
