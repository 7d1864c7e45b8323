"""What a model's answer says of itself: which model, how many tokens, which request.

Promise: nothing but a model's name and counts is taken from a body, and only where the body says so in the form of
OpenAI's or Anthropic's API; anything else is left out, never guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from audit_log_client._json import JsonValue

REQUEST_ID_HEADERS = (
    "x-request-id", "request-id", "x-amzn-requestid", "x-amz-request-id", "apim-request-id", "x-ms-request-id",
    "x-goog-request-id", "x-github-request-id", "x-correlation-id", "cf-ray",
)  # fmt: skip
"""Where services put their own id of a request, the most telling first."""

_COUNTS = {
    "input": ("input_tokens", "prompt_tokens", "promptTokenCount", "inputTokens"),
    "output": ("output_tokens", "completion_tokens", "candidatesTokenCount", "outputTokens"),
    "total": ("total_tokens", "totalTokenCount", "totalTokens"),
    "cache_read": ("cache_read_input_tokens",),
    "cache_creation": ("cache_creation_input_tokens",),
}
_DETAILS = {
    "cache_read": (("prompt_tokens_details", "input_tokens_details"), "cached_tokens"),
    "reasoning": (("completion_tokens_details", "output_tokens_details"), "reasoning_tokens"),
}
_LAST_EVENT = re.compile(
    rb"(?:^|\n)(?:data: ?\[DONE\]|event: ?(?:message_stop|response\.(?:completed|failed|incomplete)|error)\b)"
)


@dataclass
class Said:
    """What was found. Empty where nothing was."""

    model: str | None = None
    tokens: dict[str, int] = field(default_factory=dict)

    def read(self, value: JsonValue) -> None:
        """Take what one JSON document says; a later one's counts replace an earlier one's."""
        if not isinstance(value, dict):
            return
        for part in (value, value.get("message"), value.get("response")):
            if isinstance(part, dict):
                model = part.get("model") or part.get("modelVersion")
                if isinstance(model, str) and self.model is None:
                    self.model = model
                self._count(part.get("usage") or part.get("usageMetadata"))

    def _count(self, usage: JsonValue) -> None:
        if not isinstance(usage, dict):
            return
        for kind, names in _COUNTS.items():
            for name in names:
                self._keep(kind, usage.get(name))
        for kind, (parents, name) in _DETAILS.items():
            for parent in parents:
                details = usage.get(parent)
                if isinstance(details, dict):
                    self._keep(kind, details.get(name))

    def _keep(self, kind: str, number: JsonValue) -> None:
        if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
            self.tokens[kind] = number


def read_events(said: Said, head: bytes, tail: bytes) -> None:
    """Read a stream of server-sent events, of which `head` and `tail` are known: what starts or ends it counts."""
    for part in (head,) if head == tail else (head, tail):
        for line in part.splitlines():
            if not line.startswith(b"data:") or (b'"usage' not in line and (said.model or b'"model' not in line)):
                continue
            try:
                said.read(json.loads(line[5:]))
            except (ValueError, RecursionError):
                continue


def is_ended(tail: bytes) -> bool:
    """Whether the last event of a stream is one that its protocol ends with: what comes after it says nothing."""
    last = max((match.start() for match in _LAST_EVENT.finditer(tail)), default=-1)
    return last >= 0 and b"\n\n" not in tail[last:].strip().replace(b"\r\n", b"\n")


def request_id(headers: Mapping[str, str]) -> str | None:
    """The service's own id of a request, from the headers of its answer."""
    for name in REQUEST_ID_HEADERS:
        value = headers.get(name)
        if value:
            return value
    return None
