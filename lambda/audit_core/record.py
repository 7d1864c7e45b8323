"""The record (schema 1): the one thing that is stored.

Promise: a record is a pure function of the agent, the event, what came with its request, and the rules; only an
inferred timestamp depends on the clock. Every string in it has been through the masker or follows a grammar that has no
room for a secret. What the wire lacks is null; what was derived is listed in `inferred`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import cast

from audit_core import values
from audit_core.attributes import AttributeReader, described_of
from audit_core.canonical import JsonValue
from audit_core.digest import (
    BINARY_MIME,
    JSON_MIME,
    TEXT_MIME,
    HmacKey,
    PayloadDigest,
    digest_json,
    digest_payload,
    media_type,
)
from audit_core.endpoint import clean_endpoint
from audit_core.envelope import Envelope
from audit_core.errors import FieldError
from audit_core.event import Event, Payload
from audit_core.faults import Faults
from audit_core.fields import FIELDS as FIELDS  # noqa: PLC0414 - readers of records look for it here
from audit_core.fields import LONGEST_ENDPOINT, READERS
from audit_core.layout import HYPHENS, EnvelopeMode
from audit_core.masking import Masker, Redaction
from audit_core.masking.budget import REQUEST_ALLOWANCE, Budget
from audit_core.masking.echoes import taken
from audit_core.masking.result import Unscannable
from audit_core.masking.texts import UNSCANNABLE, Texts
from audit_core.outcome import derive
from audit_core.people import split_user
from audit_core.stream import StreamDigest
from audit_core.times import LONGEST_MS, cannot_be_right, latest_of

SCHEMA = 1
TOO_HEAVY = "is text that holds more values than are decoded"
FAILED = "caused a fault in the log writer"

_ALWAYS = ("user_id", "endpoint", "method", "status", "request_hash", "response_hash", "outcome", "correlation_id")
# A key id is the sender's own words; a plain digest has no room for any.
_KEYED = "hmac-"
_FREE_TEXT = (
    "user_id", "endpoint", "method", "request_hash", "response_hash", "correlation_id", "session_id", "agent_name",
    "agent_version", "deployment_id", "trace_id", "span_id", "provider_request_id", "request_mime", "response_mime",
    "model",
)  # fmt: skip
# Of those, what is masked as it came.
_SHORT_TEXTS = tuple(
    (name, f"/{name}") for name in _FREE_TEXT if name not in {"endpoint", "method", "request_hash", "response_hash"}
)
_OUR_MIMES = frozenset((JSON_MIME, TEXT_MIME, BINARY_MIME))
_MEMORY = 256  # endpoints
_LONGEST = 256  # characters or members: only the endpoint may have more
_KEPT_PASSES = 4  # over payloads that are kept, to mask them and to see that all is masked
_read_name = values.text(256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """Ids that came with the request, for events that bring none of their own."""

    correlation_id: str | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The agent that a token belongs to, and how its records are made.

    `others`: the names of the other configured agents, which it may not claim to be.
    """

    agent_id: str
    others: frozenset[str] = frozenset()
    domain_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """By which rules records are made.

    `key`: of digests; null for unkeyed ones. `pseudonym_key_id`: which key the masker's pseudonyms are made with.
    `envelope`: whether payloads are kept for a short time, and how.
    """

    masker: Masker
    key: HmacKey | None = None
    pseudonym_key_id: str | None = None
    envelope: EnvelopeMode = "off"

    @property
    def name(self) -> str:
        """What a record says of the masking: the rules' version, the settings, and the key of pseudonyms."""
        key = "" if self.pseudonym_key_id is None else f"+{self.pseudonym_key_id}"
        return f"{self.masker.fingerprint}{key}"


