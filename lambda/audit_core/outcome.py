"""How a call ended: the one place that decides it, for every intake format.

Promise: `success` only when the event shows a result, or the sender reports success and nothing contradicts it.
A cancelled, failed, throttled or blocked call is never a success. An unknown outcome is null. Only the beginning of an
error's text is read. The content of a payload decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from audit_core.canonical import JsonValue
from audit_core.finish_reasons import BLOCKED_FINISHES, FAILED_FINISHES

_NO_FINISH: Final = frozenset({
    "", "finishreasonunspecified", "none", "null", "other", "undefined", "unknown", "unspecified",
})  # fmt: skip
"""Finish reasons without a meaning: a library writes them when it did not see the end."""
_DONE: Final = frozenset({"complete", "completed", "done", "finished", "succeeded", "success"})
_PENDING: Final = frozenset({
    "created", "incomplete", "inprogress", "pending", "processing", "queued", "requiresaction", "running", "started",
})  # fmt: skip
_FAILED_STATES: Final = FAILED_FINISHES | {"cancelling", "expired", "timedout"}
_BLOCKED_VERDICTS: Final = frozenset({"block", "blocked", "denied", "deny", "intervened", "guardrailintervened"})
_BLOCKED_ERRORS: Final = (
    "contentfilter", "contentfiltered", "contentpolicyviolation", "contentpolicyviolationerror", "contentfiltererror",
    "contentfilterfinishreasonerror", "guardrailintervened", "guardrailraisedexception", "guardrailtripwiretriggered",
    "blockedpiientityerror", "moderationblocked", "responsibleaipolicyviolation",
)  # fmt: skip
"""Endings of error types that mean: a policy stopped the call."""
_THROTTLED_ERRORS: Final = (
    "ratelimit", "ratelimited", "ratelimiterror", "ratelimitexceeded", "ratelimitexceedederror", "ratelimitexception",
    "ratelimitreached", "requestlimitexceeded", "usagelimitreached", "throttling", "throttled", "throttlingexception",
    "throttledexception", "throttlingerror", "throughputexceededexception", "toomanyrequests",
    "toomanyrequestsexception", "toomanyrequestserror", "resourceexhausted", "resourceexhaustedexception",
    "resourceexhaustederror", "insufficientquota", "insufficientquotaerror", "quotaexceeded", "quotaexceedederror",
    "quotaexceededexception", "slowdown",
)  # fmt: skip
"""Endings of error types that mean: there were too many calls."""
_THROTTLED_CODES: Final = frozenset({"429", "http429", "error429", "status429"})
_NO_ERROR: Final = frozenset({
    "", "0", "200", "[]", "false", "nan", "no", "no_error", "none", "null", "ok", "success", "undefined", "{}",
})  # fmt: skip
_GRPC_THROTTLED: Final = frozenset({"8", "resourceexhausted"})
_GRPC_OK: Final = frozenset({"0", "ok"})

_NOT_A_LETTER: Final = re.compile("[^a-z0-9]+")
_LONGEST_WORD: Final = 80
_SHORT: Final = 16
_HEAD: Final = 300
_MOST_PREFIXES: Final = 4
_MOST_FINISHES: Final = 128
# A class or a code, and the separator after it: `litellm.RateLimitError: …`, `ThrottlingException(…`.
_PREFIX: Final = re.compile(r"[\s('\"]{0,4}([A-Za-z_][A-Za-z0-9_.-]{0,79})['\"]?(?:\s?[:(]|\s-\s)\s{0,4}")


@dataclass(slots=True, kw_only=True)
class Signs:
    """Signs of how a call ended, beside the event's fields and attributes.

    `failed`: there was an error; `reported`: the sender itself reports the error. `blocked`: a policy stopped the call.
    `throttled`: there were too many calls. `unfinished`: the call was cancelled, or had not ended. `result`: there is
    a result. `errors`: types, codes and texts of errors. `finishes`: finish reasons. `state`: the answer's own status.
    """

    failed: bool = False
    reported: bool = False
    blocked: bool = False
    throttled: bool = False
    unfinished: bool = False
    result: bool = False
    errors: list[JsonValue] = field(default_factory=list)
    finishes: list[JsonValue] = field(default_factory=list)
    state: JsonValue = None


_NO_SIGNS: Final = Signs()
_ERROR_NAMES: Final = ("error_type", "error_code", "error", "error_message")
_READ: Final = frozenset({
    *_ERROR_NAMES, "finish_reason", "finish_reasons", "guardrail_action", "guardrail_verdict", "response_status",
    "rpc_status", "status_message", "success",
})  # fmt: skip
"""The attributes that decide an outcome."""


def derive(
    verdict: str | None,
    status: JsonValue,
    stream: JsonValue,
    attributes: Mapping[str, JsonValue],
    signs: Signs | None,
) -> str | None:
    """Return the outcome of an event; null when it is unknown.

    `verdict`: the sender's own. It stands, unless it is a success that something else in the event contradicts.
    """
    if verdict not in (None, "success"):
        return verdict
    if (signs is None or signs == _NO_SIGNS) and _READ.isdisjoint(attributes):
        outcome = status_outcome(status) if isinstance(status, int) else verdict
        return None if outcome == "success" and _is_cut(stream) else outcome
    signs = signs or _NO_SIGNS
    state = word(attributes.get("response_status") or signs.state)
    finishes, errors = _finishes(attributes, signs), _errors(attributes, signs)
    if signs.blocked or _is_blocked(attributes, finishes, errors):
        return "policy-blocked"
    is_error = isinstance(status, int) and status_outcome(status) == "error"
    rpc = attributes.get("rpc_status")
    throttled = _is_throttled(status, attributes, errors, signs)
    if (
        throttled
        or signs.failed
        or errors
        or is_error
        or state in _FAILED_STATES
        or attributes.get("success") is False
        or not FAILED_FINISHES.isdisjoint(finishes)
        or (rpc is not None and word(rpc) not in _GRPC_OK)
    ):
        return "throttled" if throttled else "error"
    if _is_unfinished(stream, signs, state, finishes):
        return None
    shown = signs.result or isinstance(status, int) or state in _DONE
    return "success" if verdict == "success" or shown else None


def status_outcome(status: int) -> str:
    """Return the outcome that an HTTP status implies."""
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        return "throttled"
    return "error" if status >= 400 else "success"  # noqa: PLR2004 - the first status of an error


def shows_end(reasons: Iterable[JsonValue]) -> bool:
    """Return whether one of these finish reasons shows how an answer ended."""
    return any(isinstance(reason, str) and word(reason) not in _NO_FINISH for reason in reasons)


def names_throttling(error: JsonValue) -> bool:
    """Return whether the type, code or text of an error means that there were too many calls."""
    if not isinstance(error, str):
        return False
    head = error[:_HEAD]
    if _is_name(error) and _is_throttling_type(error):
        return True
    at = 0
    for _ in range(_MOST_PREFIXES):
        if _worded().match(head, at) is not None:
            return True
        prefix = _PREFIX.match(head, at)
        if prefix is None:
            return False
        if _is_throttling_type(prefix[1]):
            return True
        at = prefix.end()
    return False


@cache
def _worded() -> re.Pattern[str]:
    """Return the pattern of how SDKs, clouds and HTTP clients word a rate limit. Compile it when first needed."""
    return re.compile(
        r"""['"(\s]{0,4}(?:
            (?:(?:request|call|response|server)\ (?:failed|returned|responded)\ (?:with\ )?(?:an?\ )?)?
              (?:(?:api|client|server|error|status|response|http|http/[12](?:\.[01])?)[ :=_]{1,3}){0,3}
              (?:error|status|http|http/[12](?:\.[01])?|status_?code|code|received)[ :=]{1,3}'?429\b
            | 429(?:$|[\s:,-]{1,3}(?:too\ many|rate|resource|quota|client|requests?\ (?:limit|rate)|you|\{|-))
            | too\ many\ requests\b
            | (?:\w{1,20}\ ){0,2}rate[ -]?limit(?:ed\b|s?(?:\ \w{1,20})?\ (?:reached|exceeded|hit|error)\b)
            | (?:\w{1,20}\ ){0,3}exceeded\ (?:your|the)\ (?:\w{1,20}[ -]){0,3}(?:quota|rate[ -]limit)\b
            | number\ of\ (?:\w{1,20}\ ){1,4}exceeded\ (?:your|the)\ (?:\w{1,20}[ -]){0,3}rate[ -]limit\b
            | this\ request\ would\ exceed\ (?:\S{1,40}\ ){1,6}rate\ limit\b
            | (?:\w{1,20}\ )?quota\ (?:\w{1,20}\ )?exceeded\b
            | resource[ ]?(?:has\ been\ )?exhausted\b
            | an\ error\ occurred\ \(\w{0,60}(?:throttl\w{1,20}|throughputexceeded\w{0,20}|toomanyrequests\w{0,20})\)
        )""",
        re.IGNORECASE | re.VERBOSE,
    )


def word(value: JsonValue) -> str:
    """Return a name without its enumeration, case and separators: `FinishReason.CONTENT_FILTER` is `contentfilter`."""
    if isinstance(value, str):
        if value.isalpha() and value.isascii():
            return value.lower()
    elif isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return _NOT_A_LETTER.sub("", str(value)[:_HEAD].rpartition(".")[2].lower())


def _is_name(error: JsonValue) -> bool:
    """Return whether an error is a type or a code, not a text."""
    return isinstance(error, str) and len(error) <= _LONGEST_WORD and " " not in error


def _is_throttling_type(name: str) -> bool:
    plain = word(name)
    return plain in _THROTTLED_CODES or plain.endswith(_THROTTLED_ERRORS)


def _finishes(attributes: Mapping[str, JsonValue], signs: Signs) -> list[str]:
    one, listed = attributes.get("finish_reason"), attributes.get("finish_reasons")
    found = [*signs.finishes]
    found += listed[:_MOST_FINISHES] if isinstance(listed, list) else (listed,)
    return [word(reason) for reason in (one, *found) if reason is not None]


def _errors(attributes: Mapping[str, JsonValue], signs: Signs) -> list[JsonValue]:
    """Return the errors' texts and codes; of an attribute that is neither, its name."""
    found = [
        value if isinstance(value, str | int | float) else name
        for name in _ERROR_NAMES
        if (value := attributes.get(name))
    ]
    return [error for error in (*found, *signs.errors) if error is not None and _is_error(error)]


def _is_error(error: JsonValue) -> bool:
    return (isinstance(error, str) and len(error) > _SHORT) or str(error).strip().lower() not in _NO_ERROR


def _is_blocked(attributes: Mapping[str, JsonValue], finishes: list[str], errors: list[JsonValue]) -> bool:
    verdict = attributes.get("guardrail_action") or attributes.get("guardrail_verdict")
    if (verdict is not None and word(verdict) in _BLOCKED_VERDICTS) or not BLOCKED_FINISHES.isdisjoint(finishes):
        return True
    names = [word(error) for error in errors if _is_name(error)]
    return bool(names) and any(name in BLOCKED_FINISHES or name.endswith(_BLOCKED_ERRORS) for name in names)


def _is_throttled(
    status: JsonValue, attributes: Mapping[str, JsonValue], errors: list[JsonValue], signs: Signs
) -> bool:
    rpc = attributes.get("rpc_status")
    if status == 429 or signs.throttled or (rpc is not None and word(rpc) in _GRPC_THROTTLED):  # noqa: PLR2004
        return True
    if not errors and not signs.failed:
        return False
    if any(_is_name(error) and _is_throttling_type(str(error)) for error in errors):
        return True
    if isinstance(status, int) and status_outcome(status) == "error":
        return False  # a status is more exact than words
    return any(map(names_throttling, (*errors, attributes.get("status_message"))))


def _is_unfinished(stream: JsonValue, signs: Signs, state: str, finishes: list[str]) -> bool:
    """Return whether the call was cancelled or cut off, or has not ended."""
    if signs.unfinished or (state in _PENDING and all(reason in _NO_FINISH for reason in finishes)):
        return True
    return _is_cut(stream)


def _is_cut(stream: JsonValue) -> bool:
    """Return whether a record is about the start of a stream, or about a stream that was cut off."""
    return isinstance(stream, dict) and (stream.get("complete") is False or stream.get("phase") == "start")
