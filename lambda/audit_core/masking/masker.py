"""One masker for everything that is stored, logged or returned."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Literal, TypeAlias

import orjson

from audit_core.masking.assignment import find_assigned
from audit_core.masking.keys import secret_kind
from audit_core.masking.patterns import Span, compile_bytes
from audit_core.masking.result import PLACEHOLDER, JsonValue, Masked, Redaction, Unscannable
from audit_core.masking.rules import RULES
from audit_core.masking.vendor import VendorRules

if TYPE_CHECKING:
    from audit_core.masking.custom import CustomRules

Personal: TypeAlias = Literal["mask", "hmac", "off"]
MAX_TEXT_CHARACTERS = 6_500_000
MAX_DEPTH = 128


def _rules_version() -> str:
    material = "\n".join("\t".join(map(repr, rule)) for rule in RULES)
    return "1." + hashlib.sha256(material.encode()).hexdigest()[:12]


RULES_VERSION = _rules_version()
"""Changes with any rule, so that a record says under which rules it was masked."""


class Masker:
    """Finds secrets by key name and by shape, and puts `***REDACTED***` in their place.

    Guarantees: linear time in the input; masking its own output changes nothing; what it cannot scan raises
    `Unscannable`. Immutable after construction and safe to share between threads.

    `personal`: what happens to personal data: `mask`, `hmac` (a pseudonym under `pseudonym_key`) or `off`.
    """

    def __init__(
        self, *, personal: Personal = "mask", pseudonym_key: bytes | None = None, custom: CustomRules | None = None
    ) -> None:
        if personal == "hmac" and not pseudonym_key:
            raise ValueError("personal: hmac needs a pseudonym_key")
        self._vendors = VendorRules()
        self._always = [] if custom is None else [(f"custom/{r}", compile_bytes(p.encode())) for r, p in custom.patterns]
        self._allow = [] if custom is None else [compile_bytes(pattern.encode()) for pattern in custom.allow]
        self._custom_keys = frozenset() if custom is None else frozenset(_compact(name) for name in custom.key_names)
        settings = repr((personal, custom)).encode()
        self.fingerprint = f"{RULES_VERSION}+{hashlib.sha256(settings).hexdigest()[:12]}"

    def mask_text(self, text: str, *, path: str = "") -> tuple[str, tuple[Redaction, ...]]:
        """Mask one text. Raises `Unscannable` when it is longer than the cap."""
        found: list[Redaction] = []
        return self._text(text, path, found), tuple(found)

    def mask_value(self, value: JsonValue, *, path: str = "") -> tuple[JsonValue, tuple[Redaction, ...]]:
        """Mask a decoded JSON value: keys and leaves. The value handed in is not changed."""
        found: list[Redaction] = []
        return self._value(value, path, found, None, 0), tuple(found)

    def mask_bytes(self, data: bytes, *, mime: str | None = None) -> Masked:  # noqa: ARG002 - the MIME type is a hint
        """Mask a payload: JSON where it is JSON, else text. Raises `Unscannable` when it is not UTF-8."""
        try:
            decoded = orjson.loads(data)
        except orjson.JSONDecodeError:
            try:
                text, redactions = self.mask_text(data.decode())
            except UnicodeDecodeError:
                raise Unscannable("not UTF-8") from None
            return Masked(data=text.encode() if redactions else data, redactions=redactions)
        masked, redactions = self.mask_value(decoded)
        return Masked(data=orjson.dumps(masked) if redactions else data, redactions=redactions)

    def _kind(self, key: str) -> str | None:
        return "custom" if self._custom_keys and _compact(key) in self._custom_keys else secret_kind(key)

    def _value(self, value: JsonValue, path: str, found: list[Redaction], kind: str | None, depth: int) -> JsonValue:
        if depth > MAX_DEPTH:
            raise Unscannable("nested deeper than the cap")
        if isinstance(value, str):
            if kind is not None and value and value != PLACEHOLDER:
                found.append(Redaction(path=path, rule=f"key/{kind}"))
                return PLACEHOLDER
            return self._text(value, path, found)
        if isinstance(value, dict):
            masked: dict[str, JsonValue] = {}
            for key, member in value.items():
                before = len(found)
                shown = self._text(key, path, found)
                while shown in masked:
                    shown += "*"
                place = f"{path}/{shown.replace('~', '~0').replace('/', '~1')}"
                for index in range(before, len(found)):
                    found[index] = Redaction(path=place, rule=found[index].rule)
                masked[shown] = self._value(member, place, found, self._kind(key) or kind, depth + 1)
            return masked
        if isinstance(value, list):
            return [self._value(item, f"{path}/{index}", found, kind, depth + 1) for index, item in enumerate(value)]
        if kind is not None and value is not None and not isinstance(value, bool) and kind != "token":
            found.append(Redaction(path=path, rule=f"key/{kind}"))
            return PLACEHOLDER
        return value

    def _spans(self, data: bytes) -> list[Span]:
        spans = [*self._vendors.find(data, _free), *find_assigned(data, _free)]
        for rule, pattern in self._always:
            spans += [Span(*match.span(1 if pattern.groups else 0), rule) for match in pattern.finditer(data)]
        return sorted((span for span in spans if 0 <= span.start < span.end), key=lambda span: span.start)

    def _text(self, text: str, path: str, found: list[Redaction]) -> str:
        if len(text) > MAX_TEXT_CHARACTERS:
            raise Unscannable("text longer than the cap")
        data = text.encode("utf-8", "surrogatepass")
        pieces: list[bytes] = []
        end = 0
        for span in self._spans(data):
            secret = data[span.start : span.end]
            if span.start < end or PLACEHOLDER.encode() in secret or any(allow.fullmatch(secret) for allow in self._allow):
                continue
            pieces += (data[end : span.start], PLACEHOLDER.encode())
            end = span.end
            found.append(Redaction(path=path, rule=span.rule))
        return b"".join((*pieces, data[end:])).decode("utf-8", "surrogatepass") if pieces else text


def _free(_work: int) -> None:
    """Spend nothing."""


def _compact(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
