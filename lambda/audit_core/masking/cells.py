"""Bytes that a text or a value spells one by one, as decimal numbers: lists of byte values, calls of `chr`, `Buffer`.

Where they hold a finding, all of them are replaced.
"""

from __future__ import annotations

import re

from audit_core.masking.result import JsonValue

_LAST_BYTE = 255
_FEWEST = 8
"""Fewer bytes than these hide nothing worth looking for."""
_APART = rb"[^\w.\[\]\x00]{1,16}(?:\[?[A-Za-z]{2,12}[(\])])?"
"""Between two numbers: signs, also with a call or a cast, as in `chr(103) + chr(104)` or `[char]103+[char]104`."""
_NUMBER = rb"0?(?:9|1[03]|3[2-9]|[4-9]\d|1[01]\d|12[0-6])"
"""A printable character, a tab or the end of a line."""
_GZIP = rb"31" + _APART + rb"139" + _APART + rb"8(?:" + _APART + rb"\d{1,3}){20,}"
RUN = rb"\b(?:" + _GZIP + rb"|(?:" + _NUMBER + _APART + rb"){7,}" + _NUMBER + rb")\b"
"""What a run of numbers looks like."""
_DIGITS = re.compile(rb"\d++")
BETWEEN = b"|"
"""Separates the numbers of a list when it is read as text. A list read otherwise never holds it."""


def read_numbers(raw: bytes) -> bytes:
    """Return the bytes that a run of numbers spells."""
    return bytes(min(int(digits), _LAST_BYTE) for digits in _DIGITS.findall(raw))


def byte_values(value: JsonValue) -> bytes | None:
    """Return the bytes that a list holds, or an object under `0`, `1`, `2` and so on; None for any other value."""
    if isinstance(value, dict):
        if len(value) < _FEWEST or "0" not in value or any(map(str.__ne__, value, map(str, range(len(value))))):
            return None
        value = list(value.values())
    if not isinstance(value, list) or len(value) < _FEWEST:
        return None
    numbers = [item for item in value if type(item) is int and 0 <= item <= _LAST_BYTE]
    return bytes(numbers) if len(numbers) == len(value) else None


def written(data: bytes) -> bytes:
    """Write bytes as a text, in which `RUN` finds them."""
    return BETWEEN.join(b"%d" % byte for byte in data)
