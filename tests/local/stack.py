"""A stack in an emulator of its own, for tests whose traces others would find."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from localcloud import emulator as emulators
from localcloud import place, stack_config
from localcloud.deploy import Deployed, deploy


@contextlib.contextmanager
def deployed_alone(folder: Path, **settings: str) -> Iterator[Deployed]:
    """Deploy the `local` stack, with further settings of this project; stop its emulator at the end."""
    started = emulators.start(state_dir=folder / "emulator")
    try:
        yield deploy(started, config=local_config(**settings), folder=folder)
    finally:
        emulators.stop(state_dir=folder / "emulator")


def local_config(**settings: str) -> Mapping[str, str]:
    """Return the configuration of the `local` stack, with further settings of this project."""
    return stack_config.read(place.STACK_FILE) | {f"agent-audit-log:{name}": value for name, value in settings.items()}
