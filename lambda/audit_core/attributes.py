"""Attributes: metadata that has no field of its own.

Promise: a value is stored only under a name that is known to hold metadata, when it is small and plain. Anything else
is kept as its name, type, size and digest; a value that is secret, or small and holds something secret, without the
digest, which could be guessed. Of more of those in one request than `described_of` its size, each event's are described
together, as `more_attributes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from audit_core.canonical import JsonValue
from audit_core.digest import HmacKey, PayloadDigest, digest_bytes, digest_json, digest_payload
from audit_core.errors import FieldError
from audit_core.fields_1 import is_secret_field
from audit_core.marker import read_marker
from audit_core.masking import PLACEHOLDER, Redaction
from audit_core.masking.texts import UNSCANNABLE, Texts
from audit_core.values import CONTROL, SAFE_INTEGER

MAX_ATTRIBUTES = 128
MAX_TEXT = 256
MAX_ITEMS = 32
DESCRIBED = 32_768
"""Attributes of a request that are described one by one, however small it is."""
BYTES_PER_DESCRIBED = 128
"""Bytes of a request for each further one. The largest request has ten for each event."""
MORE = "more_attributes"
MADE = "digest"
"""The type of what came as a digest: of what it is one, only the sender knows."""
_MOST_KEPT = MAX_ATTRIBUTES - 8  # the record adds some
_GUESSABLE = 1024
_MEMORY = 4096
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}")

ALLOWED: frozenset[str] = frozenset({
    # which event this is, and how it hangs together with others
    "id", "agent_id", "event_id", "event_name", "event_sequence", "event_timestamp", "parent_id", "parent_span_id",
    "parent_agent_id", "group_id", "request_id", "response_id", "request_body_id", "message_id", "message_uuid",
    "prompt_id", "conversation_id", "workflow", "workflow_id", "workflow_name", "step", "span_type", "span_name",
    "span_events", "linked_spans", "kind", "sequence", "scope", "scope_version", "timestamp_source",
    "dropped_attributes", "dropped_events", "request_undigestible", "response_undigestible", "severity",
    # where it ran
    "environment", "env", "region", "zone", "service", "service_name", "service_version", "service_namespace",
    "host_name", "sdk", "sdk_name", "sdk_version", "runtime", "runtime_version", "platform", "os", "os_version",
    "arch", "language", "team", "project", "tenant", "channel", "tags", "labels", "release", "commit", "branch",
    "terminal", "k8s_cluster", "k8s_namespace", "k8s_deployment", "k8s_pod", "organization_id",
    # what was called
    "provider", "api_provider", "custom_base_url", "operation", "api_version", "response_model", "tool", "tool_name",
    "tool_type", "tool_source", "tool_call_id", "mcp_server", "mcp_method", "server_scope", "transport",
    "protocol_version", "rpc_system", "rpc_service", "rpc_method", "db_system", "db_operation", "db_namespace",
    "db_collection", "messaging_system", "messaging_operation", "messaging_destination", "data_source_id",
    "http_route", "request_headers", "response_headers", "skill", "plugin", "hook", "hook_event", "query_source",
    "prompt_name", "function", "target", "from_agent", "to_agent", "handoff", "guardrail", "guardrail_triggered",
    "guardrail_verdict", "guardrail_action", "risk_category", "policy", "policy_id", "rule", "decision",
    "decision_source", "permission_mode",
    # how it went
    "success", "connection", "finish_reason", "finish_reasons", "response_status", "error_type", "error_code",
    "exception_type", "rpc_status", "attempt",
    "total_attempts", "retry", "retries", "retry_after_ms", "timeout_ms", "queue_ms", "first_byte_ms",
    "reported_duration_ms", "cache_hit", "cost_usd", "currency", "rate_limit", "rate_limit_remaining", "truncated",
    "sender_redacted", "body_length", "prompt_length", "response_length", "sent_request_hash", "sent_response_hash",
    # how a model was asked
    "temperature", "top_p", "top_k", "max_tokens", "seed", "frequency_penalty", "presence_penalty", "choice_count",
    "output_type", "service_tier", "response_format", "message_count", "tool_count", "effort", "speed",
})  # fmt: skip
"""Names whose values are metadata in every intake format. Growing it changes what new records hold, never old ones."""
_IDS = frozenset(name for name in ALLOWED if name == "id" or name.endswith("_id"))


def described_of(size: int) -> int:
    """Return how many attributes of a request of `size` bytes are described one by one, at 120 bytes each."""
    return DESCRIBED + size // BYTES_PER_DESCRIBED


def folded(given: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return as many of `given` as a record may hold, and the others together, as `more_attributes`."""
    if len(given) <= _MOST_KEPT:
        return given
    items = iter(given.items())
    kept = dict(islice(items, _MOST_KEPT))
    kept[MORE] = dict(items)
    return kept


