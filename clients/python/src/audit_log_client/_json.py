"""JSON in, one canonical form out (RFC 8785), with nothing but the standard library.

Promise: the bytes are the same as the log writer's. Ambiguous JSON (a key twice, NaN, a lone surrogate, a number beyond
a double, more than `MAX_DEPTH` levels) is refused, as in the writer.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from audit_log_client._core.fields_1 import is_secret_field

if TYPE_CHECKING:
    from collections.abc import Callable

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

PLACEHOLDER = "***REDACTED***"
MAX_DEPTH = 128
NOT_JSON = "is not JSON"
NOT_UTF8 = "is not UTF-8"
TOO_DEEP = "is nested too deep"
DUPLICATE_KEY = "has an object with the same key twice"
UNREPRESENTABLE = "holds a number or a text that has no canonical form"

_SAFE_INTEGER = 2**53 - 1
_SAFE_DIGITS = 15  # an integer with at most this many digits is safe
# Between these, and with a fraction, Python and ECMAScript both write the shortest digits in plain decimal notation.
_SMALLEST_PLAIN_FLOAT = 1e-4
_LARGEST_PLAIN_FLOAT = 1e15
# Where ECMAScript changes to an exponent: above 21 digits, below six zeros after the point.
_LONGEST_PLAIN = 21
_MOST_ZEROS = -6
_KEY_MEMORY = 4096
_FIRST_SURROGATE = "\ud800"
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)


class UndigestibleError(ValueError):
    """The text is not JSON, or is ambiguous JSON. `reason` holds nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Decoded:
    """A JSON text's value. `plain`: Python's own encoder writes its canonical form; `secret`: it has secret fields."""

    value: JsonValue
    plain: bool
    secret: bool

    def canonical(self) -> bytes:
        """Return the RFC 8785 form with the values of secret fields replaced. Raise `UndigestibleError`."""
        value = _without_secret_fields(self.value) if self.secret else self.value
        try:
            if self.plain:
                return _ENCODER.encode(value).encode()
            parts: list[str] = []
            _write(value, parts.append)
            return "".join(parts).encode()
        except UnicodeEncodeError:  # a lone surrogate
            raise UndigestibleError(UNREPRESENTABLE) from None


def decode_json(data: bytes) -> Decoded:
    """Decode one JSON text, strictly. Raise `UndigestibleError`."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise UndigestibleError(NOT_UTF8) from None
    reader = _Reader()
    try:
        value: JsonValue = json.loads(
            text,
            object_pairs_hook=reader.pairs,
            parse_float=reader.number,
            parse_int=reader.integer,
            parse_constant=_refuse,
        )
    except RecursionError:
        raise UndigestibleError(TOO_DEEP) from None
    except UndigestibleError:
        raise
    except ValueError:
        raise UndigestibleError(NOT_JSON) from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _nests_deeper(value):
        raise UndigestibleError(TOO_DEEP)
    return Decoded(value=value, plain=reader.plain, secret=reader.secret)


class _Reader:
    """Checks each key and number while the text is decoded: a walk through the tree would cost more."""

    def __init__(self) -> None:
        self.plain = True
        self.secret = False

    def pairs(self, pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise UndigestibleError(DUPLICATE_KEY)
        if not _ordinary_keys.issuperset(found):
            for key in found:
                self._check(key)
        return found

    def _check(self, key: str) -> None:
        if is_secret_field(key):
            self.secret = True
        elif key.isascii() or max(key) < _FIRST_SURROGATE:
            if len(_ordinary_keys) > _KEY_MEMORY:
                _ordinary_keys.clear()
            _ordinary_keys.add(key)
            return
        if not key.isascii() and max(key) >= _FIRST_SURROGATE:  # UTF-8 and UTF-16 sort such keys differently
            self.plain = False

    def integer(self, digits: str) -> float:
        return int(digits) if len(digits) <= _SAFE_DIGITS else self.number(digits)

    def number(self, digits: str) -> float:
        number = float(digits)
        if not math.isfinite(number):
            raise UndigestibleError(NOT_JSON)
        if number.is_integer() and -_SAFE_INTEGER <= number <= _SAFE_INTEGER:
            return int(number)
        if not _SMALLEST_PLAIN_FLOAT <= abs(number) < _LARGEST_PLAIN_FLOAT:
            self.plain = False
        return number


_ordinary_keys: set[str] = set()


def _refuse(_: str) -> NoReturn:
    raise UndigestibleError(NOT_JSON)


def _nests_deeper(value: JsonValue) -> bool:
    level: list[JsonValue] = [value]
    for _ in range(MAX_DEPTH):
        inner: list[JsonValue] = []
        for item in level:
            if isinstance(item, dict):
                inner += [child for child in item.values() if isinstance(child, (dict, list))]
            elif isinstance(item, list):
                inner += [child for child in item if isinstance(child, (dict, list))]
        if not inner:
            return False
        level = inner
    return True


def _without_secret_fields(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {
            key: PLACEHOLDER if is_secret_field(key) else _without_secret_fields(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without_secret_fields(item) for item in value]
    return value


def _write(value: JsonValue, put: Callable[[str], object]) -> None:
    """Write `value` in canonical form, where Python's own encoder would write another."""
    if isinstance(value, dict):
        opening = "{"
        for key in sorted(value, key=_utf16):
            put(f"{opening}{encode_basestring(key)}:")
            _write(value[key], put)
            opening = ","
        put("}" if value else "{}")
    elif isinstance(value, list):
        opening = "["
        for item in value:
            put(opening)
            _write(item, put)
            opening = ","
        put("]" if value else "[]")
    elif type(value) is float:
        put(_written(value))
    else:
        put(_ENCODER.encode(value))


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _written(number: float) -> str:
    """Write `number` as ECMAScript's Number::toString does (ECMA-262, section 6.1.6.1.20)."""
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= _LONGEST_PLAIN:
        return sign + digits + "0" * (point - count)
    if 0 < point <= _LONGEST_PLAIN:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if _MOST_ZEROS < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}"
