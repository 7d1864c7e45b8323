"""Walks decoded values: copies them, gathers what must be scanned, then replaces in the copy what was found.

One walk gathers every string, also those of JSON that is itself text in a string; the scanner looks at all of them at
once. Each string knows the container that it is in, so that nothing is walked again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from audit_core.masking import jsontext
from audit_core.masking.cells import byte_values, written
from audit_core.masking.keys import KeyInfo, classify, holds_secret, is_count, is_working_directory
from audit_core.masking.patterns import Span, without_nul
from audit_core.masking.personal import holds_personal
from audit_core.masking.placeholder import is_placeholder
from audit_core.masking.plausible import counts_up, is_identifier, is_random
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
NAMES = ("name", "key", "Name", "Key", "field", "header", "param", "variable", "var", "k", "n", "id")
VALUES = ("value", "val", "v", "Value", "stringValue", "string_value")
"""A member called one of these takes the name under one of `NAMES` beside it."""
_OF_PRIVATE_JWK = frozenset(("d", "p", "q", "dp", "dq", "qi", "k", "oth"))
"""The private members of a JSON Web Key (RFC 7518, section 6)."""
_SCHEMA_TYPES = frozenset(("string", "number", "integer", "boolean", "object", "array", "null"))
_SCHEMA_VALUES = frozenset(("default", "example", "examples", "const", "enum", "value"))
OPTION = "--?([A-Za-z][\\w.-]{2,63})"
"""How an option of a command is written. The next item of the list is its value."""
_OPTION = re.compile(OPTION)
_IN_SCHEMA = "schema:"
_NUMERIC_KINDS = frozenset(("password", "secret", "api-key", "pin", "custom"))
_NOT_IN_IDENTIFIERS = frozenset(("personal/phone", "personal/card", "personal/ip", "personal/iban"))


class Container:
    """A copy of an object or list, in which members are replaced, and the way to it.

    A whole value, and each document in a text, is the only member of a container of its own, under the key None.
    `step`: what such a container adds to the path.
    """

    __slots__ = ("_above", "_at", "_counts", "_names", "_step", "members", "redactions")

    def __init__(
        self,
        members: Any,  # noqa: ANN401 - a dict or a list
        above: Container | None = None,
        at: str | int | None = None,
        step: str = "",
    ) -> None:
        self.members = members
        self._above, self._at, self._step = above, at, step
        self._names: dict[str, str] | None = None
        self._counts: dict[str, int] | None = None
        self.redactions: dict[Redaction, None] = above.redactions if above is not None else {}

    @property
    def found(self) -> bool:
        """Whether anything in the whole value was masked."""
        return bool(self.redactions)

    @property
    def value(self) -> JsonValue:
        """The masked value, where this is the container of a whole one."""
        return self.members[None]

    def path_of(self, key: str | int | None) -> str:
        """Return the path of a member, with keys as they are shown."""
        path = self._step if self._above is None else self._above.path_of(self._at) + self._step
        if key is None:
            return path
        return f"{path}/{in_pointer(str(self._names.get(str(key), key) if self._names else key))}"

    def name(self, leaf: Leaf) -> bool:
        """Settle how a key with findings is shown. Return whether it is the first such key here.

        Two keys that were different secrets get different numbers.
        """
        is_first = self._names is None
        names = self._names = self._names or {}
        shown = base = leaf.masked()
        counts = self._counts = self._counts or {}
        while shown in self.members or shown in counts:
            counts[base] = counts.get(base, 1) + 1
            leaf.spans[0].replacement = f"{PLACEHOLDER}#{counts[base]}".encode()
            shown = leaf.masked()
        counts.setdefault(shown, 1)
        names[str(leaf.key)] = shown
        return is_first

    def rename(self) -> None:
        """Replace the keys by their masked form."""
        names = self._names or {}
        members = [(names.get(key, key), member) for key, member in self.members.items()]
        self.members.clear()
        self.members.update(members)


class Leaf:
    """A string, or another value that may go: where it is, the texts and documents in it, and what was found.

    `texts`: where each begins, and its number among all texts. `is_whole`: any finding replaces all of the value.
    """

    __slots__ = ("container", "documents", "info", "is_key", "is_whole", "key", "renames", "spans", "text", "texts")

    def __init__(self, container: Container, key: str | int | None, text: bytes, info: KeyInfo | None = None) -> None:
        self.container, self.key = container, key
        self.text = text
        self.info = info
        self.is_key = self.is_whole = self.renames = False
        self.texts: Sequence[tuple[int, int]] = ()
        self.documents: Sequence[tuple[int, int, JsonValue, Container]] = ()
        self.spans: Sequence[Span] = ()

    def masked(self) -> str:
        """Return the text with what was found in it, and in its documents, replaced."""
        spans = list(self.spans)
        for start, end, before, container in self.documents:
            if container.value != before:
                spans.append(Span(start, end, "", jsontext.rewrite(self.text[start:end], before, container.value)))
        spans.sort(key=lambda span: span.start)
        return replace(self.text, spans).decode("utf-8", "surrogatepass")

    def write(self) -> None:
        """Replace the value, or the keys of its container, in the copy."""
        if self.renames:
            self.container.rename()
        elif not self.is_key and (self.spans or any(held.value != before for _, _, before, held in self.documents)):
            self.container.members[self.key] = PLACEHOLDER if self.is_whole else self.masked()


class Walk:
    """Values on their way through the masker. Call `look` for each, scan `texts`, call `settle`, read the copies."""

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
        self._nodes = 0
        self._leaves: list[Leaf] = []
        self.texts: list[bytes] = []

    def look(self, value: JsonValue, path: str = "", info: KeyInfo | None = None) -> Container:
        """Gather what must be scanned. Raises `Unscannable` over the caps on depth and number of values.

        `info`: of the key that the value is under. After `settle`, the `value` of what is returned is masked.
        """
        root = Container({None: value}, step=path)
        self._look(root, None, value, info, info.secret if info else None, 0)
        return root

    def _look(
        self,
        container: Container,
        key: str | int | None,
        value: JsonValue,
        info: KeyInfo | None,
        kind: str | None,
        depth: int,
    ) -> None:
        self._nodes += 1
        if isinstance(value, str):
            if _masked_whole(kind, value):
                self._mask_whole(container, key, f"key/{kind}")
            elif len(value) >= _SHORTEST:
                self._look_at_text(Leaf(container, key, _encoded(value), info), depth)
        elif (data := _bytes_of(value, kind)) is not None:
            if _masked_whole(kind, data.decode("utf-8", "replace")):
                self._mask_whole(container, key, f"key/{kind}")
            else:
                leaf = Leaf(container, key, written(data))
                leaf.is_whole = True
                self._look_at_text(leaf, depth)
        elif isinstance(value, (dict, list)):
            self._check(depth)
            inside = Container(value.copy(), container, key)
            container.members[key] = inside.members
            members = (
                self._members(inside, value, kind, depth)
                if isinstance(value, dict)
                else _items(self._classify, value, info, kind)
            )
            for name, member, member_info, member_kind in members:
                if not self._may_skip(member, member_info, member_kind, depth):
                    self._look(inside, name, member, member_info, member_kind, depth + 1)
        elif (rule := self._number_rule(value, info, kind)) is not None:
            self._mask_whole(container, key, rule)

    def _members(
        self, container: Container, value: dict[str, JsonValue], kind: str | None, depth: int
    ) -> Iterator[_Member]:
        """Yield the members of an object with what is known of each; look at its keys on the way."""
        for key, member in value.items():
            if _worth_scanning(key):
                leaf = Leaf(container, key, _encoded(key))
                leaf.is_key = True
                self._look_at_text(leaf, depth)
            info = self._classify(key)
            yield key, member, info, self._kind(value, key, member, info, kind)

    def _may_skip(self, member: JsonValue, info: KeyInfo | None, kind: str | None, depth: int) -> bool:
        """Return whether a large part of the value can be judged without what is around it, and is clean."""
        if self._is_clean is None or depth >= _SKIP_DEPTH or kind is not None or not isinstance(member, (dict, list)):
            return False
        return (info is None or not (info.telling or info.personal)) and self._is_clean(member)

    def _mask_whole(self, container: Container, key: str | int | None, rule: str) -> None:
        leaf = Leaf(container, key, b"")
        leaf.is_whole = True
        leaf.spans = [Span(0, 0, rule)]
        self._leaves.append(leaf)

    def _check(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise Unscannable("nested deeper than the cap")
        if self._nodes > MAX_NODES:
            raise Unscannable("more values than the cap")

    def _look_at_text(self, leaf: Leaf, depth: int) -> None:
        self._leaves.append(leaf)
        text, info = leaf.text, leaf.info
        if info is not None and (info.telling or info.personal) and (rule := self._rule_of_whole(text, info)):
            leaf.spans = [Span(0, len(text), rule)]
            return
        found: list[tuple[int, int, JsonValue]] = []
        for document in () if leaf.is_key or leaf.is_whole else jsontext.find_documents(text):
            self._nodes += _DOCUMENT_WEIGHT
            self._check(depth)  # before the next one is decoded
            found.append(document)
        around = [(0, len(text))] if len(text) >= _SHORTEST else []
        if found:
            ends, starts = (0, *(end for _, end, _ in found)), (*(start for start, _, _ in found), len(text))
            around = [(start, end) for start, end in zip(ends, starts, strict=True) if end - start >= _SHORTEST]
            leaf.documents = list(self._documents(leaf, found, is_numbered=bool(around) or len(found) > 1, depth=depth))
        leaf.texts = [(start, len(self.texts) + number) for number, (start, _) in enumerate(around)]
        self.texts += [without_nul(text[start:end]) for start, end in around]

    def _documents(
        self, leaf: Leaf, found: list[tuple[int, int, JsonValue]], *, is_numbered: bool, depth: int
    ) -> Iterator[tuple[int, int, JsonValue, Container]]:
        """Look at the documents in a text, and yield them with the containers of their copies."""
        for number, (start, end, document) in enumerate(found):
            container = Container({None: document}, leaf.container, leaf.key, f"/{number}" if is_numbered else "")
            self._look(container, None, document, leaf.info, None, max(depth + 1, _SKIP_DEPTH))
            yield start, end, document, container

    def _rule_of_whole(self, text: bytes, info: KeyInfo) -> str | None:
        """Return the rule that masks the whole value; null when none does. The key and the value decide together."""
        value = text.decode("utf-8", "replace")
        if info.personal and self._personal and holds_personal(info.personal, value):
            return f"personal/{info.personal}"
        by_chance = info.telling and is_random(value, shortest=_RANDOM_UNDER_TELLING_KEY)
        ordinary = is_identifier(value) or is_placeholder(value) or counts_up(value)
        return "key/entropy" if by_chance and not ordinary else None

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
        if key in VALUES:
            for name in NAMES:
                named = owner.get(name)
                if isinstance(named, str):
                    return self._classify(named).secret
        return None

    def _number_rule(self, value: JsonValue, info: KeyInfo | None, kind: str | None) -> str | None:
        """Return the rule by which a number goes, if any."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        if kind in _NUMERIC_KINDS:
            return f"key/{kind}" if kind != "pin" or abs(value) >= _LEAST_PIN else None
        is_personal = info and info.personal and self._personal and holds_personal(info.personal, str(value))
        return f"personal/{info.personal}" if info and is_personal else None

    def settle(self, spans: Sequence[list[Span]], pseudonym: Callable[[bytes], bytes] | None) -> None:
        """Take the scanner's findings, one list for each of `texts`, and replace them in the copies."""
        for leaf in self._leaves:
            for offset, index in leaf.texts:
                if spans[index]:
                    leaf.spans = [*leaf.spans, *_taken(leaf, offset, spans[index], pseudonym)]
            if leaf.spans:
                container = leaf.container
                leaf.renames = leaf.is_key and container.name(leaf)
                path = container.path_of(leaf.key)
                for span in leaf.spans:
                    container.redactions[Redaction(path=path, rule=span.rule)] = None
        for leaf in reversed(
            self._leaves if any(leaf.spans for leaf in self._leaves) else ()
        ):  # documents before the texts that they are in, members before their keys
            leaf.write()


