"""Make the lines of a batch from events.

Promise: an exception at one event, whatever it is, refuses that event and no other. `RecordMaker` masks many events at
once; when that fails, it masks them one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from audit_core.event import Event
from audit_core.record import RecordMaker
from log_writer.batch import Batch, EncodedRecord, encode_record
from log_writer.intake.decoded import Refusal, refusal_of
from log_writer.intake.near import MISSPELT
from log_writer.reply import Warned

_EVENTS_AT_ONCE: Final = 64
_MOST_REASONS: Final = 10


@dataclass(slots=True, kw_only=True)
class Made:
    """The result for a request's events. `identified`: each accepted event has a time or an id of its own."""

    received: str
    encoded: list[EncodedRecord] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    identified: bool = True
    warnings: dict[str, Warned] = field(default_factory=dict)
    batch: Batch | None = None

    def summary(self) -> dict[str, object]:
        """Return the entry for the operational log: counts, and our own reasons."""
        reasons: dict[str, int] = {}
        if self.refused:
            counted = Counter(f"{refusal.field}: {refusal.reason}" for refusal in self.refused)
            reasons = dict(counted.most_common(_MOST_REASONS))
        return {
            "events": len(self.encoded) + len(self.refused),
            "refused": len(self.refused),
            "reasons": reasons,
            **({"warnings": {name: warned.events for name, warned in self.warnings.items()}} if self.warnings else {}),
        }


def encode_events(items: Iterator[Event | Refusal], maker: RecordMaker, *, received: str) -> Made:
    """Make a line of each event, or refuse it. Raises the exceptions of `items`."""
    made = Made(received=received)
    while some := list(islice(items, _EVENTS_AT_ONCE)):
        maker.prefetch(item for item in some if isinstance(item, Event))
        for item in some:
            refusal = item if isinstance(item, Refusal) else _add(made, item, maker)
            if refusal is not None:
                made.refused.append(refusal)
                if refusal.fault:
                    maker.faults.add(refusal.fault)
    return made


def _add(made: Made, event: Event, maker: RecordMaker) -> Refusal | None:
    """Add the line of `event`, or return its refusal."""
    try:
        record, envelope = maker.make(event)
        made.encoded.append(encode_record(event.index, record, envelope, received=made.received))
    except Exception as error:  # noqa: BLE001 - it must not cost the events beside it
        return refusal_of(event.index, error)
    made.identified = made.identified and event.has_identity
    for name in event.misspelt:
        warned = made.warnings.setdefault(name, Warned(index=event.index, field=name, reason=MISSPELT))
        warned.events += 1
    return None
