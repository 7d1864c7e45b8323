"""The program, deployed into a running emulator: the engine and the provider put together.

Guarantees: the very files that `pulumi up` deploys to AWS are what is deployed; the outputs are written only when all
of it stands.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from localcloud import deployer, place
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
    complete = complete_outputs(result.outputs, emulator_url=emulator.url)
    write_outputs(folder / place.OUTPUTS.name, complete)
    return Deployed(emulator=emulator, outputs=complete, result=result, folder=folder)


def complete_outputs(outputs: Mapping[str, Any], *, emulator_url: str) -> dict[str, Any]:
    """Return the stack's outputs with what a newcomer looks for: the default `agent`, its `token`, `emulator_url`."""
    agent = outputs["agents"][0]
    return {**outputs, "agent": agent, "token": outputs["tokens"][agent], "emulator_url": emulator_url}


def write_outputs(path: Path, outputs: Mapping[str, Any]) -> None:
    """Write `.local/outputs.json` for every other command: always whole, mode 0600 from its first byte."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(outputs, out, indent=2, ensure_ascii=False, sort_keys=True)
        out.write("\n")
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)
