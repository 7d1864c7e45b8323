"""A stack's configuration file, `stacks/Pulumi.<stack>.yaml`: read as the program gets it, changed in one place.

Guarantees: a change keeps every comment and the order of the file; a value that the program would refuse is refused
before anything is written.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from policies.retention import RetentionError
from stacks import settings

RETENTION_DAYS: Final = "agent-audit-log:retentionDays"


class StackConfigError(Exception):
    """The file cannot be read, written or understood; the message is one line for a person."""


def read(path: Path) -> dict[str, str]:
    """Return the configuration as Pulumi hands it to a program: full keys, values as text, lists as JSON."""
    return _as_text(_load(path)["config"])


def set_retention_days(path: Path, days: str) -> bool:
    """Write the retention (days, a whole number as text) into the file; False if it was that already."""
    document = _load(path)
    changed = {**_as_text(document["config"]), RETENTION_DAYS: days}
    try:
        if days.strip("0") == "":  # in the file it stands for the profile's own; whoever types it means no retention
            msg = "retentionDays: must be at least 1, got 0"
            raise RetentionError(msg)
        settings.parse(changed)
    except ValueError as error:
        msg = f"RETENTION_DAYS={days}: {error}"
        raise StackConfigError(msg) from error
    if document["config"].get(RETENTION_DAYS) == int(days):
        return False
    document["config"][RETENTION_DAYS] = int(days)
    draft = path.with_suffix(".new")
    try:
        with draft.open("w", encoding="utf-8") as out:
            _yaml().dump(document, out)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror}"
        raise StackConfigError(msg) from error
    return True


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 4096  # never fold what somebody wrote on one line
    return yaml


def _load(path: Path) -> dict[str, dict[str, object]]:
    try:
        document = _yaml().load(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}"
        raise StackConfigError(msg) from error
    except YAMLError as error:
        msg = f"{path} is no YAML: {str(error).splitlines()[0]}"
        raise StackConfigError(msg) from error
    if not isinstance(document, dict) or not isinstance(document.get("config"), dict):
        msg = f"{path} has no `config:`"
        raise StackConfigError(msg)
    return document


def _as_text(config: Mapping[str, object]) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
