"""One masker for everything that is stored, logged or returned."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import cast

from audit_core.layout import Personal
from audit_core.masking.assignment import find_assigned
from audit_core.masking.budget import SUSPECT, TEXT, Budget
from audit_core.masking.custom import CustomRules
from audit_core.masking.document import Container, Walk, in_pointer
from audit_core.masking.echoes import Echoes, taken
from audit_core.masking.jsontext import DuplicateKeyError, find_documents, may_hold_documents, parse, rewrite
from audit_core.masking.keys import KeyInfo, classify, holds_secret
from audit_core.masking.patterns import Pattern, Span, compile_bytes, without_nul
from audit_core.masking.personal import PersonalData
from audit_core.masking.prefixed import find_prefixed
from audit_core.masking.quick import Quick
from audit_core.masking.result import JsonValue, Masked, Redaction, Unscannable
from audit_core.masking.rules import RULES
from audit_core.masking.scanner import Detector, scan
from audit_core.masking.vendor import VendorRules

MAX_BYTES = 32 * 1024 * 1024
_PASSES = 5
"""The last of them must find nothing."""
_PLAIN = classify("")
_CUSTOM = "custom"
_GENERATION = 7
"""Raised by hand with what is no token format: key names, assignments, personal data, how values are judged."""


def _rules_version() -> str:
    material = "\n".join("\t".join(map(repr, rule)) for rule in RULES)
    return f"{_GENERATION}." + hashlib.sha256(material.encode()).hexdigest()[:12]


RULES_VERSION = _rules_version()
"""Changes with any rule, so that a record says under which rules it was masked."""


class Masker:
    """Finds secrets and personal data and puts `***REDACTED***` in their place.

    Guarantees: linear time in the input; masking its own output changes nothing; what it cannot scan raises
    `Unscannable`; nothing else is changed. Immutable after construction and safe to share between threads.

    `personal`: what happens to personal data: `mask`, `hmac` (a pseudonym under `pseudonym_key`) or `off`. Where there
    is a `pseudonym_key`, an e-mail address under a user's key becomes a pseudonym in either mode.
    """

    def __init__(
        self, *, personal: Personal = "mask", pseudonym_key: bytes | None = None, custom: CustomRules | None = None
    ) -> None:
        if personal == "hmac" and not pseudonym_key:
            raise ValueError("personal: hmac needs a pseudonym_key")
        self._personal = personal
        self._pseudonym = _pseudonymizer(pseudonym_key) if pseudonym_key else None
        rules = custom if custom is not None else CustomRules()
        self._allow = [compile_bytes(pattern.encode(), characters=True) for pattern in rules.allow]
        self._custom_keys = frozenset(map(_compact, rules.key_names))
        self._detectors: list[Detector] = [VendorRules().find, find_assigned, find_prefixed]
        if personal != "off":
            self._detectors.append(PersonalData(self._pseudonym if personal == "hmac" else None))
        if rules.patterns:
            self._detectors.append(_custom_detector(rules))
        self._quick = Quick(self._classify, self._detectors, self._allow)
        settings = repr((personal, rules.key_names, rules.patterns, rules.allow)).encode()
        self.fingerprint = f"{RULES_VERSION}+{hashlib.sha256(settings).hexdigest()[:12]}"

    def mask_text(self, text: str, *, path: str = "") -> tuple[str, tuple[Redaction, ...]]:
        """Mask one text; the last part of `path` is taken for its key. Raises `Unscannable`."""
        masked, redactions = self.mask_value(text, path=path)
        return str(masked), redactions

    def mask_value(
        self, value: JsonValue, *, path: str = "", within: Budget | None = None
    ) -> tuple[JsonValue, tuple[Redaction, ...]]:
        """Mask a decoded JSON value: keys and leaves. The value handed in is not changed. Raises `Unscannable`."""
        is_clean = partial(self._quick.is_clean, within=within)
        if not _is_sensitive(self._info_of(path)) and is_clean(value):
            return value, ()
        return self._mask([(path, value)], within=within, is_clean=is_clean)[0]

    def mask_repeated(
        self,
        value: JsonValue,
        redactions: tuple[Redaction, ...],
        values: set[str],
        *,
        path: str = "",
        within: Budget | None = None,
    ) -> tuple[JsonValue, tuple[Redaction, ...]]:
        """Mask `values` (see `echoes.taken`) wherever they still stand in `value`. Raises `Unscannable`."""
        if not values or (isinstance(value, str) and not any(map(value.__contains__, values))):
            return value, redactions
        echoes = Echoes(values)
        walk = Walk(lambda _: _PLAIN, personal=False)
        masked = walk.look(value, path)
        walk.settle(
            scan(walk.texts, [echoes.find], Budget(sum(map(len, walk.texts)), within=within), self._allow), None
        )
        if not masked.found:
            return value, redactions
        return masked.value, _hidden((*redactions, *masked.redactions), echoes)

    def mask_each(
        self, items: Sequence[tuple[str, JsonValue]], budget: Budget
    ) -> list[tuple[JsonValue, tuple[Redaction, ...]]]:
        """Mask many small values, each with its path, as `mask_value` would, but look at all of them at once.

        `budget` is used up by their masking and may be shared with that of others. Raises `Unscannable` for all of them
        where it does not last, or one of them cannot be scanned.
        """
        results: list[tuple[JsonValue, tuple[Redaction, ...]]] = [(value, ()) for _, value in items]
        if suspects := self._suspects(items, budget):
            for index, result in zip(suspects, self._mask([items[i] for i in suspects], budget), strict=True):
                results[index] = result
        return results

    def _mask(
        self,
        items: Sequence[tuple[str, JsonValue]],
        budget: Budget | None = None,
        *,
        within: Budget | None = None,
        is_clean: Callable[[JsonValue], bool] | None = None,
    ) -> list[tuple[JsonValue, tuple[Redaction, ...]]]:
        """Look at values until nothing more is found in them. `budget`: for all passes together."""
        results: list[tuple[JsonValue, tuple[Redaction, ...]]] = [(value, ()) for _, value in items]
        pending: Iterable[int] = range(len(items))
        for _ in range(_PASSES):
            walk = Walk(self._classify, personal=self._personal != "off", is_clean=is_clean)
            looked = {
                index: walk.look(results[index][0], items[index][0], self._info_of(items[index][0]))
                for index in pending
            }
            self._scan(walk, budget, within)
            pending = [index for index, masked in looked.items() if masked.found]
            if not pending:
                return [
                    self.mask_repeated(*result, taken(value, result[0]), path=path, within=budget or within)
                    for (path, value), result in zip(items, results, strict=True)
                ]
            for index in pending:
                redactions = self._joined(results[index][1], looked[index], budget or within)
                results[index] = looked[index].value, redactions
        raise Unscannable("does not come to rest")

    def _suspects(self, items: Sequence[tuple[str, JsonValue]], budget: Budget) -> list[int]:
        """Return which of many values must be walked through; nearly all are short texts, and clean."""
        suspects: list[int] = []
        texts: list[bytes] = []
        places: list[int] = []
        for index, (path, value) in enumerate(items):
            if isinstance(value, (dict, list)) or _is_sensitive(self._info_of(path)):
                suspects.append(index)
            elif isinstance(value, str):
                text = value.encode("utf-8", "surrogatepass")
                if may_hold_documents(text) and next(find_documents(text), None) is not None:
                    suspects.append(index)
                else:
                    texts.append(without_nul(text))
                    places.append(index)
        budget.take(TEXT * len(texts))
        found = scan(texts, self._detectors, budget, self._allow) if texts else []
        suspects += [index for index, spans in zip(places, found, strict=True) if spans]
        budget.take(SUSPECT * len(suspects))
        return suspects

    def names_secret(self, name: str) -> str | None:
        """Return the rule that masks every value under a key of this name, even a short one; else None."""
        kind = self._classify(name).secret
        return None if kind is None or not holds_secret(kind, "x") else f"key/{kind}"

    def mask_bytes(self, data: bytes, *, mime: str | None = None, within: Budget | None = None) -> Masked:
        """Mask a payload: JSON as JSON, anything else as UTF-8 text; what is not masked stays byte for byte.

        `mime`: the media type, where it is known; one that is not text is refused. Raises `Unscannable`.
        """
        if mime is not None and mime.partition("/")[0].strip().lower() in ("image", "audio", "video", "font"):
            raise Unscannable("not text by its media type")
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise Unscannable("not UTF-8") from None
        try:
            document = parse(data)
        except DuplicateKeyError:
            raise Unscannable("an object has a key twice") from None
        except ValueError:
            masked, found = self.mask_value(text, within=within)
            return Masked(data=str(masked).encode() if found else data, redactions=found)
        masked, found = self.mask_value(document, within=within)
        return Masked(data=rewrite(data, document, masked) if found else data, redactions=found)

    def _joined(
        self, earlier: tuple[Redaction, ...], masked: Container, within: Budget | None
    ) -> tuple[Redaction, ...]:
        """Put the redactions of one more pass to earlier ones, in whose keys more may have been found since."""
        if not earlier:
            return tuple(masked.redactions)
        keys: JsonValue = [[*_keys_of(redaction.path)] for redaction in earlier]
        shown = cast("list[list[str]]", self.mask_value(keys, within=within)[0])
        joined = [
            Redaction(path=_pointer(path), rule=redaction.rule) for path, redaction in zip(shown, earlier, strict=True)
        ]
        return tuple(dict.fromkeys((*joined, *masked.redactions)))

    def _scan(self, walk: Walk, budget: Budget | None, within: Budget | None) -> None:
        size = sum(map(len, walk.texts))
        if size > MAX_BYTES:
            raise Unscannable("larger than the cap")
        spans = scan(walk.texts, self._detectors, budget or Budget(size, within=within), self._allow) if size else []
        walk.settle(spans, self._pseudonym)

    def _info_of(self, path: str) -> KeyInfo | None:
        """Return what the last part of a path says, taken for a key."""
        key = path.rpartition("/")[2]
        if "~" in key:
            key = _keys_of(key)[0]
        return self._classify(key) if key else None

    def _classify(self, key: str) -> KeyInfo:
        info = classify(key)
        return info._replace(secret=_CUSTOM) if self._custom_keys and _compact(key) in self._custom_keys else info


def _hidden(redactions: Iterable[Redaction], echoes: Echoes) -> tuple[Redaction, ...]:
    """Return each redaction once, with the known values masked in the keys of its path."""
    shown = (
        Redaction(path=_pointer(map(echoes.hide, _keys_of(redaction.path))), rule=redaction.rule)
        for redaction in redactions
    )
    return tuple(dict.fromkeys(shown))


def _keys_of(path: str) -> list[str]:
    """Return the keys of a JSON pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")]


def _pointer(keys: Iterable[str]) -> str:
    """Return the JSON pointer of these keys."""
    return "/".join(map(in_pointer, keys))


def _is_sensitive(info: KeyInfo | None) -> bool:
    return info is not None and info.is_sensitive


def _pseudonymizer(key: bytes) -> Callable[[bytes], bytes]:
    def pseudonym(personal: bytes) -> bytes:
        digest = hmac.new(key, personal.strip().lower(), hashlib.sha256).hexdigest()
        return f"pseudonym-{digest[:24]}".encode()

    return pseudonym


def _custom_detector(rules: CustomRules) -> Detector:
    compiled: list[tuple[str, Pattern]] = [
        (f"custom/{rule}", compile_bytes(pattern.encode(), characters=True)) for rule, pattern in rules.patterns
    ]

    def find(text: bytes, spend: Callable[[int], None], /) -> Iterator[Span]:
        for rule, pattern in compiled:
            for match in pattern.finditer(text):
                spend(1)
                start, end = match.span(1 if pattern.groups else 0)
                if 0 <= start < end:
                    yield Span(start, end, rule)

    return find


def _compact(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
