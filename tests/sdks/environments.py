"""An environment for each kit of SDKs, outside `.venv`: their pins and the project's exclude each other.

Made on first use by the project's own set-up code from the hash-locked lists beside this file, kept between runs in
`.venv-sdks/`. After a change of an `.in` file lock again:

    uv pip compile --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
      tests/sdks/locks/NAME.in -o tests/sdks/locks/NAME.lock
"""

import dataclasses
import sys
import venv
from pathlib import Path
from typing import Final

from localcloud.dependencies import ROOT, Environment, Lock

LOCKS: Final = Path(__file__).parent / "locks"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What is installed together."""

    name: str
    purpose: str
    megabytes: int


OPENAI: Final = Kit(name="openai", purpose="OpenAI's Agents SDK and client, Anthropic's client", megabytes=18)
CLAUDE: Final = Kit(name="claude", purpose="Claude's Agent SDK with Claude Code in it", megabytes=178)
LITELLM: Final = Kit(name="litellm", purpose="LiteLLM", megabytes=77)
OTEL: Final = Kit(name="otel", purpose="OpenTelemetry's SDK and OTLP exporter", megabytes=2)


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
        lock = Lock(
            path=LOCKS / f"{self.kit.name}.lock",
            purpose=self.kit.purpose,
            megabytes=self.kit.megabytes,
            into=f".venv-sdks/{self.kit.name}",
        )
        return {self.kit.name: lock}

    def bring(self) -> Path:
        """Make it, if it is not as its list says. Returns its interpreter; raises SetUpError."""
        self._bring([self.kit.name])
        return self.python

    def _state(self, step: str) -> str:
        state = Environment._state(self, step)  # a dataclass with slots is a new class, which super() does not know
        return f"{state} {self.locks[self.kit.name].digest}" if step == "environment" else state

    def _make(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        notes = self.notes.read_bytes()
        venv.EnvBuilder(clear=True, symlinks=True, with_pip=False).create(self.folder)
        self.notes.write_bytes(notes)


def environment(kit: Kit) -> SdkEnvironment:
    """The environment of a kit in this checkout."""
    return SdkEnvironment(root=ROOT, kit=kit)