_Member: TypeAlias = "tuple[str | int, JsonValue, KeyInfo | None, str | None]"


def _taken(
    leaf: Leaf, offset: int, spans: Sequence[Span], pseudonym: Callable[[bytes], bytes] | None
) -> Iterator[Span]:
    """Yield the findings in one text of a leaf that count there, at their places in the leaf."""
    info = leaf.info
    for span in spans:
        if info is not None and info.identifier and span.rule in _NOT_IN_IDENTIFIERS:
            continue
        start, end = offset + span.start, offset + span.end
        if pseudonym and info is not None and info.user and span.rule == "personal/email":
            span.replacement = pseudonym(leaf.text[start:end])
        yield Span(start, end, span.rule, span.replacement)


def _items(
    classify_key: Callable[[str], KeyInfo], value: list[JsonValue], info: KeyInfo | None, kind: str | None
) -> Iterator[_Member]:
    """Yield a list's items with what is known of each. An item after an option such as `--password` has its name."""
    option: KeyInfo | None = None
    for index, item in enumerate(value):
        if option is not None and isinstance(item, str) and not item.startswith("-"):
            yield index, item, option, kind or option.secret
        else:
            yield index, item, info, kind
        name = _OPTION.fullmatch(item) if isinstance(item, str) else None
        named = None if name is None else classify_key(name[1])
        option = named if named is not None and named.is_sensitive else None


def _bytes_of(value: JsonValue, kind: str | None) -> bytes | None:
    """Return the bytes that a list or an object holds, where not each number goes by itself."""
    return None if kind in _NUMERIC_KINDS else byte_values(value)


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
