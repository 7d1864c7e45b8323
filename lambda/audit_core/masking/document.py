"""Walks decoded values: collects what must be scanned, then puts the masked pieces back where they were.

Two passes in the same order. The first gathers every string, also those of JSON that is itself text in a string; the
scanner looks at all of them at once. The second runs only when something was found, and writes down paths.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from audit_core.masking import jsontext
from audit_core.masking.cells import byte_values, exchanged, is_masked, written
from audit_core.masking.keys import KeyInfo, classify, holds_secret, is_count, is_working_directory
from audit_core.masking.patterns import Span
from audit_core.masking.personal import holds_personal
from audit_core.masking.placeholder import is_placeholder
from audit_core.masking.plausible import counts_up, is_identifier, is_random
from audit_core.masking.region import hidden
from audit_core.masking.result import PLACEHOLDER, JsonValue, Redaction, Unscannable
from audit_core.masking.scanner import replace

MAX_DEPTH = 128
MAX_NODES = 250_000
_DOCUMENT_WEIGHT = 2
_SKIP_DEPTH = 2
_SHORTEST = 4
_SHORTEST_KEY = 16
_RANDOM_UNDER_TELLING_KEY = 20
_LEAST_PIN = 100
_NAMES = ("name", "key", "Name", "Key", "field", "header", "param", "variable", "var", "k", "n", "id")
_VALUES = frozenset(("value", "val", "v", "Value", "stringValue", "string_value"))
_OF_PRIVATE_JWK = frozenset(("d", "p", "q", "dp", "dq", "qi", "k", "oth"))
"""The private members of a JSON Web Key (RFC 7518, section 6)."""
_SCHEMA_TYPES = frozenset(("string", "number", "integer", "boolean", "object", "array", "null"))
_SCHEMA_VALUES = frozenset(("default", "example", "examples", "const", "enum", "value"))
_OPTION = re.compile(r"--?([A-Za-z][\w.-]{2,63})")
_IN_SCHEMA = "schema:"
_NUMERIC_KINDS = frozenset(("password", "secret", "api-key", "pin", "custom"))
_NOT_IN_IDENTIFIERS = frozenset(("personal/phone", "personal/card", "personal/ip", "personal/iban"))


class Leaf:
    """One string: the texts to scan in it (each with its place), the documents in it, and what to replace.

    `numbers`: it is a list of byte values, written as a text.
    """

    __slots__ = ("documents", "info", "numbers", "spans", "text", "texts")

    def __init__(self, text: bytes, info: KeyInfo | None, *, numbers: bool = False) -> None:
        self.text = text
        self.numbers = numbers
        self.info = info
        self.texts: list[tuple[int, int]] = []
        self.documents: list[tuple[int, int, JsonValue]] = []
        self.spans: list[Span] = []


class Walk:
    """One value on its way through the masker. Call `collect`, scan `texts`, call `settle`, then `rebuild`."""

    def __init__(
        self,
        classify_key: Callable[[str], KeyInfo] = classify,
        *,
        personal: bool = True,
        is_clean: Callable[[JsonValue], bool] | None = None,
    ) -> None:
        self._classify = classify_key
        self._personal = personal
        self._is_clean = is_clean
        self._skips: list[bool] = []
        self._skip_next = 0
        self._nodes = 0
        self._leaves: list[Leaf] = []
        self._next = 0
        self._ordinal = 0
        self._edits: jsontext.Edits | None = None
        self.texts: list[bytes] = []
        self.found = False
        self.redactions: dict[Redaction, None] = {}

    # the first pass

    def collect(self, value: JsonValue, info: KeyInfo | None = None, kind: str | None = None, depth: int = 0) -> None:
        """Gather what must be scanned. Raises `Unscannable` over the caps on depth and number of values."""
        self._nodes += 1
        if isinstance(value, str):
            if _masked_whole(kind, value):
                self.found = True
            elif len(value) >= _SHORTEST:
                self._collect_text(_encoded(value), info, depth)
        elif (numbers := _numbers(value, kind)) is not None:
            self._collect_numbers(numbers, kind)
        elif isinstance(value, dict):
            self._collect_members(value, kind, depth)
        elif isinstance(value, list):
            self._check(depth)
            for item, item_info, item_kind in self._items(value, info, kind):
                if not self._skip(item, item_info, item_kind, depth):
                    self.collect(item, item_info, item_kind, depth + 1)
        elif self._number_goes(value, info, kind):
            self.found = True

    def _collect_members(self, value: dict[str, JsonValue], kind: str | None, depth: int) -> None:
        self._check(depth)
        for key, member in value.items():
            if _worth_scanning(key):
                self._collect_text(_encoded(key), None, depth, key=True)
            member_info = self._classify(key)
            member_kind = self._kind(value, key, member, member_info, kind)
            if not self._skip(member, member_info, member_kind, depth):
                self.collect(member, member_info, member_kind, depth + 1)

    def _collect_numbers(self, numbers: list[int], kind: str | None) -> None:
        leaf = Leaf(written(numbers), None, numbers=True)
        self._leaves.append(leaf)
        if _masked_whole(kind, bytes(numbers).decode("utf-8", "replace")) and not is_masked(leaf.text):
            leaf.spans = [Span(0, len(leaf.text), f"key/{kind}")]
            self.found = True
        else:
            self._add_text(leaf, 0, len(leaf.text))

    def _skip(self, member: JsonValue, info: KeyInfo | None, kind: str | None, depth: int) -> bool:
        """Pass over a large part of the value that is clean by itself, and remember that."""
        if self._is_clean is None or not _may_skip(member, info, kind, depth):
            return False
        self._skips.append(self._is_clean(member))
        return self._skips[-1]

    def _skipped(self, member: JsonValue, info: KeyInfo | None, kind: str | None, depth: int) -> bool:
        """Say what `_skip` said about this member."""
        if self._is_clean is None or not _may_skip(member, info, kind, depth):
            return False
        self._skip_next += 1
        if self._skips[self._skip_next - 1] and self._edits is not None:
            self._ordinal += jsontext.count_tokens(member)
        return self._skips[self._skip_next - 1]

    def _check(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise Unscannable("nested deeper than the cap")
        if self._nodes > MAX_NODES:
            raise Unscannable("more values than the cap")

    def _collect_text(self, text: bytes, info: KeyInfo | None, depth: int, *, key: bool = False) -> None:
        leaf = Leaf(text, info)
        self._leaves.append(leaf)
        if info is not None and (info.telling or info.personal) and self._suspect(text, info, leaf):
            return
        if not key:
            for found in jsontext.find_documents(text):
                leaf.documents.append(found)
                self._nodes += _DOCUMENT_WEIGHT
                self._check(depth)
        at = 0
        for start, end, document in leaf.documents:
            self._add_text(leaf, at, start)
            self.collect(document, info, None, max(depth + 1, _SKIP_DEPTH))
            at = end
        self._add_text(leaf, at, len(text))

    def _add_text(self, leaf: Leaf, start: int, end: int) -> None:
        if end - start >= _SHORTEST:
            leaf.texts.append((start, len(self.texts)))
            self.texts.append(hidden(leaf.text[start:end] if end - start < len(leaf.text) else leaf.text))

    def _suspect(self, text: bytes, info: KeyInfo, leaf: Leaf) -> bool:
        """Mask a whole value for what its key tells, where the key alone does not decide."""
        value = text.decode("utf-8", "replace")
        rule = None
        if info.personal and self._personal and holds_personal(info.personal, value):
            rule = f"personal/{info.personal}"
        elif (
            info.telling
            and is_random(value, shortest=_RANDOM_UNDER_TELLING_KEY)
            and not is_identifier(value)
            and not is_placeholder(value)
            and not counts_up(value)
        ):
            rule = "key/entropy"
        if rule is not None:
            leaf.spans = [Span(0, len(text), rule)]
            self.found = True
        return rule is not None

    def _kind(
        self, owner: dict[str, JsonValue], key: str, member: JsonValue, info: KeyInfo, inherited: str | None
    ) -> str | None:
        """Say what kind of secret a member is, by its own key, a name beside it, or the object that it is in."""
        kind = info.secret
        if kind is not None:
            if kind == "token" and ("logprob" in owner or (isinstance(member, dict) and "logprob" in member)):
                return None
            directory = isinstance(member, str) and is_working_directory(key, member)
            if kind == "password" and (directory or is_count(key, member, owner)):
                return None
            return _IN_SCHEMA + kind if isinstance(member, dict) and _is_schema(member) else kind
        if inherited is not None:
            if inherited.startswith(_IN_SCHEMA):
                return inherited.removeprefix(_IN_SCHEMA) if key in _SCHEMA_VALUES else inherited
            return None if info.benign else inherited
        return self._kind_beside(owner, key)

    def _kind_beside(self, owner: dict[str, JsonValue], key: str) -> str | None:
        """Say what kind of secret a member is by what stands beside it: a name, or that the object is a key."""
        if key in _OF_PRIVATE_JWK and isinstance(owner.get("kty"), str):
            return "api-key"
        if key in _VALUES:
            for name in _NAMES:
                named = owner.get(name)
                if isinstance(named, str):
                    return self._classify(named).secret
        return None

    def _items(
        self, value: list[JsonValue], info: KeyInfo | None, kind: str | None
    ) -> Iterator[tuple[JsonValue, KeyInfo | None, str | None]]:
        """Give a list's items with what is known of each: what follows an option that tells goes by its name."""
        option: KeyInfo | None = None
        for item in value:
            if option is not None and isinstance(item, str) and not item.startswith("-"):
                yield item, option, kind or option.secret
            else:
                yield item, info, kind
            name = _option_name(item) if isinstance(item, str) else None
            named = None if name is None else self._classify(name)
            option = named if named is not None and named.tells else None

    def _number_goes(self, value: JsonValue, info: KeyInfo | None, kind: str | None) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        if kind in _NUMERIC_KINDS:
            return kind != "pin" or abs(value) >= _LEAST_PIN
        return bool(info and info.personal and self._personal and holds_personal(info.personal, str(value)))

    # between the passes

    def settle(self, spans: Sequence[list[Span]], pseudonym: Callable[[bytes], bytes] | None) -> None:
        """Take the scanner's findings, one list for each of `texts`."""
        for leaf in self._leaves:
            for offset, index in leaf.texts:
                for span in spans[index]:
                    if leaf.info is not None and leaf.info.identifier and span.rule in _NOT_IN_IDENTIFIERS:
                        continue
                    if leaf.numbers and is_masked(leaf.text[span.start : span.end]):
                        continue
                    if pseudonym and leaf.info is not None and leaf.info.user and span.rule == "personal/email":
                        span.replacement = pseudonym(leaf.text[offset + span.start : offset + span.end])
                    leaf.spans.append(Span(offset + span.start, offset + span.end, span.rule, span.replacement))
            self.found = self.found or bool(leaf.spans)

    # the second pass

    def rebuild(
        self, value: JsonValue, path: str, info: KeyInfo | None = None, kind: str | None = None, depth: int = 0
    ) -> JsonValue:
        """Give the masked value, and write down each redaction. Walks exactly as `collect` did."""
        if isinstance(value, str):
            return self._masked(path, f"key/{kind}") if _masked_whole(kind, value) else self._string(value, path)
        if (numbers := _numbers(value, kind)) is not None:
            return self._exchanged(value, numbers, path)
        if isinstance(value, dict):
            return self._members(value, path, kind, depth)
        if isinstance(value, list):
            return [
                item
                if self._skipped(item, item_info, item_kind, depth)
                else self.rebuild(item, f"{path}/{index}", item_info, item_kind, depth + 1)
                for index, (item, item_info, item_kind) in enumerate(self._items(value, info, kind))
            ]
        if self._number_goes(value, info, kind):
            personal = info.personal if info is not None else None
            return self._masked(path, f"key/{kind}" if kind in _NUMERIC_KINDS else f"personal/{personal}")
        self._ordinal += 1
        return value

    def _members(self, value: dict[str, JsonValue], path: str, kind: str | None, depth: int) -> JsonValue:
        masked: dict[str, JsonValue] = {}
        for key, member in value.items():
            shown = self._key(key, path, masked)
            place = f"{path}/{in_pointer(shown)}"
            member_info = self._classify(key)
            member_kind = self._kind(value, key, member, member_info, kind)
            if self._skipped(member, member_info, member_kind, depth):
                masked[shown] = member
            else:
                masked[shown] = self.rebuild(member, place, member_info, member_kind, depth + 1)
        return masked

    def _exchanged(self, value: JsonValue, numbers: list[int], path: str) -> JsonValue:
        """Put other bytes in the place of those that hide something."""
        fresh = exchanged(numbers, self._leaf_spans(path))
        keys = 1 if isinstance(value, dict) else 0
        for index, (before, after) in enumerate(zip(numbers, fresh, strict=True)):
            if before != after and self._edits is not None:
                self._edits[self._ordinal + index * (1 + keys) + keys] = b"%d" % after
        self._ordinal += len(numbers) * (1 + keys)
        return dict(zip(value, fresh, strict=True)) if isinstance(value, dict) else list(fresh)

    def _string(self, value: str, path: str) -> str:
        spans = self._leaf_spans(path) if len(value) >= _SHORTEST else []
        self._edit(spans)
        return replace(_encoded(value), spans).decode("utf-8", "surrogatepass") if spans else value

    def _masked(self, path: str, rule: str) -> str:
        self.redactions[Redaction(path=path, rule=rule)] = None
        if self._edits is not None:
            self._edits[self._ordinal] = None
        self._ordinal += 1
        return PLACEHOLDER

    def _edit(self, spans: Sequence[Span]) -> None:
        if spans and self._edits is not None:
            self._edits[self._ordinal] = list(spans)
        self._ordinal += 1

    def _key(self, key: str, path: str, taken: dict[str, JsonValue]) -> str:
        if not _worth_scanning(key):
            self._ordinal += 1
            return key
        leaf = self._leaves[self._next]
        self._next += 1
        shown = key
        if leaf.spans:
            shown = replace(leaf.text, leaf.spans).decode("utf-8", "surrogatepass")
            count = 2
            while shown in taken:  # two keys that were different secrets
                leaf.spans[0].replacement = f"{PLACEHOLDER}#{count}".encode()
                shown = replace(leaf.text, leaf.spans).decode("utf-8", "surrogatepass")
                count += 1
            place = f"{path}/{in_pointer(shown)}"
            for span in leaf.spans:
                self.redactions[Redaction(path=place, rule=span.rule)] = None
        self._edit(leaf.spans)
        return shown

    def _leaf_spans(self, path: str) -> list[Span]:
        leaf = self._leaves[self._next]
        self._next += 1
        for span in leaf.spans:
            self.redactions[Redaction(path=path, rule=span.rule)] = None
        if not leaf.documents:
            return leaf.spans
        spans = list(leaf.spans)
        whole = len(leaf.documents) == 1 and not leaf.texts
        for number, (start, end, document) in enumerate(leaf.documents):
            inside = self.edits_of(document, path if whole else f"{path}/{number}", leaf.info, _SKIP_DEPTH)
            spans += [
                Span(start + span.start, start + span.end, span.rule, span.replacement)
                for span in jsontext.edit(leaf.text[start:end], inside)
            ]
        return sorted(spans, key=lambda span: span.start)

    def edits_of(self, document: JsonValue, path: str, info: KeyInfo | None, depth: int = 0) -> jsontext.Edits:
        """Rebuild a document and give what changed in it by ordinal (see `jsontext.edit`)."""
        outer = self._edits, self._ordinal
        inside: jsontext.Edits = {}
        self._edits, self._ordinal = inside, 0
        self.rebuild(document, path, info, None, depth)
        self._edits, self._ordinal = outer
        return inside


