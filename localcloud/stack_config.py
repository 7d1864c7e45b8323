"""A stack's configuration, read as the program gets it, and changed where `make up` may change it.

Guarantee: a value that the program would refuse is refused before anything is written. What cannot be done is raised as
CouldNot, with one line for a person.
"""

from pathlib import Path
from typing import Final

from cli.exits import CouldNot
from cli.stack_file import StackFile
from policies.retention import RetentionError
from stacks import settings

RETENTION_DAYS: Final = "agent-audit-log:retentionDays"


def read(path: Path) -> dict[str, str]:
    """Return the configuration as Pulumi hands it to a program: full keys, values as text, lists as JSON."""
    return StackFile(path).values()


def set_retention_days(path: Path, days: str) -> bool:
    """Write the retention (days, a whole number as text) into the file; False if it was that already."""
    file = StackFile(path)
    try:
        if days.strip("0") == "":  # in the file it stands for the profile's own; whoever types it means no retention
            raise RetentionError("retentionDays: must be at least 1, got 0")
        settings.parse({**file.values(), RETENTION_DAYS: days})
    except ValueError as error:
        raise CouldNot(f"RETENTION_DAYS={days}: {error}") from error
    if file.values().get(RETENTION_DAYS) == str(int(days)):
        return False
    file.config[file.spelled(RETENTION_DAYS)] = int(days)
    file.write()
    return True
