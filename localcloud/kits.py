"""An environment for each kit of SDKs, outside `.venv`: their pins and the project's exclude each other.

Guarantee: it holds exactly what its hash-locked list says; made on first use, kept between runs in `.venv-sdks/`.
After a change of an `.in` file lock again, in its folder:

    uv pip compile --universal --generate-hashes --no-annotate --no-header --python-version 3.11 NAME.in -o NAME.lock
"""

import dataclasses
from pathlib import Path
from typing import Final

from localcloud.dependencies import ROOT, Environment, Lock

_LOCKS: Final = Path(__file__).parent / "locks"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What is installed together. `locks`: the folder of its list."""

    name: str
    purpose: str
    megabytes: int
    locks: Path = _LOCKS

    @property
    def lock(self) -> Lock:
        """Return its list."""
        return Lock(path=self.locks / f"{self.name}.lock", purpose=self.purpose, megabytes=self.megabytes)

    def bring(self, root: Path = ROOT) -> Path:
        """Make its environment, if that is not as its list says. Return the interpreter; raise SetUpError."""
        folder = f".venv-sdks/{self.name}"
        return Environment(root=root, name=folder, locks={self.name: self.lock}, is_remade=True).make_ready([self.name])


DEMO: Final = Kit(name="demo", purpose="OpenAI's client, which the demo calls a model with", megabytes=6)
