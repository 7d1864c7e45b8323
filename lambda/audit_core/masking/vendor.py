"""Secrets by their documented shape: one pass over the text finds the marks, and only at a mark is a pattern tried."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

import ahocorasick_rs

from audit_core.masking.links import opening
from audit_core.masking.patterns import Pattern, Span, compile_bytes
from audit_core.masking.placeholder import STAND_INS, is_elided, is_placeholder, is_reference, stands_in
from audit_core.masking.plausible import (
    counting,
    is_identifier,
    is_random,
    repeats_a_group,
    wordiness,
)
from audit_core.masking.rules import RULES, Rule
from audit_core.masking.rules.links import LINK
from audit_core.masking.rules.names import GLUED_MARKS, OBJECT_NAMES, UNIQUE_MARKS, WORD_MARKS

_WINDOW = 4096
_BEHIND = 128
_UNMISTAKABLE_MARK = 6
_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LONGEST_WORD = 16
_MARKS = _LETTERS + b"0123456789"
_AFTER_MARKS = (b"_", b"-")
_BACKSLASH, _PERCENT = b"\\%"
_CHUNK = 1 << 18
_HITS_A_CANDIDATE = 8
_WEIGHT = 3
_JUDGED = 256
_WORDS_WITHOUT_DIGITS, _WORDS_WITH_DIGITS, _WORDS_IN_PLAIN_SIGHT = 0.6, 1.5, 3.0
"""How much a tail may look like words (see `wordiness`), by what else speaks for a token."""
_SHORTEST_RANDOM, _SHORTEST_IDENTIFIER = 20, 32
_LEFT_OUT = "xX0*."
_MARK_OF_FORMAT = 4
_TYPED_GROUPS = 4
_FEWEST_PARTS = 3
_WORDS_OF_A_SLUG = 0.3
_JOINT = re.compile(r"[-_.]")
_PART = re.compile(r"[a-z]{0,16}|[A-Z][a-z]{1,15}|[A-Z]{1,12}|[0-9]{1,8}|[a-z]{1,3}[0-9]{1,4}|[0-9]{1,4}[a-z]{1,3}")
"""A word, a number, a version (`v2`), a quantity (`95th`)."""
_MOST_COUNTING = 0.6
"""How much of a tail of many groups may count up (`abc123xyz-456def…`), as people type who make up an example."""
_JOINTS = (b"_", b"-")
_FINGERPRINTED = b".ico-"
"""In `favicon.ico-<digest>` a digest follows; after another point, a token may follow the same letters."""
_NO_WORD = rb"(?:[^A-Za-z0-9]|\z)"
_IN_BASE64 = re.compile(rb"(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9+/]{24}")


class VendorRules:
    """The rules, ready to search with. Patterns are compiled when first needed: most calls need few of them."""

    def __init__(self, rules: Iterable[Rule] = RULES) -> None:
        by_mark: dict[bytes, list[Rule]] = {}
        for rule in rules:
            for mark in rule.marks:
                by_mark.setdefault(mark.encode(), []).append(rule)
        self._rules = [
            tuple((rule, _head(rule), _needs_boundary(rule, mark)) for rule in found) for mark, found in by_mark.items()
        ]
        self._short = frozenset(
            index
            for index, (mark, found) in enumerate(by_mark.items())
            if all(_needs_boundary(rule, mark) for rule in found) and _is_plain(mark)
        )
        self._glued = frozenset(index for index, mark in enumerate(by_mark) if mark in GLUED_MARKS)
        self._unique = frozenset(index for index, mark in enumerate(by_mark) if mark in UNIQUE_MARKS)
        self._longest = max(map(len, by_mark))
        self._marks = ahocorasick_rs.BytesAhoCorasick(list(by_mark), implementation=ahocorasick_rs.Implementation.DFA)

    def find(self, text: bytes, spend: Callable[[int], None]) -> Iterator[Span]:
        """Yield what has a documented shape. `spend` is called with the work of each mark that is looked at."""
        done, short = 0, self._short
        for offset in range(0, len(text), _CHUNK):
            chunk = text[max(0, offset - self._longest) : offset + _CHUNK]
            base = max(0, offset - self._longest)
            hits = self._marks.find_matches_as_indexes(chunk, overlapping=True)
            spend(len(hits) // _HITS_A_CANDIDATE)
            for index, start, end in hits:
                place = base + start
                if base + end <= offset or place < done:
                    continue
                if (  # skips most marks in the middle of a word at once
                    index in short
                    and place > 2  # noqa: PLR2004 - an escape has three characters at most
                    and text[place - 1] in _WORD
                    and text[place - 2] != _BACKSLASH
                    and text[place - 3] != _PERCENT
                    and not (index in self._glued and _after_word(text, place))
                ):
                    continue
                for rule, head, bounded in self._rules[index]:
                    if head is not None and not head.match(text, base + end):
                        continue
                    is_glued = bounded and not _at_boundary(text, place, base + end)
                    if is_glued and not self._may_be_glued(text, place, index):
                        continue
                    spend(_WEIGHT)
                    by_chance = is_glued and index not in self._unique
                    span = _at_mark(text, rule, place, base + end, by_chance=by_chance)
                    if span is not None:
                        yield span
                        done = max(done, _last_word(text, span))

    def _may_be_glued(self, text: bytes, place: int, index: int) -> bool:
        return _after_word(text, place) if index in self._glued else index not in self._short


def _last_word(text: bytes, span: Span) -> int:
    """Give where a finding ends, or where the word begins that it ends within: that may be the mark of another."""
    if text[span.end : span.end + 1] not in _AFTER_MARKS:
        return span.end
    found = text[max(span.start, span.end - _LONGEST_WORD) : span.end]
    return span.end - len(found) + len(found.rstrip(_MARKS))


_USERINFO = "url/userinfo"
_SENTRY_DSN = re.compile(rb"[0-9a-f]{32}@o\d+\.ingest(?:\.[a-z]+)?\.sentry\.io/")
"""What Sentry says is no secret: the address that clients report to."""
_SQL = "mysql/identified-by"
_BASIC = "authorization/basic"
_URL_SAFE = str.maketrans("-_", "+/")
_COUNTED = re.compile(r"(\[[^\]]+\])\{(\d+)[,}]")


def _head(rule: Rule) -> re.Pattern[bytes] | None:
    """Give a pattern of fixed length for how the tail must begin: far cheaper to try than the tail itself."""
    if rule.hidden and rule.before:  # the tail is short; each e-mail address has such a mark
        return re.compile(rule.tail.encode())
    counted = _COUNTED.match(rule.tail)
    if counted is not None and "|" not in rule.tail:
        return re.compile(f"{counted[1]}{{{counted[2]}}}".encode())
    if rule.id == _USERINFO:
        return re.compile(rb"[^\s/?#@\"'<>\x00]{1,2048}+@")
    return None if rule.hidden or rule.certain else re.compile(rb"[\w.+/=~%$:-]{6}")


def _needs_boundary(rule: Rule, mark: bytes) -> bool:
    """Return whether a token begins with the mark. Then the mark must not end another word."""
    return not rule.before and not rule.hidden and (mark[0] in _WORD or _is_plain(mark))


def _is_plain(mark: bytes) -> bool:
    """Whether the mark is too short, or too plain, to begin a token inside a word."""
    return len(mark) < _UNMISTAKABLE_MARK or len(set(mark)) == 1


@lru_cache(maxsize=2048)
def _tail(rule: Rule, *, is_bounded: bool) -> Pattern:
    r"""Compile the pattern of what follows a mark. Its first group is the secret.

    `is_bounded`: no letter or digit may follow. `\b` in a rule means the same. The engine's own `\b` counts `_` as part
    of a word and would miss a token before it.
    """
    tail = rule.tail.encode()
    if re.compile(tail).groups:
        return compile_bytes(tail.replace(rb"\b", _NO_WORD))
    return compile_bytes(rb"(" + tail.replace(rb"\b", rb"") + rb")" + (_NO_WORD if is_bounded else rb""))


@lru_cache(maxsize=16)
def _never(rule: Rule) -> Pattern:
    return compile_bytes(rule.never.encode())


@lru_cache(maxsize=256)
def _before(rule: Rule) -> Pattern:
    return compile_bytes(b"(?:" + rule.before.encode() + rb")\z")


def _at_mark(text: bytes, rule: Rule, start: int, end: int, *, by_chance: bool) -> Span | None:  # noqa: C901, PLR0911, PLR0912 - one reason a line
    """Try one rule at its mark. `by_chance`: the mark may end a word by chance, so the tail must decide."""
    is_short = not rule.hidden and end - start < _UNMISTAKABLE_MARK
    is_bounded = "\\b" in rule.tail or (is_short and not rule.before)
    match = _tail(rule, is_bounded=is_bounded).match(text, end, min(len(text), end + _WINDOW))
    if match is None:
        return None
    first, stop = match.span(1)
    if is_short and stop < len(text) and text[stop] in _WORD:
        return None
    if rule.before:
        window = text[max(0, start - _BEHIND) : start]
        before = _before(rule).search(window)
        if before is None:
            return None
        base = start - len(window)
        start = base + before.start()
        if not _at_boundary(text, start, end):
            return None
        if rule.hidden:
            first, stop = base + before.start(1), base + before.end(1)
    if rule.id == LINK:
        part = opening(text[start + 1 : end - 1].decode(), text[first:stop])
        return None if part is None else Span(first + part[0], first + part[1], rule.id)
    if rule.hidden:
        start = first
    tail = text[first : min(stop, first + _JUDGED)].decode("utf-8", "replace")
    if text[start - 1 : end] == _FINGERPRINTED and is_identifier(tail):
        return None
    if rule.id == _USERINFO and _SENTRY_DSN.match(text, start):
        return None
    if rule.id == _USERINFO and ":" in tail:
        # People choose these passwords, so they look like words; only what marks an empty place is none.
        return None if stands_in(tail.partition(":")[2]) else Span(start, stop, rule.id)
    if rule.id == _BASIC and not _is_user_pass(tail):
        return None
    if rule.certain:
        last = tail.rpartition(":")[2]
        empty = (
            is_reference(last) if rule.before else last.lower() in STAND_INS or (rule.id == _SQL and stands_in(last))
        )
        return None if empty else Span(start, stop, rule.id)
    if _blanked(text[stop : stop + 4]) or not _machine_made(
        tail, mark=0 if rule.hidden else end - start, issued=not rule.hidden
    ):
        return None
    if rule.never and _never(rule).fullmatch(text[start:stop]):
        return None
    if (rule.random or by_chance) and not (is_random(tail, shortest=_SHORTEST_RANDOM) or _is_long_identifier(tail)):
        return None
    return Span(start, stop, rule.id)


def _is_long_identifier(tail: str) -> bool:
    return len(tail) >= _SHORTEST_IDENTIFIER and is_identifier(tail)


def _is_user_pass(tail: str) -> bool:
    """Whether base64 holds a name, a colon and a password, as RFC 7617 has it; words after `basic` do not."""
    digits = tail.translate(_URL_SAFE).rstrip("=")
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    return b":" in base64.b64decode(digits + "=" * (-len(digits) % 4))


def _blanked(following: bytes) -> bool:
    """Whether the token goes on as somebody left it out: `xoxb-1234-####`."""
    return len(following) == 4 and len(set(following)) == 1 and following[:1] in b"#*.xX"  # noqa: PLR2004


def _at_boundary(text: bytes, start: int, end: int) -> bool:
    r"""Return whether a token can begin at `start`, with a mark that ends at `end`.

    No letter or digit may stand before it, except at the end of an escape such as `\n` or `%3D`. No base64 may end
    there. A mark that is a word (`test_`) must not be the second word of a name such as `cs_test_…`.
    """
    before = text[max(0, start - 24) : start]
    if not before or before[-1] not in _WORD:
        if before[-1:] in _JOINTS and text[start:end] in WORD_MARKS:
            name = before[:-1]
            return name[len(name.rstrip(_MARKS)) :] not in OBJECT_NAMES
        return before[-1:] not in (b"+", b"/") or _IN_BASE64.fullmatch(before) is None
    before = before[-6:]
    return before[-2:] in (b"\\n", b"\\r", b"\\t") or (
        before[-3:-2] == b"%" and all(digit in b"0123456789abcdefABCDEF" for digit in before[-2:])
    )


def _after_word(text: bytes, start: int) -> bool:
    """Whether a short word, and nothing else, is glued to the front of a mark: `bot` in `/botghp_…`."""
    before = text[max(0, start - _LONGEST_WORD - 1) : start]
    word = before[len(before.rstrip(_LETTERS)) :]
    if not word or len(word) > _LONGEST_WORD or (word[-1:].isupper() and text[start : start + 1].isupper()):
        return False
    return _at_boundary(text, start - len(word), start)


def _is_slug(tail: str) -> bool:
    """Return whether a tail is words and numbers with dashes or points between them, like a name for a thing."""
    parts = _JOINT.split(tail)
    return len(parts) >= _FEWEST_PARTS and all(map(_PART.fullmatch, parts)) and wordiness(tail) > _WORDS_OF_A_SLUG


def _machine_made(tail: str, *, mark: int, issued: bool) -> bool:
    """Return whether a tail looks machine-made. `mark`: its length. `issued`: whether the mark is the vendor's own."""
    if issued and mark >= _MARK_OF_FORMAT and len(set(tail)) == 1:  # made up, but in the right format
        return tail[0] not in _LEFT_OUT
    if issued and _is_slug(tail):
        return False
    unmistakable = mark >= _UNMISTAKABLE_MARK
    if issued and tail.count("-") >= _TYPED_GROUPS and counting(tail) > _MOST_COUNTING:
        return False
    digits = sum(map(str.isdigit, tail))
    dense = unmistakable or tail.isupper() or digits * 8 > len(tail)
    plain = digits <= 1 and not (digits and mark and tail.isupper())
    most = _WORDS_WITHOUT_DIGITS if plain else _WORDS_IN_PLAIN_SIGHT if dense else _WORDS_WITH_DIGITS
    return wordiness(tail) < most and not (is_placeholder(tail) or is_elided(tail) or repeats_a_group(tail))
