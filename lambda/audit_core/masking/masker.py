"""One masker for everything that is stored, logged or returned."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

from audit_core.masking.assignment import find_assigned
from audit_core.masking.budget import Budget
from audit_core.masking.custom import CustomRules
from audit_core.masking.document import Walk
from audit_core.masking.jsontext import DuplicateKeyError, edit, parse
from audit_core.masking.keys import KeyInfo, classify
from audit_core.masking.patterns import Pattern, Span, compile_bytes
from audit_core.masking.personal import PersonalData
from audit_core.masking.quick import Quick
from audit_core.masking.result import JsonValue, Masked, Redaction, Unscannable
from audit_core.masking.rules import RULES
from audit_core.masking.scanner import Detector, replace, scan
from audit_core.masking.vendor import VendorRules

Personal: TypeAlias = Literal["mask", "hmac", "off"]
MAX_BYTES = 32 * 1024 * 1024
_PASSES = 4
_CUSTOM = "custom"
_GENERATION = 2
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
        self._detectors: list[Detector] = [VendorRules().find, find_assigned]
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

    def mask_value(self, value: JsonValue, *, path: str = "") -> tuple[JsonValue, tuple[Redaction, ...]]:
        """Mask a decoded JSON value: keys and leaves. The value handed in is not changed. Raises `Unscannable`."""
        key = path.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
        info = self._classify(key) if key else None
        redactions: dict[Redaction, None] = {}
        tells = info is not None and (info.secret or info.personal or info.telling)
        if not tells and self._quick.is_clean(value):
            return value, ()
        for _ in range(_PASSES):
            walk = self._walk(value, info)
            if not walk.found:
                return value, tuple(redactions)
            value = walk.rebuild(value, path, info, info.secret if info else None)
            redactions.update(walk.redactions)
            if self._quick.is_clean(value):
                return value, tuple(redactions)
        raise Unscannable("does not come to rest")

    def mask_bytes(self, data: bytes, *, mime: str | None = None) -> Masked:
        """Mask a payload: JSON as JSON, anything else as UTF-8 text; what is not masked stays byte for byte.

        `mime`: the media type, where it is known; one that is not text is refused. Raises `Unscannable`.
        """
        if mime is not None and mime.partition("/")[0].strip().lower() in ("image", "audio", "video", "font"):
            raise Unscannable("not text by its media type")
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise Unscannable("not UTF-8") from None
        redactions: dict[Redaction, None] = {}
        for _ in range(_PASSES):
            try:
                document = parse(data)
            except DuplicateKeyError:
                raise Unscannable("an object has a key twice") from None
            except ValueError:
                masked, found = self.mask_value(text)
                return Masked(data=str(masked).encode() if found else data, redactions=found)
            walk = None if self._quick.is_clean(document) else self._walk(document, None)
            if walk is None or not walk.found:
                return Masked(data=data, redactions=tuple(redactions))
            data = replace(data, list(edit(data, walk.edits_of(document, "", None))))
            redactions.update(walk.redactions)
        raise Unscannable("does not come to rest")

    def _walk(self, value: JsonValue, info: KeyInfo | None) -> Walk:
        walk = Walk(self._classify, personal=self._personal != "off", is_clean=self._quick.is_clean)
        walk.collect(value, info, info.secret if info else None)
        size = sum(map(len, walk.texts))
        if size > MAX_BYTES:
            raise Unscannable("larger than the cap")
        if walk.texts:
            walk.settle(scan(walk.texts, self._detectors, Budget(size), self._allow), self._pseudonym)
        return walk

    def _classify(self, key: str) -> KeyInfo:
        info = classify(key)
        return info._replace(secret=_CUSTOM) if self._custom_keys and _compact(key) in self._custom_keys else info


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