@dataclass(slots=True, kw_only=True)
class AttributeReader:
    """Reads the attributes of the events of one request; what it learns of a name holds for all of them.

    `described`: how many are described one by one, the first in the order of events (see `described_of`).
    """

    texts: Texts
    key: HmacKey | None
    described: int = DESCRIBED
    _to_prefetch: int = field(init=False)
    _names: dict[str, tuple[str, tuple[str, ...], str | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._to_prefetch = self.described

    def prefetch(self, given: dict[str, JsonValue]) -> None:
        """Queue in `texts` what `read` will mask."""
        for name, value in given.items():
            if name in ALLOWED and _is_metadata(value):
                if value is not None and value is not True and value is not False:
                    self.texts.prefetch(f"/attributes/{name}", value)
                continue
            if value is None or self._to_prefetch <= 0:
                continue
            self._to_prefetch -= 1
            if name not in self._names and _NAME.fullmatch(name):
                self.texts.prefetch("", name)
            if isinstance(value, str) and len(value) <= _GUESSABLE:
                self.texts.prefetch(_pointer(name), value)

    def read(self, given: dict[str, JsonValue]) -> tuple[dict[str, JsonValue], list[Redaction]]:
        """Return what a record keeps of `given`, and what was masked in it. Raise `FieldError` for too many."""
        if len(given) > MAX_ATTRIBUTES:
            raise FieldError("attributes", f"must be at most {MAX_ATTRIBUTES}")
        kept: dict[str, JsonValue] = {}
        redactions: list[Redaction] = []
        more: dict[str, JsonValue] = {}
        for name, value in given.items():
            if value is None:
                continue
            if type(value) is int and not _is_metadata(value) and name in _IDS:
                value = str(value)  # noqa: PLW2901 - a number that JSON's readers would round
            if name in ALLOWED and _is_metadata(value):
                kept[name], found = self.texts.mask(f"/attributes/{name}", value)
                redactions += found
            elif self.described > 0:
                self.described -= 1
                redactions += self._keep(kept, name, value)
            else:
                more[name] = value
        if more:
            redactions += self._keep(kept, MORE, more)
        return kept, redactions

    def _keep(self, kept: dict[str, JsonValue], name: str, value: JsonValue) -> list[Redaction]:
        """Add to `kept` what is kept of an attribute that does not stay as it is."""
        shown, name_rules, secret_rule = self._names.get(name) or self._learn(name)
        stem, turn = shown, 1
        while shown in kept:  # numbered: a hundred names without a name of their own, each longer, would fill a record
            shown = f"{stem}_{turn}" if turn > 1 else f"{stem}_"
            turn += 1
        rules: Iterable[str]
        if secret_rule is None:
            kept[shown], rules = self._describe(name, value)
        else:
            kept[shown], rules = PLACEHOLDER, (secret_rule,)
        if not (name_rules or rules):
            return []
        path = "/attributes" + _pointer(shown)
        return [Redaction(path=path, rule=rule) for rule in (*name_rules, *rules)]

    def _learn(self, name: str) -> tuple[str, tuple[str, ...], str | None]:
        """Give how to show `name`: masked, or as its digest where it is not plain; and the rule that hides its value.

        The digest of a short name that holds a finding could be guessed: such a name is not shown at all.
        """
        shown: str | None = None
        rules: tuple[str, ...] = ()
        if len(name) <= _GUESSABLE:
            masked, found = self.texts.mask("", name)
            rules = tuple(dict.fromkeys(redaction.rule for redaction in found))
            if _NAME.fullmatch(name) and rules != (UNSCANNABLE,):
                shown = str(masked)
            elif rules:
                shown = "name:" + PLACEHOLDER
        if shown is None:
            shown = "name:" + digest_bytes(name.encode(), key=self.key).rpartition(":")[2][:16]
        secret = "key/fields-1" if is_secret_field(name) else None
        if secret is None and len(name) <= _GUESSABLE:
            secret = self.texts.names_secret(name)
        if len(self._names) >= _MEMORY:
            self._names.clear()
        self._names[name] = learned = (shown, rules, secret)
        return learned

    def _describe(self, name: str, value: JsonValue) -> tuple[JsonValue, Iterable[str]]:
        """Give type, size and digest of a value, and the rules by which it has no digest."""
        made = read_marker(value) if isinstance(value, dict) else None
        if made is not None:
            return self._describe_made(made)
        described: dict[str, JsonValue] = {"type": _type(value)}
        digest = self._digest(value)
        if digest.size <= _GUESSABLE:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            _, found = self.texts.mask(_pointer(name), str(value) if number else value)
            if found:
                return {**described, "digest": None}, dict.fromkeys(redaction.rule for redaction in found)
        return {**described, "bytes": digest.size, "digest": digest.digest}, ()

    def _describe_made(self, made: dict[str, JsonValue]) -> tuple[JsonValue, Iterable[str]]:
        """Describe a digest that came in a value's place. The id of its key is the only text in it."""
        described: dict[str, JsonValue] = {"type": MADE, "bytes": made["bytes"], "digest": made["digest"]}
        if described["bytes"] is None:
            del described["bytes"]
        _, keyed, rest = str(made["digest"]).partition("hmac-sha256:")
        if keyed:
            _, found = self.texts.mask("", rest.partition(":")[0])
            if found:
                return {**described, "digest": None}, dict.fromkeys(redaction.rule for redaction in found)
        return described, ()

    def _digest(self, value: JsonValue) -> PayloadDigest:
        if isinstance(value, str):
            return digest_payload(value.encode(), key=self.key, text=True)
        return digest_json(value, key=self.key)


def _pointer(name: str) -> str:
    """Give the JSON pointer of a member."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _is_metadata(value: JsonValue) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_TEXT and (value.isprintable() or not CONTROL.search(value))
    if isinstance(value, list):
        return len(value) <= MAX_ITEMS and all(not isinstance(item, list) and _is_metadata(item) for item in value)
    if isinstance(value, int):
        return -SAFE_INTEGER <= value <= SAFE_INTEGER
    return not isinstance(value, dict)


def _type(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    return "string" if isinstance(value, str) else "number"
