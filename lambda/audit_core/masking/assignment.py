"""Secrets by what stands before them: a telling name, an operator, a value, in any language's syntax.

`api_key: …`, `"token" => "…"`, `setProperty("X_SECRET", "…")`, `<Password>…</Password>`, `--token …`, `?sig=…`,
`- name: DB_PASSWORD / value: …`. One pass of a linear-time engine finds the candidates; only these are looked at in
Python. Whether the name is telling is decided by its words (`keys`), whether the value could be a secret by its
characters (`plausible`), more strictly where the syntax is that of a program than where it is that of data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from audit_core.masking.judge import Form, is_secret, name_kind
from audit_core.masking.keys import words_of
from audit_core.masking.patterns import Finds, Match, Pattern, Runs, Span, compile_bytes
from audit_core.masking.result import PLACEHOLDER
from audit_core.masking.rules.names import ASKING, OF_OTHER_LETTERS

_TELLING = (
    rb"(?:key|token|secret|passw|passphrase|passcode|pass|pwd|psw|pw|psk|auth|cred|bearer|cookie|jwt|signature|sig|sas"
    rb"|access[_.-]?id|licen[cs]e|webhook|sessionid|sessid|connect\.sid|dsn|mnemonic|seed|otp|pin|cvv|cvc|pat|conn|kennwort|senha"
    rb"|contrase|clave|mdp|geheim|woord|senord|salasana|adgangskode|kodeord|parola|heslo|haslo|jelsz|segredo|"
    + "|".join(sorted(OF_OTHER_LETTERS)).encode()
    + rb")"
)
_NAME = _TELLING + rb"[\w.\-\x80-\xff]*"
_TAG = rb"(?:</\w{1,10}>|\[/\w{1,8}\])"
_CLOSE = rb"[\\\"'`\])\[*~]{0,16}" + _TAG + rb"{0,2}"
_EMPHASIS_ENDS = rb"(?:[*_~`]{1,3}\s|" + _TAG + rb"{1,2})?"
"""Ends an emphasis that holds the sign as well: `**Password:** …`."""
_DASH = rb"(?:-{1,2}|\xe2\x80[\x90-\x95]|\xe2\x88\x92|\xe2\x86\x92|\xe2\x87\x92|\xe2\x9e[\x94-\xbe])"
_TYPE = (
    rb"(?:[ \t]+as[ \t]+\w+|[ \t]*:?[ \t]*[&*]?(?:'\w+ )?[A-Za-z_][\w.<>\[\]]*(?: ?\| ?None)?"
    rb"|[ \t]\([\w /-]{1,40}\))?"
)
_OPERATOR = rb"(?:[:?.+|&!~]{0,3}=[=>~]{0,2}|:{1,2}|<-)"
_OPENED_ELEMENT = rb">\s*(?:<[\w:.-]+>\s*|<!\[CDATA\[\s*|\{(?:[\w.-]{1,40} ){1,2})?"
_ELEMENT = rb"[\"']?" + _OPENED_ELEMENT + rb"|</[\w:.-]+>\s*<[\w:.-]+>"
_ATTRIBUTED = (
    rb"(?:\s+(?:type|class|id|lang|encoding|encrypted|\w{1,20}:\w{1,20})=[\"'][^\"'<>\x00]{0,80}[\"']){1,3}"
    + _OPENED_ELEMENT
)
_OPENED = rb"(?:\{\s*(?:\w{1,20}\s*=\s*[\w\"]{1,40}\s+){0,3})?"
_PAIR = rb"[\\\"']*,?\s+" + _OPENED + rb"[\\\"']*(?:value|val|content|default|string_?value)[\\\"']*\s*(?:=>?|:)"
_OPTION_PAIR = rb"[\"']?\s+--?(?:value|val|body|secret-string|data)[ =]"
_CELL = rb"[\"'`*]{0,3}[ \t]+(?:\|{1,2}[ \t]?|-{1,2}>[ \t])"
_SIGN = rb"|".join(
    (
        _ATTRIBUTED,
        _CLOSE + rb"(?:" + _TYPE + rb"[ \t]*" + _OPERATOR + rb"|[ \t]*,)",
        _PAIR,
        _OPTION_PAIR,
        _ELEMENT,
        rb"[\"'`]?\s+(?:is|was)\s",
        rb"[ \t]+(?:is|was|has been)(?:[ \t]\w{1,16}){1,3}:",
        _CELL,
        rb"[\"'`*_~)\]]{0,4}[ \t]+" + _DASH + rb"[ \t]",
    )
)
_CALL = rb"\([ \t]*"
_DEFAULT = rb"[\"')\]]{0,3}[ \t]*(?:\|\||\?\?|\?:|\bor\b|\)[ \t]*\{)[ \t]*"
_JOINED = rb"[:=] ?[\"'][ \t]*[+.]"
_COLLECTION = (
    rb"(?:(?:new[ \t]+)?(?:\w{1,16}\.)?(?:array|list|set|tuple|vec!|of|aslist|(?:list|set|array)of|frozenset|hashset)"
    rb"(?:<\w{0,16}>)?\(?|\[\][ \t]?\w{1,16}|@)?"
)
_LISTED = _CLOSE + _TYPE + rb"[ \t]*" + _OPERATOR + rb"\s*" + _COLLECTION + rb"[\[({]"
_SIGN_BEFORE_QUOTE = rb"|".join((_CALL, _DEFAULT, _JOINED, _LISTED))
_QUOTE = rb"\\*(?:\"\"\"|'''|\"\"|[\"'`]|\[\[)"
_PREFIX = rb"(?:[A-Za-z@$]{0,2}|[\"'])"
_BLOCK = rb"(?:[|>][-+]?\s+|(?:!!str|!vault|&[\w-]{1,40})[ \t]+)?\s*"
_FIRST_OF_BLOCK = rb"[ \t]*\r?\n[ \t]*-[ \t]+"
_CHOSEN = (
    rb"(?:pass(?:word|wd|wort|phrase|code)?|pwd|pw|pin|kennwort|senha|contrase\xc3\xb1a|wachtwoord|parola|has\xc5\x82o)"
)
_LEAD = rb"\b(?:with|using|use|and|by|via|enter|type|the|is|login|user(?:name)?[ \t:=]+[^\s\x00]+)"
_START = rb"[^\s\"'`<>\x00]{4}"
_DIRECTIVE_START = rb"[^\s\"'`<>\x00=:,|(\[{-][^\s\"'`<>\x00]{3}"
_TOLD_VALUE = rb"([\"'`]?)([^\s\"'`<>\x00]*[0-9])"
_FORMS = (
    # a name and a quoted value that is an argument, a default, the second half of a sum, the first of a list
    rb"(" + _NAME + rb")(" + _SIGN_BEFORE_QUOTE + rb")\s*" + _PREFIX + rb"(" + _QUOTE + rb")" + _START,
    # a name, a sign and a value
    rb"("
    + _NAME
    + rb")("
    + _SIGN
    + rb")"
    + _EMPHASIS_ENDS
    + rb"(?:"
    + _FIRST_OF_BLOCK
    + rb"|\s*)(?:"
    + _PREFIX
    + rb"("
    + _QUOTE
    + rb"))?"
    + _BLOCK
    + _START,
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
    # a password in a sentence
    _LEAD + rb"[ \t]+(?:(?:the|a|this|my|your|new)[ \t]+){0,2}(" + _CHOSEN + rb")[ \t]+" + _TOLD_VALUE,
    rb"("
    + _NAME
    + rb")[ \t]+(?:(?:is|was|has been|been|now|set|reset|changed|updated)[ \t]+){0,3}(?:to|as|of)[ \t]+"
    + _TOLD_VALUE,
    # a quoted value before the name that it is compared with
    rb"([\"'`])([^\s\"'`\x00]{4})[^\s\"'`\x00]*[\"'`][ \t]*[!=]==?[ \t]*([\w.-]*" + _NAME + rb")",
)
_CANDIDATE = compile_bytes(rb"(?i)" + re.sub(rb"(?<!\\)\((?!\?)", rb"(?:", rb"|".join(_FORMS)))
"""Finds where a value begins; without groups, so that the engine only has to find the end."""
_GIVEN, _ASSIGNED, _OPTION, _SETTER, _DIRECTIVE, _QUOTED, _SPACED = 1, 4, 7, 8, 9, 10, 12
_TOLD, _SET, _COMPARED = 13, 16, 21
_NAMES = (_ASSIGNED, _QUOTED, _SPACED, _GIVEN, _OPTION, _DIRECTIVE, _TOLD, _SET, _COMPARED)
_LINKS = {_GIVEN: 2, _ASSIGNED: 5}
_SIGNS = {_DIRECTIVE: b":", _COMPARED: b"=="}
_VALUES = {_TOLD: 15, _SET: 18, _COMPARED: 20}
_QUOTES = {_GIVEN: 3, _ASSIGNED: 6, _QUOTED: 11, _TOLD: 14, _SET: 17, _COMPARED: 19}
"""The groups: the name in each form, the sign, the word that sets a variable; the quote before the value."""
_LINE_END = re.compile(rb"[\"' \t]{0,8}(?:[\r\n\x00]|\Z)")
_START_BYTES = 4
_WEIGHT, _JUDGEMENT = 2, 3
"""The cost of a candidate: to find it, and to judge it when its name is sensitive."""
_JUDGED_A_CANDIDATE = 16
_PAIRED = re.compile(rb"(?i)val|content|default")
_JUDGED = 1024
_SPACED_START_BYTES = 20
_MOST_DULL = 64
"""A list ends after this number of items in a row without a secret. It is a sentence, and costly to read to its end."""
_TO_CLOSING_TAG = 256
_NAME_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-$" + bytes(range(0x80, 0xC6))
"""With the letters of Latin scripts; what this leaves of a letter of another script is none (see `keys.words_of`)."""
_MAX_NAME = 96
_MAX_QUOTED = 8192
_WORD_BEFORE = re.compile(rb"(?:[A-Za-z]+ ){1,2}\Z")
_MAX_WORD = 24
_BARE = compile_bytes(rb"[^\s\"'`<>\x00]*")
_CUT = compile_bytes(rb"[&?](?:amp;)?[\w.%\[\]-]{1,64}=|[;,](?:$|\s|[\w-]{1,40}=)|\\[nrt]|\\+$|#")
_CLOSERS = b",;.)]}:!?\\"
_OPENERS = (b"[", b"(", b"{")
_LIST_OPENS = re.compile(rb"(?:%[wi])?[\[({][ \t]*(?=[^\s\"'`<>,;\[({)\]}$\x00]+[\s,;])")
_NEXT_ITEM = re.compile(
    rb"[\"'`]?(?:[!?]{0,4}[ \t]*[,;]\s*|[ \t]*\r?\n[ \t]*-[ \t]+|[ \t]+)@?([\"'`]?)(?=[^\s\"'`,;)\]}\x00-])"
)
_TAGS = re.compile(_TAG)
_IS_DASH = re.compile(_DASH)
_OF_DSN = rb"(?:host|hostaddr|port|user|dbname|sslmode|server|database)[ \t]?="
_DSN_BEFORE = re.compile(rb"(?i)(?:\A|[\s\"'`(;])" + _OF_DSN + rb"[ \t]?[^\s,]+[ \t;]\s*\Z")
_DSN_AFTER = re.compile(rb"(?i)[\"']?[ \t]+" + _OF_DSN + rb"[ \t]?[^\s,]")


class _Candidate(NamedTuple):
    """A name and what could be its value.

    `fills`: whether the value must end its line, or it is only the next word. `stands`: the same, unless the value
    mixes letters and digits. `hints`: whether a name that only hints is enough.
    """

    name: tuple[int, int]
    link: bytes
    quote: bytes
    link_end: int
    start: int
    fills: bool
    stands: bool
    hints: bool


def find_assigned(text: bytes, spend: Callable[[int], None]) -> Iterator[Span]:
    """Yield the values in `text` that a telling name introduces. `spend` is called with the work of each candidate."""
    position = 0
    reader = _Reader(text)
    while (found := _CANDIDATE.search(text, position)) is not None:
        spend(_WEIGHT)
        match = _parts().match(text, *found.span())
        if match is None:
            position = found.start() + 1
            continue
        candidate = _candidate(match)
        position = max(candidate.start, match.start() + 1)
        name_start, name_end = candidate.name
        name_start -= _backwards(text, name_start)
        name = text[name_start:name_end].strip(b".-").decode("utf-8", "replace")
        kind, telling = name_kind(name)
        if kind is None and telling:
            kind = name_kind(_words_before(text, name_start) + name)[0]
        if kind is None and not (telling and candidate.hints):
            continue
        spend(_JUDGEMENT)
        quoted = bool(candidate.quote)
        if _is_no_assignment(text, name_start, name_end, candidate.link, candidate.start, quoted=quoted):
            continue
        for start, end in reader.values(name_start, name, kind, candidate, spend):
            yield Span(start, end, f"assigned/{kind or 'entropy'}")
            position = max(position, end)


@cache
def _parts() -> Pattern:
    """Return the same pattern with its groups. Few texts hold a candidate: it is compiled at the first one."""
    return compile_bytes(rb"(?i)(?:" + rb"|".join(_FORMS) + rb")")


class _Reader:
    """Reads the values after the names in one text."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._bare, self._cuts = Runs(_BARE, text), Finds(_CUT, text)

    def values(
        self, name_start: int, name: str, kind: str | None, candidate: _Candidate, spend: Callable[[int], None]
    ) -> Iterator[tuple[int, int]]:
        """Yield the places of the secrets after a name: one value, or the items of a list."""
        text, start, quote = self._text, candidate.start, candidate.quote
        is_list = candidate.link.rstrip()[-1:] in _OPENERS or b"-" in text[candidate.link_end : start].split()
        several = kind is not None and name[-1:] in "sS" and name[-2:].lower() != "ss"
        opened = None if quote else _LIST_OPENS.match(text, start)
        if opened is not None:
            is_list, start = True, opened.end()
        dull = 0
        while dull < _MOST_DULL:
            end, closed = self._value_end(start, quote)
            form = _form(text, name_start, name, candidate.link, quote if closed else b"", text[end : end + 1])
            if not closed:
                end = self._trim(start, end, Form.LINE if opened else form)
            if form in (Form.TIGHT, Form.CODE) and candidate.link == b"=" and _in_dsn(text, name_start, end):
                form = Form.SETTING
            value = text[start : min(end, start + _JUDGED)].decode("utf-8", "replace")
            alone = candidate.stands and (closed or _is_mixed(value))
            if (candidate.stands or candidate.fills) and not alone and not _ends_line(text, end):
                return
            if _is_no_value(text, candidate.link_end, start, end, candidate.link, quote):
                return
            spend(_JUDGEMENT + len(value) // _JUDGED_A_CANDIDATE)
            judged = value.replace(PLACEHOLDER, "")
            if kind == "authorization":
                start, end, judged = self._after_scheme(start, end, judged)
            sure = quote or not is_list or _is_mixed(judged) or kind not in ("password", "pin")
            dull += 1
            if judged and start < end and sure and is_secret(kind, name, judged, form):
                yield start, end
                dull = 0
            following = _NEXT_ITEM.match(text, end) if is_list or several else None
            if following is None:
                return
            start, quote = following.end(), following[1]

    def _value_end(self, start: int, quote: bytes) -> tuple[int, bool]:
        """Where the value that begins at `start` ends, and whether a closing quote ended it."""
        text = self._text
        if quote:
            mark = quote.lstrip(b"\\")
            escapes = len(quote) - len(mark)
            mark = b"]]" if mark == b"[[" else mark
            limit = min(len(text), start + _MAX_QUOTED)
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
        return self._bare.end(start), False

    def _trim(self, start: int, end: int, form: Form) -> int:
        cut = self._cuts.next(start, end) if form is not Form.PROSE else -1
        end = cut if cut >= 0 else end
        closers = b",;\\" if form is Form.SETTING else _CLOSERS
        while end > start and self._text[end - 1] in closers:
            end -= 1
        return end

    def _after_scheme(self, start: int, end: int, judged: str) -> tuple[int, int, str]:
        """Skip the scheme of an Authorization header: in `Bearer abc` the secret is `abc`."""
        text = self._text
        head, space, rest = judged.partition(" ")
        if space and head.isalpha() and rest.strip():
            return text.index(b" ", start, end) + 1, end, rest
        if judged.isalpha() and len(judged) <= 16 and text[end : end + 1] == b" ":  # noqa: PLR2004 - an unquoted header line
            start, end = end + 1, self._bare.end(end + 1)
            value = text[start : min(end, start + _JUDGED)].decode("utf-8", "replace")
            return start, end, value.replace(PLACEHOLDER, "")
        return start, end, judged


def _candidate(match: Match) -> _Candidate:
    form = next(group for group in _NAMES if match.start(group) >= 0)
    if form in _VALUES:
        start = match.start(_VALUES[form])
    else:
        start = match.end() - (_SPACED_START_BYTES if form == _SPACED else _START_BYTES)
    link = match.group(_LINKS[form]) if form in _LINKS else _SIGNS.get(form, b" ")
    return _Candidate(
        name=match.span(form),
        link=link,
        quote=(match.group(_QUOTES[form]) or b"") if form in _QUOTES else b"",
        link_end=match.end(_LINKS[form]) if form in _LINKS else start,
        start=start,
        fills=form == _DIRECTIVE and match.start(_SETTER) < 0,
        stands=form == _TOLD,
        hints=form not in (_GIVEN, _TOLD, _SET, _COMPARED),
    )


def _in_dsn(text: bytes, name_start: int, value_end: int) -> bool:
    """Return whether a setting is part of a connection string, as in libpq: `host=db password=x dbname=y`."""
    before = text[max(0, name_start - _MAX_NAME) : name_start]
    return _DSN_AFTER.match(text, value_end) is not None or _DSN_BEFORE.search(before) is not None


def _is_mixed(value: str) -> bool:
    """Return whether the value mixes letters and digits, unlike a word or a number: `Hunter2xyz`, `k3-vz`."""
    capitals = any(map(str.isupper, value))
    return any(map(str.isdigit, value)) and any(map(str.islower, value)) and (capitals or not value.isalnum())


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
    bare = b"\n" in gap and not quote and link.strip()[-1:] in (b"=", b":")
    return bare and gap.lstrip()[:1] not in (b"|", b">", b"-")


def _asks(name: str) -> bool:
    """Whether a function of this name is given what a secret is called, rather than the secret: `get_secret("…")`."""
    return not ASKING.isdisjoint(words_of(name)[:1])


def _backwards(text: bytes, start: int) -> int:
    before = text[max(0, start - _MAX_NAME) : start]
    return len(before) - len(before.rstrip(_NAME_BYTES))


def _form(text: bytes, name_start: int, name: str, link: bytes, quote: bytes, following: bytes) -> Form:
    """Name the syntax that a name, what follows it and the quote of the value belong to."""
    operator = (
        _TAGS.sub(b"", link).strip(b"*_~`)] \t\r\n") if link[-1:].isspace() or link[-1:] in b":=" else link.strip()
    )
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
    return Form.PROSE if not operator or operator[-1:].isalpha() or _IS_DASH.fullmatch(operator) else Form.BARE


def _words_before(text: bytes, name_start: int) -> str:
    """Return one or two words before a name, with their blanks: `api ` before `key`, `mot de ` before `passe`."""
    word = _WORD_BEFORE.search(text[max(0, name_start - _MAX_WORD) : name_start])
    return word.group().decode("ascii") if word else ""
