"""Proves at the speed of C that a value holds nothing to mask, which is so for nearly all of them.

Promise: wherever `Walk` would find something, this sees something and says no. It looks at the value's compact JSON: at
its keys by one pattern, at all its strings as one text. JSON inside strings is decoded and looked at in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import orjson

from audit_core.masking.budget import Budget
from audit_core.masking.cells import BETWEEN
from audit_core.masking.document import NAMES, OPTION, VALUES
from audit_core.masking.jsontext import find_documents
from audit_core.masking.keys import KeyInfo
from audit_core.masking.patterns import Pattern
from audit_core.masking.result import JsonValue, Unscannable
from audit_core.masking.scanner import Detector, scan

MAX_DEPTH = 24
_MOST_KNOWN = 8192
_LONGEST_KNOWN = 64
_KEY = re.compile(rb"\x00([^\x00]*+)\x00:")
_NAMED = re.compile(f'"(?:{"|".join(NAMES)})":"([^"\\\\]{{1,128}})"'.encode())
_OPTION = re.compile(f'"{OPTION}","'.encode())
_VALUE = re.compile(f'"(?:{"|".join(VALUES)})":'.encode())
_OPENERS = frozenset((b"{", b"[", b'"', b"\r", b"\n", b"\t", b" ", b"d"))
_NUMBERS = re.compile(rb"\[[0-9]{1,3}(?:,[0-9]{1,3}){7,}+\]")
_LATER_DOCUMENT = re.compile(rb"\n[ \t]*+(?:data:[ \t]*+)?[{\[]")


class Quick:
    """The check, with the rules that it checks for."""

    def __init__(
        self, classify: Callable[[str], KeyInfo], detectors: Sequence[Detector], allow: Sequence[Pattern] = ()
    ) -> None:
        self._classify = classify
        self._detectors = detectors
        self._allow = allow
        self._known: dict[bytes, bool] = {}

    def is_clean(self, value: JsonValue, within: Budget | None = None) -> bool:
        """Whether nothing in `value` can need masking. False only says that it must be looked at closely."""
        texts: list[bytes] = []
        try:
            data = orjson.dumps(value)
            if not self._gather(data, texts, 0, Budget(len(data), within=within)):
                return False
            del data
            text = b"\x00".join(texts)
            return not scan([text], self._detectors, Budget(len(text), within=within), self._allow)[0]
        except (TypeError, Unscannable):  # what orjson cannot write (lone surrogates, huge integers), or over a cap
            return False

    def _gather(self, data: bytes, texts: list[bytes], depth: int, documents: Budget) -> bool:
        """Collect the text of compact JSON and of the documents in its strings; False when a key is telling."""
        text = None if depth > MAX_DEPTH else _strings(data)
        if text is None or any(map(self._is_telling, set(_KEY.findall(text)))):
            return False
        if _VALUE.search(data) and any(map(self._is_telling, set(_NAMED.findall(data)))):
            return False
        if b'{"0":' in data or b'"kty":' in data:  # bytes in an object, which the walk takes for a list; a JSON Web Key
            return False
        if b'"-' in data and any(map(self._is_telling, set(_OPTION.findall(data)))):
            return False
        texts += [numbers[0].replace(b",", BETWEEN) for numbers in _NUMBERS.finditer(data)]
        strings = text.split(b"\x00")[1::2]
        openers = [index for index, string in enumerate(strings) if string[:1] in _OPENERS or b"\n" in string]
        for index in openers:
            string = strings[index]
            if string[:1] in _OPENERS or _LATER_DOCUMENT.search(string):
                at = 0
                rest: list[bytes] = []
                for start, end, document in find_documents(string):
                    documents.spend(2)
                    if not self._gather(orjson.dumps(document), texts, depth + 1, documents):
                        return False
                    rest.append(string[at:start])
                    at = end
                if at:
                    strings[index] = b"\x00".join((*rest, string[at:]))
        texts.append(b"\x00".join(strings))
        return True

    def _is_telling(self, key: bytes) -> bool:
        known = self._known.get(key)
        if known is None:
            known = self._classify(key.decode()).is_sensitive
            if len(self._known) < _MOST_KNOWN and len(key) <= _LONGEST_KNOWN:
                self._known[key] = known
        return known


def _strings(data: bytes) -> bytes | None:
    """Undo the escapes of compact JSON and put a NUL at both ends of each string; None where a string has controls."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"\x01").replace(b'\\"', b"\x02")
        if b"\\b" in data or b"\\f" in data or b"\\u" in data:
            return None
        data = data.replace(b"\\n", b"\n").replace(b"\\r", b"\r").replace(b"\\t", b"\t")
        return data.replace(b'"', b"\x00").replace(b"\x02", b'"').replace(b"\x01", b"\\")
    return data.replace(b'"', b"\x00")
