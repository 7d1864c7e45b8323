"""What a model's answer reports: which model, how many tokens, how it ended, which request.

Promise: only a model's name, counts, and codes of errors are taken from a body, and only where the body says so in a
form that a provider or a protocol documents. Anything else is left out, never guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit_log_client._core.finish_reasons import BLOCKED_FINISHES, FAILED_FINISHES
from audit_log_client._json import JsonValue

ERROR, THROTTLED, BLOCKED = "error", "throttled", "policy-blocked"

ANSWERS: Any = json.loads((Path(__file__).parent / "answers.json").read_bytes())
"""Names of members, and words, that providers use. The Node client has the same."""
_THROTTLED = re.compile(ANSWERS["throttled_code"])
_CODE = re.compile(r"[A-Za-z][A-Za-z_.-]{1,63}|[1-9][0-9]{2}")
_EXCEPTION = re.compile(r"[A-Za-z]{1,60}Exception")
_NOT_PLAIN = re.compile(r"[^a-z0-9]")
_MOST_CHOICES = 128


def _folded(text: str) -> str:
    return _NOT_PLAIN.sub("", text[:128].lower())


@dataclass
class AnswerSummary:
    """What an answer reports. Empty where nothing was found.

    `outcome`: error, throttled or policy-blocked; never success. `code`: of the error. `reason`: why the answer ended,
    where that is not an error.
    """

    model: str | None = None
    tokens: dict[str, int] = field(default_factory=dict)
    outcome: str | None = None
    code: str | None = None
    reason: str | None = None

    def read(self, value: JsonValue) -> None:
        """Read one JSON document. A later count replaces an earlier one, unless it is zero."""
        for item in value if isinstance(value, list) else (value,):  # a list: Gemini's stream as one document
            if isinstance(item, dict):
                self._read(item)

    def _read(self, value: Mapping[str, JsonValue]) -> None:
        for part in (value, *(value.get(name) for name in ANSWERS["inner"])):
            if isinstance(part, dict):
                model = part.get("model") or part.get("modelVersion")
                if isinstance(model, str) and self.model is None:
                    self.model = model
                for name in ANSWERS["usages"]:
                    self._count(part.get(name))
        for kind, name in ANSWERS["ollama"].items():
            self._keep(kind, value.get(name))
        if self.outcome in {None, BLOCKED}:
            self._judge(value)

    def fail(self, code: JsonValue = None) -> None:
        """Note that the answer is an error; `code` says which."""
        if self.outcome in {None, BLOCKED}:
            kind = str(code) if isinstance(code, (int, str)) else ""
            plain = _folded(kind)
            self.outcome = THROTTLED if _THROTTLED.fullmatch(plain) else BLOCKED if plain in BLOCKED_FINISHES else ERROR
            self.code = kind if _CODE.fullmatch(kind) else None

    def _judge(self, value: Mapping[str, JsonValue]) -> None:
        """Look for an error, and for the reason why the answer ended."""
        for name in ("", "response", "delta", "result"):
            part = value.get(name) if name else value
            if not isinstance(part, dict):
                continue
            error = part.get("error")
            if name != "result" and _is_error(error):
                self.fail(_code_of(error))
                return
            if part.get("isError") is True:  # MCP
                self.fail()
                return
        errors = value.get("errors")  # GraphQL
        if isinstance(errors, list) and any(isinstance(error, dict) and "message" in error for error in errors):
            self.fail()
        elif value.get("type") == "error":
            self.fail(value.get("code"))
        elif exception := next((name for name in value if _EXCEPTION.fullmatch(name)), None):  # Bedrock
            self.fail(exception)
        else:
            for reason in _reasons(value):
                plain = _folded(reason)
                if self.outcome is None and (plain in BLOCKED_FINISHES or plain in FAILED_FINISHES):
                    self.fail(reason)
                    self.code, self.reason = None, self.code

    def _count(self, usage: JsonValue) -> None:
        if not isinstance(usage, dict):
            return
        for kind, names in ANSWERS["counts"].items():
            for name in names:
                self._keep(kind, usage.get(name))
        for kind, detail in ANSWERS["details"].items():
            for parent in detail["parents"]:
                details = usage.get(parent)
                if isinstance(details, dict):
                    self._keep(kind, details.get(detail["name"]))
        self._count(usage.get("tokens"))  # Cohere

    def _keep(self, kind: str, number: JsonValue) -> None:
        is_count = isinstance(number, int) and not isinstance(number, bool) and number >= 0
        if is_count and (number or kind not in self.tokens):
            self.tokens[kind] = number


def _is_error(error: JsonValue) -> bool:
    """Return whether an `error` member reports an error: some services always send it, empty."""
    if isinstance(error, dict):
        return any(value not in (None, "", 0, False) for value in error.values())
    return isinstance(error, str) and bool(error) and _folded(error) not in {"none", "null", "ok", "false", "0"}


def _code_of(error: JsonValue) -> JsonValue:
    """Return the most specific code of an error: one of a limit or a policy before any other."""
    if not isinstance(error, dict):
        return error
    inner = error.get("innererror")
    found = [error.get(name) for name in ("type", "code", "status")]
    found.append(inner.get("code") if isinstance(inner, dict) else None)
    codes = [code for code in found if isinstance(code, (int, str)) and not isinstance(code, bool) and code != ""]
    specific = (code for code in codes if _is_specific(_folded(str(code))))
    return next(specific, next((code for code in codes if isinstance(code, str)), codes[0] if codes else None))


def _is_specific(word: str) -> bool:
    return word in BLOCKED_FINISHES or _THROTTLED.fullmatch(word) is not None


def _reasons(value: Mapping[str, JsonValue]) -> Iterator[str]:
    """Yield why an answer ended, from every member where providers put it."""
    parts: list[object] = [value, *(value.get(name) for name in ANSWERS["ended"])]
    for name in ("choices", "candidates"):
        choices = value.get(name)
        if isinstance(choices, list):
            parts += choices[:_MOST_CHOICES]
    for part in parts:
        if not isinstance(part, Mapping):
            continue
        for name in ANSWERS["reasons"]:
            if isinstance(reason := part.get(name), str):
                yield reason
        details = part.get("incomplete_details")  # OpenAI's Responses
        if isinstance(details, dict) and isinstance(reason := details.get("reason"), str):
            yield reason
        if part.get("object") == "response" and isinstance(status := part.get("status"), str):
            yield status


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the service's own id of a request, from the headers of its answer."""
    for name in ANSWERS["request_id_headers"]:
        value = headers.get(name)
        if value:
            return value
    return None
