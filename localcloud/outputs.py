"""`.local/outputs.json`: what was deployed here, for every other command on this machine.

Guarantees: only the owner can read it (0600 from its first byte on); it is never seen half-written.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def complete(outputs: Mapping[str, Any], *, emulator_url: str) -> dict[str, Any]:
    """Return the stack's outputs with what a newcomer looks for: the default `agent`, its `token`, `emulator_url`."""
    agent = outputs["agents"][0]
    return {**outputs, "agent": agent, "token": outputs["tokens"][agent], "emulator_url": emulator_url}


def write(path: Path, outputs: Mapping[str, Any]) -> None:
    """Write the outputs, replacing what was there."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(outputs, out, indent=2, ensure_ascii=False, sort_keys=True)
        out.write("\n")
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)
