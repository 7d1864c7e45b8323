"""What every intake format becomes: an Event, with values as the wire had them.

Promise: an Event is never stored. `audit_core.record` turns it into a Record, or refuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO

import orjson

from audit_core.canonical import Encoded, JsonValue
from audit_core.outcome import Signs


@dataclass(slots=True, kw_only=True)
class Payload:
    """A request's or a response's content, to be digested and dropped.

    Either `value`, decoded JSON, or `data`, bytes, or `chunks`, the same as it was streamed; `text` when those bytes
    were sent as text. `encoded`: what `encode` made of `value`, where it was needed before. `on_json` is called with
    what `data` holds when that is decoded as JSON for its digest, which is not done twice.
    """

    value: JsonValue = None
    encoded: Encoded | None = None
    data: bytes | None = None
    chunks: list[bytes] | None = None
    text: bool = False
    on_json: Callable[[JsonValue], None] | None = None

    @property
    def content(self) -> bytes:
        """The payload's bytes; of decoded JSON its shortest text."""
        if self.chunks is not None:
            whole = BytesIO()  # a join takes eighty bytes for each of them
            whole.writelines(self.chunks)
            return whole.getvalue()
        return orjson.dumps(self.value) if self.data is None else self.data


@dataclass(slots=True, kw_only=True)
class Event:
    """One call of an agent, before masking.

    `fields` holds raw values under the names of record fields, `attributes` what has no field of its own; `inferred`
    the names of fields that the intake derived. `source` names the intake format. `signs`: other signs in the
    event of how the call ended; the field `outcome` is the sender's own verdict. `misspelt`: fields whose names the
    event almost has.
    """

    index: int
    source: str
    fields: dict[str, JsonValue]
    attributes: dict[str, JsonValue] = field(default_factory=dict)
    request: Payload | None = None
    response: Payload | None = None
    inferred: list[str] = field(default_factory=list)
    signs: Signs | None = None
    misspelt: tuple[str, ...] = ()

    @property
    def has_identity(self) -> bool:
        """Whether the event can be told from another like it: it brings a timestamp or an id of its own."""
        return bool(self.fields.get("timestamp")) or self.attributes.get("id") not in (None, "")