def _option_name(item: str) -> str | None:
    """Give the name of a command's option that stands alone, its argument being the next item."""
    match = _OPTION.fullmatch(item)
    return None if match is None else match[1]


def _numbers(value: JsonValue, kind: str | None) -> list[int] | None:
    """Give the bytes that a list or an object holds, where not each number goes by itself."""
    return None if kind in _NUMERIC_KINDS else byte_values(value)


def _may_skip(member: JsonValue, info: KeyInfo | None, kind: str | None, depth: int) -> bool:
    """Whether a member can be judged without what is around it, and is worth it."""
    if depth >= _SKIP_DEPTH or kind is not None or not isinstance(member, (dict, list)):
        return False
    return info is None or not (info.telling or info.personal)


def _masked_whole(kind: str | None, value: str) -> bool:
    """Whether a string goes for its key alone."""
    if kind is None or kind.startswith(_IN_SCHEMA):
        return False
    return value != PLACEHOLDER and holds_secret(kind, value)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def in_pointer(key: str) -> str:
    """Escape a key for a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


@lru_cache(maxsize=8192)
def _worth_scanning(key: str) -> bool:
    """Whether a key is long or odd enough to hold a secret itself."""
    return len(key) >= _SHORTEST_KEY or not (len(key) < _SHORTEST or key.replace("_", "").isalpha())


def _is_schema(member: dict[str, JsonValue]) -> bool:
    """Whether an object describes a value (JSON Schema) rather than being one."""
    declared = member.get("type")
    if isinstance(declared, list):
        return bool(declared) and all(isinstance(item, str) and item in _SCHEMA_TYPES for item in declared)
    return (isinstance(declared, str) and declared in _SCHEMA_TYPES) or "$ref" in member or "anyOf" in member
