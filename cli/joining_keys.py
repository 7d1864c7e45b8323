"""Which record is which: the order of records, which are the same event, and which are of the same call.

Promise: pure functions of one record, which may hold anything: nothing here raises, and what is of the wrong type is as
good as absent. Ids are only ever compared within one agent: no agent can mix its records into another's calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, TypeAlias

Key: TypeAlias = "tuple[str | int, ...]"

SPANS: Final = frozenset({"otlp-traces", "openai-traces"})
"""Sources whose records are spans: each has an id of its own in its trace."""
_LOGS: Final = "otlp-logs"
_GENAI: Final = "gen_ai."  # events of a span, without an id of their own
_CLAUDE: Final = "claude_code."
_TEXTS: Final = frozenset({"user_prompt", "assistant_response"})
_MESSAGES: Final = frozenset({"gen_ai.choice", "gen_ai.content.prompt", "gen_ai.content.completion"})
_STAMP: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,12}))?Z")
_LAST: Final = "~"  # after every time
_FRACTION: Final = 12
_SHORT: Final = 8  # shorter ids are counters, which every connection begins anew
_SAFE: Final = 2**53
_OF_AN_EXPORT: Final = frozenset({"record_id", "masking"})


@dataclass(slots=True, eq=False)
class Item:
    """One record, with what is often asked of it.

    `inferred`: the fields that the writer derived; `others`: further exports of the same event, in order.
    """

    record: Mapping[str, object]
    attributes: Mapping[str, object]
    stamp: str
    source: str
    inferred: frozenset[str]
    others: list[Item] = field(default_factory=list)

    @classmethod
    def of(cls, record: Mapping[str, object]) -> Item:
        """Read a record."""
        attributes, inferred = record.get("attributes"), record.get("inferred")
        return cls(
            record=record,
            attributes=attributes if isinstance(attributes, Mapping) else {},
            stamp=_stamp(record),
            source=text_of(record.get("source")) or "",
            inferred=frozenset(name for name in inferred if isinstance(name, str))
            if isinstance(inferred, list)
            else frozenset(),
        )

    def text(self, name: str) -> str | None:
        """Return a field that is a non-empty text, or None."""
        return text_of(self.record.get(name))

    def label(self, name: str) -> str | None:
        """Return an attribute that is a non-empty text, or None."""
        return text_of(self.attributes.get(name))

    @property
    def all(self) -> list[Item]:
        """This record, and the further exports of the same event."""
        return [self, *self.others]

    @property
    def event(self) -> str:
        """The name of the event; empty where it has none."""
        return (self.label("event_name") or "").removeprefix(_CLAUDE)

    @property
    def is_excerpt(self) -> bool:
        """Whether its payload is only a part of its call's: a message of many, or a body's text."""
        return self.source == _LOGS and (self.event in _TEXTS or self.event.startswith(_GENAI))

    @property
    def is_message(self) -> bool:
        """Whether that part is one message of those that a request or a response may have several of."""
        return self.is_excerpt and (self.event.endswith(".message") or self.event in _MESSAGES)

    @property
    def sequence(self) -> int | None:
        """The event's number in its session."""
        number = self.attributes.get("event_sequence")
        is_number = isinstance(number, int) and not isinstance(number, bool) and 0 <= number < _SAFE
        return number if is_number else None

    @property
    def agent(self) -> str:
        """Who sent it."""
        return self.text("agent_id") or ""

    @property
    def is_span(self) -> bool:
        """Whether the record is a span of a trace."""
        return self.source in SPANS

    @property
    def is_trace(self) -> bool:
        """Whether the record is of a trace as a whole."""
        return self.source == "openai-traces" and self.attributes.get("event_name") == "trace"


def text_of(value: object) -> str | None:
    """`value` where it is a text, and not empty."""
    return value if isinstance(value, str) and value else None


def ordered(records: Iterable[object]) -> list[Item]:
    """Return the records by time, then by number and id, each once. Skip what is not an object."""
    items = sorted((Item.of(record) for record in records if isinstance(record, Mapping)), key=_place)
    return [item for _, tied in groupby(items, key=_place) for item in _distinct(list(tied))]


