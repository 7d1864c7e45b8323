"""Whether a value could be a secret at all: random enough, and no code, word or well-known public thing.

Everything here looks at one short value (see `JUDGED_CHARACTERS`), in time linear in its length.
"""

from __future__ import annotations

import math
import operator
import re
from collections import Counter
from itertools import pairwise

from audit_core.masking.placeholder import JUDGED_CHARACTERS
from audit_core.masking.rules.letters import PAIRS

_CHANCE = 6
_FEWESTPAIRS = 4
_STEPS = frozenset((0, 1))
_UUID = re.compile(r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_HEX = re.compile(r"(?i)(?:0x)?[0-9a-f]+\Z")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d|\Z)|\d\d:\d\d:\d\d|\d\d[/.]\d\d[/.]\d{4}\Z")
_VERSION = re.compile(
    r"[~^<>=v]*\d+(?:\.\d+|\.\*)+(?:[-+.][0-9A-Za-z.]+)?\Z|[A-Za-z][A-Za-z.:_-]{2,30}[-:@=v]\d+\.\d+(?:\.\d+)?[\w.-]{0,16}\Z"
)
_NUMBER = re.compile(r"[-+]?[\d.,_]+(?:e[-+]?\d+)?[a-zA-Z%]{0,3}\Z")
_STANDARD = re.compile(r"(?i)(?:iso|iec|utf|ucs|rfc|cp|windows|latin|euc|sha|tls|aes|ieee)[-_ ]?\d[\d.-]*\Z")
_LETTERS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_LONG_HUMP = 4
_ADDRESS = re.compile(r"(?i)[a-z][a-z0-9+.-]{1,15}://|/|\./|~/|[a-z]:\\|www\.")
_FILE = re.compile(r"(?:[\w.-]{1,64}/){1,16}[\w.-]{1,96}\.[A-Za-z][A-Za-z0-9]{1,4}\Z")
_BASE64 = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])/[A-Za-z0-9+/]{38,}={0,2}\Z")
"""A sixty-fourth of all that is written in base64 begins as a path does."""


def counts_up(value: str) -> bool:
    """Whether the value is an alphabet, or most of one: `abcdefgh`, `0123456789abcdef`.

    That makes it no secret only where nothing else says that it is one: people do choose such tokens and passwords.
    """
    return len(value) >= 8 and counting(value) >= 0.85  # noqa: PLR2004 - a shorter run happens by chance


def counting(value: str) -> float:
    """Return the share of characters that repeat the one before or count on from it: `abcdefgh` and `1111` have all.

    Random hexadecimal digits have one in eight, random letters one in thirty.
    """
    codes = value.encode()
    steps = map(operator.sub, codes[1:], codes)
    return sum(map(_STEPS.__contains__, steps)) / (len(codes) - 1) if len(codes) > 1 else 0.0


def repeats_a_group(value: str) -> bool:
    """Whether groups between dashes are the same three times over, as nobody issues them: `1234-1234-1234-…`."""
    groups = [group for group in value.split("-") if len(group) > 2]  # noqa: PLR2004 - one or two can be alike by chance
    return len(groups) > 2 and max(Counter(groups).values()) > 2  # noqa: PLR2004


def entropy(value: str) -> float:
    """Shannon entropy of the value's characters, in bits a character."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values()) if total else 0.0


def wordiness(value: str) -> float:
    """How much more the letters of the value look like words than like chance, in bits a pair.

    Random letters score about -2, almost never above 0; words score 0.5 to 3. A value with too few letters side by
    side to tell scores 0.
    """
    pairs = score = 0
    for run in _LETTERS.findall(value):
        lower = run.lower().encode()
        pairs += len(lower) - 1
        score += sum(ord(PAIRS[26 * a + b - 2619]) for a, b in pairwise(lower))
    return score / pairs - _CHANCE - 48 if pairs >= _FEWESTPAIRS else 0.0


def is_structured(value: str) -> bool:
    """Whether the value is a well-known public thing: a date, a version, a number, a path, an address, a standard."""
    return not _BASE64.match(value) and any(
        form.match(value) for form in (_DATE, _VERSION, _NUMBER, _ADDRESS, _FILE, _STANDARD)
    )


def is_identifier(value: str) -> bool:
    """Whether the value has the form of an identifier or digest: a UUID or hexadecimal."""
    return bool(_UUID.match(value) or _HEX.match(value))


def _has_humps(value: str) -> bool:
    """Whether letters change case only where words begin: `networkBandwidthGbps`. At random they change every other."""
    parts = _LETTERS.findall(value)
    return len(parts) > 1 and len(value) >= _LONG_HUMP * len(parts) and not value.isupper()


def is_random(value: str, *, shortest: int = 16) -> bool:
    """Whether the value looks machine-made: long enough, mixed, and not made of words."""
    value = value[:JUDGED_CHARACTERS]
    if len(value) < shortest or not value.isascii() or is_structured(value):
        return False
    letters = sum(map(str.isalpha, value))
    digits = sum(map(str.isdigit, value))
    if letters + digits < 0.7 * len(value) or entropy(value) < 2.6:  # noqa: PLR2004
        return False
    words = wordiness(value)
    if digits == 0:
        if _has_humps(value):
            return False
        return words < 0.25  # noqa: PLR2004
    return words < 0.6 or (digits * 4 > len(value) and words < 1.2)  # noqa: PLR2004
