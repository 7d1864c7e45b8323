"""Which key names hold secrets or personal data, however they are spelled.

A name is split into words (`X-Api-Key`, `stripeAPIKey`, `DB_PASSWORD_2`). It holds a secret when its last words, after
words that only tell variants apart, are a secret's name: `db_password` does, `password_policy` and `max_tokens` do not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from audit_core.masking.plausible import is_identifier, is_random
from audit_core.masking.rules.names import (
    ADDRESSES,
    AFTER_SERVICE,
    BEFORE_ADDRESS,
    BENIGN,
    COUNTED,
    COUNTED_BESIDE,
    GLUED_HEADS,
    GLUED_POSITIONS,
    HEADS,
    IDENTIFIERS,
    NOT_SECRET_VALUES,
    NOT_TOKENS,
    PERSONAL,
    USERS,
    VARIANTS,
    WORKING_DIRECTORY,
)
from audit_core.masking.rules.services import BEFORE_KEY, names_service

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_A-Za-z]+")
_MAX_KEY_CHARACTERS = 256
_OPERATION = re.compile(
    r"(?:Get|List|Describe|Create|Delete|Update|Put|Rotate|Revoke|Batch|Change|Reset|Set|Validate|Verify|Import|Export"
    r"|Generate|Enable|Disable|Search|Register)[A-Z]"
)
"""How interfaces name what can be called: `GetSecretValue`, `ListAccessKeys`."""


SERVICE = "service"
"""The kind of `datadog_key`: what a service is called, and a word that says no more than that it is opened."""
_LONGEST_HEAD_WORDS = 4


class KeyInfo(NamedTuple):
    """What a key's name says about its value.

    `secret`: the kind of secret, or None. `personal`: the kind of personal data, or None. `identifier`: whether it is
    an identifier or a quantity. `user`: whether it names a person. `telling`: whether a random value is suspect.
    `benign`: whether it may stay although the object around it is a secret.
    """

    secret: str | None
    personal: str | None
    identifier: bool
    user: bool
    telling: bool
    benign: bool

    @property
    def is_sensitive(self) -> bool:
        """Whether a value under this key must be looked at for what the key says."""
        return self.secret is not None or self.personal is not None or self.telling


def words_of(name: str) -> list[str]:
    """Split a key name into lower-case words."""
    plain = unicodedata.normalize("NFKC", name[-_MAX_KEY_CHARACTERS:])
    return [word.lower() for word in _WORDS.findall(plain)]


def is_position(words: list[str]) -> bool:
    """Whether the word before the last makes a token a position in a list or a piece of text: `next_token`."""
    return len(words) > 1 and words[-2] in NOT_TOKENS


@lru_cache(maxsize=8192)
def secret_kind(name: str) -> str | None:
    """Say what kind of secret a key of this name holds, or None: `password`, `token`, `api-key` and so on."""
    words = words_of(name)
    if name == "Sid" or "/" in name or _OPERATION.match(name):  # a policy statement, a path, an operation
        return None
    while len(words) > 1 and (words[-1] in VARIANTS or words[-1].isdigit()):
        words.pop()
    for count in range(min(_LONGEST_HEAD_WORDS, len(words)), 0, -1):
        kind = HEADS.get("".join(words[-count:]))
        if kind is not None:
            return None if words[-1] == "token" and is_position(words) else kind
    if words and not words[-1].endswith(GLUED_POSITIONS):
        for suffix in GLUED_HEADS:
            if words[-1].endswith(suffix):
                return HEADS[suffix]
    if words and words[-1] in AFTER_SERVICE and names_service(words[:-1], BEFORE_KEY):
        return SERVICE
    return None


def _personal_kind(words: list[str]) -> str | None:
    """Return the kind of personal data that a key of these words holds, or None."""
    last = words[-1] if words else ""
    if last in ADDRESSES or (last in ("addr", "address") and not BEFORE_ADDRESS.isdisjoint(words[-2:-1])):
        return "ip"
    squeezed = "".join(words)
    heads = (head for head in PERSONAL if squeezed == head or (squeezed.endswith(head) and last != "id"))
    return PERSONAL.get(next(heads, ""))


@lru_cache(maxsize=8192)
def classify(name: str) -> KeyInfo:
    """Say what a key of this name may hold."""
    words = words_of(name)
    squeezed = "".join(words)
    last = words[-1] if words else ""
    return KeyInfo(
        secret=secret_kind(name),
        personal=_personal_kind(words),
        identifier=last in IDENTIFIERS or last.isdigit(),
        user=squeezed in USERS,
        telling=names_service(words)
        or (
            last in ("key", "auth")
            and not squeezed.endswith("s3key")
            and len(words) > 1
            and "/" not in name
            and not {"public", "foreign", "primary", "sort", "cache", "partition", "idempotency", "object", "row"}
            & set(words)
        ),
        benign="_".join(words) in BENIGN or squeezed in BENIGN,
    )


RESOURCE = re.compile(r"(?!SK)[A-Z]{2}[0-9a-f]{32}\Z|S-1-\d{1,14}(?:-\d{1,10}){1,15}\Z")
"""A SID of Twilio, except that of an API key, or a SID of Windows (MS-DTYP, 2.4.2)."""
_DIRECTORY = re.compile(r"[/~.]|[A-Za-z]:[/\\]")
_SHORTEST_TOKEN = 6
_LONG_TOKEN = 20
_LONG_IDENTIFIER = 32


def is_working_directory(name: str, value: str) -> bool:
    """Return whether a shell's own variable holds a directory. In settings of databases `PWD` is a password."""
    return name in WORKING_DIRECTORY and _DIRECTORY.match(value) is not None


def is_count(name: str, value: object, beside: Iterable[str]) -> bool:
    """Return whether a member counts passed tests, as a name beside it shows: `{"pass": 42, "fail": 1}`."""
    number = isinstance(value, int) or (isinstance(value, str) and value.isdigit())
    return number and name.lower() in COUNTED and any(other.lower() in COUNTED_BESIDE for other in beside)


def holds_secret(kind: str, value: str) -> bool:
    """Whether the value under a key of this kind is to be masked. Passwords and keys always are.

    Where the name has an everyday meaning too (a token of text, an authentication method), a plain word stays.
    """
    if kind in ("password", "secret", "api-key", "custom"):
        return bool(value)
    if not value.strip() or value.lower() in NOT_SECRET_VALUES:
        return False
    if kind == SERVICE:
        return is_random(value) or (is_identifier(value) and len(value) >= _LONG_IDENTIFIER)
    if kind == "token":
        return (len(value) >= _SHORTEST_TOKEN and not RESOURCE.match(value)) and (
            any(map(str.isdigit, value))
            or (len(value) >= _LONG_TOKEN and " " not in value)
            or is_random(value, shortest=8)
        )
    if kind == "pin":
        return any(map(str.isdigit, value))
    return kind != "webhook" or "://" in value
