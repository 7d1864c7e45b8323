"""Whether a value that a telling name introduces is a secret: by the name, the syntax, and the value's characters.

Where the syntax is that of data (JSON, markup, a setting), nearly any value counts; in a program a value must look
machine-made, or programs that only handle secrets would be full of them.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

from audit_core.masking.keys import (
    HEADS,
    RESOURCE,
    SERVICE,
    holds_secret,
    is_position,
    is_working_directory,
    secret_kind,
    words_of,
)
from audit_core.masking.patterns import Pattern, compile_bytes
from audit_core.masking.placeholder import STAND_INS, is_elided, is_placeholder
from audit_core.masking.plausible import (
    counts_up,
    is_identifier,
    is_random,
    is_structured,
    repeats_a_group,
    wordiness,
)
from audit_core.masking.rules import RULES
from audit_core.masking.rules.names import DENYING_WORDS, OPEN_WORDS, OTHER_THINGS, PUBLIC_WORDS


class Form(Enum):
    """The syntax in which a name and a value stand."""

    DATA = "a member of JSON, an element of markup, a name beside its value"
    SETTING = "a variable of an environment, a parameter of a query or a form"
    TIGHT = "an argument: a name, a sign and a value without spaces or quotes"
    LINE = "a header or a line of YAML"
    CODE = "a quoted value in a program"
    BARE = "an unquoted value in a program"
    PROSE = "a sentence, or an option of a command"
    CELL = "a cell of a table, or what an arrow points at"


_AS_DATA = (Form.DATA, Form.SETTING)
_LOOSE = (Form.PROSE, Form.CELL)
_AS_ARGUMENTS = (Form.SETTING, Form.TIGHT)
_SIGNATURES = ("signature", "sig", "signature_base64")
"""A signature in an address opens it to whoever has it; anywhere else it proves something and opens nothing."""
_PATTERN = re.compile(r"\(\?|\[\^|\\[dswb]|[\])][+*{?]")
"""A regular expression: what a name ending in `_PAT` or `_TOKEN` often holds in a program."""
_LABELS = tuple(word for word, kind in HEADS.items() if kind == "password" and not word.isascii())
"""What a password is called in a catalogue of messages, where no letters of ASCII are in use."""
_EXPRESSION = re.compile(r"""[)\]}]\Z|[A-Za-z_\])]\(|\[[\w"']*\]|\$[({]|\{[^}]*\}""")
"""A call, an index, a template: what stands without quotes in a program. Signs elsewhere may be a password's."""
_WRAPPED = re.compile(r"\{[^{}]*\}\Z|\[[^\[\]]*\]\Z|<[^<>]*>\Z|\([^()]*\)\Z")
"""A value in brackets is a template, a hint, or (in Jenkins) an encrypted value."""
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_CLOSERS = ")]}"
_SHORTEST_WRAPPED = 24
_SHORTEST_PASSWORD = 4
_SHORTEST_PASSWORD_IN_CODE = 5
_SHORTEST_PASSWORD_IN_PROSE = 6
_SHORTEST_NUMERIC_PASSWORD = 6
_MOST_SPACES = 5
_LENGTHS_OF_PIN = range(4, 9)
_SHORTEST_IN_DATA = 8
_SHORTEST_IN_CODE = 10
_SHORTEST_WORDY = 12
_SHORTEST_NUMBER = 16
_SHORTEST_UNDER_HINT = 20
_LONGEST_RUN = 48
"""What counts up for longer is an alphabet, not a password that somebody typed."""
_WORDY = 1.5


def is_secret(kind: str | None, name: str, value: str, form: Form) -> bool:
    """Whether `value`, under a name of this kind (None: one that only hints) in this syntax, is a secret."""
    value = value.strip()
    if _WRAPPED.match(value):
        return kind is not None and is_random(value[1:-1], shortest=_SHORTEST_WRAPPED)
    if value.lower().strip(".-_") in STAND_INS:
        return False
    return _fits(kind, name, value, form) and not _is_stub(kind, name, value)


def _fits(kind: str | None, name: str, value: str, form: Form) -> bool:
    """Return whether the value looks like a secret of this kind in this syntax."""
    if form not in _AS_DATA and form is not Form.CODE and _EXPRESSION.search(value) and not _is_ill_nested(value):
        return False
    if kind is None or kind == SERVICE:
        by_chance = " " not in value and form not in _LOOSE and not counts_up(value)
        return by_chance and (holds_secret(kind, value) if kind else _is_hinted(name, value, form))
    if " " in value:
        few = value.count(" ") <= _MOST_SPACES and any(map(str.isdigit, value))
        return few and form is Form.DATA and kind == "password"
    chosen = kind in ("password", "pin") and form is not Form.CELL  # where passwords would be any words that come next
    return _is_chosen(kind, value, form) if chosen else _is_token(value, form)


def _is_stub(kind: str | None, name: str, value: str) -> bool:
    """Return whether the value is a placeholder, a shortened secret, or an example that a vendor printed."""
    if is_placeholder(value) or _repeats_name(kind, name, value) or _is_made_up(value):
        return True
    if is_working_directory(name, value):
        return True
    return (kind != "password" and is_elided(value)) or _ruled_out().fullmatch(value.encode()) is not None


def _is_hinted(name: str, value: str, form: Form) -> bool:
    """Whether a value is random enough where its name only hints, and no identifier or proof."""
    if form not in _AS_ARGUMENTS and name.lower().endswith(_SIGNATURES):
        return False
    by_chance = is_random(value, shortest=_SHORTEST_UNDER_HINT) and not is_identifier(value)
    return by_chance or (len(value) >= _SHORTEST_UNDER_HINT and not _PATTERN.search(value) and _is_ill_nested(value))


def _is_made_up(value: str) -> bool:
    """Whether somebody typed the value to fill a place: an alphabet, groups that repeat."""
    return (len(value) > _LONGEST_RUN and counts_up(value)) or (repeats_a_group(value) and not is_identifier(value))


@lru_cache(maxsize=1)
def _ruled_out() -> Pattern:
    return compile_bytes("|".join(rule.never for rule in RULES if rule.never).encode())


def _is_chosen(kind: str, value: str, form: Form) -> bool:
    """Return whether people choose such values: a few digits where the name says so, or a password."""
    if kind == "pin" and value.isdigit():
        return len(value) in _LENGTHS_OF_PIN
    return _is_password(value, form)


def _is_password(value: str, form: Form) -> bool:
    """Passwords are short and chosen by people: in data any will do, in a program it needs a digit or a symbol."""
    digits = any(map(str.isdigit, value))
    if not digits and (value.lower() in HEADS or any(map(value.__contains__, _LABELS))):
        return False
    if form in _AS_DATA:
        return len(value) >= _SHORTEST_PASSWORD or digits
    if (
        form in (Form.PROSE, Form.LINE)
        and not digits
        and "." not in value
        and is_random(value, shortest=_SHORTEST_IN_CODE)
    ):
        return True
    if form is Form.PROSE:
        return len(value) >= _SHORTEST_PASSWORD_IN_PROSE and digits and not value.isdigit()
    if value.isdigit():
        return len(value) >= (_SHORTEST_PASSWORD if form is Form.CODE else _SHORTEST_NUMERIC_PASSWORD)
    odd = digits or _has_symbol(value) or is_random(value, shortest=_SHORTEST_IN_DATA)
    return odd and len(value) >= _SHORTEST_PASSWORD_IN_CODE and not _is_expression(value, form)


def _is_token(value: str, form: Form) -> bool:
    """Tokens and keys are long and made by machines."""
    ill_nested = _is_ill_nested(value)
    program = form is Form.CODE and "(" in value and any(map(value.__contains__, "{};,")) and not ill_nested
    if program or RESOURCE.match(value) or _PATTERN.search(value):
        return False
    if value.isdigit() or is_identifier(value):
        return len(value) >= _SHORTEST_NUMBER
    odd = ill_nested and len(value) >= _SHORTEST_WORDY and form not in _LOOSE
    if odd or is_random(value, shortest=_SHORTEST_NUMBER):
        return True
    if form in _LOOSE or is_structured(value):
        return False
    digits = sum(map(str.isdigit, value))
    if form in _AS_DATA and len(value) >= _SHORTEST_IN_DATA:
        return digits > 0 or is_random(value, shortest=_SHORTEST_IN_CODE) or _has_symbol(value)
    mixed = digits > 1 and len(value) >= _SHORTEST_WORDY and wordiness(value) < _WORDY
    by_chance = len(value) >= _SHORTEST_IN_CODE and (mixed or is_random(value, shortest=_SHORTEST_IN_CODE))
    return by_chance and not _is_expression(value, form)


@lru_cache(maxsize=8192)
def name_kind(name: str) -> tuple[str | None, bool]:
    """Say what kind of secret a name holds, and whether it may hold one where the value is random enough."""
    parts = words_of(name)
    if not parts or PUBLIC_WORDS.intersection(parts) or DENYING_WORDS.intersection(parts):
        return None, False
    kind = secret_kind(name)
    if kind is None and parts[-1] == "token" and is_position(parts):
        return None, False
    return kind, kind is not None or (parts[-1] not in OTHER_THINGS and not OPEN_WORDS.intersection(parts))


def _repeats_name(kind: str | None, name: str, value: str) -> bool:
    """Return whether the value only repeats the name: `client_secret = "clientSecret"`, `token: tokenProvider`."""
    squeezed = "".join(filter(str.isalnum, value.lower()))
    whole = "".join(filter(str.isalnum, name.lower()))
    if squeezed and whole and (squeezed in whole or (kind is None and whole in squeezed)):
        return True
    if not value.replace("-", "").replace("_", "").isalpha():
        return False
    own = words_of(name)
    return all(part in own or part in STAND_INS or part in OTHER_THINGS for part in words_of(value))


def _is_ill_nested(value: str) -> bool:
    """Return whether a bracket closes what is not open. Neither a program nor the beginning of one does that."""
    open_now: list[str] = []
    for mark in value.rstrip(_CLOSERS):
        if mark in _BRACKETS:
            open_now.append(_BRACKETS[mark])
        elif mark in _CLOSERS and (not open_now or open_now.pop() != mark):
            return True
    return False


def _has_symbol(value: str) -> bool:
    return any(mark in value for mark in "!@#$%^&*+?~|")


def _is_expression(value: str, form: Form) -> bool:
    """Whether an unquoted value is an expression: `self.password`, `user_token`, `Config.API_KEY`."""
    if form is Form.CODE:
        return False
    return not any(map(str.isdigit, value)) and all(part.isidentifier() or not part for part in value.split("."))
