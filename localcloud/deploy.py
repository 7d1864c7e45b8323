"""The program, deployed into a running emulator: the engine and the provider put together.

Guarantees: the very files that `pulumi up` deploys to AWS are what is deployed; the outputs are written only when all
of it stands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from localcloud import deployer, outputs, place
from localcloud.emulator import Emulator
from localcloud.engine import Engine, Event, Result
from localcloud.provider import AwsProvider, RandomProvider

PROJECT: Final = "agent-audit-log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A stack that stands in `emulator`. `outputs` and the state in `folder` hold tokens: never print them."""

    emulator: Emulator
    outputs: Mapping[str, Any] = field(repr=False)
    result: Result = field(repr=False)
    folder: Path


def _silent(_: Event) -> None:
    pass


def engine(
    emulator: Emulator,
    *,
    config: Mapping[str, str],
    folder: Path,
    stack: str = place.STACK,
    listener: Callable[[Event], None] = _silent,
) -> Engine:
    """Return the engine of a stack in the emulator, which acts as the deployer. Raises DeployerError."""
    region = config.get("aws:region", "")
    session = deployer.session(emulator, region=region or "us-east-1")
    return Engine(
        project=PROJECT,
        stack=stack,
        program=place.ROOT / "stacks",
        state_file=folder / place.STATE.name,
        config=config,
        providers={
            # Made for each configuration: after a change of region, what is in the old one still has to be reached.
            "aws": lambda: AwsProvider(
                endpoint_url=emulator.url,
                region=region,
                access_key=session.access_key,
                secret_key=session.secret_key,
                session_token=session.session_token,
            ),
            "random": RandomProvider,
        },
        listener=listener,
    )


def deploy(
    emulator: Emulator,
    *,
    config: Mapping[str, str],
    folder: Path,
    stack: str = place.STACK,
    listener: Callable[[Event], None] = _silent,
) -> Deployed:
    """Bring the stack into the emulator; its state and outputs are kept in `folder`.

    Raises EngineError, DeployerError, OSError.
    """
    result = engine(emulator, config=config, folder=folder, stack=stack, listener=listener).up()
    complete = outputs.complete(result.outputs, emulator_url=emulator.url)
    outputs.write(folder / place.OUTPUTS.name, complete)
    return Deployed(emulator=emulator, outputs=complete, result=result, folder=folder)
