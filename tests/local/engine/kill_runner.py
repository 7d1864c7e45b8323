"""Kills an engine at chosen points. Run as a program: `kill_runner FOLDER SCENARIO`, then one number a line on stdin.

For each number a child is forked from this process, which has everything imported but nothing started; the child runs
the scenario's second version and is killed at its n-th chance (0: never). The line that comes back says `killed`,
`done` or what went wrong. Chances are: before and after every effect in the cloud, and before, within and after every
write of the state.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path

from localcloud.engine.state import Snapshot, StateFile
from tests.local.engine.harness import apply, deployment
from tests.local.engine.kv_cloud import Cloud, Killer, KvProvider
from tests.local.engine.scenarios import SCENARIOS


class KillableState(StateFile):
    """A state file whose every write is three chances to be killed."""

    def __init__(self, path: Path, killer: Killer) -> None:
        """Write to `path`."""
        super().__init__(path)
        self._killer = killer

    def save(self, snapshot: Snapshot) -> None:
        """Save, perhaps not to the end."""
        self._killer.chance()
        super().save(snapshot)
        self._killer.chance()

    def _commit(self, temporary: Path) -> None:
        self._killer.chance()
        super()._commit(temporary)


def run(folder: Path, scenario: str, at: int, *, version: int = 1) -> int:
    """Run one version of a scenario in this process; returns how many chances there were."""
    killer = Killer(at)
    cloud = Cloud(folder / "cloud")
    state_path = folder / "state.json"
    with deployment(
        state_path=state_path,
        cloud=cloud,
        file=KillableState(state_path, killer),
        provider=lambda: KvProvider(cloud, killer=killer),
    ) as opened:
        apply(opened, SCENARIOS[scenario][version])
    return killer.count


def main() -> None:
    """Serve."""
    root, scenario = Path(sys.argv[1]), sys.argv[2]
    for line in sys.stdin:
        folder, at, version = line.split()
        child = os.fork()
        if child == 0:
            try:
                count = run(root / folder, scenario, int(at), version=int(version))
                sys.stdout.write(f"done {count}\n")
            except BaseException:  # noqa: BLE001 - told to the test
                sys.stdout.write(traceback.format_exc().replace("\n", " | ") + "\n")
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            sys.stdout.write("killed\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
