"""How the programs beside this file are run: the environment's interpreter, arguments as JSON, a bounded time."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PROGRAMS: Final = Path(__file__).parent / "programs"
SECONDS: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a program ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> Any:  # noqa: ANN401 - each program's own JSON
        """What it printed as JSON in its last line."""
        assert self.code == 0, self.err[-2000:]
        return json.loads(self.out.splitlines()[-1])


def run(
    command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path | None = None, seconds: float = SECONDS
) -> Ended:
    """Run a command in a session of its own; past its time it is killed with whatever it started."""
    with subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=dict(env),
        cwd=cwd or env["HOME"],
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
    return Ended(code=process.returncode, out=out, err=err)


def run_program(interpreter: Path, name: str, what: Mapping[str, Any], *, env: Mapping[str, str]) -> Ended:
    """Run one of the programs beside this file."""
    return run([interpreter, PROGRAMS / name, json.dumps(what)], env=env)