@dataclass(slots=True, kw_only=True)
class RecordMaker:
    """Makes the records of one request.

    `received`: when the request came, for events without a time. `size`: the bytes of the request, to which the work
    of masking what is stored of it is in proportion. `too_heavy`: whether JSON holds, with that before, more values
    than are to be decoded; a payload that came as such text gets no digest. `faults` counts unexpected
    exceptions. Where possible, only the part of a record that failed is left out, and the record says so.
    """

    sender: Sender
    rules: Rules
    received: str
    correlation: Correlation = field(default_factory=Correlation)
    size: int = 0
    too_heavy: Callable[[bytes], bool] = lambda _: False
    faults: Faults = field(default_factory=Faults)
    _texts: Texts = field(init=False)
    _endpoints: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    _kept: Budget = field(init=False)
    _attributes: AttributeReader = field(init=False)
    _name: str = field(init=False)
    _latest: str = field(init=False)
    _taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._kept = Budget(_KEPT_PASSES * self.size)
        self._texts = Texts(self.rules.masker, Budget(self.size, REQUEST_ALLOWANCE), note=self.faults.note)
        self._attributes = AttributeReader(texts=self._texts, key=self.rules.key, described=described_of(self.size))
        self._name = self.rules.name
        self._latest = latest_of(self.received)

    def prefetch(self, events: Iterable[Event]) -> None:
        """Mask at once what the records of these events will hold. Optional: it makes `make` faster."""
        for event in events:
            # An event that fails here fails again in `make`, which rejects that event only.
            with contextlib.suppress(Exception):
                self._prefetch(event)
        self._texts.fetch()

    def _prefetch(self, event: Event) -> None:
        prefetch = self._texts.prefetch
        fields = event.fields
        for name, path in _SHORT_TEXTS:
            value = fields.get(name)
            if value and isinstance(value, str) and len(value) <= _LONGEST:
                prefetch(path, value)
        verb, counts, endpoint = fields.get("method"), fields.get("tokens"), fields.get("endpoint")
        if isinstance(verb, str) and len(verb) <= _LONGEST:
            prefetch("/method", verb.upper())
        for kind in counts if isinstance(counts, dict) and len(counts) <= _LONGEST else ():
            if len(kind) <= _LONGEST:
                prefetch("/tokens", kind)
        if isinstance(endpoint, str) and len(endpoint) <= LONGEST_ENDPOINT:
            for cleaned in filter(None, self._cleaned(endpoint)):
                prefetch("/endpoint", cleaned)
        self._attributes.prefetch(event.attributes)

    def make(self, event: Event) -> tuple[dict[str, JsonValue], Envelope | None]:
        """Return the `Record` of `event` (see `audit_core.record_type`), and what is kept of its payloads, if anything.

        The record lacks what only the batch gives it: its `record_id` and, where something is kept, its `envelope`.
        Raises `FieldError`.
        """
        inferred: list[JsonValue] = list(event.inferred)
        attributes = event.attributes
        fields, more = split_user(event.fields)
        if more:
            attributes = {**attributes, **more}
        record = self._read(fields, inferred)
        duration = record.get("duration_ms")
        if isinstance(duration, int | float) and duration > LONGEST_MS:
            del record["duration_ms"]
            attributes = {**attributes, "reported_duration_ms": duration}
        claimed = self._claimed_name(fields.get("agent_id"))
        if claimed is not None and record.setdefault("agent_name", claimed) != claimed:
            attributes = {**attributes, "agent_id": claimed}
        redactions: list[Redaction] = []
        for side, payload in (("request", event.request), ("response", event.response)):
            if payload is not None:
                attributes = self._add_payload(record, side, payload, attributes, inferred, redactions)
        envelope = self._keep(event, redactions)
        if envelope is not None and (elsewhere := record.pop("envelope", None)) is not None:
            attributes = {**attributes, "sent_envelope": elsewhere}
        self._derive(record, event, inferred)
        self._taken.clear()
        self._mask(record, redactions)
        if attributes:
            kept, found = self._attributes.read(attributes)
            if kept:
                record["attributes"] = kept
            for name in kept.keys() & attributes.keys() if found else ():
                self._taken |= taken(attributes[name], kept[name])
            redactions += found
        self._mask_repeated(record, redactions)
        record["schema"] = SCHEMA
        record["source"] = event.source
        record["masking"] = self._name
        record["redactions"] = [{"path": redaction.path, "rule": redaction.rule} for redaction in redactions]
        record["inferred"] = inferred
        return record, envelope

    def _keep(self, event: Event, redactions: list[Redaction]) -> Envelope | None:
        if self.rules.envelope == "off" or (event.request is None and event.response is None):
            return None
        envelope = Envelope(self.rules.envelope)
        for side, payload in (("request", event.request), ("response", event.response)):
            if payload is not None:
                try:
                    redactions += envelope.keep(
                        side, payload, masker=self.rules.masker, key=self.rules.key, budget=self._kept
                    )
                except Exception as error:  # noqa: BLE001 - the record is worth more than the copy of its payload
                    self.faults.note(error)
                    redactions.append(Redaction(path=f"/envelope/{side}", rule=UNSCANNABLE))
        return envelope

    def _read(self, given: dict[str, JsonValue], inferred: list[JsonValue]) -> dict[str, JsonValue]:
        """Check each field that the sender gave."""
        stamp = given.get("timestamp")
        if stamp is None or stamp == "":
            inferred.append("timestamp")
            stamp = self.received
        else:
            stamp = values.timestamp("timestamp", stamp)
            if cannot_be_right(stamp, self._latest):
                inferred.append("timestamp")
        record: dict[str, JsonValue] = {"timestamp": stamp, "agent_id": self.sender.agent_id}
        for name in _ALWAYS:
            record[name] = None
        for name, read in READERS.items():
            if name in given and (value := given[name]) is not None and (value := read(name, value)) is not None:
                record[name] = value
        return record

    def _claimed_name(self, value: JsonValue) -> str | None:
        """Return the name in an event's `agent_id` when it is not the sender's own. The token says who sent it."""
        if value is None:
            return None
        name = _read_name("agent_id", value)
        if name is None:
            return None
        folded = name.translate(HYPHENS)
        if folded == self.sender.agent_id.translate(HYPHENS):
            return None
        if any(folded == other.translate(HYPHENS) for other in self.sender.others):
            raise FieldError("agent_id", "is another agent's: send with that agent's token", forbidden=True)
        return name

    def _add_payload(
        self,
        record: dict[str, JsonValue],
        side: str,
        payload: Payload,
        attributes: dict[str, JsonValue],
        inferred: list[JsonValue],
        redactions: list[Redaction],
    ) -> dict[str, JsonValue]:
        try:
            digest = self._digested(payload, record)
        except Exception as error:  # noqa: BLE001 - the record is worth more than the digest
            self.faults.note(error)
            digest = PayloadDigest(digest=None, size=len(payload.content), mime=BINARY_MIME, undigestible=FAILED)
        stream = record.get("stream")
        if side == "response" and isinstance(stream, dict) and stream.get("complete") is False:
            digest = replace(digest, digest=None)
        sent = record[f"{side}_hash"]
        if sent is not None and sent != digest.digest:
            attributes = {**attributes, f"sent_{side}_hash": sent}
        record[f"{side}_hash"] = digest.digest
        if digest.undigestible is not None:
            redactions.append(Redaction(path=f"/{side}_hash", rule=f"undigestible: {digest.undigestible}"))
        record.setdefault(f"{side}_bytes", digest.size)
        if f"{side}_mime" not in record:
            record[f"{side}_mime"] = digest.mime
            inferred.append(f"{side}_mime")
        return attributes

    def _digested(self, payload: Payload, record: dict[str, JsonValue]) -> PayloadDigest:
        if self._is_too_heavy(payload):
            return PayloadDigest(digest=None, size=len(payload.content), mime=JSON_MIME, undigestible=TOO_HEAVY)
        return self._digest(payload) if payload.chunks is None else self._digest_stream(payload, record)

    def _is_too_heavy(self, payload: Payload) -> bool:
        """Return whether a payload that came as text would, decoded, take far more memory than it has bytes."""
        if payload.data is None and payload.chunks is None:
            return False  # decoded with the request, and weighed with it
        data = payload.content
        return media_type(data) == JSON_MIME and self.too_heavy(data)

    def _digest(self, payload: Payload) -> PayloadDigest:
        if payload.data is not None:
            return digest_payload(payload.data, key=self.rules.key, text=payload.text, on_json=payload.on_json)
        return digest_json(payload.value, payload.encoded, key=self.rules.key)

    def _digest_stream(self, payload: Payload, record: dict[str, JsonValue]) -> PayloadDigest:
        """Digest a payload that came in chunks, and describe the chunks in the record's `stream`."""
        digester = StreamDigest(key=self.rules.key, text=payload.text)
        digester.add_all(payload.chunks or ())
        streamed = digester.finish()
        given = record.get("stream")
        part: dict[str, JsonValue] = {"phase": "end", **(given if isinstance(given, dict) else {})}
        part |= {"chunks": streamed.chunks, "bytes": streamed.total.size}
        if any(streamed.chunk_digests):
            part |= {"chunk_every": streamed.chunk_every, "chunk_digests": list(streamed.chunk_digests)}
        record["stream"] = part
        return streamed.total

    def _derive(self, record: dict[str, JsonValue], event: Event, inferred: list[JsonValue]) -> None:
        signs = event.signs
        said = None if record["outcome"] is None else str(record["outcome"])
        outcome = derive(said, record["status"], record.get("stream"), event.attributes, signs)
        if outcome != said:
            record["outcome"] = outcome
            if outcome is not None and not (outcome == "error" and signs is not None and signs.reported):
                # Older records list it at this place, too.
                at = inferred.index("correlation_id") if "correlation_id" in inferred else len(inferred)
                inferred.insert(at, "outcome")
        if record["correlation_id"] is None and self.correlation.correlation_id is not None:
            record["correlation_id"] = self.correlation.correlation_id
            inferred.append("correlation_id")
        if "trace_id" not in record and self.correlation.trace_id is not None:
            record["trace_id"] = self.correlation.trace_id
            inferred.append("trace_id")

    def _mask(self, record: dict[str, JsonValue], redactions: list[Redaction]) -> None:
        endpoint = record["endpoint"]
        if isinstance(endpoint, str):
            record["endpoint"] = self._endpoint(endpoint, redactions)
        for name in _FREE_TEXT:
            if name not in record or not isinstance(value := record[name], str) or value in _OUR_MIMES:
                continue
            if not name.endswith("_hash"):
                record[name] = self._masked(name, value, redactions)
            elif self._leaks(name, value, redactions):
                record[name] = None
        for name in ("envelope", "stream"):
            value = record.get(name)
            if isinstance(value, dict):
                record[name] = self._masked_part(name, value, redactions)

        counts = record.get("tokens")
        if isinstance(counts, dict):
            record["tokens"] = {self._masked("tokens", kind, redactions): number for kind, number in counts.items()}

    def _endpoint(self, given: str, redactions: list[Redaction]) -> str | None:
        """Return the masked endpoint. Mask it before its host is in lower case, too: that hides a secret's form."""
        plain, folded = self._cleaned(given)
        if plain is None or folded is None or plain == folded:
            return folded
        masked = self._masked("endpoint", plain, redactions)
        return folded if masked == plain else masked

    def _cleaned(self, given: str) -> tuple[str | None, str | None]:
        """Clean an endpoint: once as it was written, and once with its host in lower case."""
        known = self._endpoints.get(given)
        if known is None:
            domain_only = self.sender.domain_only
            plain = folded = clean_endpoint(given, domain_only=domain_only, fold=False)
            if plain is not None and plain != plain.lower():
                folded = clean_endpoint(given, domain_only=domain_only)
            known = plain, folded
            if len(self._endpoints) >= _MEMORY:
                self._endpoints.clear()
            self._endpoints[given] = known
        return known

    def _masked_part(self, name: str, value: JsonValue, redactions: list[Redaction]) -> JsonValue:
        if isinstance(value, str):
            return self._masked(name, value, redactions)
        if isinstance(value, dict):
            return {key: self._masked_part(f"{name}/{key}", item, redactions) for key, item in value.items()}
        if isinstance(value, list):  # digests
            return [None if self._leaks(name, item, redactions) else item for item in value]
        return value

    def _leaks(self, name: str, digest: JsonValue, redactions: list[Redaction]) -> bool:
        """Return whether a sender's keyed digest has a secret for a key id. One of ours does not."""
        if not isinstance(digest, str) or not digest.startswith(_KEYED):
            return False
        ours = self.rules.key is not None and digest.startswith(f"{_KEYED}sha256:{self.rules.key.key_id}:")
        return not ours and self._masked(name, digest, redactions) != digest

    def _masked(self, name: str, value: str, redactions: list[Redaction]) -> str:
        masked, found = self._texts.mask(f"/{name}", value)
        redactions += found
        if found:
            self._taken |= taken(value, masked)
        return str(masked)

    def _mask_repeated(self, record: dict[str, JsonValue], redactions: list[Redaction]) -> None:
        """Mask in every text of the sender a value that was masked in one of them. Texts of the kit itself stay."""
        if not self._taken:
            return
        texts = {name: record[name] for name in (*_FREE_TEXT, "attributes") if name in record}
        try:
            masked, found = self.rules.masker.mask_repeated(texts, tuple(redactions), self._taken)
        except Unscannable:  # too deeply encoded to scan again; each text was masked on its own
            return
        record.update(cast("dict[str, JsonValue]", masked))
        redactions[:] = found
