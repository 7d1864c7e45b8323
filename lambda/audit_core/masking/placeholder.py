"""Tells placeholders from secrets: `<your-key>`, `${TOKEN}`, `xxxxxxxx`, `change-me`.

Promise: the whole value decides, never a part of it. `MyPassword2024!` contains words of placeholders, but it is a
password. Time is linear in the length of the value.
"""

from __future__ import annotations

import re

from audit_core.masking.rules.names import COMMON_IN_PLACEHOLDERS, SAY_SO, STAND_INS
from audit_core.masking.rules.services import BEFORE_KEY

JUDGED_CHARACTERS = 512
"""A longer value is judged by its beginning."""
_SAID = re.compile("(?i)" + "|".join(sorted(SAY_SO)))
_PARTS = re.compile(r"[A-Za-z0-9]+")
_HUMPS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_JOINTS = re.compile(r"[A-Za-z0-9_. /:-]*\Z")
_LONGEST_COUNT = 2
_BLANKS = frozenset("xX*#\u2022\u2026")
_BETWEEN = str.maketrans("", "", "-_. ")
_ELIDED = re.compile(r"\*{3,}|\.{3,}|\u2026|\u2022{3,}|#{4,}|[xX]{4,}")
_CUT_SHORT = re.compile(
    r"(?i)(?:\*{3}|\.{3}|\u2026|\u2022{3}|#{4}|x{4})\Z|[\[(<](?:redacted|masked|hidden|truncated|omitted|removed|snip)"
    r"|(?:\A|[-_ ])(?:your[-_ ](?:[a-z]+[-_ ])?(?:token|key|secret)|(?:token|key|secret)[-_ ]here)(?:\Z|[-_ ])"
)
"""No machine writes these into a token: signs that something is left out, words that describe a token."""
_MOST_LEFT = 12
_REFERENCE = re.compile(
    r"![01]\b|\$[{(]|\$(?:[A-Z_][A-Z0-9_]*|[A-Za-z_]+\d?)(?![\w$!@#%^&*])|%[A-Za-z_]+%\Z|&[a-z]+;|ENC\[[A-Z]"
    r"|@[A-Za-z]+(?:\.[A-Za-z_]+)+(?![\w!])"
    r"|(?i:process\.env\b|os\.environ\b|env[.:(]|vault:|ref\+|secretref[:(]|arn:|keyvault[.:/(])"
)
"""Other programs replace these with a value: variables of shells and programs, templates, names of secrets."""
_BRACKETED = re.compile(r"[$%#@]?(?:\{[^\x00]*(\})|\([^\x00]*(\))|<[^\x00]*(>)|\[[^\x00]*(\])|[{(<\[])")
_GOES_ON = re.compile(r"\A[^\s({\[</A-Za-z0-9]*[A-Za-z0-9][^\s({\[</]*\Z")


def is_placeholder(value: str) -> bool:
    """Return whether the whole value is a placeholder for a secret."""
    value = value[:JUDGED_CHARACTERS]
    distinct = len(set(value))
    if distinct <= min(5, 2 + len(value) // 12):
        return True
    return _is_blank(value) or is_reference(value) or says_so(value)


def stands_in(value: str) -> bool:
    """Return whether the value only marks the place of a password. A password may have few different letters."""
    value = value[:JUDGED_CHARACTERS]
    return value.lower() in STAND_INS or _is_blank(value) or is_reference(value) or says_so(value)


def is_elided(value: str) -> bool:
    """Return whether a token is shortened or left out: `sk-12...89ab`, `ghp_xxxx`. A password may have such signs."""
    value = value[:JUDGED_CHARACTERS]
    if _CUT_SHORT.search(value):
        return True
    return _ELIDED.search(value) is not None and len(_ELIDED.sub("", value)) <= _MOST_LEFT


def is_reference(value: str) -> bool:
    """Return whether the value is or begins a variable or template: `$TOKEN`, `${TOKEN}`, `{{ token }}`, `<token>`."""
    if _REFERENCE.match(value):
        return True
    bracketed = _BRACKETED.match(value)
    return bracketed is not None and _GOES_ON.match(value[bracketed.end() :]) is None


def says_so(value: str) -> bool:
    """Return whether the value consists of placeholder words, one of them clear: `your-api-key-here`, `ChangeMe`."""
    if not _JOINTS.match(value) or not _SAID.search(value):
        return False
    parts = [hump for part in _PARTS.findall(value) for hump in _words_of(part)]
    if SAY_SO.isdisjoint(parts):
        return False
    if all(
        part in SAY_SO or part in COMMON_IN_PLACEHOLDERS or part in BEFORE_KEY or _is_filler(part) for part in parts
    ):
        return True
    return (
        parts[0] in SAY_SO and parts[-1] in COMMON_IN_PLACEHOLDERS and value.replace("-", "").replace("_", "").isalpha()
    )


def _words_of(part: str) -> list[str]:
    if part.isdigit():  # a separate count, `your-key-2`; digits inside a word mean a password
        return [part if len(part) <= _LONGEST_COUNT else "?"]
    humps = [hump.lower() for hump in _HUMPS.findall(part)]
    return ["?"] if any(map(str.isdigit, humps)) and len(humps) > 1 else humps


def _is_filler(part: str) -> bool:
    return part.isdigit() or set(part) <= _BLANKS


def _is_blank(value: str) -> bool:
    """Return whether at least half of the value is blanked out, or it has only separators."""
    letters = value.translate(_BETWEEN)
    return sum(map(_BLANKS.__contains__, letters)) * 2 >= len(letters)
