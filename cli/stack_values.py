"""A stack file's values as the Pulumi CLI reads them: the text that the program gets.

Guarantee: a plain scalar is typed by the rules of Pulumi's YAML library (go-yaml v3), not by YAML 1.2 alone: `0365` is
octal, `1_000` is 1000, a date becomes a time in UTC, and an empty value is an empty text. Compared with
`LoadProjectStackBytes` of pulumi/sdk v3.274.1 (tests/unit/cli/test_stack_values.py holds its answers).
"""

import json
import math
import re
from datetime import date, time
from decimal import Decimal
from typing import Any, Final

_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_SPECIAL: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_INTEGER: Final = re.compile(r"([-+]?)(?:0x([0-9a-fA-F]+)|0b([01]+)|0o?([0-7]+)|(0|[1-9][0-9]*))", re.IGNORECASE)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:([Tt ])([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.([0-9]{1,9}))?(Z|[-+][0-9]{2}:[0-9]{2})?)?"
)
_LEAST_FIXED: Final = 1e-6
_LEAST_WITH_EXPONENT: Final = 1e21


class UnreadableError(ValueError):
    """Pulumi refuses the value, or the local cloud cannot read it; the message says why, for a person."""


def as_text(node: Any) -> str:  # noqa: ANN401 - ruamel's nodes have no types
    """Return a composed YAML node as the program gets it: a scalar as text, a list or a map as JSON.

    Raises UnreadableError.
    """
    value = _value(node)
    if isinstance(value, dict) and list(value) == ["secure"]:
        raise UnreadableError("is encrypted (`secure`), which only the Pulumi CLI can read")
    if value is None:
        return ""
    return value if isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_json(str(key))}:{_json(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    if isinstance(value, float):
        return _number(value)
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    """Return the shortest text of a number, as Go's encoding/json writes it."""
    if value and not _LEAST_FIXED <= abs(value) < _LEAST_WITH_EXPONENT:
        return re.sub(r"e([-+])0", r"e\1", repr(value).replace(".0e", "e"))
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _value(node: Any) -> Any:  # noqa: ANN401 - a tree of any YAML values
    if node.id == "mapping":
        return {key.value: _value(value) for key, value in node.value}
    if node.id == "sequence":
        return [_value(item) for item in node.value]
    return node.value if node.style else _plain(node.value)


def _plain(text: str) -> str | int | float | bool | None:
    """Resolve a scalar without quotes."""
    if text in _WORDS:
        return _WORDS[text]
    if _SPECIAL.fullmatch(text):
        raise UnreadableError("is not a number that Pulumi takes")
    if moment := _moment(text):
        return moment
    number = text.replace("_", "") if text[0] in "+-0123456789" else text
    if match := _INTEGER.fullmatch(number):
        sign, digits = match[1], match.groups()[1:]
        whole = next(int(found, base) for found, base in zip(digits, (16, 2, 8, 10), strict=True) if found is not None)
        whole = -whole if sign == "-" else whole
        return whole if -(1 << 63) <= whole < 1 << 64 else float(whole)
    if _FLOAT.fullmatch(number) and math.isfinite(float(number)):
        return float(number)
    return text


def _moment(text: str) -> str | None:
    """Return a time as Go prints it, or None for another text."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, mark, *clock, fraction, zone = match.groups()
    if mark and (mark == " ") == bool(zone):
        return None  # only the form with a T has a zone
    hour, minute, second = (int(part or 0) for part in clock)
    try:
        of = f"{date(int(year), int(month), int(day))} {time(hour, minute, second)}"
    except ValueError:
        return None
    fraction = (fraction or "").rstrip("0")
    offset = "+0000 UTC" if zone in {None, "Z", "+00:00"} else f"{zone.replace(':', '')} {zone.replace(':', '')}"
    return f"{of}{'.' if fraction else ''}{fraction} {offset}"
