"""Secrets by what stands before them: a telling name, an operator, a value, in any language's syntax.

`api_key: …`, `"token" => "…"`, `setProperty("X_SECRET", "…")`, `<Password>…</Password>`, `--token …`, `?sig=…`,
`- name: DB_PASSWORD / value: …`. One pass of a linear-time engine finds the candidates; only these are looked at in
Python. Whether the name is telling is decided by its words (`keys`), whether the value could be a secret by its
characters (`plausible`), more strictly where the syntax is that of a program than where it is that of data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from audit_core.masking.judge import Form, is_secret, name_tells
from audit_core.masking.keys import words_of
from audit_core.masking.patterns import Finds, Match, Runs, Span, compile_bytes
from audit_core.masking.result import PLACEHOLDER
from audit_core.masking.wordlist import words

_OF_OTHER_LETTERS = words(
    "hasło şifre sifre парол секрет κωδικό סיסמה 密码 密碼 密钥 密鑰 口令 令牌 パスワ 비밀번호 암호"
)
_TELLING = (
    rb"(?:key|token|secret|passw|passphrase|passcode|pass|pwd|psw|pw|psk|auth|cred|bearer|cookie|jwt|signature|sig|sas"
    rb"|access[_.-]?id|licen[cs]e|webhook|sessionid|sessid|connect\.sid|dsn|mnemonic|seed|otp|pin|cvv|cvc|pat|conn|kennwort|senha"
    rb"|contrase|clave|mdp|geheim|woord|senord|salasana|adgangskode|kodeord|parola|heslo|haslo|jelsz|segredo|"
    + "|".join(sorted(_OF_OTHER_LETTERS)).encode()
    + rb")"
)
_NAME = _TELLING + rb"[\w.\-\x80-\xff]*"
_CLOSE = rb"[\\\"'`\])\[*]{0,16}"
_TYPE = (
    rb"(?:[ \t]+as[ \t]+\w+|[ \t]*:?[ \t]*[&*]?(?:'\w+ )?[A-Za-z_][\w.<>\[\]]*(?: ?\| ?None)?"
    rb"|[ \t]\([\w /-]{1,40}\))?"
)
_OPERATOR = rb"(?:[:?.+|&!~]{0,3}=[=>~]{0,2}|:{1,2}|<-|,)"
_OPENED_ELEMENT = rb">\s*(?:<[\w:.-]+>\s*|<!\[CDATA\[\s*)?"
_ELEMENT = rb"[\"']?" + _OPENED_ELEMENT + rb"|</[\w:.-]+>\s*<[\w:.-]+>"
_ATTRIBUTED = (
    rb"(?:\s+(?:type|class|id|lang|encoding|encrypted|\w{1,20}:\w{1,20})=[\"'][^\"'<>\x00]{0,80}[\"']){1,3}"
    + _OPENED_ELEMENT
)
_OPENED = rb"(?:\{\s*(?:\w{1,20}\s*=\s*[\w\"]{1,40}\s+){0,3})?"
_PAIR = rb"[\\\"']*,?\s+" + _OPENED + rb"[\\\"']*(?:value|val|content|default|string_?value)[\\\"']*\s*(?:=>?|:)"
_OPTION_PAIR = rb"[\"']?\s+--?(?:value|val|body|secret-string|data)[ =]"
_CELL = rb"[\"'`*]{0,3}[ \t]+(?:\|{1,2}|-{1,2}>)[ \t]"
_SIGN = rb"|".join(
    (
        _ATTRIBUTED,
        _CLOSE + _TYPE + rb"[ \t]*" + _OPERATOR,
        _PAIR,
        _OPTION_PAIR,
        _ELEMENT,
        rb"[\"'`]?\s+(?:is|was)\s",
        rb"[ \t]+(?:is|was|has been)(?:[ \t]\w{1,16}){1,3}:",
        _CELL,
    )
)
_CALL = rb"\([ \t]*"
_DEFAULT = rb"[\"')\]]{0,3}[ \t]*(?:\|\||\?\?|\?:|\bor\b|\)[ \t]*\{)[ \t]*"
_JOINED = rb"[:=] ?[\"'][ \t]*[+.]"
_LISTED = _CLOSE + _TYPE + rb"[ \t]*" + _OPERATOR + rb"\s*[\[({]"
_SIGN_BEFORE_QUOTE = rb"|".join((_CALL, _DEFAULT, _JOINED, _LISTED))
_QUOTE = rb"\\*(?:\"\"\"|'''|\"\"|[\"'`]|\[\[)"
_PREFIX = rb"(?:[A-Za-z@$]{0,2}|[\"'])"
_BLOCK = rb"(?:[|>][-+]?\s+|(?:!!str|!vault|&[\w-]{1,40})[ \t]+)?\s*"
_START = rb"[^\s\"'`<>\x00]{4}"
_DIRECTIVE_START = rb"[^\s\"'`<>\x00=:,|(\[{-][^\s\"'`<>\x00]{3}"
_FORMS = (
    # a name, a sign and a value
    rb"(" + _NAME + rb")(" + _SIGN + rb")\s*(?:" + _PREFIX + rb"(" + _QUOTE + rb"))?" + _BLOCK + _START,
    # a name and a quoted value that is an argument, a default, the second half of a sum, the first of a list
    rb"(" + _NAME + rb")(" + _SIGN_BEFORE_QUOTE + rb")\s*" + _PREFIX + rb"(" + _QUOTE + rb")" + _START,
    # an option of a command
    rb"(?:^|[\s\"'`(\x00])-([\w-]*" + _NAME + rb")[\"']?\s+[\"']?" + _START,
    # a directive: a name and a value that fill a line, or follow a word that sets variables
    rb"(?:^|[\n\x00]|(\b(?:setx?|setenv|env|arg)[ \t]+(?:-[a-z]{1,4}[ \t]+)*))[ \t]*[\"']?([\w.\-\x80-\xff]*"
    + _NAME
    + rb")[\"']?[ \t]+"
    + _DIRECTIVE_START,
    # a name and a quoted value
    rb"(" + _NAME + rb")[ \t]+@?(" + _QUOTE + rb")" + _START,
    # a name before a long value
    rb"(" + _NAME + rb")[ \t][\"']?[A-Za-z0-9_./+=~-]{20}",
)
_CANDIDATE = compile_bytes(rb"(?i)" + re.sub(rb"(?<!\\)\((?!\?)", rb"(?:", rb"|".join(_FORMS)))
"""Finds where a value begins; without groups, so that the engine only has to find the end."""
_PARTS = compile_bytes(rb"(?i)(?:" + rb"|".join(_FORMS) + rb")")
_ASSIGNED, _GIVEN, _OPTION, _SETTER, _DIRECTIVE, _QUOTED, _SPACED = 1, 4, 7, 8, 9, 10, 12
_LINKS = {_ASSIGNED: 2, _GIVEN: 5}
_QUOTES = {_ASSIGNED: 3, _GIVEN: 6, _QUOTED: 11}
"""The groups: the name in each form, the sign, the word that sets a variable; the quote before the value."""
_LINE_END = re.compile(rb"[\"' \t]{0,8}(?:[\r\n\x00]|\Z)")
_START_BYTES = 4
_WEIGHT, _JUDGEMENT = 2, 3
"""What a candidate costs: to find, and to judge where its name tells."""
_JUDGED_A_CANDIDATE = 16
_PAIRED = re.compile(rb"(?i)val|content|default")
_JUDGED = 1024
_SPACED_START_BYTES = 20
_TO_CLOSING_TAG = 256
_NAME_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-$" + bytes(range(0x80, 0xC6))
"""With the letters of Latin scripts; what this leaves of a letter of another script is none (see `keys.words_of`)."""
_MAX_NAME = 96
_MAX_QUOTED = 8192
_ASKING = words("""
    get fetch read load find lookup look has have is verify check validate parse decode delete remove revoke
    retrieve require resolve describe list create generate rotate contains compare match matches query test expect
    assert print log raise throw error translate trans t prompt ask
