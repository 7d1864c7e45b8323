"""A batch: a sealed file of the spool that waits to be sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from audit_log_client import _files

BATCH_BYTES = 3_500_000
"""A batch, at most, before it is compressed: well below the 4 MB that a function's URL takes."""
EVENTS = "events"
TRACES = "traces"
ROUTES = (EVENTS, TRACES)
_BATCH = re.compile(rf"[0-9]{{1,20}}-(?P<key>[0-9a-f]{{32}})\.(?P<route>{'|'.join(ROUTES)})")
MAX_FILE_BYTES = 4 * BATCH_BYTES
"""A larger file is not read: no spool makes one."""


@dataclass(frozen=True)
class Batch:
    """A sealed file. `key` is its idempotency key, `route` where it goes."""

    path: Path
    route: str
    key: str

    @classmethod
    def of(cls, path: Path) -> Batch | None:
        """Return the batch of a file's name, or null where it is not a batch's name."""
        match = _BATCH.fullmatch(path.name)
        return None if match is None else cls(path=path, route=match["route"], key=match["key"])

    def lines(self) -> list[bytes]:
        """Its events or traces, one each. Raise `OSError`."""
        data = _files.read_own(self.path, MAX_FILE_BYTES)
        return [line for line in data.split(b"\n") if line and not line.isspace()]
