"""An event in the making: from attributes by their names on the wire to fields, metadata and content.

Promise: no attribute is lost. What a field cannot hold, or what another attribute has said better, is kept as metadata;
what is content goes into a payload and nowhere else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeAlias

import orjson

from audit_core.attributes import MAX_ITEMS, MAX_TEXT, folded
from audit_core.canonical import JsonValue
from audit_core.errors import FieldError
from audit_core.event import Event, Payload
from audit_core.fields import READERS
from audit_core.outcome import Signs
from audit_core.values import SAFE_INTEGER
from log_writer.intake.answer import read_answer
from log_writer.intake.genai_names import (
    REQUEST_FAMILIES,
    REQUEST_HEADER,
    REQUEST_ID_HEADERS,
    RESPONSE_FAMILIES,
    RESPONSE_HEADER,
    RULES,
    SPARE,
    USAGE_FAMILIES,
    Kind,
    Rule,
)
from log_writer.intake.usage import MAX_KINDS, is_count, kind_of, read_usage

Rules: TypeAlias = Mapping[str, Rule]

_NUMBERS: Final = frozenset({"status", "request_bytes", "response_bytes", "duration_ms"})
_TEXTS: Final = frozenset({
    "user_id", "session_id", "agent_name", "agent_version", "deployment_id", "correlation_id", "model",
    "provider_request_id", "request_mime", "response_mime",
})  # fmt: skip
_SHORT: Final = 128
_DIGITS: Final = 18
_CONTENT: Final = (*REQUEST_FAMILIES, *RESPONSE_FAMILIES)
_ODD: Final = (*REQUEST_HEADER, *RESPONSE_HEADER, *_CONTENT, *USAGE_FAMILIES)
_DEFAULT_PORTS: Final = {"443": {"", "https"}, "80": {"http"}}
_TOGETHER: Final = 100  # after every rank in a table
_LONGEST_JSON: Final = 4096
_QUOTE: Final = 12  # shorter than that are roles and the names of tools
_OPENS_JSON: Final = re.compile(r"\s*+(?:\{\s*+[\"}]|\[\s*+[\[{\"\]])")


@dataclass(slots=True, kw_only=True)
class EventBuilder:
    """Builds one event from attributes.

    `request` and `response` hold content by its name on the wire; `special` what a platform's own rules look at;
    `cut`: some content is not whole; `signs`: how the call ended.
    """

    fields: dict[str, JsonValue] = field(default_factory=dict)
    attributes: dict[str, JsonValue] = field(default_factory=dict)
    tokens: dict[str, JsonValue] = field(default_factory=dict)
    address: dict[str, JsonValue] = field(default_factory=dict)
    request: dict[str, JsonValue] = field(default_factory=dict)
    response: dict[str, JsonValue] = field(default_factory=dict)
    special: dict[str, JsonValue] = field(default_factory=dict)
    headers: dict[str, list[JsonValue]] = field(default_factory=dict)
    inferred: list[str] = field(default_factory=list)
    cut: bool = False
    signs: Signs = field(default_factory=Signs)
    _ranks: dict[str, tuple[int, str]] = field(default_factory=dict)

    def copy(self) -> EventBuilder:
        """Return a copy."""
        return EventBuilder(
            fields=dict(self.fields),
            attributes=dict(self.attributes),
            tokens=dict(self.tokens),
            address=dict(self.address),
            request=dict(self.request),
            response=dict(self.response),
            special=dict(self.special),
            headers={name: list(names) for name, names in self.headers.items()},
            _ranks=dict(self._ranks),
        )

    def take(self, given: Mapping[str, JsonValue], rules: Rules) -> None:
        """Add attributes in the order in which they came."""
        for name, value in given.items():
            rule = rules.get(name)
            if rule is None:
                self._take_unknown(name, value)
            elif rule.kind is Kind.NAMED:
                self._named(rule, name, value)
            elif rule.kind is Kind.FIELD:
                self._field(rule, name, value)
            elif rule.kind is Kind.TOKENS:
                self._tokens(rule, name, value)
            elif rule.kind is Kind.ADDRESS:
                self._ranked(self.address, rule, name, value)
            elif rule.kind is Kind.REQUEST:
                self.request[name] = value
            elif rule.kind is Kind.RESPONSE:
                self.response[name] = value
            elif rule.kind is Kind.USAGE:
                self._usage(rule, name, value)
            else:
                self.special[name] = value

    def take_content(self, given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Add the content that is not there yet. Return the rest of `given`."""
        rest: dict[str, JsonValue] = {}
        for name, value in given.items():
            kind = RULES[name].kind if name in RULES else None
            side = self.request if kind is Kind.REQUEST else self.response if kind is Kind.RESPONSE else None
            if side is None or name in side:
                rest[name] = value
            else:
                side[name] = value
        return rest

    def quoted_in(self, text: str) -> bool:
        """Return whether `text` is short enough to be kept and quotes a text of the content."""
        if len(text) > MAX_TEXT:
            return False
        contents = (value for side in (self.request, self.response) for value in side.values())
        return any(isinstance(value, str) and _QUOTE <= len(value) <= MAX_TEXT and value in text for value in contents)

    def keep(self, name: str, value: JsonValue) -> None:
        """Keep metadata. If its name is taken, keep it under another."""
        if value is None or self.attributes.get(name) == value:
            return
        while name in self.attributes:
            name += "_"
        self.attributes[name] = value

    def set(self, name: str, value: JsonValue) -> None:
        """Set metadata of the item itself; an attribute that has taken its name is kept under another."""
        taken = self.attributes.pop(name, None)
        self.attributes[name] = value
        self.keep(name, taken)

    def infer(self, name: str, value: JsonValue) -> None:
        """Set a field that nothing on the wire has set, to what follows from the rest."""
        if self.fields.get(name) is None:
            self.fields[name] = value
            self.inferred.append(name)

    def event(self, *, index: int, source: str) -> Event:
        """Return the finished event."""
        self._set_endpoint()
        if self.tokens:
            self.fields["tokens"] = dict(islice(self.tokens.items(), MAX_KINDS))
        for side, names in self.headers.items():
            self.keep(f"{side}_headers", names[:MAX_ITEMS])
        request = self._payload(self.request)
        response = self._payload(self.response, self.signs)
        if self.cut:
            self.set("truncated", value=True)
        return Event(
            index=index,
            source=source,
            fields=self.fields,
            attributes=folded(self.attributes),
            request=request,
            response=response,
            inferred=self.inferred,
            signs=self.signs,
        )

    def _named(self, rule: Rule, name: str, value: JsonValue) -> None:
        read = _READ.get(rule.name)
        self._ranked(self.attributes, rule, name, value if read is None else read(value))

    def _field(self, rule: Rule, name: str, value: JsonValue) -> None:
        if type(value) is str and 0 < len(value) <= _SHORT and rule.name in _TEXTS and value.isprintable():
            self._ranked(self.fields, rule, name, value)  # no reader would refuse it
            return
        if rule.name in _NUMBERS:
            value = _as_number(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            whole = isinstance(value, float) and abs(value) <= SAFE_INTEGER and math.fmod(value, 1) == 0
            value = str(int(value) if whole else value)
        if value is None or value == "":
            return
        if is_readable(rule.name, value):
            self._ranked(self.fields, rule, name, value)
        else:
            self.keep(SPARE.get(name, name), value)

    def _tokens(self, rule: Rule, name: str, value: JsonValue) -> None:
        number = _as_number(value)
        if is_count(number):
            self._ranked(self.tokens, rule, name, number)
        else:
            self.keep(name, value)

    def _usage(self, rule: Rule, name: str, value: JsonValue) -> None:
        """Read counts that came together. Counts that came alone rank higher."""
        counts = read_usage(_decoded(value), bare=True)
        if counts is None:
            self.keep(name, value)
            return
        for kind, count in counts.items():
            self._ranked(self.tokens, Rule(Kind.TOKENS, kind, _TOGETHER + rule.rank), name, count)

    def _ranked(self, into: dict[str, JsonValue], rule: Rule, name: str, value: JsonValue) -> None:
        """Set the best of several values for one thing. Keep one that differs as an attribute."""
        known = into.get(rule.name)
        if known is None:
            into[rule.name] = value
            self._ranks[rule.name] = rule.rank, name
            return
        rank, wire = self._ranks.get(rule.name, (rule.rank, name))
        is_better = rule.rank <= rank
        if into is self.tokens and bool(value) is not bool(known):
            is_better = bool(value)  # many senders write a zero for an unknown count
        if is_better:
            into[rule.name] = value
            self._ranks[rule.name] = rule.rank, name
            name, value, known = wire, known, value
        if value != known and into is not self.address:
            spare = SPARE.get(name, name)
            self.keep(spare if spare != rule.name else name, value)

    def _take_unknown(self, name: str, value: JsonValue) -> None:
        if not name.startswith(_ODD):
            self.keep(name, value)
        elif name.startswith(REQUEST_FAMILIES):
            self.request[name] = value
        elif name.startswith(RESPONSE_FAMILIES):
            self.response[name] = value
        elif name.startswith(USAGE_FAMILIES):
            kind = kind_of(name.partition("usage.")[2].replace(".", "_"))
            if kind is None:
                self.keep(name, value)
            else:
                self._tokens(Rule(Kind.TOKENS, kind, _TOGETHER), name, value)
        else:
            self._header(name, value)

    def _header(self, name: str, value: JsonValue) -> None:
        """Keep the names of headers, and the values that have a field."""
        side = "request" if name.startswith(REQUEST_HEADER) else "response"
        header = name.partition(f"{side}.")[2].partition(".")[2].lower()
        self.headers.setdefault(side, []).append(header)
        first = value[0] if isinstance(value, list) and value else value
        if header == "content-type":
            self._field(Rule(Kind.FIELD, f"{side}_mime"), name, first)
        elif side == "response" and header in REQUEST_ID_HEADERS:
            self._field(Rule(Kind.FIELD, "provider_request_id"), name, first)

    def _set_endpoint(self) -> None:
        address = self.address
        url, host = address.get("url"), address.get("host")
        if not (isinstance(url, str) and url) and isinstance(host, str) and "://" in host:
            url = host  # some instrumentation puts a whole URL there
        if isinstance(url, str) and url:
            self._endpoint(url)
            return
        if not isinstance(host, str) or not host:
            return
        scheme, path = (text if isinstance(text := address.get(part), str) else "" for part in ("scheme", "path"))
        port = str(address.get("port") or "")
        if ":" in host and not host.startswith("[") and host.count(":") > 1:
            host = f"[{host}]"  # an IPv6 address
        if port and scheme not in _DEFAULT_PORTS.get(port, ()) and not host.endswith(f":{port}"):
            host = f"{host}:{port}"
        if path:
            self.inferred.append("endpoint")
        self._endpoint(f"{scheme}://{host}{path}" if scheme else host + path)

    def _endpoint(self, endpoint: str) -> None:
        if is_readable("endpoint", endpoint):
            self.fields["endpoint"] = endpoint
        else:
            self.inferred = [name for name in self.inferred if name != "endpoint"]
            self.keep("endpoint", endpoint)

    def _payload(self, content: dict[str, JsonValue], signs: Signs | None = None) -> Payload | None:
        """Return the content to digest: one value as it is, several by their names; null when one has been cut off.

        Add the signs in it to `signs`.
        """
        read: dict[str, JsonValue] = {}
        for name, value in content.items():
            read[name] = value
            if isinstance(value, str) and _OPENS_JSON.match(value):
                try:
                    read[name] = orjson.loads(value)
                except orjson.JSONDecodeError:  # JSON that some limit has cut off
                    self.cut = True
                    return None
        if signs is not None:
            for value in read.values():
                read_answer(value, signs)
        if len(read) > 1:
            return Payload(value=dict(sorted(read.items())))
        for value in content.values():
            return Payload(data=value.encode(), text=True) if isinstance(value, str) else Payload(value=value)
        return None


def is_readable(name: str, value: JsonValue) -> bool:
    """Return whether the field `name` can hold `value`."""
    try:
        READERS[name](name, value)
    except FieldError:
        return False
    return True


def _decoded(value: JsonValue) -> JsonValue:
    """Decode `value` if it is the JSON text of an object or a list, and short enough for metadata."""
    if isinstance(value, str) and len(value) <= _LONGEST_JSON and _OPENS_JSON.match(value):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _as_list(value: JsonValue) -> JsonValue:
    """Decode a list that came as a text of JSON."""
    decoded = _decoded(value)
    return decoded if isinstance(decoded, list) else value


def _as_number(value: JsonValue) -> JsonValue:
    """Return a whole number of 64 bits as an integer, also if it came as text; otherwise `value`."""
    if isinstance(value, str) and len(value) <= _DIGITS and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, float) and abs(value) <= SAFE_INTEGER and math.fmod(value, 1) == 0:
        return int(value)
    return value


_COUNTS: Final = (
    "event_sequence", "prompt_length", "response_length", "body_length", "attempt", "total_attempts", "retries",
)  # fmt: skip
_READ: Final[Mapping[str, Callable[[JsonValue], JsonValue]]] = {
    **dict.fromkeys(_COUNTS, _as_number),
    "finish_reasons": _as_list,
}
"""The readers of metadata that some senders write as text."""