""")
_WORD_BEFORE = re.compile(rb"[A-Za-z]+ \Z")
_MAX_WORD = 24
_BARE = compile_bytes(rb"[^\s\"'`<>\x00]*")
_CUT = compile_bytes(rb"[&?](?:amp;)?[\w.%\[\]-]{1,64}=|[;,](?:$|\s|[\w-]{1,40}=)|\\[nrt]|\\+$|#")
_CLOSERS = b",;.)]}:!?\\"


class _Candidate(NamedTuple):
    """A name and what could be its value.

    `fills`: whether the value must end its line, or it is only the next word. `hints`: whether a name that only hints
    is enough.
    """

    name: tuple[int, int]
    link: bytes
    quote: bytes
    link_end: int
    start: int
    fills: bool
    hints: bool


def find_assigned(text: bytes, spend: Callable[[int], None]) -> Iterator[Span]:
    """Yield the values in `text` that a telling name introduces. `spend` is called with the work of each candidate."""
    position = 0
    end = len(text)
    bare, cuts = Runs(_BARE, text), Finds(_CUT, text)
    while (found := _CANDIDATE.search(text, position)) is not None:
        spend(_WEIGHT)
        match = _PARTS.match(text, *found.span())
        if match is None:
            position = found.start() + 1
            continue
        (name_start, name_end), link, quote, link_end, start, fills, hints = _candidate(text, match)
        position = max(start, match.start() + 1)
        name_start -= _backwards(text, name_start)
        name = text[name_start:name_end].strip(b".-").decode("utf-8", "replace")
        kind, telling = name_tells(name)
        if kind is None and telling:
            kind = name_tells(_word_before(text, name_start) + name)[0]
        if kind is None and not (telling and hints):
            continue
        spend(_JUDGEMENT)
        if _is_no_assignment(text, name_start, name_end, link, start, quoted=bool(quote)):
            continue
        value_end, closed = _value_end(text, bare, start, end, quote)
        form = _form(text, name_start, name, link, quote if closed else b"", text[value_end : value_end + 1])
        if not closed:
            value_end = _trim(text, cuts, start, value_end, form)
        value = text[start : min(value_end, start + _JUDGED)].decode("utf-8", "replace")
        if (fills and not _ends_line(text, value_end)) or _is_no_value(text, link_end, start, value_end, link, quote):
            continue
        spend(len(value) // _JUDGED_A_CANDIDATE)
        judged = value.replace(PLACEHOLDER, "")
        if kind == "authorization":
            start, value_end, judged = _after_scheme(text, bare, start, value_end, judged)
        if judged and start < value_end and is_secret(kind, name, judged, form):
            yield Span(start, value_end, f"assigned/{kind or 'entropy'}")
            position = max(position, value_end)


def _candidate(text: bytes, match: Match) -> _Candidate:
    spans = [match.span(group) for group in range(_SPACED + 1)]
    forms = (_ASSIGNED, _GIVEN, _OPTION, _DIRECTIVE, _QUOTED, _SPACED)
    form = next(group for group in forms if spans[group][0] >= 0)
    start = match.end() - (_SPACED_START_BYTES if form == _SPACED else _START_BYTES)
    linked = spans[_LINKS.get(form, 0)]
    link = text[slice(*linked)] if form in _LINKS else b":" if form == _DIRECTIVE else b" "
    quoted = _QUOTES.get(form, 0)
    quote = text[slice(*spans[quoted])] if quoted and spans[quoted][0] >= 0 else b""
    return _Candidate(
        spans[form], link, quote, linked[1], start, form == _DIRECTIVE and spans[_SETTER][0] < 0, form != _GIVEN
    )


def _ends_line(text: bytes, end: int) -> bool:
    return _LINE_END.match(text, end) is not None


def _is_no_assignment(text: bytes, name_start: int, name_end: int, link: bytes, start: int, *, quoted: bool) -> bool:
    """Whether the sign between name and value only looks like one: in a list, an arrow, a resource name."""
    sign = link.strip()
    if sign == b"(":
        return _asks(text[name_start:name_end].rpartition(b".")[2].decode("utf-8", "replace"))
    if sign[-1:] == b",":  # arguments of a call stand on one line, and the value is a literal; or two cells of a table
        begins = name_start == 0 or text[name_start - 1 : name_start] in b"\n\x00"
        return not (quoted or begins) or b"\n" in text[name_end:start]
    if sign[-1:] == b":":  # a choice `x?"token":"…"`, the scheme of an address, a resource's name
        choice = text[max(0, name_start - 2) : name_start] in (b'?"', b"?'")
        before = text[max(0, name_start - _MAX_NAME) : name_start].rpartition(b" ")[2]
        resource = any(map(before.__contains__, (b"arn:", b"did:", b"urn:")))
        return choice or resource or text[start : start + 2] == b"//"
    if sign[-2:] == b"==":
        return not quoted
    return sign[:1] == b">" and text[name_end - 1 : name_end] == b"-"


def _is_no_value(text: bytes, link_end: int, start: int, value_end: int, link: bytes, quote: bytes) -> bool:
    """Whether what comes next is another thing: after an empty setting, an empty string, a tag that nothing closes."""
    if quote == b'""' and text[start : start + 1] in _CLOSERS:
        return True
    if link.strip()[:1] == b">" and b"</" not in text[value_end : value_end + _TO_CLOSING_TAG]:
        return True
    gap = text[link_end:start]
    return b"\n" in gap and not quote and link.strip()[-1:] in (b"=", b":") and gap.lstrip()[:1] not in (b"|", b">")


def _asks(name: str) -> bool:
    """Whether a function of this name is given what a secret is called, rather than the secret: `get_secret("…")`."""
    return not _ASKING.isdisjoint(words_of(name)[:1])


def _backwards(text: bytes, start: int) -> int:
    before = text[max(0, start - _MAX_NAME) : start]
    return len(before) - len(before.rstrip(_NAME_BYTES))


def _value_end(text: bytes, bare: Runs, start: int, end: int, quote: bytes) -> tuple[int, bool]:
    """Where the value that begins at `start` ends, and whether a closing quote ended it."""
    if quote:
        mark = quote.lstrip(b"\\")
        escapes = len(quote) - len(mark)
        mark = b"]]" if mark == b"[[" else mark
        limit = min(end, start + _MAX_QUOTED)
        if len(mark) == 1 and mark != b"`":
            newline = text.find(b"\n", start, limit)
            limit = newline if newline >= 0 else limit
        at = text.find(mark, start, limit)
        while at >= 0:
            backslashes = 0
            while at - backslashes > start and text[at - backslashes - 1] == 0x5C:  # noqa: PLR2004 - a backslash
                backslashes += 1
            if backslashes <= escapes:
                zero = text.find(b"\x00", start, at)
                return (zero, False) if zero >= 0 else (at - backslashes, True)
            at = text.find(mark, at + 1, limit)
    return bare.end(start), False


def _form(text: bytes, name_start: int, name: str, link: bytes, quote: bytes, following: bytes) -> Form:
    """Name the syntax that a name, what follows it and the quote of the value belong to."""
    operator = link.strip()
    if (not quote and operator[-1:] in (b"|", b",")) or operator[-2:] == b"->":
        return Form.CELL
    tagged = b"<" in operator or (operator[-1:] == b">" and operator[-2:] != b"=>")
    paired = _PAIRED.search(operator) is not None and operator[:1] in b"\\\"',-"
    if tagged or paired or (operator[:1] in b"\"'\\" and operator[-1:] == b":" and quote):
        return Form.DATA
    if operator == b"=" and link == operator and (not quote or name.isupper()):
        before = text[max(0, name_start - 1) : name_start]
        loose = before in b"?&;" or name.isupper() or following in (b"", b"&", b"\x00")
        return Form.SETTING if loose else Form.TIGHT
    if quote:
        return Form.CODE
    if operator == b":":
        return Form.LINE
    return Form.PROSE if operator in (b"is", b"was", b"") else Form.BARE


def _trim(text: bytes, cuts: Finds, start: int, end: int, form: Form) -> int:
    cut = cuts.next(start, end) if form is not Form.PROSE else -1
    end = cut if cut >= 0 else end
    closers = b",;\\" if form is Form.SETTING else _CLOSERS
    while end > start and text[end - 1] in closers:
        end -= 1
    return end


def _word_before(text: bytes, name_start: int) -> str:
    """Give the word before a name, with the blank between them: `api ` before `key`."""
    word = _WORD_BEFORE.search(text[max(0, name_start - _MAX_WORD) : name_start])
    return word.group().decode("ascii") if word else ""


def _after_scheme(text: bytes, bare: Runs, start: int, end: int, judged: str) -> tuple[int, int, str]:
    """Skip the scheme of an Authorization header: in `Bearer abc` the secret is `abc`."""
    head, space, rest = judged.partition(" ")
    if space and head.isalpha() and rest.strip():
        return text.index(b" ", start, end) + 1, end, rest
    if judged.isalpha() and len(judged) <= 16 and text[end : end + 1] == b" ":  # noqa: PLR2004 - an unquoted header line
        start, end = end + 1, bare.end(end + 1)
        return start, end, text[start : min(end, start + _JUDGED)].decode("utf-8", "replace").replace(PLACEHOLDER, "")
    return start, end, judged
