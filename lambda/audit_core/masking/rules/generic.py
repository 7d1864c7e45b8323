"""Tokens of vendors that nobody need know: their first letters say what they are, or a service's name before them."""

from __future__ import annotations

from audit_core.masking.rules.rule import ALNUM, Rule
from audit_core.masking.rules.services import spellings

_CONVENTION = "GitHub Blog: behind GitHub's new authentication token formats, identifiable prefixes"
_KINDS = ("sk", "pat", "apikey", "api_key", "token", "api_token", "access_token", "secret", "key_live", "key_test")

RULES: tuple[Rule, ...] = (
    Rule(
        "prefixed/secret",
        tuple(f"{kind}_" for kind in _KINDS),
        rf"(?:[a-z][a-z0-9]{{1,9}}_){{0,2}}{ALNUM}{{24,}}",
        _CONVENTION,
        random=True,
    ),
    Rule(
        "service/value",
        spellings(),
        r"(?:[ _-]?(?:api|API|Api))?[\"'`\])\\]{0,4}[ \t]{0,8}"
        r"(?:(?::=|=>|[:=]{1,3}|,|>|\|| -)[ \t]{0,8}[\"'`\\]{0,4}|[ \t][\"'`])"
        rf"({ALNUM}{{20,}})={{0,2}}(?:[\"'`\s,;&<}}\\)]|$)",
        "this kit: what services are called",
        hidden=True,
        random=True,
    ),
)