def _place(item: Item) -> tuple[str, int, str]:
    return item.stamp, item.sequence or 0, item.text("record_id") or ""


def _distinct(tied: list[Item]) -> Iterator[Item]:
    """Yield the records of one place, each once, in a fixed order. An honest log has only one there."""
    if len(tied) == 1:
        yield tied[0]
        return
    seen: set[str] = set()
    for written, item in sorted(((_written(item.record), item) for item in tied), key=lambda pair: pair[0]):
        if not written or written not in seen:
            seen.add(written)
            yield item


def _written(record: Mapping[str, object]) -> str:
    """Return the record as text, or nothing where it nests too deep to be written. Such a record equals no other."""
    try:
        return json.dumps(record, sort_keys=True, default=repr)
    except (TypeError, ValueError, RecursionError):
        return ""


def _stamp(record: Mapping[str, object]) -> str:
    """Return a time of any precision in a form that sorts."""
    stamp = record.get("timestamp")
    match = _STAMP.fullmatch(stamp) if isinstance(stamp, str) else None
    return _LAST if match is None else match[1] + (match[2] or "").ljust(_FRACTION, "0")


def identities(item: Item) -> Iterator[Key]:
    """Yield what identifies an event: two records that share one of these are two exports of the same event.

    An agent that counts its events starts again from 0 when a session is resumed, and an id may be used for each of a
    call's attempts: so the time belongs to both, unless the writer had to put it there. An event of a span that has
    neither is the same as another where both say the same of the same moment.
    """
    agent, trace, span = item.agent, item.text("trace_id"), item.text("span_id")
    if item.is_span and trace and span:
        yield "span", agent, item.source, trace, span
        return
    stamp = "" if "timestamp" in item.inferred else item.stamp
    name = item.label("event_name") or ""
    session = item.text("session_id")
    if session and item.sequence is not None and stamp:
        yield "event", agent, session, item.sequence, name, stamp
    elif item.source == _LOGS and trace and span and name and stamp:
        said = {part: value for part, value in item.record.items() if part not in _OF_AN_EXPORT}
        if written := _written(said):
            yield "said", agent, written
    if identity := item.label("id"):
        yield "id", agent, item.source, identity, name, phase_of(item) or "", stamp


def keys(item: Item) -> Iterator[Key]:
    """Yield what records of the same call have in common.

    A record that names a tool call is about that, and its request id is that of the model call which asked for it.
    """
    agent, trace, span = item.agent, item.text("trace_id"), item.text("span_id")
    if trace and span and is_the_span(item):
        yield "span", agent, trace, span
    stream = item.record.get("stream")
    if isinstance(stream, Mapping) and (identity := text_of(stream.get("id"))):
        yield "stream", agent, identity
    if body := item.label("request_body_id"):
        yield "body", agent, body
    if tool := item.label("tool_call_id"):
        scope = item.text("session_id") or trace or item.text("correlation_id") or ""
        yield "tool", agent, scope, tool
        return
    for request in request_ids(item):
        yield "request", agent, request


def is_the_span(item: Item) -> bool:
    """Return whether the record is of its span, and not of something that happened in it."""
    if item.source != _LOGS:
        return True
    return item.sequence is None and (item.label("event_name") or "").startswith(_GENAI)


def request_ids(item: Item) -> list[str]:
    """Return the ids of a request that a service or an agent gave it."""
    own = item.label("request_id")
    named = (item.text("provider_request_id"), item.label("response_id"), own if own and len(own) >= _SHORT else None)
    return list(dict.fromkeys(name for name in named if name))


def kind(item: Item) -> Key | None:
    """Of each kind a call has one record: a second one under the same id is another call. Null: any number of them."""
    name = item.label("event_name") or ""
    if item.source == _LOGS and name.startswith(_GENAI):
        return None
    return item.source, name, item.label("span_type") or "", phase_of(item) or ""


def phase_of(item: Item) -> str | None:
    """Which end of a stream the record is about."""
    stream = item.record.get("stream")
    return text_of(stream.get("phase")) if isinstance(stream, Mapping) else None
